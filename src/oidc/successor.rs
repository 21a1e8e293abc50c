//! The successor of a used refresh token, sealed under the used one and for the key that was shown with it: a client whose
//! answer got lost on the way gets the same successor again. Nobody who lacks the used token (we included) can read it.

use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey},
    hkdf,
};
use zeroize::Zeroizing;

use super::access_token::Confirmation;
use crate::domain::{fault::Fault, id::random_bytes, secret::Secret};

/// Seals `successor` under `used`, for who shows that key or certificate again, or shows none again.
pub fn seal(used: &Secret, shown: Option<&Confirmation>, successor: &Secret) -> Result<Vec<u8>, Fault> {
    let nonce = random_bytes::<NONCE_LEN>();
    let mut body = successor.expose().as_bytes().to_vec();
    let aad = Aad::from(bytes(shown)?);
    key(used)?.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), aad, &mut body)?;
    Ok([nonce.as_slice(), &body].concat())
}

/// Opens what was sealed under `used`. `None`: for somebody who showed something else, under another token, or it was altered.
pub fn open(used: &Secret, shown: Option<&Confirmation>, sealed: &[u8]) -> Result<Option<Secret>, Fault> {
    let short = || Fault::because("a sealed refresh token is too short");
    let (nonce, body) = sealed.split_at_checked(NONCE_LEN).ok_or_else(short)?;
    let mut body = Zeroizing::new(body.to_vec());
    let nonce = Nonce::try_assume_unique_for_key(nonce)?;
    let Ok(plain) = key(used)?.open_in_place(nonce, Aad::from(bytes(shown)?), &mut body) else {
        return Ok(None);
    };
    Ok(Some(Secret::new(std::str::from_utf8(plain)?)))
}

/// What was shown, as it is sealed in: nothing where nothing was.
fn bytes(shown: Option<&Confirmation>) -> Result<Vec<u8>, Fault> {
    Ok(shown.map(serde_json::to_vec).transpose()?.unwrap_or_default())
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
        let mut sealed = seal(&used, None, &successor).unwrap();
        assert!(open(&used, None, &sealed).unwrap().unwrap().matches(&successor));
        assert!(open(&successor, None, &sealed).unwrap().is_none());
        sealed[NONCE_LEN] ^= 1;
        assert!(open(&used, None, &sealed).unwrap().is_none() && open(&used, None, &[1, 2]).is_err());
    }

    #[test]
    fn opens_for_who_shows_the_same_key_and_certificate_only() {
        let (used, successor) = (Secret::token("nms_rt_"), Secret::token("nms_rt_"));
        let shown = |jkt: Option<&str>, x5t_s256: Option<&str>| {
            Some(Confirmation { jkt: jkt.map(str::to_owned), x5t_s256: x5t_s256.map(str::to_owned) })
        };
        let all = [
            None,
            shown(Some("a"), None),
            shown(Some("b"), None),
            shown(None, Some("a")),
            shown(Some("a"), Some("a")),
        ];
        for (first, one) in all.iter().enumerate() {
            let sealed = seal(&used, one.as_ref(), &successor).unwrap();
            for (second, other) in all.iter().enumerate() {
                let opened = open(&used, other.as_ref(), &sealed).unwrap();
                assert_eq!(opened.is_some(), first == second, "{one:?} {other:?}");
            }
        }
    }
}
