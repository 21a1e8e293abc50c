//! `[[client]]`: a portal, as the operator writes it.

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde::Deserialize;

use super::{BadConfig, SecretSource};
use crate::domain::{
    api::AdminScopes,
    assurance::Level,
    client::{Client, ClientAuth, KeyEncryption},
    client_registration::Wishes,
    jwk::JwkSet,
    key::Algorithm,
    mtls::CertificateName,
    policy::Policy,
    scope::Scopes,
};

/// One portal. What is left out is the safe choice.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "each is a line of its own in the file")]
pub struct ClientEntry {
    /// Its `client_id`.
    pub id: String,
    /// What pages call it.
    pub name: String,
    /// By which rules it lives: `nlgov`, `basic` or `fapi2`.
    #[serde(default = "nlgov")]
    pub policy: Policy,
    /// Where answers go; nowhere for a program.
    #[serde(default)]
    pub redirect_uris: Vec<String>,
    /// Where the browser may go after signing out.
    #[serde(default)]
    pub post_logout_redirect_uris: Vec<String>,
    /// Where it hears that a session ended.
    pub backchannel_logout_uri: Option<String>,
    /// How it proves who it is: `none`, `client_secret_basic`, `client_secret_post`, `private_key_jwt`, `tls_client_auth` or
    /// `self_signed_tls_client_auth`.
    pub auth: AuthMethod,
    /// A file with its JSON Web Key Set, for `private_key_jwt` and `self_signed_tls_client_auth`.
    pub jwks: Option<PathBuf>,
    /// Where it tells that set, instead of a file.
    pub jwks_uri: Option<String>,
    /// The name of its certificate, for `tls_client_auth`: a table with one of the names of RFC 8705.
    pub certificate_name: Option<CertificateName>,
    /// Whether its tokens are bound to the certificate that it shows.
    #[serde(default)]
    pub certificate_bound_tokens: bool,
    /// Its secret, for the two methods that need one.
    pub secret: Option<SecretSource>,
    /// What it may ask for.
    #[serde(default)]
    pub scopes: Scopes,
    /// The APIs for which its users' access tokens may be.
    #[serde(default)]
    pub resources: Vec<String>,
    /// The APIs that it is itself.
    #[serde(default)]
    pub serves: Vec<String>,
    /// What it may do at the admin API in its own name.
    #[serde(default)]
    pub service_scopes: AdminScopes,
    /// The sector it shares pairwise subjects with; its redirect host when left out.
    pub sector: Option<String>,
    /// `true` gives public subjects: the same for every client that asks so.
    #[serde(default)]
    pub public_subjects: bool,
    /// How its ID tokens are signed.
    #[serde(default = "rs256")]
    pub id_token_alg: Algorithm,
    /// How signed answers to its authorization requests are signed; as its ID tokens when left out.
    pub authorization_signed_response_alg: Option<Algorithm>,
    /// The level below which nobody logs in to it.
    #[serde(default = "local")]
    pub minimum_level: Level,
    /// Whether it may know how a representative is related to the person.
    #[serde(default)]
    pub sees_relation: bool,
    /// How `UserInfo` is signed for it; in plain JSON when left out.
    pub userinfo_signed_response_alg: Option<Algorithm>,
    /// `RSA-OAEP-256` encrypts a signed `UserInfo` to its RSA key in `jwks`.
    pub userinfo_encrypted_response_alg: Option<KeyEncryption>,
    /// Whether it is somebody else's: then users must agree to what it may know.
    #[serde(default)]
    pub third_party: bool,
}

/// The words of OpenID Connect Core, section 9.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
#[clap(rename_all = "snake_case")]
pub enum AuthMethod {
    /// A public client with PKCE.
    None,
    /// The secret in a header.
    ClientSecretBasic,
    /// The secret in the form.
    ClientSecretPost,
    /// A JWT that it signs.
    PrivateKeyJwt,
    /// A certificate of an authority, by its name.
    TlsClientAuth,
    /// A certificate of one of its keys.
    SelfSignedTlsClientAuth,
}

