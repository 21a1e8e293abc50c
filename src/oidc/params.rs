//! Parameters as they arrive in a query or a form: sizes bounded, duplicates noted, unknown ones of no effect.

use std::collections::{BTreeMap, BTreeSet};

use url::form_urlencoded;

use super::resource::TOKEN_EXCHANGE;

/// The longest query or form that is read, in bytes. An ID token that names as many people as one may act for comes back in
/// it as a hint.
pub const MAX_TOTAL: usize = 56 * 1024;
/// The most parameters in one request.
const MAX_COUNT: usize = 64;
/// The longest value that is read, in bytes; of a hint, and of a request object that may hold one, whatever fits into the whole.
const MAX_VALUE: usize = 4096;
/// The parameter in which an ID token comes back.
pub const HINT: &str = "id_token_hint";
/// The parameters that mean something at one of the endpoints for clients. Where one of these is spoilt, something was meant that cannot be
/// read, so nothing is done. What has no place here is ignored, however it looks. A test compares it with what the code reads.
pub const KNOWN: [&str; 42] = [
    "access_token",
    "acr_values",
    "act_as",
    "actor_token",
    "actor_token_type",
    "audience",
    "claims",
    "client_assertion",
    "client_assertion_type",
    "client_id",
    "client_secret",
    "code",
    "code_challenge",
    "code_challenge_method",
    "code_verifier",
    "csrf",
    "display",
    "dpop_jkt",
    "grant_type",
    HINT,
    "login_hint",
    "logout_hint",
    "max_age",
    "nonce",
    "post_logout_redirect_uri",
    "prompt",
    "redirect_uri",
    "refresh_token",
    "registration",
    "request",
    "request_uri",
    "requested_token_type",
    "resource",
    "response_mode",
    "response_type",
    "scope",
    "state",
    "subject_token",
    "subject_token_type",
    "token",
    "token_type_hint",
    "ui_locales",
];

/// The parameters of one request. `Debug` prints names only: values can be codes, tokens and secrets.
#[derive(Default)]
pub struct Params {
    values: BTreeMap<String, Vec<String>>,
    /// The known ones of which a value cannot be read: none of their values counts.
    spoilt: BTreeSet<&'static str>,
}

/// A query or form that is not read at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the parameters are too long or too many")]
pub struct Malformed;

impl Params {
    /// Reads a query or an `application/x-www-form-urlencoded` body. A parameter without a value is treated as omitted
    /// (RFC 6749 section 3.1), and a value that cannot be read as [`Params::has_spoilt`] tells. Errors: there is too much of it.
    pub fn parse(raw: &[u8]) -> Result<Self, Malformed> {
        Self::parse_for(&KNOWN, raw)
    }

