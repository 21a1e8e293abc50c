//! Every way to spoil DigiD's answer, by the real road: none opens a session, each has a twin that does.

use std::fs;

use namens::simulator::digid::{answer::VICTIM, spoil::Spoil};
use reqwest::StatusCode;

use crate::{
    browser::Browser,
    digid_steps::{bsn, calls, has_session, log_in_with_digid, person_of, register_with_digid},
    house::{CALLBACK, House, Options},
    portal::{at_digid, press_digid, request},
};

/// What must come of a spoilt answer.
pub struct Expected {
    /// What the audit log says.
    pub line: &'static str,
    /// Whether the login may be tried again.
    pub goes_on: bool,
    /// What the log says of it, so that none is refused for something else.
    pub reason: &'static str,
}

pub const fn expected(spoil: Spoil) -> Expected {
    let (line, goes_on) = match spoil {
        Spoil::SoapFault
        | Spoil::Http500
        | Spoil::Http404
        | Spoil::Slow
        | Spoil::Dripping
        | Spoil::Huge
        | Spoil::Html
        | Spoil::Redirect => ("login.digid digid_unreachable", true),
        Spoil::ForeignSourceId | Spoil::MalformedArtifact | Spoil::OtherType | Spoil::OtherEndpoint => {
            ("login.digid digid_bad_artifact", false)
        }
        Spoil::UnknownArtifact | Spoil::ExpiredArtifact => ("login.digid digid_artifact_unknown", true),
        _ => ("login.digid digid_hostile", false),
    };
    Expected { line, goes_on, reason: reason(spoil) }
}

const fn reason(spoil: Spoil) -> &'static str {
    match spoil {
        Spoil::SoapFault => "SOAP fault",
        Spoil::Http500 => "HTTP status 5xx",
        Spoil::Http404 => "HTTP status 4xx or other",
        Spoil::Slow | Spoil::Dripping => "timeout",
        Spoil::Huge => "an answer too large",
        Spoil::Html => "an answer that is no XML",
        Spoil::Redirect => "HTTP redirect",
        Spoil::ForeignSourceId => "of another identity provider",
        Spoil::MalformedArtifact => "malformed",
        Spoil::OtherType => "of another type",
        Spoil::OtherEndpoint => "of an unknown endpoint",
        Spoil::UnknownArtifact => "nobody knows it",
        Spoil::ExpiredArtifact => "it has expired",
        Spoil::ReplayedAssertion => "an assertion that was used before",
        other => match of_the_document(other) {
            Some(reason) => reason,
            None => of_the_content(other),
        },
    }
}

/// What is refused before anybody reads what was signed.
const fn of_the_document(spoil: Spoil) -> Option<&'static str> {
    Some(match spoil {
        Spoil::CommentInNameId => "comment",
        Spoil::CdataInNameId => "CDATA section",
        Spoil::PiInNameId => "processing instruction",
        Spoil::Doctype
        | Spoil::EntityBomb
        | Spoil::ExternalEntity
        | Spoil::ExternalDtd
        | Spoil::DeclaredId => "DOCTYPE",
        Spoil::TrailingGarbage => "content after the root element",
        Spoil::Unclosed => "unclosed element",
        Spoil::ForeignEncoding => "misplaced or foreign XML declaration",
        Spoil::DoubledAttribute | Spoil::NamespacedId | Spoil::NamespacedAttribute => {
            "malformed or repeated attribute"
        }
        Spoil::DuplicateId => "an identifier used twice",
        Spoil::XmlId => "xml: attribute",
        Spoil::VoidCanonical => "relative namespace name",
        Spoil::UnsignedArtifactResponse | Spoil::Unsigned => "the ArtifactResponse is not signed",
        Spoil::UnsignedAssertion | Spoil::Xsw4 => "the Assertion is not signed",
        Spoil::WrongKey | Spoil::KeyInfoAttackerCert => "invalid signature",
        Spoil::KeyInfoRetrieval => "key information of another shape",
        Spoil::Sha1 | Spoil::Md5 | Spoil::Hmac => "signature algorithm not allowed",
        Spoil::Sha1Digest => "digest algorithm not allowed",
        Spoil::XsltTransform | Spoil::XpathTransform | Spoil::Base64Transform | Spoil::CommentedC14n => {
            "transform not allowed"
        }
        Spoil::TwoReferences => "not exactly one reference",
        Spoil::ExternalReference | Spoil::EmptyReference | Spoil::Xsw2 => {
            "a signature over something else than its parent"
        }
        Spoil::Xsw1 | Spoil::Xsw6 | Spoil::Xsw8 => "a signature of another shape",
        Spoil::TwoAssertions | Spoil::Xsw3 | Spoil::Xsw5 => "several Assertions",
        Spoil::Xsw7 | Spoil::LookAlike => "a misplaced Assertion",
        Spoil::TwoResponses => "several Responses",
        _ => return None,
    })
}

