//! Another e-mail address, at "Mijn account", by somebody with fresh proof (F13). A code mailed to the new address comes back first,
//! in the same session. Nobody is told that another account has the address: its owner is mailed instead (F1). It ends every
//! session of the account, this one too, and both addresses are told.

use super::{
    Refused, Stop,
    account::{Guest, about, guest_since},
    logout::sign_out,
    single_logout::AtDigid,
};
use crate::{
    app::App,
    domain::{
        account_email::NewAddress,
        calendar::DAY,
        code::{CodeFor, SentCode, WrongCode, tidy},
        email::Email,
        fault::Fault,
        lang::Lang,
        own::OwnPage,
        secret::Secret,
        session::Session,
        time::Timestamp,
    },
    mail::letters::{self, Change},
    store::{account_email::AddressChange, ephemeral::Versioned, logins::Ration},
};

/// How many addresses an account may ask for in a day, before that is spaced: each is mailed.
const FREE: i64 = 10;
/// How many mails a mailbox gets in a day that strangers may ask for; of one count with those of registering.
const FREE_OF_MAILBOX: i64 = 30;
/// Seconds between two of them after that: it slows, it never locks.
const SPACED: i64 = 3600;

/// Why an address is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotAsked {
    /// It is none.
    NoAddress,
    /// It is the account's own already.
    Same,
    /// Many were asked for today: wait an hour.
    TooMany,
}

/// Why a code changes nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotConfirmed {
    /// It is wrong, or has ended.
    Wrong(WrongCode),
    /// Meanwhile another account got the address, which whoever reads its mail may know.
    Taken,
    /// Another request was first.
    Late,
}

/// Somebody whose new address waits for its code.
#[derive(Debug)]
pub struct Waiting {
    /// Who.
    pub guest: Guest,
    new: Versioned<NewAddress>,
}

impl Waiting {
    /// The address, as it was typed.
    pub fn to(&self) -> &Email {
        &self.new.value.to
    }

    /// What the mail is called.
    pub fn reference(&self) -> &str {
        &self.new.value.code.reference
    }
}

/// Whose address waits for its code in this session. The proof was fresh when it was asked for, and that is enough: the code ends.
pub async fn waiting(app: &App, session: Option<&Session>, now: Timestamp) -> Result<Option<Waiting>, Fault> {
    let Some(session) = session else { return Ok(None) };
    let Some(new) = app.store.new_address(&session.sid, now).await? else { return Ok(None) };
    let guest = guest_since(app, OwnPage::Email, Some(session.clone()), new.value.asked, now).await?;
    Ok(guest.map(|guest| Waiting { guest, new }))
}

/// Takes the address, and mails a code to it; or tells the owner of the account that has it. The same work, and the same answer.
pub async fn ask(
    app: &App,
    guest: &Guest,
    address: &str,
    lang: Lang,
    now: Timestamp,
) -> Result<(), Refused<NotAsked>> {
    let to = Email::parse(address).map_err(|_| Refused::Because(NotAsked::NoAddress))?;
    let Guest { account, session } = guest;
    if to.key() == Email::parse(&account.email)?.key() {
        return Err(Refused::Because(NotAsked::Same));
    }
    let owner = app.store.account_by_email(&to).await?;
    // Its code stands alone, as when an account is made: it is as long.
    let code = CodeFor::Register.draw();
    let hash = app.store.address_code_hash(&session.sid, &to, &code);
    // Mail about an account goes to the address that was proven, not to a look-alike that somebody typed.
    let mailed = owner.as_ref().map_or_else(|| Ok(to.clone()), |owner| Email::parse(&owner.email))?;
    let about = about(mailed, lang, now);
    let (hash, letter) = match owner {
        None => (hash, letters::address_code(&about, &code)),
        Some(_) => (Vec::new(), letters::address_taken(&about)),
    };
    let (mailbox, reference) = (to.mailbox(), about.reference);
    let new = NewAddress { to, asked: now, code: SentCode::first(hash, reference, now) };
    let of_account = Ration {
        whom: account.id.as_str(),
        free: ("address", FREE, DAY),
        spaced: ("address-spaced", SPACED),
    };
    let of_mailbox = Ration {
        whom: &mailbox,
        free: ("mail-register", FREE_OF_MAILBOX, DAY),
        spaced: ("mail-register-spaced", SPACED),
    };
    let whose = (account, &session.sid);
    if !app.store.begin_new_address(whose, &new, [of_account, of_mailbox], now).await? {
        return Err(Refused::Because(NotAsked::TooMany));
    }
    app.mailer.send_unasked(letter).map_err(|_| Refused::Stopped(Stop::Busy))
}

/// Tries the code; when right, the account has the new address, and signs out everywhere. Gives what is left at DigiD.
pub async fn confirm(
    app: &App,
    waiting: Waiting,
    typed: &Secret,
    browser: Option<&Secret>,
    lang: Lang,
    now: Timestamp,
) -> Result<AtDigid, Refused<NotConfirmed>> {
    let Waiting { guest, mut new } = waiting;
    let (account, session) = (&guest.account, &guest.session);
    let whose = (account, &session.sid);
    let offered = app.store.address_code_hash(&session.sid, &new.value.to, &tidy(typed.expose()));
    if let Err(wrong) = new.value.code.attempt(&offered, now) {
        // Of a swarm of guesses that read it at once, one counts and is answered.
        let counted = app.store.wrong_address_code(whose, &new, now).await?;
        let why = if counted { NotConfirmed::Wrong(wrong) } else { NotConfirmed::Late };
        return Err(Refused::Because(why));
    }
    match app.store.change_address(whose, &new, now).await? {
        AddressChange::Done => {}
        AddressChange::Late => return Err(Refused::Because(NotConfirmed::Late)),
        AddressChange::Taken => return Err(Refused::Because(NotConfirmed::Taken)),
    }
    let older = about(Email::parse(&account.email)?, lang, now);
    app.mailer.tell(letters::changed(&older, Change::AddressLeft));
    app.mailer.tell(letters::changed(&about(new.value.to, lang, now), Change::AddressCame));
    Ok(sign_out(app, Some(session), browser, now).await?)
}
