//! What is wrong with a client's registration, and what to do about it.

use std::fmt::{Display, Formatter};

use super::AuthMethod;
use crate::domain::{key::Algorithm, policy::Policy};

/// A client that cannot be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadClient {
    /// The `client_id`, as it was written.
    pub client: String,
    /// What is wrong with it.
    pub why: Why,
}

impl Display for BadClient {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        match self.why {
            // What it holds may move a cursor.
            Why::Id => write!(f, "client id {:?}: {}", self.client, self.why),
            _ => write!(f, "client {}: {}", self.client, self.why),
        }
    }
}

impl std::error::Error for BadClient {}

/// What is wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Why {
    /// An id that would not survive a form or a header unharmed.
    #[error("use 1 to 64 letters, digits, '-', '_' or '.'")]
    Id,
    /// Pages would greet with nothing: "Inloggen bij".
    #[error("give it a name, on one line of at most 200 characters: people see it on every page")]
    Name,
    /// It could never receive an answer.
    #[error(
        "give at least one redirect URI; a program to which nobody logs in has `service_scopes` or `serves` instead"
    )]
    NoRedirectUri,
    /// Both in one.
    #[error(
        "it is either a portal, with redirect URIs and scopes, or a program, with `service_scopes`: register two"
    )]
    PortalAndProgram,
    /// Anybody could say that they are it.
    #[error(
        "`service_scopes` and `serves` are for a client that proves who it is: give it another auth than none"
    )]
    PublicProgram,
    /// More than anybody needs.
    #[error("give at most 16 `resources`, and at most 16 that it `serves`")]
    ManyApis,
    /// What names no API (RFC 8707 section 2).
    #[error("{0} names no API: give an absolute URI without a fragment, such as https://api.example.nl")]
    Api(String),
    /// A redirect URI that RFC 9700 section 2.1 and RFC 8252 do not allow.
    #[error(
        "{0} must be https (http only on 127.0.0.1, [::1] or localhost), without a fragment or user name"
    )]
    RedirectUri(String),
    /// A name that another program of that machine can claim, or a look-up sends elsewhere (RFC 8252 sections 7.3 and 8.3).
    #[error(
        "{uri}: under policy {policy} write the address 127.0.0.1 or [::1], not the name localhost, which need not be that machine"
    )]
    Localhost {
        /// Its policy.
        policy: Policy,
        /// Where it would lead.
        uri: String,
    },
    /// An address at which it could not hear of sessions that end (OpenID Connect Back-Channel Logout, section 2.2).
    #[error(
        "backchannel_logout_uri {0} must be https (http only on 127.0.0.1 or [::1]), without a fragment or user name"
    )]
    BackchannelUri(String),
    /// An address at which its keys could not be asked for (OpenID Connect Registration, section 2).
    #[error("jwks_uri {0} must be https (http only on 127.0.0.1 or [::1]), without a fragment or user name")]
    JwksUri(String),
    /// What a page must not lead people to.
    #[error("{member} must be https, without a user name, and at most 512 characters of visible ASCII")]
    Link {
        /// Its name.
        member: &'static str,
    },
    /// Two places that could contradict each other (OpenID Connect Registration, section 2).
    #[error("give `jwks` or `jwks_uri`, not both")]
    TwoKeySets,
    /// Several hosts and no sector: its subjects would depend on which came first (OpenID Connect Core, section 8.1).
    #[error("its redirect URIs have several hosts; name the `sector` they share")]
    Sector,
    /// What could not be shown to anybody.
    #[error("sector: write something on one line of at most 200 characters")]
    NoSector,
    /// Two that contradict each other.
    #[error("public subjects have no sector")]
    SectorOfPublic,
    /// The same, the other way round.
    #[error(
        "public_subjects is false, and the sector public means that they are public: leave one of the two out"
    )]
    PublicAndNot,
    /// A way to authenticate that its policy does not allow.
    #[error(
        "policy {policy} does not allow auth {auth}; give it another auth, or policy = \"basic\" where the portal can do no better"
    )]
    Auth {
        /// Its policy.
        policy: Policy,
        /// Its way to authenticate.
        auth: AuthMethod,
    },
    /// Nothing to know it by.
    #[error("its auth needs a `secret`")]
    NoSecret,
    /// What it would never show.
    #[error("its auth has no secret, so leave out the secret")]
    SecretOfNoUse,
    /// Nothing to check its signatures with.
    #[error(
        "auth private_key_jwt or self_signed_tls_client_auth needs its public keys: give `jwks`, a file with its JSON Web Key \
         Set, or `jwks_uri`, where it tells them"
    )]
    NoKeys,
    /// Nothing to check the signatures of its requests with: none would ever be taken (RFC 9101 section 10.5).
    #[error("require_signed_request_object needs its public keys: give `jwks` or `jwks_uri`")]
    NoRequestKeys,
    /// A BSN goes encrypted, to the provider's own portals.
    #[error("sees_bsn needs userinfo_encrypted_response_alg, and is for nobody else's client (third_party)")]
    SeesBsn,
    /// A name without the method that asks for it, or the other way round (RFC 8705 section 2.1.2).
    #[error(
        "auth tls_client_auth, and no other, needs `certificate_name`: exactly one of subject_dn (as RFC 4514 writes it), san_dns, \
         san_uri, san_ip and san_email"
    )]
    CertificateName,
    /// A signature that its policy does not allow.
    #[error("policy {policy} does not allow {}; use PS256, ES256 or EdDSA", .alg.name())]
    Algorithm {
        /// Its policy.
        policy: Policy,
        /// The algorithm.
        alg: Algorithm,
    },
    /// Nothing to encrypt to.
    #[error(
        "userinfo_encrypted_response_alg needs a public RSA key of at least 2048 bits in its `jwks`, for `use` enc or without a \
         use"
    )]
    NoEncryptionKey,
    /// Anybody could write what is only encrypted.
    #[error("an encrypted UserInfo is signed too; give userinfo_signed_response_alg")]
    Unsigned,
    /// Not an OpenID client.
    #[error("`openid` must be among its scopes")]
    NoOpenid,
}
