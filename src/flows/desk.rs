//! The desk's door, and who may do what behind it (`docs/adr/0041`): a login with a password and a code of the authenticator app, an account
//! that two made a member, and a role that opens the act. All three are looked at with each request.

use super::{
    Stop,
    account::{Guest, owner},
    finish, logins,
};
use crate::{
    app::App,
    domain::{
        ask::Ask,
        assurance::Level,
        bsn::Bsn,
        fault::Fault,
        four_eyes::is_second,
        id::{AccountId, LoginId, PersonId},
        line::{member_of, program_of},
        login::Login,
        own::OwnPage,
        patient_number::PatientNumber,
        secret::Secret,
        session::Session,
        staff::{Act, Member},
        ties::{Tie, Ties},
        time::Timestamp,
        working_days::overdue,
    },
    oidc::authorize::own,
    store::{Store, audit::Event, desk_queue::AskedOf, persons::Person},
};

/// How many searches an hour are free, and in how many seconds: nobody at a desk types more.
const FREE: (i64, i64) = (200, 3600);
/// Seconds between two searches after that.
const SPACED: i64 = 60;
/// How many refusals of one account an hour leave a line in the log.
const REFUSALS: (i64, i64) = (10, 3600);
/// What the log says of who wanted to look at what is about themselves or their people.
const OWN_PEOPLE: &str = "own_people";

/// Who is in at the desk.
#[derive(Debug)]
pub struct AtDesk {
    /// Their session and account.
    pub guest: Guest,
    /// What they are here.
    pub member: Member,
    /// With whom they have to do themselves.
    pub ties: Ties,
}

impl AtDesk {
    /// The member, and with whom they have to do.
    pub const fn who(&self) -> (&Member, &Ties) {
        (&self.member, &self.ties)
    }
}

/// What came of asking for the desk.
#[derive(Debug)]
pub enum Entered {
    /// They may do it.
    In(Box<AtDesk>),
    /// They are logged in with less than a code of an app.
    NoApp {
        /// Whether they have an app, and need but log in with it.
        has_app: bool,
    },
    /// They may not do this, or are nobody here. They are not told which.
    Denied,
    /// They must log in, or again.
    LogIn,
}

/// Whether the owner of a session may do `act`; without one, whether they work at the desk.
pub async fn admit(
    app: &App,
    act: Option<Act>,
    session: Option<Session>,
    now: Timestamp,
) -> Result<Entered, Fault> {
    let Some((session, account)) = owner(app, session).await? else { return Ok(Entered::LogIn) };
    if !finish::may_enter(&app.store, &session.person, now).await? {
        return Ok(Entered::Denied);
    }
    if !session.by_app || account.app.is_none() {
        return Ok(Entered::NoApp { has_app: account.app.is_some() });
    }
    let Some(member) = app.store.member(&account.id).await? else { return Ok(Entered::Denied) };
    if let Some(act) = act.filter(|act| !member.roles.open(*act)) {
        refuse(app, &member, (act.as_str(), None), now).await?;
        return Ok(Entered::Denied);
    }
    let guest = Guest { session, account };
    if act.is_some_and(|act| act.page().is_sensitive()) && !guest.session.is_fresh(Level::Local, now) {
        return Ok(Entered::LogIn);
    }
    let ties = app.store.ties(&guest.account.person).await?;
    Ok(Entered::In(Box::new(AtDesk { guest, member, ties })))
}

/// Begins the login that leads to the desk: anew for somebody who is logged in, with the account that they have.
pub async fn log_in(
    app: &App,
    page: OwnPage,
    session: Option<Session>,
    browser: &Secret,
    now: Timestamp,
) -> Result<LoginId, Stop> {
    let known = owner(app, session).await?;
    let ask = own(app.config.issuer(), page, Level::Local, known.is_some());
    let login = match known {
        Some((_, account)) => {
            let ask = Ask { login_hint: Some(account.email), ..ask };
            Login::start(ask, browser.hashed(), now).keeping(account.id)
        }
        None => Login::start(ask, browser.hashed(), now),
    };
    Ok(logins::begin(app, login).await?.login.id)
}

/// Leaves a line of what a member may not do, or not of that person; of one who tries on and on, a bounded number.
async fn refuse(
    app: &App,
    member: &Member,
    (what, person): (&str, Option<&str>),
    now: Timestamp,
) -> Result<(), Fault> {
    let (most, window) = REFUSALS;
    if app.store.bump("desk-refused", member.account.as_str(), window, now).await? > most {
        return Ok(());
    }
    let name = member.name();
    let refused = Event {
        outcome: "refused",
        represented: person,
        detail: Some(what),
        ..Event::by("desk.refused", &name)
    };
    app.store.audit(&refused, now).await
}

