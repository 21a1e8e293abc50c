//! A client pushes its request, and a browser brings the handle (RFC 9126).

use crate::{
    app::App,
    domain::{ask::Ask, client::Client, login, secret::Secret, time::Timestamp},
    oidc::{
        authorize::{Here, check_pushed},
        error::{Code, Error, PageError},
        par::{LIFE, Pushed, handle, refused},
        params::Params,
    },
    store::pushed::Kept,
};

/// Keeps a request of `client`, which has proven who it is, for a browser to bring its handle.
pub async fn push(app: &App, client: &Client, form: &Params, now: Timestamp) -> Result<Pushed, Error> {
    if form.has("request_uri") {
        return Err(Error::Json(Code::InvalidRequest, "request_uri cannot be pushed (RFC 9126 section 2.1)"));
    }
    let here = Here { issuer: app.config.issuer(), keyring: &app.keyring(), now };
    let ask = check_pushed(form, client, here).map_err(refused)?;
    let request_uri = handle();
    // Kept for as long as a login that it begins may take, so that it is answered once.
    let ends = now.plus(LIFE + login::LIFE);
    app.store.push(&request_uri.hashed(), &Kept { ask, until: now.plus(LIFE) }, ends).await?;
    Ok(Pushed { request_uri, expires_in: LIFE })
}

/// The request that `client` pushed and nobody has answered yet. Brought twice in time it begins two logins, so that a reload or
/// a look ahead of the browser harms nobody; one of them is answered.
pub async fn bring(app: &App, client: &Client, handle: &Secret, now: Timestamp) -> Result<Ask, Error> {
    let found = app.store.pushed(&handle.hashed(), now).await?;
    let good = found.filter(|kept| kept.is_good_for(client, now));
    good.map(|kept| kept.ask).ok_or(Error::Page(PageError::RequestUri))
}
