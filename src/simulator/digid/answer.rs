//! From an outcome to the ArtifactResponse that tells it: right by default, spoiled on demand.

use chrono::{DateTime, TimeDelta, Utc};
use openssl::error::ErrorStack;

use super::super::random_hex;
use super::bend;
use super::message::{ArtifactResponse, Assertion, Response, WINDOW, envelope};
use super::names::{DECLARATIONS, Level, Status};
use super::routing::{self, Routed, Routing};
use super::sign::{Algorithm, KeyInfo, Refers, SigningKey};
use super::spoil::{RoutingSpoil, Spoil};
use super::wrap;
use super::xml::escape;

/// The BSN that every forged Assertion names (it passes the elfproef). Whoever is logged in with it was deceived.
pub const VICTIM: &str = "999990019";

/// The entityID of an identity provider that is not DigiD.
const ANOTHER: &str = "https://another.example.nl/saml/idp/metadata";

/// What `/trap` serves: the document that [`Spoil::ExternalReference`] signs.
pub const TRAP: &str = "<trap></trap>";

/// Who answers.
#[derive(Debug, Clone)]
pub struct Sender {
    /// DigiD's entityID.
    pub entity_id: String,
    /// DigiD's key.
    pub key: SigningKey,
    /// The key of somebody else.
    pub attacker: SigningKey,
    /// The full URL of `/trap`.
    pub trap: String,
    /// What it knows more as the routing service.
    pub routing: Option<Routing>,
}

/// What came of one login, kept under its artifact.
#[derive(Clone)]
pub struct Outcome {
    /// The ID of the AuthnRequest.
    pub request: String,
    /// The service provider's entityID.
    pub audience: String,
    /// Its assertion consumer service.
    pub recipient: String,
    /// Whether its metadata wants Assertions signed; else only the ArtifactResponse is.
    pub sign_assertion: bool,
    /// How it ended.
    pub status: Status,
    /// Whom the user says to be.
    pub bsn: String,
    /// The level reached.
    pub level: Level,
    /// The user's address.
    pub address: String,
    /// When it ended.
    pub ended: DateTime<Utc>,
    /// The ID that its Assertion will bear; of an earlier one for [`Spoil::ReplayedAssertion`].
    pub assertion_id: String,
    /// The `SessionIndex` of the session that begins with it.
    pub session: String,
    /// How to spoil the answer.
    pub spoil: Option<Spoil>,
    /// What its signatures call their key, if not by its name.
    pub key_name: Option<String>,
    /// What its `StatusMessage` says where it tells of a refusal; empty for what DigiD says.
    pub words: String,
    /// How far off a time is that is spoilt.
    pub shift: TimeDelta,
    /// What a login at the routing service knows more.
    pub routed: Option<Routed>,
}

/// The answer without a Response: the artifact is unknown (`RequestDenied`), or too old (Success, in DigiD 3.x).
pub fn without_response(
    sender: &Sender,
    resolve: &str,
    status: Status,
    now: DateTime<Utc>,
) -> Result<String, ErrorStack> {
    let envelope_of = artifact_response(sender, resolve, status, now)?;
    let signature = sender.key.sign(&envelope_of.id, &envelope_of.xml(DECLARATIONS, "", ""))?;
    Ok(envelope(&envelope_of.xml(DECLARATIONS, &signature, "")))
}

