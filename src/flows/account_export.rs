//! All that is kept of somebody, for themselves, after fresh proof. What only DigiD may show is in it in a session by DigiD alone (F11, M7).
//! No block is in it (M9), no reason, nobody else's BSN, and of others no more than the name by which the two know each other (M4).

use serde::Serialize;

use super::{
    account::Guest,
    account_mandates::hides_whom,
    account_portals::{Portal, portals},
};
use crate::{
    app::App,
    domain::{
        assurance::Level, audit::Role, calendar::DAY, fault::Fault, mandate::Relation, profile::Profile,
        session::Session, time::Timestamp,
    },
    store::{account_export::OwnLine, audit::Event, mandates::Listed, staff::Work},
};

/// How many lines of the log are in it at most, the newest.
const LINES: i64 = 1000;
/// How many times a day an account may have it made.
const A_DAY: i64 = 20;

/// It was asked for often today.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooOften;

/// All that is kept. Times are those of RFC 3339.
#[derive(Debug, Clone, Serialize)]
#[expect(missing_docs, reason = "each member is the heading of what it holds")]
pub struct Export {
    pub made: String,
    pub account: OwnAccount,
    /// `None` where the session is worth too little to be told.
    pub person: Option<OwnPerson>,
    pub subjects: Vec<(String, String)>,
    pub profile: Profile,
    pub sessions: Vec<OwnSession>,
    pub portals: Vec<OwnPortal>,
    /// `None` where the session is worth too little to be told.
    pub mandates: Option<OwnMandates>,
    pub log: Vec<OwnEntry>,
    /// Whether there are older lines, which are not in it.
    pub log_is_cut: bool,
}

/// The account.
#[derive(Debug, Clone, Serialize)]
#[expect(missing_docs, reason = "as Export")]
pub struct OwnAccount {
    pub email: String,
    pub created: String,
    pub has_password: bool,
    pub digid_since: Option<String>,
    pub app_since: Option<String>,
    pub work: Vec<OwnWork>,
}

/// When they worked at the desk.
#[derive(Debug, Clone, Serialize)]
#[expect(missing_docs, reason = "as Export")]
pub struct OwnWork {
    pub roles: Vec<&'static str>,
    pub department: String,
    pub since: String,
    pub until: Option<String>,
}

/// What the desk knows.
#[derive(Debug, Clone, Serialize)]
#[expect(missing_docs, reason = "as Export")]
pub struct OwnPerson {
    pub name: String,
    pub birth_date: Option<String>,
    pub bsn: Option<String>,
    pub patient_number: Option<String>,
}

/// A session.
#[derive(Debug, Clone, Serialize)]
#[expect(missing_docs, reason = "as Export")]
pub struct OwnSession {
    pub began: String,
    pub seen: String,
    pub acr: &'static str,
    pub device: Option<String>,
}

/// A portal or an app.
#[derive(Debug, Clone, Serialize)]
#[expect(missing_docs, reason = "as Export")]
pub struct OwnPortal {
    pub name: String,
    pub since: String,
    pub may_know: String,
    pub apis: Vec<String>,
    pub hosts: Vec<String>,
    pub devices: usize,
}

/// Mandates.
#[derive(Debug, Clone, Serialize)]
#[expect(missing_docs, reason = "as Export")]
pub struct OwnMandates {
    pub received: Vec<OwnMandate>,
    pub given: Vec<OwnMandate>,
    pub said: Vec<OwnSaid>,
    pub offered: Vec<OwnOffer>,
}

/// Access to their own record that they offer somebody, to which the last word was not said yet. For whom it is they said themselves;
/// who typed the code is not told.
#[derive(Debug, Clone, Serialize)]
#[expect(missing_docs, reason = "as Export")]
pub struct OwnOffer {
    pub label: String,
    pub days: i64,
    pub waits_until: String,
    pub accepted: bool,
}

/// A mandate that "Machtigingen" shows, as it was recorded. Whether it counts is not told: that may be another's word. A block looks like a
/// revocation to whom it keeps out: what is not shown there is not in it (M9).
#[derive(Debug, Clone, Serialize)]
#[expect(missing_docs, reason = "as Export")]
pub struct OwnMandate {
    pub id: String,
    pub other: String,
    pub relation: Relation,
    pub registered: String,
    pub starts: String,
    pub ends: Option<String>,
}

/// What they said about a mandate.
#[derive(Debug, Clone, Serialize)]
#[expect(missing_docs, reason = "as Export")]
pub struct OwnSaid {
    pub mandate: String,
    pub word: String,
    pub at: String,
    pub at_desk: bool,
}

/// A line of the log.
#[derive(Debug, Clone, Serialize)]
#[expect(missing_docs, reason = "as Export")]
pub struct OwnEntry {
    pub at: String,
    pub event: String,
    pub done: bool,
    pub by: String,
    pub for_other: bool,
    pub client: Option<String>,
    pub host: Option<String>,
}

