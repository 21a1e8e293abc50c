//! Single logout that DigiD begins (F15): its request over SOAP ends the sessions that it names; and nobody but DigiD ends
//! anybody's session.

use std::time::Instant;

use namens::{
    clock::Clock,
    simulator::digid::{answer::VICTIM, single_logout_spoil::LogoutSpoil},
};
use reqwest::StatusCode;

use crate::{
    bad_input_wire,
    browser::Browser,
    digid_steps::{
        at_question, audit, bsn, calls, enter_new, files_with, has_session, log_in_with_digid,
        register_with_digid,
    },
    house::{CALLBACK, House},
    portal::{code_of, redeem},
    single_logout::{house, is_refused, knock, order, ordered},
};

#[tokio::test]
async fn digids_request_ends_the_sessions_it_names_with_their_tokens_and_no_others() {
    let (house, bsn, other) = (house().await, bsn(1), bsn(2));
    register_with_digid(&house, &bsn, "jansen@voorbeeld.nl", "").await;
    register_with_digid(&house, &other, "ander@voorbeeld.nl", "").await;
    let browsers = [Browser::new(), Browser::new(), Browser::new()];
    let [one, two, three] = &browsers;
    let tokens = [
        log_in_with_digid(&house, one, &bsn, &[], &[]).await,
        log_in_with_digid(&house, two, &bsn, &[], &[]).await,
        log_in_with_digid(&house, three, &other, &[], &[]).await,
    ];
    let still_in = async || {
        let mut inside = Vec::new();
        for browser in &browsers {
            inside.push(has_session(&house, browser).await);
        }
        inside
    };
    assert_eq!(still_in().await, [true, true, true]);
    // The login after the registration.
    ordered(&house, &[("bsn", &bsn), ("session", "1")]).await;
    assert_eq!(still_in().await, [false, true, true]);
    assert!(is_refused(&house, &tokens[0]).await && !is_refused(&house, &tokens[1]).await);
    // One that is over, and one that never was.
    ordered(&house, &[("bsn", &bsn), ("session", "1")]).await;
    ordered(&house, &[("bsn", &bsn), ("session", "_unknown")]).await;
    // Somebody who was never here.
    ordered(&house, &[("bsn", VICTIM)]).await;
    assert_eq!(still_in().await, [false, true, true]);
    ordered(&house, &[("bsn", &bsn)]).await;
    assert_eq!(still_in().await, [false, false, true]);
    assert!(!is_refused(&house, &tokens[2]).await);
    let said: Vec<_> = audit(&house).into_iter().filter(|line| line.starts_with("logout")).collect();
    let (ended, nobody) = ("logout.digid ok by somebody", "logout.digid nobody");
    assert_eq!(said, [ended, nobody, nobody, nobody, ended, ended], "the session of the registration too");
    assert_eq!(house.query("SELECT COUNT(*) FROM ephemeral WHERE kind = 'session'"), ["2"]);
    assert_eq!(house.count("digid_sessions"), 2);
    for text in [&bsn, &other, &VICTIM.to_owned()] {
        assert_eq!(files_with(&house, text), [""; 0]);
    }
    // And who was logged out may come back.
    log_in_with_digid(&house, one, &bsn, &[], &[]).await;
    assert!(has_session(&house, one).await);
}

