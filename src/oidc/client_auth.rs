//! Client authentication (RFC 6749 section 2.3, OpenID Connect Core section 9): exactly one method, and the registered one.

use base64::{Engine, engine::general_purpose::STANDARD};
use url::form_urlencoded;

use super::{
    assertion::{self, Mark},
    error::{Code, Error},
    mtls::{Authorities, has_key_of, has_name},
    params::Params,
};
use crate::domain::{
    client::{Client, ClientAuth},
    mtls::Certificate,
    secret::{Hashed, Secret},
    time::Timestamp,
};

/// The longest `Authorization` header that is read, in bytes.
const MAX_HEADER: usize = 2048;

/// What a client showed of itself.
#[derive(Debug)]
pub struct Presented {
    /// Who it says it is.
    pub client_id: String,
    proof: Proof,
}

impl Presented {
    /// The JWT by which it proves who it is, if it does so.
    pub fn assertion(&self) -> Option<&str> {
        match &self.proof {
            Proof::Assertion(assertion) => Some(assertion),
            Proof::None | Proof::Basic(_) | Proof::Post(_) => None,
        }
    }
}

#[derive(Debug)]
enum Proof {
    None,
    Basic(Secret),
    Post(Secret),
    Assertion(String),
}

/// One answer for an unknown client, a wrong secret and the wrong method: what is wrong is not an attacker's business.
pub const INVALID_CLIENT: Error = Error::Json(
    Code::InvalidClient,
    "client authentication failed: check the client_id, its secret, and that the registered method is used",
);

/// Reads what was presented, in the `Authorization` header or in the form.
///
/// Errors: `invalid_request` when a parameter is doubled, there is no client, or more than one method; `invalid_client`
/// for a method that we do not have or a header that cannot be read.
pub fn read(authorization: Option<&str>, form: &Params) -> Result<Presented, Error> {
    if form.has_duplicates() {
        return Err(Error::Json(Code::InvalidRequest, "a parameter may be given only once"));
    }
    let in_form = form.get("client_secret");
    if form.has("client_assertion") || form.has("client_assertion_type") {
        if authorization.is_some() || in_form.is_some() {
            return Err(TWO_METHODS);
        }
        return by_assertion(form);
    }
    let Some(header) = authorization else {
        let client_id = form.get("client_id").ok_or(MISSING)?.to_owned();
        let proof = in_form.map_or(Proof::None, |secret| Proof::Post(Secret::new(secret)));
        return Ok(Presented { client_id, proof });
    };
    let (client_id, secret) = basic(header).ok_or(INVALID_CLIENT)?;
    if in_form.is_some() {
        return Err(TWO_METHODS);
    }
    // Many clients repeat their name in the form; that is no second method, as long as it is the same name.
    if form.get("client_id").is_some_and(|named| named != client_id) {
        return Err(Error::Json(
            Code::InvalidRequest,
            "client_id in the form and in the Authorization header differ",
        ));
    }
    Ok(Presented { client_id, proof: Proof::Basic(secret) })
}

/// The client of an assertion is its `sub` (RFC 7523 section 3); `client_id` may repeat it (RFC 7521 section 4.2).
fn by_assertion(form: &Params) -> Result<Presented, Error> {
    let assertion = form.get("client_assertion").ok_or(NO_ASSERTION)?;
    if form.get("client_assertion_type") != Some(assertion::TYPE) {
        return Err(NO_ASSERTION);
    }
    let client_id = assertion::subject(assertion).ok_or(INVALID_CLIENT)?;
    if form.get("client_id").is_some_and(|named| named != client_id) {
        return Err(Error::Json(
            Code::InvalidRequest,
            "client_id and the sub of the client_assertion differ",
        ));
    }
    Ok(Presented { client_id, proof: Proof::Assertion(assertion.to_owned()) })
}

const TWO_METHODS: Error =
    Error::Json(Code::InvalidRequest, "use one method of client authentication, not two");
const NO_ASSERTION: Error = Error::Json(
    Code::InvalidRequest,
    "send client_assertion, and client_assertion_type=urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
);
const MISSING: Error = Error::Json(
    Code::InvalidRequest,
    "say which client this is: an Authorization header, or client_id in the form",
);

