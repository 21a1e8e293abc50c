//! For which APIs a token is asked: resource indicators (RFC 8707).

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
