//! Client authentication (RFC 6749 section 2.3, OpenID Connect Core section 9): exactly one method, and the registered one.

use base64::{Engine, engine::general_purpose::STANDARD};
use url::form_urlencoded;

use super::{
    error::{Code, Error},
    params::Params,
};
use crate::domain::{
    client::{Client, ClientAuth},
    secret::{Hashed, Secret},
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

#[derive(Debug)]
enum Proof {
    None,
    Basic(Secret),
    Post(Secret),
}

/// One answer for an unknown client, a wrong secret and the wrong method: what is wrong is not an attacker's business.
const REFUSED: Error = Error::Json(
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
    if form.has("client_assertion") || form.has("client_assertion_type") {
        return Err(Error::Json(Code::InvalidClient, "client assertions are not supported"));
    }
    let in_form = form.get("client_secret");
    let Some(header) = authorization else {
        let client_id = form.get("client_id").ok_or(MISSING)?.to_owned();
        let proof = in_form.map_or(Proof::None, |secret| Proof::Post(Secret::new(secret)));
        return Ok(Presented { client_id, proof });
    };
    let (client_id, secret) = basic(header).ok_or(REFUSED)?;
    if in_form.is_some() {
        return Err(Error::Json(Code::InvalidRequest, "use one method of client authentication, not two"));
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

const MISSING: Error = Error::Json(
    Code::InvalidRequest,
    "say which client this is: an Authorization header, or client_id in the form",
);

/// Checks it against the registration of `client`: `None` when nobody of that name is registered. An unknown client
/// costs the same work as a known one.
pub fn check(presented: &Presented, client: Option<Client>) -> Result<Client, Error> {
    let nobody = ClientAuth::ClientSecretBasic(Hashed::from_stored(vec![0; 32]));
    let registered = client.as_ref().map_or(&nobody, |client| &client.auth);
    let fits = match (&presented.proof, registered) {
        (Proof::None, ClientAuth::None) => true,
        (Proof::Basic(secret), ClientAuth::ClientSecretBasic(hash))
        | (Proof::Post(secret), ClientAuth::ClientSecretPost(hash)) => hash.is_of(secret),
        _ => false,
    };
    client.filter(|client| fits && client.id == presented.client_id).ok_or(REFUSED)
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
    use crate::domain::{assurance::Level, key::Algorithm, scope::Scope};

    fn client(auth: ClientAuth) -> Client {
        Client {
            id: "portal".into(),
            name: "Portaal".into(),
            redirect_uris: vec!["https://p.example/cb".into()],
            post_logout_redirect_uris: vec![],
            auth,
            scopes: [Scope::Openid].into(),
            sector: "p.example".into(),
            id_token_alg: Algorithm::Rs256,
            minimum_level: Level::Local,
            sees_relation: false,
        }
    }

    /// The code that authentication ends in; `None` when it succeeds.
    fn outcome(header: Option<&str>, form: &str, auth: Option<ClientAuth>) -> Option<Code> {
        let presented = read(header, &Params::parse(form.as_bytes()).unwrap());
        match presented.and_then(|presented| check(&presented, auth.map(client))) {
            Ok(_) => None,
            Err(Error::Json(code, _)) => Some(code),
            Err(other) => panic!("{other:?}"),
        }
    }

    fn header(pair: &str) -> String {
        format!("Basic {}", STANDARD.encode(pair))
    }

    fn hashed(text: &str) -> Hashed {
        Secret::new(text).hashed()
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
            format!("{:?}", check(&presented, auth.map(client)).unwrap_err())
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
        assert_eq!(outcome(None, "client_id=portal&client_assertion=x", None), Some(Code::InvalidClient));
    }
}
