//! How a client proves who it is (OpenID Connect Core, section 9).

use std::convert::Infallible;

use serde::{Deserialize, Serialize};

use super::{Client, Why};
use crate::domain::{
    client_secret::ClientSecret,
    jwk::JwkSet,
    secret::{Hashed, Secret},
    words::words,
};

words! {
    /// The ways, by the names that registrations have for them (OpenID Connect Core, section 9; RFC 8705 section 2).
    AuthMethod {
        /// A public client: PKCE alone ties its code to it.
        None = "none",
        /// A secret, in `Authorization: Basic` (RFC 6749 section 2.3.1).
        ClientSecretBasic = "client_secret_basic",
        /// A secret, in the form.
        ClientSecretPost = "client_secret_post",
        /// A JWT signed with one of its keys (RFC 7523 section 2.2).
        PrivateKeyJwt = "private_key_jwt",
        /// A certificate of an authority that we trust, with a registered name (RFC 8705 section 2.1).
        TlsClientAuth = "tls_client_auth",
        /// A certificate of one of its keys, whoever signed it (RFC 8705 section 2.2).
        SelfSignedTlsClientAuth = "self_signed_tls_client_auth",
    }
}

/// What is kept to know a client by: its way, and the hash of its secret where that way has one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "method", content = "secret_sha256", rename_all = "snake_case")]
#[expect(missing_docs, reason = "each is the AuthMethod of the same name")]
pub enum ClientAuth {
    None,
    ClientSecretBasic(ClientSecret),
    ClientSecretPost(ClientSecret),
    PrivateKeyJwt,
    TlsClientAuth,
    SelfSignedTlsClientAuth,
}

impl AuthMethod {
    /// Whether a client that proves who it is in this way has a secret.
    pub const fn has_secret(self) -> bool {
        matches!(self, Self::ClientSecretBasic | Self::ClientSecretPost)
    }

    /// What is kept, with the secret that its operator chose.
    ///
    /// Errors: no secret where there must be one, or one where there is none.
    pub fn with(self, secret: Option<Hashed>) -> Result<ClientAuth, Why> {
        match secret {
            Some(_) if !self.has_secret() => Err(Why::SecretOfNoUse),
            secret => self.kept(|| secret.map(ClientSecret::from).ok_or(Why::NoSecret)),
        }
    }

    /// What is kept of a client that was known by `before`, and the secret that was made for it: a client that needs a secret and
    /// has one goes on with that.
    pub fn after(self, before: Option<&ClientAuth>) -> (ClientAuth, Option<Secret>) {
        let mut made = None;
        let Ok(auth) = self.kept(|| {
            Ok::<_, Infallible>(match before.and_then(ClientAuth::secret) {
                Some(held) => held.clone(),
                None => made.insert(Secret::token("nms_cs_")).hashed().into(),
            })
        });
        (auth, made)
    }

    fn kept<E>(self, secret: impl FnOnce() -> Result<ClientSecret, E>) -> Result<ClientAuth, E> {
        Ok(match self {
            Self::None => ClientAuth::None,
            Self::ClientSecretBasic => ClientAuth::ClientSecretBasic(secret()?),
            Self::ClientSecretPost => ClientAuth::ClientSecretPost(secret()?),
            Self::PrivateKeyJwt => ClientAuth::PrivateKeyJwt,
            Self::TlsClientAuth => ClientAuth::TlsClientAuth,
            Self::SelfSignedTlsClientAuth => ClientAuth::SelfSignedTlsClientAuth,
        })
    }
}

impl Client {
    /// Whether something with which this client proves who it is proves the same of the other one: a secret, a key, an address of keys, or
    /// the name of a certificate.
    pub fn shares_proof_with(&self, other: &Self) -> bool {
        let both = |this: Option<&str>, that: Option<&str>| this.is_some() && this == that;
        let keys = |client: &'_ Self| client.keys.registered().map(JwkSet::keys).unwrap_or_default().to_vec();
        let theirs = keys(other);
        let secret =
            self.auth.secret().zip(other.auth.secret()).is_some_and(|(one, two)| one.shares_with(two));
        let name = self.certificate_name.is_some() && self.certificate_name == other.certificate_name;
        let key = keys(self).iter().any(|mine| theirs.iter().any(|key| key.public == mine.public));
        secret || name || key || both(self.keys.uri(), other.keys.uri())
    }
}

impl ClientAuth {
    /// Its way.
    pub const fn method(&self) -> AuthMethod {
        match self {
            Self::None => AuthMethod::None,
            Self::ClientSecretBasic(_) => AuthMethod::ClientSecretBasic,
            Self::ClientSecretPost(_) => AuthMethod::ClientSecretPost,
            Self::PrivateKeyJwt => AuthMethod::PrivateKeyJwt,
            Self::TlsClientAuth => AuthMethod::TlsClientAuth,
            Self::SelfSignedTlsClientAuth => AuthMethod::SelfSignedTlsClientAuth,
        }
    }

    /// Its secret, if it has one.
    pub const fn secret(&self) -> Option<&ClientSecret> {
        match self {
            Self::ClientSecretBasic(held) | Self::ClientSecretPost(held) => Some(held),
            Self::None | Self::PrivateKeyJwt | Self::TlsClientAuth | Self::SelfSignedTlsClientAuth => None,
        }
    }
}