/// The answer to the ArtifactResolve with the ID `resolve`, in its SOAP envelope.
pub fn answer(
    sender: &Sender,
    resolve: &str,
    outcome: &Outcome,
    now: DateTime<Utc>,
) -> Result<String, ErrorStack> {
    let (sender, spoil) = (&naming(sender, outcome), outcome.spoil);
    let shifted = match spoil {
        Some(Spoil::Expired) => now - TimeDelta::hours(1),
        Some(Spoil::Future) => now + TimeDelta::hours(1),
        _ => now,
    };
    let right = assertion(sender, outcome, shifted)?;
    let assertion = spoil_facts(right.clone(), outcome)?;
    // What a spoil of the Assertion alone leaves right in the Response.
    let told = match spoil {
        Some(Spoil::WrongBearerInResponseTo | Spoil::WrongAssertionIssuer) => &right,
        _ => &assertion,
    };
    let response = Response {
        id: if spoil == Some(Spoil::DuplicateId) { assertion.id.clone() } else { new_id()? },
        in_response_to: told.in_response_to.clone(),
        issued: shifted,
        issuer: told.issuer.clone(),
        destination: match spoil {
            Some(Spoil::ForeignDestination) => Some("https://another.example.nl/saml/acs".into()),
            _ => routing::destination(outcome),
        },
        status: match spoil {
            Some(Spoil::StatusFailedWithAssertion) => Status::AuthnFailed,
            Some(Spoil::HalfSuccess) => Status::HalfSuccess,
            _ => outcome.status,
        },
    };
    let content = content(sender, outcome, &response, &assertion)?;
    let resolve = if spoil == Some(Spoil::WrongArtifactInResponseTo) { &new_id()? } else { resolve };
    let status = match spoil {
        Some(Spoil::RefusedWithResponse) => Status::RequestDenied,
        Some(Spoil::HalfResolved) => Status::HalfSuccess,
        _ => Status::Success,
    };
    let mut outer = artifact_response(sender, resolve, status, now)?;
    if spoil == Some(Spoil::WrongArtifactIssuer) {
        outer.issuer = ANOTHER.into();
    }
    let written =
        |signature: &str| bend::artifact_response(spoil, outer.xml(DECLARATIONS, signature, &content));
    let canonical = written("");
    let signature = match spoil {
        Some(Spoil::UnsignedArtifactResponse | Spoil::Unsigned) => String::new(),
        Some(Spoil::EmptyReference) => {
            sender.key.sign_whole(bend::without_declaration(&envelope(&canonical)))?
        }
        _ => sign(sender, spoil, &outer.id, &canonical)?,
    };
    let message = match spoil {
        Some(Spoil::Xsw1 | Spoil::Xsw2) => {
            let forged_response = Response { id: new_id()?, ..response };
            let forged_content =
                forged_response.xml("", &forged(sender, outcome, &assertion)?.xml("", "", ""));
            let around = ArtifactResponse { id: new_id()?, ..outer.clone() };
            let signed = wrap::Signed { bare: canonical, signature };
            let slot =
                if spoil == Some(Spoil::Xsw1) { signed.inside_signature() } else { signed.bare_first() };
            around.xml(DECLARATIONS, &slot, &forged_content)
        }
        _ => written(&signature),
    };
    let text = bend::on_the_wire(spoil, &envelope(&message), &sender.trap, &assertion.id);
    routing::after_signing(text, sender, outcome)
}

/// The same sender, whose signatures call their key what the outcome says.
fn naming(sender: &Sender, outcome: &Outcome) -> Sender {
    let mut sender = sender.clone();
    if let Some(name) = &outcome.key_name {
        for key in [&mut sender.key, &mut sender.attacker] {
            key.name = escape(name);
        }
    }
    sender
}

/// What stands in the ArtifactResponse, its own signatures made.
fn content(
    sender: &Sender,
    outcome: &Outcome,
    response: &Response,
    assertion: &Assertion,
) -> Result<String, ErrorStack> {
    if outcome.status != Status::Success {
        return Ok(worded(&response.xml("", ""), &outcome.words));
    }
    let (extensions, assertions) = assertions(sender, outcome, assertion)?;
    let content = bend::response(outcome.spoil, response.xml(&extensions, &assertions));
    if outcome.spoil != Some(Spoil::TwoResponses) {
        return Ok(content);
    }
    let forged = forged(sender, outcome, assertion)?;
    let signature = sender.key.sign(&forged.id, &forged.xml(DECLARATIONS, "", ""))?;
    let second = Response { id: new_id()?, ..response.clone() };
    Ok(content + &second.xml("", &forged.xml("", &signature, "")))
}

/// A refusal that says `words` in place of what it says.
fn worded(refusal: &str, words: &str) -> String {
    let Some((before, after)) = refusal.split_once("</samlp:Status>").filter(|_| !words.is_empty()) else {
        return refusal.to_owned();
    };
    let before = before.split_once("<samlp:StatusMessage>").map_or(before, |(before, _)| before);
    // Canonical XML leaves a quotation mark in text as it is.
    let words = escape(words).replace("&quot;", "\"");
    format!("{before}<samlp:StatusMessage>{words}</samlp:StatusMessage></samlp:Status>{after}")
}

fn artifact_response(
    sender: &Sender,
    resolve: &str,
    status: Status,
    now: DateTime<Utc>,
) -> Result<ArtifactResponse, ErrorStack> {
    Ok(ArtifactResponse {
        id: new_id()?,
        in_response_to: resolve.to_owned(),
        issued: now,
        issuer: sender.entity_id.clone(),
        status,
    })
}

