//! The front channel: takes the AuthnRequest, asks who you are, and sends the artifact by the browser.

use std::net::SocketAddr;
use std::sync::Arc;

use askama::Template;
use axum::extract::{ConnectInfo, Form, Json, RawQuery, State};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Redirect, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, TimeDelta, Utc};
use serde::Deserialize;
use url::Url;

use super::answer::{Outcome, TRAP, new_id};
use super::names::{Level, SAMLP, Status};
use super::registry::ServiceProvider;
use super::request::{AuthnRequest, Destination};
use super::routing::Routed;
use super::spoil::{RoutingSpoil, Spoil};
use super::{Calls, DigiD, Person, artifacts, blocking, held, verify, xml};

/// How far off a time is that is spoilt, unless the form says otherwise: more than any leeway.
const SHIFT: TimeDelta = TimeDelta::minutes(5);

#[derive(Template)]
#[template(path = "simulator/digid.html")]
struct LoginPage<'a> {
    ticket: &'a str,
    service: &'a str,
    minimum: &'a str,
    again: bool,
    representation: bool,
    levels: Vec<&'static str>,
    people: &'a [Person],
    error: Option<&'a str>,
}

/// What the POST binding brings.
#[derive(Deserialize)]
pub(super) struct Posted {
    #[serde(rename = "SAMLRequest")]
    request: String,
    #[serde(rename = "RelayState")]
    relay_state: Option<String>,
}

/// What the login page sends. `person` is a seeded person's BSN, `bsn` one that was typed; `level` may be empty.
#[derive(Deserialize)]
pub(super) struct LoginForm {
    ticket: String,
    #[serde(default)]
    person: String,
    #[serde(default)]
    bsn: String,
    #[serde(default)]
    level: String,
    #[serde(default)]
    outcome: String,
    #[serde(default)]
    spoil: String,
    /// How far off a time is that is spoilt.
    seconds: Option<i32>,
    /// What the signatures call their key, if not by its name.
    #[serde(default)]
    key_name: String,
    /// Text of the test's own in the signed answer: its `SessionIndex`, and the `StatusMessage` of a refusal.
    #[serde(default)]
    words: String,
    /// The BSN of whom the user acts for, where that is asked.
    #[serde(default)]
    legal: String,
    /// Not empty where the page stays open for one more answer to the same request.
    #[serde(default)]
    again: String,
}

/// `GET /sso`: the Redirect binding.
pub(super) async fn by_redirect(State(digid): State<Arc<DigiD>>, RawQuery(query): RawQuery) -> Response {
    let read = |digid: Arc<DigiD>, sp: Arc<ServiceProvider>, now| {
        if digid.service.is_some() {
            return Err("the routing service takes posted requests only".into());
        }
        let came = verify::redirected(&query.unwrap_or_default(), &sp.certificates)?;
        let message = xml::read(&came.message)?;
        if !message.is(SAMLP, "AuthnRequest") {
            return Err("it is no AuthnRequest".into());
        }
        let here = format!("{}/sso", digid.config.base_url);
        AuthnRequest::read(&message, came.relay_state, &sp, Destination::Optional(&here), None, now)
    };
    begin(digid, read).await
}

/// `POST /sso`: the POST binding.
pub(super) async fn by_post(State(digid): State<Arc<DigiD>>, Form(posted): Form<Posted>) -> Response {
    let read = move |digid: Arc<DigiD>, sp: Arc<ServiceProvider>, now| {
        let compact: String = posted.request.split_whitespace().collect();
        let bytes = STANDARD.decode(compact).map_err(|e| format!("the SAMLRequest: {e}"))?;
        let text = String::from_utf8(bytes).map_err(|e| format!("the SAMLRequest: {e}"))?;
        let message = verify::enveloped(&text, SAMLP, "AuthnRequest", &sp.certificates)?;
        let here = format!("{}/sso", digid.config.base_url);
        let destination = Destination::Required(&here);
        AuthnRequest::read(&message, posted.relay_state, &sp, destination, digid.service.as_ref(), now)
    };
    begin(digid, read).await
}

