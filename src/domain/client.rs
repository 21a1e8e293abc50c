//! Clients: the portals and apps that delegate login to Namens (RFC 6749 section 2).

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use url::{Host, Url};

use super::{
    api::AdminScopes,
    assurance::Level,
    jwk::JwkSet,
    key::Algorithm,
    line::one_line,
    policy::Policy,
    scope::{Scope, Scopes},
    secret::Hashed,
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
    /// The keys that it signs with, where it does.
    #[serde(default)]
    pub jwks: Option<JwkSet>,
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
    /// The level below which nobody logs in to it.
    pub minimum_level: Level,
    /// Whether it may know how a representative is related to the person (guardianship is sensitive).
    #[serde(default)]
    pub sees_relation: bool,
}

/// How a client proves who it is (OpenID Connect Core, section 9).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "method", content = "secret_sha256", rename_all = "snake_case")]
pub enum ClientAuth {
    /// A public client: PKCE alone ties its code to it.
    None,
    /// `Authorization: Basic` (RFC 6749 section 2.3.1).
    ClientSecretBasic(Hashed),
    /// In the form.
    ClientSecretPost(Hashed),
    /// A JWT signed with one of its keys (RFC 7523 section 2.2, OpenID Connect Core section 9).
    PrivateKeyJwt,
}

impl ClientAuth {
    /// Its name in registrations.
    pub const fn method(&self) -> &'static str {
        match self {
            Self::None => "none",
            Self::ClientSecretBasic(_) => "client_secret_basic",
            Self::ClientSecretPost(_) => "client_secret_post",
            Self::PrivateKeyJwt => "private_key_jwt",
        }
    }
}

/// What is wrong with a client's registration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadClient {
    /// An id that would not survive a form or a header unharmed.
    #[error("client id {0:?}: use 1 to 64 letters, digits, '-', '_' or '.'")]
    Id(String),
    /// Pages would greet with nothing: "Inloggen bij".
    #[error("client {0}: give it a name, on one line of at most 200 characters: people see it on every page")]
    Name(String),
    /// It could never receive an answer.
    #[error(
        "client {0}: give at least one redirect URI; a program to which nobody logs in has `service_scopes` or `serves` instead"
    )]
    NoRedirectUri(String),
    /// Both in one.
    #[error(
        "client {0}: it is either a portal, with redirect URIs and scopes, or a program, with `service_scopes`: register two"
    )]
    PortalAndProgram(String),
    /// Anybody could say that they are it.
    #[error(
        "client {0}: `service_scopes` and `serves` are for a client that proves who it is: give it another auth than none"
    )]
    PublicProgram(String),
    /// More than anybody needs.
    #[error("client {0}: give at most 16 `resources`, and at most 16 that it `serves`")]
    ManyApis(String),
    /// What names no API (RFC 8707 section 2).
    #[error(
        "client {client}: {uri} names no API: give an absolute URI without a fragment, such as https://api.example.nl"
    )]
    Api {
        /// The client's id.
        client: String,
        /// The URI as written.
        uri: String,
    },
    /// A redirect URI that RFC 9700 section 2.1 and RFC 8252 do not allow.
    #[error(
        "client {client}: {uri} must be https (http only on 127.0.0.1, [::1] or localhost), without a fragment or user name"
    )]
    RedirectUri {
        /// The client's id.
        client: String,
        /// The URI as written.
        uri: String,
    },
    /// An address at which it could not hear of sessions that end (OpenID Connect Back-Channel Logout, section 2.2).
    #[error(
        "client {client}: backchannel_logout_uri {uri} must be https (http only on 127.0.0.1 or [::1]), without a fragment or \
         user name"
    )]
    BackchannelUri {
        /// The client's id.
        client: String,
        /// The URI as written.
        uri: String,
    },
    /// Several hosts and no sector: its subjects would depend on which came first (OpenID Connect Core, section 8.1).
    #[error("client {0}: its redirect URIs have several hosts; name the `sector` they share")]
    Sector(String),
    /// A way to authenticate that its policy does not allow.
    #[error(
        "client {client}: policy {policy} does not allow auth {auth}; give it another auth, or policy = \"basic\" where the \
         portal can do no better"
    )]
    Auth {
        /// The client's id.
        client: String,
        /// Its policy.
        policy: Policy,
        /// Its way to authenticate.
        auth: &'static str,
    },
    /// Nothing to check its signatures with.
    #[error(
        "client {0}: auth private_key_jwt needs its public keys: give `jwks`, a file with its JSON Web Key Set"
    )]
    NoKeys(String),
    /// A signature that its policy does not allow.
    #[error("client {client}: policy {policy} does not allow {alg}; use PS256, ES256 or EdDSA")]
    Algorithm {
        /// The client's id.
        client: String,
        /// Its policy.
        policy: Policy,
        /// The algorithm.
        alg: &'static str,
    },
    /// Not an OpenID client.
    #[error("client {0}: `openid` must be among its scopes")]
    NoOpenid(String),
}

