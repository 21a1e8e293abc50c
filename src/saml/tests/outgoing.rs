//! What we send: requests, metadata, and what is refused before anything is sent.

use std::io::Read as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::read::DeflateDecoder;
use openssl::hash::MessageDigest;
use openssl::sign::Verifier;
use samael::crypto::{AllowedSignatureAlgorithm, Crypto, CryptoProvider, ReduceMode};
use tokio::time::timeout;
use url::Url;

use super::forge::{self, ACS, DIGID, Pair, SP, artifact_of, keys, now, replace, resigned, settings, sp};
use crate::config::digid::Binding;
use crate::domain::assurance::Level;
use crate::domain::finding::{Report, Verdict};
use crate::saml::xml::{self, DS, Element, MD, SAML, SAMLP};
use crate::saml::{
    Artifact, Delivery, Failure, Outgoing, Pem, RequestError, ServiceProvider, Settings, SettingsError, Wish,
};

pub(super) fn parse(text: &str) -> Element {
    xml::parse(text.as_bytes()).unwrap_or_else(|reason| panic!("{reason}: {text}"))
}

/// What of a document our key signed with SHA-256.
pub(super) fn signed_by_us(document: &str) -> Element {
    let certificate = keys().ours.certificate.to_der().unwrap().into();
    let allowed = [AllowedSignatureAlgorithm::RsaSha256];
    let mode = ReduceMode::ValidateAndMarkNoAncestors;
    let reduced =
        Crypto::reduce_xml_to_signed_with_allowed_algorithms(document, &[certificate], mode, Some(&allowed));
    parse(&reduced.expect("signed by us"))
}

fn wish(required: Level, force_authn: bool) -> Wish {
    Wish { required, force_authn, representation: false }
}

async fn request(settings: Settings, force_authn: bool) -> Outgoing {
    let sp = ServiceProvider::new(&settings, now()).unwrap();
    sp.request(wish(Level::Substantieel, force_authn), "a b&c=\"<é", now()).await.unwrap()
}

fn check_request(request: &Element, outgoing: &Outgoing, destination: &str, force: &str) {
    assert!(request.is(SAMLP, "AuthnRequest"));
    assert_eq!(request.attribute("ID"), Some(outgoing.id.as_str()));
    assert_eq!(request.attribute("IssueInstant"), Some("2026-11-22T12:00:00Z"));
    assert_eq!(request.attribute("Destination"), Some(destination));
    assert_eq!(request.attribute("ForceAuthn"), Some(force));
    assert_eq!(request.one(SAML, "Issuer", "").unwrap().text(), SP);
    let context = request.one(SAMLP, "RequestedAuthnContext", "").unwrap();
    assert_eq!(context.attribute("Comparison"), Some("minimum"));
    let class = context.one(SAML, "AuthnContextClassRef", "").unwrap();
    assert_eq!(class.text(), "urn:oasis:names:tc:SAML:2.0:ac:classes:Smartcard");
}

#[tokio::test]
async fn a_redirect_carries_a_signature_over_the_query_as_sent() {
    let outgoing = request(settings(), true).await;
    let Delivery::Redirect(url) = &outgoing.how else { panic!("a redirect") };
    assert_eq!(format!("{:?}", outgoing.how), "Redirect(…)");
    let query = url.query().unwrap().strip_prefix("x=1&").expect("DigiD's own parameter is kept");
    let (signed, signature) = query.split_once("&Signature=").unwrap();
    let pairs: Vec<(String, String)> = url.query_pairs().into_owned().skip(1).collect();
    let names: Vec<&str> = pairs.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["SAMLRequest", "RelayState", "SigAlg", "Signature"]);
    assert_eq!(pairs[1].1, "a b&c=\"<é");
    assert_eq!(pairs[2].1, "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256");
    assert!(!signature.contains('+') && !signed.contains('"'));
    let mut verifier = Verifier::new(MessageDigest::sha256(), &keys().ours.key).unwrap();
    verifier.update(signed.as_bytes()).unwrap();
    assert!(verifier.verify(&STANDARD.decode(&pairs[3].1).unwrap()).unwrap());
    let mut text = String::new();
    DeflateDecoder::new(&STANDARD.decode(&pairs[0].1).unwrap()[..]).read_to_string(&mut text).unwrap();
    let request = parse(&text);
    check_request(&request, &outgoing, "https://digid.example/saml/idp/request_authentication?x=1", "true");
    assert_eq!(request.attribute("AssertionConsumerServiceIndex"), Some("0"));
    assert_eq!(request.attribute("AssertionConsumerServiceURL"), None);
    assert_eq!(request.attribute("ProtocolBinding"), None);
    assert!(request.all(DS, "Signature").next().is_none());
}