/// The certificate that came with a request, and who vouches for such.
#[derive(Debug, Clone, Copy, Default)]
pub struct Vouched<'a> {
    /// The certificate.
    pub certificate: Option<&'a Certificate>,
    /// Who vouches.
    pub authorities: Option<&'a Authorities>,
}

impl Vouched<'_> {
    /// Whether it proves that this is `client`, which registered one of the methods of RFC 8705 section 2.
    fn proves(self, client: &Client, now: Timestamp) -> bool {
        let Some(certificate) = self.certificate else { return false };
        match client.auth {
            ClientAuth::TlsClientAuth => {
                let vouched = self.authorities.is_some_and(|all| all.vouch_for(certificate, now));
                vouched && client.certificate_name.as_ref().is_some_and(|name| has_name(certificate, name))
            }
            ClientAuth::SelfSignedTlsClientAuth => {
                client.keys.known().is_some_and(|set| has_key_of(certificate, set))
            }
            _ => false,
        }
    }
}

/// A client that is who it says, and the mark of the assertion that proved it, which is good once.
#[derive(Debug)]
pub struct Authenticated {
    /// The client.
    pub client: Client,
    /// To be spent before anything else is done.
    pub once: Option<Mark>,
}

/// Checks what was presented against the registration of `client`: `None` when nobody of that name is registered. An unknown
/// client costs a secret's comparison too. `issuer` is ours.
pub fn check(
    presented: &Presented,
    client: Option<Client>,
    vouched: Vouched<'_>,
    issuer: &str,
    now: Timestamp,
) -> Result<Authenticated, Error> {
    let nobody = ClientAuth::ClientSecretBasic(Hashed::from_stored(vec![0; 32]).into());
    let registered = client.as_ref().map_or(&nobody, |client| &client.auth);
    let mut once = None;
    let fits = match (&presented.proof, registered) {
        (Proof::None, ClientAuth::None) => true,
        (Proof::None, ClientAuth::TlsClientAuth | ClientAuth::SelfSignedTlsClientAuth) => {
            client.as_ref().is_some_and(|client| vouched.proves(client, now))
        }
        (Proof::Basic(secret), ClientAuth::ClientSecretBasic(hash))
        | (Proof::Post(secret), ClientAuth::ClientSecretPost(hash)) => hash.is_good(secret, now),
        (Proof::Assertion(assertion), ClientAuth::PrivateKeyJwt) => match &client {
            Some(client) => {
                once = assertion::check(assertion, client, issuer, now)?;
                once.is_some()
            }
            None => false,
        },
        _ => false,
    };
    let client = client.filter(|client| fits && client.id == presented.client_id).ok_or(INVALID_CLIENT)?;
    Ok(Authenticated { client, once })
}

/// `Basic base64(form(id) ":" form(secret))` (RFC 6749 section 2.3.1).
fn basic(header: &str) -> Option<(String, Secret)> {
    let (scheme, encoded) = header.split_once(' ')?;
    if header.len() > MAX_HEADER || !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let pair = String::from_utf8(STANDARD.decode(encoded.trim_start_matches(' ')).ok()?).ok()?;
    let (id, secret) = pair.split_once(':')?;
    Some((form_decoded(id)?, Secret::new(form_decoded(secret)?)))
}

