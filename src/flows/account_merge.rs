//! "Twee accounts samenvoegen" (F12): somebody who has just proven one account logs in to the other in the same browser, sees what will
//! happen, and presses once. Each proof is one that lets its owner in: DigiD for the one, password and code (or the app's) for the other.

use super::{
    Stop,
    account::{Guest, about},
    logins,
    logout::sign_out,
    single_logout::AtDigid,
};
use crate::{
    app::App,
    domain::{
        assurance::Level,
        email::Email,
        fault::Fault,
        id::LoginId,
        link::{Known, NotLinked, may_link},
        login::Login,
        merge::{FirstProof, NotMerged, Side, fit},
        own::OwnPage,
        secret::Secret,
        session::Session,
        time::Timestamp,
    },
    mail::letters::{self, Change},
    oidc::authorize::own,
    store::{accounts::Account, audit::Event, ephemeral::Versioned, merge::Pair},
};

/// Where somebody stands.
#[derive(Debug)]
pub enum Merging {
    /// DigiD comes first, and then the other account, without it.
    Begins {
        /// Whether DigiD is next.
        by_digid: bool,
    },
    /// This account takes DigiD, which is not in use here.
    NoDigid,
    /// Both were proven, and stay two.
    Refused(NotMerged),
    /// Both were proven, and can be one.
    Ready(Box<Both>),
}

/// Two accounts that were both proven.
#[derive(Debug)]
pub struct Both {
    /// The one that goes.
    pub goes: Account,
    /// The one that remains.
    pub remains: Account,
    proof: Versioned<FirstProof>,
}

impl Both {
    const fn pair(&self) -> Pair<'_> {
        Pair { goes: &self.goes, remains: &self.remains }
    }
}

/// Where this guest stands.
pub async fn merging(app: &App, guest: &Guest, now: Timestamp) -> Result<Merging, Fault> {
    let both = match both(app, guest, now).await? {
        None if !guest.account.has_digid() && app.digid.is_none() => return Ok(Merging::NoDigid),
        None => return Ok(Merging::Begins { by_digid: !guest.account.has_digid() }),
        Some(Err(why)) => return Ok(Merging::Refused(why)),
        Some(Ok(both)) => both,
    };
    Ok(match app.store.may_merge(both.pair(), allows(now)).await? {
        Ok(()) => Merging::Ready(Box::new(both)),
        Err(why) => Merging::Refused(why),
    })
}

/// The rule of F9: what keeps a DigiD from an account keeps an account with it from that account.
fn allows(
    now: Timestamp,
) -> impl FnOnce(Option<crate::domain::birth::BirthDate>, Known) -> Result<(), NotLinked> {
    move |owner, known| may_link(owner, known, now)
}

/// The two accounts; `None` where no other was proven before this session.
async fn both(app: &App, guest: &Guest, now: Timestamp) -> Result<Option<Result<Both, NotMerged>>, Fault> {
    let Guest { session, account } = guest;
    let Some(proof) = app.store.proven_first(&session.sid, now).await? else { return Ok(None) };
    let Some(first) = app.store.still_open(&proof.value.opening).await? else {
        return Ok(Some(Err(NotMerged::Late)));
    };
    let fits = fit(side(&first, proof.value.level), side(account, session.level));
    Ok(Some(fits.map(|()| Both { goes: first, remains: account.clone(), proof })))
}

/// One of the two, as it was proven.
fn side(account: &Account, level: Level) -> Side<'_> {
    Side { account: &account.id, has_digid: account.has_digid(), level }
}

/// Begins the login to the other account, in this browser. What DigiD proved of this one goes with it.
pub async fn prove_other(
    app: &App,
    guest: &Guest,
    browser: &Secret,
    now: Timestamp,
) -> Result<LoginId, Stop> {
    let first = FirstProof::of(&guest.session);
    let level = if first.is_some() { Level::Local } else { Level::Midden };
    let ask = own(app.config.issuer(), OwnPage::Merge, level, true);
    let login = Login { first, ..Login::start(ask, browser.hashed(), now) };
    Ok(logins::begin(app, login).await?.login.id)
}

/// What was proven first, where the login leads to the page that asks for it and the browser still has the session in which it was.
pub(super) fn proven_before<'l, S>(login: &'l Login<S>, older: Option<&Session>) -> Option<&'l FirstProof> {
    let first = login.first.as_ref().filter(|_| login.ask.own_page() == Some(OwnPage::Merge))?;
    older.is_some_and(|older| older.sid == first.sid).then_some(first)
}

/// Makes the two one, tells both addresses, and signs out everywhere. Gives what is left at DigiD; `None` when nothing was done, which
/// the page says anew.
pub async fn merge(
    app: &App,
    guest: &Guest,
    browser: Option<&Secret>,
    now: Timestamp,
) -> Result<Option<AtDigid>, Stop> {
    let both = match both(app, guest, now).await? {
        Some(Ok(both)) => both,
        Some(Err(why)) => return refused(app, guest, why, now).await,
        None => return Ok(None),
    };
    let proof = (&guest.session.sid, &both.proof);
    if let Err(why) = app.store.merge_accounts(both.pair(), proof, allows(now), now).await? {
        return refused(app, guest, why, now).await;
    }
    let (gone, kept) = (Email::parse(&both.goes.email)?, Email::parse(&both.remains.email)?);
    app.mailer.tell(letters::changed(&about(gone, both.goes.lang, now), Change::MergedAway));
    app.mailer.tell(letters::changed(&about(kept, both.remains.lang, now), Change::Merged));
    Ok(Some(sign_out(app, Some(&guest.session), browser, now).await?))
}

/// A line of who pressed in vain; of one who was too late there is another one.
async fn refused(app: &App, guest: &Guest, why: NotMerged, now: Timestamp) -> Result<Option<AtDigid>, Stop> {
    if why != NotMerged::Late {
        let (actor, detail) = (Some(guest.account.person.as_str()), Some(why.as_str()));
        let event = Event { event: "account.merged", outcome: "refused", actor, detail, ..Event::default() };
        app.store.audit(&event, now).await?;
    }
    Ok(None)
}