/// Puts it together, with a line in the log.
pub async fn export(app: &App, guest: &Guest, now: Timestamp) -> Result<Result<Export, TooOften>, Fault> {
    let Guest { session, account } = guest;
    if app.store.bump("export", account.id.as_str(), DAY, now).await? > A_DAY {
        return Ok(Err(TooOften));
    }
    let by_digid = session.level >= Level::Midden;
    let with_mandates = session.level >= app.config.mandate_level;
    let event = Event {
        event: "account.exported",
        outcome: "ok",
        actor: Some(account.person.as_str()),
        ..Event::default()
    };
    app.store.audit(&event, now).await?;
    let subjects = app.store.subjects_of(&account.person).await?;
    let lines = app.store.lines_about(&account.person, LINES + 1).await?;
    let log_is_cut = i64::try_from(lines.len())? > LINES;
    let told = lines
        .into_iter()
        .take(usize::try_from(LINES)?)
        .filter(|line| may_be_told(line, by_digid, with_mandates));
    let sessions = app.store.sessions_of(account, app.config.session.idle(), now).await?;
    let portals = portals(app, account, now).await?;
    Ok(Ok(Export {
        made: now.rfc3339(),
        account: OwnAccount {
            email: account.email.clone(),
            created: account.created.rfc3339(),
            has_password: account.password_hash.is_some(),
            digid_since: account.digid_since.map(Timestamp::rfc3339),
            app_since: account.app.as_ref().map(|app| app.since.rfc3339()),
            work: app.store.work_of(&account.id).await?.into_iter().map(own_work).collect(),
        },
        person: if by_digid { person(app, guest).await? } else { None },
        subjects: subjects.into_iter().map(|one| (one.sector, one.sub)).collect(),
        profile: app.store.profile(&account.id).await?,
        sessions: sessions.iter().map(own_session).collect(),
        portals: portals.into_iter().map(own_portal).collect(),
        mandates: if with_mandates { Some(mandates(app, guest, now).await?) } else { None },
        log: told.map(own_entry).collect(),
        log_is_cut,
    }))
}

/// Whether a line may be told (M7): one that names or tells of another only at the level of mandates, and one of the desk only by DigiD.
/// Below both it is of the account, and of nobody else.
fn may_be_told(line: &OwnLine, by_digid: bool, with_mandates: bool) -> bool {
    let of = line.event.split('.').next().unwrap_or_default();
    let by_another = line.role == Role::Representative.word() && !line.by_self;
    let of_others = !line.for_self || by_another || ["mandate", "act_as"].contains(&of);
    let of_desk = ["person", "bsn", "audit", "staff"].contains(&of);
    (with_mandates || !of_others) && (by_digid || !of_desk)
}

async fn person(app: &App, guest: &Guest) -> Result<Option<OwnPerson>, Fault> {
    let id = &guest.account.person;
    let Some(person) = app.store.person(id).await? else { return Ok(None) };
    let bsn = app.store.bsn_of(id).await?.map(|bsn| bsn.digits().to_owned());
    let patient_number = person.patient_number.map(|number| number.to_string());
    let birth_date = person.birth.map(|birth| birth.to_string());
    Ok(Some(OwnPerson { name: person.name, birth_date, bsn, patient_number }))
}

async fn mandates(app: &App, guest: &Guest, now: Timestamp) -> Result<OwnMandates, Fault> {
    let id = &guest.account.person;
    let received = app.store.mandates_held(id, now).await?.into_iter().filter(|one| one.shown.held.is_some());
    let given = app.store.mandates_given(id, now).await?.into_iter().filter(|one| one.shown.given.is_some());
    let said = app.store.words_of(id).await?.into_iter();
    let offered = app.store.offers_made(id, now).await?.into_iter();
    Ok(OwnMandates {
        received: received.map(|one| own_mandate(&one, &one.represented_name)).collect(),
        given: given.map(|one| own_mandate(&one, &one.representative_name)).collect(),
        said: said
            .map(|one| OwnSaid {
                mandate: one.mandate,
                word: one.word,
                at: one.at.rfc3339(),
                at_desk: one.at_desk,
            })
            .collect(),
        offered: offered
            .map(|one| OwnOffer {
                label: one.label,
                days: one.days,
                waits_until: one.ends.rfc3339(),
                accepted: one.accepted,
            })
            .collect(),
    })
}

fn own_mandate(listed: &Listed, other: &str) -> OwnMandate {
    let mandate = &listed.mandate;
    let other = if hides_whom(listed) { "" } else { other };
    OwnMandate {
        id: mandate.id.to_string(),
        other: other.to_owned(),
        relation: mandate.relation,
        registered: mandate.registered_at.rfc3339(),
        starts: mandate.starts.rfc3339(),
        ends: mandate.ends.map(Timestamp::rfc3339),
    }
}

fn own_work(work: Work) -> OwnWork {
    OwnWork {
        roles: work.roles.each().iter().map(|role| role.as_str()).collect(),
        department: work.department,
        since: work.since.rfc3339(),
        until: work.until.map(Timestamp::rfc3339),
    }
}

fn own_session(session: &Session) -> OwnSession {
    OwnSession {
        began: session.auth_time.rfc3339(),
        seen: session.seen.rfc3339(),
        acr: session.level.acr(),
        device: session.device.clone(),
    }
}

fn own_portal(portal: Portal) -> OwnPortal {
    OwnPortal {
        name: portal.name,
        since: portal.since.rfc3339(),
        may_know: portal.scope,
        apis: portal.apis,
        hosts: portal.hosts,
        devices: portal.devices.len(),
    }
}

fn own_entry(line: OwnLine) -> OwnEntry {
    OwnEntry {
        at: line.at.rfc3339(),
        event: line.event,
        done: line.done,
        by: if line.by_self { "self".to_owned() } else { line.role },
        for_other: !line.for_self,
        client: line.client,
        host: line.host,
    }
}