    /// The same at a door that is not for clients, where other parameters mean something: these.
    pub fn parse_for(known: &[&'static str], raw: &[u8]) -> Result<Self, Malformed> {
        if raw.len() > MAX_TOTAL {
            return Err(Malformed);
        }
        let pairs = form_urlencoded::parse(raw);
        Self::read(known, pairs.map(|(name, value)| (name.into_owned(), value.into_owned())))
    }

    /// Parameters that came in another way, within the same bounds.
    pub fn of(pairs: impl IntoIterator<Item = (String, String)>) -> Result<Self, Malformed> {
        Self::read(&KNOWN, pairs)
    }

    fn read(
        known: &[&'static str],
        pairs: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, Malformed> {
        let mut params = Self::default();
        for (count, (name, value)) in pairs.into_iter().enumerate() {
            if count >= MAX_COUNT {
                return Err(Malformed);
            }
            if is_spoilt(&name, &value) {
                params.spoilt.extend(known.iter().copied().find(|known| *known == name));
            } else if !value.is_empty() {
                params.values.entry(name).or_default().push(value);
            }
        }
        // What was sent beside it under the same name would be half of what was meant.
        params.values.retain(|name, _| !params.spoilt.contains(name.as_str()));
        Ok(params)
    }

    /// The value of a parameter that was given exactly once.
    pub fn get(&self, name: &str) -> Option<&str> {
        match self.values.get(name).map(Vec::as_slice) {
            Some([one]) => Some(one),
            _ => None,
        }
    }

    /// Every value of a parameter that may be given more than once.
    pub fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.values.get(name).into_iter().flatten().map(String::as_str)
    }

    /// Whether the parameter was given, once or more often, readable or not.
    pub fn has(&self, name: &str) -> bool {
        self.values.contains_key(name) || self.spoilt.contains(name)
    }

    /// Whether a parameter that means something holds a control character, what is no UTF-8, or more than is read. It has no value
    /// then, and whoever reads the request must refuse it. Of others that is ignored (OpenID Connect Core, section 3.1.2.1).
    pub fn has_spoilt(&self) -> bool {
        !self.spoilt.is_empty()
    }

    /// Whether any parameter was given twice (RFC 6749 section 3.1 forbids it). `resource` may be (RFC 8707 section 2), and
    /// `audience` in a token exchange (RFC 8693 section 2.1).
    pub fn has_duplicates(&self) -> bool {
        let exchange = self.get("grant_type") == Some(TOKEN_EXCHANGE);
        let may = |name: &str| name == "resource" || (exchange && name == "audience");
        self.values.iter().any(|(name, values)| values.len() > 1 && !may(name))
    }
}

/// Whether a parameter is no text, or longer than is read. The parser puts U+FFFD where the bytes are no UTF-8; in JSON the ends of lines
/// and tabs are white space (RFC 8259 section 2).
fn is_spoilt(name: &str, value: &str) -> bool {
    let bad = |c: char| c.is_control() || c == char::REPLACEMENT_CHARACTER;
    let is_json = name == "claims";
    let longest = if name == HINT || name == "request" { MAX_TOTAL } else { MAX_VALUE };
    value.len() > longest
        || name.contains(bad)
        || value.contains(|c| bad(c) && !(is_json && matches!(c, '\n' | '\r' | '\t')))
}

impl std::fmt::Debug for Params {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.values.keys()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_doubled_parameter_has_no_value() {
        let params = Params::parse(b"a=1&b=x+y%26&a=1&empty=&=z").unwrap();
        assert_eq!((params.get("a"), params.get("b"), params.get("empty")), (None, Some("x y&"), None));
        assert!(params.has("a") && params.has_duplicates() && !params.has("empty"));
        let params = Params::parse(b"resource=a&resource=b&c=1&c=").unwrap();
        assert!(!params.has_duplicates() && params.get("resource").is_none());
        assert_eq!(params.all("resource").collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!(params.all("c").chain(params.all("d")).collect::<Vec<_>>(), ["1"]);
    }

    #[test]
    fn audience_may_be_doubled_in_a_token_exchange_and_nowhere_else() {
        let doubled = |grant: &str| {
            let form = format!("grant_type={grant}&audience=a&audience=b");
            Params::parse(form.as_bytes()).unwrap().has_duplicates()
        };
        assert!(!doubled(TOKEN_EXCHANGE) && doubled("authorization_code") && doubled(""));
        let twice = format!("grant_type={TOKEN_EXCHANGE}&grant_type={TOKEN_EXCHANGE}&audience=a&audience=b");
        assert!(Params::parse(twice.as_bytes()).unwrap().has_duplicates());
    }

    #[test]
    fn what_is_too_big_or_no_text_is_not_read() {
        let many = "a=1&".repeat(MAX_COUNT);
        let hint = format!("{HINT}={}", "x".repeat(MAX_TOTAL - HINT.len() - 1));
        assert!(Params::parse(many.as_bytes()).is_ok());
        assert!(!Params::parse(hint.as_bytes()).unwrap().has_spoilt());
        for bad in [format!("{many}a=1"), format!("{hint}x"), format!("a={}", "%41".repeat(MAX_TOTAL))] {
            assert_eq!(Params::parse(bad.as_bytes()).unwrap_err(), Malformed, "{bad:.40}");
        }
        let long = "x".repeat(MAX_VALUE);
        for (value, is_bad) in [(long.as_str(), false), ("%c3%a9", false), (&format!("{long}x"), true)]
            .into_iter()
            .chain(["%00", "%0a", "%7f", "%c2%85", "%ff", "%ef%bf%bd"].map(|bad| (bad, true)))
        {
            let of = |name: &str| Params::parse(format!("{name}={value}&{name}=&b=1").as_bytes()).unwrap();
            let (known, unknown) = (of("nonce"), of("x-nonce"));
            assert_eq!(
                (known.has_spoilt(), known.get("nonce").is_none(), known.has("nonce")),
                (is_bad, is_bad, true),
                "{value:.40}"
            );
            assert_eq!((unknown.has_spoilt(), unknown.has("x-nonce")), (false, !is_bad), "{value:.40}");
            assert_eq!((known.get("b"), unknown.get("b")), (Some("1"), Some("1")));
        }
        // Half of what was meant is nothing.
        let twice = Params::parse(b"resource=a&resource=%00").unwrap();
        assert!(twice.has_spoilt() && twice.has("resource") && twice.all("resource").next().is_none());
        assert!(!Params::parse(b"a%0d=1&%ff=2").unwrap().has_spoilt());
    }

    #[test]
    fn a_door_has_its_own_parameters_and_those_of_no_other() {
        let spoilt = |known: &[&'static str], name: &str| {
            Params::parse_for(known, format!("{name}=%00").as_bytes()).unwrap().has_spoilt()
        };
        assert!(spoilt(&["RelayState"], "RelayState") && !spoilt(&["RelayState"], "nonce"));
        assert!(spoilt(&KNOWN, "nonce") && !spoilt(&KNOWN, "RelayState"));
    }

    #[test]
    fn only_claims_may_hold_the_white_space_of_json() {
        for (form, is_bad) in [("claims=%7b%0d%0a%09%7d", false), ("claims=%0b", true), ("state=%0a", true)] {
            assert_eq!(Params::parse(form.as_bytes()).unwrap().has_spoilt(), is_bad, "{form}");
        }
    }

    #[test]
    fn values_are_not_printed() {
        assert!(!format!("{:?}", Params::parse(b"client_secret=hunter2").unwrap()).contains("hunter2"));
    }
}
