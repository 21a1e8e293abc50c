//! A portal exchanges its user's access token for one about a person for whom the user acts (RFC 8693; M7, M8, A21): `sub` is
//! that person and `act.sub` the user, for APIs that the portal is registered for. The mandate is looked at each time.

use super::{
    act_as::{Asking, for_whom},
    client_consent,
    possession::Possession,
    tokens::{ACCESS_LIFE, SignedTokens, TokenResponse, live_session, signer},
};
use crate::{
    app::App,
    domain::{
        claims::ActAs,
        client::Client,
        fault::Fault,
        grant::Grant,
        id::{PersonId, random},
        scope::{Scope, Scopes},
        session::Session,
        time::Timestamp,
    },
    oidc::{
        access_token::{AccessClaims, Actor},
        audience::Audience,
        error::{Code, Error},
        params::Params,
        resource::{INVALID_TARGET, targets},
    },
    store::audit::Event,
};

/// The type of the token that is exchanged and of the one that is given (RFC 8693 section 3).
const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";

const PUBLIC: Error = Error::Json(
    Code::UnauthorizedClient,
    "a client that keeps no secret exchanges only tokens that are bound to a key (RFC 9449)",
);
const OTHER_KEY: Error = Error::Json(
    Code::InvalidDpopProof,
    "subject_token is bound to a key or a certificate: show that one (RFC 9449, RFC 8705)",
);
const BAD_TYPE: Error = Error::Json(
    Code::InvalidRequest,
    "subject_token_type, and requested_token_type if sent, must be urn:ietf:params:oauth:token-type:access_token",
);
const WITH_ACTOR: Error =
    Error::Json(Code::InvalidRequest, "send no actor_token: who acts is the user of the subject_token");
const NO_PERSON: Error = Error::Json(
    Code::InvalidRequest,
    "act_as is missing: send the sub of the person that the user chose from act_as",
);
const BAD_SCOPE: Error = Error::Json(Code::InvalidScope, "scope can only be: act_as");
/// One answer for every subject token that is no good for this client (RFC 8693 section 2.2.2).
const BAD_SUBJECT: Error = Error::Json(
    Code::InvalidRequest,
    "subject_token must be an access token of this client with the scope act_as that is good now: refresh, or log in again",
);
/// One answer for everybody for whom the user may not act, so that nobody hears why (M9).
const NOT_FOR_THEM: Error =
    Error::Json(Code::InvalidRequest, "the user may not act for this person now: see act_as");

/// Answers `client`, which has proven who it is.
pub(super) async fn exchange(
    app: &App,
    client: &Client,
    possession: &Possession,
    form: &Params,
    now: Timestamp,
) -> Result<TokenResponse, Error> {
    let (person, apis) = asked(client, form)?;
    let (claims, grant, session) = subject(app, client, possession, form, now).await?;
    if !client_consent::reaches(&app.store, client, &grant, &apis).await? {
        return Err(INVALID_TARGET);
    }
    let aud = Audience::of(apis, String::new());
    let told = for_whom(&app.store, &Asking::of(app, client, &grant, Some(&session)), now).await;
    let found = told.map(|told| told.act_as.into_iter().find(|one| one.sub == person));
    let one = match found.map_err(|untold| untold.or(NOT_FOR_THEM)) {
        Ok(Some(one)) => one,
        Ok(None) | Err(Error::Json(..)) => {
            tell(app, client, &grant, "refused", person, now).await?;
            return Err(NOT_FOR_THEM);
        }
        Err(fault) => return Err(fault),
    };
    possession.spend(&app.store).await?;
    let claims = about(&one, claims, aud, possession, now);
    let access_token = claims.sign(signer(&app.keyring(), client, now)?)?;
    tell(app, client, &grant, "ok", person, now).await?;
    let tokens = SignedTokens {
        access_token,
        token_type: claims.token_type(),
        expires_in: claims.exp.since(now),
        scope: claims.scope.to_string(),
        id_token: None,
        listed: Vec::new(),
    };
    Ok(tokens.exchanged(ACCESS_TOKEN))
}

