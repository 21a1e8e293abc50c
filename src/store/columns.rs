//! What stands in a column, as the domain knows it.

use sqlx::{Row, any::AnyRow};

use crate::domain::{fault::Fault, secret::Hashed, time::Timestamp};

/// Reads columns by name. Errors: no such column, or something else stands in it.
pub(super) trait Columns {
    /// A text.
    fn text(&self, name: &str) -> Result<String, Fault>;
    /// A text that may be missing.
    fn maybe_text(&self, name: &str) -> Result<Option<String>, Fault>;
    /// An instant.
    fn time(&self, name: &str) -> Result<Timestamp, Fault>;
    /// An instant that may not have come.
    fn maybe_time(&self, name: &str) -> Result<Option<Timestamp>, Fault>;
    /// Bytes that may be missing.
    fn maybe_bytes(&self, name: &str) -> Result<Option<Vec<u8>>, Fault>;
    /// The hash of a secret.
    fn hash(&self, name: &str) -> Result<Hashed, Fault>;
}

impl Columns for AnyRow {
    fn text(&self, name: &str) -> Result<String, Fault> {
        Ok(self.try_get(name)?)
    }

    fn maybe_text(&self, name: &str) -> Result<Option<String>, Fault> {
        Ok(self.try_get(name)?)
    }

    fn time(&self, name: &str) -> Result<Timestamp, Fault> {
        Ok(Timestamp::from_epoch(self.try_get(name)?))
    }

    fn maybe_time(&self, name: &str) -> Result<Option<Timestamp>, Fault> {
        Ok(self.try_get::<Option<i64>, _>(name)?.map(Timestamp::from_epoch))
    }

    fn maybe_bytes(&self, name: &str) -> Result<Option<Vec<u8>>, Fault> {
        Ok(self.try_get(name)?)
    }

    fn hash(&self, name: &str) -> Result<Hashed, Fault> {
        Ok(Hashed::from_stored(self.try_get(name)?))
    }
}