async fn begin<F>(digid: Arc<DigiD>, read: F) -> Response
where
    F: FnOnce(Arc<DigiD>, Arc<ServiceProvider>, DateTime<Utc>) -> Result<AuthnRequest, String>
        + Send
        + 'static,
{
    held(&digid.calls).sso += 1;
    match shown(&digid, read).await {
        Ok(response) => response,
        Err(reason) => {
            // A bad signature, Issuer or document gets no SAML at all (Koppelvlakspecificatie 3.7).
            digid.note_refusal(&format!("AuthnRequest: {reason}"));
            (StatusCode::NOT_FOUND, format!("DigiD-simulator: dit verzoek is geweigerd: {reason}"))
                .into_response()
        }
    }
}

async fn shown<F>(digid: &Arc<DigiD>, read: F) -> Result<Response, String>
where
    F: FnOnce(Arc<DigiD>, Arc<ServiceProvider>, DateTime<Utc>) -> Result<AuthnRequest, String>
        + Send
        + 'static,
{
    let sp = digid.sp().await?;
    let now = digid.now();
    let (reader, provider) = (Arc::clone(digid), Arc::clone(&sp));
    let request = blocking(move || read(reader, provider, now)).await?;
    if let Some(reason) = &request.invalid {
        digid.note_refusal(&format!("AuthnRequest: {reason}"));
        let outcome = outcome(&request, &sp, Status::RequestDenied, now)?;
        return send_artifact(digid, &request, outcome, now);
    }
    let ticket = digid.open_login(request.clone(), now)?;
    page(digid, &ticket, &request, None)
}

fn page(
    digid: &DigiD,
    ticket: &str,
    request: &AuthnRequest,
    error: Option<&str>,
) -> Result<Response, String> {
    let page = LoginPage {
        ticket,
        service: request.provider_name.as_deref().unwrap_or("de dienst"),
        minimum: request.minimum.name(),
        again: request.force_authn,
        representation: request.representation,
        levels: Level::ALL.iter().map(|l| l.name()).collect(),
        people: &digid.config.people,
        error,
    };
    let html = Html(page.render().map_err(|e| e.to_string())?);
    let status = if error.is_some() { StatusCode::BAD_REQUEST } else { StatusCode::OK };
    Ok((status, html).into_response())
}

/// `POST /login`
pub(super) async fn login(
    State(digid): State<Arc<DigiD>>,
    ConnectInfo(from): ConnectInfo<SocketAddr>,
    Form(form): Form<LoginForm>,
) -> Response {
    match finished(&digid, &from, &form).await {
        Ok(response) => response,
        Err(reason) => (StatusCode::BAD_REQUEST, format!("DigiD-simulator: {reason}")).into_response(),
    }
}