impl Client {
    /// The sector of clients with public subjects. No host has this name.
    pub const PUBLIC_SECTOR: &'static str = "public";

    /// Checks what the type cannot: id, name, URIs and scopes.
    pub fn check(&self) -> Result<(), BadClient> {
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        if self.id.is_empty() || self.id.len() > 64 || !self.id.chars().all(plain) {
            return Err(BadClient::Id(self.id.clone()));
        }
        if one_line(&self.name).is_err() {
            return Err(BadClient::Name(self.id.clone()));
        }
        self.check_apis()?;
        for uri in self.redirect_uris.iter().chain(&self.post_logout_redirect_uris) {
            if !may_redirect_to(uri) {
                return Err(BadClient::RedirectUri { client: self.id.clone(), uri: uri.clone() });
            }
        }
        if let Some(uri) = self.backchannel_logout_uri.as_ref().filter(|uri| !may_redirect_to(uri)) {
            return Err(BadClient::BackchannelUri { client: self.id.clone(), uri: uri.clone() });
        }
        if self.auth == ClientAuth::PrivateKeyJwt && self.jwks.is_none() {
            return Err(BadClient::NoKeys(self.id.clone()));
        }
        let (client, policy) = (|| self.id.clone(), self.policy);
        if !policy.allows_auth(&self.auth) {
            return Err(BadClient::Auth { client: client(), policy, auth: self.auth.method() });
        }
        if !policy.allows_alg(self.id_token_alg) {
            return Err(BadClient::Algorithm { client: client(), policy, alg: self.id_token_alg.name() });
        }
        let fits = self.scopes.contains(Scope::Openid) || !self.logs_in();
        if fits { Ok(()) } else { Err(BadClient::NoOpenid(self.id.clone())) }
    }

    /// The host that all redirect URIs share: the sector when none is named. A program knows nobody, and has one of its own.
    pub fn sector_of(id: &str, redirect_uris: &[String]) -> Result<String, BadClient> {
        if redirect_uris.is_empty() {
            return Ok(id.to_owned());
        }
        // What may not be redirected to at all is the finding, not that it has no host to share.
        if let Some(uri) = redirect_uris.iter().find(|uri| !may_redirect_to(uri)) {
            return Err(BadClient::RedirectUri { client: id.to_owned(), uri: uri.clone() });
        }
        let hosts: BTreeSet<String> = redirect_uris
            .iter()
            .filter_map(|uri| Url::parse(uri).ok()?.host_str().map(str::to_owned))
            .collect();
        match (hosts.len(), hosts.into_iter().next()) {
            (1, Some(host)) => Ok(host),
            _ => Err(BadClient::Sector(id.to_owned())),
        }
    }

    /// Whether nothing but PKCE ties a code to it.
    pub fn is_public(&self) -> bool {
        self.auth == ClientAuth::None
    }
}

/// https anywhere, http on this machine only; never a fragment, never a user name. Visible ASCII only: it is compared and
/// sent as it stands, and a parser would silently drop a tab or a space.
fn may_redirect_to(uri: &str) -> bool {
    if !uri.chars().all(|c| c.is_ascii_graphic()) {
        return false;
    }
    let Ok(url) = Url::parse(uri) else { return false };
    let scheme_fits = match url.scheme() {
        "https" => url.has_host(),
        "http" => is_loopback(&url),
        _ => false,
    };
    scheme_fits && url.fragment().is_none() && url.username().is_empty() && url.password().is_none()
}

