//! Scopes: what a client asks for and may ask for (RFC 6749 section 3.3).

use std::{collections::BTreeSet, fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use super::words::{UnknownWord, words};

words! {
    /// One scope.
    #[derive(PartialOrd, Ord)]
    Scope {
        /// The user's `sub`, and an ID token (OpenID Connect Core, section 3.1.2.1). No request goes without it.
        Openid = "openid",
        /// The user's names, and what else belongs to a profile (OpenID Connect Core, section 5.4).
        Profile = "profile",
        /// The user's e-mail address (the same section).
        Email = "email",
        /// The user's postal address (the same section).
        Address = "address",
        /// The user's telephone number (the same section).
        Phone = "phone",
        /// For whom the user may act.
        ActAs = "act_as",
        /// Tokens after the session too (section 11): no more than a local login, and for nobody else.
        OfflineAccess = "offline_access",
    }
}

/// A set of scopes. Written as one text in the order in which [`Scope`] declares them; in registrations as a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Scopes<S: Ord = Scope>(BTreeSet<S>);

impl<S: Ord> Default for Scopes<S> {
    fn default() -> Self {
        Self(BTreeSet::new())
    }
}

impl Scopes {
    /// The scopes of a request, without the words that nobody has: they are ignored (OpenID Connect Core, section
    /// 3.1.2.1).
    pub fn understood(text: &str) -> Self {
        text.split(' ').filter_map(|word| word.parse().ok()).collect()
    }
}

impl<S: Ord + Copy> Scopes<S> {
    /// Adds one.
    pub fn insert(&mut self, scope: S) {
        self.0.insert(scope);
    }

    /// Takes one out.
    pub fn remove(&mut self, scope: S) {
        self.0.remove(&scope);
    }

    /// Whether it is among them.
    pub fn contains(&self, scope: S) -> bool {
        self.0.contains(&scope)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether all of them are among `others`.
    pub fn are_within(&self, others: &Self) -> bool {
        self.0.is_subset(&others.0)
    }
}

impl<S: Ord + Copy> Scopes<S> {
    /// Those of them that are among `others` too.
    #[must_use]
    pub fn within(&self, others: &Self) -> Self {
        self.0.intersection(&others.0).copied().collect()
    }
}

impl<S: Ord> FromIterator<S> for Scopes<S> {
    fn from_iter<T: IntoIterator<Item = S>>(scopes: T) -> Self {
        Self(scopes.into_iter().collect())
    }
}

impl<S: Ord, const N: usize> From<[S; N]> for Scopes<S> {
    fn from(scopes: [S; N]) -> Self {
        Self(scopes.into())
    }
}

/// Words parted by spaces; an unknown one is an error.
impl<S: Ord + FromStr<Err = UnknownWord>> FromStr for Scopes<S> {
    type Err = UnknownWord;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.split_ascii_whitespace().map(str::parse).collect()
    }
}

impl<S: Ord + fmt::Display> fmt::Display for Scopes<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, scope) in self.0.iter().enumerate() {
            write!(f, "{}{scope}", if place == 0 { "" } else { " " })?;
        }
        Ok(())
    }
}

/// As one text, in a token (RFC 8693 section 4.2).
pub mod text {
    use std::{fmt::Display, str::FromStr};

    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    use super::{Scopes, UnknownWord};

    /// Writes the text.
    pub fn serialize<W: Ord + Display, S: Serializer>(
        scopes: &Scopes<W>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_str(scopes)
    }

    /// Reads the text.
    pub fn deserialize<'de, W: Ord + FromStr<Err = UnknownWord>, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Scopes<W>, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn read_back_as_written_and_always_in_one_order() {
        let all: Scopes = "act_as email openid email".parse().unwrap();
        assert_eq!(all.to_string(), "openid email act_as");
        assert_eq!(serde_json::to_string(&all).unwrap(), r#"["openid","email","act_as"]"#);
        assert_eq!(serde_json::from_str::<Scopes>(r#"["act_as","openid","email"]"#).unwrap(), all);
        let none = Scopes::<Scope>::default();
        assert_eq!((none.to_string(), "".parse()), (String::new(), Ok(none)));
    }

    #[test]
    fn an_unknown_word_is_an_error_where_we_wrote_it_and_ignored_where_others_did() {
        assert!("openid unheard".parse::<Scopes>().is_err() && "OPENID".parse::<Scopes>().is_err());
        let asked = Scopes::understood("openid unheard  OPENID");
        assert_eq!(asked, [Scope::Openid].into());
        assert!(asked.are_within(&[Scope::ActAs, Scope::Openid].into()) && !asked.contains(Scope::ActAs));
        assert!(!asked.are_within(&[Scope::ActAs].into()));
    }

    #[test]
    fn in_a_token_scopes_are_one_text() {
        #[derive(Serialize, Deserialize)]
        struct Token {
            #[serde(with = "text")]
            scope: Scopes,
        }
        let token = Token { scope: [Scope::ActAs, Scope::Openid].into() };
        let written = serde_json::to_string(&token).unwrap();
        assert_eq!(written, r#"{"scope":"openid act_as"}"#);
        assert_eq!(serde_json::from_str::<Token>(&written).unwrap().scope, token.scope);
        assert!(serde_json::from_str::<Token>(r#"{"scope":"unheard"}"#).is_err());
    }
}
