//! How an answer travels from here to its client: in the query of a redirect (RFC 6749 section 4.1.2), or in a form that the
//! browser posts (OAuth 2.0 Form Post Response Mode, section 2). What it says is the same, plainly or in one signed token (JWT
//! Secured Authorization Response Mode, JARM).

use serde_json::{Map, Value};

use super::{error::with_query, jws, keyring::Keyring};
use crate::domain::{
    ask::{Ask, ResponseMode},
    fault::Fault,
    key::Algorithm,
    secret::Secret,
    time::Timestamp,
};

/// How long a signed answer is good, in seconds: ten minutes at most (JARM, section 2.1). A code in it ends much sooner.
const LIFE: i64 = 600;

/// How a response is signed (JARM).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Jarm {
    /// For whom: its `aud`.
    pub client_id: String,
    /// With what.
    pub alg: Algorithm,
}

impl Jarm {
    /// As the request asks for, if it does.
    pub fn of(ask: &Ask) -> Option<Self> {
        Some(Self { client_id: ask.client_id.clone(), alg: ask.response_alg? })
    }
}

/// An authorization response on its way to a client (RFC 6749 sections 4.1.2 and 4.1.2.1): a code, or an error.
#[derive(Clone, PartialEq, Eq)]
pub struct AuthorizationResponse {
    /// Where it goes: an address that its client registered.
    pub redirect_uri: String,
    /// How.
    pub mode: ResponseMode,
    /// How it must be signed before it leaves, if it must.
    pub signed: Option<Jarm>,
    /// What it says: names and values.
    pub says: Vec<(&'static str, String)>,
}

impl AuthorizationResponse {
    /// Brings a code (RFC 6749 section 4.1.2, RFC 9207 section 2).
    pub fn code(ask: &Ask, code: &Secret, issuer: &str) -> Self {
        let mut says = vec![("code", code.expose().to_owned())];
        says.extend(ask.state.clone().map(|state| ("state", state)));
        says.push(("iss", issuer.to_owned()));
        let (redirect_uri, signed) = (ask.redirect_uri.clone(), Jarm::of(ask));
        Self { redirect_uri, mode: ask.response_mode, signed, says }
    }

    /// The same as it leaves: where it must be signed, all that it says becomes one token (JARM, section 2.1).
    pub fn sealed(mut self, ring: &Keyring, now: Timestamp) -> Result<Self, Fault> {
        let Some(Jarm { client_id, alg }) = self.signed.take() else { return Ok(self) };
        let key = ring.signer(alg, now);
        let key = key.ok_or_else(|| {
            Fault::because("no key signs with this client's algorithm: run `namens doctor`")
        })?;
        // `iss` is among them.
        let said = self.says.into_iter().map(|(name, value)| (name.to_owned(), value.into()));
        let mut claims: Map<String, Value> = said.collect();
        claims.insert("aud".to_owned(), client_id.into());
        claims.insert("exp".to_owned(), now.plus(LIFE).epoch().into());
        self.says = vec![("response", jws::write(key, "JWT", &claims)?)];
        Ok(self)
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
impl std::fmt::Debug for AuthorizationResponse {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names: Vec<_> = self.says.iter().map(|(name, _)| *name).collect();
        let mut shown = f.debug_struct("AuthorizationResponse");
        shown
            .field("redirect_uri", &self.redirect_uri)
            .field("mode", &self.mode)
            .field("signed", &self.signed)
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
        AuthorizationResponse::code(&ask, &Secret::new("c"), "i").location()
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
    fn a_signed_answer_says_everything_in_one_token_and_nothing_besides() {
        use super::super::keyring::tests::{ring_of, stored};
        let (ring, now) = (ring_of([stored(Algorithm::Es256)]), Timestamp::from_epoch(150));
        let ask = Ask { state: Some("s".into()), response_alg: Some(Algorithm::Es256), ..ask() };
        let answer = AuthorizationResponse::code(&ask, &Secret::new("c"), "i").sealed(&ring, now).unwrap();
        let [("response", token)] = answer.says.as_slice() else { panic!("{answer:?}") };
        let told: Value = jws::read(&ring, "jwt", token, now).unwrap();
        let expected =
            serde_json::json!({"iss": "i", "aud": "portal", "exp": 750, "code": "c", "state": "s"});
        assert_eq!(told, expected);
        assert_eq!(answer.location(), format!("https://p.example/cb?response={token}"));
        let missing = Ask { response_alg: Some(Algorithm::Ps256), ..ask };
        assert!(AuthorizationResponse::code(&missing, &Secret::new("c"), "i").sealed(&ring, now).is_err());
    }

    #[test]
    fn no_code_is_printed() {
        let answer = AuthorizationResponse::code(&ask(), &Secret::new("hunter2"), "i");
        assert!(!format!("{answer:?}").contains("hunter2"));
    }
}
