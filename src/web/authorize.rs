//! `GET` and `POST /authorize` (OpenID Connect Core, section 3.1.2).

use axum::{body::Bytes, extract::RawQuery, http::header::SET_COOKIE, response::Response};
use url::form_urlencoded;

use super::{
    cookies::Cookie,
    digid,
    error::{self, Failed, refused, see_other},
    form_post::answered,
    visit::Visit,
};
use crate::{
    app::client_keys::Wanted,
    domain::{ask::Ask, secret::Secret},
    flows::{
        par::bring,
        start::{Started, start},
    },
    oidc::{
        authorize::{Here, check, client_id, params},
        error::{Error, PageError},
        par, path,
    },
};

/// A portal sends a browser.
pub async fn get(visit: Visit, RawQuery(query): RawQuery) -> Result<Response, Failed> {
    let ask = match read(&visit, query.unwrap_or_default().as_bytes()).await {
        Ok(ask) => ask,
        Err(error) => return Ok(refused(&visit, error)),
    };
    let visited = visit.visited().await?;
    let browser = visit.browser.clone().unwrap_or_else(|| Secret::token(""));
    match start(&visit.app, ask, visited.as_ref(), &browser, visit.now).await? {
        Started::Answered(answer) => Ok(answered(&visit, answer)),
        Started::Refused(error) => Ok(refused(&visit, error)),
        Started::Login(id) => Ok(with_browser(&visit, error::to_login(&id), &browser)),
        Started::StepUp(login, outgoing) => {
            let frame = visit.frame(&login.id, &login.ask).await?;
            Ok(with_browser(&visit, digid::send(frame, outgoing), &browser))
        }
        Started::DigidNotAsked(login, failure) => {
            let frame = visit.frame(&login.id, &login.ask).await?;
            let page = Failed::digid(&failure, &login.id).page(frame);
            Ok(with_browser(&visit, page, &browser))
        }
    }
}

/// A cross-site POST carries no `Lax` cookie, so the same request is asked again with GET, where it does.
pub async fn post(visit: Visit, body: Bytes) -> Response {
    match params(&body) {
        Ok(_) => {
            // Written anew: a `Location` is ASCII, and a form need not be.
            let mut query = form_urlencoded::Serializer::new(String::new());
            query.extend_pairs(form_urlencoded::parse(&body));
            see_other(&format!("{}?{}", visit.app.config.endpoint(path::AUTHORIZE), query.finish()))
        }
        Err(error) => refused(&visit, error),
    }
}

async fn read(visit: &Visit, query: &[u8]) -> Result<Ask, Error> {
    let params = params(query)?;
    let client = visit.app.client(client_id(&params)?).await.map_err(Error::Fault)?;
    let client = client.ok_or(Error::Page(PageError::UnknownClient))?;
    // Whatever stands beside it says nothing (RFC 9126 section 4).
    let handle = params.get("request_uri").filter(|_| !params.has("request")).and_then(par::read);
    if let Some(handle) = handle {
        return bring(&visit.app, &client, &handle, visit.now).await;
    }
    let client = match params.get("request") {
        Some(request) => visit.app.with_keys(client, Wanted::SignerOf(request), visit.now).await,
        None => client,
    };
    let here = Here { issuer: visit.app.config.issuer(), keyring: &visit.app.keyring(), now: visit.now };
    check(&params, &client, here)
}

/// The answer with which a login begins: the browser keeps the cookie that the login is bound to.
pub(super) fn with_browser(visit: &Visit, mut response: Response, browser: &Secret) -> Response {
    if visit.browser.is_none()
        && let Some(cookie) = Cookie::Browser.set(browser, visit.app.config.is_https())
    {
        response.headers_mut().append(SET_COOKIE, cookie);
    }
    response
}
