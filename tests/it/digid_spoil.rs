//! Every way to spoil DigiD's answer, by the real road: none opens a session, each has a twin that does.

use namens::simulator::digid::{answer::VICTIM, spoil::Spoil};
use reqwest::StatusCode;

use crate::{
    browser::Browser,
    digid_steps::{bsn, calls, has_session, log_in_with_digid, person_of, register_with_digid},
    house::{CALLBACK, House, Options},
    portal::{at_digid, press_digid, request},
};

/// What the audit log says, and whether the login may be tried again.
pub const fn expected(spoil: Spoil) -> (&'static str, bool) {
    match spoil {
        Spoil::SoapFault | Spoil::Http500 | Spoil::Http404 | Spoil::Slow | Spoil::Huge | Spoil::Redirect => {
            ("login.digid digid_unreachable", true)
        }
        Spoil::ForeignSourceId | Spoil::MalformedArtifact => ("login.digid digid_bad_artifact", false),
        _ => ("login.digid digid_hostile", false),
    }
}

/// An attacker with a DigiD and an account of their own, and a victim with an account that DigiD opens.
pub async fn attacked(options: Options) -> (House, String, String) {
    let (house, attacker) = (House::start_with(options).await, bsn(1));
    register_with_digid(&house, VICTIM, "victim@voorbeeld.nl", "").await;
    let sub = register_with_digid(&house, &attacker, "attacker@voorbeeld.nl", "").await.sub().to_owned();
    (house, attacker, sub)
}

/// How many accounts and the like there are, and then the audit log.
fn told(house: &House) -> Vec<String> {
    house.query(
        "SELECT line FROM (SELECT 0 AS at, (SELECT COUNT(*) FROM accounts) || ' ' || (SELECT COUNT(*) FROM persons) \
         || ' ' || (SELECT COUNT(*) FROM subjects) || ' ' || (SELECT COUNT(*) FROM grants) AS line \
         UNION ALL SELECT rowid, event || ' ' || outcome || COALESCE(actor, '') FROM audit) ORDER BY at",
    )
}

/// One spoilt answer, after a right one that differs by nothing else.
pub async fn attack(house: &House, bsn: &str, sub: &str, word: &str, (line, goes_on): (&str, bool)) {
    let twin = log_in_with_digid(house, &Browser::new(), bsn, &[], &[]).await;
    assert_eq!(twin.sub(), sub, "the twin of {word}");

    let browser = Browser::new();
    let choose = browser.visit(&request(house, &[]).url, CALLBACK).await;
    let digid = press_digid(&browser, &choose).await;
    let before = told(house);
    let page = at_digid(&browser, &digid, bsn, &[("spoil", word)]).await;
    // What the browser brought is wrong before anybody asks DigiD.
    let bad = line.ends_with("bad_artifact");
    let status = if bad { StatusCode::BAD_REQUEST } else { StatusCode::BAD_GATEWAY };
    assert_eq!(page.status, status, "{word}: {}", page.heading());
    assert_eq!(page.heading(), "Inloggen met DigiD is niet gelukt", "{word}");
    assert!(!page.headers.contains_key("set-cookie"), "{word}");
    let mut after = told(house);
    assert_eq!(after.pop().as_deref(), Some(line), "{word}");
    assert_eq!(after, before, "{word}");
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
}

#[tokio::test]
async fn no_spoilt_answer_opens_a_session() {
    let (house, bsn, sub) = attacked(Options::default()).await;
    let mut tried = 0;
    for spoil in Spoil::ALL.iter().copied().filter(|spoil| *spoil != Spoil::Slow) {
        attack(&house, &bsn, &sub, spoil.word(), expected(spoil)).await;
        tried += 1;
    }
    assert_eq!(tried + 1, Spoil::ALL.len());
    nobody_was_deceived(&house).await;
}

#[tokio::test]
async fn a_slow_answer_opens_no_session_and_is_not_waited_for() {
    let (house, bsn, sub) = attacked(Options::default()).await;
    attack(&house, &bsn, &sub, Spoil::Slow.word(), expected(Spoil::Slow)).await;
    nobody_was_deceived(&house).await;
}
