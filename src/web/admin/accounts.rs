//! `/admin/v1/accounts`.

use std::sync::Arc;

use axum::{
    Extension, Json,
    extract::State,
    http::{HeaderMap, StatusCode},
};
use serde::Deserialize;
use serde_json::Value;

use super::{
    Caller,
    problem::{Body, Id, Problem, json as read},
};
use crate::{
    app::App,
    domain::{email::Email, id::AccountId},
    flows::admin_accounts::{self, By, Closed, as_json},
};

/// By what an account is looked for: exactly one.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Sought {
    email: Option<String>,
    sub: Option<String>,
}

/// `POST` of `find`: what is looked for is personal, so it never stands in an address.
pub(super) async fn find(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Value>, Problem> {
    let by = match read(&headers, body)? {
        Sought { email: Some(email), sub: None } => {
            By::Email(Email::parse(&email).map_err(|why| Problem::bad(format_args!("email: {why}")))?)
        }
        Sought { email: None, sub: Some(sub) } => By::Sub(sub),
        _ => return Err(Problem::bad("give email or sub, and not both")),
    };
    let now = app.clock.now();
    let account = admin_accounts::find(&app, &caller.name(), &by, now).await?.ok_or_else(unknown)?;
    Ok(Json(as_json(&app, &account, now).await?))
}

/// `GET` one.
pub(super) async fn one(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    id: Id,
) -> Result<Json<Value>, Problem> {
    let now = app.clock.now();
    let account =
        admin_accounts::shown(&app, &caller.name(), &account_id(id)?, now).await?.ok_or_else(unknown)?;
    Ok(Json(as_json(&app, &account, now).await?))
}

/// `POST` of its `sign-out`.
pub(super) async fn sign_out(
    State(app): State<Arc<App>>,
    Extension(Caller(caller)): Extension<Caller>,
    id: Id,
) -> Result<StatusCode, Problem> {
    done(admin_accounts::sign_out(&app, &caller, &account_id(id)?, app.clock.now()).await?)
}

/// `DELETE`.
pub(super) async fn close(
    State(app): State<Arc<App>>,
    Extension(Caller(caller)): Extension<Caller>,
    id: Id,
) -> Result<StatusCode, Problem> {
    match admin_accounts::close(&app, &caller, &account_id(id)?, app.clock.now()).await? {
        Closed::Staff => Err(Problem::conflict(
            "the owner of this account works or worked at the desk: what they did there must stay theirs, so it is not closed; \
             sign them out, and let a privacy officer end their membership",
        )),
        closed => done(closed == Closed::Done),
    }
}

fn account_id(id: Id) -> Result<AccountId, Problem> {
    Ok(AccountId::from_stored(id?.0))
}

fn done(done: bool) -> Result<StatusCode, Problem> {
    if done { Ok(StatusCode::NO_CONTENT) } else { Err(unknown()) }
}

fn unknown() -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "there is no such account")
}
