//! Each algorithm in each place that announces it: four clients that sign all they say with one algorithm each, and are answered
//! in it. OpenSSL makes and checks their signatures, so that Namens is not its own witness.

use std::collections::BTreeSet;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use openssl::{
    bn::{BigNum, BigNumContext},
    ec::{EcGroup, EcKey},
    ecdsa::EcdsaSig,
    hash::MessageDigest,
    nid::Nid,
    pkey::{Id, PKey, Private},
    rsa::{Padding, Rsa},
    sign::{RsaPssSaltlen, Signer, Verifier},
};
use reqwest::RequestBuilder;
use serde_json::{Value, json};

use crate::{
    browser::Browser,
    discovery::{metadata, words},
    house::House,
    jarm::{in_query, opened},
    jose::{ASSERTION_TYPE, assertion_claims, proof_claims},
    oidc_client::{Ask, Auth, Client, assert_refused, claims, header, logged_in},
    portal, request_object,
};

const ALGS: [&str; 4] = ["RS256", "PS256", "ES256", "EdDSA"];
const SIGNED_ANSWER: &str = "application/token-introspection+jwt";

fn encoded(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn decoded(text: &Value) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(text.as_str().unwrap()).unwrap()
}

/// A client that signs everything in one way.
pub struct Party {
    pub alg: &'static str,
    pub client: Client,
    key: PKey<Private>,
}

impl Party {
    pub fn new(id: &'static str, alg: &'static str) -> Self {
        let key = match alg {
            "ES256" => {
                let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
                PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap()
            }
            "EdDSA" => PKey::generate_ed25519().unwrap(),
            _ => PKey::from_rsa(Rsa::generate(2048).unwrap()).unwrap(),
        };
        let client = Client { id, auth: Auth::Key, callback: "http://127.0.0.1:9/callback/algorithms" };
        Self { alg, client, key }
    }

    /// The public half, as a proof of possession brings it.
    pub fn jwk(&self) -> Value {
        match self.alg {
            "ES256" => {
                let key = self.key.ec_key().unwrap();
                let (mut x, mut y) = (BigNum::new().unwrap(), BigNum::new().unwrap());
                let mut context = BigNumContext::new().unwrap();
                key.public_key().affine_coordinates(key.group(), &mut x, &mut y, &mut context).unwrap();
                let part = |number: BigNum| encoded(&number.to_vec_padded(32).unwrap());
                json!({"kty": "EC", "crv": "P-256", "x": part(x), "y": part(y)})
            }
            "EdDSA" => {
                json!({"kty": "OKP", "crv": "Ed25519", "x": encoded(&self.key.raw_public_key().unwrap())})
            }
            _ => {
                let key = self.key.rsa().unwrap();
                json!({"kty": "RSA", "n": encoded(&key.n().to_vec()), "e": encoded(&key.e().to_vec())})
            }
        }
    }

    /// Its registration, beside which its keys are put.
    fn table(&self, house: &House) -> String {
        let mut key = self.jwk();
        key["kid"] = json!(self.alg);
        let (alg, callback, set) = (self.alg, self.client.callback, format!("{}.jwks", self.alg));
        std::fs::write(house.folder.join(&set), json!({"keys": [key]}).to_string()).unwrap();
        format!(
            "[[client]]\nid = \"{alg}\"\nname = \"{alg}\"\nredirect_uris = [\"{callback}\"]\npolicy = \"basic\"\n\
             auth = \"private_key_jwt\"\njwks = \"{set}\"\nscopes = [\"openid\", \"email\"]\nid_token_alg = \"{alg}\"\n\
             userinfo_signed_response_alg = \"{alg}\"\n"
        )
    }

    pub fn sign(&self, header: &Value, claims: &Value) -> String {
        let signed =
            format!("{}.{}", encoded(header.to_string().as_bytes()), encoded(claims.to_string().as_bytes()));
        let mut hand = match self.alg {
            "EdDSA" => Signer::new_without_digest(&self.key).unwrap(),
            _ => Signer::new(MessageDigest::sha256(), &self.key).unwrap(),
        };
        if self.alg == "PS256" {
            hand.set_rsa_padding(Padding::PKCS1_PSS).unwrap();
            hand.set_rsa_pss_saltlen(RsaPssSaltlen::DIGEST_LENGTH).unwrap();
        }
        let mut signature = hand.sign_oneshot_to_vec(signed.as_bytes()).unwrap();
        if self.alg == "ES256" {
            let pair = EcdsaSig::from_der(&signature).unwrap();
            signature = [pair.r(), pair.s()].map(|number| number.to_vec_padded(32).unwrap()).concat();
        }
        format!("{signed}.{}", encoded(&signature))
    }

