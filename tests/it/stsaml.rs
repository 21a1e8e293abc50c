//! DigiD by way of the routing service (ST-SAML 1.0), by the real road: the same logins, the same refusals, and those of
//! what only the routing service says.

use std::fs;

use namens::{
    clock::Clock,
    config::digid::Binding,
    domain::assurance::Level::Midden,
    saml::{
        Artifact, Delivery, Expected, Failure, Given, Interface, NamedPem, Pem, Providers, Representation,
        RoutingService, ServiceProvider, Settings, Wish,
    },
    simulator::digid::{
        answer::VICTIM,
        names::Level,
        routing::Service,
        spoil::{RoutingSpoil, Spoil},
    },
};
use reqwest::StatusCode;
use zeroize::Zeroizing;

use crate::{
    browser::Browser,
    digid_return::{FAILED, last_reason, last_refusal},
    digid_spoil::{
        Expected as Outcome, attack, attacked, expected, just_inside, key_names, nobody_was_deceived, told,
        waits,
    },
    digid_steps::{
        HOOG, MIDDEN, bsn, calls, files_with, has_session, log_in_with_digid, register_with_digid,
    },
    house::{CALLBACK, DIGID, House, Options},
    portal::{at_digid, press_digid, request, to_digid},
};

pub const SERVICE: &str = "375b1cb1-14b7-12e9-3534-16cc4d8997b0";
pub const LOGIN: &str = "urn:nl-eid-gdi:1.0:AD:1:entities:0000";
const REGISTER: &str = "urn:nl-eid-gdi:1.0:BVD:1:entities:0000";

/// An installation that is connected to the routing service instead of DigiD.
pub fn routed() -> Options {
    let service = Service {
        uuid: SERVICE.into(),
        minimum: Level::Midden,
        login: LOGIN.into(),
        register: REGISTER.into(),
    };
    Options {
        digid: "interface = \"routing-service\"",
        tables: r#"
[digid.routing_service]
service_uuid = "375b1cb1-14b7-12e9-3534-16cc4d8997b0"
encryption_key = "pki/sp-saml.key"
encryption_certificate = "pki/sp-saml.crt"
[digid.routing_service.representation]
login = "urn:nl-eid-gdi:1.0:AD:1:entities:0000"
register = "urn:nl-eid-gdi:1.0:BVD:1:entities:0000"
"#,
        routing: Some(service),
        ..Options::default()
    }
}

#[tokio::test]
async fn a_login_goes_by_the_routing_service() {
    let house = House::start_with(routed()).await;
    let sub = register_with_digid(&house, VICTIM, "anna@voorbeeld.nl", "").await.sub().to_owned();
    let again = log_in_with_digid(&house, &Browser::new(), VICTIM, &[], &[("level", "Hoog")]).await;
    assert_eq!((again.sub(), again.acr()), (sub.as_str(), HOOG));
    let again = log_in_with_digid(&house, &Browser::new(), VICTIM, &[], &[]).await;
    assert_eq!((again.sub(), again.acr()), (sub.as_str(), MIDDEN));
    let read = files_with(&house, VICTIM);
    assert!(read.is_empty(), "the BSN is in {read:?}");
    let browser = Browser::new();
    let page = to_digid(&browser, &request(&house, &[])).await;
    assert!(
        page.url.as_str().starts_with(&house.digid) && !page.body.contains("name=\"legal\""),
        "nobody is asked for whom they act"
    );
}

#[tokio::test]
async fn what_the_routing_service_refuses_ends_as_it_should() {
    let (house, bsn, sub) = attacked(routed()).await;
    let low = (403, "U kunt zo nog niet inloggen", "digid_level_too_low", "");
    let cancelled = (200, "Inloggen bij Huisarts De Linde", "digid_cancelled", "");
    let refused = |why| (502, FAILED, "digid_service_refused", why);
    let old = (502, FAILED, "digid_artifact_unknown", "it has expired, or the request was denied");
    for (typed, (status, heading, code, why)) in [
        (("level", "Basis"), low),
        (("outcome", "no-authn-context"), low),
        (("outcome", "cancel"), cancelled),
        (("outcome", "authn-failed"), cancelled),
        (("outcome", "denied"), old),
        (("outcome", "denied-behind"), refused("denied by who logs people in")),
        (("outcome", "no-supported-idp"), refused("nobody whom we named can log people in")),
        (("outcome", "unsupported"), refused("the request is not supported")),
        (("outcome", "failed"), refused("it failed, and does not say why")),
    ] {
        let twin = log_in_with_digid(&house, &Browser::new(), &bsn, &[], &[]).await;
        assert_eq!(twin.sub(), sub, "the twin of {typed:?}");
        let browser = Browser::new();
        let choose = browser.visit(&request(&house, &[]).url, CALLBACK).await;
        let digid = press_digid(&browser, &choose).await;
        let (before, (asked, _)) = (told(&house), calls(&house).await);
        let page = at_digid(&browser, &digid, &bsn, &[typed]).await;
        assert_eq!((page.status.as_u16(), page.heading().as_str()), (status, heading), "{typed:?}");
        assert!(page.location().is_none() && !page.headers.contains_key("set-cookie"), "{typed:?}");
        let mut after = told(&house);
        assert_eq!(after.pop(), Some(format!("login.digid {code}")), "{typed:?}");
        assert_eq!(after, before, "{typed:?}");
        assert_eq!(last_reason(&house), why, "{typed:?}");
        assert!(last_refusal(&house).contains(why), "{typed:?}: {}", last_refusal(&house));
        assert_eq!(calls(&house).await, (asked + 1, 0), "{typed:?}: asked once, and its trap never");
        let goes_on = status != 403;
        assert_eq!(page.body.contains("id=\"go-on\""), status == 502, "{typed:?}");
        assert_eq!(browser.get(choose.url.as_str()).await.status == StatusCode::GONE, !goes_on, "{typed:?}");
        assert!(!has_session(&house, &browser).await, "{typed:?}");
    }
    nobody_was_deceived(&house).await;
}

