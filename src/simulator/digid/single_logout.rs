//! Single logout (*Koppelvlakspecificatie* 3.7, steps U1 to U5; SAML 2.0 profiles, section 4.4).
//!
//! `/slo` takes the service provider's request from the browser and sends it back with an answer, signed with SHA-1 as the
//! real one is. `/logout` is for tests: it has DigiD send a request of its own over SOAP, and tells what came of it.

use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Form, Json, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Utc};
use flate2::Compression;
use flate2::write::DeflateEncoder;
use serde::{Deserialize, Serialize};
use url::Url;
use url::form_urlencoded::byte_serialize;

use super::super::clock::stamp;
use super::super::loopback_url;
use super::answer::{Outcome, new_id};
use super::names::{SAML, SAMLP, SOAP, Status};
use super::registry::ServiceProvider;
use super::request::{Destination, MAX_RELAY_STATE, check_header, check_issuer};
use super::single_logout_spoil::{self, LogoutSpoil, name};
use super::xml::{self, Element, escape};
use super::{DigiD, blocking, held, verify};

/// Sessions remembered; the oldest go first.
const MAX_SESSIONS: usize = 1_000;
const RSA_SHA1: &str = "http://www.w3.org/2000/09/xmldsig#rsa-sha1";
/// How long the service provider may take to carry a request out.
const PATIENCE: Duration = Duration::from_mins(1);

/// A login that an Assertion told of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    index: String,
    name: String,
}

/// A LogoutRequest of DigiD's.
#[derive(Debug, Clone)]
pub struct LogoutRequest {
    /// `ID`.
    pub id: String,
    /// When it was made.
    pub issued: DateTime<Utc>,
    /// When it ends; DigiD says nothing of it.
    pub ends: Option<DateTime<Utc>>,
    /// For whom it is; DigiD says nothing of it over SOAP.
    pub destination: Option<String>,
    /// DigiD's entityID.
    pub issuer: String,
    /// `Version`.
    pub version: &'static str,
    /// A `NameID` for each: sector and number.
    pub names: Vec<String>,
    /// Which session, or all.
    pub session: Option<String>,
}

