//! A program of the operator's adds, changes and removes clients while the server runs. Those of the configuration stand there.

use std::{collections::BTreeMap, fmt::Display};

use serde_json::{Value, json};

use crate::{
    app::App,
    domain::{
        api::AdminScope,
        client::{Client, Registration},
        fault::Fault,
        line::Operator,
        secret::Secret,
        time::Timestamp,
    },
};

/// Why nothing was done.
#[derive(Debug)]
pub enum NotDone {
    /// There is no such client.
    Unknown,
    /// It stands in the configuration.
    Configured,
    /// The id is taken.
    Taken,
    /// Somebody else changed it in between.
    Changed,
    /// It proves who it is without a secret.
    NoSecret,
    /// It may do at the admin API, or is to, what the caller itself may not.
    TooPowerful,
    /// What is wrong with the registration.
    Bad(String),
    /// Ours.
    Fault(Fault),
}

impl<E: Into<Fault>> From<E> for NotDone {
    fn from(fault: E) -> Self {
        Self::Fault(fault.into())
    }
}

fn bad(why: impl Display) -> NotDone {
    NotDone::Bad(why.to_string())
}

/// A client that was added or replaced, and the secret that was made for it: told this one time.
pub type Written = (Client, Option<Secret>);

/// The client that is told of, where `kept` is how it was before: who needs a secret and has one keeps it, what it wishes of its own
/// requests stays, and so does its sector where none is told.
fn registered(mut told: Registration, kept: Option<&Client>) -> Result<Written, NotDone> {
    // No program gives itself or another what this takes: that stands in the configuration only.
    if told.sees_bsn {
        return Err(bad("sees_bsn: only the configuration gives it"));
    }
    // What its hosts say may be another than until now, and users would come back as strangers: a sector is changed by its name
    // only. So a program that becomes a portal keeps the one of its own, which it shares with nobody.
    if told.sector.is_none() && told.public_subjects != Some(true) {
        told.sector = kept.map(|client| client.sector.clone());
        if told.public_subjects == Some(false) && told.sector.as_deref() == Some(Client::PUBLIC_SECTOR) {
            return Err(bad(
                "public_subjects: this client has public subjects, and its users would get another sub: name the sector that \
                 it is to have, or leave public_subjects out",
            ));
        }
    }
    let (auth, secret) = told.method().after(kept.map(|client| &client.auth));
    let (jwks, wishes) = (told.jwks.take(), kept.map(|client| client.wishes.clone()).unwrap_or_default());
    let mut client = told.with_openid().client(auth, jwks, wishes).map_err(bad)?;
    // An algorithm that it wished for once would shut it out under other keys or another policy, and nobody could tell why.
    let fits = |kept: &Client| {
        kept.policy == client.policy && kept.registration().jwks == client.registration().jwks
    };
    if !kept.is_none_or(fits) {
        (client.wishes.assertion_alg, client.wishes.request_object_alg) = (None, None);
    }
    Ok((client, secret))
}

/// What was told of it: everything but its secret. `configured` tells that it stands in the configuration.
pub fn as_json(client: &Client, configured: bool) -> Value {
    let mut told = json!(client.registration());
    if let Value::Object(members) = &mut told {
        members.insert("configured".to_owned(), configured.into());
    }
    told
}

/// One page of clients by id, those of the configuration among them, behind the id `after`; whether there are more.
pub async fn page(app: &App, after: &str, limit: usize) -> Result<(Vec<(Client, bool)>, bool), Fault> {
    let stored = app.store.clients_after(after, i64::try_from(limit)?.saturating_add(1)).await?;
    let mut all: BTreeMap<String, (Client, bool)> =
        stored.into_iter().map(|client| (client.id.clone(), (client, false))).collect();
    let configured = app.configured().filter(|client| client.id.as_str() > after);
    // Where both have an id, that of the configuration is the one that counts.
    all.extend(configured.map(|client| (client.id.clone(), (client.clone(), true))));
    let more = all.len() > limit;
    Ok((all.into_values().take(limit).collect(), more))
}

/// One client, and whether it stands in the configuration.
pub async fn one(app: &App, id: &str) -> Result<(Client, bool), NotDone> {
    let client = app.client(id).await?.ok_or(NotDone::Unknown)?;
    let configured = is_configured(app, id);
    Ok((client, configured))
}

fn is_configured(app: &App, id: &str) -> bool {
    app.configured().any(|client| client.id == id)
}

/// Nobody gives away, takes over or removes what they may not do themselves: a program with the scope `clients` and no other would
/// else have all of them, by registering a second self. With `mandates` not even that: what wants two programs would be done by one
/// that made the other (M11).
fn check_power(caller: &Client, client: &Client) -> Result<(), NotDone> {
    if client.service_scopes.contains(AdminScope::Mandates) {
        Err(NotDone::TooPowerful)
    } else if client.service_scopes.are_within(&caller.service_scopes) {
        Ok(())
    } else {
        Err(NotDone::TooPowerful)
    }
}

/// Adds a client for `caller`.
pub async fn add(app: &App, caller: &Client, told: Registration, now: Timestamp) -> Result<Written, NotDone> {
    if is_configured(app, &told.id) {
        return Err(NotDone::Configured);
    }
    let (client, secret) = registered(told, None)?;
    app.config.check_added(&client).map_err(bad)?;
    check_power(caller, &client)?;
    if app.store.add_client(&client, Some(Operator::Program(&caller.id)), now).await? {
        Ok((client, secret))
    } else {
        Err(NotDone::Taken)
    }
}

/// Puts what is told in the place of the client `id`, whole. It keeps its secret where it goes on to need one.
pub async fn replace(
    app: &App,
    caller: &Client,
    id: &str,
    told: Registration,
    now: Timestamp,
) -> Result<Written, NotDone> {
    if told.id != id {
        return Err(bad("client_id must be that of the address: a client cannot be renamed"));
    }
    let (before, read) = changeable(app, caller, id).await?;
    // Left out, it would make somebody else's client our own, and nobody would be asked any more.
    if before.third_party && !told.third_party {
        return Err(bad(
            "third_party stays true: what is our own is another client, so remove this one and add that",
        ));
    }
    let (client, secret) = registered(told, Some(&before))?;
    app.config.check_added(&client).map_err(bad)?;
    check_power(caller, &client)?;
    if app.store.admin_replace_client(&client, &read, Operator::Program(&caller.id), now).await? {
        Ok((client, secret))
    } else {
        Err(NotDone::Changed)
    }
}

/// Removes the client `id`: it can get no token any more.
pub async fn remove(app: &App, caller: &Client, id: &str, now: Timestamp) -> Result<(), NotDone> {
    let (_, read) = changeable(app, caller, id).await?;
    let removed = app.store.remove_client(id, Some(&read), Some(Operator::Program(&caller.id)), now).await?;
    if removed { Ok(()) } else { Err(NotDone::Changed) }
}

pub(super) async fn changeable(app: &App, caller: &Client, id: &str) -> Result<(Client, String), NotDone> {
    if is_configured(app, id) {
        return Err(NotDone::Configured);
    }
    let (client, read) = app.store.client_to_change(id).await?.ok_or(NotDone::Unknown)?;
    check_power(caller, &client)?;
    Ok((client, read))
}