/// What the log says of each, so that none is refused for something else.
pub const fn reason(spoil: LogoutSpoil) -> &'static str {
    match spoil {
        LogoutSpoil::Unsigned | LogoutSpoil::InExtensions | LogoutSpoil::SignedInHeader => {
            "the LogoutRequest is not signed"
        }
        LogoutSpoil::WrongKey | LogoutSpoil::KeyInfoAttackerCert | LogoutSpoil::Tampered => {
            "invalid signature"
        }
        LogoutSpoil::Sha1 | LogoutSpoil::Md5 | LogoutSpoil::Hmac => "signature algorithm not allowed",
        LogoutSpoil::XsltTransform
        | LogoutSpoil::XpathTransform
        | LogoutSpoil::Base64Transform
        | LogoutSpoil::CommentedC14n => "transform not allowed",
        LogoutSpoil::ExternalReference | LogoutSpoil::EmptyReference | LogoutSpoil::StolenSignature => {
            "a signature over something else than its parent"
        }
        LogoutSpoil::WrongIssuer => "another Issuer",
        LogoutSpoil::WrongDestination => "sent to another service",
        LogoutSpoil::Expired => "issued too long ago",
        LogoutSpoil::Future => "issued in the future",
        LogoutSpoil::Ended => "not valid any more",
        LogoutSpoil::OtherVersion => "not SAML 2.0",
        LogoutSpoil::OtherSector => "a NameID of another sector",
        LogoutSpoil::BadElfproef => "a NameID that is no BSN",
        LogoutSpoil::NoName | LogoutSpoil::TwoNames => "not exactly one NameID",
        LogoutSpoil::Comment => "comment",
        LogoutSpoil::Cdata => "CDATA section",
        LogoutSpoil::SameId => "an identifier used twice",
        LogoutSpoil::InSignature | LogoutSpoil::InObject => "a signature of another shape",
        LogoutSpoil::ForgedInside | LogoutSpoil::ForgedInHeader => "a misplaced LogoutRequest",
        LogoutSpoil::Beside => "no LogoutRequest in the SOAP body",
        LogoutSpoil::Doctype
        | LogoutSpoil::EntityBomb
        | LogoutSpoil::ExternalEntity
        | LogoutSpoil::ExternalDtd => "DOCTYPE",
        LogoutSpoil::KeyInfoRetrieval => "key information of another shape",
        LogoutSpoil::Sha1Digest => "digest algorithm not allowed",
        LogoutSpoil::TwoReferences => "not exactly one reference",
        LogoutSpoil::VoidCanonical => "relative namespace name",
        LogoutSpoil::NoIssuer => "not exactly one Issuer",
        LogoutSpoil::Pi => "processing instruction",
        LogoutSpoil::Unclosed => "unclosed element",
        LogoutSpoil::ForeignEncoding => "misplaced or foreign XML declaration",
        LogoutSpoil::XmlId => "xml: attribute",
        LogoutSpoil::NamespacedAttribute => "malformed or repeated attribute",
        LogoutSpoil::Trailing => "content after the root element",
    }
}

#[tokio::test]
async fn no_spoilt_request_ends_a_session_and_each_has_a_twin_that_does() {
    let (house, attacker) = (house().await, bsn(1));
    register_with_digid(&house, VICTIM, "victim@voorbeeld.nl", "").await;
    register_with_digid(&house, &attacker, "attacker@voorbeeld.nl", "").await;
    let victim = Browser::new();
    let victims = log_in_with_digid(&house, &victim, VICTIM, &[], &[]).await;
    for spoil in LogoutSpoil::ALL.iter().copied() {
        let word = spoil.word();
        let own = Browser::new();
        log_in_with_digid(&house, &own, &attacker, &[], &[]).await;
        let (lines, logged) = (audit(&house).len(), house.log().len());
        let told = order(&house, &[("bsn", &attacker), ("spoil", word)]).await;
        assert_eq!(
            (told["status"].as_u64(), told["refused"].as_str()),
            (Some(500), Some("a SOAP fault")),
            "{word}"
        );
        let said = audit(&house).split_off(lines);
        assert_eq!(said, ["logout.digid digid_hostile"], "{word}");
        let log = house.log().split_off(logged);
        let refused = format!("refused what claims to come from DigiD: {}", reason(spoil));
        assert!(log.contains(&refused), "{word}: {log}");
        assert!(has_session(&house, &own).await && has_session(&house, &victim).await, "{word}");
        // The twin: the same request, unspoilt.
        ordered(&house, &[("bsn", &attacker)]).await;
        assert!(!has_session(&house, &own).await && has_session(&house, &victim).await, "the twin of {word}");
    }
    assert!(!is_refused(&house, &victims).await);
    assert_eq!(calls(&house).await.1, 0, "somebody came to the trap");
    assert_eq!(house.count("digid_sessions"), 2, "the victim's");
}

