//! The authorization request (OpenID Connect Core, section 3.1.2.1): pure checks, one rule a function, in a fixed order.
//! Until the client and its redirect URI are known to be right every error is a page; afterwards it is a redirect.

use std::collections::BTreeSet;

use super::{
    claims_request::ClaimsRequest,
    dpop::is_thumbprint,
    error::{Code, Error, PageError, Redirect},
    id_token::Hint,
    keyring::Keyring,
    params::Params,
    request_object,
    resource::{NO_TARGET, targets},
    response_mode::Signed,
    userinfo_audience,
};
use crate::domain::{
    ask::{Ask, Prompt, ResponseMode, Whom},
    assurance::Level,
    client::Client,
    profile::Claims,
    scope::{Scope, Scopes},
    time::Timestamp,
};

/// The longest `state` that is carried, in bytes.
const MAX_STATE: usize = 2048;
/// The longest `nonce`, in bytes.
const MAX_NONCE: usize = 512;
/// The longest `login_hint`, in bytes: an e-mail address (RFC 5321 section 4.5.3.1.3).
const MAX_HINT: usize = 254;
/// How many languages are remembered, and how long the tag of one may be (RFC 5646 section 4.4.1).
const MAX_LOCALES: (usize, usize) = (8, 35);
/// The longest `max_age`, in seconds: ten years, beyond which it says nothing.
const MAX_AGE: i64 = 10 * 366 * 86_400;

/// A rule that a request broke.
type Broken = (Code, &'static str);
/// Looks at one aspect of the request and writes it into the ask.
type Rule = fn(&Params, &Client, &mut Ask) -> Result<(), Broken>;

/// The rules, in the order in which they run. `state` is read before them, so that every error carries it.
const RULES: [(&str, Rule); 14] = [
    ("no duplicates", no_duplicates),
    ("no reference", no_reference),
    ("state", state),
    ("response_type", response_type),
    ("response_mode", response_mode),
    ("scope", scope),
    ("PKCE", pkce),
    ("dpop_jkt", dpop_jkt),
    ("nonce", nonce),
    ("prompt", prompt),
    ("max_age", max_age),
    ("acr_values", acr_values),
    ("claims", claims),
    ("hints", hints),
];

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
        client_id: client.id.clone(),
        pushed: None,
        redirect_uri: redirect_uri(params, client)?,
        response_mode,
        response_alg: signed.then(|| client.response_alg()),
        state: params.get("state").filter(|text| is_visible(text, MAX_STATE)).map(str::to_owned),
        nonce: None,
        scope: Scopes::default(),
        resources: Vec::new(),
        code_challenge: None,
        dpop_jkt: None,
        level: client.minimum_level,
        levels: BTreeSet::new(),
        in_id_token: Claims::new(),
        in_userinfo: Claims::new(),
        represents: None,
        amr: false,
        bsn: false,
        whom: Whom::Anybody,
        prompt: Prompt::Unset,
        asks_consent: false,
        max_age: None,
        ui_locales: Vec::new(),
        login_hint: None,
    })
}

