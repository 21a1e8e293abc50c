//! For which APIs a token is asked, and made: resource indicators (RFC 8707) and the audience of access tokens (RFC 9068
//! section 3).

use serde::{Deserialize, Serialize};

use super::{
    error::{Code, Error},
    params::Params,
};

/// The grant type of a token exchange (RFC 8693 section 2.1).
pub const TOKEN_EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";

/// What is said of an API for which no token is given (RFC 8707 section 2).
pub const NO_TARGET: &str =
    "each resource must be, character for character, one that this client is registered for and was granted";
/// The same, as an endpoint for clients says it.
pub const INVALID_TARGET: Error = Error::Json(Code::InvalidTarget, NO_TARGET);

/// Who may be asked with a token (`aud`): one text where it is one, a list where they are several (RFC 7519 section 4.1.3).
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
}

/// What a request names in the parameters `names`, each once. `None` when one of them is nothing that it `may` name: compared
/// as exact strings, so what is no absolute URI, or has a fragment, is never one.
pub fn targets(params: &Params, names: &[&str], may: impl Fn(&str) -> bool) -> Option<Vec<String>> {
    let mut found: Vec<String> = Vec::new();
    for one in names.iter().flat_map(|name| params.all(name)) {
        if !may(one) {
            return None;
        }
        if !found.iter().any(|other| other == one) {
            found.push(one.to_owned());
        }
    }
    Some(found)
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
    fn each_target_counts_once_and_one_that_may_not_be_spoils_all() {
        let asked = |form: &str| {
            let params = Params::parse(form.as_bytes()).unwrap();
            targets(&params, &["resource", "audience"], |one| ["a", "b"].contains(&one))
        };
        assert_eq!(asked(""), Some(vec![]));
        assert_eq!(asked("audience=b&resource=b&resource=a&resource=b"), Some(vec!["b".into(), "a".into()]));
        assert_eq!((asked("resource=a&resource=c"), asked("audience=A")), (None, None));
    }
}
