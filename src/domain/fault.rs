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

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("the store does not answer")]
    struct Outer(#[source] std::num::ParseIntError);

    #[test]
    fn a_fault_tells_every_cause_in_the_log() {
        let fault = Fault::from(Outer("x".parse::<u8>().unwrap_err()));
        assert_eq!(fault.to_string(), "the store does not answer: invalid digit found in string");
        assert_eq!(format!("{fault:?}"), fault.to_string());
        assert_eq!(Fault::because("no row").to_string(), "no row");
    }
}