#[tokio::test]
async fn no_spoilt_answer_opens_a_session() {
    let (house, bsn, sub) = attacked(routed()).await;
    for spoil in Spoil::ALL.iter().copied().filter(|spoil| !waits(*spoil)) {
        let mut expected = expected(spoil);
        // Here it is encrypted, and whatever is wrong with it looks the same.
        if matches!(spoil, Spoil::BadElfproef | Spoil::NonDigits | Spoil::OtherSector) {
            expected.reason = "an identity that cannot be read";
        }
        if spoil == Spoil::BearerNotYet {
            expected.reason = "a confirmation with NotBefore";
        }
        attack(&house, &bsn, &sub, spoil.word(), expected).await;
    }
    nobody_was_deceived(&house).await;
}

#[tokio::test]
async fn a_time_just_inside_the_leeway_is_accepted() {
    let (house, bsn, sub) = attacked(routed()).await;
    let all = [Spoil::ConditionsEnded, Spoil::ConditionsNotYet, Spoil::BearerEnded, Spoil::LoginNotYet];
    just_inside(&house, &bsn, &sub, &all).await;
}

#[tokio::test]
async fn the_name_of_a_key_makes_nobody_the_routing_service() {
    let (house, bsn, sub) = attacked(routed()).await;
    key_names(&house, &bsn, &sub).await;
}

#[tokio::test]
async fn no_answer_spoilt_in_its_own_way_opens_a_session() {
    let (house, bsn, sub) = attacked(routed()).await;
    for spoil in RoutingSpoil::ALL.iter().copied() {
        let outcome = Outcome { line: "login.digid digid_hostile", goes_on: false, reason: reason(spoil) };
        attack(&house, &bsn, &sub, spoil.word(), outcome).await;
    }
    nobody_was_deceived(&house).await;
}

/// The same service provider as the running one, to look at what it verified.
fn provider(house: &House) -> ServiceProvider {
    let read = |path: &str| fs::read_to_string(house.folder.join(path)).unwrap();
    let given = |path: &str| Given { text: Zeroizing::new(read(path)), at: path.to_owned() };
    let [login, representation] = [LOGIN, REGISTER].map(str::to_owned);
    let pem = |name: &str| Pem {
        key: given(&format!("pki/{name}.key")),
        certificate: given(&format!("pki/{name}.crt")),
    };
    let named = |name: &str| NamedPem { name: name.to_owned(), pem: pem("sp-saml") };
    let routing = RoutingService {
        service_uuid: SERVICE.to_owned(),
        encryption: named("namens-encryption-1"),
        next_encryption: Vec::new(),
        providers: Some(Providers { login, representation }),
    };
    let settings = Settings {
        entity_id: "https://sp.test/saml/metadata".to_owned(),
        acs_url: format!("{}/digid/acs", house.issuer).parse().unwrap(),
        acs_index: Some(0),
        logout_url: None,
        binding: Binding::Post,
        interface: Interface::RoutingService(Box::new(routing)),
        signing: named("namens-1"),
        next_signing: Vec::new(),
        tls: pem("sp-tls"),
        next_tls: Vec::new(),
        ca_roots: given("pki/ca.crt"),
        digid_metadata: read("digid.xml"),
        metadata_entity_id: DIGID.to_owned(),
        metadata_certificates: given("pki/digid-saml.crt"),
    };
    ServiceProvider::new(&settings, Clock.now()).unwrap()
}

