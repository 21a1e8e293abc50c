//! What we send to the routing service, and what is refused before anything is sent.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use openssl::hash::MessageDigest;

use super::forge::{self, Pair, SP, keys, now};
use super::forge_routing::{KEY_NAME, PROVIDERS, SERVICE, settings, sp};
use super::outgoing::{parse, signed_by_us};
use crate::config::digid::Binding;
use crate::domain::assurance::Level;
use crate::domain::finding::Report;
use crate::saml::xml::{DS, Element, MD, SAML, SAMLP};
use crate::saml::{
    Delivery, Interface, RequestError, RoutingService, ServiceProvider, Settings, SettingsError, Wish,
};

fn wish(representation: bool) -> Wish {
    Wish { required: Level::Hoog, force_authn: true, representation }
}

async fn request(sp: &ServiceProvider, representation: bool) -> Element {
    let outgoing = sp.request(wish(representation), "relay", now()).await.unwrap();
    let Delivery::Post { action, saml_request, relay_state } = &outgoing.how else { panic!("a form") };
    let text = String::from_utf8(STANDARD.decode(saml_request).unwrap()).unwrap();
    let request = signed_by_us(&text);
    assert_eq!(relay_state, "relay");
    assert_eq!(request.attribute("ID"), Some(outgoing.id.as_str()));
    assert_eq!(request.attribute("Destination"), Some(action.as_str()));
    let signature = parse(&text).one(DS, "Signature", "").map(|s| s.one(DS, "KeyInfo", "").is_ok());
    assert_eq!(signature, Ok(true), "the key is named");
    request
}

/// The one value of each attribute, by name.
fn extensions(request: &Element) -> Vec<(String, String)> {
    let extensions = request.one(SAMLP, "Extensions", "").unwrap();
    let read = |attribute: &Element| {
        let value = attribute.one(SAML, "AttributeValue", "").unwrap().text().to_owned();
        (attribute.attribute("Name").unwrap().to_owned(), value)
    };
    extensions.children().iter().map(read).collect()
}

fn asked(request: &Element) -> Vec<&str> {
    let list = request.one(SAMLP, "Scoping", "").unwrap().one(SAMLP, "IDPList", "").unwrap();
    list.children().iter().map(|entry| entry.attribute("ProviderID").unwrap()).collect()
}

#[tokio::test]
async fn a_request_names_the_service_and_no_level() {
    let request = request(&sp(), false).await;
    let names: Vec<&str> = request.children().iter().map(Element::name).collect();
    assert_eq!(names, ["Issuer", "Extensions", "Scoping"], "in the order of the schema, and nothing else");
    assert_eq!(request.attribute("AssertionConsumerServiceIndex"), Some("0"));
    assert_eq!(request.attribute("ForceAuthn"), Some("true"));
    for absent in [
        "AssertionConsumerServiceURL",
        "ProtocolBinding",
        "AttributeConsumingServiceIndex",
        "ProviderName",
        "IsPassive",
    ] {
        assert_eq!(request.attribute(absent), None, "{absent}");
    }
    let right = [
        ("urn:nl-eid-gdi:1.0:IntendedAudience".to_owned(), SP.to_owned()),
        ("urn:nl-eid-gdi:1.0:ServiceUUID".to_owned(), SERVICE.to_owned()),
    ];
    assert_eq!(extensions(&request), right);
}

#[tokio::test]
async fn the_register_of_representation_is_asked_only_on_wish() {
    let sp = sp();
    assert_eq!(asked(&request(&sp, false).await), PROVIDERS[..1]);
    assert_eq!(asked(&request(&sp, true).await), PROVIDERS);
    let alone = ServiceProvider::new(&with(|service| service.providers = None), now()).unwrap();
    assert!(request(&alone, false).await.one(SAMLP, "Scoping", "").is_err());
    for cannot in [alone, forge::sp()] {
        let refused = cannot.request(wish(true), "relay", now()).await;
        assert_eq!(refused.err(), Some(RequestError::NoRepresentation));
    }
}

/// Good settings, with something else in the registration.
fn with(change: impl FnOnce(&mut RoutingService)) -> Settings {
    let mut settings = settings();
    if let Interface::RoutingService(service) = &mut settings.interface {
        change(service);
    }
    settings
}

#[test]
fn settings_that_cannot_work_are_refused_at_start() {
    let refused = |settings: Settings| {
        ServiceProvider::new(&settings, now()).err().map(|error| error.to_string()).expect("refused")
    };
    let weak = Pair::rsa(1024);
    assert!(refused(Settings { binding: Binding::Redirect, ..settings() }).contains("must be post"));
    assert!(refused(Settings { acs_index: None, ..settings() }).contains("must have an index"));
    assert!(refused(with(|service| service.service_uuid.clear())).contains("the service UUID"));
    assert!(refused(with(|service| service.encryption.name.push('\n'))).contains("encryption key name"));
    let provider = |settings| refused(settings).contains("a provider");
    assert!(provider(with(|s| s.providers.as_mut().unwrap().login.clear())));
    assert!(provider(with(|s| s.providers.as_mut().unwrap().representation.clear())));
    assert_eq!(
        refused(with(|s| s.encryption.pem.key.text.clear())),
        SettingsError::Key { at: "a key".into() }.to_string()
    );
    let mismatch = with(|service| *service.encryption.pem.key.text = keys().stranger.key_pem());
    assert!(refused(mismatch).contains("a key does not belong to a certificate"));
    let short = with(|service| service.encryption.pem = weak.pem());
    assert_eq!(refused(short), SettingsError::Weak { at: "a key".into() }.to_string());
}

#[test]
fn our_metadata_tells_every_key_and_an_end() {
    let text = sp().metadata(now()).to_owned();
    assert_eq!(text, sp().metadata(now()), "the same after a restart");
    let root = signed_by_us(&text);
    assert_eq!(root.attribute("validUntil"), Some("2049-12-31T23:59:59Z"));
    assert_eq!(root.attribute("cacheDuration"), None);
    let descriptor = root.one(MD, "SPSSODescriptor", "").unwrap();
    assert_eq!(descriptor.attribute("WantAssertionsSigned"), Some("true"));
    let keys: Vec<(String, String)> = descriptor
        .all(MD, "KeyDescriptor")
        .map(|key| {
            let info = key.one(DS, "KeyInfo", "").unwrap();
            let certificate = info.one(DS, "X509Data", "").unwrap().one(DS, "X509Certificate", "").unwrap();
            assert_eq!(certificate.text(), super::forge::keys().ours.certificate_base64());
            let name = info.one(DS, "KeyName", "").unwrap().text().to_owned();
            (key.attribute("use").unwrap().to_owned(), name)
        })
        .collect();
    let fingerprint = super::forge::keys().ours.certificate.digest(MessageDigest::sha1()).unwrap();
    let fingerprint: String = fingerprint.iter().map(|byte| format!("{byte:02x}")).collect();
    let right = [("signing", "key <1>"), ("signing", &fingerprint), ("encryption", KEY_NAME)];
    assert_eq!(keys, right.map(|(usage, name)| (usage.to_owned(), name.to_owned())));
    let mut report = Report::default();
    sp().dates(&mut report, now());
    let seen: Vec<&str> = report.findings().filter_map(|one| one.says.split(" ends").next()).collect();
    let right = ["SAML signing", "SAML encryption", "TLS client", "DigiD signing"];
    assert_eq!(seen, right.map(|what| format!("the {what} certificate")));
}