impl LogoutRequest {
    /// The text in canonical form, with `declarations` in its start tag and, after the Issuer, a `signature` and
    /// `extensions`.
    pub fn xml(&self, declarations: &str, signature: &str, extensions: &str) -> String {
        let attribute = |name: &str, value: Option<String>| {
            value.map_or_else(String::new, |value| format!(r#" {name}="{}""#, escape(&value)))
        };
        let names: String =
            self.names.iter().map(|name| format!("<saml:NameID>{}</saml:NameID>", escape(name))).collect();
        let session = self.session.as_ref().map_or_else(String::new, |session| {
            format!("<samlp:SessionIndex>{}</samlp:SessionIndex>", escape(session))
        });
        format!(
            concat!(
                r#"<samlp:LogoutRequest{declarations}{destination} ID="{id}" IssueInstant="{issued}"{ends} Version="{version}">"#,
                "<saml:Issuer>{issuer}</saml:Issuer>{signature}{extensions}{names}{session}</samlp:LogoutRequest>",
            ),
            declarations = declarations,
            destination = attribute("Destination", self.destination.clone()),
            id = self.id,
            issued = stamp(self.issued),
            ends = attribute("NotOnOrAfter", self.ends.map(stamp)),
            version = self.version,
            issuer = escape(&self.issuer),
            signature = signature,
            extensions = extensions,
            names = names,
            session = session,
        )
    }
}

impl DigiD {
    /// Remembers the session of a login that is being told of.
    pub(super) fn note_session(&self, outcome: &Outcome) {
        let mut sessions = held(&self.sessions);
        if sessions.len() >= MAX_SESSIONS {
            sessions.remove(0);
        }
        sessions.push(Session { index: outcome.session.clone(), name: name(&outcome.bsn) });
    }
}

/// What the service provider's form brings, and, from a test, how it shall end.
#[derive(Deserialize)]
pub(super) struct Posted {
    #[serde(rename = "SAMLRequest")]
    request: String,
    #[serde(rename = "RelayState")]
    relay_state: String,
    #[serde(default)]
    outcome: String,
}

/// `POST /slo`: step U2, answered by U5.
pub(super) async fn by_post(State(digid): State<Arc<DigiD>>, Form(posted): Form<Posted>) -> Response {
    held(&digid.calls).slo += 1;
    match logged_out(&digid, posted).await {
        Ok(to) => Redirect::to(to.as_str()).into_response(),
        Err(reason) => {
            // A bad signature, Issuer or document gets no SAML at all (Koppelvlakspecificatie 3.7).
            digid.note_refusal(&format!("LogoutRequest: {reason}"));
            (StatusCode::NOT_FOUND, format!("DigiD-simulator: dit verzoek is geweigerd: {reason}"))
                .into_response()
        }
    }
}

async fn logged_out(digid: &Arc<DigiD>, posted: Posted) -> Result<Url, String> {
    let status = match posted.outcome.as_str() {
        "" => Status::Success,
        "partial" => Status::PartialLogout,
        "partial-success" => Status::PartialSuccess,
        "failed" => Status::Failed,
        _ => return Err("no such outcome".into()),
    };
    let (sp, now) = (digid.sp().await?, digid.now());
    let here = format!("{}/slo", digid.config.base_url);
    let registered = Arc::clone(&sp);
    let (id, ended) = blocking(move || asked(&posted.request, &registered, &here, now)).await?;
    if posted.relay_state.len() > MAX_RELAY_STATE {
        return Err(format!("its RelayState is longer than {MAX_RELAY_STATE} bytes"));
    }
    let mut sessions = held(&digid.sessions);
    if !ended.iter().all(|session| sessions.contains(session)) {
        return Err("there is no such session of that person".into());
    }
    sessions.retain(|known| !ended.contains(known));
    drop(sessions);
    farewell(digid, &sp, (&id, status), &posted.relay_state, now)
}

/// Reads a signed request: its ID, and whose sessions it names.
fn asked(
    request: &str,
    sp: &ServiceProvider,
    here: &str,
    now: DateTime<Utc>,
) -> Result<(String, Vec<Session>), String> {
    let compact: String = request.split_whitespace().collect();
    let bytes = STANDARD.decode(compact).map_err(|e| format!("the SAMLRequest: {e}"))?;
    let text = String::from_utf8(bytes).map_err(|e| format!("the SAMLRequest: {e}"))?;
    let message = verify::enveloped(&text, SAMLP, "LogoutRequest", &sp.certificates)?;
    check_issuer(&message, sp)?;
    check_header(&message, Destination::Required(here), now)?;
    let id = message.attribute("ID").ok_or("it has no ID")?.to_owned();
    let name = message.only(SAML, "NameID").ok_or("it has not exactly one NameID")?;
    // A session participant must name one session at least (SAML 2.0 profiles, section 4.4.4.1).
    let session = |index: &Element| Session { index: index.text().to_owned(), name: name.text().to_owned() };
    let sessions: Vec<Session> = message.all(SAMLP, "SessionIndex").map(session).collect();
    if sessions.is_empty() { Err("it has no SessionIndex".into()) } else { Ok((id, sessions)) }
}

/// The address that takes the browser back with a LogoutResponse (SAML 2.0 bindings, section 3.4.4.1).
fn farewell(
    digid: &DigiD,
    sp: &ServiceProvider,
    (request, status): (&str, Status),
    relay_state: &str,
    now: DateTime<Utc>,
) -> Result<Url, String> {
    let to = sp.logout_redirect.as_ref().ok_or("it has no SingleLogoutService for HTTP-Redirect")?;
    // As in DigiD's example, for nobody in particular.
    let response = format!(
        concat!(
            r#"<?xml version="1.0"?><samlp:LogoutResponse xmlns:saml="{}" xmlns:samlp="{}" Version="2.0" Destination="" "#,
            r#"InResponseTo="{}" ID="{}" IssueInstant="{}"><saml:Issuer>{}</saml:Issuer>{}</samlp:LogoutResponse>"#,
        ),
        SAML,
        SAMLP,
        escape(request),
        new_id().map_err(|e| e.to_string())?,
        stamp(now),
        escape(&digid.config.entity_id),
        status.xml(),
    );
    let mut deflate = DeflateEncoder::new(Vec::new(), Compression::default());
    deflate.write_all(response.as_bytes()).map_err(|e| e.to_string())?;
    let deflated = STANDARD.encode(deflate.finish().map_err(|e| e.to_string())?);
    let encoded = |value: &str| byte_serialize(value.as_bytes()).collect::<String>();
    let query = format!(
        "SAMLResponse={}&RelayState={}&SigAlg={}",
        encoded(&deflated),
        encoded(relay_state),
        encoded(RSA_SHA1)
    );
    let signature = digid.sender().key.sign_query(&query).map_err(|e| e.to_string())?;
    let mut to = Url::parse(to).map_err(|e| format!("{to}: {e}"))?;
    to.set_query(Some(&format!("{query}&Signature={}", encoded(&signature))));
    Ok(to)
}

/// Whom a test wants logged out by DigiD, and how it goes wrong. Without a session: everywhere; a number counts that
/// person's logins, from 0.
#[derive(Deserialize)]
pub(super) struct Order {
    bsn: String,
    #[serde(default)]
    session: String,
    #[serde(default)]
    spoil: String,
    /// Anything: make the request, and send it nowhere.
    #[serde(default)]
    keep: String,
}

/// What came of it.
#[derive(Serialize)]
pub(super) struct Told {
    /// The very text that was sent.
    sent: String,
    /// The status of the answer.
    status: u16,
    /// Why the answer is none, or not a good one. Without it, the service provider says that it was done.
    refused: Option<String>,
}

/// `POST /logout`: has DigiD send step U3, and checks U4.
pub(super) async fn send(State(digid): State<Arc<DigiD>>, Form(order): Form<Order>) -> Response {
    match ordered(&digid, order).await {
        Ok(told) => Json(told).into_response(),
        Err(reason) => (StatusCode::BAD_REQUEST, format!("DigiD-simulator: {reason}")).into_response(),
    }
}

async fn ordered(digid: &Arc<DigiD>, order: Order) -> Result<Told, String> {
    let spoil = LogoutSpoil::from_word(&order.spoil);
    if !order.spoil.is_empty() && spoil.is_none() {
        return Err("no such way to spoil it".into());
    }
    let (sp, now) = (digid.sp().await?, digid.now());
    let to = sp.logout_soap.clone().ok_or("it has no SingleLogoutService for SOAP")?;
    loopback_url(&to).map_err(|e| e.to_string())?;
    let number = order.session.parse::<usize>().ok();
    let nth = number.and_then(|number| {
        let sessions = held(&digid.sessions);
        let mut theirs = sessions.iter().filter(|session| session.name == name(&order.bsn));
        theirs.nth(number).map(|session| session.index.clone())
    });
    let request = LogoutRequest {
        id: new_id().map_err(|e| e.to_string())?,
        issued: now,
        ends: None,
        destination: None,
        issuer: digid.config.entity_id.clone(),
        version: "2.0",
        names: vec![name(&order.bsn)],
        session: nth.or(Some(order.session).filter(|session| !session.is_empty())),
    };
    let id = request.id.clone();
    let sent = single_logout_spoil::sent(digid.sender(), request, spoil).map_err(|e| e.to_string())?;
    if !order.keep.is_empty() {
        return Ok(Told { sent, status: 0, refused: Some("it was not sent".into()) });
    }
    let client = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .timeout(PATIENCE)
        .build()
        .map_err(|e| e.to_string())?;
    let answer = client
        .post(&to)
        .header(header::CONTENT_TYPE, "text/xml; charset=utf-8")
        .body(sent.clone())
        .send()
        .await
        .map_err(|e| e.to_string())?;
    let status = answer.status().as_u16();
    let text = answer.text().await.map_err(|e| e.to_string())?;
    let now = digid.now();
    let refused = blocking(move || answered(&text, &sp, (&id, &to), now)).await.err();
    Ok(Told { sent, status, refused })
}

/// Checks the service provider's answer: signed, fresh, ours, and a success.
fn answered(
    text: &str,
    sp: &ServiceProvider,
    (id, to): (&str, &str),
    now: DateTime<Utc>,
) -> Result<(), String> {
    let envelope = xml::read(text)?;
    let content = envelope.only(SOAP, "Body").filter(|_| envelope.is(SOAP, "Envelope"));
    match content.ok_or("it is no SOAP 1.1 envelope with one Body")?.children.as_slice() {
        [one] if one.is(SAMLP, "LogoutResponse") => {}
        [fault] if fault.is(SOAP, "Fault") => return Err("a SOAP fault".into()),
        _ => return Err("the Body holds something else than one LogoutResponse".into()),
    }
    let message = verify::enveloped(text, SAMLP, "LogoutResponse", &sp.certificates)?;
    check_issuer(&message, sp)?;
    check_header(&message, Destination::Optional(to), now)?;
    if message.attribute("InResponseTo") != Some(id) {
        return Err("it answers another request".into());
    }
    let code = message.only(SAMLP, "Status").and_then(|status| status.only(SAMLP, "StatusCode"));
    match code.and_then(|code| code.attribute("Value")) {
        Some("urn:oasis:names:tc:SAML:2.0:status:Success") if code.is_some_and(is_leaf) => Ok(()),
        _ => Err("it is no success".into()),
    }
}

fn is_leaf(element: &Element) -> bool {
    element.children.is_empty()
}
