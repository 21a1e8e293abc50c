//! Single logout: what we send, and what we take.

use std::io::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::DeflateEncoder;
use url::Url;

use super::forge::{
    self, DIGID, SP, digid_metadata, keys, now, replace, resigned, settings, signature, soap,
};
use super::outgoing::{parse, signed_by_us};
use crate::domain::bsn::Bsn;
use crate::domain::single_logout::LogoutRequest;
use crate::saml::Failure::{self, Hostile};
use crate::saml::single_logout::accept;
use crate::saml::xml::{MD, SAML, SAMLP, SOAP};
use crate::saml::{Said, ServiceProvider, Settings, fault};

const OURS: &str = "https://login.zorg.example/digid/logout";
const THEIRS: &str = "https://digid.example/saml/idp/request_logout";

pub(in crate::saml) fn with_logout() -> Settings {
    let service = format!(
        "<md:SingleLogoutService Binding=\"urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST\" Location=\"{THEIRS}\"/>\n\
         <md:SingleSignOnService "
    );
    let metadata = digid_metadata("https://was.digid.example/resolve");
    Settings {
        logout_url: Some(Url::parse(OURS).unwrap()),
        digid_metadata: resigned(&metadata, ("<md:SingleSignOnService ", &service)),
        ..settings()
    }
}

fn sp() -> ServiceProvider {
    ServiceProvider::new(&with_logout(), now()).unwrap()
}

fn who() -> Bsn {
    Bsn::parse("111222333").unwrap()
}

/// As DigiD's example has it, and with what SAML allows besides.
fn template(attributes: &str, more: &str) -> String {
    format!(
        "<samlp:LogoutRequest xmlns:samlp=\"{SAMLP}\" xmlns:saml=\"{SAML}\" ID=\"_logout\" Version=\"2.0\" \
         IssueInstant=\"2026-11-22T12:00:00Z\"{attributes}><saml:Issuer> {DIGID}</saml:Issuer>{}\
         <saml:NameID> s00000000:111222333</saml:NameID>{more}</samlp:LogoutRequest>",
        signature("_logout")
    )
}

fn read_at(document: &str, seconds: i64) -> Result<LogoutRequest, Failure> {
    let body = keys().digid.sign(&soap(document));
    accept(&sp().inner, body.as_bytes(), &Url::parse(OURS).unwrap(), now().plus(seconds))
}

#[test]
fn digids_request_is_read_as_its_example_has_it_and_as_saml_allows() {
    let ours = format!(" Destination=\"{OURS}\" NotOnOrAfter=\"2026-11-22T12:00:00Z\"");
    let index = "<samlp:SessionIndex> _session </samlp:SessionIndex>";
    for (attributes, more, session) in
        [("", "", None), (" Destination=\"\"", "", None), (&ours, index, Some("_session"))]
    {
        let read = read_at(&template(attributes, more), 0).unwrap();
        assert_eq!((read.id.as_str(), read.bsn.digits()), ("_logout", "111222333"));
        assert_eq!((read.session.as_deref(), read.issued), (session, now()));
        assert_eq!(format!("{read:?}"), "LogoutRequest(…)");
    }
    let short = replace(&template("", ""), ("111222333", "12345672"));
    assert_eq!(read_at(&short, 0).map(|read| read.bsn.digits().to_owned()), Ok("012345672".to_owned()));
}

/// Anybody may knock here, and libxmlsec canonicalises before it checks: cost must be bounded before it begins.
#[test]
fn what_would_take_long_to_canonicalise_never_reaches_the_library() {
    let plain = template("", "");
    let prefixes = |count: usize| {
        let list: Vec<String> = (0..count).map(|n| format!("p{n}")).collect();
        replace(&plain, ("PrefixList=\"ds saml samlp xs\"", &format!("PrefixList=\"{}\"", list.join(" "))))
    };
    assert!(read_at(&prefixes(16), 0).is_ok());
    assert_eq!(read_at(&prefixes(17), 0).err(), Some(Hostile("too many prefixes")));
    let long = replace(&plain, ("PrefixList=\"ds saml", &format!("PrefixList=\"{} saml", "d".repeat(250))));
    assert_eq!(read_at(&long, 0).err(), Some(Hostile("too many prefixes")));
    let extensions = |count: usize| {
        let inner = "<x:e xmlns:x=\"urn:x\"></x:e>".repeat(count);
        template("", &format!("<samlp:Extensions>{inner}</samlp:Extensions>"))
    };
    assert!(read_at(&extensions(20), 0).is_ok());
    assert_eq!(read_at(&extensions(64), 0).err(), Some(Hostile("too many elements")));
    let padded = template("", &format!("<samlp:Extensions>{}</samlp:Extensions>", "x".repeat(16 * 1024)));
    assert_eq!(read_at(&padded, 0).err(), Some(Hostile("too large")));
}