#[tokio::test]
async fn a_post_carries_its_signature_inside() {
    let settings = Settings { binding: Binding::Post, acs_index: None, ..settings() };
    let outgoing = request(settings, false).await;
    let Delivery::Post { action, saml_request, relay_state } = &outgoing.how else { panic!("a form") };
    assert_eq!(format!("{:?}", outgoing.how), "Post(…)");
    assert_eq!(relay_state, "a b&c=\"<é");
    let text = String::from_utf8(STANDARD.decode(saml_request).unwrap()).unwrap();
    let request = signed_by_us(&text);
    check_request(&request, &outgoing, action.as_str(), "false");
    assert_eq!(request.attribute("AssertionConsumerServiceIndex"), None);
    assert_eq!(request.attribute("AssertionConsumerServiceURL"), Some(ACS));
    let artifact = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Artifact";
    assert_eq!(request.attribute("ProtocolBinding"), Some(artifact));
    let key_info = parse(&text)
        .one(DS, "Signature", "")
        .unwrap()
        .one(DS, "KeyInfo", "")
        .map(|info| info.one(DS, "KeyName", "").unwrap().text().to_owned());
    assert_eq!(key_info, Ok("key <1>".to_owned()));
}

#[tokio::test]
async fn ids_differ_and_limits_hold() {
    let sp = sp();
    let ask = |level, relay_state: String| {
        let sp = sp.clone();
        async move { sp.request(wish(level, false), &relay_state, now()).await.map(|outgoing| outgoing.id) }
    };
    let (one, two) =
        (ask(Level::Midden, "r".repeat(80)).await.unwrap(), ask(Level::Midden, String::new()).await.unwrap());
    assert!(one != two && one.len() == 41 && one.starts_with('_'));
    assert_eq!(ask(Level::Midden, "r".repeat(81)).await, Err(RequestError::RelayState));
    assert_eq!(ask(Level::Local, String::new()).await, Err(RequestError::NotDigid));
}

#[test]
fn our_metadata_is_signed_and_says_what_digid_wants() {
    let text = sp().metadata(now()).to_owned();
    assert_eq!(text, sp().metadata(now()), "the same after a restart");
    let root = signed_by_us(&text);
    assert!(root.is(MD, "EntityDescriptor") && root.attribute("cacheDuration").is_none());
    assert_eq!(root.attribute("entityID"), Some(SP));
    let descriptor = root.one(MD, "SPSSODescriptor", "").unwrap();
    assert_eq!(descriptor.attribute("AuthnRequestsSigned"), Some("true"));
    assert_eq!(descriptor.attribute("WantAssertionsSigned"), Some("true"));
    let key = descriptor.one(MD, "KeyDescriptor", "").unwrap();
    assert_eq!(key.attribute("use"), Some("signing"));
    let info = key.one(DS, "KeyInfo", "").unwrap();
    assert_eq!(info.one(DS, "KeyName", "").unwrap().text(), "key <1>");
    let certificate = info.one(DS, "X509Data", "").unwrap().one(DS, "X509Certificate", "").unwrap();
    assert_eq!(certificate.text(), keys().ours.certificate_base64());
    let acs = descriptor.one(MD, "AssertionConsumerService", "").unwrap();
    assert_eq!((acs.attribute("Location"), acs.attribute("index")), (Some(ACS), Some("0")));
}

