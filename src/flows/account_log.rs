//! "Wie heeft iets gewijzigd" (section 5 of the design): what somebody did with their account and mandates, and what others did. Never
//! a block (M9). Of mandates only at the level that these need (M7). Which events are shown stands in the table of `domain::audit`, with the
//! reason of each that is not; the word of a child stands in that child's log only, as that of who said it and of whom it is about.

use std::collections::BTreeMap;

use super::account::Guest;
use crate::{
    app::App,
    domain::{
        audit::{InOwnLog, Role, shown, told_as},
        client_consent::host_in,
        fault::Fault,
        id::{AccountId, PersonId},
        line::{member_of, program_of},
        staff::Roles,
        time::Timestamp,
    },
    store::{
        audit::{Line, Place, own::OwnLine},
        staff::Work,
    },
};

/// How many lines a page has.
const LINES: usize = 50;

/// Who did it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Who {
    /// Whose log it is.
    Oneself,
    /// Somebody else, as the desk calls them; empty where it does not.
    Person(String),
    /// A member of staff, by a command, or of whom it is not known any more as what they worked.
    Staff,
    /// A member of staff at the desk: as what they worked then, and never who they are.
    Member(Roles, String),
    /// A program, by its name.
    Program(String),
    /// Nobody: it follows from what somebody else did.
    System,
    /// Nobody who is known.
    Unknown,
}

/// A line, as its person is shown it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// When.
    pub at: Timestamp,
    /// What: the word of the event, of what was said, or of what was refused.
    pub what: String,
    /// Who did it.
    pub who: Who,
    /// For whom, where that is somebody else and the page may tell it.
    pub whom: Option<String>,
    /// At which portal, where it is still known.
    pub portal: Option<String>,
    /// At which host of it, where they agreed to something there.
    pub host: Option<String>,
}

/// A page of the log.
#[derive(Debug)]
pub struct LogPage {
    /// The lines, newest first.
    pub lines: Vec<Told>,
    /// Where the next page begins.
    pub older: Option<Place>,
    /// Whether mandates are left out, because the session is below their level.
    pub without_mandates: bool,
}

/// A page of the log of who is in, older than `before`.
pub async fn page(app: &App, guest: &Guest, before: Option<Place>) -> Result<LogPage, Fault> {
    let without_mandates = guest.session.level < app.config.mandate_level;
    let mut events: Vec<&str> = shown(InOwnLog::OfAccount).collect();
    if !without_mandates {
        events.extend(shown(InOwnLog::OfMandates));
    }
    let (own, older) = app.store.own_lines(&guest.session.person, &events, before, LINES).await?;
    let mut names = Names { app, people: BTreeMap::new(), clients: BTreeMap::new(), work: BTreeMap::new() };
    let mut lines = Vec::with_capacity(own.len());
    // A session for a child by the word of the register (M14) names the parent: that is of mandates, too.
    let is_of_another = |one: &OwnLine| !one.by_them && one.line.role == Role::Representative.word();
    for one in own.into_iter().filter(|one| !(without_mandates && is_of_another(one))) {
        lines.push(names.told(one, &guest.session.person, without_mandates).await?);
    }
    Ok(LogPage { lines, older, without_mandates })
}

/// What people and clients are called; each is looked up once a page.
struct Names<'a> {
    app: &'a App,
    people: BTreeMap<String, String>,
    clients: BTreeMap<String, Option<String>>,
    work: BTreeMap<String, Vec<Work>>,
}

impl Names<'_> {
    async fn told(
        &mut self,
        OwnLine { line, by_them }: OwnLine,
        own: &PersonId,
        without_mandates: bool,
    ) -> Result<Told, Fault> {
        let who = if by_them { Who::Oneself } else { self.who(&line).await? };
        let whom = line.represented.as_deref().filter(|person| by_them && *person != own.as_str());
        let whom = match whom.filter(|_| !without_mandates) {
            Some(person) => Some(self.person(person).await?).filter(|name| !name.is_empty()),
            None => None,
        };
        let portal = match line.client.as_deref() {
            Some(client) if !matches!(who, Who::Program(_)) => self.client(client).await?,
            _ => None,
        };
        let is_said = matches!(line.event.as_str(), "mandate.answered" | "mandate.consent");
        let what = if is_said {
            format!("mandate.{}", line.outcome)
        } else {
            told_as(&line.event, &line.outcome).to_owned()
        };
        let agreed = line.detail.as_deref().filter(|_| line.event == "consent.given");
        let host = agreed.and_then(host_in).map(str::to_owned);
        Ok(Told { at: line.at, what, who, whom, portal, host })
    }

    async fn who(&mut self, line: &Line) -> Result<Who, Fault> {
        let person = [Role::Patient, Role::Representative].map(Role::word).contains(&line.role.as_str());
        Ok(match (&line.actor, &line.client) {
            (Some(actor), _) if person => Who::Person(self.person(actor).await?),
            (actor, client) if line.role == Role::Program.word() => {
                let id = actor.as_deref().and_then(program_of).or(client.as_deref()).unwrap_or_default();
                Who::Program(self.client(id).await?.unwrap_or_default())
            }
            (Some(actor), _) if line.role == Role::Staff.word() => self.member(actor, line.at).await?,
            _ if line.role == Role::Staff.word() => Who::Staff,
            _ if line.role == Role::System.word() => Who::System,
            _ => Who::Unknown,
        })
    }

    /// As what somebody worked at the desk who acted there under that name.
    async fn member(&mut self, actor: &str, at: Timestamp) -> Result<Who, Fault> {
        let Some(account) = member_of(actor) else { return Ok(Who::Staff) };
        if !self.work.contains_key(account) {
            let work = self.app.store.work_of(&AccountId::from_stored(account)).await?;
            self.work.insert(account.to_owned(), work);
        }
        let mut work = self.work.get(account).into_iter().flatten();
        let then = work.find(|work| work.since <= at && work.until.is_none_or(|until| at <= until));
        Ok(then.map_or(Who::Staff, |work| Who::Member(work.roles.clone(), work.department.clone())))
    }

    async fn person(&mut self, id: &str) -> Result<String, Fault> {
        if let Some(name) = self.people.get(id) {
            return Ok(name.clone());
        }
        let found = self.app.store.person(&PersonId::from_stored(id.to_owned())).await?;
        let name = found.map(|person| person.name).unwrap_or_default();
        self.people.insert(id.to_owned(), name.clone());
        Ok(name)
    }

    async fn client(&mut self, id: &str) -> Result<Option<String>, Fault> {
        if let Some(name) = self.clients.get(id) {
            return Ok(name.clone());
        }
        let name = self.app.client(id).await?.map(|client| client.name);
        self.clients.insert(id.to_owned(), name.clone());
        Ok(name)
    }
}
