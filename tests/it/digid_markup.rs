//! Attack 22 of the design's table, by DigiD: markup, entities and line ends in an answer that is signed as it should be. None of it
//! becomes markup of a page, and no line of the log is more than one.

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::Value;

use crate::{
    browser::{Browser, Page},
    digid_steps::{audit, bsn, has_session, log_in_with_digid, register_with_digid, through_digid},
    house::House,
    single_logout::{BACK, house, refusals, sign_out},
};

/// What stands in no word of ours.
const MARK: &str = "Zyx9";
const WORDS: [&str; 4] = [
    "<script>alert('Zyx9')</script>",
    "\" onmouseover=\"alert('Zyx9')\" x=\"",
    "&lt;img src=x onerror=alert('Zyx9')&gt;&#60;script&#62;]]>",
    "Zyx9\n{\"level\":\"WARN\",\"fields\":{\"message\":\"Zyx9\"}}\nSubject: Zyx9",
];

fn assert_tame(house: &House, page: &Page, case: &str) {
    assert!(!page.body.contains(MARK), "{case}: {}", page.body);
    for value in page.headers.values() {
        assert!(!value.to_str().unwrap_or_default().contains(MARK), "{case}: {value:?}");
    }
    let log = house.log();
    assert!(!log.contains(MARK), "{case}: {log}");
    for line in log.lines() {
        assert!(serde_json::from_str::<Value>(line).is_ok(), "{case}: not one line of JSON: {line}");
    }
    let lines = audit(house);
    assert!(!lines.iter().any(|line| line.contains(MARK)), "{case}: {lines:?}");
}

#[tokio::test]
async fn a22_what_digid_says_in_a_signed_answer_becomes_no_markup_and_no_line() {
    let (house, bsn) = (house().await, bsn(1));
    let sub = register_with_digid(&house, &bsn, "jansen@voorbeeld.nl", "").await.sub().to_owned();
    for words in WORDS {
        let typed = [("words", words)];
        // A login counts whatever DigiD calls its session: that name is DigiD's to choose.
        let browser = Browser::new();
        let tokens = log_in_with_digid(&house, &browser, &bsn, &[], &typed).await;
        assert_eq!(tokens.sub(), sub, "{words}");
        for path in ["/account", "/account/log", "/account/portals"] {
            let page = browser.visit(&format!("{}{path}", house.issuer), BACK).await;
            assert_eq!(page.status.as_u16(), 200, "{path}");
            assert_tame(&house, &page, path);
        }
        // At the sign-out it is told to DigiD as DigiD told it, and DigiD knows it: it went out as text, and whole.
        let page = sign_out(&house, &browser, &tokens).await;
        assert_tame(&house, &page, words);
        let request = STANDARD.decode(&page.form("digid-logout-form").1["SAMLRequest"]).unwrap();
        let request = String::from_utf8(request).unwrap();
        assert!(request.contains(MARK) && !request.contains("<script"), "{request}");
        let sent = browser.submit(&page, "digid-logout-form", &[]).await;
        assert_eq!(refusals(&house).await, [""; 0], "{words}");
        let home = browser.get(sent.location().unwrap().as_str()).await;
        assert_eq!(home.location().unwrap().as_str(), BACK, "{words}");
        assert_tame(&house, &home, words);

        for (outcome, status) in
            [("cancel", 200), ("no-authn-context", 403), ("denied", 502), ("failed", 502)]
        {
            let browser = Browser::new();
            let answer = [("words", words), ("outcome", outcome)];
            let (_, page) = through_digid(&house, &browser, &bsn, &[], &answer).await;
            assert_eq!(page.status.as_u16(), status, "{outcome} {words}: {}", page.heading());
            assert_tame(&house, &page, &format!("{outcome} {words}"));
            assert!(!has_session(&house, &browser).await, "{outcome} {words}");
        }
    }
    let refused = house.log().lines().filter(|line| line.contains("DigiD login refused")).count();
    assert_eq!(refused, WORDS.len() * 4, "each refusal is one line");
}
