//! `/admin/v1/imports`: many persons or mandates at once, all or none of them (docs/import.md). A program sends the columns of a file as members.

use std::{fmt, sync::Arc};

use axum::{Extension, Json, extract::State, http::HeaderMap};
use serde::{
    Deserialize, Deserializer,
    de::{Error, MapAccess, Visitor},
};
use serde_json::{Value, json};

use super::{
    Caller, persons,
    problem::{Body, Id, Problem},
};
use crate::{
    app::App,
    domain::{
        fault::Fault,
        import::{Finding, Row, What},
        secret::Secret,
    },
    flows::import::{
        self, Counts, Ended, Import, Listener, NotApproved, Rows,
        withdraw::{self, NotWithdrawn},
    },
};

/// The largest body, in bytes.
pub(super) const BODY: usize = 1024 * 1024;
/// The most rows of a request: they are written while others wait.
const MOST: usize = 1000;
/// The most findings that an answer tells.
const TOLD: usize = 100;

/// The rows as the program tells them.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Told {
    rows: Vec<Members>,
}

/// The members of a row, as they were written.
struct Members(Vec<(String, Cell)>);

enum Cell {
    Text(Secret),
    Flag(bool),
    Nothing,
}

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reads;

        impl<'de> Visitor<'de> for Reads {
            type Value = Members;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }

        deserializer.deserialize_map(Reads)
    }
}

impl<'de> Deserialize<'de> for Cell {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reads;

        impl Visitor<'_> for Reads {
            type Value = Cell;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text, true, false or null")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Cell, E> {
                Ok(Cell::Text(Secret::new(text)))
            }

            fn visit_string<E: Error>(self, text: String) -> Result<Cell, E> {
                Ok(Cell::Text(Secret::new(text)))
            }

            fn visit_bool<E: Error>(self, flag: bool) -> Result<Cell, E> {
                Ok(Cell::Flag(flag))
            }

            fn visit_unit<E: Error>(self) -> Result<Cell, E> {
                Ok(Cell::Nothing)
            }
        }

        deserializer.deserialize_any(Reads)
    }
}

impl Members {
    /// The row of that place. Nothing of it is repeated.
    fn row(self, place: usize, what: What) -> Result<Row, Problem> {
        let columns = what.columns();
        let mut cells = vec![None; columns.len()];
        for (name, cell) in self.0 {
            let column = columns.iter().position(|one| *one == name);
            let bad = |why: &str| Problem::bad(format_args!("row {place}: {why}"));
            let column =
                column.ok_or_else(|| bad("one of its members has another name than those that there are"))?;
            let is_flag = name.ends_with("_checked") || name == "grantor_agrees";
            let text = match cell {
                Cell::Text(text) if !is_flag => text,
                Cell::Flag(flag) if is_flag => Secret::new(if flag { "yes" } else { "no" }),
                Cell::Nothing => Secret::default(),
                _ => {
                    return Err(bad(&format!(
                        "{name}: this must be {}",
                        if is_flag { "true or false" } else { "a text" }
                    )));
                }
            };
            let cell = cells.get_mut(column).filter(|cell| cell.is_none());
            *cell.ok_or_else(|| bad(&format!("{name} stands there twice")))? = Some(text);
        }
        let line = u64::try_from(place).unwrap_or(u64::MAX);
        Ok(Row::new(line, what, cells.into_iter().map(Option::unwrap_or_default).collect()))
    }
}

/// The rows of a request, as often as they are wanted.
struct Sent {
    rows: Vec<Row>,
    next: usize,
}

impl Rows for Sent {
    fn rewind(&mut self) -> Result<(), Fault> {
        self.next = 0;
        Ok(())
    }

    fn next(&mut self) -> Result<Option<Result<Row, Finding>>, Fault> {
        self.next += 1;
        Ok(self.rows.get(self.next - 1).cloned().map(Ok))
    }

    fn percent(&self) -> u64 {
        0
    }
}

/// What is wrong with rows, as the answer tells it.
#[derive(Default)]
struct Wrong {
    told: Vec<Value>,
    count: usize,
}

