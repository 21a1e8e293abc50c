//! Parameters as they arrive in a query or a form: sizes bounded, duplicates noted, unknown ones of no effect.

use std::collections::BTreeMap;

use url::form_urlencoded;

use super::resource::TOKEN_EXCHANGE;

/// The longest query or form that is read, in bytes. An ID token that names as many people as one may act for comes back in
/// it as a hint.
pub const MAX_TOTAL: usize = 56 * 1024;
/// The most parameters in one request.
const MAX_COUNT: usize = 64;
/// The longest value that is read, in bytes; of a hint, whatever fits into the whole.
const MAX_VALUE: usize = 4096;
/// The parameter in which an ID token comes back.
pub const HINT: &str = "id_token_hint";

/// The parameters of one request. `Debug` prints names only: values can be codes, tokens and secrets.
#[derive(Default)]
pub struct Params {
    values: BTreeMap<String, Vec<String>>,
}

/// A query or form that is not read at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the parameters are too long, too many, or not form-encoded UTF-8 without control characters")]
pub struct Malformed;

impl Params {
    /// Reads a query or an `application/x-www-form-urlencoded` body. A parameter without a value is treated as omitted
    /// (RFC 6749 section 3.1).
    pub fn parse(raw: &[u8]) -> Result<Self, Malformed> {
        if raw.len() > MAX_TOTAL {
            return Err(Malformed);
        }
        Self::of(form_urlencoded::parse(raw).map(|(name, value)| (name.into_owned(), value.into_owned())))
    }

    /// Parameters that came in another way, within the same bounds.
    pub fn of(pairs: impl IntoIterator<Item = (String, String)>) -> Result<Self, Malformed> {
        let mut params = Self::default();
        for (count, (name, value)) in pairs.into_iter().enumerate() {
            // The parser puts U+FFFD where the bytes are no UTF-8.
            let spoilt = |c: char| c.is_control() || c == char::REPLACEMENT_CHARACTER;
            if count >= MAX_COUNT
                || value.len() > if name == HINT { MAX_TOTAL } else { MAX_VALUE }
                || name.contains(spoilt)
                || value.contains(spoilt)
            {
                return Err(Malformed);
            }
            if value.is_empty() {
                continue;
            }
            params.values.entry(name).or_default().push(value);
        }
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

    /// Whether the parameter was given, once or more often.
    pub fn has(&self, name: &str) -> bool {
        self.values.contains_key(name)
    }

    /// Whether any parameter was given twice (RFC 6749 section 3.1 forbids it). `resource` may be (RFC 8707 section 2), and
    /// `audience` in a token exchange (RFC 8693 section 2.1).
    pub fn has_duplicates(&self) -> bool {
        let exchange = self.get("grant_type") == Some(TOKEN_EXCHANGE);
        let may = |name: &str| name == "resource" || (exchange && name == "audience");
        self.values.iter().any(|(name, values)| values.len() > 1 && !may(name))
    }
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
        let long = format!("a={}", "x".repeat(MAX_VALUE));
        assert!(Params::parse(many.as_bytes()).is_ok() && Params::parse(long.as_bytes()).is_ok());
        let hint = format!("{HINT}={}", "x".repeat(MAX_TOTAL - HINT.len() - 1));
        assert!(Params::parse(hint.as_bytes()).is_ok());
        for bad in [
            format!("{many}a=1"),
            format!("{long}x"),
            format!("{hint}x"),
            format!("a={}", "%41".repeat(MAX_TOTAL)),
            "a=%00".into(),
            "a=%ff".into(),
            "a%0d=1".into(),
        ] {
            assert_eq!(Params::parse(bad.as_bytes()).unwrap_err(), Malformed, "{bad:.40}");
        }
    }

    #[test]
    fn values_are_not_printed() {
        assert!(!format!("{:?}", Params::parse(b"client_secret=hunter2").unwrap()).contains("hunter2"));
    }
}
