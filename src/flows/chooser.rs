//! For whom the user acts, where the portal's request says so (`act_as`): one person, or whom the user chooses (M7, M12,
//! `docs/adr/0033`). It is asked of a session at the level that acting for somebody needs, and belongs to the grant that comes of
//! it: another request of the same session may be for somebody else.

use std::collections::HashMap;

use super::{
    Held, Stop,
    act_as::people,
    client_consent::{is_needed, stale, still_answers},
    finish, logins,
};
use crate::{
    app::App,
    domain::{
        ask::{ActFor, Ask},
        birth::BirthDate,
        client::Client,
        fault::Fault,
        id::{LoginId, PersonId},
        login::{AsksForWhom, Login},
        session::Session,
        time::Timestamp,
    },
    oidc::{error::Error, oxide, response_mode::AuthorizationResponse},
    store::{audit::Event, logins::Ending, persons::Person},
};

/// One answer about everybody for whom the user may not act, known or not, so that nobody hears why (M9).
pub(super) const NOT_FOR_THEM: &str = "the user may not act for this person now";

/// The most lines about that of one user in so many seconds: an hour.
const LINES: i64 = 30;
const WINDOW: i64 = 3600;

/// What is left before a session answers a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Left {
    /// Nothing.
    Nothing,
    /// For whom.
    ForWhom,
    /// Whether the portal may know.
    Consent,
    /// The user may not act for whom the portal wants.
    Refused,
}

/// Settles for whom the answer is, as far as the request says so, and tells what is left. Who may act for nobody is not asked: it is
/// for themselves. The session is at the level that this takes (`Ask::raise`).
pub(super) async fn left(
    app: &App,
    client: &Client,
    ask: &mut Ask,
    session: &Session,
    now: Timestamp,
) -> Result<Left, Fault> {
    match &ask.act_as {
        None => {}
        Some(ActFor::One(_)) => {
            // A portal of somebody else may not hear from the answer whom the user acts for: first what it may know.
            let left = settled(app, client, ask, session).await?;
            if left == Left::Nothing && !named(app, client, ask, session, now).await? {
                return Ok(Left::Refused);
            }
            return Ok(left);
        }
        Some(ActFor::Choose) => {
            if !people(&app.store, session, app.config.mandate_level, now).await?.is_empty() {
                return Ok(Left::ForWhom);
            }
            ask.chosen = Some(session.person.clone());
        }
    }
    settled(app, client, ask, session).await
}

/// Settles for whom the answer is where the request names them; `false` when the user may not act for them.
pub(super) async fn named(
    app: &App,
    client: &Client,
    ask: &mut Ask,
    session: &Session,
    now: Timestamp,
) -> Result<bool, Fault> {
    if let Some(ActFor::One(sub)) = &ask.act_as {
        ask.chosen = person(app, client, session, sub, now).await?;
        return Ok(ask.chosen.is_some());
    }
    Ok(true)
}

/// What is left where nobody asks for whom any more.
pub(super) async fn settled(app: &App, client: &Client, ask: &Ask, session: &Session) -> Result<Left, Fault> {
    let consent = is_needed(&app.store, client, ask, &session.account).await?;
    Ok(if consent { Left::Consent } else { Left::Nothing })
}

/// The person whom `client` knows as `sub`, also by an older name, if the user of `session` may act for them now; otherwise there is
/// a line in the log. The same is looked up whoever it is.
async fn person(
    app: &App,
    client: &Client,
    session: &Session,
    sub: &str,
    now: Timestamp,
) -> Result<Option<PersonId>, Fault> {
    let found = app.store.person_of_subject(&client.sector, sub).await?;
    let may = people(&app.store, session, app.config.mandate_level, now).await?;
    if let Some(person) = may.into_iter().find(|person| Some(person) == found.as_ref()) {
        return Ok(Some(person));
    }
    // Any page can send the user's browser here with any name.
    if app.store.bump("act_as", session.person.as_str(), WINDOW, now).await? <= LINES {
        app.store.audit(&refused(&session.person, found.as_ref(), client, None), now).await?;
    }
    Ok(None)
}

/// The line in the log about somebody for whom the user may not act. It does not say why: it stands in the user's own log (M9).
pub(super) fn refused<'a>(
    user: &'a PersonId,
    person: Option<&'a PersonId>,
    client: &'a Client,
    detail: Option<&'a str>,
) -> Event<'a> {
    let (actor, represented) = (Some(user.as_str()), person.map(PersonId::as_str));
    let client = Some(client.id.as_str());
    Event { event: "act_as", outcome: "refused", actor, represented, client, detail, ..Event::default() }
}

