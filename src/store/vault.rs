//! What is sealed, and what is found by a keyed hash. Everything here comes from one master key.

use std::fmt;

use aws_lc_rs::{
    aead::{AES_256_GCM_SIV, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey},
    digest, hkdf, hmac,
    signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey},
};
use serde::{Serialize, de::DeserializeOwned};
use zeroize::{Zeroize, Zeroizing};

use crate::domain::{bsn::Bsn, fault::Fault, id::random_bytes};

/// The first byte of everything sealed; a change of format changes it.
const FORMAT: u8 = 1;
/// Bytes of the master key's name in front of what it sealed, so that a foreign key is told from a damaged row.
const NAME: usize = 4;

/// The master key at work. `Debug` prints nothing of it.
pub struct Vault {
    name: [u8; NAME],
    sealing: LessSafeKey,
    index: hmac::Key,
    audit: hmac::Key,
    checkpoints: Ed25519KeyPair,
}

/// Why something sealed does not open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DoesNotOpen {
    /// Sealed under another master key.
    #[error("this was sealed under another master key (is the right key file configured?)")]
    ForeignKey,
    /// Altered, cut short, or moved from another row.
    #[error("a sealed value was altered or belongs to another row")]
    Damaged,
}

/// A text that is no master key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "this is no master key, which is 64 hexadecimal digits. Put your copy of it back: a new one opens nothing that is sealed"
)]
pub struct NotAMasterKey;

impl Vault {
    /// The text of a new master key: 256 random bits in hexadecimal, and a newline.
    pub fn new_master_key() -> Zeroizing<String> {
        let key = Zeroizing::new(random_bytes::<32>());
        let digits = Zeroizing::new(base16ct::lower::encode_string(&*key));
        // Room for all of it: a text that grows leaves a copy behind that nobody wipes.
        let mut text = Zeroizing::new(String::with_capacity(65));
        text.push_str(&digits);
        text.push('\n');
        text
    }

    /// Opens the vault with the text of a master key.
    pub fn open(text: &str) -> Result<Self, NotAMasterKey> {
        let mut key = Zeroizing::new([0_u8; 32]);
        let read = base16ct::mixed::decode(text.trim(), key.as_mut()).map_err(|_| NotAMasterKey)?;
        if read.len() != 32 {
            return Err(NotAMasterKey);
        }
        let mut sealing_key = derive(&key, "seal").ok_or(NotAMasterKey)?;
        let mut index_key = derive(&key, "index").ok_or(NotAMasterKey)?;
        let mut audit_key = derive(&key, "audit").ok_or(NotAMasterKey)?;
        let mut checkpoint_key = derive(&key, "audit checkpoint").ok_or(NotAMasterKey)?;
        let mut name = [0; NAME];
        name.copy_from_slice(
            digest::digest(&digest::SHA256, &index_key).as_ref().get(..NAME).ok_or(NotAMasterKey)?,
        );
        let unbound = UnboundKey::new(&AES_256_GCM_SIV, &sealing_key).map_err(|_| NotAMasterKey)?;
        let vault = Self {
            name,
            sealing: LessSafeKey::new(unbound),
            index: hmac::Key::new(hmac::HMAC_SHA256, &index_key),
            audit: hmac::Key::new(hmac::HMAC_SHA256, &audit_key),
            checkpoints: Ed25519KeyPair::from_seed_unchecked(&checkpoint_key).map_err(|_| NotAMasterKey)?,
        };
        audit_key.zeroize();
        checkpoint_key.zeroize();
        sealing_key.zeroize();
        index_key.zeroize();
        Ok(vault)
    }

    /// Seals bytes for one `purpose` and one `row`: they open nowhere else.
    pub fn seal(&self, purpose: &str, row: &str, plain: &[u8]) -> Result<Vec<u8>, Fault> {
        let nonce = random_bytes::<NONCE_LEN>();
        let mut body = plain.to_vec();
        self.sealing.seal_in_place_append_tag(
            Nonce::assume_unique_for_key(nonce),
            bound_to(purpose, row),
            &mut body,
        )?;
        Ok([&[FORMAT][..], &self.name, &nonce, &body].concat())
    }

    /// Opens what was sealed for the same `purpose` and `row`.
    pub fn unseal(&self, purpose: &str, row: &str, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, DoesNotOpen> {
        let (format, rest) = sealed.split_first().ok_or(DoesNotOpen::Damaged)?;
        let (name, rest) = rest.split_at_checked(NAME).ok_or(DoesNotOpen::Damaged)?;
        let (nonce, body) = rest.split_at_checked(NONCE_LEN).ok_or(DoesNotOpen::Damaged)?;
        if *format != FORMAT {
            return Err(DoesNotOpen::Damaged);
        }
        if name != self.name {
            return Err(DoesNotOpen::ForeignKey);
        }
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| DoesNotOpen::Damaged)?;
        let mut body = Zeroizing::new(body.to_vec());
        let length = self
            .sealing
            .open_in_place(nonce, bound_to(purpose, row), &mut body)
            .map_err(|_| DoesNotOpen::Damaged)?
            .len();
        body.truncate(length);
        Ok(body)
    }

    /// Seals a value as JSON.
    pub fn seal_json<T: Serialize>(&self, purpose: &str, row: &str, value: &T) -> Result<Vec<u8>, Fault> {
        self.seal(purpose, row, &Zeroizing::new(serde_json::to_vec(value)?))
    }

