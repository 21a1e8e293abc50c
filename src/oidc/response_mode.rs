//! How an answer travels from here to its client: in the query of a redirect (RFC 6749 section 4.1.2), or in a form that the
//! browser posts (OAuth 2.0 Form Post Response Mode, section 2). What it says is the same.

use super::error::with_query;
use crate::domain::{
    ask::{Ask, ResponseMode},
    secret::Secret,
};

/// An answer on its way to a client: a code, or an error.
#[derive(Clone, PartialEq, Eq)]
pub struct Answer {
    /// Where it goes: an address that its client registered.
    pub redirect_uri: String,
    /// How.
    pub mode: ResponseMode,
    /// What it says: names and values.
    pub says: Vec<(&'static str, String)>,
}

impl Answer {
    /// Brings a code (RFC 6749 section 4.1.2, RFC 9207 section 2).
    pub fn code(ask: &Ask, code: &Secret, issuer: &str) -> Self {
        let mut says = vec![("code", code.expose().to_owned())];
        says.extend(ask.state.clone().map(|state| ("state", state)));
        says.push(("iss", issuer.to_owned()));
        Self { redirect_uri: ask.redirect_uri.clone(), mode: ask.response_mode, says }
    }

    /// Whether the browser must post it.
    pub fn is_posted(&self) -> bool {
        self.mode == ResponseMode::FormPost
    }

    /// The address that says it all, for an answer that is not posted.
    pub fn location(&self) -> String {
        with_query(&self.redirect_uri, &self.says)
    }
}

/// It may hold a code.
impl std::fmt::Debug for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names: Vec<_> = self.says.iter().map(|(name, _)| *name).collect();
        let mut shown = f.debug_struct("Answer");
        shown
            .field("redirect_uri", &self.redirect_uri)
            .field("mode", &self.mode)
            .field("says", &names)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ask::tests::ask;

    fn location(redirect_uri: &str, state: Option<&str>) -> String {
        let ask = Ask { redirect_uri: redirect_uri.into(), state: state.map(str::to_owned), ..ask() };
        Answer::code(&ask, &Secret::new("c"), "i").location()
    }

    #[test]
    fn a_location_keeps_the_registered_uri_and_escapes_the_answer() {
        assert_eq!(
            location("https://p.example/cb?x=1&y=%2F", Some("a&b=c#d")),
            "https://p.example/cb?x=1&y=%2F&code=c&state=a%26b%3Dc%23d&iss=i"
        );
        assert_eq!(location("https://p.example", None), "https://p.example?code=c&iss=i");
        assert_eq!(location("https://p.example/?", None), "https://p.example/?code=c&iss=i");
    }

    #[test]
    fn no_code_is_printed() {
        let answer = Answer::code(&ask(), &Secret::new("hunter2"), "i");
        assert!(!format!("{answer:?}").contains("hunter2"));
    }
}
