//! Reading a signed ArtifactResponse and the Response in it: is it ours, is it fresh, and what does DigiD
//! say?
//!
//! The checks of the Assertion itself are in [`super::assertion`].

use super::assertion::{self, Verified};
use super::routing::Routing;
use super::verify::Signed;
use super::xml::{Element, Reason, SAML, SAMLP};
use super::{Expected, Failure};
use crate::domain::time::Timestamp;

/// How far DigiD's clock and ours may differ, in seconds.
pub(super) const SKEW: i64 = 120;

pub(super) const SUCCESS: &str = "urn:oasis:names:tc:SAML:2.0:status:Success";
const REQUESTER: &str = "urn:oasis:names:tc:SAML:2.0:status:Requester";
const AUTHN_FAILED: &str = "urn:oasis:names:tc:SAML:2.0:status:AuthnFailed";
const NO_AUTHN_CONTEXT: &str = "urn:oasis:names:tc:SAML:2.0:status:NoAuthnContext";
const REQUEST_DENIED: &str = "urn:oasis:names:tc:SAML:2.0:status:RequestDenied";
const REQUEST_UNSUPPORTED: &str = "urn:oasis:names:tc:SAML:2.0:status:RequestUnsupported";
const NO_SUPPORTED_IDP: &str = "urn:oasis:names:tc:SAML:2.0:status:NoSupportedIDP";

/// What is refused where a second status stands in a success: no login is half a success.
const HALF: Reason = "a success with another status in it";

/// ST-SAML 1.0, *Cancelling*: exactly this.
const CANCELLED: &str = "Authentication cancelled";

/// What an answer is held against.
pub(super) struct Asked<'a> {
    /// DigiD's entity id.
    pub(super) digid: &'a str,
    /// Our entity id.
    pub(super) audience: &'a str,
    /// Our assertion consumer service.
    pub(super) acs: &'a str,
    /// The `ID` of our ArtifactResolve.
    pub(super) resolve_id: &'a str,
    /// Our registration, if it is the routing service that answers.
    pub(super) routing: Option<&'a Routing>,
    /// What the login expects.
    pub(super) expected: &'a Expected,
}

/// Runs every check on a tree that [`super::verify`] let through.
pub(super) fn read(signed: &Signed, asked: &Asked<'_>, now: Timestamp) -> Result<Verified, Failure> {
    let answer = &signed.answer;
    message(answer, asked.digid, asked.resolve_id, now).map_err(Failure::Hostile)?;
    let response = answer.at_most_one(SAMLP, "Response", "several Responses").map_err(Failure::Hostile)?;
    answer_status(&status(answer).map_err(Failure::Hostile)?, response.is_some())?;
    let response = response.ok_or(Failure::ArtifactGone("it has expired"))?;
    message(response, asked.digid, &asked.expected.request_id, now).map_err(Failure::Hostile)?;
    not_older(response, asked.expected.asked_at).map_err(Failure::Hostile)?;
    destination(response, asked).map_err(Failure::Hostile)?;
    let assertion = signed.assertion.as_ref();
    let status = status(response).map_err(Failure::Hostile)?;
    response_status(&status, asked.routing.is_some(), assertion.is_some())?;
    let assertion = assertion.ok_or(Failure::Hostile("success without an Assertion"))?;
    assertion::read(assertion, asked, now)
}

/// What every message of DigiD has: version, our id in `InResponseTo`, DigiD as Issuer, and an issue time not
/// in the future.
fn message(message: &Element, digid: &str, in_response_to: &str, now: Timestamp) -> Result<(), Reason> {
    version_and_issuer(message, digid)?;
    if message.attribute("InResponseTo") != Some(in_response_to) {
        return Err("an answer to another request");
    }
    not_in_the_future(message, now)
}

/// For messages and for the Assertion.
pub(super) fn version_and_issuer(element: &Element, digid: &str) -> Result<(), Reason> {
    if element.attribute("Version") != Some("2.0") {
        return Err("not SAML 2.0");
    }
    let issuer = element.one(SAML, "Issuer", "not exactly one Issuer")?;
    if issuer.text() == digid { Ok(()) } else { Err("another Issuer") }
}

pub(super) fn not_in_the_future(element: &Element, now: Timestamp) -> Result<(), Reason> {
    if issue_instant(element)? > now.plus(SKEW) { Err("issued in the future") } else { Ok(()) }
}

