//! The bounds of what the operator may give, and what is told of it.

use url::Url;

use super::forge::{DIGID, SP, given, keys, now, replace, settings, sp};
use super::forge_routing;
use crate::config::digid::Binding;
use crate::domain::finding::{Report, Verdict};
use crate::saml::settings::{check_name, is_safe};
use crate::saml::{Needs, ServiceProvider, Settings, check_metadata};

#[test]
fn a_name_is_1_to_1024_plain_characters() {
    let check = |value: &str| check_name("it", value).map_err(|error| error.to_string());
    assert_eq!((check("a"), check("urn:a b"), check(&"x".repeat(1024))), (Ok(()), Ok(()), Ok(())));
    for bad in ["", " a", "a ", "a\tb", "a\u{7f}", &"x".repeat(1025)] {
        assert_eq!(check(bad), Err("it must be 1 to 1024 plain characters".to_owned()), "{bad:.20?}");
    }
}

#[test]
fn browsers_are_sent_to_https_or_to_this_machine() {
    let safe = |url: &str| is_safe(&Url::parse(url).unwrap());
    assert!(safe("https://digid.example/x?y") && safe("http://127.0.0.1:8080/x"));
    for bad in
        ["http://digid.example/x", "ftp://127.0.0.1/x", "https://digid.example/x#y", "http://127.0.0.1/x#y"]
    {
        assert!(!safe(bad), "{bad}");
    }
}

#[test]
fn the_first_fault_of_metadata_is_told_and_how_many_more_there_are() {
    let with = |metadata: String, entity_id: &str| {
        let settings =
            Settings { digid_metadata: metadata, metadata_entity_id: entity_id.to_owned(), ..settings() };
        ServiceProvider::new(&settings, now()).expect_err("refused").to_string()
    };
    let more = " more: run `namens digid check` with the file";
    let one = with(settings().digid_metadata, "urn:x");
    assert!(one.starts_with(&format!("DigiD's metadata: it is of {DIGID}")) && !one.contains(more), "{one}");
    let spoilt = replace(&settings().digid_metadata, ("HTTP-Redirect", "HTTP-Other"));
    let three = with(spoilt, "urn:x");
    assert!(three.starts_with("DigiD's metadata: it is not signed by"), "{three}");
    assert!(three.ends_with(&format!(". 2{more}")), "{three}");
}

const NONE: &str = "the pinned certificate holds no certificate in PEM: put it there as text that begins with -----BEGIN \
                    CERTIFICATE-----";

#[test]
fn metadata_is_checked_without_any_other_setting() {
    let check = |entity_id: &str, pem: &str| {
        let mut report = Report::default();
        let pem = &given("the pinned certificate", pem.to_owned());
        let needs = Needs { binding: Binding::Redirect, single_logout: false };
        let checked =
            check_metadata(settings().digid_metadata.as_bytes(), entity_id, pem, needs, &mut report, now());
        let errors = report.of(Verdict::Error).count();
        checked.map(|()| (errors, report.findings().count())).map_err(|error| error.to_string())
    };
    let pinned = keys().digid.certificate_pem();
    assert_eq!(check(DIGID, &pinned), Ok((0, 4)));
    assert_eq!(check("urn:x", &pinned), Ok((1, 4)));
    assert_eq!(check(DIGID, "x"), Err(NONE.to_owned()));
}

#[test]
fn the_page_may_send_browsers_to_where_requests_go() {
    let address = |sp: &ServiceProvider| sp.login_address().map(ToString::to_string);
    let digid = "https://digid.example/saml/idp/request_authentication";
    assert_eq!(address(&sp()), Some(format!("{digid}?x=1")));
    assert_eq!(address(&forge_routing::sp()), Some(digid.to_owned()));
    assert_eq!(format!("{:?}", sp()), format!("ServiceProvider {{ entity_id: {SP:?}, .. }}"));
}
