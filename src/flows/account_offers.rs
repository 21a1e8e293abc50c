//! A grant that two people make online at "Machtigingen" (M5, M6, `docs/adr/0048`). Who is in is the grantor, or the grantee: a session is
//! never another's. Offering, taking, agreeing and confirming take a login of just now at the level of mandates; saying no takes their session.

use super::account::{Guest, about};
use crate::{
    app::App,
    domain::{
        calendar::DAY,
        code::{draw_long, tidy},
        email::Email,
        fault::Fault,
        id::MandateId,
        line::one_line,
        mandate::offer::{CannotGrant, may_grant, may_hold, may_last},
        secret::Secret,
        time::Timestamp,
    },
    mail::letters,
    store::{audit::Event, mandates::offers::Offer},
};

/// How many offers somebody makes a day, at most.
const A_DAY: i64 = 10;
/// How many codes somebody tries an hour, at most. Beside 45 bits of each code that is nothing; it bounds what is written.
const TRIES: i64 = 10;
const HOUR: i64 = 3600;

/// What "Machtigingen" shows of them.
#[derive(Debug)]
pub struct Offers {
    /// Why the reader cannot give access online, if they cannot.
    pub cannot: Option<CannotGrant>,
    /// Whether they may be given access.
    pub may_hold: bool,
    /// What they offer of their own record.
    pub made: Vec<Offer>,
    /// What others offer them.
    pub taken: Vec<Offer>,
}

/// Why nothing was offered, taken or given. Nothing was stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Not {
    /// The label is none.
    Label,
    /// So long a grant may not last.
    Days,
    /// They, or the other, may not.
    May,
    /// Too often, or too many.
    Often,
    /// That is no code, or none any more.
    Code,
    /// Over, or changed since the page was made.
    Over,
    /// One of the two has as many mandates as may be.
    Full,
}

/// What somebody is shown.
pub async fn offers(app: &App, guest: &Guest, now: Timestamp) -> Result<Offers, Fault> {
    let own = &guest.session.person;
    Ok(Offers {
        cannot: cannot(app, guest, now).await?,
        may_hold: holds(app, guest, now).await?,
        made: app.store.offers_made(own, now).await?,
        taken: app.store.offers_taken(own, now).await?,
    })
}

async fn cannot(app: &App, guest: &Guest, now: Timestamp) -> Result<Option<CannotGrant>, Fault> {
    let own = &guest.session.person;
    let born = app.store.person(own).await?.and_then(|person| person.birth);
    let given = app.store.mandates_given(own, now).await?;
    Ok(may_grant(born, given.iter().map(|listed| &listed.mandate), now).err())
}

async fn holds(app: &App, guest: &Guest, now: Timestamp) -> Result<bool, Fault> {
    let born = app.store.person(&guest.session.person).await?.and_then(|person| person.birth);
    Ok(may_hold(born, now))
}

/// Offers access to one's own record to whoever is handed the code, which is told this once.
pub async fn offer(
    app: &App,
    guest: &Guest,
    (label, days): (&str, i64),
    now: Timestamp,
) -> Result<Result<Secret, Not>, Fault> {
    let own = &guest.session.person;
    if cannot(app, guest, now).await?.is_some() {
        return Ok(Err(Not::May));
    }
    let Ok(label) = one_line(label) else { return Ok(Err(Not::Label)) };
    if !may_last(days) {
        return Ok(Err(Not::Days));
    }
    if app.store.bump("offer", own.as_str(), DAY, now).await? > A_DAY {
        return Ok(Err(Not::Often));
    }
    let code = draw_long();
    let stored = app.store.offer(own, (&label, days), &code, now).await?;
    Ok(if stored { Ok(code) } else { Err(Not::Often) })
}

/// Somebody types the code that was handed to them, and is asked.
pub async fn take(
    app: &App,
    guest: &Guest,
    typed: &Secret,
    now: Timestamp,
) -> Result<Result<(), Not>, Fault> {
    let own = &guest.session.person;
    if !holds(app, guest, now).await? {
        return Ok(Err(Not::May));
    }
    let tries = app.store.bump("offer_code", own.as_str(), HOUR, now).await?;
    if tries > TRIES {
        if tries == TRIES + 1 {
            let actor = Some(own.as_str());
            let event = Event { event: "mandate.accepted", outcome: "refused", actor, ..Event::default() };
            app.store.audit(&event, now).await?;
        }
        return Ok(Err(Not::Often));
    }
    let taken = app.store.take_offer(own, &tidy(typed.expose()), now).await?;
    Ok(if taken { Ok(()) } else { Err(Not::Code) })
}

/// Who typed the code says yes. The grantor is mailed that somebody did, and not who: they look who it is, and confirm.
pub async fn accept(
    app: &App,
    guest: &Guest,
    id: &MandateId,
    now: Timestamp,
) -> Result<Result<(), Not>, Fault> {
    if !holds(app, guest, now).await? {
        return Ok(Err(Not::May));
    }
    let Some(grantor) = app.store.accept_offer(id, &guest.session.person, now).await? else {
        return Ok(Err(Not::Over));
    };
    if let Some(account) = app.store.account_of_person(&grantor).await? {
        let about = about(Email::parse(&account.email)?, account.lang, now);
        app.mailer.tell(letters::offer_accepted(&about));
    }
    Ok(Ok(()))
}

/// The grantor saw who it is, and gives access. What both are is asked again: days have passed.
pub async fn confirm(
    app: &App,
    guest: &Guest,
    id: &MandateId,
    now: Timestamp,
) -> Result<Result<(), Not>, Fault> {
    let own = &guest.session.person;
    if cannot(app, guest, now).await?.is_some() {
        return Ok(Err(Not::May));
    }
    let made = app.store.offers_made(own, now).await?;
    let one = made.into_iter().find(|one| one.id == *id && one.accepted);
    let Some(other) = one.and_then(|one| one.other) else { return Ok(Err(Not::Over)) };
    let born = app.store.person(&other.person).await?.and_then(|person| person.birth);
    if !may_hold(born, now) {
        return Ok(Err(Not::May));
    }
    Ok(match app.store.confirm_offer(id, (own, &other.person), now).await? {
        Some(Ok(())) => Ok(()),
        Some(Err(_)) => Err(Not::Full),
        None => Err(Not::Over),
    })
}

/// Either of the two says no, before or after the other's yes.
pub async fn decline(app: &App, guest: &Guest, id: &MandateId, now: Timestamp) -> Result<(), Fault> {
    app.store.end_offer(id, &guest.session.person, now).await
}
