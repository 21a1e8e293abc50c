//! The spoils that bend the text of a message: a part before it is signed, or the whole on the wire.

use super::spoil::Spoil;

const ROOT: &str = "<SOAP-ENV:Envelope";

/// A namespace that nobody knows, declared where canonical form has it: after those of a message.
pub const ANOTHER_NAMESPACE: &str = " xmlns:y=\"urn:y\"";

/// The spoils of an Assertion, with or without its signature, before anything is signed.
pub fn assertion(spoil: Option<Spoil>, text: String) -> String {
    match spoil {
        Some(Spoil::NoIssuer) => without(&text, "<saml:Issuer>", "</saml:Issuer>"),
        Some(Spoil::NoRecipient) => without(&text, " Recipient=\"", "\""),
        Some(Spoil::NoInResponseTo) => without(&text, " InResponseTo=\"", "\""),
        Some(Spoil::NoLevel) => without(&text, "<saml:AuthnContextClassRef>", "</saml:AuthnContextClassRef>"),
        // libxml2, mending as it reads, keeps both, and writes them in another order.
        Some(Spoil::DoubledAttribute) => text.replacen(
            "></saml:SubjectConfirmationData>",
            r#" Recipient="x"></saml:SubjectConfirmationData>"#,
            1,
        ),
        Some(Spoil::NamespacedId) => text
            .replacen(" ID=\"", &format!("{ANOTHER_NAMESPACE} ID=\""), 1)
            .replacen("\"2.0\">", "\"2.0\" y:ID=\"_y\">", 1),
        Some(Spoil::NamespacedAttribute) => namespaced(&text).unwrap_or(text),
        Some(Spoil::PiInNameId) => text.replacen("0</saml:NameID>", "<?x y?>0</saml:NameID>", 1),
        Some(Spoil::TwoAudiences) => {
            let other = concat!(
                "<saml:AudienceRestriction><saml:Audience>https://another.example.nl/saml/metadata",
                "</saml:Audience></saml:AudienceRestriction><saml:AudienceRestriction>",
            );
            text.replacen("<saml:AudienceRestriction>", other, 1)
        }
        _ => text,
    }
}

/// The spoils of a Response, before the whole is signed.
pub fn response(spoil: Option<Spoil>, text: String) -> String {
    match spoil {
        Some(Spoil::NoStatus) => without(&text, "<samlp:Status>", "</samlp:Status>"),
        Some(Spoil::NoResponseInResponseTo) => without(&text, " InResponseTo=\"", "\""),
        Some(Spoil::NoResponseIssuer) => without(&text, "<saml:Issuer>", "</saml:Issuer>"),
        _ => text,
    }
}

/// The spoils of an ArtifactResponse, with or without its signature.
pub fn artifact_response(spoil: Option<Spoil>, text: String) -> String {
    match spoil {
        Some(Spoil::NoArtifactInResponseTo) => without(&text, " InResponseTo=\"", "\""),
        Some(Spoil::NoArtifactIssuer) => without(&text, "<saml:Issuer>", "</saml:Issuer>"),
        _ => text,
    }
}

/// What the bearer says, in another namespace, and beside it the opposite.
fn namespaced(text: &str) -> Option<String> {
    const START: &str = "<saml:SubjectConfirmationData";
    let (before, rest) = text.split_once(START)?;
    let (said, after) = rest.split_once('>')?;
    let moved = said.replace(' ', " y:");
    Some(format!(
        concat!(
            "{}{}{} InResponseTo=\"_other\" NotOnOrAfter=\"2000-01-01T00:00:00Z\" ",
            "Recipient=\"https://another.example.nl/saml/acs\"{}>{}",
        ),
        before, START, ANOTHER_NAMESPACE, moved, after
    ))
}

/// An Assertion as an element of the same name in another namespace, in canonical form.
pub fn look_alike(assertion: &str) -> String {
    let start = assertion.replacen("<saml:Assertion", r#"<evil:Assertion xmlns:evil="urn:evil""#, 1);
    start.replacen("</saml:Assertion>", "</evil:Assertion>", 1)
}

/// The spoils that leave every signature whole: canonicalization does not see them, or they stand outside. `id` is the
/// Assertion's.
pub fn on_the_wire(spoil: Option<Spoil>, text: &str, trap: &str, id: &str) -> String {
    let doctype = |what: &str| text.replacen(ROOT, &format!("<!DOCTYPE x{what}>{ROOT}"), 1);
    let with_header = |text: String| {
        text.replacen("<SOAP-ENV:Body>", "<SOAP-ENV:Header>&e9;</SOAP-ENV:Header><SOAP-ENV:Body>", 1)
    };
    match spoil {
        Some(Spoil::CommentInNameId) => text.replace("0</saml:NameID>", "<!-- -->0</saml:NameID>"),
        Some(Spoil::CdataInNameId) => text.replace("0</saml:NameID>", "<![CDATA[0]]></saml:NameID>"),
        Some(Spoil::Doctype) => doctype(""),
        Some(Spoil::EntityBomb) => with_header(doctype(&bomb())),
        Some(Spoil::ExternalEntity) => with_header(doctype(&format!(r#" [<!ENTITY e9 SYSTEM "{trap}">]"#))),
        Some(Spoil::ExternalDtd) => doctype(&format!(r#" SYSTEM "{trap}""#)),
        Some(Spoil::DeclaredId) => {
            doctype(" [<!ATTLIST saml:SubjectConfirmationData InResponseTo ID #IMPLIED>]")
        }
        Some(Spoil::TrailingGarbage) => format!("{text}<garbage></garbage>"),
        Some(Spoil::Unclosed) => text.replacen("</SOAP-ENV:Envelope>", "", 1),
        Some(Spoil::ForeignEncoding) => text.replacen("UTF-8", "ISO-8859-1", 1),
        Some(Spoil::XmlId) => {
            text.replacen("<SOAP-ENV:Body>", &format!(r#"<SOAP-ENV:Body xml:id="{id}">"#), 1)
        }
        // The first is the ArtifactResponse's own, which no signature covers.
        Some(Spoil::KeyInfoRetrieval) => text.replacen(
            "<ds:KeyInfo>",
            &format!(r#"<ds:KeyInfo><ds:RetrievalMethod URI="{trap}"></ds:RetrievalMethod>"#),
            1,
        ),
        Some(Spoil::VoidCanonical) => text.replacen("<saml:Assertion", r#"<saml:Assertion xmlns:x="x""#, 1),
        _ => text.to_owned(),
    }
}

/// A document from its root on: canonical text has no declaration.
pub fn without_declaration(text: &str) -> &str {
    text.find(ROOT).and_then(|at| text.get(at..)).unwrap_or(text)
}

/// Takes out the first stretch from `from` up to and with the next `to`.
fn without(text: &str, from: &str, to: &str) -> String {
    let cut = || {
        let (before, rest) = text.split_once(from)?;
        let (_, after) = rest.split_once(to)?;
        Some(format!("{before}{after}"))
    };
    cut().unwrap_or_else(|| text.to_owned())
}

/// Ten entities, each ten times the one before.
fn bomb() -> String {
    let entity = |n: u8| format!(r#"<!ENTITY e{n} "{}">"#, format!("&e{};", n - 1).repeat(10));
    let grown: String = (1..10).map(entity).collect();
    format!(r#" [<!ENTITY e0 "bombbombbomb">{grown}]"#)
}