/// Whether a URL names this machine.
pub fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::domain::secret::Secret;

    /// A public client on which nothing is wrong.
    pub(crate) fn client() -> Client {
        Client {
            id: "portal".into(),
            name: "Portaal".into(),
            policy: Policy::Nlgov,
            redirect_uris: vec!["https://portal.example.nl/callback".into()],
            post_logout_redirect_uris: vec![],
            backchannel_logout_uri: None,
            auth: ClientAuth::None,
            jwks: None,
            scopes: [Scope::Openid].into(),
            resources: vec![],
            serves: vec![],
            service_scopes: AdminScopes::default(),
            sector: "portal.example.nl".into(),
            id_token_alg: Algorithm::Rs256,
            minimum_level: Level::Local,
            sees_relation: false,
        }
    }

    #[test]
    fn a_plain_client_passes_and_each_fault_is_named() {
        assert_eq!(client().check(), Ok(()));
        assert!(matches!(Client { id: "a b".into(), ..client() }.check(), Err(BadClient::Id(_))));
        for name in ["", " ", "a\nb"] {
            assert!(matches!(Client { name: name.into(), ..client() }.check(), Err(BadClient::Name(_))));
        }
        assert!(matches!(
            Client { redirect_uris: vec![], scopes: Scopes::default(), ..client() }.check(),
            Err(BadClient::NoRedirectUri(_))
        ));
        assert!(matches!(
            Client { scopes: Scopes::default(), ..client() }.check(),
            Err(BadClient::NoOpenid(_))
        ));
        let auth = ClientAuth::ClientSecretPost(Secret::new("x").hashed());
        assert!(matches!(Client { auth, ..client() }.check(), Err(BadClient::Auth { .. })));
        let uri = Some("http://portal.example.nl/out".into());
        let bad = Client { backchannel_logout_uri: uri, ..client() }.check();
        assert!(matches!(bad, Err(BadClient::BackchannelUri { .. })));
        let auth = ClientAuth::PrivateKeyJwt;
        assert!(matches!(Client { auth, ..client() }.check(), Err(BadClient::NoKeys(_))));
        let auth = ClientAuth::None;
        assert!(matches!(
            Client { policy: Policy::Fapi2, auth, ..client() }.check(),
            Err(BadClient::Auth { .. })
        ));
    }

    #[test]
    fn ways_to_authenticate_go_by_the_names_of_the_standard() {
        let secret = || Secret::new("x").hashed();
        let all = [
            ClientAuth::None,
            ClientAuth::ClientSecretBasic(secret()),
            ClientAuth::ClientSecretPost(secret()),
            ClientAuth::PrivateKeyJwt,
        ];
        let names = ["none", "client_secret_basic", "client_secret_post", "private_key_jwt"];
        assert_eq!(all.map(|auth| auth.method()), names);
    }

    #[test]
    fn redirect_uris_are_https_or_this_machine() {
        for good in
            ["https://a.nl/cb?x=1", "http://127.0.0.1:8080/cb", "http://[::1]/cb", "http://localhost/cb"]
        {
            assert!(may_redirect_to(good), "{good}");
        }
        for bad in [
            "http://a.nl/cb",
            "https://a.nl/cb#x",
            "https://u@a.nl/cb",
            "javascript:alert(1)",
            "https://a.nl/cb ",
            "https://a.nl/\tcb",
            "https://é.nl/cb",
            "/cb",
            "app:/cb",
        ] {
            assert!(!may_redirect_to(bad), "{bad}");
        }
    }

    #[test]
    fn a_sector_is_the_one_host_or_must_be_named() {
        let uris = |list: &[&str]| list.iter().map(|u| (*u).to_owned()).collect::<Vec<_>>();
        assert_eq!(Client::sector_of("p", &uris(&["https://a.nl/1", "https://a.nl/2"])), Ok("a.nl".into()));
        assert!(Client::sector_of("p", &uris(&["https://a.nl/1", "https://b.nl/2"])).is_err());
    }

    #[test]
    fn an_id_has_1_to_64_plain_characters() {
        let check = |id: String| Client { id, ..client() }.check();
        assert_eq!(check("x".repeat(64)), Ok(()));
        for bad in [String::new(), "x".repeat(65), "é".to_owned(), "a/b".to_owned()] {
            assert_eq!(check(bad.clone()), Err(BadClient::Id(bad)));
        }
    }

    #[test]
    fn a_client_with_a_secret_is_not_public() {
        let secret = ClientAuth::ClientSecretBasic(Hashed::from_stored(vec![1; 32]));
        assert!(client().is_public() && !Client { auth: secret, ..client() }.is_public());
    }
}