    /// A signed request for what `ask` asks.
    pub fn request(&self, house: &House, ask: &Ask) -> String {
        let head = json!({"alg": self.alg, "kid": self.alg, "typ": "oauth-authz-req+jwt"});
        self.sign(&head, &request_object::claims(house, ask))
    }

    pub fn assertion(&self, house: &House) -> String {
        self.sign(&json!({"alg": self.alg, "kid": self.alg}), &assertion_claims(house, self.client.id))
    }

    /// A form with a proof of who it is.
    pub fn post(&self, house: &House, path: &str, form: &[(&str, &str)]) -> RequestBuilder {
        with_assertion(house, path, form, &self.assertion(house))
    }

    /// A proof of possession of its key.
    pub fn proof(&self, house: &House, method: &str, path: &str, token: Option<&str>) -> String {
        let head = json!({"typ": "dpop+jwt", "alg": self.alg, "jwk": self.jwk()});
        self.sign(&head, &proof_claims(house, method, path, token))
    }
}

pub fn with_assertion(house: &House, path: &str, form: &[(&str, &str)], assertion: &str) -> RequestBuilder {
    let mut form = form.to_vec();
    form.extend([("client_assertion_type", ASSERTION_TYPE), ("client_assertion", assertion)]);
    reqwest::Client::new().post(format!("{}{path}", house.issuer)).form(&form)
}

pub async fn sent(request: RequestBuilder) -> (u16, Value) {
    let answer = request.send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap_or_default())
}

/// The same token, signed for something else.
fn altered(token: &str) -> String {
    let parts: Vec<&str> = token.split('.').collect();
    let mut said = claims(token);
    said["jti"] = json!("another");
    format!("{}.{}.{}", parts[0], encoded(said.to_string().as_bytes()), parts[2])
}

/// Whether the key that a token names among ours has signed it, by OpenSSL's word and by the algorithm that it names.
pub async fn is_ours(house: &House, token: &str) -> bool {
    let set: Value = reqwest::get(format!("{}/jwks", house.issuer)).await.unwrap().json().await.unwrap();
    let head = header(token);
    let named = |key: &&Value| key["kid"] == head["kid"] && key["alg"] == head["alg"];
    let Some(key) = set["keys"].as_array().unwrap().iter().find(named) else { return false };
    let number = |name: &str| BigNum::from_slice(&decoded(&key[name])).unwrap();
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let mut signature = decoded(&json!(signature));
    let public = match key["kty"].as_str().unwrap() {
        "RSA" => PKey::from_rsa(Rsa::from_public_components(number("n"), number("e")).unwrap()).unwrap(),
        "EC" => {
            let (r, s) = signature.split_at(32);
            let pair = [r, s].map(|half| BigNum::from_slice(half).unwrap());
            let [r, s] = pair;
            signature = EcdsaSig::from_private_components(r, s).unwrap().to_der().unwrap();
            let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
            let key = EcKey::from_public_key_affine_coordinates(&group, &number("x"), &number("y")).unwrap();
            PKey::from_ec_key(key).unwrap()
        }
        _ => PKey::public_key_from_raw_bytes(&decoded(&key["x"]), Id::ED25519).unwrap(),
    };
    let mut verifier = match head["alg"].as_str().unwrap() {
        "EdDSA" => Verifier::new_without_digest(&public).unwrap(),
        _ => Verifier::new(MessageDigest::sha256(), &public).unwrap(),
    };
    if head["alg"] == "PS256" {
        verifier.set_rsa_padding(Padding::PKCS1_PSS).unwrap();
        verifier.set_rsa_pss_saltlen(RsaPssSaltlen::DIGEST_LENGTH).unwrap();
    }
    verifier.verify_oneshot(&signature, signed.as_bytes()).unwrap_or(false)
}

/// It is signed by us in that algorithm, and nothing else has that signature.
async fn assert_ours(house: &House, token: &str, alg: &str) {
    assert_eq!(header(token)["alg"], alg);
    assert!(is_ours(house, token).await, "{alg}: {token}");
    assert!(!is_ours(house, &altered(token)).await, "{alg}");
}

/// A house with a client for each algorithm, and a browser in which somebody is logged in.
async fn house() -> (House, Browser, [Party; 4]) {
    let mut house = House::with("# parties here").await;
    let parties = ALGS.map(|alg| Party::new(alg, alg));
    let tables: String = parties.iter().map(|party| party.table(&house)).collect();
    house.reconfigure("# parties here", &tables);
    let (browser, _) = logged_in(&house).await;
    (house, browser, parties)
}

