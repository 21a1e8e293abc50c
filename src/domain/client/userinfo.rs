//! In which form a client gets `UserInfo` (OpenID Connect Core, section 5.3.2; Registration, section 2).

use serde::{Deserialize, Serialize};

use super::Why;
use crate::domain::{key::Algorithm, words::words};

words! {
    /// How the key of an encrypted answer is encrypted (RFC 7518 section 4.1).
    KeyEncryption {
        /// RSA with OAEP, SHA-256 and MGF1 with SHA-256.
        RsaOaep256 = "RSA-OAEP-256",
    }
}

/// The form. In the database it is two members, `userinfo_signed_response_alg` and `userinfo_encrypted_response_alg`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Members", into = "Members")]
pub enum UserinfoForm {
    /// JSON.
    #[default]
    Plain,
    /// A signed JWT.
    Signed(Algorithm),
    /// A signed JWT inside one that is encrypted to the client's key, always with A256GCM: what is only encrypted, anybody could
    /// have written.
    Encrypted {
        /// How it is signed.
        signed: Algorithm,
        /// How the key is encrypted.
        to: KeyEncryption,
    },
}

/// As it is registered and kept.
#[derive(Serialize, Deserialize)]
struct Members {
    #[serde(default)]
    userinfo_signed_response_alg: Option<Algorithm>,
    #[serde(default)]
    userinfo_encrypted_response_alg: Option<KeyEncryption>,
}

impl UserinfoForm {
    /// That of a registration.
    ///
    /// Errors: encryption without a signature.
    pub fn of(signed: Option<Algorithm>, encrypted: Option<KeyEncryption>) -> Result<Self, Why> {
        match (signed, encrypted) {
            (None, None) => Ok(Self::Plain),
            (Some(alg), None) => Ok(Self::Signed(alg)),
            (Some(signed), Some(to)) => Ok(Self::Encrypted { signed, to }),
            (None, Some(_)) => Err(Why::Unsigned),
        }
    }

    /// `userinfo_signed_response_alg`.
    pub const fn signed(self) -> Option<Algorithm> {
        match self {
            Self::Plain => None,
            Self::Signed(signed) | Self::Encrypted { signed, .. } => Some(signed),
        }
    }

    /// `userinfo_encrypted_response_alg`.
    pub const fn encrypted(self) -> Option<KeyEncryption> {
        match self {
            Self::Plain | Self::Signed(_) => None,
            Self::Encrypted { to, .. } => Some(to),
        }
    }
}

impl TryFrom<Members> for UserinfoForm {
    type Error = Why;

    fn try_from(members: Members) -> Result<Self, Why> {
        Self::of(members.userinfo_signed_response_alg, members.userinfo_encrypted_response_alg)
    }
}

impl From<UserinfoForm> for Members {
    fn from(form: UserinfoForm) -> Self {
        Self {
            userinfo_signed_response_alg: form.signed(),
            userinfo_encrypted_response_alg: form.encrypted(),
        }
    }
}