    /// Opens a value sealed by [`Vault::seal_json`].
    pub fn unseal_json<T: DeserializeOwned>(
        &self,
        purpose: &str,
        row: &str,
        sealed: &[u8],
    ) -> Result<T, Fault> {
        Ok(serde_json::from_slice(&self.unseal(purpose, row, sealed)?)?)
    }

    /// A keyed hash (HMAC-SHA-256): finds or recognises what has too little entropy for a bare one, a BSN or a code.
    pub fn keyed_hash(&self, purpose: &str, text: &str) -> Vec<u8> {
        let mut context = hmac::Context::with_key(&self.index);
        context.update(purpose.as_bytes());
        context.update(&[0]);
        context.update(text.as_bytes());
        context.sign().as_ref().to_vec()
    }

    /// The MAC (HMAC-SHA-256) of fields of the audit log, under a key of its own. Each field is written with its length before it, so
    /// that no two lists of fields are written alike; one that is missing is not an empty one.
    pub(super) fn audit_mac(&self, fields: &[Option<&[u8]>]) -> Vec<u8> {
        let mut context = hmac::Context::with_key(&self.audit);
        for field in fields {
            match field {
                None => context.update(&[0]),
                Some(bytes) => {
                    context.update(&[1]);
                    context.update(&u64::try_from(bytes.len()).unwrap_or(u64::MAX).to_be_bytes());
                    context.update(bytes);
                }
            }
        }
        context.sign().as_ref().to_vec()
    }

    /// Signs a checkpoint of the audit log (Ed25519), with a key that comes from the master key and never changes with the keys of
    /// tokens.
    pub(super) fn sign_checkpoint(&self, text: &[u8]) -> Vec<u8> {
        self.checkpoints.sign(text).as_ref().to_vec()
    }

    /// Whether [`Vault::sign_checkpoint`] signed that.
    pub(super) fn is_checkpoint(&self, text: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&ED25519, self.checkpoint_key()).verify(text, signature).is_ok()
    }

    /// The public half of the key that signs checkpoints.
    pub(super) fn checkpoint_key(&self) -> &[u8] {
        self.checkpoints.public_key().as_ref()
    }

    /// Under what a person's BSN is found.
    pub fn bsn_index(&self, bsn: &Bsn) -> Vec<u8> {
        self.keyed_hash("bsn", bsn.digits())
    }
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Vault(…)")
    }
}

/// The purpose and the row, told apart by a byte that stands in neither.
fn bound_to(purpose: &str, row: &str) -> Aad<Vec<u8>> {
    Aad::from([purpose.as_bytes(), &[0], row.as_bytes()].concat())
}

/// A 256-bit key of its own for one use (HKDF, RFC 5869).
fn derive(master: &[u8; 32], usage: &str) -> Option<[u8; 32]> {
    let mut key = [0; 32];
    let salt = hkdf::Salt::new(hkdf::HKDF_SHA256, b"namens");
    salt.extract(master).expand(&[usage.as_bytes()], hkdf::HKDF_SHA256).ok()?.fill(&mut key).ok()?;
    Some(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opens_only_in_its_own_place_and_under_its_own_key() {
        let vault = Vault::open(&Vault::new_master_key()).unwrap();
        let other = Vault::open(&Vault::new_master_key()).unwrap();
        let sealed = vault.seal("bsn", "row", b"111222333").unwrap();
        assert_eq!(**vault.unseal("bsn", "row", &sealed).unwrap(), *b"111222333");
        assert_eq!(vault.unseal("bsn", "other row", &sealed).unwrap_err(), DoesNotOpen::Damaged);
        assert_eq!(vault.unseal("totp", "row", &sealed).unwrap_err(), DoesNotOpen::Damaged);
        assert_eq!(other.unseal("bsn", "row", &sealed).unwrap_err(), DoesNotOpen::ForeignKey);
        for end in 0..sealed.len() {
            assert!(vault.unseal("bsn", "row", &sealed[..end]).is_err(), "cut at {end}");
        }
        for place in 0..sealed.len() {
            let mut bent = sealed.clone();
            bent[place] ^= 1;
            assert!(vault.unseal("bsn", "row", &bent).is_err(), "bent at {place}");
        }
        assert!(!sealed.windows(9).any(|w| w == b"111222333"));
    }

    #[test]
    fn a_keyed_hash_depends_on_key_and_purpose() {
        let text = Vault::new_master_key();
        let (vault, again) = (Vault::open(&text).unwrap(), Vault::open(&text).unwrap());
        let other = Vault::open(&Vault::new_master_key()).unwrap();
        assert_eq!(vault.keyed_hash("code", "1"), again.keyed_hash("code", "1"));
        assert_ne!(vault.keyed_hash("code", "1"), other.keyed_hash("code", "1"));
        assert_ne!(vault.keyed_hash("code", "1"), vault.keyed_hash("bsn", "1"));
    }

    #[test]
    fn refuses_what_is_no_master_key() {
        for bad in ["", "abc", &"g".repeat(64), &"é".repeat(32), &"0".repeat(63), &"+0".repeat(32)] {
            assert_eq!(Vault::open(bad).unwrap_err(), NotAMasterKey);
        }
    }
}