#[test]
fn settings_that_cannot_work_are_refused_at_start() {
    let refused = |spoil: &dyn Fn(&mut Settings)| {
        let mut settings = settings();
        spoil(&mut settings);
        ServiceProvider::new(&settings, now()).err().map(|error| error.to_string()).expect("refused")
    };
    let (stranger, weak) = (&keys().stranger, Pair::rsa(1024));
    let change =
        |from: &str, to: &str| refused(&|s| s.digid_metadata = resigned(&s.digid_metadata, (from, to)));
    let break_up =
        |from: &str, to: &str| refused(&|s| s.digid_metadata = replace(&s.digid_metadata, (from, to)));
    let signing = |key: &Pair, certificate: &Pair| {
        let pem = Pem { certificate: certificate.pem().certificate, ..key.pem() };
        refused(&|s| s.signing.pem = pem.clone())
    };
    let locked =
        stranger.key.private_key_to_pem_pkcs8_passphrase(openssl::symm::Cipher::aes_128_cbc(), b"x").unwrap();
    let locked = String::from_utf8(locked).unwrap();
    let key = || "a key".to_owned();
    let no_key = SettingsError::Key { at: key() }.to_string();
    let mixed_up =
        |at: &str, found, wanted| SettingsError::MixedUp { at: at.into(), found, wanted }.to_string();
    let mismatch = SettingsError::Mismatch { key: key(), certificate: "a certificate".into() }.to_string();
    let no_certificate =
        |told: String| assert!(told.contains("no signing certificate that is valid"), "{told}");
    assert_eq!(signing(stranger, &keys().ours), mismatch);
    assert_eq!(signing(&weak, &weak), SettingsError::Weak { at: key() }.to_string());
    assert_eq!(refused(&|s| *s.signing.pem.key.text = "garbage".to_owned()), no_key);
    assert_eq!(refused(&|s| s.signing.pem.key.text.clone_from(&locked.clone().into())), no_key);
    assert_eq!(
        refused(&|s| s.signing.pem.key.text.clone_from(&s.signing.pem.certificate.text)),
        mixed_up("a key", "certificate", "private key")
    );
    assert_eq!(
        refused(&|s| s.tls.certificate.text.clone_from(&s.tls.key.text)),
        mixed_up("a certificate", "private key", "certificate")
    );
    assert_eq!(
        refused(&|s| s.tls.certificate.text.clear()),
        SettingsError::Certificate { at: "a certificate".into() }.to_string()
    );
    assert_eq!(refused(&|s| *s.tls.key.text = stranger.key_pem()), mismatch);
    assert!(refused(&|s| s.ca_roots.text.clear()).contains("the roots holds no certificate"));
    assert!(refused(&|s| s.metadata_certificates.text.clear()).contains("the pinned holds no certificate"));
    no_certificate(change("use=\"signing\"", "use=\"encryption\""));
    no_certificate(change(&keys().digid.certificate_base64(), "AAAA"));
    no_certificate(change(&keys().digid.certificate_base64(), &weak.certificate_base64()));
    assert!(change("ArtifactResolutionService", "X").contains("ArtifactResolutionService"));
    assert!(change("HTTP-Redirect", "X").contains("HTTP-Redirect"));
    assert!(change("https://was.", "http://was.").contains("https"));
    assert!(break_up("<md:IDPSSO", "<!-- --><md:IDPSSO").contains("comment"));
    assert!(break_up("md:EntityDescriptor ", "md:Other ").contains("not well-formed"));
    assert!(refused(&|s| s.acs_url = Url::parse("http://zorg.example/acs").unwrap()).contains("https"));
    assert!(refused(&|s| s.entity_id.push('\n')).contains("entity id"));
}