/// What is refused although DigiD signed it.
const fn of_the_content(spoil: Spoil) -> &'static str {
    match spoil {
        Spoil::WrongAudience => "meant for another audience",
        Spoil::NoAudience | Spoil::TwoAudiences => "not exactly one AudienceRestriction",
        Spoil::WrongRecipient | Spoil::NoRecipient => "another Recipient",
        Spoil::ForeignDestination => "sent to another service",
        Spoil::WrongInResponseTo
        | Spoil::WrongArtifactInResponseTo
        | Spoil::NoArtifactInResponseTo
        | Spoil::NoResponseInResponseTo => "an answer to another request",
        Spoil::NoInResponseTo | Spoil::WrongBearerInResponseTo => "a confirmation for another request",
        Spoil::WrongIssuer | Spoil::WrongArtifactIssuer | Spoil::WrongAssertionIssuer => "another Issuer",
        Spoil::NoIssuer | Spoil::NoArtifactIssuer | Spoil::NoResponseIssuer => "not exactly one Issuer",
        Spoil::Expired => "issued before it was asked for",
        Spoil::Future => "issued in the future",
        Spoil::ConditionsEnded => "not valid any more",
        Spoil::ConditionsNotYet => "not valid yet",
        Spoil::BearerEnded => "a confirmation not valid any more",
        Spoil::BearerNotYet => "a confirmation not valid yet",
        Spoil::LoginNotYet => "logged in in the future",
        Spoil::NoConditions => "not exactly one Conditions",
        Spoil::NoNotOnOrAfter => "Conditions without NotOnOrAfter",
        Spoil::NoBearerEnd => "a confirmation without NotOnOrAfter",
        Spoil::TwoAuthnStatements | Spoil::NoAuthnStatement => "not exactly one AuthnStatement",
        Spoil::UnknownLevel => "an unknown level of assurance",
        Spoil::NoLevel => "not exactly one AuthnContextClassRef",
        Spoil::BadElfproef | Spoil::NonDigits => "a NameID that is no BSN",
        Spoil::OtherSector => "a NameID of another sector",
        Spoil::HalfSuccess | Spoil::HalfResolved => "a success with another status in it",
        Spoil::StatusFailedWithAssertion => "an Assertion in a refusal",
        Spoil::RefusedWithResponse => "a Response in a refusal",
        Spoil::NoStatus => "not exactly one Status",
        _ => panic!("a spoil without a reason"),
    }
}

/// An attacker with a DigiD and an account of their own, and a victim with an account that DigiD opens.
pub async fn attacked(options: Options) -> (House, String, String) {
    let (house, attacker) = (House::start_with(options).await, bsn(1));
    register_with_digid(&house, VICTIM, "victim@voorbeeld.nl", "").await;
    let sub = register_with_digid(&house, &attacker, "attacker@voorbeeld.nl", "").await.sub().to_owned();
    (house, attacker, sub)
}

/// How many accounts and the like there are, and then what the audit log says of logins: in a long run the sweeper writes there too,
/// of the sessions of the twins.
pub fn told(house: &House) -> Vec<String> {
    house.query(
        "SELECT line FROM (SELECT 0 AS at, (SELECT COUNT(*) FROM accounts) || ' ' || (SELECT COUNT(*) FROM persons) \
         || ' ' || (SELECT COUNT(*) FROM subjects) || ' ' || (SELECT COUNT(*) FROM grants) AS line \
         UNION ALL SELECT seq, event || ' ' || outcome || COALESCE(actor, '') FROM audit \
         WHERE event LIKE 'login%') ORDER BY at",
    )
}

/// One spoilt answer, after a right one that differs by nothing else.
pub async fn attack(house: &House, bsn: &str, sub: &str, word: &str, expected: Expected) {
    attack_typed(house, bsn, sub, (word, &[("spoil", word)]), expected).await;
}

