//! Clients: the portals and apps that delegate login to Namens (RFC 6749 section 2).

use serde::{Deserialize, Serialize};

use super::{
    api::AdminScopes, assurance::Level, client_registration::Wishes, key::Algorithm, mtls::CertificateName,
    policy::Policy, scope::Scopes,
};

mod auth;
mod bad;
mod check;
mod keys;
mod userinfo;

pub use self::{
    auth::{AuthMethod, ClientAuth},
    bad::{BadClient, Why},
    check::is_loopback,
    keys::Keys,
    userinfo::{KeyEncryption, UserinfoForm},
};

/// A registered client, as every floor sees it: already checked, whether it came from configuration or from the store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Client {
    /// The `client_id`.
    pub id: String,
    /// What pages call it: "Inloggen bij {name}".
    pub name: String,
    /// By which rules it lives.
    pub policy: Policy,
    /// Where answers may go: compared as exact strings (RFC 9700 section 2.1).
    pub redirect_uris: Vec<String>,
    /// Where a browser may go after signing out (OpenID Connect RP-Initiated Logout, section 3.1).
    #[serde(default)]
    pub post_logout_redirect_uris: Vec<String>,
    /// Where it hears that a session ended (OpenID Connect Back-Channel Logout, section 2.2).
    #[serde(default)]
    pub backchannel_logout_uri: Option<String>,
    /// How it proves who it is at the token endpoint.
    pub auth: ClientAuth,
    /// The keys that it signs with, and those that are encrypted to.
    #[serde(flatten)]
    pub keys: Keys,
    /// The name that its certificate must have, where it proves who it is with one (RFC 8705 section 2.1.2).
    #[serde(default)]
    pub certificate_name: Option<CertificateName>,
    /// Whether its tokens are bound to the certificate that it shows (`tls_client_certificate_bound_access_tokens`, RFC 8705
    /// section 3.4).
    #[serde(default)]
    pub certificate_bound_tokens: bool,
    /// What it may ask for; `openid` among them.
    pub scopes: Scopes,
    /// The APIs for which its users' access tokens may be (RFC 8707): absolute URIs, compared as exact strings.
    #[serde(default)]
    pub resources: Vec<String>,
    /// The APIs that it is itself: it may ask what tokens for them are worth (RFC 7662 section 2).
    #[serde(default)]
    pub serves: Vec<String>,
    /// What it may do at the admin API in its own name (RFC 6749 section 4.4).
    #[serde(default)]
    pub service_scopes: AdminScopes,
    /// Whom its subjects are shared with: a host for pairwise subjects, [`Client::PUBLIC_SECTOR`] for public ones.
    pub sector: String,
    /// How its ID tokens are signed.
    pub id_token_alg: Algorithm,
    /// How answers to its authorization requests are signed, where it asks for signed ones; as its ID tokens when left out (JARM,
    /// section 3).
    #[serde(default)]
    pub authorization_signed_response_alg: Option<Algorithm>,
    /// The level below which nobody logs in to it.
    pub minimum_level: Level,
    /// Whether it may know how a representative is related to the person (guardianship is sensitive).
    #[serde(default)]
    pub sees_relation: bool,
    /// In which form it gets `UserInfo`.
    #[serde(flatten)]
    pub userinfo: UserinfoForm,
    /// Whether it is somebody else's, so that users must agree to what it may know. The provider's own portals ask nothing.
    #[serde(default)]
    pub third_party: bool,
    /// What it registered of its own requests.
    #[serde(default)]
    pub wishes: Wishes,
}

impl Client {
    /// The sector of clients with public subjects. No host has this name.
    pub const PUBLIC_SECTOR: &'static str = "public";

    /// With what an answer to its authorization request is signed, where it asks for that.
    pub fn response_alg(&self) -> Algorithm {
        self.authorization_signed_response_alg.unwrap_or(self.id_token_alg)
    }

    /// Whether it must show a certificate at the token endpoint.
    pub fn shows_certificate(&self) -> bool {
        let by_certificate =
            matches!(self.auth, ClientAuth::TlsClientAuth | ClientAuth::SelfSignedTlsClientAuth);
        by_certificate || self.certificate_bound_tokens
    }

    /// Whether nothing but PKCE ties a code to it.
    pub fn is_public(&self) -> bool {
        self.auth == ClientAuth::None
    }
}

#[cfg(test)]
pub(crate) mod tests;
