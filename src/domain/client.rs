//! Clients: the portals and apps that delegate login to Namens (RFC 6749 section 2).

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use url::{Host, Url};

use super::{
    api::AdminScopes,
    assurance::Level,
    client_registration::Wishes,
    client_secret::ClientSecret,
    jwk::JwkSet,
    key::Algorithm,
    line::one_line,
    mtls::CertificateName,
    policy::Policy,
    scope::{Scope, Scopes},
    words::words,
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
    /// Where it tells those keys, instead of registering them here (OpenID Connect Registration, section 2).
    #[serde(default)]
    pub jwks_uri: Option<String>,
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
    /// How `UserInfo` is signed for it; not at all when left out (OpenID Connect Dynamic Client Registration, section 2).
    #[serde(default)]
    pub userinfo_signed_response_alg: Option<Algorithm>,
    /// How a signed `UserInfo` is encrypted to its key, always with A256GCM; not at all when left out.
    #[serde(default)]
    pub userinfo_encrypted_response_alg: Option<KeyEncryption>,
    /// Whether it is somebody else's, so that users must agree to what it may know. The provider's own portals ask nothing.
    #[serde(default)]
    pub third_party: bool,
    /// What it registered of its own requests.
    #[serde(default)]
    pub wishes: Wishes,
}

words! {
    /// How the key of an encrypted answer is encrypted (RFC 7518 section 4.1).
    KeyEncryption {
        /// RSA with OAEP, SHA-256 and MGF1 with SHA-256.
        RsaOaep256 = "RSA-OAEP-256",
    }
}

/// How a client proves who it is (OpenID Connect Core, section 9).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "method", content = "secret_sha256", rename_all = "snake_case")]
pub enum ClientAuth {
    /// A public client: PKCE alone ties its code to it.
    None,
    /// `Authorization: Basic` (RFC 6749 section 2.3.1).
    ClientSecretBasic(ClientSecret),
    /// In the form.
    ClientSecretPost(ClientSecret),
    /// A JWT signed with one of its keys (RFC 7523 section 2.2, OpenID Connect Core section 9).
    PrivateKeyJwt,
    /// A certificate of an authority that we trust, with a registered name (RFC 8705 section 2.1).
    TlsClientAuth,
    /// A certificate of one of its keys, whoever signed it (RFC 8705 section 2.2).
    SelfSignedTlsClientAuth,
}