#[test]
fn the_doctor_sees_every_certificate() {
    let mut report = Report::default();
    sp().dates(&mut report, now());
    let seen: Vec<_> = report.of(Verdict::Ok).map(ToString::to_string).collect();
    let right = ["SAML signing", "TLS client", "DigiD signing"].map(|what| {
        format!("certificates: the {what} certificate ends in 8440 days, on 2049-12-31T23:59:59Z")
    });
    assert_eq!(seen, right);
}

#[test]
fn only_an_artifact_of_our_digid_is_taken() {
    let sp = sp();
    let good = artifact_of(DIGID);
    let parse = |bytes: &[u8]| Artifact::parse(&STANDARD.encode(bytes), &sp).err();
    assert_eq!(parse(&good), None);
    let spoiled = |place: usize, value: u8| {
        let mut bytes = good.clone();
        bytes[place] = value;
        parse(&bytes)
    };
    let malformed = Some(Failure::BadArtifact("malformed"));
    assert_eq!(spoiled(1, 1), Some(Failure::BadArtifact("of another type")));
    assert_eq!(spoiled(3, 1), Some(Failure::BadArtifact("of an unknown endpoint")));
    assert_eq!(
        parse(&artifact_of("https://other.example")),
        Some(Failure::BadArtifact("of another identity provider"))
    );
    assert_eq!(parse(&good[..43]), malformed);
    assert_eq!(parse(&[&good[..], &[0]].concat()), malformed);
    assert_eq!(Artifact::parse("", &sp).err(), malformed);
    assert_eq!(Artifact::parse(&"é".repeat(30), &sp).err(), malformed);
    let artifact = Artifact::parse(&STANDARD.encode(&good), &sp).unwrap();
    assert_eq!(
        format!("{artifact:?} {:?}", forge::settings()),
        format!("Artifact(…) Settings {{ entity_id: {SP:?}, .. }}")
    );
}

/// Whoever begins login after login and never comes back keeps nobody from arriving.
#[tokio::test]
async fn requests_leave_half_of_the_lane_to_answers() {
    let (sp, may_end) = (sp(), Arc::new(AtomicBool::new(false)));
    let with_logout = sp.renewed(&super::single_logout::with_logout(), now()).unwrap();
    // As many as the whole lane holds; those past the half are turned away at once.
    let mut departing = tokio::task::JoinSet::new();
    for _ in 0..500 {
        let (strangers, may_end) = (sp.inner.lanes.strangers.clone(), may_end.clone());
        departing.spawn(async move {
            let wait = move || {
                while !may_end.load(Ordering::Relaxed) {
                    std::thread::sleep(Duration::from_millis(1));
                }
                Ok(())
            };
            strangers.run::<(), Failure>(wait).await
        });
    }
    let refused = departing.join_next().await.unwrap().unwrap();
    assert_eq!(refused, Err(Failure::Busy), "more than half was let in");
    let wish = Wish { required: Level::Midden, force_authn: false, representation: false };
    let request = timeout(Duration::from_mins(1), sp.request(wish, "x", now())).await;
    let logout = timeout(Duration::from_mins(1), with_logout.read_logout(b"x".to_vec(), now())).await;
    let answer = tokio::spawn({
        let lane = sp.inner.lanes.all.clone();
        async move { lane.run::<(), Failure>(|| Ok(())).await }
    });
    tokio::task::yield_now().await;
    // First, so that a test that fails ends.
    may_end.store(true, Ordering::Relaxed);
    let waits = "it waits in the place of answers";
    assert_eq!(request.expect(waits).unwrap_err(), RequestError::Failed(Failure::Busy));
    assert_eq!(logout.expect(waits).unwrap_err(), Failure::Busy);
    assert_eq!(answer.await.unwrap(), Ok(()), "an answer found no place");
}