async fn finished(digid: &Arc<DigiD>, from: &SocketAddr, form: &LoginForm) -> Result<Response, String> {
    let spoil = Spoil::from_word(&form.spoil);
    let routing_spoil = RoutingSpoil::from_word(&form.spoil).filter(|_| digid.service.is_some());
    if !form.spoil.is_empty() && spoil.is_none() && routing_spoil.is_none() {
        return Err("geen bekende manier om te bederven".into());
    }
    let now = digid.now();
    let (_, request) = held(&digid.logins)
        .get(&form.ticket)
        .filter(|(opened, _)| now - *opened <= super::LOGIN_LIFE)
        .cloned()
        .ok_or("deze inlogpagina is verlopen of al gebruikt")?;
    let known = digid.config.people.iter().find(|p| !form.person.is_empty() && p.bsn == form.person);
    let bsn = known.map_or(form.bsn.trim(), |p| p.bsn.as_str());
    let status = match form.outcome.as_str() {
        "" | "login" => {
            if !matches!(bsn.len(), 8 | 9) || !bsn.bytes().all(|b| b.is_ascii_digit()) {
                return page(digid, &form.ticket, &request, Some("Vul een BSN van 8 of 9 cijfers in."));
            }
            Status::Success
        }
        "cancel" if digid.service.is_some() => Status::Cancelled,
        "cancel" | "authn-failed" => Status::AuthnFailed,
        "no-authn-context" => Status::NoAuthnContext,
        "denied" => Status::RequestDenied,
        "denied-behind" => Status::DeniedBehind,
        "no-supported-idp" => Status::NoSupportedIdp,
        "unsupported" => Status::RequestUnsupported,
        "failed" => Status::Failed,
        _ => return Err("geen bekende afloop".into()),
    };
    if form.again.is_empty() && held(&digid.logins).remove(&form.ticket).is_none() {
        return Err("deze inlogpagina is al gebruikt".into());
    }
    let sp = digid.sp().await?;
    let mut outcome = outcome(&request, &sp, status, now)?;
    outcome.level =
        Level::from_name(&form.level).unwrap_or_else(|| known.map_or(request.minimum, |p| p.level));
    outcome.bsn = format!("{bsn:0>9}");
    outcome.address = from.ip().to_string();
    outcome.spoil = spoil;
    outcome.key_name = Some(form.key_name.clone()).filter(|name| !name.is_empty());
    if !form.words.is_empty() {
        outcome.session.clone_from(&form.words);
        outcome.words.clone_from(&form.words);
    }
    if let Some(seconds) = form.seconds {
        outcome.shift = TimeDelta::seconds(seconds.into());
    }
    if let Some(routed) = &mut outcome.routed {
        routed.spoil = routing_spoil;
        let chosen = request.representation && !form.legal.trim().is_empty();
        routed.legal = chosen.then(|| format!("{:0>9}", form.legal.trim()));
    }
    let mut last = held(&digid.last_assertion);
    match last.as_ref() {
        Some(earlier) if spoil == Some(Spoil::ReplayedAssertion) => outcome.assertion_id.clone_from(earlier),
        _ => *last = Some(outcome.assertion_id.clone()),
    }
    drop(last);
    send_artifact(digid, &request, outcome, now)
}

fn outcome(
    request: &AuthnRequest,
    sp: &ServiceProvider,
    status: Status,
    now: DateTime<Utc>,
) -> Result<Outcome, String> {
    Ok(Outcome {
        request: request.id.clone(),
        audience: sp.entity_id.clone(),
        recipient: request.consumer.clone(),
        sign_assertion: sp.wants_assertions_signed,
        status,
        bsn: String::new(),
        level: request.minimum,
        address: String::new(),
        ended: now,
        assertion_id: new_id().map_err(|e| e.to_string())?,
        session: new_id().map_err(|e| e.to_string())?,
        spoil: None,
        key_name: None,
        words: String::new(),
        shift: SHIFT,
        routed: sp.encryption.clone().map(|recipient| Routed { recipient, legal: None, spoil: None }),
    })
}

fn send_artifact(
    digid: &DigiD,
    request: &AuthnRequest,
    outcome: Outcome,
    now: DateTime<Utc>,
) -> Result<Response, String> {
    let artifact = match outcome.spoil {
        Some(Spoil::ForeignSourceId) => artifacts::make("https://another.example.nl/saml/idp/metadata"),
        Some(Spoil::OtherType) => artifacts::make_as(1, 0, &digid.config.entity_id),
        Some(Spoil::OtherEndpoint) => artifacts::make_as(4, 1, &digid.config.entity_id),
        Some(Spoil::MalformedArtifact) => Ok("AAQAAA==".to_owned()),
        _ => digid.artifacts.keep(&digid.config.entity_id, outcome, now),
    };
    let artifact = artifact.map_err(|e| e.to_string())?;
    let mut to = Url::parse(&request.consumer).map_err(|e| format!("{}: {e}", request.consumer))?;
    to.query_pairs_mut().append_pair("SAMLart", &artifact);
    if let Some(state) = &request.relay_state {
        to.query_pairs_mut().append_pair("RelayState", state);
    }
    Ok(Redirect::to(to.as_str()).into_response())
}

/// `GET /calls`
pub(super) async fn calls(State(digid): State<Arc<DigiD>>) -> Json<Calls> {
    Json(held(&digid.calls).clone())
}

/// `/trap`: where a service provider comes only when it was tricked.
pub(super) async fn trap(State(digid): State<Arc<DigiD>>) -> &'static str {
    held(&digid.calls).trap += 1;
    TRAP
}