/// Nothing that answers us can be older than our question.
pub(super) fn not_older(element: &Element, asked_at: Timestamp) -> Result<(), Reason> {
    if issue_instant(element)? < asked_at.plus(-SKEW) {
        Err("issued before it was asked for")
    } else {
        Ok(())
    }
}

fn issue_instant(element: &Element) -> Result<Timestamp, Reason> {
    time(element, "IssueInstant")?.ok_or("no IssueInstant")
}

/// An `xs:dateTime` attribute; absent is `None`, unreadable an error.
pub(super) fn time(element: &Element, attribute: &str) -> Result<Option<Timestamp>, Reason> {
    let text = element.attribute(attribute);
    text.map(|text| Timestamp::parse_rfc3339(text).ok_or("a time that is no time in UTC")).transpose()
}

/// DigiD 3.x sends none, the routing service always; one that is there must be ours.
fn destination(response: &Element, asked: &Asked<'_>) -> Result<(), Reason> {
    match response.attribute("Destination") {
        None if asked.routing.is_some() => Err("sent to nobody"),
        Some(to) if to != asked.acs => Err("sent to another service"),
        _ => Ok(()),
    }
}

/// The top-level status code, the second-level one in it, and what is said with them.
struct Status<'a> {
    top: &'a str,
    second: Option<&'a str>,
    message: Option<&'a str>,
}

fn status(message: &Element) -> Result<Status<'_>, Reason> {
    let status = message.one(SAMLP, "Status", "not exactly one Status")?;
    let code = status.one(SAMLP, "StatusCode", "not exactly one StatusCode")?;
    let top = code.attribute("Value").ok_or("a StatusCode without Value")?;
    let second = code.at_most_one(SAMLP, "StatusCode", "several second-level StatusCodes")?;
    let message = status.at_most_one(SAMLP, "StatusMessage", "several StatusMessages")?;
    let second = second.and_then(|code| code.attribute("Value"));
    Ok(Status { top, second, message: message.map(Element::text) })
}

/// Whether a message says success, and nothing that takes from it.
pub(super) fn is_whole_success(message: &Element) -> Result<bool, Reason> {
    let status = status(message)?;
    Ok((status.top, status.second) == (SUCCESS, None))
}

/// The outer status tells of the artifact: unknown is `RequestDenied`, expired is success without a Response.
fn answer_status(status: &Status<'_>, has_response: bool) -> Result<(), Failure> {
    match (status.top, status.second) {
        (SUCCESS, None) => Ok(()),
        (SUCCESS, Some(_)) => Err(Failure::Hostile(HALF)),
        (_, _) if has_response => Err(Failure::Hostile("a Response in a refusal")),
        (_, Some(REQUEST_DENIED)) => Err(Failure::ArtifactGone("nobody knows it")),
        _ => Err(Failure::ServiceRefused("the artifact was not resolved")),
    }
}

/// The inner status tells of the person's login. The routing service also says in it that an artifact has expired, and
/// in words that the person cancelled.
fn response_status(status: &Status<'_>, routing: bool, has_assertion: bool) -> Result<(), Failure> {
    match (status.top, status.second) {
        (SUCCESS, None) => Ok(()),
        (SUCCESS, Some(_)) => Err(Failure::Hostile(HALF)),
        (_, _) if has_assertion => Err(Failure::Hostile("an Assertion in a refusal")),
        (_, Some(AUTHN_FAILED)) => Err(Failure::Cancelled),
        _ if routing && status.message == Some(CANCELLED) => Err(Failure::Cancelled),
        (REQUESTER, Some(REQUEST_DENIED)) if routing => {
            Err(Failure::ArtifactGone("it has expired, or the request was denied"))
        }
        (_, Some(NO_AUTHN_CONTEXT)) => Err(Failure::LevelTooLow),
        (REQUESTER, Some(REQUEST_DENIED)) => Err(Failure::ServiceRefused("the request was denied")),
        (_, Some(REQUEST_DENIED)) => Err(Failure::ServiceRefused("denied by who logs people in")),
        (_, Some(REQUEST_UNSUPPORTED)) => Err(Failure::ServiceRefused("the request is not supported")),
        (_, Some(NO_SUPPORTED_IDP)) => Err(Failure::ServiceRefused("nobody whom we named can log people in")),
        (_, Some(_)) => Err(Failure::ServiceRefused("another status")),
        (_, None) => Err(Failure::ServiceRefused("it failed, and does not say why")),
    }
}