fn check_plain(params: &Params, client: &Client, here: Here<'_>) -> Result<Ask, Error> {
    let mut ask = blank(params, client)?;
    for (_, rule) in RULES {
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
        signed: Signed::of(ask),
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

fn no_duplicates(params: &Params, _: &Client, _: &mut Ask) -> Result<(), Broken> {
    if params.has_duplicates() {
        return Err((Code::InvalidRequest, "a parameter may be given only once"));
    }
    Ok(())
}

/// Better refused than ignored: their content could forbid what the plain parameters allow. A request that was pushed here is
/// fetched before the rules.
fn no_reference(params: &Params, _: &Client, _: &mut Ask) -> Result<(), Broken> {
    if params.has("request_uri") {
        return Err((Code::RequestUriNotSupported, "request_uri must be one that was pushed to /par"));
    }
    if params.has("registration") {
        return Err((Code::RegistrationNotSupported, "registration in the request is not supported"));
    }
    Ok(())
}

fn state(params: &Params, _: &Client, ask: &mut Ask) -> Result<(), Broken> {
    if params.has("state") && ask.state.is_none() {
        return Err((Code::InvalidRequest, "state must be at most 2048 visible ASCII characters"));
    }
    Ok(())
}

fn response_type(params: &Params, _: &Client, _: &mut Ask) -> Result<(), Broken> {
    match params.get("response_type") {
        Some("code") => Ok(()),
        Some(_) => Err((Code::UnsupportedResponseType, "response_type must be: code")),
        None => Err((Code::InvalidRequest, "response_type is missing; it must be: code")),
    }
}

fn response_mode(params: &Params, _: &Client, _: &mut Ask) -> Result<(), Broken> {
    match params.get("response_mode").map(ResponseMode::read) {
        None | Some(Some(_)) => Ok(()),
        Some(None) => Err((
            Code::InvalidRequest,
            "response_mode must be: query, form_post, jwt, query.jwt or form_post.jwt",
        )),
    }
}

/// A scope that nobody has is ignored (OpenID Connect Core, section 3.1.2.1: they say what is understood); one that
/// others have and this client has not is refused.
fn scope(params: &Params, client: &Client, ask: &mut Ask) -> Result<(), Broken> {
    ask.scope = Scopes::understood(params.get("scope").unwrap_or_default());
    if !ask.scope.contains(Scope::Openid) {
        return Err((Code::InvalidScope, "scope must contain openid"));
    }
    // Many ask for this one wherever they are: it is ignored where it is not to be had (section 11).
    if !client.scopes.contains(Scope::OfflineAccess) {
        ask.scope.remove(Scope::OfflineAccess);
    }
    if !ask.scope.are_within(&client.scopes) {
        return Err((Code::InvalidScope, "this client is not registered for every scope it asks for"));
    }
    Ok(())
}

/// RFC 7636 section 4.2 and 4.3; without a method the standard would mean `plain`, which we do not have.
fn pkce(params: &Params, client: &Client, ask: &mut Ask) -> Result<(), Broken> {
    let Some(challenge) = params.get("code_challenge") else {
        if !client.policy.requires_pkce(&client.auth) && !params.has("code_challenge_method") {
            return Ok(());
        }
        return Err((Code::InvalidRequest, "code_challenge is missing: PKCE is required (RFC 7636)"));
    };
    if params.get("code_challenge_method") != Some("S256") {
        return Err((Code::InvalidRequest, "code_challenge_method must be: S256"));
    }
    if !is_pkce_text(challenge) {
        return Err((
            Code::InvalidRequest,
            "code_challenge must be 43 to 128 letters, digits, or any of - . _ ~",
        ));
    }
    ask.code_challenge = Some(challenge.to_owned());
    Ok(())
}

/// The key that the code is bound to (RFC 9449 section 10).
fn dpop_jkt(params: &Params, _: &Client, ask: &mut Ask) -> Result<(), Broken> {
    ask.dpop_jkt = params.get("dpop_jkt").map(str::to_owned);
    if ask.dpop_jkt.as_deref().is_some_and(|jkt| !is_thumbprint(jkt)) {
        return Err((Code::InvalidRequest, "dpop_jkt must be the SHA-256 thumbprint of a key (RFC 9449)"));
    }
    Ok(())
}

/// Whether a text has the form of a verifier or a challenge (RFC 7636 sections 4.1 and 4.2).
pub fn is_pkce_text(text: &str) -> bool {
    (43..=128).contains(&text.len()) && text.chars().all(|c| c.is_ascii_alphanumeric() || "-._~".contains(c))
}

fn nonce(params: &Params, client: &Client, ask: &mut Ask) -> Result<(), Broken> {
    ask.nonce = params.get("nonce").map(str::to_owned);
    if ask.nonce.is_none() && client.policy.requires_nonce() {
        return Err((
            Code::InvalidRequest,
            "nonce is missing: this client's policy requires it (NL GOV profile)",
        ));
    }
    if ask.nonce.as_deref().is_some_and(|nonce| !is_visible(nonce, MAX_NONCE)) {
        return Err((Code::InvalidRequest, "nonce must be at most 512 visible ASCII characters"));
    }
    Ok(())
}

/// `consent` asks again where there is something to agree to: at a portal of somebody else. The provider's own have nothing.
fn prompt(params: &Params, client: &Client, ask: &mut Ask) -> Result<(), Broken> {
    let words = params.get("prompt").unwrap_or_default().split(' ').filter(|word| !word.is_empty());
    let words: BTreeSet<&str> = words.collect();
    if words.contains("none") && words.len() > 1 {
        return Err((Code::InvalidRequest, "prompt=none cannot be combined with another prompt"));
    }
    for word in words {
        match word {
            "none" => ask.prompt = Prompt::None,
            "login" | "select_account" => ask.prompt = Prompt::Login,
            "consent" => ask.asks_consent = true,
            _ => {
                return Err((
                    Code::InvalidRequest,
                    "prompt must be none, or some of: login consent select_account",
                ));
            }
        }
    }
    // Who must agree to it is asked each time; of others it is not heard (section 11). The operator answers for its own portals.
    if client.third_party && !ask.asks_consent {
        ask.scope.remove(Scope::OfflineAccess);
    }
    Ok(())
}

fn max_age(params: &Params, client: &Client, ask: &mut Ask) -> Result<(), Broken> {
    ask.max_age = client.wishes.max_age;
    let Some(text) = params.get("max_age") else { return Ok(()) };
    let digits = text.chars().all(|c| c.is_ascii_digit());
    ask.max_age = text.parse().ok().filter(|age| digits && *age <= MAX_AGE);
    if ask.max_age.is_none() {
        return Err((Code::InvalidRequest, "max_age must be a number of seconds, at most ten years"));
    }
    Ok(())
}

/// The lowest known level that is asked for satisfies the request; the client's own minimum may raise it. Nothing ever
/// lowers it: a session below is stepped up or refused.
fn acr_values(params: &Params, client: &Client, ask: &mut Ask) -> Result<(), Broken> {
    let Some(asked) = params.get("acr_values") else {
        ask.level = client.wishes.levels.iter().min().map_or(ask.level, |level| ask.level.max(*level));
        return Ok(());
    };
    let Some(lowest) = asked.split(' ').filter_map(Level::from_acr).min() else {
        return Err((
            Code::UnmetAuthenticationRequirements,
            "acr_values names no level that this provider has; see acr_values_supported",
        ));
    };
    ask.level = client.minimum_level.max(lowest);
    Ok(())
}

/// Section 5.5. Of a profile a client picks single claims; any other claim for `UserInfo` is all that its scope has, so it grants
/// that scope, where the client may have it: the token's answer tells (RFC 6749 section 3.3). So does one for the ID token that
/// stands in every ID token of that scope. A value for `represents` must be met, so a client that may not know is told so.
fn claims(params: &Params, client: &Client, ask: &mut Ask) -> Result<(), Broken> {
    let Some(text) = params.get("claims") else { return Ok(()) };
    let Some(asked) = ClaimsRequest::read(text) else {
        return Err((
            Code::InvalidRequest,
            "claims must be a JSON object as in section 5.5 of OpenID Connect Core",
        ));
    };
    if let Some(acr) = asked.acr {
        match acr.levels.first() {
            Some(lowest) => ask.level = ask.level.max(*lowest),
            None if acr.essential => {
                return Err((
                    Code::UnmetAuthenticationRequirements,
                    "claims wants an acr that this provider has not; see acr_values_supported",
                ));
            }
            None => {}
        }
        if acr.essential {
            ask.levels = acr.levels;
        }
    }
    ask.in_id_token =
        asked.id_token.into_iter().filter(|claim| client.scopes.contains(claim.scope())).collect();
    for claim in asked.userinfo.into_iter().filter(|claim| client.scopes.contains(claim.scope())) {
        match claim.scope() {
            Scope::Profile => drop(ask.in_userinfo.insert(claim)),
            scope => ask.scope.insert(scope),
        }
    }
    ask.amr = asked.amr && client.policy.tells_amr();
    ask.bsn = asked.bsn && client.sees_bsn;
    if client.scopes.contains(Scope::ActAs) {
        if asked.act_as {
            ask.scope.insert(Scope::ActAs);
        }
        ask.represents = asked.represents;
    } else if asked.represents.is_some() {
        return Err((Code::InvalidScope, "this client may not know for whom its users log in"));
    }
    asked.subjects.into_iter().for_each(|subs| ask.whom.narrow(subs));
    Ok(())
}

/// An ID token that this client got from us says who is meant, also when it has expired. One that we can no longer read, or that
/// was another's, says only that somebody is meant: an honest portal may have kept it for longer than we keep our keys.
fn hinted(params: &Params, here: Here<'_>, ask: &mut Ask) {
    let Some(token) = params.get("id_token_hint") else { return };
    let hint = Hint::read(here.keyring, here.issuer, token, here.now);
    match hint.filter(|hint| hint.aud == ask.client_id) {
        Some(hint) => ask.whom.narrow([hint.sub].into()),
        None if ask.whom == Whom::Anybody => ask.whom = Whom::Unknown,
        None => {}
    }
}

/// The APIs that the client is registered for, and the `UserInfo` endpoint, for which every grant is (RFC 8707 section 2.1).
fn resources(params: &Params, client: &Client, issuer: &str) -> Option<Vec<String>> {
    let userinfo = userinfo_audience(issuer);
    targets(params, &["resource"], |one| one == userinfo || client.resources.iter().any(|api| api == one))
}

/// Wishes, not demands: a language we cannot read is skipped.
fn hints(params: &Params, _: &Client, ask: &mut Ask) -> Result<(), Broken> {
    let (count, length) = MAX_LOCALES;
    let is_tag = |tag: &&str| {
        !tag.is_empty() && tag.len() <= length && tag.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
    };
    let locales = params.get("ui_locales").unwrap_or_default();
    ask.ui_locales = locales.split(' ').filter(is_tag).take(count).map(str::to_owned).collect();
    ask.login_hint = params.get("login_hint").map(str::to_owned);
    if ask.login_hint.as_ref().is_some_and(|hint| hint.len() > MAX_HINT) {
        return Err((Code::InvalidRequest, "login_hint must be at most 254 bytes"));
    }
    Ok(())
}

/// Visible ASCII and the space (`VSCHAR`, RFC 6749 appendix A).
fn is_visible(text: &str, longest: usize) -> bool {
    text.len() <= longest && text.bytes().all(|b| (0x20..=0x7e).contains(&b))
}

#[cfg(test)]
mod tests;