fn assertion(sender: &Sender, outcome: &Outcome, issued: DateTime<Utc>) -> Result<Assertion, ErrorStack> {
    let mut assertion = Assertion {
        id: outcome.assertion_id.clone(),
        issued,
        issuer: sender.entity_id.clone(),
        name_id: format!("s00000000:{}", outcome.bsn),
        in_response_to: outcome.request.clone(),
        recipient: outcome.recipient.clone(),
        audience: Some(outcome.audience.clone()),
        conditions: true,
        not_before: issued - WINDOW,
        not_on_or_after: Some(issued + WINDOW),
        bearer_not_before: None,
        bearer_not_on_or_after: Some(issued + WINDOW),
        class_refs: vec![outcome.level.class_ref().to_owned()],
        // An hour's shift takes the login along; otherwise it was when the user pressed the button.
        authenticated: if outcome.ended > issued || issued - outcome.ended > TimeDelta::minutes(30) {
            issued
        } else {
            outcome.ended
        },
        address: outcome.address.clone(),
        session: outcome.session.clone(),
        routing: None,
    };
    routing::dress(&mut assertion, sender, outcome)?;
    Ok(assertion)
}

/// The spoils that change what the Assertion says.
fn spoil_facts(mut a: Assertion, outcome: &Outcome) -> Result<Assertion, ErrorStack> {
    match outcome.spoil {
        Some(Spoil::WrongAudience) => {
            a.audience = Some("https://another.example.nl/saml/metadata".into());
        }
        Some(Spoil::NoAudience) => a.audience = None,
        Some(Spoil::WrongRecipient) => a.recipient = "https://another.example.nl/saml/acs".into(),
        Some(Spoil::WrongInResponseTo | Spoil::WrongBearerInResponseTo) => a.in_response_to = new_id()?,
        Some(Spoil::WrongIssuer | Spoil::WrongAssertionIssuer) => a.issuer = ANOTHER.into(),
        Some(Spoil::NoConditions) => a.conditions = false,
        Some(Spoil::NoNotOnOrAfter) => a.not_on_or_after = None,
        Some(Spoil::NoBearerEnd) => a.bearer_not_on_or_after = None,
        Some(Spoil::ConditionsEnded) => a.not_on_or_after = Some(a.issued - outcome.shift),
        Some(Spoil::ConditionsNotYet) => a.not_before = a.issued + outcome.shift,
        Some(Spoil::BearerEnded) => a.bearer_not_on_or_after = Some(a.issued - outcome.shift),
        Some(Spoil::BearerNotYet) => a.bearer_not_before = Some(a.issued + outcome.shift),
        Some(Spoil::LoginNotYet) => a.authenticated = a.issued + outcome.shift,
        Some(Spoil::TwoAuthnStatements) => a.class_refs.push(Level::Hoog.class_ref().to_owned()),
        Some(Spoil::NoAuthnStatement) => a.class_refs.clear(),
        Some(Spoil::UnknownLevel) => {
            a.class_refs = vec!["urn:oasis:names:tc:SAML:2.0:ac:classes:Kerberos".to_owned()];
        }
        // The routing service encrypts what is wrong here.
        Some(Spoil::BadElfproef | Spoil::OtherSector | Spoil::NonDigits) if a.routing.is_some() => {}
        Some(Spoil::BadElfproef) => a.name_id = "s00000000:123456789".into(),
        Some(Spoil::OtherSector) => a.name_id = format!("s00000001:{}", outcome.bsn),
        Some(Spoil::NonDigits) => a.name_id = "s00000000:99999OO19".into(),
        Some(Spoil::VoidCanonical) if a.routing.is_none() => a.name_id = format!("s00000000:{VICTIM}"),
        Some(Spoil::CommentInNameId | Spoil::CdataInNameId | Spoil::PiInNameId) => a.name_id.push('0'),
        _ => {}
    }
    Ok(a)
}

