//! `[desk]`: what the desk hands out.

use serde::Deserialize;

use super::BadConfig;

/// The most characters of a leaflet: two sides of paper.
const LONGEST: usize = 6000;

/// The desk.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Desk {
    /// What people are given on paper with their mandate, in plain text; an empty line parts paragraphs. A text of our own when left out.
    pub leaflet: Option<String>,
}

impl Desk {
    pub(super) fn check(&self) -> Result<(), BadConfig> {
        let fits = |text: &String| (1..=LONGEST).contains(&text.trim().chars().count());
        if self.leaflet.as_ref().is_none_or(fits) {
            return Ok(());
        }
        Err(BadConfig::value(format_args!(
            "[desk]: give a leaflet of 1 to {LONGEST} characters, or leave it out"
        )))
    }
}
