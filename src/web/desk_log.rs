//! The log as an auditor reads it at the desk: of one person, newest first, a page at a time, and nothing to change.

use askama::Template;
use axum::response::Response;
use serde::Deserialize;

use super::{
    desk::{enter, frame, own_people, posted, wanted},
    error::Failed,
    form::Form,
    page::{self, Frame},
    visit::Visit,
};
use crate::{
    domain::{calendar::told, id::PersonId, secret::Secret, staff::Act, ties::Tie, time::Timestamp},
    flows::desk::{self, AtDesk, Found, TooMany},
};

/// How many lines a page has.
const PAGE: usize = 50;

/// "Logboek".
#[derive(Template)]
#[template(path = "desk_log.html")]
pub struct LogPage {
    /// What surrounds it.
    pub frame: Frame,
    /// Of whom.
    pub person: String,
    /// The lines, newest first.
    pub rows: Vec<LogRow>,
    /// Before which line to go on, where there may be more: its moment and its name.
    pub next: Option<(i64, String)>,
    /// What was wrong: the key of the message.
    pub error: Option<&'static str>,
}

/// A line.
pub struct LogRow {
    /// When.
    pub at: String,
    /// What happened, and how it went.
    pub event: String,
    /// Who did it, in which role.
    pub actor: String,
    /// For whom, and what else.
    pub about: String,
}

page::rendered!(LogPage, |page| page.error.is_some());

/// `GET /desk/log`
pub async fn show(visit: Visit) -> Result<Response, Failed> {
    let at = enter(&visit, Act::ReadLog).await?;
    Ok(empty(&visit, &at, None).render())
}

/// Of whom, and where to go on.
#[derive(Deserialize)]
pub struct LogForm {
    csrf: String,
    bsn: Secret,
    number: String,
    person: String,
    at: String,
    line: String,
}

/// `POST /desk/log`
pub async fn search(visit: Visit, Form(form): Form<LogForm>) -> Result<Response, Failed> {
    let at = posted(&visit, Act::ReadLog, &form.csrf).await?;
    let person = found(&visit, &at, &form).await?;
    let before = form.at.parse().ok().map(|at| (Timestamp::from_epoch(at), form.line));
    let (app, by) = (&visit.app, at.member.name());
    app.store.note_read(&by, &person, visit.now).await?;
    let (lines, next) = app.store.lines_of_person(&person, before, PAGE).await?;
    let frame = frame(&visit, &at);
    let mut rows = Vec::with_capacity(lines.len());
    for line in lines {
        // What was done for or by their own people is read by a colleague.
        let about = [&line.represented, &line.actor].map(|name| name.as_deref().unwrap_or_default());
        if at.ties.of(&about).is_some() {
            continue;
        }
        let actor = match &line.actor {
            Some(actor) => desk::shown(&app.store, actor).await?,
            None => String::new(),
        };
        let about = [line.represented, line.detail].into_iter().flatten().collect::<Vec<_>>().join(" ");
        rows.push(LogRow {
            at: told(line.at, frame.lang),
            event: format!("{} ({})", line.event, line.outcome),
            actor: format!("{actor} ({})", line.role),
            about,
        });
    }
    let next = next.map(|(at, line)| (at.epoch(), line));
    Ok(LogPage { frame, person: person.to_string(), rows, next, error: None }.render())
}

/// Who is meant: by a number, or by the name that the page before had of them.
///
/// # Errors
/// [`Failed::Instead`] where it is somebody of the auditor's own, or nobody.
async fn found(visit: &Visit, at: &AtDesk, form: &LogForm) -> Result<PersonId, Failed> {
    let again = |error| Err(Failed::instead(empty(visit, at, Some(error)).render()));
    let theirs = || Err(Failed::instead(own_people(visit, at)));
    if !form.person.is_empty() {
        let id = PersonId::from_stored(form.person.as_str());
        let tie = desk::keeps_out(&visit.app, at.who(), &[&id], visit.now).await?;
        return match (tie, visit.app.store.person(&id).await?) {
            (Some(Tie::Theirs), _) => theirs(),
            (None, Some(person)) => Ok(person.id),
            (None, None) | (Some(Tie::KeptOut), _) => again("desk-not-known"),
        };
    }
    let wanted = match wanted(&form.bsn, &form.number) {
        Ok(wanted) => wanted,
        Err(key) => return again(key),
    };
    match desk::find(&visit.app, at.who(), &wanted, visit.now).await? {
        Ok(Found::One(person)) => Ok(person.id),
        Ok(Found::Theirs) => theirs(),
        Ok(Found::Nobody) => again("desk-not-known"),
        Err(TooMany) => again("desk-slow"),
    }
}

fn empty(visit: &Visit, at: &AtDesk, error: Option<&'static str>) -> LogPage {
    LogPage { frame: frame(visit, at), person: String::new(), rows: Vec::new(), next: None, error }
}