fn form_decoded(text: &str) -> Option<String> {
    // Only the two rules of form encoding that concern a single value: `&` and `=` stand here unescaped in practice.
    let escaped = text.replace('&', "%26").replace('=', "%3D");
    let mut pairs = form_urlencoded::parse(escaped.as_bytes());
    let (value, _) = pairs.next()?;
    (!value.contains(char::REPLACEMENT_CHARACTER)).then(|| value.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{client::tests::client as fixture, client_secret::ClientSecret, policy::Policy};

    const NOW: Timestamp = Timestamp::from_epoch(150);

    fn client(auth: ClientAuth) -> Client {
        Client { auth, policy: Policy::Basic, ..fixture() }
    }

    /// The code that authentication ends in; `None` when it succeeds.
    fn outcome(header: Option<&str>, form: &str, auth: Option<ClientAuth>) -> Option<Code> {
        let presented = read(header, &Params::parse(form.as_bytes()).unwrap());
        match presented.and_then(|presented| {
            check(&presented, auth.map(client), Vouched::default(), "https://id.example", NOW)
        }) {
            Ok(_) => None,
            Err(Error::Json(code, _)) => Some(code),
            Err(other) => panic!("{other:?}"),
        }
    }

    fn header(pair: &str) -> String {
        format!("Basic {}", STANDARD.encode(pair))
    }

    fn hashed(text: &str) -> ClientSecret {
        Secret::new(text).hashed().into()
    }

    #[test]
    fn the_registered_method_and_no_other() {
        let (basic, post) = (ClientAuth::ClientSecretBasic, ClientAuth::ClientSecretPost);
        let good = header("portal:s3cret");
        let form = "client_id=portal&client_secret=s3cret";
        assert_eq!(outcome(Some(&good), "", Some(basic(hashed("s3cret")))), None);
        assert_eq!(outcome(Some(&good), "client_id=portal", Some(basic(hashed("s3cret")))), None);
        assert_eq!(outcome(None, form, Some(post(hashed("s3cret")))), None);
        assert_eq!(outcome(None, "client_id=portal", Some(ClientAuth::None)), None);
        let refused = Some(Code::InvalidClient);
        assert_eq!(outcome(Some(&good), "", Some(post(hashed("s3cret")))), refused);
        assert_eq!(outcome(Some(&good), "", Some(ClientAuth::None)), refused);
        assert_eq!(outcome(None, form, Some(basic(hashed("s3cret")))), refused);
        assert_eq!(outcome(None, form, Some(ClientAuth::None)), refused);
        assert_eq!(outcome(None, "client_id=portal", Some(basic(hashed("s3cret")))), refused);
        assert_eq!(outcome(Some(&header("portal:other")), "", Some(basic(hashed("s3cret")))), refused);
        assert_eq!(outcome(Some(&header("portal:")), "", Some(basic(hashed("s3cret")))), refused);
    }

    #[test]
    fn unknown_client_and_wrong_secret_are_the_same_answer() {
        let wrong = |auth: Option<ClientAuth>| {
            let form = Params::parse(b"").unwrap();
            let presented = read(Some(&header("portal:wrong")), &form).unwrap();
            format!(
                "{:?}",
                check(&presented, auth.map(client), Vouched::default(), "https://id.example", NOW)
                    .unwrap_err()
            )
        };
        assert_eq!(wrong(None), wrong(Some(ClientAuth::ClientSecretBasic(hashed("right")))));
    }

    #[test]
    fn basic_is_form_decoded() {
        let auth = |secret: &str| Some(ClientAuth::ClientSecretBasic(hashed(secret)));
        assert_eq!(outcome(Some(&header("portal:a%3Ab%25+c")), "", auth("a:b% c")), None);
        assert_eq!(outcome(Some(&header("portal:a:b&c=d=")), "", auth("a:b&c=d=")), None);
        assert_eq!(outcome(Some(&header("po%72tal:x").replace("Basic", "bAsIc")), "", auth("x")), None);
    }

    #[test]
    fn two_methods_or_two_names_are_a_bad_request() {
        let good = header("portal:x");
        let auth = || Some(ClientAuth::ClientSecretBasic(hashed("x")));
        let bad = Some(Code::InvalidRequest);
        assert_eq!(outcome(Some(&good), "client_id=portal&client_secret=x", auth()), bad);
        assert_eq!(outcome(Some(&good), "client_secret=x", auth()), bad);
        assert_eq!(outcome(Some(&good), "client_id=other", auth()), bad);
        assert_eq!(outcome(None, "client_id=a&client_id=portal", Some(ClientAuth::None)), bad);
        assert_eq!(outcome(None, "", Some(ClientAuth::None)), bad);
        assert_eq!(outcome(Some(&good), "code=a&code=b", auth()), bad);
    }

    #[test]
    fn what_is_no_basic_header_is_refused() {
        let latin1 = format!("Basic {}", STANDARD.encode(b"portal:\xff"));
        let long = header(&format!("portal:{}", "x".repeat(2000)));
        for bad in ["", "Basic", "Basic !", "Bearer abc", "Basic cG9ydGFs", &latin1, &long] {
            assert_eq!(
                outcome(Some(bad), "", Some(ClientAuth::None)),
                Some(Code::InvalidClient),
                "{bad:.20}"
            );
        }
        assert_eq!(outcome(None, "client_id=portal&client_assertion=x", None), Some(Code::InvalidRequest));
    }
}
