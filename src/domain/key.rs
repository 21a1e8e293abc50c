//! Signing keys: facts, not states. The phase of a key follows from its facts and the clock, so all nodes turn at the
//! same instant and no job can be late.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{client::Client, time::Timestamp};

/// A JWS algorithm that Namens signs with (RFC 7518 section 3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Algorithm {
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    Rs256,
    /// RSASSA-PSS with SHA-256.
    Ps256,
    /// ECDSA on P-256 with SHA-256.
    Es256,
    /// `EdDSA` on Ed25519 (RFC 8037 section 3.1).
    #[serde(rename = "EdDSA")]
    EdDsa,
}

impl Algorithm {
    /// Every algorithm.
    pub const ALL: [Self; 4] = [Self::Rs256, Self::Ps256, Self::Es256, Self::EdDsa];

    /// What is in use: what `clients` are to be signed with, and RS256 in any case, which every portal knows.
    pub fn in_use<'a>(clients: impl IntoIterator<Item = &'a Client>) -> BTreeSet<Self> {
        let of = |client: &Client| [client.id_token_alg, client.response_alg()];
        clients.into_iter().flat_map(of).chain([Self::Rs256]).collect()
    }

    /// Its name in a JOSE header.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::Ps256 => "PS256",
            Self::Es256 => "ES256",
            Self::EdDsa => "EdDSA",
        }
    }

    /// The algorithm of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|alg| alg.name() == name)
    }
}

/// What is known about a signing key. Ends that are not yet fixed are `None`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyFacts {
    /// The RFC 7638 thumbprint of its public half.
    pub kid: String,
    /// What it signs with.
    pub alg: Algorithm,
    /// When it was made.
    pub created: Timestamp,
    /// From when the JWKS holds it.
    pub publish_from: Timestamp,
    /// From when it signs: not before every cached JWKS can hold it.
    pub sign_from: Timestamp,
    /// Until when it signs.
    pub sign_until: Option<Timestamp>,
    /// Until when the JWKS holds it: not before the last token it signed has expired.
    pub publish_until: Option<Timestamp>,
}

/// Where a key stands at some instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Published, not signing yet.
    Next,
    /// Published and able to sign.
    Current,
    /// Published for the tokens it signed; signs no more.
    Retired,
    /// Not published: not yet, or no more.
    Gone,
}

impl KeyFacts {
    /// The phase at `now`.
    pub fn phase(&self, now: Timestamp) -> Phase {
        if now < self.publish_from || self.publish_until.is_some_and(|end| now >= end) {
            Phase::Gone
        } else if now < self.sign_from {
            Phase::Next
        } else if self.sign_until.is_some_and(|end| now >= end) {
            Phase::Retired
        } else {
            Phase::Current
        }
    }

    /// The key that signs at `now` among `keys`: of those able to, the one whose turn came last.
    pub fn signer<'a>(
        keys: impl IntoIterator<Item = &'a Self>,
        alg: Algorithm,
        now: Timestamp,
    ) -> Option<&'a Self> {
        keys.into_iter()
            .filter(|key| key.alg == alg && key.phase(now) == Phase::Current)
            .max_by(|a, b| (a.sign_from, &a.kid).cmp(&(b.sign_from, &b.kid)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::client::tests::client;

    fn key(kid: &str, sign_from: i64) -> KeyFacts {
        let at = Timestamp::from_epoch;
        KeyFacts {
            kid: kid.into(),
            alg: Algorithm::Es256,
            created: at(0),
            publish_from: at(0),
            sign_from: at(sign_from),
            sign_until: Some(at(sign_from + 100)),
            publish_until: Some(at(sign_from + 200)),
        }
    }

    #[test]
    fn the_phase_turns_at_the_exact_second() {
        let k = key("a", 50);
        let phases = [
            (-1, Phase::Gone),
            (0, Phase::Next),
            (49, Phase::Next),
            (50, Phase::Current),
            (149, Phase::Current),
            (150, Phase::Retired),
            (249, Phase::Retired),
            (250, Phase::Gone),
        ];
        for (at, phase) in phases {
            assert_eq!(k.phase(Timestamp::from_epoch(at)), phase, "at {at}");
        }
    }

    #[test]
    fn the_youngest_able_key_signs() {
        let keys = [key("old", 0), key("new", 50)];
        let signer =
            |at| KeyFacts::signer(&keys, Algorithm::Es256, Timestamp::from_epoch(at)).map(|k| k.kid.as_str());
        assert_eq!((signer(49), signer(50), signer(150)), (Some("old"), Some("new"), None));
        assert_eq!(KeyFacts::signer(&keys, Algorithm::Rs256, Timestamp::from_epoch(60)), None);
    }

    #[test]
    fn an_algorithm_goes_by_its_jose_name() {
        assert_eq!(Algorithm::ALL.map(Algorithm::name), ["RS256", "PS256", "ES256", "EdDSA"]);
        assert_eq!(Algorithm::ALL.map(|alg| Algorithm::from_name(alg.name())), Algorithm::ALL.map(Some));
        assert_eq!((Algorithm::from_name("none"), Algorithm::from_name("rs256")), (None, None));
    }

    #[test]
    fn what_clients_are_signed_with_is_in_use_and_rs256_always() {
        let elliptic = Client { id_token_alg: Algorithm::Es256, ..client() };
        assert_eq!(Algorithm::in_use([]), [Algorithm::Rs256].into());
        assert_eq!(Algorithm::in_use([&elliptic]), [Algorithm::Rs256, Algorithm::Es256].into());
        let answers = Client { authorization_signed_response_alg: Some(Algorithm::EdDsa), ..client() };
        assert_eq!(Algorithm::in_use([&answers]), [Algorithm::Rs256, Algorithm::EdDsa].into());
    }
}
