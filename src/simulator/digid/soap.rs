//! The back channel: an artifact for an answer, in SOAP 1.1 (SAML 2.0 bindings, section 3.2).

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use futures_util::stream;

use super::answer;
use super::artifacts::Resolved;
use super::names::{SAMLP, SOAP, Status};
use super::registry::ServiceProvider;
use super::spoil::Spoil;
use super::{DigiD, blocking, held, request, verify, xml};

/// How late [`Spoil::Slow`] is.
const SLOW: Duration = Duration::from_secs(30);
/// How long [`Spoil::Dripping`] waits before each byte.
const DROP: Duration = Duration::from_millis(500);
/// How many mebibytes [`Spoil::Huge`] has.
const HUGE: usize = 1024;

/// `POST /soap`
pub(super) async fn resolve(State(digid): State<Arc<DigiD>>, body: String) -> Response {
    held(&digid.calls).soap += 1;
    tokio::time::sleep(Duration::from_secs(digid.pause.load(Ordering::Relaxed))).await;
    match answered(&digid, body).await {
        Ok(response) => response,
        Err(reason) => {
            // A bad signature, Issuer or document gets no SAML at all (Koppelvlakspecificatie 3.7).
            digid.note_refusal(&format!("ArtifactResolve: {reason}"));
            StatusCode::NOT_FOUND.into_response()
        }
    }
}

/// `POST /pause`: from now on the back channel waits so many seconds, at most a minute, before each answer. For measurements.
pub(super) async fn pause(State(digid): State<Arc<DigiD>>, seconds: String) -> Result<(), StatusCode> {
    let seconds = seconds.parse::<u64>().ok().filter(|seconds| *seconds <= 60);
    digid.pause.store(seconds.ok_or(StatusCode::BAD_REQUEST)?, Ordering::Relaxed);
    Ok(())
}

/// `POST /clock`: from now on its clock is so many seconds ahead. For tests that cross a birthday.
pub(super) async fn clock(State(digid): State<Arc<DigiD>>, seconds: String) -> Result<(), StatusCode> {
    digid.ahead.store(seconds.parse().map_err(|_| StatusCode::BAD_REQUEST)?, Ordering::Relaxed);
    Ok(())
}

async fn answered(digid: &Arc<DigiD>, body: String) -> Result<Response, String> {
    let sp = digid.sp().await?;
    let now = digid.now();
    let here = digid.soap_url.clone();
    let (resolve, artifact) = blocking(move || {
        let message = message(&body, &sp)?;
        request::artifact_resolve(&message, &sp, &here, now)
    })
    .await?;

    let sender = digid.sender();
    let text = match digid.artifacts.take(&artifact, now) {
        Resolved::Unknown => {
            digid.note_refusal("ArtifactResolve: the artifact is unknown, or was resolved before");
            answer::without_response(sender, &resolve, Status::RequestDenied, now)
        }
        Resolved::Expired => answer::without_response(sender, &resolve, Status::Success, now),
        Resolved::Good(outcome) if outcome.spoil == Some(Spoil::UnknownArtifact) => {
            answer::without_response(sender, &resolve, Status::RequestDenied, now)
        }
        Resolved::Good(outcome) if outcome.spoil == Some(Spoil::ExpiredArtifact) => {
            answer::without_response(sender, &resolve, Status::Success, now)
        }
        Resolved::Good(outcome) => {
            if let Some(response) = transport_spoil(digid, outcome.spoil).await {
                return Ok(response);
            }
            digid.note_session(&outcome);
            answer::answer(sender, &resolve, &outcome, now)
        }
    };
    let text = text.map_err(|e| format!("it cannot be answered: {e}"))?;
    Ok(([(header::CONTENT_TYPE, "text/xml; charset=utf-8")], text).into_response())
}

/// The ArtifactResolve in a SOAP envelope, when it is all that is in the Body and its signature verifies.
fn message(body: &str, sp: &ServiceProvider) -> Result<xml::Element, String> {
    let envelope = xml::read(body)?;
    let content = envelope.only(SOAP, "Body").filter(|_| envelope.is(SOAP, "Envelope"));
    let content = content.ok_or("it is no SOAP 1.1 envelope with one Body")?;
    match content.children.as_slice() {
        [one] if one.is(SAMLP, "ArtifactResolve") => {}
        _ => return Err("the Body holds something else than one ArtifactResolve".into()),
    }
    verify::enveloped(body, SAMLP, "ArtifactResolve", &sp.certificates)
}

/// The spoils that take the place of an answer, or delay it.
async fn transport_spoil(digid: &DigiD, spoil: Option<Spoil>) -> Option<Response> {
    match spoil {
        Some(Spoil::Http500) => Some(StatusCode::INTERNAL_SERVER_ERROR.into_response()),
        Some(Spoil::Http404) => Some(StatusCode::NOT_FOUND.into_response()),
        Some(Spoil::Redirect) => Some(Redirect::temporary(&digid.sender().trap).into_response()),
        Some(Spoil::SoapFault) => {
            let fault = concat!(
                "<SOAP-ENV:Fault><faultcode>SOAP-ENV:Server</faultcode>",
                "<faultstring>storing</faultstring></SOAP-ENV:Fault>",
            );
            let text = super::message::envelope(fault);
            Some(
                (StatusCode::INTERNAL_SERVER_ERROR, [(header::CONTENT_TYPE, "text/xml")], text)
                    .into_response(),
            )
        }
        Some(Spoil::Huge) => {
            let mebibyte = Bytes::from(vec![b' '; 1024 * 1024]);
            let body = stream::iter((0..HUGE).map(move |_| Ok::<_, Infallible>(mebibyte.clone())));
            Some(([(header::CONTENT_TYPE, "text/xml")], Body::from_stream(body)).into_response())
        }
        Some(Spoil::Html) => Some(([(header::CONTENT_TYPE, "text/html")], "<html></html>").into_response()),
        Some(Spoil::Dripping) => {
            let drops = stream::unfold((), |()| async {
                tokio::time::sleep(DROP).await;
                Some((Ok::<_, Infallible>(Bytes::from_static(b" ")), ()))
            });
            Some(([(header::CONTENT_TYPE, "text/xml")], Body::from_stream(drops)).into_response())
        }
        Some(Spoil::Slow) => {
            tokio::time::sleep(SLOW).await;
            None
        }
        _ => None,
    }
}