/// Whether a member must keep out of what is about these people, the first of them whose file it is; with a line in the log if so.
pub async fn keeps_out(
    app: &App,
    (member, ties): (&Member, &Ties),
    people: &[&PersonId],
    now: Timestamp,
) -> Result<Option<Tie>, Fault> {
    let names: Vec<&str> = people.iter().map(|person| person.as_str()).collect();
    let tie = ties.of(&names);
    if tie.is_some() {
        refuse(app, member, (OWN_PEOPLE, names.first().copied()), now).await?;
    }
    Ok(tie)
}

/// By what somebody is looked for: exactly, and one at a time.
#[derive(Debug)]
pub enum Wanted {
    /// The BSN.
    Bsn(Bsn),
    /// The patient number.
    Number(PatientNumber),
}

/// Too many searches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooMany;

/// Counts a search by a member, or another act whose answer tells whether somebody has a number.
pub async fn count(app: &App, member: &Member, now: Timestamp) -> Result<Result<(), TooMany>, Fault> {
    let (store, whom, (free, window)) = (&app.store, member.account.as_str(), FREE);
    let slow = store.bump("desk-search", whom, window, now).await? > free
        && store.bump("desk-search-spaced", whom, SPACED, now).await? > 1;
    Ok(if slow { Err(TooMany) } else { Ok(()) })
}

/// What a search brings.
#[derive(Debug)]
pub enum Found {
    /// Nobody has that number, or nobody of whom the member may be told.
    Nobody,
    /// Somebody.
    One(Box<Person>),
    /// The member, or somebody they act or acted for.
    Theirs,
}

/// Looks somebody up, with a line in the log whoever is found. Past very many in an hour one a minute is left: it slows, and never stops.
pub async fn find(
    app: &App,
    (member, ties): (&Member, &Ties),
    wanted: &Wanted,
    now: Timestamp,
) -> Result<Result<Found, TooMany>, Fault> {
    if let Err(many) = count(app, member, now).await? {
        return Ok(Err(many));
    }
    look(app, (member, ties), wanted, now).await.map(Ok)
}

/// The same within an act that was counted: a form that takes several looks is one.
pub async fn look(
    app: &App,
    (member, ties): (&Member, &Ties),
    wanted: &Wanted,
    now: Timestamp,
) -> Result<Found, Fault> {
    let (store, by) = (&app.store, member.name());
    let found = match wanted {
        Wanted::Bsn(bsn) => store.find_person(bsn, Some(&by), now).await?,
        Wanted::Number(number) => store.find_patient(number, &by, now).await?,
    };
    let Some(person) = found else { return Ok(Found::Nobody) };
    Ok(match keeps_out(app, (member, ties), &[&person.id], now).await? {
        None => Found::One(Box::new(person)),
        Some(Tie::Theirs) => Found::Theirs,
        Some(Tie::KeptOut) => Found::Nobody,
    })
}

/// How much waits for a second pair of eyes past the end of the next working day, and how much waits at all, as the queue shows it to a
/// member (M9, M10).
pub async fn waiting(app: &App, at: &AtDesk, now: Timestamp) -> Result<(usize, usize), Fault> {
    let (store, member) = (&app.store, &at.member);
    let theirs = store.mandates_of_ties(&at.guest.account.person).await?;
    let mut asked = store.waiting_since(&theirs, now).await?;
    for one in store.others_waiting(now).await? {
        let is_shown = match &one.of {
            AskedOf::Basis(mandate) => member.roles.open(Act::Approve) && !theirs.contains(mandate),
            AskedOf::Correction(person, other) => {
                let other = other.as_ref().map_or("", PersonId::as_str);
                member.roles.open(Act::Correct) && at.ties.of(&[person.as_str(), other]).is_none()
            }
        };
        if is_shown && is_second(&one.asked.by, &member.name()) {
            asked.push(one.asked.at);
        }
    }
    let waiting = asked.len();
    Ok((overdue(asked, now), waiting))
}

/// Somebody who did something, as colleagues know them: the address of a member's account, and what else stands in the log.
pub async fn shown(store: &Store, name: &str) -> Result<String, Fault> {
    let Some(account) = member_of(name) else { return Ok(program_of(name).unwrap_or(name).to_owned()) };
    let account = store.account(&AccountId::from_stored(account)).await?;
    Ok(account.map_or_else(|| name.to_owned(), |account| account.email))
}