#[tokio::test]
async fn a_parent_who_is_asked_acts_for_their_child() {
    let house = House::start_with(routed()).await;
    let (sp, parent, child) = (provider(&house), bsn(1), bsn(2));
    let resolved = async |asked: bool, chosen: &str| {
        let (now, browser) = (Clock.now(), Browser::new());
        let wish = Wish { required: Midden, force_authn: true, representation: true };
        let outgoing = sp.request(wish, "r", now).await.unwrap();
        let Delivery::Post { action, saml_request, relay_state } = &outgoing.how else { panic!("a form") };
        let fields = [("SAMLRequest", saml_request.as_str()), ("RelayState", relay_state)];
        let page = browser.post(action.as_str(), &fields).await;
        assert!(page.body.contains("name=\"legal\""), "they are asked");
        let typed = [("bsn", parent.as_str()), ("legal", chosen), ("outcome", "login")];
        let back = browser.submit(&page, "digid", &typed).await.location().unwrap();
        let (_, artifact) = back.query_pairs().find(|(name, _)| name == "SAMLart").unwrap();
        let artifact = Artifact::parse(&artifact, &sp).unwrap();
        let request_id = outgoing.id;
        let expected = Expected {
            request_id,
            required: Midden,
            force_authn: true,
            representation: asked,
            asked_at: now,
        };
        sp.resolve(artifact, &expected, &mut sp.turn().await, now).await
    };
    let alone = resolved(true, "").await.unwrap();
    assert_eq!((alone.bsn().digits(), alone.legal()), (parent.as_str(), None));
    let login = resolved(true, &child).await.unwrap();
    let legal = login.legal().expect("a child");
    assert_eq!((login.bsn().digits(), legal.bsn.digits()), (parent.as_str(), child.as_str()));
    assert_eq!(legal.representation, Representation::ParentalAuthorityInCare);
    let unasked = resolved(false, &child).await.err();
    assert_eq!(unasked, Some(Failure::Hostile("a representation nobody asked for")));
    let themselves = resolved(true, &parent).await.err();
    assert_eq!(themselves, Some(Failure::Hostile("somebody who represents themselves")));
}

/// What the log says of each, so that none is refused for something else.
const fn reason(spoil: RoutingSpoil) -> &'static str {
    match spoil {
        RoutingSpoil::OtherRecipient
        | RoutingSpoil::OtherKeyName
        | RoutingSpoil::OtherKey
        | RoutingSpoil::TurnedVector
        | RoutingSpoil::TurnedPadding
        | RoutingSpoil::CutShort
        | RoutingSpoil::Aes128
        | RoutingSpoil::OtherFormat => "an identity that cannot be read",
        RoutingSpoil::InTheClear => "an identity that is not one EncryptedID",
        RoutingSpoil::NoActing | RoutingSpoil::TwoActing => "not exactly one ActingSubjectID",
        RoutingSpoil::UnrequestedLegal
        | RoutingSpoil::LegalWithoutType
        | RoutingSpoil::OtherType
        | RoutingSpoil::LegalIsActing
        | RoutingSpoil::LegalForAnother => "a representation nobody asked for",
        RoutingSpoil::TwoLegal => "several LegalSubjectIDs",
        RoutingSpoil::TwoTypes => "several RepresentationTypes",
        RoutingSpoil::TypeWithoutLegal => "a RepresentationType without LegalSubjectID",
        RoutingSpoil::WrongService | RoutingSpoil::NoService => "an answer for another service",
        RoutingSpoil::NotTransient => "a NameID that is not transient",
        RoutingSpoil::OtherSession => "a SessionIndex of another login",
        RoutingSpoil::WrongDestination => "sent to another service",
        RoutingSpoil::NoDestination => "sent to nobody",
        RoutingSpoil::NotBefore => "a confirmation with NotBefore",
        RoutingSpoil::OtherLevelName => "an unknown level of assurance",
        RoutingSpoil::AdviceSubstituted | RoutingSpoil::AdviceRemoved | RoutingSpoil::SignedByLogin => {
            "invalid signature"
        }
        RoutingSpoil::AdviceOfResponse => "an Advice of something else than Assertions",
        RoutingSpoil::AdviceBeside => "several Assertions",
    }
}

#[tokio::test]
async fn an_interface_that_is_half_configured_does_not_start() {
    let mut house = House::start_with(routed()).await;
    house.kill();
    let path = house.folder.join("namens.toml");
    let good = fs::read_to_string(&path).unwrap();
    for (from, to, words) in [
        ("interface = \"routing-service\"", "", "does not say interface = \"routing-service\""),
        ("[digid.routing_service]\nservice_uuid", "[digid.routing_service]\nuuid", "uuid"),
        (
            "interface = \"routing-service\"",
            "interface = \"routing-service\"\nbinding = \"redirect\"",
            "must be post",
        ),
        (
            "encryption_key = \"pki/sp-saml.key\"",
            "encryption_key = \"pki/sp-tls.key\"",
            "does not belong to [digid.routing_service] encryption_certificate",
        ),
        ("interface = \"routing-service\"", "interface = \"digid-4.4\"", "digid-4.4"),
        (
            "interface = \"routing-service\"",
            "interface = \"routing-service\"\nconsumer = \"url\"",
            "must have an index for the routing service",
        ),
    ] {
        assert!(good.contains(from), "{from}");
        fs::write(&path, good.replacen(from, to, 1)).unwrap();
        let output = house.run(&["serve"]);
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && told.contains(words), "{to}: {told}");
    }
}
