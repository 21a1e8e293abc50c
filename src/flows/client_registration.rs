//! A client registers itself, and manages that (RFC 7591, RFC 7592). Who is it, what may it have, what does it want; and only then
//! the one write that uses the invitation, so that a mistake costs nobody theirs.

use serde_json::Value;
use url::Url;

use crate::{
    app::App,
    config::BadConfig,
    domain::{
        client::Client,
        client_registration::Terms,
        id::random,
        secret::{Hashed, Secret},
        time::Timestamp,
    },
    oidc::{
        client_registration::{Metadata, Offer, PREFIX, Refused, information},
        error::{Code, Error},
        path,
    },
    store::client_registration::Registered,
};

/// In seconds.
const WINDOW: i64 = 60;
/// How many tries each token has in that time: each may make us call an address.
const TRIES: i64 = 30;
/// What is asked for at a `sector_identifier_uri`.
const MEDIA: &str = "application/json";

/// Why nothing was done.
pub enum NotDone {
    /// Something is wrong with what the client says of itself.
    Refused(Refused),
    /// Anything else.
    Error(Error),
}

impl From<Refused> for NotDone {
    fn from(refused: Refused) -> Self {
        Self::Refused(refused)
    }
}

impl<E: Into<Error>> From<E> for NotDone {
    fn from(error: E) -> Self {
        Self::Error(error.into())
    }
}

const UNINVITED: Error = Error::Json(
    Code::InvalidToken,
    "the initial access token is unknown, used up or over: ask the operator for another",
);
/// The same for a client that is not there and for a token that is another's (RFC 7592 section 2).
const STRANGER: Error =
    Error::Json(Code::InvalidToken, "this is no registration access token of this client");
const CHANGED: Error = Error::Json(
    Code::TemporarilyUnavailable,
    "somebody else changed this client just now; read it, and try again",
);
const TOO_OFTEN: Error = Error::Json(Code::TemporarilyUnavailable, "too many tries; try again in a minute");

/// Registers a client: what it is told.
pub async fn register(app: &App, token: &Secret, body: &[u8], now: Timestamp) -> Result<Value, NotDone> {
    let found = app.store.invitation(&token.hashed()).await?;
    let invitation = found.filter(|found| found.is_open(now)).ok_or(UNINVITED)?;
    bound(app, &invitation.id, now).await?;
    let metadata = Metadata::read(body)?;
    let id = format!("{PREFIX}{}", random::<16>());
    let (client, secret) = checked(app, metadata, id, None, &invitation.terms, now).await?;
    let manager = Secret::token("nms_rat_");
    if !app.store.register_client(&invitation, &client, &manager.hashed(), now).await? {
        return Err(UNINVITED.into());
    }
    Ok(tell(app, &client, secret.as_ref(), &manager, now))
}

/// Tells a client what it registered.
pub async fn show(app: &App, id: &str, token: &Secret) -> Result<Value, NotDone> {
    let Registered { client, created, .. } = own(app, id, &token.hashed()).await?;
    Ok(tell(app, &client, None, token, created))
}

/// Replaces what a client registered, within what its invitation fixed. Both tokens stay; a secret stays too, as long as its
/// way to authenticate has one.
pub async fn change(
    app: &App,
    id: &str,
    token: &Secret,
    body: &[u8],
    now: Timestamp,
) -> Result<Value, NotDone> {
    let manager = token.hashed();
    let Registered { client, invitation, created, read } = own(app, id, &manager).await?;
    bound(app, id, now).await?;
    let metadata = Metadata::read(body)?;
    metadata.check_change(&client)?;
    let (changed, secret) =
        checked(app, metadata, client.id.clone(), Some(&client), &invitation.terms, now).await?;
    if !app.store.change_registered(&changed, &read, &manager, now).await? {
        own(app, id, &manager).await?;
        return Err(CHANGED.into());
    }
    Ok(tell(app, &changed, secret.as_ref(), token, created))
}

/// Removes a client, and ends all that it was given.
pub async fn remove(app: &App, id: &str, token: &Secret, now: Timestamp) -> Result<(), NotDone> {
    if app.store.remove_registered(id, &token.hashed(), now).await? { Ok(()) } else { Err(STRANGER.into()) }
}

async fn own(app: &App, id: &str, manager: &Hashed) -> Result<Registered, NotDone> {
    Ok(app.store.registered(id, manager).await?.ok_or(STRANGER)?)
}

async fn bound(app: &App, whom: &str, now: Timestamp) -> Result<(), NotDone> {
    let tries = app.store.bump("client_registration", whom, WINDOW, now).await?;
    if tries > TRIES { Err(TOO_OFTEN.into()) } else { Ok(()) }
}

fn tell(app: &App, client: &Client, secret: Option<&Secret>, manager: &Secret, issued: Timestamp) -> Value {
    let uri = app.config.endpoint(&path::REGISTERED.replace("{id}", &client.id));
    information(client, secret, (&uri, manager), issued)
}

/// The client that the metadata makes, checked by the same rules as one that the operator adds.
async fn checked(
    app: &App,
    metadata: Metadata,
    id: String,
    kept: Option<&Client>,
    terms: &Terms,
    now: Timestamp,
) -> Result<(Client, Option<Secret>), NotDone> {
    let algs = app.keyring().algorithms(now);
    let offer = Offer { terms, algs: &algs, digid: app.digid.is_some() };
    let redirect_uris = metadata.redirect_uris().to_vec();
    let (client, secret) = metadata.client(id, kept, offer)?;
    check_calls(app, &client)?;
    // Last: nobody is called for what is refused anyway.
    if let Some(uri) = &client.wishes.sector_identifier_uri {
        check_sector(app, uri, &redirect_uris).await?;
    }
    Ok((client, secret))
}

/// What it is told repeats neither its addresses, nor the name that it will never have.
fn check_calls(app: &App, client: &Client) -> Result<(), Refused> {
    let (outbound, id) = (&app.config.outbound, client.id.as_str());
    let reached = |member: &str, checked: Result<(), BadConfig>| {
        checked.map_err(|_| {
            Refused::Metadata(format!(
                "{member} cannot be called from here: it must be https, at a public address"
            ))
        })
    };
    let notices = outbound.check_notices(id, client.backchannel_logout_uri.as_deref());
    reached("backchannel_logout_uri", notices)?;
    reached("jwks_uri", outbound.check_keys(id, client.keys.uri()))?;
    app.config.check_certificate(client).map_err(|wrong| {
        let why = wrong.to_string();
        Refused::Metadata(why.strip_prefix(&format!("client {id}: ")).unwrap_or(&why).to_owned())
    })
}

/// Asks for the list of redirect URIs that are one sector's: all of this client's must be on it (OpenID Connect Core, section
/// 8.1; Registration, section 5). Of what the address answers nothing is told: it could be a machine that only we reach.
async fn check_sector(app: &App, uri: &str, redirect_uris: &[String]) -> Result<(), Refused> {
    let listed = async {
        let answer = app.outbound.get(&Url::parse(uri).ok()?, MEDIA).await.ok()?;
        let list: Vec<String> = serde_json::from_slice(&answer.body).ok().filter(|_| answer.status == 200)?;
        redirect_uris.iter().all(|uri| list.contains(uri)).then_some(())
    };
    listed.await.ok_or_else(|| {
        Refused::Metadata(
            "sector_identifier_uri must be https, answer with 200, and be a JSON list of every one of redirect_uris".to_owned(),
        )
    })
}
