//! The rules that a client lives by. The profiles contradict one another, so each client names one.

use super::{client::ClientAuth, key::Algorithm, words::words};

words! {
    /// A policy.
    #[derive(PartialOrd, Ord)]
    Policy {
        /// OpenID Connect Core as it stands.
        Basic = "basic",
        /// The Dutch government's profiles (NL GOV for OpenID Connect 1.0.1 and for OAuth 2.0). The default.
        Nlgov = "nlgov",
        /// FAPI 2.0 Security Profile.
        Fapi2 = "fapi2",
    }
}

impl Policy {
    /// Whether an authorization request must carry a PKCE challenge. A public client's must under every policy
    /// (RFC 9700 section 2.1.1).
    pub fn requires_pkce(self, auth: &ClientAuth) -> bool {
        self != Self::Basic || *auth == ClientAuth::None
    }

    /// Whether an authorization request must carry a nonce.
    pub fn requires_nonce(self) -> bool {
        self == Self::Nlgov
    }

    /// Whether every authorization request must be pushed first (FAPI 2.0 Security Profile, section 5.3.2.2).
    pub fn requires_par(self) -> bool {
        self == Self::Fapi2
    }

    /// Whether a client may authenticate in that way.
    pub fn allows_auth(self, auth: &ClientAuth) -> bool {
        match auth {
            // Nobody vouches for a certificate that its client signed itself (docs/adr/0022-certificates-of-clients.md).
            ClientAuth::ClientSecretBasic(_)
            | ClientAuth::ClientSecretPost(_)
            | ClientAuth::SelfSignedTlsClientAuth => self == Self::Basic,
            // A native app (RFC 8252); FAPI 2.0 section 5.3.2.1 knows confidential clients only.
            ClientAuth::None => self != Self::Fapi2,
            ClientAuth::PrivateKeyJwt | ClientAuth::TlsClientAuth => true,
        }
    }

    /// Whether the audience of a client's assertion must be the issuer alone, as one string: then an assertion that another
    /// provider was shown is worth nothing here (FAPI 2.0 Security Profile, section 5.3.2.1).
    pub fn wants_issuer_as_audience(self) -> bool {
        self == Self::Fapi2
    }

    /// Whether every access token must be sender-constrained: bound to a key that its holder shows by `DPoP`, with a nonce of ours,
    /// or to the holder's certificate (FAPI 2.0 Security Profile, section 5.3.2.1).
    pub fn requires_sender_constrained_tokens(self) -> bool {
        self == Self::Fapi2
    }

    /// Whether an access token may come in the form of a POST (RFC 6750 section 2.2), and not in the `Authorization` header alone. FAPI
    /// 2.0 (Security Profile, requirements for resource servers) knows the header only: what logs requests may keep their bodies.
    pub fn takes_tokens_in_forms(self) -> bool {
        self != Self::Fapi2
    }

    /// Whether a user may be sent back to `localhost` by that name, rather than by a loopback address (NL GOV for OpenID Connect, client
    /// profile, `redirect_uri`; RFC 8252 section 8.3).
    pub fn allows_localhost(self) -> bool {
        self == Self::Basic
    }

    /// With what tokens for a client are signed that says nothing of it (OpenID Connect Registration, section 2).
    pub const fn usual_alg(self) -> Algorithm {
        match self {
            Self::Basic | Self::Nlgov => Algorithm::Rs256,
            Self::Fapi2 => Algorithm::Ps256,
        }
    }

    /// Whether a client that asks is told by what means its user proved who they are (`amr`). The NL GOV profile and FAPI 2.0 go by
    /// the level (`acr`) alone.
    pub fn tells_amr(self) -> bool {
        self == Self::Basic
    }

    /// Whether tokens for a client may be signed so (FAPI 2.0 Security Profile, section 5.4.1).
    pub fn allows_alg(self, alg: Algorithm) -> bool {
        self != Self::Fapi2 || alg != Algorithm::Rs256
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::secret::Secret;

    #[test]
    fn what_each_policy_asks_and_allows() {
        let (public, secret) =
            (ClientAuth::None, ClientAuth::ClientSecretBasic(Secret::new("x").hashed().into()));
        let rules = |policy: Policy| {
            (
                [policy.requires_pkce(&public), policy.requires_pkce(&secret), policy.requires_nonce()],
                [policy.allows_auth(&public), policy.allows_auth(&secret), policy.wants_issuer_as_audience()],
                [
                    policy.allows_alg(Algorithm::Rs256),
                    policy.allows_alg(Algorithm::Ps256),
                    policy.requires_sender_constrained_tokens(),
                    policy.requires_par(),
                ],
            )
        };
        let amr: Vec<_> = Policy::ALL.iter().map(|policy| policy.tells_amr()).collect();
        assert_eq!(amr, [true, false, false]);
        let in_forms: Vec<_> = Policy::ALL.iter().map(|policy| policy.takes_tokens_in_forms()).collect();
        assert_eq!(in_forms, [true, true, false]);
        let by_certificate = |policy: Policy| {
            [ClientAuth::TlsClientAuth, ClientAuth::SelfSignedTlsClientAuth]
                .map(|auth| policy.allows_auth(&auth))
        };
        let told: Vec<_> = Policy::ALL.iter().map(|policy| by_certificate(*policy)).collect();
        assert_eq!(told, [[true, true], [true, false], [true, false]]);
        assert_eq!(
            rules(Policy::Basic),
            ([true, false, false], [true, true, false], [true, true, false, false])
        );
        assert_eq!(
            rules(Policy::Nlgov),
            ([true, true, true], [true, false, false], [true, true, false, false])
        );
        assert_eq!(
            rules(Policy::Fapi2),
            ([true, true, false], [false, false, true], [false, true, true, true])
        );
    }
}
