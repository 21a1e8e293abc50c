//! `GET` and `POST /authorize` (OpenID Connect Core, section 3.1.2).

use axum::{body::Bytes, extract::RawQuery, http::header::SET_COOKIE, response::Response};
use url::form_urlencoded;

use super::{
    cookies::Cookie,
    digid,
    error::{self, Failed, Told, refused, see_other},
    form_post::answered,
    visit::Visit,
};
use crate::{
    app::client_keys::Wanted,
    domain::{ask::Ask, secret::Secret},
    flows::{
        par::{bring, keep},
        start::{Started, start},
    },
    oidc::{
        authorize::{Here, check, client_id, params},
        error::{Error, PageError},
        par,
        params::Params,
        path,
    },
};

/// A portal sends a browser.
pub async fn get(visit: Visit, RawQuery(query): RawQuery) -> Result<Response, Failed> {
    let ask = async { read(&visit, &params(query.unwrap_or_default().as_bytes())?).await };
    let ask = match ask.await {
        Ok(ask) => ask,
        Err(error) => return Ok(refused(&visit, error)),
    };
    let visited = visit.visited().await?;
    let browser = visit.browser.clone().unwrap_or_else(|| Secret::token(""));
    let started = start(&visit.app, ask, visited.as_ref(), &browser, visit.now).await?;
    begun(&visit, started, &browser).await
}

/// What came of a request, as the browser gets it.
pub(super) async fn begun(visit: &Visit, started: Started, browser: &Secret) -> Result<Response, Failed> {
    match started {
        Started::Answered(answer) => Ok(answered(visit, answer)),
        Started::Refused(error) => Ok(refused(visit, error)),
        Started::Login(id) => Ok(with_browser(visit, error::to_login(&id), browser)),
        Started::StepUp(login, outgoing) => {
            let frame = visit.frame(&login.id, &login.ask).await?;
            Ok(with_browser(visit, digid::send(frame, outgoing), browser))
        }
        Started::DigidNotAsked(login, failure) => {
            let frame = visit.frame(&login.id, &login.ask).await?;
            let page = Told::digid(&failure, &login.id).page(frame, &visit.app.config.desk);
            Ok(with_browser(visit, page, browser))
        }
    }
}

/// A cross-site POST carries no `Lax` cookie, so the same request is asked again with GET, where it does. It is kept here
/// meanwhile: what came in a form stands in no address.
pub async fn post(visit: Visit, body: Bytes) -> Response {
    let kept = async {
        let params = params(&body)?;
        let ask = read(&visit, &params).await?;
        let client = ask.client_id.clone();
        match handle(&params) {
            Some(handle) => Ok((client, handle)),
            None => Ok((client, keep(&visit.app, ask, visit.now).await?)),
        }
    };
    match kept.await {
        Ok((client, handle)) => {
            let mut query = form_urlencoded::Serializer::new(String::new());
            query.append_pair("client_id", &client).append_pair("request_uri", handle.expose());
            see_other(&format!("{}?{}", visit.app.config.endpoint(path::AUTHORIZE), query.finish()))
        }
        Err(error) => refused(&visit, error),
    }
}

/// The handle of a request that was pushed. Whatever stands beside it says nothing (RFC 9126 section 4).
fn handle(params: &Params) -> Option<Secret> {
    params.get("request_uri").filter(|_| !params.has("request")).and_then(par::read)
}

async fn read(visit: &Visit, params: &Params) -> Result<Ask, Error> {
    let client = visit.app.client(client_id(params)?).await.map_err(Error::Fault)?;
    let client = client.ok_or(Error::Page(PageError::UnknownClient))?;
    if let Some(handle) = handle(params) {
        return bring(&visit.app, &client, &handle, visit.now).await;
    }
    let client = match params.get("request") {
        Some(request) => visit.app.with_keys(client, Wanted::SignerOf(request), visit.now).await,
        None => client,
    };
    let here = Here { issuer: visit.app.config.issuer(), keyring: &visit.app.keyring(), now: visit.now };
    check(params, &client, here)
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
