//! A client pushes its request, and a browser brings the handle (RFC 9126).

use super::dpop;
use crate::{
    app::{App, client_keys::Wanted},
    domain::{ask::Ask, client::Client, fault::Fault, login, secret::Secret, time::Timestamp},
    oidc::{
        authorize::{Here, check_pushed},
        dpop::NOT_ITS_JKT,
        error::{Code, Error, PageError},
        par::{LIFE, Pushed, handle, refused},
        params::Params,
        path,
    },
    store::pushed::Kept,
};

/// Keeps a request of `client`, which has proven who it is, for a browser to bring its handle. A proof of possession binds the
/// code to its key, as `dpop_jkt` does (RFC 9449 section 10.1).
pub async fn push(
    app: &App,
    client: &Client,
    proof: Option<&str>,
    form: &Params,
    now: Timestamp,
) -> Result<Pushed, Error> {
    if form.has("request_uri") {
        return Err(Error::Json(Code::InvalidRequest, "request_uri cannot be pushed (RFC 9126 section 2.1)"));
    }
    let keyed;
    let client = match form.get("request") {
        Some(request) => {
            keyed = app.with_keys(client.clone(), Wanted::SignerOf(request), now).await;
            &keyed
        }
        None => client,
    };
    let here = Here { issuer: app.config.issuer(), keyring: &app.keyring(), now };
    let proof = dpop::check(app, client, proof, path::PAR, now)?;
    let mut ask = check_pushed(form, client, here).map_err(refused)?;
    if let Some(proof) = proof {
        if ask.dpop_jkt.as_ref().is_some_and(|jkt| *jkt != proof.jkt) {
            return Err(NOT_ITS_JKT);
        }
        dpop::spend(&app.store, &proof).await?;
        ask.dpop_jkt = Some(proof.jkt);
    }
    // In the name of a client that keeps no secret anybody may come.
    let request_uri = store(app, ask, !client.is_public(), now).await?;
    Ok(Pushed { request_uri, expires_in: LIFE })
}

/// Keeps a request that a browser brought in a form, as one that was pushed, so that nothing of it stands in the address at which
/// it is asked again. Nobody has proven anything.
pub async fn keep(app: &App, ask: Ask, now: Timestamp) -> Result<Secret, Fault> {
    store(app, ask, false, now).await
}

/// Kept for as long as a login that it begins may take, so that it is answered once.
async fn store(app: &App, ask: Ask, proven: bool, now: Timestamp) -> Result<Secret, Fault> {
    let (handle, ends) = (handle(), now.plus(LIFE + login::LIFE));
    app.store.push(proven, &handle.hashed(), &Kept { ask, until: now.plus(LIFE) }, ends).await?;
    Ok(handle)
}

/// The request that `client` pushed and nobody has answered yet. Brought twice in time it begins two logins, so that a reload or
/// a look ahead of the browser harms nobody; one of them is answered.
pub async fn bring(app: &App, client: &Client, handle: &Secret, now: Timestamp) -> Result<Ask, Error> {
    let found = app.store.pushed(&handle.hashed(), now).await?;
    let good = found.filter(|kept| kept.is_good_for(client, now));
    good.map(|kept| kept.ask).ok_or(Error::Page(PageError::RequestUri))
}