impl Listener for Wrong {
    fn finding(&mut self, Finding { line, column, why }: &Finding) -> Result<(), Fault> {
        self.count += 1;
        if self.told.len() < TOLD {
            self.told.push(json!({ "row": line, "member": column, "problem": why.to_string() }));
        }
        Ok(())
    }

    fn progress(&mut self, _: bool, _: u64, _: u64) {}
}

fn read(headers: &HeaderMap, body: Body, what: What) -> Result<Sent, Problem> {
    let told: Told = persons::read(headers, body)?;
    if told.rows.is_empty() || told.rows.len() > MOST {
        return Err(Problem::bad(format_args!("rows: send 1 to {MOST} of them")));
    }
    let rows = told.rows.into_iter().enumerate().map(|(at, members)| members.row(at + 1, what));
    Ok(Sent { rows: rows.collect::<Result<_, _>>()?, next: 0 })
}

fn wanted<'a>(app: &App, what: What, by: &'a str) -> Import<'a> {
    Import { what, by, only_check: false, may_be_long: false, now: app.clock.now(), clock: app.clock }
}

async fn import(app: &App, caller: &Caller, what: What, mut rows: Sent) -> Result<Json<Value>, Problem> {
    let (by, mut wrong) = (caller.name(), Wrong::default());
    let wanted = wanted(app, what, &by);
    let (ended, counts) = import::run(&app.store, wanted, &mut rows, &mut wrong).await?;
    if matches!(ended, Ended::Refused | Ended::TooLong) {
        let why = "nothing was imported: `rows` says what is wrong with which";
        return Err(Problem::bad(why).with_rows(wrong.told, wrong.count));
    }
    let (word, id) = import::word(&ended);
    let Counts { lines, new, known, undated, .. } = counts;
    Ok(Json(
        json!({ "outcome": word, "import": id, "rows": lines, "new": new, "known": known, "undated": undated }),
    ))
}

/// `POST` of `persons`.
pub(super) async fn persons(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Value>, Problem> {
    import(&app, &caller, What::Persons, read(&headers, body, What::Persons)?).await
}

/// `POST` of `mandates`.
pub(super) async fn mandates(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Value>, Problem> {
    import(&app, &caller, What::Mandates, read(&headers, body, What::Mandates)?).await
}

/// `POST` of `mandates/approve`: by another program, which sends the same rows.
pub(super) async fn approve(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Value>, Problem> {
    let what = What::Mandates;
    let (by, mut rows, mut wrong) = (caller.name(), read(&headers, body, what)?, Wrong::default());
    match import::approve(&app.store, wanted(&app, what, &by), &mut rows, &mut wrong).await {
        Ok((Counts { new, .. }, standings)) => Ok(Json(
            json!({ "approved": new, "standings": standings, "rows": wrong.told, "wrong": wrong.count }),
        )),
        Err(why @ NotApproved::Changed) => Err(Problem::conflict(why).with_rows(wrong.told, wrong.count)),
        Err(why @ (NotApproved::Before | NotApproved::TooLong)) => Err(Problem::conflict(why)),
        Err(why @ NotApproved::Unknown) => Err(Problem::not_found(why)),
        Err(why @ NotApproved::Own) => Err(Problem::forbidden(why)),
        Err(NotApproved::Fault(fault)) => Err(Problem::fault(fault)),
    }
}

/// `GET` of all of which mandates wait.
pub(super) async fn list(State(app): State<Arc<App>>) -> Result<Json<Value>, Problem> {
    let waiting = app.store.proposed_imports(app.clock.now()).await?;
    let told: Value = waiting.iter().map(withdraw::as_json).collect();
    Ok(Json(json!({ "imports": told })))
}

/// `POST` of its `withdraw`.
pub(super) async fn withdraw(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    id: Id,
) -> Result<Json<Value>, Problem> {
    let (by, now) = (caller.name(), app.clock.now());
    match withdraw::withdraw(&app.store, &id?.0, &by, false, now).await {
        Ok(gone) => Ok(Json(json!({ "withdrawn": gone }))),
        Err(why @ NotWithdrawn::Unknown) => Err(Problem::not_found(why)),
        Err(why @ NotWithdrawn::TooLong) => Err(Problem::conflict(why)),
        Err(NotWithdrawn::Fault(fault)) => Err(Problem::fault(fault)),
    }
}
