//! `[desk]`: what the desk hands out, and what it tells a child who is too young to log in, in the words of the healthcare provider.

use serde::Deserialize;

use super::BadConfig;
use crate::domain::{lang::Lang, line::moves};

/// The most characters of a text: two sides of paper.
const LONGEST: usize = 6000;

/// The desk. Texts of our own stand where one is left out.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Desk {
    /// What people are given on paper with their mandate.
    pub leaflet: Option<OwnText>,
    /// What a child hears who is not twelve yet and wants to log in (M13).
    pub under_twelve: Option<OwnText>,
}

/// A text in each language of the pages, plain; an empty line parts paragraphs.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OwnText {
    /// In Dutch.
    nl: String,
    /// In English.
    en: String,
}

impl OwnText {
    /// Its paragraphs.
    pub fn paragraphs(&self, lang: Lang) -> Vec<String> {
        let text = match lang {
            Lang::Nl => &self.nl,
            Lang::En => &self.en,
        };
        text.trim().split("\n\n").map(|part| part.trim().to_owned()).collect()
    }

    fn fits(&self) -> bool {
        let plain = |c: char| matches!(c, '\n' | '\r' | '\t') || !moves(c);
        let fits =
            |text: &str| (1..=LONGEST).contains(&text.trim().chars().count()) && text.chars().all(plain);
        fits(&self.nl) && fits(&self.en)
    }
}

impl Desk {
    pub(super) fn check(&self) -> Result<(), BadConfig> {
        let texts = [("leaflet", &self.leaflet), ("under_twelve", &self.under_twelve)];
        match texts.iter().find(|(_, text)| text.as_ref().is_some_and(|text| !text.fits())) {
            None => Ok(()),
            Some((name, _)) => Err(BadConfig::value(format_args!(
                "[desk]: give {name} 1 to {LONGEST} characters in each of nl and en, without control characters, or leave it out"
            ))),
        }
    }
}