/// What stands in the Response: its Extensions, and its Assertions.
fn assertions(
    sender: &Sender,
    outcome: &Outcome,
    assertion: &Assertion,
) -> Result<(String, String), ErrorStack> {
    let spoil = outcome.spoil;
    let text =
        |declarations, signature: &str| bend::assertion(spoil, assertion.xml(declarations, signature, ""));
    let canonical = text(DECLARATIONS, "");
    let signature = match spoil {
        Some(Spoil::UnsignedAssertion | Spoil::Unsigned) => String::new(),
        None if signed_by_login(outcome) => match &sender.routing {
            Some(routing) => routing.login_key.sign(&assertion.id, &canonical)?,
            None => String::new(),
        },
        Some(Spoil::ExternalReference) => sender.key.sign_external(&sender.trap, TRAP.as_bytes())?,
        _ if outcome.sign_assertion => sign(sender, spoil, &assertion.id, &canonical)?,
        _ => String::new(),
    };
    let right = text("", &signature);
    let forged = forged(sender, outcome, assertion)?;
    let signed = wrap::Signed { bare: assertion.xml("", "", ""), signature: signature.clone() };
    let bare_forgery = || forged.xml("", "", "");
    Ok(match spoil {
        Some(Spoil::TwoAssertions) => {
            let second = sender.key.sign(&forged.id, &forged.xml(DECLARATIONS, "", ""))?;
            (String::new(), right + &forged.xml("", &second, ""))
        }
        Some(Spoil::LookAlike) => (String::new(), bend::look_alike(&bare_forgery()) + &right),
        Some(Spoil::Xsw3) => (String::new(), bare_forgery() + &right),
        Some(Spoil::Xsw4) => (String::new(), forged.xml("", "", &right)),
        Some(Spoil::Xsw5) => (String::new(), forged.xml("", &signature, "") + &signed.bare),
        Some(Spoil::Xsw6) => (String::new(), forged.xml("", &signed.inside_signature(), "")),
        Some(Spoil::Xsw7) => (format!("<samlp:Extensions>{}</samlp:Extensions>", bare_forgery()), right),
        Some(Spoil::Xsw8) => (String::new(), forged.xml("", &signed.inside_object(), "")),
        _ => (String::new(), right),
    })
}

/// The same Assertion about somebody else.
fn forged(sender: &Sender, outcome: &Outcome, assertion: &Assertion) -> Result<Assertion, ErrorStack> {
    let name_id = format!("s00000000:{VICTIM}");
    let mut forged = Assertion { id: new_id()?, name_id, ..assertion.clone() };
    routing::forge(&mut forged, sender, outcome)?;
    Ok(forged)
}

fn signed_by_login(outcome: &Outcome) -> bool {
    outcome.routed.as_ref().is_some_and(|routed| routed.spoil == Some(RoutingSpoil::SignedByLogin))
}

/// The spoils that change how a message is signed.
pub(super) fn sign(
    sender: &Sender,
    spoil: Option<Spoil>,
    id: &str,
    canonical: &str,
) -> Result<String, ErrorStack> {
    let (key, algorithm, refers, key_info) = match spoil {
        Some(Spoil::WrongKey) => (&sender.attacker, Algorithm::RsaSha256, Refers::Element, KeyInfo::Name),
        Some(Spoil::KeyInfoAttackerCert) => {
            (&sender.attacker, Algorithm::RsaSha256, Refers::Element, KeyInfo::Certificate)
        }
        Some(Spoil::Sha1) => (&sender.key, Algorithm::RsaSha1, Refers::Element, KeyInfo::Name),
        Some(Spoil::Hmac) => (&sender.key, Algorithm::HmacWithPublicKey, Refers::Element, KeyInfo::Name),
        Some(Spoil::Sha1Digest) => (&sender.key, Algorithm::Sha1Digest, Refers::Element, KeyInfo::Name),
        Some(Spoil::Md5) => (&sender.key, Algorithm::RsaMd5, Refers::Element, KeyInfo::Name),
        _ => (&sender.key, Algorithm::RsaSha256, refers(spoil), KeyInfo::Name),
    };
    key.sign_as(id, canonical, algorithm, refers, key_info)
}

/// The spoils that change what a signature refers to.
const fn refers(spoil: Option<Spoil>) -> Refers {
    match spoil {
        Some(Spoil::XsltTransform) => Refers::ThroughXslt,
        Some(Spoil::XpathTransform) => Refers::ThroughXpath,
        Some(Spoil::Base64Transform) => Refers::ThroughBase64,
        Some(Spoil::CommentedC14n) => Refers::WithComments,
        Some(Spoil::TwoReferences) => Refers::Twice,
        Some(Spoil::VoidCanonical) => Refers::ToNothing,
        _ => Refers::Element,
    }
}

/// A new message ID: an `NCName` of 160 random bits.
pub fn new_id() -> Result<String, ErrorStack> {
    Ok(format!("_{}", random_hex(20)?))
}
