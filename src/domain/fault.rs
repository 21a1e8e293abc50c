//! What went wrong inside: for the log, under a request id. The user sees only the id.

use std::{error::Error, fmt};

/// An inner failure that no user can mend: a database that does not answer, a row that does not open.
/// Deliberately no [`Error`] itself, so that `?` turns any error into one.
pub struct Fault(Box<dyn Error + Send + Sync>);

impl<E: Error + Send + Sync + 'static> From<E> for Fault {
    fn from(error: E) -> Self {
        Self(Box::new(error))
    }
}

impl Fault {
    /// A fault that has no error of a library behind it.
    pub fn because(why: &'static str) -> Self {
        Self(why.into())
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut inner = self.0.source();
        for _ in 0..8 {
            let Some(source) = inner else { break };
            write!(f, ": {source}")?;
            inner = source.source();
        }
        Ok(())
    }
}

impl fmt::Debug for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