/// For whom, and for which APIs (RFC 8693 section 2.1): each must be registered, and there is none that goes without saying.
fn asked<'f>(client: &Client, form: &'f Params) -> Result<(&'f str, Vec<String>), Error> {
    let is_ours = |name: &str| form.get(name) == Some(ACCESS_TOKEN);
    if !is_ours("subject_token_type") || form.has("requested_token_type") && !is_ours("requested_token_type")
    {
        return Err(BAD_TYPE);
    }
    if form.has("actor_token") || form.has("actor_token_type") {
        return Err(WITH_ACTOR);
    }
    if form.get("scope").is_some_and(|scope| scope.parse() != Ok(Scopes::from([Scope::ActAs]))) {
        return Err(BAD_SCOPE);
    }
    let apis = targets(form, &["resource", "audience"], |one| client.resources.iter().any(|api| api == one));
    let apis = apis.filter(|apis| !apis.is_empty()).ok_or(INVALID_TARGET)?;
    Ok((form.get("act_as").ok_or(NO_PERSON)?, apis))
}

/// The user's token, and the grant and the session that it lives in. One that is bound to a key is exchanged with that key, so
/// that its thief is no better off; one that was itself given in exchange is not exchanged again.
async fn subject(
    app: &App,
    client: &Client,
    possession: &Possession,
    form: &Params,
    now: Timestamp,
) -> Result<(AccessClaims, Grant, Session), Error> {
    let token = form.get("subject_token").ok_or(BAD_SUBJECT)?;
    let claims =
        AccessClaims::open(&app.keyring(), app.config.issuer(), token, now).map_err(|_| BAD_SUBJECT)?;
    let scope = claims.scope.within(&client.scopes);
    if claims.client_id != client.id || claims.act.is_some() || !scope.contains(Scope::ActAs) {
        return Err(BAD_SUBJECT);
    }
    match &claims.cnf {
        Some(cnf) if !possession.covers(cnf.jkt.as_deref(), cnf.x5t_s256.as_deref()) => {
            return Err(OTHER_KEY);
        }
        None if client.is_public() => return Err(PUBLIC),
        _ => {}
    }
    let found = app.store.grant_on_ground(&claims.grant, app.config.session.idle(), now).await?;
    let (grant, ground) = found.ok_or(BAD_SUBJECT)?;
    let grant = grant.in_session();
    let session = live_session(&grant, &ground, BAD_SUBJECT, now)?.clone();
    Ok((claims, grant, session))
}

/// What the new token says. It is good for no longer than `one` holds (M8).
fn about(
    one: &ActAs,
    subject: AccessClaims,
    aud: Audience,
    possession: &Possession,
    now: Timestamp,
) -> AccessClaims {
    AccessClaims {
        sub: one.sub.clone(),
        act: Some(Actor { sub: subject.sub }),
        aud,
        exp: now.plus(ACCESS_LIFE).min(one.recheck),
        iat: now,
        jti: random::<16>(),
        scope: [Scope::ActAs].into(),
        cnf: possession.confirmation(),
        ..subject
    }
}

/// The line in the log, with the user and the person. A refusal does not say why: it stands in the user's own log (M9).
async fn tell(
    app: &App,
    client: &Client,
    grant: &Grant,
    outcome: &str,
    sub: &str,
    now: Timestamp,
) -> Result<(), Fault> {
    let represented = app.store.person_of_subject(&client.sector, sub).await?;
    let event = Event {
        event: "token.exchanged",
        outcome,
        actor: Some(grant.person.as_str()),
        represented: represented.as_ref().map(PersonId::as_str),
        client: Some(&client.id),
        detail: Some(grant.id.as_str()),
        ..Event::default()
    };
    app.store.audit(&event, now).await
}