#[test]
fn times_count_to_the_second() {
    let plain = template("", "");
    let ended = template(" NotOnOrAfter=\"2026-11-22T11:59:00Z\"", "");
    for (document, seconds, refused) in [
        (&plain, -121, Some("issued in the future")),
        (&plain, -120, None),
        (&plain, 120, None),
        (&plain, 121, Some("issued too long ago")),
        (&ended, 59, None),
        (&ended, 60, Some("not valid any more")),
    ] {
        assert_eq!(read_at(document, seconds).err(), refused.map(Hostile), "{seconds}");
    }
}

#[test]
fn what_is_signed_but_does_not_fit_is_refused() {
    let index = "<samlp:SessionIndex>a</samlp:SessionIndex><samlp:SessionIndex>b</samlp:SessionIndex>";
    assert_eq!(read_at(&template("", index), 0).err(), Some(Hostile("several SessionIndexes")));
    for (from, to, reason) in [
        ("Version=\"2.0\"", "Version=\"1.1\"", "not SAML 2.0"),
        (DIGID, "https://other.example", "another Issuer"),
        ("IssueInstant=\"2026-11-22T12:00:00Z\"", "", "no IssueInstant"),
        ("IssueInstant=\"2026-11-22T12:00:00Z\"", "IssueInstant=\"now\"", "a time that is no time in UTC"),
        ("Version=", "Destination=\"https://x.example\" Version=", "sent to another service"),
        ("Version=", "NotOnOrAfter=\"x\" Version=", "a time that is no time in UTC"),
        ("s00000000:", "s00000001:", "a NameID of another sector"),
        ("111222333", "123456789", "a NameID that is no BSN"),
        ("saml:NameID>", "saml:BaseID>", "not exactly one NameID"),
        ("ID=\"_logout\"", "", "a signed element without ID"),
        ("ID=\"_logout\"", "ID=\"_other\"", "a signature over something else than its parent"),
    ] {
        let plain = template("", "");
        assert!(plain.contains(from), "{from}");
        let changed = plain.replace(from, to);
        // Where the signature has nothing to refer to, none can be made.
        let read = if from.starts_with("ID=") {
            accept(&sp().inner, soap(&changed).as_bytes(), &Url::parse(OURS).unwrap(), now())
        } else {
            read_at(&changed, 0)
        };
        assert_eq!(read.err(), Some(Hostile(reason)), "{from} {to}");
    }
}

#[test]
fn only_digids_signature_counts_while_a_certificate_is_valid() {
    let (inner, ours) = (&sp().inner.clone(), Url::parse(OURS).unwrap());
    let by_stranger = keys().stranger.sign(&soap(&template("", "")));
    let taken = |body: &str, at| accept(inner, body.as_bytes(), &ours, at).err();
    assert_eq!(taken(&by_stranger, now()), Some(Hostile("invalid signature")));
    let by_digid = keys().digid.sign(&soap(&template("", "")));
    assert_eq!(taken(&by_digid, now()), None);
    let late = crate::domain::time::Timestamp::parse_rfc3339("2050-01-01T00:00:00Z").unwrap();
    let ended = Failure::Broken("no certificate in DigiD's metadata is valid now");
    assert_eq!(taken(&by_digid, late), Some(ended));
    // What DigiD signed as something else is no request to log out.
    let answer = forge::sign(&forge::template(), &keys().digid);
    assert_eq!(taken(&answer, now()), Some(Hostile("no LogoutRequest in the SOAP body")));
}

#[tokio::test]
async fn our_request_is_signed_and_names_person_and_sessions() {
    for sessions in [&["_a&b"][..], &[], &["_newest", "_older"]] {
        let named: Vec<String> = sessions.iter().map(|&session| session.to_owned()).collect();
        let outgoing = sp().logout_request(&who(), &named, now()).await.unwrap();
        assert_eq!(outgoing.action.as_str(), THEIRS);
        let text = String::from_utf8(STANDARD.decode(&outgoing.saml_request).unwrap()).unwrap();
        let request = signed_by_us(&text);
        assert!(request.is(SAMLP, "LogoutRequest"));
        assert_eq!(request.attribute("ID"), Some(outgoing.id.as_str()));
        assert_eq!(request.attribute("Version"), Some("2.0"));
        assert_eq!(request.attribute("IssueInstant"), Some("2026-11-22T12:00:00Z"));
        assert_eq!(request.attribute("Destination"), Some(THEIRS));
        assert_eq!(request.one(SAML, "Issuer", "").unwrap().text(), SP);
        let name = request.one(SAML, "NameID", "").unwrap();
        assert_eq!((name.text(), name.attribute("Format")), ("s00000000:111222333", None));
        let indexes = request.all(SAMLP, "SessionIndex").map(crate::saml::xml::Element::text);
        assert_eq!(indexes.collect::<Vec<_>>(), sessions);
        assert_eq!(format!("{outgoing:?}"), "OutgoingLogout(…)");
    }
    let off = ServiceProvider::new(&settings(), now()).unwrap();
    assert!(!off.has_logout() && sp().has_logout());
    assert!(off.logout_request(&who(), &[], now()).await.is_err());
}

