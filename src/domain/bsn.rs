//! The burgerservicenummer: nine digits that pass the elfproef (Wet algemene bepalingen burgerservicenummer).

use std::fmt;

use zeroize::Zeroize;

/// A citizen service number that passed the elfproef. `Debug` prints nothing of it; it has no `Display`.
#[derive(Clone, PartialEq, Eq)]
pub struct Bsn([u8; 9]);

/// Why a text is no BSN. Never carries the text itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotABsn {
    /// Something else than eight or nine digits.
    #[error("a BSN has 9 digits (an old one 8)")]
    Shape,
    /// The weighted sum is not a multiple of eleven.
    #[error("this number fails the elfproef (11-test): a digit is wrong")]
    Elfproef,
}

impl Bsn {
    /// Reads eight or nine digits; eight are padded with a leading zero, as DigiD's examples have them.
    pub fn parse(text: &str) -> Result<Self, NotABsn> {
        let text = text.trim().as_bytes();
        let mut digits = [b'0'; 9];
        let room = match text.len() {
            8 => digits.get_mut(1..),
            9 => digits.get_mut(..),
            _ => None,
        };
        let room = room.ok_or(NotABsn::Shape)?;
        if !text.iter().all(u8::is_ascii_digit) {
            return Err(NotABsn::Shape);
        }
        room.copy_from_slice(text);
        if passes_elfproef(&digits) { Ok(Self(digits)) } else { Err(NotABsn::Elfproef) }
    }

    /// The nine digits. For sealing, for the keyed index, and for the one client entitled to it; never for a log.
    pub fn digits(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

/// 9·a + 8·b + … + 2·h − 1·i is a multiple of eleven, and not all digits are zero.
fn passes_elfproef(digits: &[u8; 9]) -> bool {
    let weights = [9, 8, 7, 6, 5, 4, 3, 2, -1];
    let sum: i32 = digits.iter().zip(weights).map(|(d, w)| i32::from(d - b'0') * w).sum();
    sum % 11 == 0 && digits.iter().any(|d| *d != b'0')
}

impl Drop for Bsn {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl fmt::Debug for Bsn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Bsn(…)")
    }
}

/// A BSN as its digits, where it must be written: sealed, or for the one client entitled to it.
pub mod digits {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    use super::Bsn;

    /// Writes the digits.
    pub fn serialize<S: Serializer>(bsn: &Bsn, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(bsn.digits())
    }

    /// Reads them.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Bsn, D::Error> {
        Bsn::parse(&String::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn takes_valid_numbers_and_pads_eight_digits() {
        assert_eq!(Bsn::parse(" 111222333\n").unwrap().digits(), "111222333");
        assert_eq!(Bsn::parse("10000008").unwrap().digits(), "010000008");
    }

    #[test]
    fn refuses_what_is_no_bsn() {
        assert_eq!(Bsn::parse("123456789"), Err(NotABsn::Elfproef));
        assert_eq!(Bsn::parse("000000000"), Err(NotABsn::Elfproef));
        for shape in
            ["", "1234567", "1112223334", "11122233a", "１１１２２２３３３", "-11222333", "111 22233"]
        {
            assert_eq!(Bsn::parse(shape), Err(NotABsn::Shape), "{shape}");
        }
    }

    #[test]
    fn never_prints_itself() {
        assert_eq!(format!("{:?}", Bsn::parse("111222333").unwrap()), "Bsn(…)");
    }

    proptest! {
        /// One changed digit is always caught: eleven is prime, and no weight is a multiple of it.
        #[test]
        fn one_wrong_digit_is_caught(place in 0usize..9, other in 0u8..10) {
            let mut digits = *b"111222333";
            prop_assume!(digits[place] != b'0' + other);
            digits[place] = b'0' + other;
            prop_assert_eq!(Bsn::parse(std::str::from_utf8(&digits).unwrap()), Err(NotABsn::Elfproef));
        }
    }
}
