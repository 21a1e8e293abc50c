//! `/admin/v1/audit`.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Query, State, rejection::QueryRejection},
    http::StatusCode,
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    page::{cursor, limit, read},
    problem::Problem,
};
use crate::{
    app::App,
    domain::{
        id::{AccountId, PersonId},
        time::Timestamp,
    },
    flows::admin_audit::{self, as_json},
    store::audit::Search,
};

/// The most lines of a page, and how many it has where nobody says.
const MOST: usize = 1000;
const USUAL: usize = 100;

/// Which lines.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    limit: Option<usize>,
    cursor: Option<String>,
    from: Option<String>,
    to: Option<String>,
    event: Option<String>,
    account: Option<String>,
    person: Option<String>,
}

/// `GET`: oldest first.
pub(super) async fn list(
    State(app): State<Arc<App>>,
    asked: Result<Query<Asked>, QueryRejection>,
) -> Result<Json<Value>, Problem> {
    let Query(asked) = asked?;
    // Nothing is not everything: who asks for it has made a mistake.
    for (name, value) in [("event", &asked.event), ("person", &asked.person)] {
        if value.as_deref() == Some("") {
            return Err(Problem::bad(format_args!("{name}: name one, or leave it out")));
        }
    }
    let person = match (asked.account, asked.person) {
        (Some(_), Some(_)) => return Err(Problem::bad("give account or person, not both")),
        (Some(account), None) => {
            let account = app.store.account(&AccountId::from_stored(account)).await?;
            let none = || {
                Problem::new(
                    StatusCode::NOT_FOUND,
                    "there is no such account; a closed one has a person still",
                )
            };
            Some(account.ok_or_else(none)?.person)
        }
        (None, person) => person.map(PersonId::from_stored),
    };
    let search = Search {
        from: instant("from", asked.from.as_deref())?,
        to: instant("to", asked.to.as_deref())?,
        event: asked.event,
        person,
        behind: asked.cursor.as_deref().map(place).transpose()?,
    };
    let limit = limit(asked.limit, USUAL, MOST)?;
    let (lines, next) = admin_audit::search(&app, &search, limit).await?.map_err(|_| Problem::busy())?;
    let mut page = json!({ "lines": lines.iter().map(as_json).collect::<Value>() });
    if let (Value::Object(members), Some((at, id))) = (&mut page, next) {
        members.insert("next".to_owned(), cursor([&at.epoch().to_string(), &id]).into());
    }
    Ok(Json(page))
}

/// Behind which line a cursor says to go on.
fn place(cursor: &str) -> Result<(Timestamp, String), Problem> {
    let [at, id] = read(cursor)?;
    let at = at.parse().map_err(|_| Problem::bad("cursor: give the `next` of an earlier page, as it was"))?;
    Ok((Timestamp::from_epoch(at), id))
}

fn instant(name: &str, text: Option<&str>) -> Result<Option<Timestamp>, Problem> {
    let read = |text| Timestamp::parse_rfc3339(text).ok_or_else(|| instant_wanted(name));
    text.map(read).transpose()
}

fn instant_wanted(name: &str) -> Problem {
    Problem::bad(format_args!("{name}: give an instant, such as 2026-07-01T09:00:00Z"))
}