#[tokio::test]
async fn our_answer_is_signed_and_names_the_request() {
    let request = read_at(&template("", ""), 0).unwrap();
    let text = sp().logout_response(&request, now()).await.unwrap();
    assert!(parse(&text).is(SOAP, "Envelope"));
    let message = signed_by_us(&text);
    assert!(message.is(SAMLP, "LogoutResponse"));
    assert_eq!(message.attribute("InResponseTo"), Some("_logout"));
    assert_eq!(message.attribute("IssueInstant"), Some("2026-11-22T12:00:00Z"));
    assert_eq!(message.one(SAML, "Issuer", "").unwrap().text(), SP);
    let code = message.one(SAMLP, "Status", "").unwrap().one(SAMLP, "StatusCode", "").unwrap();
    assert_eq!(code.attribute("Value"), Some("urn:oasis:names:tc:SAML:2.0:status:Success"));
    for (said, code) in [(Said::Refused, "soapenv:Client"), (Said::NotNow, "soapenv:Server")] {
        let fault = parse(&fault(said));
        let fault = fault.one(SOAP, "Body", "").unwrap().one(SOAP, "Fault", "").unwrap();
        assert_eq!(fault.one("", "faultcode", "").unwrap().text(), code);
    }
}

#[test]
fn the_end_is_whole_only_where_digid_says_so_of_our_request() {
    let code = |name: &str, inner: &str| {
        format!(
            "<samlp:StatusCode Value=\"urn:oasis:names:tc:SAML:2.0:status:{name}\">{inner}</samlp:StatusCode>"
        )
    };
    let response = |status: &str| {
        format!(
            "<?xml version=\"1.0\"?>\n<samlp:LogoutResponse xmlns:saml=\"{SAML}\" xmlns:samlp=\"{SAMLP}\" Version=\"2.0\" \
             Destination=\"\" InResponseTo=\"_us\" ID=\"_them\" IssueInstant=\"2026-11-22T12:00:00Z\">\
             <saml:Issuer>{DIGID}</saml:Issuer><samlp:Status>{status}</samlp:Status></samlp:LogoutResponse>"
        )
    };
    let deflated = |text: &str| {
        let mut deflate = DeflateEncoder::new(Vec::new(), Compression::default());
        deflate.write_all(text.as_bytes()).unwrap();
        STANDARD.encode(deflate.finish().unwrap())
    };
    let sp = sp();
    let whole = |text: &str| sp.says_whole(&deflated(text), "_us");
    let good = response(&code("Success", ""));
    assert!(whole(&good));
    for status in [
        code("Success", &code("PartialLogout", "")),
        code("Responder", &code("PartialLogout", "")),
        code("Responder", ""),
        code("Requester", ""),
        String::new(),
        code("Success", "") + &code("Success", ""),
    ] {
        assert!(!whole(&response(&status)), "{status}");
    }
    for (from, to) in [
        ("_us", "_other"),
        (DIGID, "https://other.example"),
        ("samlp:LogoutResponse", "samlp:Response"),
        ("Version=\"2.0\"", ""),
        ("<saml:Issuer>", "<!-- --><saml:Issuer>"),
    ] {
        assert!(good.contains(from) && !whole(&good.replace(from, to)), "{from}");
    }
    assert!(!sp.says_whole("", "_us") && !sp.says_whole("é", "_us") && !sp.says_whole("AAAA", "_us"));
    assert!(!sp.says_whole(&STANDARD.encode(&good), "_us"), "not deflated");
    assert!(whole(&(good.clone() + &" ".repeat(8 * 1024))), "longer than any of DigiD's");
    // A few bytes that would become gigabytes.
    assert!(!whole(&(good.clone() + &" ".repeat(1 << 24))));
}

#[test]
fn metadata_shows_both_addresses_only_where_it_is_on() {
    let services = |settings: Settings| {
        let root = signed_by_us(ServiceProvider::new(&settings, now()).unwrap().metadata(now()));
        let descriptor = root.one(MD, "SPSSODescriptor", "").unwrap();
        let of = |service: &crate::saml::xml::Element| {
            let binding = service.attribute("Binding").unwrap().rsplit(':').next().unwrap().to_owned();
            (binding, service.attribute("Location").unwrap().to_owned())
        };
        let names: Vec<_> = descriptor.children().iter().map(|child| child.name().to_owned()).collect();
        (descriptor.all(MD, "SingleLogoutService").map(of).collect::<Vec<_>>(), names)
    };
    let (there, names) = services(with_logout());
    assert_eq!(there, ["SOAP", "HTTP-Redirect"].map(|by| (by.to_owned(), OURS.to_owned())));
    let order = ["KeyDescriptor", "SingleLogoutService", "SingleLogoutService", "AssertionConsumerService"];
    assert_eq!(names, order, "in the order of the schema");
    assert!(services(settings()).0.is_empty());
    // On, and DigiD's metadata has no address.
    let nowhere = Settings { digid_metadata: settings().digid_metadata, ..with_logout() };
    let error = ServiceProvider::new(&nowhere, now()).err().unwrap().to_string();
    assert!(error.contains("SingleLogoutService"), "{error}");
}