impl ClientAuth {
    /// Its name in registrations.
    pub const fn method(&self) -> &'static str {
        match self {
            Self::None => "none",
            Self::ClientSecretBasic(_) => "client_secret_basic",
            Self::ClientSecretPost(_) => "client_secret_post",
            Self::PrivateKeyJwt => "private_key_jwt",
            Self::TlsClientAuth => "tls_client_auth",
            Self::SelfSignedTlsClientAuth => "self_signed_tls_client_auth",
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
    /// An address at which its keys could not be asked for (OpenID Connect Registration, section 2).
    #[error(
        "client {client}: jwks_uri {uri} must be https (http only on 127.0.0.1 or [::1]), without a fragment or user name"
    )]
    JwksUri {
        /// The client's id.
        client: String,
        /// The URI as written.
        uri: String,
    },
    /// Two places that could contradict each other (OpenID Connect Registration, section 2).
    #[error("client {0}: give `jwks` or `jwks_uri`, not both")]
    TwoKeySets(String),
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
        "client {0}: auth private_key_jwt or self_signed_tls_client_auth needs its public keys: give `jwks`, a file with its JSON \\
         Web Key Set, or `jwks_uri`, where it tells them"
    )]
    NoKeys(String),
    /// A name without the method that asks for it, or the other way round (RFC 8705 section 2.1.2).
    #[error(
        "client {0}: auth tls_client_auth, and no other, needs `certificate_name`: exactly one of subject_dn (as RFC 4514 writes \
         it), san_dns, san_uri, san_ip and san_email"
    )]
    CertificateName(String),
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
    /// Nothing to encrypt to.
    #[error(
        "client {0}: userinfo_encrypted_response_alg needs a public RSA key of at least 2048 bits in its `jwks`, for `use` enc \
         or without a use"
    )]
    NoEncryptionKey(String),
    /// Anybody could write what is only encrypted.
    #[error("client {0}: an encrypted UserInfo is signed too; give userinfo_signed_response_alg")]
    Unsigned(String),
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
        self.check_keys()?;
        let named = self.certificate_name.as_ref().map(CertificateName::is_whole);
        if named != (self.auth == ClientAuth::TlsClientAuth).then_some(true) {
            return Err(BadClient::CertificateName(self.id.clone()));
        }
        let (client, policy) = (|| self.id.clone(), self.policy);
        if !policy.allows_auth(&self.auth) {
            return Err(BadClient::Auth { client: client(), policy, auth: self.auth.method() });
        }
        for alg in [self.id_token_alg, self.response_alg()] {
            if !policy.allows_alg(alg) {
                return Err(BadClient::Algorithm { client: client(), policy, alg: alg.name() });
            }
        }
        self.check_userinfo()?;
        let fits = self.scopes.contains(Scope::Openid) || !self.logs_in();
        if fits { Ok(()) } else { Err(BadClient::NoOpenid(self.id.clone())) }
    }

    fn check_userinfo(&self) -> Result<(), BadClient> {
        let (client, policy) = (|| self.id.clone(), self.policy);
        if let Some(alg) = self.userinfo_signed_response_alg.filter(|alg| !policy.allows_alg(*alg)) {
            return Err(BadClient::Algorithm { client: client(), policy, alg: alg.name() });
        }
        if self.userinfo_encrypted_response_alg.is_none() {
            return Ok(());
        }
        if self.userinfo_signed_response_alg.is_none() {
            return Err(BadClient::Unsigned(client()));
        }
        // What it tells at an address is not known before it is asked.
        let key = self.jwks_uri.is_some() || self.jwks.as_ref().and_then(JwkSet::encrypting).is_some();
        if key { Ok(()) } else { Err(BadClient::NoEncryptionKey(client())) }
    }

    /// One set of keys at most, and one where it proves with them who it is.
    fn check_keys(&self) -> Result<(), BadClient> {
        let client = || self.id.clone();
        if let Some(uri) = self.jwks_uri.as_ref().filter(|uri| !may_redirect_to(uri)) {
            return Err(BadClient::JwksUri { client: client(), uri: uri.clone() });
        }
        let by_key = matches!(self.auth, ClientAuth::PrivateKeyJwt | ClientAuth::SelfSignedTlsClientAuth);
        match (&self.jwks, &self.jwks_uri) {
            (Some(_), Some(_)) => Err(BadClient::TwoKeySets(client())),
            (None, None) if by_key => Err(BadClient::NoKeys(client())),
            _ => Ok(()),
        }
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
            jwks_uri: None,
            certificate_name: None,
            certificate_bound_tokens: false,
            scopes: [Scope::Openid].into(),
            resources: vec![],
            serves: vec![],
            service_scopes: AdminScopes::default(),
            sector: "portal.example.nl".into(),
            id_token_alg: Algorithm::Rs256,
            authorization_signed_response_alg: None,
            minimum_level: Level::Local,
            sees_relation: false,
            userinfo_signed_response_alg: None,
            userinfo_encrypted_response_alg: None,
            third_party: false,
            wishes: Wishes::default(),
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
        let auth = ClientAuth::ClientSecretPost(Secret::new("x").hashed().into());
        assert!(matches!(Client { auth, ..client() }.check(), Err(BadClient::Auth { .. })));
        let uri = Some("http://portal.example.nl/out".into());
        let bad = Client { backchannel_logout_uri: uri, ..client() }.check();
        assert!(matches!(bad, Err(BadClient::BackchannelUri { .. })));
        let auth = ClientAuth::PrivateKeyJwt;
        assert!(matches!(Client { auth, ..client() }.check(), Err(BadClient::NoKeys(_))));
        let auth = || ClientAuth::TlsClientAuth;
        let named = |name: &str| Some(CertificateName::SubjectDn(name.into()));
        assert_eq!(Client { auth: auth(), certificate_name: named("CN=portal"), ..client() }.check(), Ok(()));
        for (auth, certificate_name) in
            [(auth(), None), (auth(), named("x")), (ClientAuth::None, named("CN=x"))]
        {
            let bad = Client { auth, certificate_name, ..client() }.check();
            assert!(matches!(bad, Err(BadClient::CertificateName(_))), "{bad:?}");
        }
        let encrypted = Some(KeyEncryption::RsaOaep256);
        let unsigned = Client { userinfo_encrypted_response_alg: encrypted, ..client() };
        assert!(matches!(unsigned.check(), Err(BadClient::Unsigned(_))));
        let keyless = Client { userinfo_signed_response_alg: Some(Algorithm::Rs256), ..unsigned };
        assert!(matches!(keyless.check(), Err(BadClient::NoEncryptionKey(_))));
        let auth = ClientAuth::None;
        assert!(matches!(
            Client { policy: Policy::Fapi2, auth, ..client() }.check(),
            Err(BadClient::Auth { .. })
        ));
        let fapi = |authorization_signed_response_alg| Client {
            policy: Policy::Fapi2,
            auth: ClientAuth::PrivateKeyJwt,
            jwks_uri: Some("https://portal.example.nl/jwks.json".into()),
            id_token_alg: Algorithm::Es256,
            authorization_signed_response_alg,
            ..client()
        };
        assert_eq!(fapi(Some(Algorithm::Ps256)).check(), Ok(()));
        assert!(matches!(fapi(Some(Algorithm::Rs256)).check(), Err(BadClient::Algorithm { .. })));
    }

    #[test]
    fn keys_are_registered_or_told_at_an_address_and_never_both() {
        let jwk = serde_json::json!({"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"});
        let set = JwkSet::read(&serde_json::json!({ "keys": [jwk] })).ok();
        let with = |jwks: &Option<JwkSet>, uri: Option<&str>| {
            let (jwks, jwks_uri) = (jwks.clone(), uri.map(str::to_owned));
            Client { auth: ClientAuth::PrivateKeyJwt, jwks, jwks_uri, ..client() }.check()
        };
        let good = Some("https://portal.example.nl/jwks.json");
        assert_eq!((with(&set, None), with(&None, good)), (Ok(()), Ok(())));
        assert!(matches!(with(&set, good), Err(BadClient::TwoKeySets(_))));
        for bad in
            ["http://portal.example.nl/jwks.json", "https://p@portal.example.nl/", "https://a.nl/#x", "x"]
        {
            assert!(matches!(with(&None, Some(bad)), Err(BadClient::JwksUri { .. })), "{bad}");
        }
    }

    #[test]
    fn ways_to_authenticate_go_by_the_names_of_the_standard() {
        let secret = || Secret::new("x").hashed();
        let all = [
            ClientAuth::None,
            ClientAuth::ClientSecretBasic(secret().into()),
            ClientAuth::ClientSecretPost(secret().into()),
            ClientAuth::PrivateKeyJwt,
            ClientAuth::TlsClientAuth,
            ClientAuth::SelfSignedTlsClientAuth,
        ];
        let names = [
            "none",
            "client_secret_basic",
            "client_secret_post",
            "private_key_jwt",
            "tls_client_auth",
            "self_signed_tls_client_auth",
        ];
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
        let secret =
            ClientAuth::ClientSecretBasic(crate::domain::secret::Hashed::from_stored(vec![1; 32]).into());
        assert!(client().is_public() && !Client { auth: secret, ..client() }.is_public());
    }
}
