//! What a healthcare provider calls a patient by.

use std::{fmt, str::FromStr};

/// The most characters.
const LONGEST: usize = 40;

/// A patient number as it is compared and kept: capital letters, digits and `-./`, without spaces. What is written alike is one number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PatientNumber(String);

/// A text that is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a patient number has 1 to 40 letters, digits, dots, hyphens and slashes")]
pub struct NotAPatientNumber;

impl PatientNumber {
    /// One that was stored.
    pub fn from_stored(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// Its text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for PatientNumber {
    type Err = NotAPatientNumber;

    fn from_str(text: &str) -> Result<Self, NotAPatientNumber> {
        let folded = text.trim().to_ascii_uppercase();
        let plain = |c: char| c.is_ascii_alphanumeric() || "-./".contains(c);
        let named = folded.chars().any(|c| c.is_ascii_alphanumeric());
        if named && folded.len() <= LONGEST && folded.chars().all(plain) {
            Ok(Self(folded))
        } else {
            Err(NotAPatientNumber)
        }
    }
}

impl fmt::Display for PatientNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_one_however_it_is_typed() {
        for text in ["ab-12", " AB-12 ", "Ab-12"] {
            let number = text.parse::<PatientNumber>().unwrap();
            assert_eq!((number.as_str(), number.to_string().as_str()), ("AB-12", "AB-12"));
        }
        assert!("1".repeat(40).parse::<PatientNumber>().is_ok());
        for bad in ["", " ", "-", "a b", "a\nb", "é1", &"1".repeat(41)] {
            assert_eq!(bad.parse::<PatientNumber>(), Err(NotAPatientNumber), "{bad:?}");
        }
    }
}
