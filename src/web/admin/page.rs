//! Lists come in pages: behind an opaque cursor, with a bounded limit.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::Deserialize;

use super::problem::Problem;

/// The most entries of a page, and how many it has where nobody says.
pub(super) const MOST: usize = 100;
const USUAL: usize = 50;

/// The parameters of a list.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    limit: Option<usize>,
    cursor: Option<String>,
}

impl Asked {
    /// How many entries.
    pub(super) fn limit(&self) -> Result<usize, Problem> {
        limit(self.limit, USUAL, MOST)
    }

    /// What the page stands behind, if it is not the first.
    pub(super) fn behind<const N: usize>(&self) -> Result<Option<[String; N]>, Problem> {
        self.cursor.as_deref().map(read).transpose()
    }
}

/// How many entries, where `asked` is what the request says.
pub(super) fn limit(asked: Option<usize>, usual: usize, most: usize) -> Result<usize, Problem> {
    let limit = asked.unwrap_or(usual);
    let fits = (1..=most).contains(&limit);
    if fits { Ok(limit) } else { Err(Problem::bad(format_args!("limit: give 1 to {most}"))) }
}

/// A cursor for what stands behind this.
pub(super) fn cursor<const N: usize>(parts: [&str; N]) -> String {
    URL_SAFE_NO_PAD.encode(parts.join("\n"))
}

/// What a cursor says.
pub(super) fn read<const N: usize>(cursor: &str) -> Result<[String; N], Problem> {
    let text = URL_SAFE_NO_PAD.decode(cursor).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    // An empty one says nothing, and not the beginning.
    let text = text.filter(|text| !text.is_empty() && !text.contains('\0'));
    let parts = text.map(|text| text.split('\n').map(str::to_owned).collect::<Vec<_>>());
    parts
        .and_then(|parts| parts.try_into().ok())
        .ok_or_else(|| Problem::bad("cursor: give the `next` of an earlier page, as it was"))
}
