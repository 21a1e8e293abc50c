//! Levels of assurance: how sure we are who is there, and the `acr` value that says so (`OpenID` Connect Core, section 2).

use serde::{Deserialize, Serialize};

/// How a person proved who they are, weakest first: the order of the variants is the order of the levels.
/// DigiD Basis is no member: it is refused, so no session can ever carry it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Password and e-mailed code.
    Local,
    /// DigiD Midden: sms-controle or the app.
    Midden,
    /// DigiD Substantieel.
    Substantieel,
    /// DigiD Hoog.
    Hoog,
}

impl Level {
    /// Every level, weakest first.
    pub const ALL: [Self; 4] = [Self::Local, Self::Midden, Self::Substantieel, Self::Hoog];

    /// What configuration and commands call it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::Midden => "midden",
            Self::Substantieel => "substantieel",
            Self::Hoog => "hoog",
        }
    }

    /// The `acr` value in tokens and in requests.
    pub const fn acr(self) -> &'static str {
        match self {
            Self::Local => "urn:namens:acr:local",
            Self::Midden => "http://eidas.europa.eu/LoA/low",
            Self::Substantieel => "http://eidas.europa.eu/LoA/substantial",
            Self::Hoog => "http://eidas.europa.eu/LoA/high",
        }
    }

    /// By what means it is proven, as far as we know (`amr`; the values of RFC 8176 section 2). Of DigiD from Midden on we know that
    /// there were two factors, and not which.
    pub const fn amr(self) -> &'static [&'static str] {
        match self {
            Self::Local => &["pwd", "otp"],
            Self::Midden | Self::Substantieel | Self::Hoog => &["mfa"],
        }
    }

    /// The level an `acr` value names; `None` for one we do not know.
    pub fn from_acr(acr: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|level| level.acr() == acr)
    }

    /// Whether DigiD must be used to reach this level.
    pub fn needs_digid(self) -> bool {
        self > Self::Local
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_acr_reads_back_and_the_order_is_the_rank() {
        for level in Level::ALL {
            assert_eq!(Level::from_acr(level.acr()), Some(level));
            assert_eq!(serde_json::to_value(level).unwrap(), level.word());
        }
        assert!(
            Level::Local < Level::Midden
                && Level::Midden < Level::Substantieel
                && Level::Substantieel < Level::Hoog
        );
        assert_eq!(Level::from_acr("http://eid.logius.nl/LoA/basic"), None);
    }

    #[test]
    fn only_the_lowest_level_is_reached_without_digid() {
        assert_eq!(Level::ALL.map(Level::needs_digid), [false, true, true, true]);
    }
}
