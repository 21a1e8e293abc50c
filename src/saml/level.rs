//! DigiD's levels as SAML authentication context classes: its own names (DigiD interface specification 3.7), and those
//! of the routing service (ST-SAML 1.0, *Level of Assurance*).

use crate::domain::assurance::Level;

/// DigiD Basis: user name and password only.
const BASIS: &str = "urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport";

/// The same at the routing service: its list and its examples spell it differently.
const BASIC: [&str; 2] = ["http://eID.logius.nl/LoA/basic", "http://eid.logius.nl/LoA/basic"];

/// The class to ask DigiD for; `None` for a level that needs no DigiD.
pub(super) const fn class(level: Level) -> Option<&'static str> {
    match level {
        Level::Local => None,
        Level::Midden => Some("urn:oasis:names:tc:SAML:2.0:ac:classes:MobileTwoFactorContract"),
        Level::Substantieel => Some("urn:oasis:names:tc:SAML:2.0:ac:classes:Smartcard"),
        Level::Hoog => Some("urn:oasis:names:tc:SAML:2.0:ac:classes:SmartcardPKI"),
    }
}

/// What the routing service calls it. It is never asked for: the level is registered with the service.
const fn eidas(level: Level) -> Option<&'static str> {
    match level {
        Level::Local => None,
        Level::Midden => Some("http://eidas.europa.eu/LoA/low"),
        Level::Substantieel => Some("http://eidas.europa.eu/LoA/substantial"),
        Level::Hoog => Some("http://eidas.europa.eu/LoA/high"),
    }
}

/// What an asserted class means.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Asserted {
    /// Known, and below every level we have.
    Basis,
    Known(Level),
    Unknown,
}

/// By DigiD itself.
pub(super) fn read(asserted: &str) -> Asserted {
    known(asserted, &[BASIS], class)
}

/// By the routing service.
pub(super) fn read_eidas(asserted: &str) -> Asserted {
    known(asserted, &BASIC, eidas)
}

fn known(asserted: &str, basis: &[&str], name: fn(Level) -> Option<&'static str>) -> Asserted {
    if basis.contains(&asserted) {
        return Asserted::Basis;
    }
    let level = Level::ALL.into_iter().find(|level| name(*level) == Some(asserted));
    level.map_or(Asserted::Unknown, Asserted::Known)
}
