//! The successor of a used refresh token, sealed under the used one: a client whose answer got lost on the way gets the
//! same successor again, and nobody who lacks the used token (we included) can read it.

use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey},
    hkdf,
};
use zeroize::Zeroizing;

use crate::domain::{fault::Fault, id::random_bytes, secret::Secret};

/// Seals `successor` under `used`.
pub fn seal(used: &Secret, successor: &Secret) -> Result<Vec<u8>, Fault> {
    let nonce = random_bytes::<NONCE_LEN>();
    let mut body = successor.expose().as_bytes().to_vec();
    key(used)?.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::empty(), &mut body)?;
    Ok([nonce.as_slice(), &body].concat())
}

/// Opens what was sealed under `used`. Errors: it was sealed under another token, or altered.
pub fn open(used: &Secret, sealed: &[u8]) -> Result<Secret, Fault> {
    let short = || Fault::because("a sealed refresh token is too short");
    let (nonce, body) = sealed.split_at_checked(NONCE_LEN).ok_or_else(short)?;
    let mut body = Zeroizing::new(body.to_vec());
    let plain =
        key(used)?.open_in_place(Nonce::try_assume_unique_for_key(nonce)?, Aad::empty(), &mut body)?;
    Ok(Secret::new(std::str::from_utf8(plain)?))
}

/// HKDF (RFC 5869) over the token, which has 256 random bits.
fn key(used: &Secret) -> Result<LessSafeKey, Fault> {
    let mut bytes = Zeroizing::new([0; 32]);
    hkdf::Salt::new(hkdf::HKDF_SHA256, b"namens refresh successor")
        .extract(used.expose().as_bytes())
        .expand(&[], &AES_256_GCM)?
        .fill(bytes.as_mut_slice())?;
    Ok(LessSafeKey::new(UnboundKey::new(&AES_256_GCM, bytes.as_slice())?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opens_under_the_used_token_only() {
        let (used, successor) = (Secret::token("nms_rt_"), Secret::token("nms_rt_"));
        let mut sealed = seal(&used, &successor).unwrap();
        assert!(open(&used, &sealed).unwrap().matches(&successor));
        assert!(open(&successor, &sealed).is_err());
        sealed[NONCE_LEN] ^= 1;
        assert!(open(&used, &sealed).is_err() && open(&used, &[1, 2]).is_err());
    }
}
