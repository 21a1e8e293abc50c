//! The authorization request (OpenID Connect Core, section 3.1.2.1): pure checks. Whose it is, where its parameters stand, and
//! where its errors may go; then the rules, one a parameter. Until the client and its redirect URI are known to be right every
//! error is a page; afterwards it is a redirect.

mod own;
mod rules;

pub use own::own;
pub use rules::is_pkce_text;
use rules::{MAX_STATE, RULES, SPOILT, hinted, is_visible, resources};

use super::{
    error::{Code, Error, PageError, Redirect},
    keyring::Keyring,
    params::Params,
    request_object,
    resource::NO_TARGET,
    response_mode::Jarm,
};
use crate::domain::{
    ask::{Ask, ResponseMode},
    client::Client,
    time::Timestamp,
};

/// Where a request arrives, and when.
#[derive(Clone, Copy)]
pub struct Here<'a> {
    /// Who we are.
    pub issuer: &'a str,
    /// The keys with which we signed what comes back as a hint.
    pub keyring: &'a Keyring,
    /// This moment.
    pub now: Timestamp,
}

/// Reads the query of an authorization request.
pub fn params(raw: &[u8]) -> Result<Params, Error> {
    Params::parse(raw).map_err(|_| PageError::Malformed.into())
}

/// Who asks. Look this client up, then [`check`].
pub fn client_id(params: &Params) -> Result<&str, Error> {
    params.get("client_id").ok_or(PageError::ClientId.into())
}

/// Checks a request of `client`, which must be the registered client of [`client_id`].
pub fn check(params: &Params, client: &Client, here: Here<'_>) -> Result<Ask, Error> {
    if client_id(params)? != client.id {
        return Err(PageError::UnknownClient.into());
    }
    if client.policy.requires_par() || client.wishes.pushes {
        let ask = blank(params, client)?;
        let why = "this client must push its requests to /par first (RFC 9126)";
        return Err(refusal(&ask, here.issuer, Code::InvalidRequest, why));
    }
    check_any(params, client, here)
}

/// Checks a request that `client`, after its proof, has pushed (RFC 9126 section 2.1). It need not say again who it is.
pub fn check_pushed(params: &Params, client: &Client, here: Here<'_>) -> Result<Ask, Error> {
    match params.get("client_id") {
        Some(id) if id != client.id => Err(PageError::UnknownClient.into()),
        _ => check_any(params, client, here),
    }
}

/// Checks the parameters of a request object if there is one, and then no others (RFC 9101 section 6.3); otherwise the plain
/// ones.
fn check_any(params: &Params, client: &Client, here: Here<'_>) -> Result<Ask, Error> {
    let Some(token) = params.get("request") else {
        if client.require_signed_request_object {
            let ask = blank(params, client)?;
            let why = "this client signs its requests: send them in `request` (RFC 9101 section 10.5)";
            return Err(refusal(&ask, here.issuer, Code::InvalidRequest, why));
        }
        return check_plain(params, client, here);
    };
    let outside = |code, why| match blank(params, client) {
        Ok(ask) => refusal(&ask, here.issuer, code, why),
        // Nobody has said where errors may go.
        Err(_) => PageError::RequestObject(why).into(),
    };
    if params.has_duplicates() {
        return Err(outside(Code::InvalidRequest, "a parameter may be given only once"));
    }
    if params.has_spoilt() {
        return Err(outside(Code::InvalidRequest, SPOILT));
    }
    if params.has("request_uri") {
        return Err(outside(Code::InvalidRequest, "request and request_uri cannot be used together"));
    }
    match request_object::read(token, client, here.issuer, here.now) {
        Ok(inside) => check_plain(&inside, client, here),
        Err(why) => Err(outside(Code::InvalidRequestObject, why)),
    }
}

/// A request of which nothing is known but where its errors may go, and how.
fn blank(params: &Params, client: &Client) -> Result<Ask, PageError> {
    // Read before the rules, as `state` is: errors travel so too.
    let mode = params.get("response_mode").and_then(ResponseMode::read);
    let (response_mode, signed) = mode.unwrap_or_default();
    Ok(Ask {
        response_mode,
        response_alg: signed.then(|| client.response_alg()),
        state: params.get("state").filter(|text| is_visible(text, MAX_STATE)).map(str::to_owned),
        level: client.minimum_level,
        ..Ask::blank(client.id.clone(), redirect_uri(params, client)?)
    })
}

fn check_plain(params: &Params, client: &Client, here: Here<'_>) -> Result<Ask, Error> {
    let mut ask = blank(params, client)?;
    for rule in RULES {
        if let Err((code, description)) = rule(params, client, &mut ask) {
            return Err(refusal(&ask, here.issuer, code, description));
        }
    }
    ask.resources = resources(params, client, here.issuer)
        .ok_or_else(|| refusal(&ask, here.issuer, Code::InvalidTarget, NO_TARGET))?;
    hinted(params, here, &mut ask);
    if ask.whom.is_nobody() {
        let why = "no user is both of id_token_hint and of the values of sub in claims";
        return Err(refusal(&ask, here.issuer, Code::LoginRequired, why));
    }
    Ok(ask)
}

/// An error that the client of a checked request hears by redirect.
pub fn refusal(ask: &Ask, issuer: &str, code: Code, description: &'static str) -> Error {
    Error::Redirect(Box::new(Redirect {
        redirect_uri: ask.redirect_uri.clone(),
        mode: ask.response_mode,
        signed: Jarm::of(ask),
        code,
        description,
        state: ask.state.clone(),
        issuer: issuer.to_owned(),
    }))
}

/// The one URI that may be redirected to: character for character a registered one (RFC 9700 section 2.1). A public
/// client may use any port of a loopback address that it registered (RFC 8252 section 7.3).
fn redirect_uri(params: &Params, client: &Client) -> Result<String, PageError> {
    let asked = params.get("redirect_uri").ok_or(PageError::RedirectUri)?;
    let any_port = if client.is_public() { without_loopback_port(asked) } else { None };
    let registered =
        |uri: &String| uri == asked || (any_port.is_some() && without_loopback_port(uri) == any_port);
    if client.redirect_uris.iter().any(registered) {
        Ok(asked.to_owned())
    } else {
        Err(PageError::RedirectUri)
    }
}

/// A loopback URI split around its port: the literal address and the rest. `None` when it is something else, or when
/// the port is none. `localhost` is a name that others can claim, not a literal.
fn without_loopback_port(uri: &str) -> Option<(&'static str, &str)> {
    let (host, rest) = ["http://127.0.0.1", "http://[::1]"]
        .into_iter()
        .find_map(|host| uri.strip_prefix(host).map(|rest| (host, rest)))?;
    let rest = match rest.strip_prefix(':') {
        None => rest,
        Some(rest) => {
            let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
            let (port, rest) = rest.split_at_checked(end)?;
            port.parse::<u16>().ok().filter(|port| *port > 0)?;
            rest
        }
    };
    (rest.is_empty() || rest.starts_with(['/', '?'])).then_some((host, rest)).filter(|_| !rest.contains('#'))
}

#[cfg(test)]
mod tests;
