//! What each parameter of an authorization request must be: one rule a function, in a fixed order.

use std::collections::BTreeSet;

use super::Here;
use crate::{
    domain::{
        ask::{ActFor, Ask, Prompt, ResponseMode, Whom},
        assurance::Level,
        client::Client,
        scope::{Scope, Scopes},
    },
    oidc::{
        audience, claims_request::ClaimsRequest, dpop::is_thumbprint, error::Code, id_token::Hint,
        params::Params, resource::targets,
    },
};

/// The longest `state` that is carried, in bytes.
pub(super) const MAX_STATE: usize = 2048;
/// The longest `nonce`, in bytes.
const MAX_NONCE: usize = 512;
/// The longest `login_hint`, in bytes: an e-mail address (RFC 5321 section 4.5.3.1.3).
const MAX_HINT: usize = 254;
/// The longest `act_as`, in bytes: a `sub` (OpenID Connect Core, section 2).
const MAX_SUB: usize = 255;
/// How many languages are remembered, and how long the tag of one may be (RFC 5646 section 4.4.1).
const MAX_LOCALES: (usize, usize) = (8, 35);
/// The longest `max_age`, in seconds: ten years, beyond which it says nothing.
const MAX_AGE: i64 = 10 * 366 * 86_400;

/// A rule that a request broke.
pub(super) type Broken = (Code, &'static str);
/// Looks at one aspect of the request and writes it into the ask.
pub(super) type Rule = fn(&Params, &Client, &mut Ask) -> Result<(), Broken>;

/// The rules, in the order in which they run. `state` is read before them, so that every error carries it.
pub(super) const RULES: [Rule; 16] = [
    no_duplicates,
    nothing_spoilt,
    no_reference,
    state,
    response_type,
    response_mode,
    scope,
    pkce,
    dpop_jkt,
    nonce,
    prompt,
    max_age,
    acr_values,
    claims,
    act_as,
    hints,
];

fn no_duplicates(params: &Params, _: &Client, _: &mut Ask) -> Result<(), Broken> {
    if params.has_duplicates() {
        return Err((Code::InvalidRequest, "a parameter may be given only once"));
    }
    Ok(())
}

/// What is said of a parameter that cannot be read.
pub(super) const SPOILT: &str =
    "a parameter is longer than it may be, or holds control characters or what is no UTF-8";

fn nothing_spoilt(params: &Params, _: &Client, _: &mut Ask) -> Result<(), Broken> {
    if params.has_spoilt() {
        return Err((Code::InvalidRequest, SPOILT));
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

/// For whom the user is to act: `choose`, or a person as this client knows them. A client that has not asked with the scope of that
/// name would not be told of it, and would take the user's own tokens for that person's.
fn act_as(params: &Params, client: &Client, ask: &mut Ask) -> Result<(), Broken> {
    let Some(whom) = params.get("act_as") else { return Ok(()) };
    if !client.scopes.contains(Scope::ActAs) || !ask.scope.contains(Scope::ActAs) {
        return Err((Code::InvalidScope, "act_as needs the scope act_as: registered, and asked for"));
    }
    if ask.represents.is_some() {
        return Err((
            Code::InvalidRequest,
            "say for whom with act_as or with a value of represents in claims, not with both",
        ));
    }
    if !is_visible(whom, MAX_SUB) {
        return Err((Code::InvalidRequest, "act_as must be: choose, or the sub of a person"));
    }
    ask.act_as = Some(if whom == "choose" { ActFor::Choose } else { ActFor::One(whom.to_owned()) });
    Ok(())
}

/// An ID token that this client got from us says who is meant, also when it has expired. One that we can no longer read, or that
/// was another's, says only that somebody is meant: an honest portal may have kept it for longer than we keep our keys.
pub(super) fn hinted(params: &Params, here: Here<'_>, ask: &mut Ask) {
    let Some(token) = params.get("id_token_hint") else { return };
    let hint = Hint::read(here.keyring, here.issuer, token, here.now);
    match hint.filter(|hint| hint.aud == ask.client_id) {
        Some(hint) => ask.whom.narrow([hint.sub].into()),
        None if ask.whom == Whom::Anybody => ask.whom = Whom::Unknown,
        None => {}
    }
}

/// The APIs that the client is registered for, and the `UserInfo` endpoint, for which every grant is (RFC 8707 section 2.1).
pub(super) fn resources(params: &Params, client: &Client, issuer: &str) -> Option<Vec<String>> {
    let userinfo = audience::userinfo(issuer);
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
pub(super) fn is_visible(text: &str, longest: usize) -> bool {
    text.len() <= longest && text.bytes().all(|b| (0x20..=0x7e).contains(&b))
}
