//! Decrypts an identity that the routing service encrypted for us (XML Encryption 1.1; ST-SAML 1.0, *`EncryptedID`*).
//!
//! Whatever goes wrong, the same work is done and the same reason comes out: a difference between a wrong key, bad
//! padding and bad content would let somebody who can send many variants read the number without the key (padding
//! oracle). That somebody would also have to sign each variant as the routing service; this is the wall behind that.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use openssl::error::ErrorStack;
use openssl::pkey::{PKeyRef, Private};
use openssl::rand::rand_bytes;
use openssl::rsa::Padding;
use openssl::symm::{Cipher, Crypter, Mode};
use zeroize::Zeroizing;

use super::keys::KeyPair;
use super::xml::{self, DS, Element, Reason, SAML};
use crate::domain::bsn::Bsn;

/// XML Encryption.
pub(super) const XENC: &str = "http://www.w3.org/2001/04/xmlenc#";
const ELEMENT: &str = "http://www.w3.org/2001/04/xmlenc#Element";
const AES_256_CBC: &str = "http://www.w3.org/2001/04/xmlenc#aes256-cbc";
/// RSA-OAEP whose mask is made with SHA-1; so is its digest, by default.
const RSA_OAEP: &str = "http://www.w3.org/2001/04/xmlenc#rsa-oaep-mgf1p";
const SHA1: &str = "http://www.w3.org/2000/09/xmldsig#sha1";

const PERSISTENT: &str = "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent";
const LEGACY_BSN: &str = "urn:nl-eid-gdi:1.0:id:legacy-BSN";

/// In bytes: of the key and of a block of AES-256.
const KEY: usize = 32;
const BLOCK: usize = 16;
/// A NameID is some hundreds of bytes.
const MAX_CIPHER: usize = 4096;
/// One for each certificate of each recipient.
const MAX_KEYS: usize = 16;

/// The one reason for all that can be wrong with an encrypted identity.
pub(super) const UNREADABLE: Reason =
    "an identity that cannot be read: not for our entity id and key name, damaged, or no BSN";

/// Who we are to those who encrypt for us.
pub(super) struct Recipient<'a> {
    pub(super) entity_id: &'a str,
    /// By name; never empty. In a rollover there are two.
    pub(super) keys: &'a [(String, KeyPair)],
}

/// The BSN in an `EncryptedID`.
pub(super) fn bsn(encrypted: &Element, recipient: &Recipient<'_>) -> Result<Bsn, Reason> {
    let cipher = cipher(encrypted);
    let found = recipient.keys.iter().find_map(|(name, pair)| {
        let wrapped = wrapped_key(encrypted, recipient.entity_id, name)?;
        Some((Some(wrapped), pair))
    });
    // With nothing for us, the same work is done with the first key.
    let first = recipient.keys.first().map(|(_, pair)| (None, pair));
    let (wrapped, pair) = found.or(first).ok_or(UNREADABLE)?;
    let plain = decrypt(wrapped.as_deref(), cipher.as_deref(), pair.key()).map_err(|_| UNREADABLE)?;
    match (cipher, wrapped, identity(&plain)) {
        (Some(_), Some(_), Some(bsn)) => Ok(bsn),
        _ => Err(UNREADABLE),
    }
}

/// The cipher text of the one `EncryptedData`, the vector first; only of the algorithm and in the shape agreed.
fn cipher(encrypted: &Element) -> Option<Vec<u8>> {
    let data = encrypted.one(XENC, "EncryptedData", UNREADABLE).ok()?;
    let method = data.one(XENC, "EncryptionMethod", UNREADABLE).ok()?;
    if data.attribute("Type") != Some(ELEMENT) || method.attribute("Algorithm") != Some(AES_256_CBC) {
        return None;
    }
    let cipher = cipher_value(data)?;
    let blocks = cipher.len().is_multiple_of(BLOCK) && (2 * BLOCK..=MAX_CIPHER).contains(&cipher.len());
    blocks.then_some(cipher)
}