/// The same with what is typed on DigiD's page, under the name `word`.
async fn attack_typed(
    house: &House,
    bsn: &str,
    sub: &str,
    (word, typed): (&str, &[(&str, &str)]),
    expected: Expected,
) {
    let Expected { line, goes_on, reason } = expected;
    let twin = log_in_with_digid(house, &Browser::new(), bsn, &[], &[]).await;
    assert_eq!(twin.sub(), sub, "the twin of {word}");

    let browser = Browser::new();
    let choose = browser.visit(&request(house, &[]).url, CALLBACK).await;
    let digid = press_digid(&browser, &choose).await;
    let (before, (asked, _)) = (told(house), calls(house).await);
    let page = at_digid(&browser, &digid, bsn, typed).await;
    // What the browser brought is wrong before anybody asks DigiD.
    let bad = line.ends_with("bad_artifact");
    let status = if bad { StatusCode::BAD_REQUEST } else { StatusCode::BAD_GATEWAY };
    assert_eq!(page.status, status, "{word}: {}", page.heading());
    assert_eq!(page.heading(), "Inloggen met DigiD is niet gelukt", "{word}");
    assert!(!page.headers.contains_key("set-cookie"), "{word}");
    let mut after = told(house);
    assert_eq!(after.pop().as_deref(), Some(line), "{word}");
    assert_eq!(after, before, "{word}");
    let log = house.log();
    let said = log.lines().rfind(|line| line.contains("DigiD login refused")).unwrap();
    assert!(said.contains(reason), "{word}: {said}");
    assert_eq!(
        calls(house).await,
        (asked + u64::from(!bad), 0),
        "{word}: DigiD is asked once, its trap never"
    );
    assert_eq!(page.body.contains("id=\"go-on\""), goes_on, "{word}");
    let later = browser.get(choose.url.as_str()).await.status;
    assert_eq!(later == StatusCode::GONE, !goes_on, "{word}: {later}");
    assert!(!has_session(house, &browser).await, "{word}");
}

pub async fn nobody_was_deceived(house: &House) {
    assert_eq!(calls(house).await.1, 0, "somebody came to the trap");
    let victim = person_of(house, "victim@voorbeeld.nl");
    let logins = format!("SELECT COUNT(*) FROM audit WHERE event = 'login.digid' AND actor = '{victim}'");
    assert_eq!(house.query(&logins), ["1"], "the victim was logged in by somebody else");
    assert!(!house.log().contains("panicked"), "{}", house.log());
}

/// The spoils that are waited for, in a test of their own.
pub fn waits(spoil: Spoil) -> bool {
    matches!(spoil, Spoil::Slow | Spoil::Dripping)
}

#[tokio::test]
async fn no_spoilt_answer_opens_a_session() {
    let (house, bsn, sub) = attacked(Options::default()).await;
    for spoil in Spoil::ALL.iter().copied().filter(|spoil| !waits(*spoil)) {
        attack(&house, &bsn, &sub, spoil.word(), expected(spoil)).await;
    }
    nobody_was_deceived(&house).await;
}

/// The same times as in the spoils, off by less than the leeway of two minutes. What ends may be a minute late and what begins
/// half a minute early: a machine that stands still for a minute in between does not bring them out of it.
pub async fn just_inside(house: &House, bsn: &str, sub: &str, spoils: &[Spoil]) {
    for spoil in spoils {
        let seconds = match spoil {
            Spoil::ConditionsEnded | Spoil::BearerEnded => "60",
            _ => "30",
        };
        let typed = [("spoil", spoil.word()), ("seconds", seconds)];
        let tokens = log_in_with_digid(house, &Browser::new(), bsn, &[], &typed).await;
        assert_eq!(tokens.sub(), sub, "{}", spoil.word());
    }
}

#[tokio::test]
async fn a_time_just_inside_the_leeway_is_accepted() {
    let (house, bsn, sub) = attacked(Options::default()).await;
    let all = [
        Spoil::ConditionsEnded,
        Spoil::ConditionsNotYet,
        Spoil::BearerEnded,
        Spoil::BearerNotYet,
        Spoil::LoginNotYet,
    ];
    just_inside(&house, &bsn, &sub, &all).await;
}

/// What a signature calls its key is not read (`docs/saml.md`, R2): under no name is another key DigiD's, and DigiD's own key is
/// itself under every name. The twin of each attack is the same name, signed by DigiD.
pub async fn key_names(house: &House, bsn: &str, sub: &str) {
    let metadata = fs::read_to_string(house.folder.join("digid.xml")).unwrap();
    let (_, named) = metadata.split_once("<ds:KeyName>").unwrap();
    let digids = named.split_once("</ds:KeyName>").unwrap().0;
    for name in ["a key of nobody's", digids] {
        let twin = log_in_with_digid(house, &Browser::new(), bsn, &[], &[("key_name", name)]).await;
        assert_eq!(twin.sub(), sub, "signed by DigiD under {name}");
        let typed = [("spoil", Spoil::WrongKey.word()), ("key_name", name)];
        attack_typed(house, bsn, sub, (name, &typed), expected(Spoil::WrongKey)).await;
    }
    nobody_was_deceived(house).await;
}

#[tokio::test]
async fn the_name_of_a_key_makes_nobody_digid() {
    let (house, bsn, sub) = attacked(Options::default()).await;
    key_names(&house, &bsn, &sub).await;
}

#[tokio::test]
async fn a_slow_answer_opens_no_session_and_is_not_waited_for() {
    let (house, bsn, sub) = attacked(Options::default()).await;
    for spoil in Spoil::ALL.iter().copied().filter(|spoil| waits(*spoil)) {
        attack(&house, &bsn, &sub, spoil.word(), expected(spoil)).await;
    }
    nobody_was_deceived(&house).await;
}
