//! Whom a JWT is for (`aud`, RFC 7519 section 4.1.3), in those that we make and in those that clients make.

use serde::{Deserialize, Serialize};

use super::path;

/// One text where it is one, a list where they are several. Which it was is kept: some rules want one text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Audience {
    /// One.
    One(String),
    /// Several.
    Several(Vec<String>),
}

impl Audience {
    /// These; where there is none, `default`.
    pub fn of(mut all: Vec<String>, default: String) -> Self {
        match (all.len(), all.pop()) {
            (1, Some(one)) => Self::One(one),
            (_, Some(last)) => {
                all.push(last);
                Self::Several(all)
            }
            (_, None) => Self::One(default),
        }
    }

    /// Whether it is among them.
    pub fn has(&self, one: &str) -> bool {
        match self {
            Self::One(only) => only == one,
            Self::Several(all) => all.iter().any(|other| other == one),
        }
    }

    /// Whether it is that one, as one text: what nobody else could have been shown too.
    pub fn is_just(&self, one: &str) -> bool {
        matches!(self, Self::One(only) if only == one)
    }
}

/// The audience of our ID tokens, and of a hint in brief: a list of the one client (OpenID Connect Core, section 2). Nothing else
/// that we sign writes it so, which keeps that from being taken for one.
pub(super) mod one_in_a_list {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
        let [one] = <[String; 1]>::deserialize(deserializer)?;
        Ok(one)
    }

    pub fn serialize<S: Serializer>(one: &str, serializer: S) -> Result<S::Ok, S::Error> {
        [one].serialize(serializer)
    }
}

/// The admin API of this issuer, which alone takes the access tokens of programs (RFC 9068 section 2.2).
pub fn admin(issuer: &str) -> String {
    format!("{}{}", issuer.trim_end_matches('/'), path::ADMIN)
}

/// The `UserInfo` endpoint of this issuer (RFC 9068 section 2.2).
pub fn userinfo(issuer: &str) -> String {
    format!("{}{}", issuer.trim_end_matches('/'), path::USERINFO)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_audience_is_a_text_and_several_are_a_list() {
        let written = |all: &[&str]| {
            let all = all.iter().map(|one| (*one).to_owned()).collect();
            let audience = Audience::of(all, "ours".into());
            let text = serde_json::to_string(&audience).unwrap();
            assert_eq!(serde_json::from_str::<Audience>(&text).unwrap(), audience);
            (text, audience.has("ours"), audience.has("a"), audience.has("b"))
        };
        assert_eq!(written(&[]), (r#""ours""#.into(), true, false, false));
        assert_eq!(written(&["a"]), (r#""a""#.into(), false, true, false));
        assert_eq!(written(&["a", "b"]), (r#"["a","b"]"#.into(), false, true, true));
    }

    #[test]
    fn just_one_is_a_text_also_where_a_list_has_no_more() {
        let read = |text: &str| serde_json::from_str::<Audience>(text).unwrap();
        assert!(read(r#""a""#).is_just("a") && !read(r#""b""#).is_just("a"));
        assert!(read(r#"["a"]"#).has("a") && !read(r#"["a"]"#).is_just("a"));
        assert!(!read("[]").has("a"));
        for none in ["null", "{}", "1", r#"["a", 1]"#] {
            assert!(serde_json::from_str::<Audience>(none).is_err(), "{none}");
        }
    }
}
