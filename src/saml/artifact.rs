//! The artifact and its exchange for an answer over DigiD's back channel (SAML 2.0 bindings, sections 3.2 and
//! 3.6).

use std::fmt;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use openssl::sha::sha1;
use reqwest::header::{CONTENT_TYPE, HeaderMap};
use reqwest::{Certificate, Client, Identity, Response, StatusCode, redirect};
use url::Url;
use zeroize::Zeroizing;

use super::message::{Message, in_soap, new_id};
use super::response::{self, Asked};
use super::service_provider::{Inner, ServiceProvider};
use super::settings::{Given, Pem, SettingsError};
use super::strict::{self, Advice};
use super::xml::{self, MAX_BYTES, escape};
use super::{Failure, Verified, verify};
use crate::domain::assurance::Level;
use crate::domain::time::Timestamp;
use crate::lane::Turn;

const CONNECT: Duration = Duration::from_secs(5);
const TOTAL: Duration = Duration::from_secs(10);

/// Type code, endpoint index, source id and message handle (SAML 2.0 bindings, section 3.6.4), in bytes.
const LENGTH: usize = 44;

/// A reference to an answer, issued by our DigiD. Whoever holds it could fetch the answer, so `Debug` prints
/// nothing.
pub struct Artifact {
    text: String,
    endpoint: Url,
}

impl fmt::Debug for Artifact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Artifact(…)")
    }
}

/// What the login that waits for this answer knows.
#[derive(Debug, Clone)]
pub struct Expected {
    /// The `ID` of the request, from [`Outgoing`](super::Outgoing), bound to this browser by the caller.
    pub request_id: String,
    /// The least level accepted.
    pub required: Level,
    /// Whether the request asked for a new login.
    pub force_authn: bool,
    /// Whether the person was asked for whom they act.
    pub representation: bool,
    /// When the request was made.
    pub asked_at: Timestamp,
}

impl Artifact {
    /// Reads the `SAMLart` parameter. One that our DigiD cannot have issued is refused here, before any call.
    pub fn parse(text: &str, sp: &ServiceProvider) -> Result<Self, Failure> {
        let digid = &sp.inner.digid;
        let bytes = if text.len() == LENGTH.div_ceil(3) * 4 { STANDARD.decode(text).ok() } else { None };
        let bytes: Option<[u8; LENGTH]> = bytes.and_then(|bytes| bytes.try_into().ok());
        let Some([type_high, type_low, index_high, index_low, rest @ ..]) = bytes else {
            return Err(Failure::BadArtifact("malformed"));
        };
        if [type_high, type_low] != [0, 4] {
            return Err(Failure::BadArtifact("of another type"));
        }
        if !rest.starts_with(&sha1(digid.entity_id.as_bytes())) {
            return Err(Failure::BadArtifact("of another identity provider"));
        }
        let index = u16::from_be_bytes([index_high, index_low]);
        let endpoint =
            digid.artifact_resolution.get(&index).ok_or(Failure::BadArtifact("of an unknown endpoint"))?;
        Ok(Self { text: text.to_owned(), endpoint: endpoint.clone() })
    }
}

impl ServiceProvider {
    /// Exchanges the artifact and runs every check: the whole road from a parameter to evidence. At most
    /// about ten seconds, in which others have the `turn`. The caller must spend the login, the artifact and the assertion id
    /// once only.
    pub async fn resolve(
        &self,
        artifact: Artifact,
        expected: &Expected,
        turn: &mut Turn,
        now: Timestamp,
    ) -> Result<Verified, Failure> {
        let Artifact { text, endpoint } = artifact;
        let id = new_id()?;
        let question = Message {
            name: "ArtifactResolve",
            id: id.clone(),
            attributes: format!("Destination=\"{}\"", escape(endpoint.as_str())),
            content: format!("<samlp:Artifact>{}</samlp:Artifact>", escape(&text)),
            now,
        };
        let sp = self.inner.clone();
        let envelope = self.inner.lanes.all.run(move || question.signed(&sp).map(|it| in_soap(&it))).await?;
        let body = turn.away(exchange(&self.inner.clients.at(now).client, endpoint, envelope)).await?;
        let (sp, expected) = (self.inner.clone(), expected.clone());
        self.inner.lanes.all.run(move || accept(&sp, &body, &id, &expected, now)).await
    }
}

