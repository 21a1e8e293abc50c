//! The names SAML gives to things, as DigiD uses them.

/// SAML protocol messages.
pub const SAMLP: &str = "urn:oasis:names:tc:SAML:2.0:protocol";
/// SAML assertions.
pub const SAML: &str = "urn:oasis:names:tc:SAML:2.0:assertion";
/// SAML metadata.
pub const MD: &str = "urn:oasis:names:tc:SAML:2.0:metadata";
/// XML signatures.
pub const DS: &str = "http://www.w3.org/2000/09/xmldsig#";
/// SOAP 1.1.
pub const SOAP: &str = "http://schemas.xmlsoap.org/soap/envelope/";

/// The four prefixes of a signed DigiD message, declared where it begins, in canonical order. They are the prefixes
/// of the signature's `InclusiveNamespaces` in the examples of the Koppelvlakspecificatie.
pub const DECLARATIONS: &str = concat!(
    r#" xmlns:ds="http://www.w3.org/2000/09/xmldsig#""#,
    r#" xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion""#,
    r#" xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol""#,
    r#" xmlns:xs="http://www.w3.org/2001/XMLSchema""#,
);

/// Bindings.
pub const HTTP_REDIRECT: &str = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect";
/// The POST binding.
pub const HTTP_POST: &str = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST";
/// The artifact binding.
pub const HTTP_ARTIFACT: &str = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Artifact";
/// The SOAP binding.
pub const SOAP_BINDING: &str = "urn:oasis:names:tc:SAML:2.0:bindings:SOAP";

/// How sure DigiD is of who logged in, lowest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// User name and password.
    Basis,
    /// And an SMS code, or the app.
    Midden,
    /// The app with an ID check.
    Substantieel,
    /// An identity card's chip.
    Hoog,
}

impl Level {
    /// All, lowest first.
    pub const ALL: [Self; 4] = [Self::Basis, Self::Midden, Self::Substantieel, Self::Hoog];

    /// The level's name, as the login page has it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Basis => "Basis",
            Self::Midden => "Midden",
            Self::Substantieel => "Substantieel",
            Self::Hoog => "Hoog",
        }
    }

    /// The `AuthnContextClassRef` (Koppelvlakspecificatie 3.7).
    pub const fn class_ref(self) -> &'static str {
        match self {
            Self::Basis => "urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport",
            Self::Midden => "urn:oasis:names:tc:SAML:2.0:ac:classes:MobileTwoFactorContract",
            Self::Substantieel => "urn:oasis:names:tc:SAML:2.0:ac:classes:Smartcard",
            Self::Hoog => "urn:oasis:names:tc:SAML:2.0:ac:classes:SmartcardPKI",
        }
    }

    /// What the routing service calls it (ST-SAML 1.0; its examples spell the lowest differently from its list).
    pub const fn eidas(self) -> &'static str {
        match self {
            Self::Basis => "http://eid.logius.nl/LoA/basic",
            Self::Midden => "http://eidas.europa.eu/LoA/low",
            Self::Substantieel => "http://eidas.europa.eu/LoA/substantial",
            Self::Hoog => "http://eidas.europa.eu/LoA/high",
        }
    }

    /// The level of that name, if it is one.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|l| l.name().eq_ignore_ascii_case(name))
    }

    /// The level of that `AuthnContextClassRef`, if it is one.
    pub fn from_class_ref(uri: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|l| l.class_ref() == uri)
    }
}

/// A status of two levels (SAML 2.0 core, section 3.2.2.2), as DigiD uses them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// Logged in.
    Success,
    /// The user cancelled, or failed to prove who they are: Responder, `AuthnFailed`.
    AuthnFailed,
    /// The user cancelled, as the routing service says it: the same, and in words.
    Cancelled,
    /// The level asked for was not reached: Responder, `NoAuthnContext`.
    NoAuthnContext,
    /// The service is not active, the request invalid, the artifact unknown: Requester, `RequestDenied`.
    RequestDenied,
    /// The party behind the routing service denied it: Responder, `RequestDenied`.
    DeniedBehind,
    /// Nobody of the request's list of providers is known: Requester, `NoSupportedIDP`.
    NoSupportedIdp,
    /// What is asked is not done here: Responder, `RequestUnsupported`.
    RequestUnsupported,
    /// Logged out here, but not everywhere: Responder, `PartialLogout`.
    PartialLogout,
    /// The same, said as a success.
    PartialSuccess,
    /// A success of which the second level says the opposite: Success, `AuthnFailed`.
    HalfSuccess,
    /// Something broke at DigiD: Responder, with no second level.
    Failed,
}

impl Status {
    /// The `samlp:Status` element, in canonical form.
    pub fn xml(self) -> String {
        let code = |name: &str, inner: &str| {
            format!(
                r#"<samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:{name}">{inner}</samlp:StatusCode>"#
            )
        };
        let codes = match self {
            Self::Success => code("Success", ""),
            Self::AuthnFailed | Self::Cancelled => code("Responder", &code("AuthnFailed", "")),
            Self::NoAuthnContext => code("Responder", &code("NoAuthnContext", "")),
            Self::RequestDenied => code("Requester", &code("RequestDenied", "")),
            Self::DeniedBehind => code("Responder", &code("RequestDenied", "")),
            Self::NoSupportedIdp => code("Requester", &code("NoSupportedIDP", "")),
            Self::RequestUnsupported => code("Responder", &code("RequestUnsupported", "")),
            Self::PartialLogout => code("Responder", &code("PartialLogout", "")),
            Self::PartialSuccess => code("Success", &code("PartialLogout", "")),
            Self::HalfSuccess => code("Success", &code("AuthnFailed", "")),
            Self::Failed => code("Responder", ""),
        };
        let words = match self {
            Self::Cancelled => "<samlp:StatusMessage>Authentication cancelled</samlp:StatusMessage>",
            _ => "",
        };
        format!("<samlp:Status>{codes}{words}</samlp:Status>")
    }
}