/// The one wrapped key that is for our entity id and our key by its name.
fn wrapped_key(encrypted: &Element, entity_id: &str, key_name: &str) -> Option<Vec<u8>> {
    let ours = |key: &&Element| {
        let name = key.one(DS, "KeyInfo", UNREADABLE).and_then(|info| info.one(DS, "KeyName", UNREADABLE));
        key.attribute("Recipient") == Some(entity_id) && name.is_ok_and(|name| name.text() == key_name)
    };
    let keys = encrypted.all(XENC, "EncryptedKey");
    let mut ours = keys.take(MAX_KEYS).filter(ours);
    let (Some(key), None) = (ours.next(), ours.next()) else { return None };
    let method = key.one(XENC, "EncryptionMethod", UNREADABLE).ok()?;
    let sha1 = |child: &Element| child.is(DS, "DigestMethod") && child.attribute("Algorithm") == Some(SHA1);
    if method.attribute("Algorithm") != Some(RSA_OAEP) || !method.children().iter().all(sha1) {
        return None;
    }
    cipher_value(key)
}

fn cipher_value(of: &Element) -> Option<Vec<u8>> {
    let data = of.one(XENC, "CipherData", UNREADABLE).ok()?;
    let value = data.one(XENC, "CipherValue", UNREADABLE).ok()?;
    let compact: String = value.text().split_ascii_whitespace().collect();
    STANDARD.decode(compact).ok()
}

/// What comes out of the cipher, padding included. A key that cannot be unwrapped is replaced by a random one, and what
/// is missing by zeros: then nonsense comes out, after the same work.
fn decrypt(
    wrapped: Option<&[u8]>,
    cipher: Option<&[u8]>,
    key: &PKeyRef<Private>,
) -> Result<Zeroizing<Vec<u8>>, ErrorStack> {
    let mut content_key = Zeroizing::new([0; KEY]);
    rand_bytes(content_key.as_mut_slice())?;
    let rsa = key.rsa()?;
    let size = usize::try_from(rsa.size()).unwrap_or_default();
    let nothing = vec![0; size];
    let wrapped = wrapped.filter(|wrapped| wrapped.len() == size).unwrap_or(&nothing);
    let mut unwrapped = Zeroizing::new(vec![0; size]);
    let length = rsa.private_decrypt(wrapped, &mut unwrapped, Padding::PKCS1_OAEP).unwrap_or_default();
    if let (KEY, Some(right)) = (length, unwrapped.get(..KEY)) {
        content_key.copy_from_slice(right);
    }
    let (vector, blocks) = cipher.unwrap_or(&[0; 2 * BLOCK]).split_at(BLOCK);
    let mut aes = Crypter::new(Cipher::aes_256_cbc(), Mode::Decrypt, content_key.as_slice(), Some(vector))?;
    aes.pad(false);
    let mut plain = Zeroizing::new(vec![0; blocks.len() + BLOCK]);
    let written = aes.update(blocks, &mut plain)?;
    plain.truncate(written);
    Ok(plain)
}

/// The BSN in what comes out of the cipher.
pub(super) fn identity(plain: &[u8]) -> Option<Bsn> {
    let content = xml::parse(unpadded(plain)?).ok()?;
    name_id(&content)
}

/// Without the padding (XML Encryption, section 5.2): the last byte tells how many there are, the others are anything.
fn unpadded(plain: &[u8]) -> Option<&[u8]> {
    let padding = usize::from(*plain.last()?);
    let text = plain.len().checked_sub(padding)?;
    if (1..=BLOCK).contains(&padding) { plain.get(..text) } else { None }
}

/// A NameID that is a BSN in the clear; the encrypted kinds (`id:BSN`, `id:Pseudonym`) are not agreed with us.
fn name_id(name_id: &Element) -> Option<Bsn> {
    let plain = name_id.is(SAML, "NameID") && name_id.children().is_empty();
    let kind = (name_id.attribute("Format"), name_id.attribute("NameQualifier"));
    let qualified = ["SPNameQualifier", "SPProvidedID"].iter().any(|name| name_id.attribute(name).is_some());
    if !plain || qualified || kind != (Some(PERSISTENT), Some(LEGACY_BSN)) || name_id.text().len() != 9 {
        return None;
    }
    Bsn::parse(name_id.text()).ok()
}