/// Somebody who can be chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// As the portal knows them.
    pub sub: String,
    /// As the desk knows them; empty where it does not.
    pub name: String,
    /// The year in which they were born; their date of birth where another has this name and year too.
    pub born: String,
}

/// For whom the owner of the session may log in besides themselves, by name; otherwise what the portal hears. Shown to the owner of
/// that session only: whoever signed out meanwhile sees no names.
pub async fn candidates(
    app: &App,
    held: &Held<AsksForWhom>,
    session: Option<&Session>,
    now: Timestamp,
) -> Result<Result<Vec<Candidate>, Error>, Fault> {
    let Some(session) = still_answers(app, held, session, now).await? else {
        return Ok(Err(stale(app, held, now).await?));
    };
    let client = finish::client(app, &held.login.ask).await?;
    let mut found = Vec::new();
    for person in people(&app.store, session, app.config.mandate_level, now).await? {
        // Without a date of birth there is no mandate that counts (M3).
        let Some(Person { id, name, birth: Some(birth), .. }) = app.store.person(&person).await? else {
            continue;
        };
        let sub = app.store.subject_for(&client.sector, &id, now).await?;
        found.push((Candidate { sub, name, born: birth.year().to_string() }, birth));
    }
    found.sort_by(|(a, _), (b, _)| (&a.name, &a.born, &a.sub).cmp(&(&b.name, &b.born, &b.sub)));
    let people: Vec<_> = found.iter().map(|(one, birth)| (one.name.as_str(), *birth)).collect();
    let born = told_apart(&people);
    let told = found.into_iter().zip(born).map(|((one, _), born)| Candidate { born, ..one });
    Ok(Ok(told.collect()))
}

/// What stands beside the name of each, in their order: the year in which they were born; their date of birth where another has this
/// name and year too.
pub(super) fn told_apart(people: &[(&str, BirthDate)]) -> Vec<String> {
    let mut counts = HashMap::<(&str, i32), usize>::new();
    for (name, birth) in people {
        *counts.entry((name, birth.year())).or_default() += 1;
    }
    let told = people.iter().map(|(name, birth)| {
        let alike = counts.get(&(*name, birth.year())).is_some_and(|count| *count > 1);
        if alike { birth.to_string() } else { birth.year().to_string() }
    });
    told.collect()
}

/// Whom the user chose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Choice {
    /// "Voor mijzelf".
    Oneself,
    /// A person, as the portal knows them.
    One(String),
}

/// What came of a choice.
#[derive(Debug)]
pub enum Chose {
    /// The portal hears this.
    Answered(AuthorizationResponse),
    /// The session that was to answer has ended: the portal hears so.
    Stale(Error),
    /// What the portal may know is asked next.
    Asked(LoginId),
    /// The user may not act for them, or no longer: ask again.
    NotThem(Held<AsksForWhom>),
}

/// "Verder": the portal is answered for whom the user chose, once.
pub async fn choose(
    app: &App,
    held: Held<AsksForWhom>,
    session: Option<&Session>,
    choice: &Choice,
    now: Timestamp,
) -> Result<Chose, Stop> {
    let Some(session) = still_answers(app, &held, session, now).await? else {
        return Ok(Chose::Stale(stale(app, &held, now).await?));
    };
    let client = finish::client(app, &held.login.ask).await?;
    let chosen = match choice {
        Choice::Oneself => session.person.clone(),
        Choice::One(sub) => match person(app, &client, session, sub, now).await? {
            Some(person) => person,
            None => return Ok(Chose::NotThem(held)),
        },
    };
    let other = (chosen != session.person).then(|| chosen.clone());
    let (actor, represented) = (Some(session.person.as_str()), other.as_ref().map(PersonId::as_str));
    let client_id = Some(client.id.as_str());
    let event =
        Event { event: "act_as", outcome: "ok", actor, represented, client: client_id, ..Event::default() };
    let held = held.to(|login| login.chose(chosen));
    if settled(app, &client, &held.login.ask, session).await? == Left::Consent {
        let moved = logins::save_noted(app, held.to(Login::then_consent), &event, now).await?;
        return Ok(Chose::Asked(moved.login.id.clone()));
    }
    let (login, version) = held.open();
    let (code, good_for) = oxide::draw(&app.store, &client, &login.ask, session, now)?;
    let pushed = login.ask.pushed.as_deref();
    let ending = Ending { pushed, ..version.ending(&login.id, None, event, vec![good_for]) };
    logins::finish(app, &ending, now).await?;
    Ok(Chose::Answered(finish::back(app, &login.ask, &code)))
}
