//! The messages DigiD sends, as canonical XML text (exclusive canonicalization with the prefixes of
//! [`DECLARATIONS`](super::names::DECLARATIONS)): attributes in order, no empty-element tags, no white space between.

use chrono::{DateTime, TimeDelta, Utc};

use super::names::Status;
use super::xml::escape;

use super::super::clock::stamp;

/// How far the validity of an Assertion reaches, before and after its making (Koppelvlakspecificatie 3.7).
pub(super) const WINDOW: TimeDelta = TimeDelta::minutes(2);

/// One Assertion.
#[derive(Clone)]
pub struct Assertion {
    /// `ID`.
    pub id: String,
    /// When it was made.
    pub issued: DateTime<Utc>,
    /// DigiD's entityID.
    pub issuer: String,
    /// Sector and number; for the routing service, the login's own name.
    pub name_id: String,
    /// What the routing service says more.
    pub routing: Option<Dress>,
    /// The ID of the AuthnRequest.
    pub in_response_to: String,
    /// The assertion consumer service.
    pub recipient: String,
    /// The service provider's entityID.
    pub audience: Option<String>,
    /// Whether there are Conditions at all.
    pub conditions: bool,
    /// From when they hold.
    pub not_before: DateTime<Utc>,
    /// Until when, if there is an end.
    pub not_on_or_after: Option<DateTime<Utc>>,
    /// When the bearer may come first; DigiD says nothing of it.
    pub bearer_not_before: Option<DateTime<Utc>>,
    /// And until when, if there is an end.
    pub bearer_not_on_or_after: Option<DateTime<Utc>>,
    /// An `AuthnStatement` for each: its `AuthnContextClassRef`.
    pub class_refs: Vec<String>,
    /// When the user logged in.
    pub authenticated: DateTime<Utc>,
    /// The user's address, as DigiD saw it.
    pub address: String,
    /// `SessionIndex`.
    pub session: String,
}

/// What an Assertion of the routing service has more than DigiD's.
#[derive(Clone)]
pub struct Dress {
    /// The `Format` of its NameID.
    pub format: &'static str,
    /// Its Advice, in canonical form.
    pub advice: String,
    /// What stands in its `AttributeStatement`, in canonical form.
    pub attributes: String,
}