/// The same algorithms are announced for every use; for proofs of possession FAPI's alone.
fn assert_announced(told: &Value) {
    for member in [
        "id_token_signing_alg_values_supported",
        "userinfo_signing_alg_values_supported",
        "authorization_signing_alg_values_supported",
        "introspection_signing_alg_values_supported",
        "request_object_signing_alg_values_supported",
        "token_endpoint_auth_signing_alg_values_supported",
        "introspection_endpoint_auth_signing_alg_values_supported",
        "revocation_endpoint_auth_signing_alg_values_supported",
    ] {
        assert_eq!(words(&told[member]), ALGS, "{member}");
    }
}

/// A code by a request that the client signed, in an answer that we did.
async fn code(house: &House, browser: &Browser, party: &Party, ask: &Ask) -> String {
    let request = party.request(house, ask);
    let brought = |request: &str| {
        let bare = Ask { parameters: Vec::new(), ..ask.clone() };
        bare.with("client_id", party.client.id).with("request", request).url(house)
    };
    // Nobody knows where the one that was altered wants its answer.
    let refused = browser.get(&brought(&altered(&request))).await;
    assert!(refused.location().is_none_or(|to| !to.as_str().contains("code=")), "{}", party.alg);
    let said = in_query(&browser.get(&brought(&request)).await, ask);
    assert_ours(house, said["response"].as_str().unwrap(), party.alg).await;
    opened(house, ask, &said).await["code"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_client_and_we_sign_everything_in_each_announced_algorithm() {
    let (house, browser, parties) = house().await;
    let told = metadata(&house).await;
    assert_announced(&told);
    for party in &parties {
        let alg = party.alg;
        let ask = party.client.ask().with("response_mode", "jwt").with("scope", "openid email");
        let code = code(&house, &browser, party, &ask).await;
        let form = ask.redemption(&code);
        let forged = altered(&party.assertion(&house));
        assert_refused(&sent(with_assertion(&house, "/token", &form, &forged)).await, "invalid_client");
        let (status, body) = sent(party.post(&house, "/token", &form)).await;
        assert_eq!(status, 200, "{alg}: {body}");
        let tokens = portal::tokens(body);
        let access = tokens.text("access_token");
        assert_ours(&house, tokens.text("id_token"), alg).await;
        assert_ours(&house, access, alg).await;

        let (media, user) = crate::claims::raw(&house, access).await;
        assert_eq!((media.as_str(), &claims(&user)["aud"]), ("application/jwt", &json!(alg)));
        assert_ours(&house, &user, alg).await;

        let asked = [("token", access)];
        let worth = async || {
            let request = party.post(&house, "/introspect", &asked).header("accept", SIGNED_ANSWER);
            let answer = request.send().await.unwrap().text().await.unwrap();
            assert_ours(&house, &answer, alg).await;
            claims(&answer)["token_introspection"]["active"] == true
        };
        assert!(worth().await, "{alg}");
        // Who cannot sign so hears nothing of it and does not end it.
        for path in ["/introspect", "/revoke"] {
            let forged = altered(&party.assertion(&house));
            assert_refused(&sent(with_assertion(&house, path, &asked, &forged)).await, "invalid_client");
        }
        assert!(worth().await, "{alg}");
        assert_eq!(sent(party.post(&house, "/revoke", &asked)).await.0, 200);
        assert!(!worth().await, "{alg}");
    }
}

/// RFC 9449 section 5.1.
#[tokio::test]
async fn tokens_are_bound_by_proofs_in_each_announced_algorithm_and_by_no_other() {
    let (house, browser, parties) = house().await;
    let announced: BTreeSet<_> =
        words(&metadata(&house).await["dpop_signing_alg_values_supported"]).into_iter().collect();
    assert_eq!(announced, ["PS256", "ES256", "EdDSA"].map(str::to_owned).into());
    for party in &parties {
        let ask = party.client.ask();
        let code = party.client.code(&house, &browser, &ask).await;
        let request =
            |proof: &str| party.post(&house, "/token", &ask.redemption(&code)).header("dpop", proof);
        let proof = || party.proof(&house, "POST", "/token", None);
        assert_refused(&sent(request(&altered(&proof()))).await, "invalid_dpop_proof");
        let (status, body) = sent(request(&proof())).await;
        if !announced.contains(party.alg) {
            assert_refused(&(status, body), "invalid_dpop_proof");
            continue;
        }
        assert_eq!((status, &body["token_type"]), (200, &json!("DPoP")), "{}: {body}", party.alg);
        let access = body["access_token"].as_str().unwrap();
        let user = |proof: String| {
            let request = reqwest::Client::new().get(format!("{}/userinfo", house.issuer));
            request.header("authorization", format!("DPoP {access}")).header("dpop", proof)
        };
        let proof = || party.proof(&house, "GET", "/userinfo", Some(access));
        assert_eq!(sent(user(altered(&proof()))).await.0, 401, "{}", party.alg);
        assert_eq!(sent(user(proof())).await.0, 200, "{}", party.alg);
    }
}