#[tokio::test]
async fn a_request_counts_once_however_many_times_it_comes() {
    let (house, bsn) = (house().await, bsn(1));
    register_with_digid(&house, &bsn, "jansen@voorbeeld.nl", "").await;
    let browser = Browser::new();
    let sent = ordered(&house, &[("bsn", &bsn)]).await["sent"].as_str().unwrap().to_owned();
    log_in_with_digid(&house, &browser, &bsn, &[], &[]).await;
    let (status, body) = knock(&house, sent).await;
    assert!(status == 500 && body.contains("soapenv:Client"), "{status} {body}");
    assert!(house.log().contains("a LogoutRequest that came before"));
    assert!(has_session(&house, &browser).await, "a replay ends nothing");

    let fresh = order(&house, &[("bsn", &bsn), ("keep", "x")]).await["sent"].as_str().unwrap().to_owned();
    let mut knocks = tokio::task::JoinSet::new();
    for _ in 0..20 {
        let (text, to) = (fresh.clone(), format!("{}/digid/logout", house.issuer));
        knocks
            .spawn(async move { reqwest::Client::new().post(to).body(text).send().await.unwrap().status() });
    }
    let answers = knocks.join_all().await;
    assert_eq!(answers.iter().filter(|status| **status == StatusCode::OK).count(), 1, "{answers:?}");
    assert!(!has_session(&house, &browser).await);
    let ended = audit(&house).into_iter().filter(|line| line == "logout.digid ok by somebody").count();
    assert_eq!(ended, 2, "the session of the registration, and this one");
}

/// The logout may overtake the login that it is for (SAML 2.0 core, section 3.7.3.1).
#[tokio::test]
async fn a_login_that_was_under_way_when_digid_logged_its_user_out_does_not_end_in_a_session() {
    let house = house().await;
    let logins = [(bsn(1), "jansen@voorbeeld.nl"), (bsn(2), "twin@voorbeeld.nl")];
    let mut pending = Vec::new();
    for (bsn, email) in &logins {
        let browser = Browser::new();
        let (request, question) = at_question(&house, &browser, bsn).await;
        pending.push((browser, request, question, *email));
    }
    // Times are whole seconds: one that is not later than the login says nothing of it.
    let proven = Clock.now();
    while Clock.now() <= proven {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    ordered(&house, &[("bsn", &logins[0].0)]).await;
    let mut ends = Vec::new();
    for (browser, request, question, email) in &pending {
        let page = enter_new(browser, question, email, "").await;
        let done = browser.submit(&page, "code-form", &[("code", &house.code(email, 1))]).await;
        ends.push((browser, request, browser.follow(done, CALLBACK).await));
    }
    let [(late, _, gone), (twin, request, home)] = &ends[..] else { panic!("two") };
    assert_eq!((gone.status, &*gone.heading()), (StatusCode::GONE, "U bent bij DigiD uitgelogd"));
    assert!(!gone.headers.contains_key("set-cookie") && !has_session(&house, late).await);
    assert!(audit(&house).contains(&"login.digid logged_out by somebody".to_owned()), "{:?}", audit(&house));
    redeem(&house, request, &code_of(home)).await;
    assert!(has_session(&house, twin).await, "the twin that nobody logged out");
    // And a new login at DigiD counts again.
    log_in_with_digid(&house, &Browser::new(), &logins[0].0, &[], &[]).await;
}

/// Anybody can knock at DigiD's door: what is written of it is bounded, and what comes is no XML that anybody opens.
#[tokio::test]
async fn a_flood_of_nonsense_fills_no_log_and_costs_no_write() {
    let (house, begun) = (house().await, Instant::now());
    let logged = |house: &House| house.log().matches("DigiD's request to log out refused").count();
    for n in 0..150 {
        let (status, body) = knock(&house, format!("<x>{n}</x>")).await;
        assert!(status == 500 && body.contains("soapenv:Client"), "{status} {body}");
    }
    // A window is a minute, in whole seconds of the server's clock: rather one too many than one too few.
    let windows = usize::try_from(begun.elapsed().as_secs() / 50 + 1).unwrap();
    for lines in [audit(&house).len(), logged(&house)] {
        assert!((100..=100 * windows).contains(&lines), "{lines} lines in {windows} windows");
    }
    // In a slow minute the bound is not reached.
    assert!(
        (usize::from(windows == 1)..=windows)
            .contains(&house.log().matches("no more of them are told").count())
    );
    assert_eq!(house.count("counters"), 0, "it is counted without a write");
    let long = "x".repeat(100_000);
    let long = bad_input_wire::send(&house, "/digid/logout", long.as_bytes(), "content-type: text/xml\r\n");
    assert_eq!(long.await.status, 413);
    // What DigiD sends is taken all the same.
    ordered(&house, &[("bsn", &bsn(1))]).await;
}