impl Assertion {
    /// The text, with `declarations` in its start tag, a `signature` after the Issuer and a `tail` at the end.
    pub fn xml(&self, declarations: &str, signature: &str, tail: &str) -> String {
        let dress = self.routing.as_ref();
        let told = |told: fn(&Dress) -> String| dress.map_or_else(String::new, told);
        format!(
            concat!(
                r#"<saml:Assertion{declarations} ID="{id}" IssueInstant="{issued}" Version="2.0">"#,
                "<saml:Issuer>{issuer}</saml:Issuer>{signature}",
                "<saml:Subject><saml:NameID{format}>{name_id}</saml:NameID>",
                r#"<saml:SubjectConfirmation Method="urn:oasis:names:tc:SAML:2.0:cm:bearer">"#,
                r#"<saml:SubjectConfirmationData InResponseTo="{request}"{begins}{ends} Recipient="{recipient}">"#,
                "</saml:SubjectConfirmationData></saml:SubjectConfirmation></saml:Subject>",
                "{conditions}{advice}{statements}{attributes}{tail}</saml:Assertion>",
            ),
            declarations = declarations,
            id = self.id,
            issued = stamp(self.issued),
            issuer = escape(&self.issuer),
            signature = signature,
            format = told(|dress| format!(r#" Format="{}""#, dress.format)),
            name_id = escape(&self.name_id),
            begins = moment("NotBefore", self.bearer_not_before),
            request = escape(&self.in_response_to),
            ends = moment("NotOnOrAfter", self.bearer_not_on_or_after),
            recipient = escape(&self.recipient),
            conditions = self.conditions(),
            advice = told(|dress| dress.advice.clone()),
            statements = self.statements(),
            attributes = told(|dress| format!(
                "<saml:AttributeStatement>{}</saml:AttributeStatement>",
                dress.attributes
            )),
            tail = tail,
        )
    }

    fn conditions(&self) -> String {
        if !self.conditions {
            return String::new();
        }
        let audience = self.audience.as_ref().map_or_else(String::new, |a| {
            format!(
                "<saml:AudienceRestriction><saml:Audience>{}</saml:Audience></saml:AudienceRestriction>",
                escape(a)
            )
        });
        let (from, until) = (stamp(self.not_before), moment("NotOnOrAfter", self.not_on_or_after));
        format!(r#"<saml:Conditions NotBefore="{from}"{until}>{audience}</saml:Conditions>"#)
    }

    fn statements(&self) -> String {
        let statement = |class_ref: &String| {
            format!(
                concat!(
                    r#"<saml:AuthnStatement AuthnInstant="{}" SessionIndex="{}">"#,
                    r#"<saml:SubjectLocality Address="{}"></saml:SubjectLocality><saml:AuthnContext>"#,
                    "<saml:AuthnContextClassRef>{}</saml:AuthnContextClassRef></saml:AuthnContext>",
                    "</saml:AuthnStatement>",
                ),
                stamp(self.authenticated),
                // Canonical XML leaves `>` in an attribute as it is, and escapes a line end.
                escape(&self.session).replace("&gt;", ">").replace('\n', "&#xA;"),
                self.address,
                escape(class_ref)
            )
        };
        self.class_refs.iter().map(statement).collect()
    }
}

fn moment(name: &str, at: Option<DateTime<Utc>>) -> String {
    at.map_or_else(String::new, |at| format!(r#" {name}="{}""#, stamp(at)))
}

/// The Response: unsigned, since it travels inside the ArtifactResponse, and from DigiD without a Destination.
#[derive(Debug, Clone)]
pub struct Response {
    /// `ID`.
    pub id: String,
    /// The ID of the AuthnRequest.
    pub in_response_to: String,
    /// When it was made.
    pub issued: DateTime<Utc>,
    /// DigiD's entityID.
    pub issuer: String,
    /// Where it is to be delivered.
    pub destination: Option<String>,
    /// What came of it.
    pub status: Status,
}

impl Response {
    /// The text, with `extensions` before the status and `assertions` after it.
    pub fn xml(&self, extensions: &str, assertions: &str) -> String {
        format!(
            concat!(
                r#"<samlp:Response{} ID="{}" InResponseTo="{}" IssueInstant="{}" Version="2.0">"#,
                "<saml:Issuer>{}</saml:Issuer>{}{}{}</samlp:Response>",
            ),
            self.destination
                .as_ref()
                .map_or_else(String::new, |to| format!(r#" Destination="{}""#, escape(to))),
            self.id,
            escape(&self.in_response_to),
            stamp(self.issued),
            escape(&self.issuer),
            extensions,
            self.status.xml(),
            assertions
        )
    }
}

/// The ArtifactResponse: the envelope that DigiD always signs.
#[derive(Debug, Clone)]
pub struct ArtifactResponse {
    /// `ID`.
    pub id: String,
    /// The ID of the ArtifactResolve.
    pub in_response_to: String,
    /// When it was made.
    pub issued: DateTime<Utc>,
    /// DigiD's entityID.
    pub issuer: String,
    /// Whether the artifact was known.
    pub status: Status,
}

impl ArtifactResponse {
    /// The text, with `declarations` in its start tag, a `signature` after the Issuer and `content` after the status.
    pub fn xml(&self, declarations: &str, signature: &str, content: &str) -> String {
        format!(
            concat!(
                r#"<samlp:ArtifactResponse{} ID="{}" InResponseTo="{}" IssueInstant="{}" Version="2.0">"#,
                "<saml:Issuer>{}</saml:Issuer>{}{}{}</samlp:ArtifactResponse>",
            ),
            declarations,
            self.id,
            escape(&self.in_response_to),
            stamp(self.issued),
            escape(&self.issuer),
            signature,
            self.status.xml(),
            content
        )
    }
}

/// A SOAP 1.1 envelope around a message.
pub fn envelope(message: &str) -> String {
    format!(
        concat!(
            r#"<?xml version="1.0" encoding="UTF-8"?>"#,
            r#"<SOAP-ENV:Envelope xmlns:SOAP-ENV="http://schemas.xmlsoap.org/soap/envelope/">"#,
            "<SOAP-ENV:Body>{}</SOAP-ENV:Body></SOAP-ENV:Envelope>",
        ),
        message
    )
}