const fn nlgov() -> Policy {
    Policy::Nlgov
}

const fn rs256() -> Algorithm {
    Algorithm::Rs256
}

const fn local() -> Level {
    Level::Local
}

impl ClientEntry {
    /// The checked client; its secret is read here and only its hash kept.
    pub fn client(&self, folder: &Path) -> Result<Client, BadConfig> {
        let line = format!("client {}: secret", self.id);
        let secret = self.secret.as_ref().map(|source| source.read(&line, folder)).transpose()?;
        let auth = match (self.auth, secret) {
            (AuthMethod::None, None) => ClientAuth::None,
            (AuthMethod::PrivateKeyJwt, None) => ClientAuth::PrivateKeyJwt,
            (AuthMethod::TlsClientAuth, None) => ClientAuth::TlsClientAuth,
            (AuthMethod::SelfSignedTlsClientAuth, None) => ClientAuth::SelfSignedTlsClientAuth,
            (AuthMethod::ClientSecretBasic, Some(secret)) => {
                ClientAuth::ClientSecretBasic(secret.hashed().into())
            }
            (AuthMethod::ClientSecretPost, Some(secret)) => {
                ClientAuth::ClientSecretPost(secret.hashed().into())
            }
            (
                AuthMethod::None
                | AuthMethod::PrivateKeyJwt
                | AuthMethod::TlsClientAuth
                | AuthMethod::SelfSignedTlsClientAuth,
                Some(_),
            ) => {
                return Err(BadConfig::Value(format!(
                    "client {}: its auth has no secret, so leave out the secret",
                    self.id
                )));
            }
            (AuthMethod::ClientSecretBasic | AuthMethod::ClientSecretPost, None) => {
                return Err(BadConfig::Value(format!("client {}: its auth needs a `secret`", self.id)));
            }
        };
        let sector = match (&self.sector, self.public_subjects) {
            (None, true) => Client::PUBLIC_SECTOR.to_owned(),
            (Some(_), true) => {
                return Err(BadConfig::Value(format!("client {}: public subjects have no sector", self.id)));
            }
            (Some(sector), false) => sector.clone(),
            (None, false) => Client::sector_of(&self.id, &self.redirect_uris).map_err(BadConfig::value)?,
        };
        let client = Client {
            id: self.id.clone(),
            name: self.name.clone(),
            policy: self.policy,
            redirect_uris: self.redirect_uris.clone(),
            post_logout_redirect_uris: self.post_logout_redirect_uris.clone(),
            backchannel_logout_uri: self.backchannel_logout_uri.clone(),
            auth,
            jwks: self.jwks.as_ref().map(|path| read_jwks(&folder.join(path))).transpose()?,
            certificate_name: self.certificate_name.clone(),
            certificate_bound_tokens: self.certificate_bound_tokens,
            jwks_uri: self.jwks_uri.clone(),
            scopes: self.scopes.clone(),
            resources: self.resources.clone(),
            serves: self.serves.clone(),
            service_scopes: self.service_scopes.clone(),
            sector,
            id_token_alg: self.id_token_alg,
            authorization_signed_response_alg: self.authorization_signed_response_alg,
            minimum_level: self.minimum_level,
            sees_relation: self.sees_relation,
            userinfo_signed_response_alg: self.userinfo_signed_response_alg,
            userinfo_encrypted_response_alg: self.userinfo_encrypted_response_alg,
            third_party: self.third_party,
            wishes: Wishes::default(),
        };
        client.check().map_err(BadConfig::value)?;
        Ok(client)
    }
}

/// The key set in a file.
pub fn read_jwks(path: &Path) -> Result<JwkSet, BadConfig> {
    let wrong = |why: &dyn std::fmt::Display| {
        let path = path.display();
        BadConfig::value(format_args!(
            "jwks: cannot use {path}: {why}. Put the portal's JSON Web Key Set there"
        ))
    };
    let text = fs::read_to_string(path).map_err(|error| wrong(&error))?;
    serde_json::from_str(&text).map_err(|error| wrong(&error))
}