/// Shape, then signature, then every check of the answer's content.
pub(super) fn accept(
    sp: &Inner,
    body: &[u8],
    resolve_id: &str,
    expected: &Expected,
    now: Timestamp,
) -> Result<Verified, Failure> {
    let advice = if sp.routing.is_some() { Advice::Unread } else { Advice::Refused };
    let signed = verify::signed(body, advice, &sp.digid.certificates, now)?;
    let asked = Asked {
        digid: &sp.digid.entity_id,
        audience: &sp.entity_id,
        acs: sp.acs_url.as_str(),
        resolve_id,
        routing: sp.routing.as_ref(),
        expected,
    };
    response::read(&signed, &asked, now)
}

/// A client that shows our certificate, trusts only the given roots, and goes nowhere but where it is sent.
pub(super) fn client(ca_roots: &Given, ours: &Pem) -> Result<Client, SettingsError> {
    let no_roots = || SettingsError::Certificate { at: ca_roots.at.clone() };
    let roots = Certificate::from_pem_bundle(ca_roots.text.as_bytes()).map_err(|_| no_roots())?;
    if roots.is_empty() {
        return Err(no_roots());
    }
    let pem = Zeroizing::new(format!("{}\n{}", *ours.certificate.text, *ours.key.text));
    let refused = |_| SettingsError::Refused { what: "the TLS client", at: ours.certificate.at.clone() };
    Client::builder()
        .identity(Identity::from_pem(pem.as_bytes()).map_err(refused)?)
        .tls_certs_only(roots)
        .https_only(true)
        .no_proxy()
        .redirect(redirect::Policy::none())
        .connect_timeout(CONNECT)
        .timeout(TOTAL)
        .build()
        .map_err(refused)
}

async fn exchange(client: &Client, endpoint: Url, envelope: String) -> Result<Vec<u8>, Failure> {
    let request = client
        .post(endpoint)
        .header(CONTENT_TYPE, "text/xml; charset=utf-8")
        .header("SOAPAction", "\"http://www.oasis-open.org/committees/security\"")
        .body(envelope);
    let mut response = request.send().await.map_err(|error| unreachable(&error))?;
    let body = read_bounded(&mut response).await?;
    match response.status() {
        StatusCode::OK if is_xml(response.headers()) => Ok(body),
        StatusCode::OK => Err(Failure::Unreachable("an answer that is no XML")),
        // SOAP 1.1 sends its faults with status 500 (section 6.2).
        StatusCode::INTERNAL_SERVER_ERROR if xml::parse(&body).is_ok_and(|e| strict::is_fault(&e)) => {
            Err(Failure::Unreachable("SOAP fault"))
        }
        status if status.is_server_error() => Err(Failure::Unreachable("HTTP status 5xx")),
        status if status.is_redirection() => Err(Failure::Unreachable("HTTP redirect")),
        // DigiD answers 404 to a signature, Issuer or message it does not accept.
        _ => Err(Failure::Unreachable("HTTP status 4xx or other")),
    }
}

/// Reads no more than a DigiD answer could be; the client's total timeout bounds a slow one.
async fn read_bounded(response: &mut Response) -> Result<Vec<u8>, Failure> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| unreachable(&error))? {
        if body.len() + chunk.len() > MAX_BYTES {
            return Err(Failure::Unreachable("an answer too large"));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

fn is_xml(headers: &HeaderMap) -> bool {
    let content_type = headers.get(CONTENT_TYPE).map(|value| value.to_str().unwrap_or_default());
    content_type.is_none_or(|value| value.to_ascii_lowercase().contains("xml"))
}

fn unreachable(error: &reqwest::Error) -> Failure {
    Failure::Unreachable(match error {
        e if e.is_timeout() => "timeout",
        e if e.is_connect() => "no connection (network, TLS or certificate)",
        _ => "broken connection",
    })
}
