//! A grant that two people make online at "Machtigingen" (M5, M6, M7, M9, docs/adr/0048).

use futures_util::future::join_all;
use reqwest::{Method, StatusCode};

use crate::{
    account::at,
    bad_input::{BENDS, Bend, bent},
    bad_input_doors::kept,
    bad_input_sweep::assert_swept,
    browser::{Browser, Page},
    family::{One, stale_session},
    house::{CALLBACK, House},
    mandates_desk::{Desk, Form, born, digid_again},
    notify::until,
    oidc_client::{CLIENTS, THE_PORTAL, refreshed},
    portal::log_in,
};

pub const BERT: &str = "bert@voorbeeld.nl";
pub const ANNA: &str = "anna@voorbeeld.nl";
const CAREL: &str = "carel@voorbeeld.nl";
pub const DAY: i64 = 86_400;

/// Posts one of the forms, with what it takes beside the token.
pub async fn posts(one: &One, house: &House, what: &str, fields: &[(&str, &str)]) -> Page {
    let csrf = one.csrf(house).await;
    let fields = [&[("csrf", csrf.as_str())], fields].concat();
    one.browser.post(&at(house, &format!("/account/mandates/{what}")), &fields).await
}

/// Whether a form did what it is for: it leads back to the page.
pub fn is_done(page: &Page) -> bool {
    page.location().is_some_and(|to| to.path() == "/account/mandates")
}

/// Makes an offer that must be taken, and gives its code.
pub async fn code(one: &One, house: &House, days: &str) -> String {
    let page = posts(one, house, "offer", &[("label", "mijn dochter"), ("days", days)]).await;
    page.text("offer-code").unwrap_or_else(|| panic!("no code: {} {}", page.status, page.body))
}

pub async fn types(one: &One, house: &House, code: &str) -> Page {
    posts(one, house, "code", &[("code", code)]).await
}

/// The newest offer of all.
pub fn newest(house: &House) -> String {
    house.query("SELECT id FROM offers ORDER BY rowid DESC LIMIT 1").concat()
}

/// Somebody types a code and says yes.
pub async fn accepted(from: &One, by: &One, house: &House) -> String {
    let code = code(from, house, "31").await;
    assert!(is_done(&types(by, house, &code).await));
    let id = newest(house);
    assert!(is_done(&posts(by, house, "accept", &[("mandate", &id)]).await));
    id
}

/// Logs in with DigiD again, as after days.
pub async fn again(one: &One, house: &House) {
    let ask = THE_PORTAL.ask().with("scope", "openid email act_as");
    digid_again(house, &one.browser, &one.bsn, "Midden", &THE_PORTAL, &ask).await;
}

/// Bert of eighty, his daughter Anna whose date of birth nobody knows, and Carel.
pub async fn three() -> (House, One, One, One) {
    three_with("").await
}

/// The same, with more at the end of the configuration.
pub async fn three_with(more: &str) -> (House, One, One, One) {
    let house = House::with(format!("{CLIENTS}{more}")).await;
    let bert = One::of(&house, ("Bert", Some(&born(80, 0))), BERT).await;
    let anna = One::of(&house, ("Anna", None), ANNA).await;
    let carel = One::of(&house, ("Carel", Some(&born(30, 0))), CAREL).await;
    (house, bert, anna, carel)
}

/// At the desk a grant that was made online is seen for what it is, and nobody approves it there.
fn is_known_at_the_desk(house: &House, bert: &One, id: &str) {
    let list = house.ok(&["mandates", "list", "--by", "kijker", "--json", "--represented", &bert.person]);
    let list: serde_json::Value = serde_json::from_str(&list).unwrap();
    assert_eq!(
        (list[0]["standing"].as_str(), list[0]["relation"].as_str()),
        (Some("active"), Some("authorised"))
    );
    assert_ne!(Desk::of(house).approve(id, "balie1").status.code(), Some(0));
}

/// Bert makes a code, which Anna types and nobody else can use: she is asked, and nothing is given. Gives the offer.
async fn is_asked(house: &House, (bert, anna, carel): (&One, &One, &One)) -> String {
    let offered = bert.page(house).await;
    let form = [("label", "mijn dochter"), ("days", "31")];
    let offered = bert.browser.submit(&offered, "offer-form", &form).await;
    let code = offered.text("offer-code").unwrap();
    let plain: String = code.split(' ').collect();
    assert!(offered.text("new-code").unwrap().contains("mijn dochter") && plain.len() == 10, "{code}");
    // Told once, and kept nowhere.
    assert!(!bert.page(house).await.body.contains(&code));
    let stored = kept(house).into_iter().collect::<String>() + &house.log();
    assert!(!stored.contains(&plain) && !stored.contains(&code));
    let id = newest(house);

    // A code that is another, and one's own, are nothing.
    assert_eq!(types(anna, house, "BCDFG HJKLM").await.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(types(bert, house, &code).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    // Small letters are as good. From then on the code is worth nothing, and nobody else sees or takes what it stood for.
    let page = anna.page(house).await;
    let typed = anna.browser.submit(&page, "take-form", &[("code", &plain.to_lowercase())]).await;
    assert!(is_done(&typed), "{}", typed.body);
    assert_eq!(types(carel, house, &code).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(types(anna, house, &code).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(carel.page(house).await.text("taken-1"), None);
    let asked = anna.page(house).await.text("taken-1").unwrap();
    assert!(asked.contains("Bert vraagt of u") && asked.contains("31 dagen"), "{asked}");
    assert!(!asked.contains("dochter") && !asked.contains(&bert.bsn) && !asked.contains(BERT), "{asked}");
    // Before the yes the grantor is not told who it is, and cannot confirm; nor does anybody say yes in another's place.
    let waits = bert.page(house).await.text("made-1").unwrap();
    assert!(waits.contains("moet nog ja zeggen") && !waits.contains("Anna"), "{waits}");
    for (who, what) in
        [(bert, "confirm"), (bert, "accept"), (carel, "accept"), (carel, "confirm"), (anna, "confirm")]
    {
        let refused = posts(who, house, what, &[("mandate", &id)]).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{what} {}", who.email);
    }
    assert!(is_done(&posts(carel, house, "decline", &[("mandate", &id)]).await));
    id
}

#[tokio::test]
async fn m6_two_people_make_a_grant_with_their_own_digid_and_the_grantor_has_the_last_word() {
    let (house, bert, anna, carel) = three().await;
    let house = &house;
    let id = is_asked(house, (&bert, &anna, &carel)).await;
    let mails = || house.mandate_mails(BERT);
    assert!(mails().is_empty() && house.count("offers") == 1);

    // Fifty at once are one yes, and one mail without a name or a link.
    let page = anna.page(house).await;
    let csrf = page.form("accept-1").1["csrf"].clone();
    join_all((0..50).map(|_| anna.posts(house, "accept", &csrf, &id))).await;
    assert_eq!(house.count("audit WHERE event = 'mandate.accepted' AND outcome = 'ok'"), 1);
    until("the mail that somebody said yes", || (!mails().is_empty()).then_some(())).await;
    let mail = mails().concat();
    assert!(mail.starts_with("Iemand heeft ja gezegd op de code") && mail.contains(BERT), "{mail}");
    assert!(!mail.contains("Anna") && !mail.contains(ANNA) && !mail.contains("http"), "{mail}");
    let sees = bert.page(house).await;
    let who = sees.text("made-1").unwrap();
    assert!(who.contains(&format!("Ja gezegd door: Anna, e-mailadres {ANNA}.")), "{who}");
    assert!(!sees.body.contains(&anna.bsn), "{}", sees.body);
    assert_eq!((anna.acts_for(house).await, house.count("mandates")), (0, 0));
    for who in [&anna, &carel] {
        let refused = posts(who, house, "confirm", &[("mandate", &id)]).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", who.email);
    }
    assert_eq!(anna.acts_for(house).await, 0);

    // Fifty at once are one mandate.
    let csrf = sees.form("confirm-1").1["csrf"].clone();
    join_all((0..50).map(|_| bert.posts(house, "confirm", &csrf, &id))).await;
    assert_eq!((house.count("mandates"), house.count("offers")), (1, 0));
    assert_eq!(house.count("audit WHERE event = 'mandate.granted'"), 1);
    let told = refreshed(house, &anna.tokens).await;
    assert_eq!(told.claims["act_as"].as_array().unwrap().len(), 1, "{}", told.claims);
    assert_eq!((carel.acts_for(house).await, bert.acts_for(house).await), (0, 0));
    for (one, row, says) in
        [(&bert, "given-1", "Anna (gemachtigde)"), (&anna, "held-1", "U mag in dit dossier kijken tot")]
    {
        let page = one.page(house).await;
        assert!(page.text(row).unwrap().contains(says), "{}", page.body);
        assert!(page.text("made-1").is_none() && page.text("taken-1").is_none(), "{}", page.body);
    }
    // Either is told where they change what they made: not at the desk.
    for (email, begun) in
        [(ANNA, "U kunt nu inloggen voor iemand anders."), (BERT, "Iemand anders kan nu voor u inloggen.")]
    {
        let mail =
            until(begun, || house.mandate_mails(email).into_iter().find(|mail| mail.starts_with(begun)));
        let mail = mail.await.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(mail.contains("Mijn account > Machtigingen") && !mail.contains("balie"), "{mail}");
        // A family shares the mailbox.
        assert!(!mail.contains("Anna") && !mail.contains("Bert "), "{mail}");
    }
    let rows = "SELECT event || ' ' || role FROM audit WHERE event IN ('mandate.offered', 'mandate.accepted', \
                'mandate.granted') AND detail = (SELECT id FROM mandates) ORDER BY event";
    let lines = ["mandate.accepted representative", "mandate.granted patient", "mandate.offered patient"];
    assert_eq!(house.query(rows), lines);
    let (berts, annas) = (bert.log(house).await, anna.log(house).await);
    for line in
        ["Een code voor toegang gemaakt. Door: uzelf", "Ja gezegd op een code voor toegang. Door: Anna"]
    {
        assert!(berts.contains(line), "{line}: {berts}");
    }
    assert!(berts.contains("Toegang gegeven met een code. Door: uzelf"), "{berts}");
    assert!(annas.contains("Ja gezegd op een code voor toegang (voor Bert). Door: uzelf"), "{annas}");
    is_known_at_the_desk(house, &bert, &id);

    // Made again it takes the place of the one before: who stops what they see has stopped all, at once.
    let second = accepted(&bert, &anna, house).await;
    assert!(is_done(&posts(&bert, house, "confirm", &[("mandate", &second)]).await));
    assert_eq!(house.count("mandates WHERE revoked_at IS NULL"), 1);
    assert_eq!(anna.acts_for(house).await, 1);
    bert.posts(house, "stop", &csrf, &second).await;
    assert_eq!(anna.acts_for(house).await, 0);
    assert!(bert.page(house).await.text("given-none").is_some());
}

#[tokio::test]
async fn m6_who_says_no_to_a_code_is_not_named_to_who_made_it() {
    let (house, bert, anna, _) = three().await;
    let house = &house;
    let offered = code(&bert, house, "31").await;
    assert!(is_done(&types(&anna, house, &offered).await));
    assert!(is_done(&posts(&anna, house, "decline", &[("mandate", &newest(house))]).await));
    let log = bert.log(house).await;
    assert!(log.contains("Een code voor toegang gestopt") && !log.contains("Anna"), "{log}");
    assert_eq!(house.count("audit WHERE event = 'mandate.offer_ended' AND actor IS NULL"), 1);
    // The twin said yes before.
    let id = accepted(&bert, &anna, house).await;
    assert!(is_done(&posts(&anna, house, "decline", &[("mandate", &id)]).await));
    let log = bert.log(house).await;
    assert!(log.contains("Een code voor toegang gestopt. Door: Anna"), "{log}");
    // Who made it and stops it is named in their own log, whoever typed it.
    let offered = code(&bert, house, "31").await;
    assert!(is_done(&types(&anna, house, &offered).await));
    assert!(is_done(&posts(&bert, house, "decline", &[("mandate", &newest(house))]).await));
    assert!(bert.log(house).await.contains("Een code voor toegang gestopt. Door: uzelf"));
}

#[tokio::test]
async fn m5_a_grant_is_made_from_sixteen_for_a_year_at_most_by_who_decides_and_ends_with_its_last_day() {
    let house = House::with(CLIENTS).await;
    let kim = One::of(&house, ("Kim", Some(&born(16, -1))), "kim@voorbeeld.nl").await;
    let anna = One::of(&house, ("Anna", None), ANNA).await;
    let (house, desk) = (&house, Desk::of(&house));
    let offer = async |one: &One, days: &str| {
        posts(one, house, "offer", &[("label", "moeder"), ("days", days)]).await.status
    };
    // Of fifteen, and of whom nobody knows how old they are: no form, and none that is forged.
    for one in [&kim, &anna] {
        assert!(!one.page(house).await.body.contains("offer-form"));
        assert_eq!(offer(one, "31").await, StatusCode::UNPROCESSABLE_ENTITY, "{}", one.email);
    }
    // A parent who may act for the child offers nothing in the child's name: it would be their own record.
    let mothers = desk.mandate(&Form::parent(&anna.person, &kim.person));
    assert_eq!(offer(&anna, "31").await, StatusCode::UNPROCESSABLE_ENTITY);
    let forged = [("label", "x"), ("days", "31"), ("mandate", mothers.as_str()), ("grantor", &kim.person)];
    assert_eq!(posts(&anna, house, "offer", &forged).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(house.count("offers"), 0);

    house.set_birth_date(&kim.person, &born(16, 0));
    for days in ["367", "0", "-1", "", "31x", "99999999999999999999"] {
        assert_eq!(offer(&kim, days).await, StatusCode::UNPROCESSABLE_ENTITY, "{days}");
    }
    for label in ["", " ", "a\nb", &"x".repeat(201)] {
        let refused = posts(&kim, house, "offer", &[("label", label), ("days", "31")]).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{label}");
    }
    assert_eq!(house.count("offers"), 0);
    let year = code(&kim, house, "366").await;
    assert!(is_done(&types(&anna, house, &year).await));
    let id = newest(house);
    assert!(is_done(&posts(&anna, house, "accept", &[("mandate", &id)]).await));
    assert!(is_done(&posts(&kim, house, "confirm", &[("mandate", &id)]).await));
    let lasts = "SELECT (ends - registered_at) / 86400 FROM mandates WHERE relation = 'authorised'";
    assert_eq!((house.query(lasts), anna.acts_for(house).await), (vec!["366".to_owned()], 1));
    // Whose date of birth turns out later again, has granted nothing.
    house.set_birth_date(&kim.person, &born(16, -1));
    assert_eq!(anna.acts_for(house).await, 0);
    house.set_birth_date(&kim.person, &born(16, 0));
    assert_eq!(anna.acts_for(house).await, 1);

    // Five live at once, and no sixth; one that is stopped makes room.
    for _ in 0..5 {
        code(&kim, house, "7").await;
    }
    assert_eq!(offer(&kim, "7").await, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(is_done(&posts(&kim, house, "decline", &[("mandate", &newest(house))]).await));
    let last = code(&kim, house, "7").await;
    // A week later nothing of it is left; an hour before there is.
    house.move_clock(7 * DAY - 3600).await;
    again(&anna, house).await;
    assert!(is_done(&types(&anna, house, &last).await), "the twin");
    let other = newest(house);
    house.move_clock(7 * DAY + 60).await;
    again(&kim, house).await;
    again(&anna, house).await;
    assert_eq!(
        posts(&anna, house, "accept", &[("mandate", &other)]).await.status,
        StatusCode::UNPROCESSABLE_ENTITY
    );
    assert!(anna.page(house).await.text("taken-1").is_none());
    assert!(kim.page(house).await.text("made-1").is_none());
    let late = code(&kim, house, "7").await;
    assert!(is_done(&types(&anna, house, &late).await));
    // The last day of the grant.
    let ends = house.query("SELECT ends FROM mandates WHERE relation = 'authorised'").concat();
    let left = ends.parse::<i64>().unwrap() - crate::mandates_desk::now().epoch();
    let counts = |expected: &str| {
        let standings = desk.standings(&kim.person);
        assert_eq!(standings.iter().filter(|one| *one == expected).count(), 1, "{expected}: {standings:?}");
    };
    house.move_clock(left - 600).await;
    counts("active");
    house.move_clock(left + 1).await;
    counts("ended");
}

#[tokio::test]
async fn m6_who_does_not_decide_grants_nothing_and_who_is_no_adult_is_granted_nothing() {
    let (house, bert, anna, carel) = three().await;
    let (house, desk) = (&house, Desk::of(&house));
    let refused = StatusCode::UNPROCESSABLE_ENTITY;
    let offer = async || posts(&bert, house, "offer", &[("label", "Anna"), ("days", "31")]).await.status;
    // A curator: from then on nothing is offered, and what was offered before is not confirmed.
    let id = accepted(&bert, &anna, house).await;
    let court = Form::parent(&carel.person, &bert.person);
    let court = desk.mandate(&court.with("--relation", "curator").with("--evidence", "court_order"));
    assert_eq!(
        (offer().await, posts(&bert, house, "confirm", &[("mandate", &id)]).await.status),
        (refused, refused)
    );
    assert!(bert.page(house).await.text("give-desk").is_some());
    assert_eq!(house.count("mandates"), 1);
    house.ok(&["mandates", "revoke", "--by", "balie1", "--", &court]);
    // Who turns out to be a minor is granted nothing, whenever it is learnt.
    house.set_birth_date(&anna.person, &born(18, -1));
    assert_eq!(posts(&bert, house, "confirm", &[("mandate", &id)]).await.status, refused);
    let another = code(&bert, house, "31").await;
    assert_eq!(types(&anna, house, &another).await.status, refused);
    assert!(!anna.page(house).await.body.contains("take-form"));
    house.set_birth_date(&anna.person, &born(18, 0));
    assert!(is_done(&types(&anna, house, &another).await), "the twin");
    // Learnt between the code and the yes.
    let accept = async || posts(&anna, house, "accept", &[("mandate", &newest(house))]).await;
    house.set_birth_date(&anna.person, &born(18, -1));
    assert_eq!(accept().await.status, refused);
    house.set_birth_date(&anna.person, &born(18, 0));
    // An account that is erased takes what was not confirmed along.
    let id = newest(house);
    assert!(is_done(&accept().await), "the twin");
    let erase = anna.browser.visit(&at(house, "/account/erase"), CALLBACK).await;
    anna.browser.submit(&erase, "erase-form", &[("email", ANNA)]).await;
    assert_eq!(house.count("offers"), 0);
    assert_eq!(posts(&bert, house, "confirm", &[("mandate", &id)]).await.status, refused);
    assert_eq!(house.count("mandates WHERE relation = 'authorised'"), 0);
    // The twin of all of it.
    let id = accepted(&bert, &carel, house).await;
    assert!(is_done(&posts(&bert, house, "confirm", &[("mandate", &id)]).await));
    assert_eq!(carel.acts_for(house).await, 1);
    // Who erases their account ends what they granted, nobody else could, and what they offered.
    code(&bert, house, "31").await;
    let erase = bert.browser.visit(&at(house, "/account/erase"), CALLBACK).await;
    bert.browser.submit(&erase, "erase-form", &[("email", BERT)]).await;
    assert_eq!(house.count("offers"), 0);
    assert_eq!(carel.acts_for(house).await, 0);
    assert_eq!(house.count("mandates WHERE relation = 'authorised' AND revoked_by = 'account:erased'"), 1);
    assert_eq!(house.count(&format!("audit WHERE event = 'mandate.stopped' AND detail = '{id}'")), 1);
}

#[tokio::test]
async fn m9_a_new_grant_gets_nobody_past_a_block_and_tells_of_none() {
    let (house, bert, anna, carel) = three().await;
    let house = &house;
    let pair = ["--representative", &anna.person, "--represented", &bert.person];
    house.ok(&[&["mandates", "block", "--by", "balie1", "--reason", "melding"][..], &pair[..]].concat());
    // Anna is kept out, Carel's offer is declined after his yes: the two must not be told apart.
    let (annas, carels) = (accepted(&bert, &anna, house).await, accepted(&bert, &carel, house).await);
    assert!(is_done(&posts(&bert, house, "confirm", &[("mandate", &annas)]).await));
    assert!(is_done(&posts(&bert, house, "decline", &[("mandate", &carels)]).await));
    assert_eq!(Desk::of(house).standings(&bert.person), ["blocked"]);
    for one in [&anna, &carel] {
        let page = one.page(house).await;
        assert!(page.text("held-none").is_some() && page.text("taken-1").is_none(), "{}", page.body);
        assert_eq!(one.acts_for(house).await, 0);
        let log = one.log(house).await;
        assert!(!log.contains("Toegang gegeven") && !log.contains("gestopt"), "{log}");
        assert!(house.mandate_mails(one.email).is_empty());
    }
    // To the letter, but for the moments: of all that came after they had an account.
    let masked = |text: String| {
        let since = text.split("Account gemaakt").next().unwrap().to_owned();
        since.replace(|c: char| c.is_ascii_digit(), "0")
    };
    assert_eq!(masked(anna.log(house).await), masked(carel.log(house).await));
    // Who gave it sees no block, and is mailed what they are mailed of anybody.
    let carels = accepted(&bert, &carel, house).await;
    assert!(is_done(&posts(&bert, house, "confirm", &[("mandate", &carels)]).await));
    let begun = || {
        let says = "Iemand anders kan nu voor u inloggen.";
        house.mandate_mails(BERT).iter().filter(|mail| mail.starts_with(says)).count()
    };
    until("a mail about each of the two", || (begun() == 2).then_some(())).await;
    let told = "SELECT COUNT(DISTINCT mandate) FROM mandate_mails WHERE what = 'started' AND person = ";
    assert_eq!(house.query(&format!("{told}'{}'", bert.person)), ["2"]);
    assert!(house.mandate_mails(ANNA).is_empty());
    let sees = bert.page(house).await;
    assert!(sees.text("given-1").unwrap().contains("Mag in uw dossier kijken tot"), "{}", sees.body);
    house.ok(&[&["mandates", "unblock", "--by", "balie2"][..], &pair[..]].concat());
    assert_eq!(anna.acts_for(house).await, 1, "the twin");
}

#[tokio::test]
async fn m7_below_the_level_and_without_a_login_of_just_now_nothing_is_offered_taken_or_given() {
    let (house, bert, anna, carel) = three().await;
    let house = &house;
    let offers = code(&bert, house, "31").await;
    let id = newest(house);
    let local = Browser::new();
    log_in(house, &local, ANNA, 2).await;
    let overview = local.get(&at(house, "/account")).await;
    let csrf = overview.form("everywhere-form").1["csrf"].clone();
    let all = [("label", "x"), ("days", "31"), ("code", &offers), ("mandate", &id), ("csrf", &csrf)];
    for what in ["offer", "code", "accept", "confirm", "decline"] {
        let told = local.post(&at(house, &format!("/account/mandates/{what}")), &all).await;
        assert!(told.location().unwrap().path().starts_with("/account/mandates"), "{what}");
        // Without a session, with a token of another's, and from another's page.
        let url = at(house, &format!("/account/mandates/{what}"));
        let nobody = Browser::new().post(&url, &all).await;
        assert!(nobody.location().unwrap().path().starts_with("/account/mandates"), "{what}");
        assert_eq!(anna.browser.post(&url, &all).await.status, StatusCode::FORBIDDEN, "{what}");
        let annas = anna.csrf(house).await;
        let own = [&all[..4], &[("csrf", annas.as_str())]].concat();
        for (header, value) in [("origin", "https://evil.test"), ("sec-fetch-site", "cross-site")] {
            let sent = anna.browser.request(Method::POST, &url).header(header, value);
            assert_eq!(anna.browser.send(sent.form(&own)).await.status, StatusCode::FORBIDDEN, "{what}");
        }
        assert!(is_done(&anna.browser.get(&url).await), "{what}");
    }
    let untouched = || house.query("SELECT COUNT(*) FROM offers WHERE grantee IS NULL").concat();
    assert_eq!(untouched(), "1");
    // A login of eleven minutes ago shows the page, and no form that gives.
    let cookies = stale_session(house, &bert).await;
    let browser = Browser::new();
    let url = at(house, "/account/mandates");
    let page = browser.send(browser.request(Method::GET, &url).header("cookie", &cookies)).await;
    assert!(page.text("to-give").is_some() && !page.body.contains("offer-form"), "{}", page.body);
    let csrf = page.form("made-decline-1").1["csrf"].clone();
    let all = [("label", "x"), ("days", "31"), ("code", &offers), ("mandate", &id), ("csrf", &csrf)];
    let post = async |what: &str| {
        let sent = browser.request(Method::POST, &format!("{url}/{what}")).header("cookie", &cookies);
        browser.send(sent.header("origin", &house.issuer).form(&all)).await
    };
    for what in ["offer", "code", "accept", "confirm"] {
        assert_eq!(post(what).await.location().unwrap().path(), "/account/mandates/agree", "{what}");
    }
    assert_eq!(untouched(), "1");
    // Ten codes an hour: then a right one is worth as little, until the hour is over.
    for _ in 0..10 {
        types(&carel, house, "BCDFG HJKLM").await;
    }
    let often = types(&carel, house, &offers).await;
    assert!(often.status == StatusCode::UNPROCESSABLE_ENTITY && untouched() == "1", "{}", often.body);
    types(&carel, house, &offers).await;
    assert_eq!(house.count("audit WHERE event = 'mandate.accepted' AND outcome = 'refused'"), 1);
    house.move_clock(3700).await;
    again(&carel, house).await;
    assert!(is_done(&types(&carel, house, &offers).await), "the twin");
    // To take it away the session is enough.
    again(&bert, house).await;
    assert!(is_done(&posts(&bert, house, "decline", &[("mandate", &id)]).await));
    assert_eq!(house.count("offers"), 0);
}

#[tokio::test]
async fn of_many_who_type_one_code_at_once_one_is_asked() {
    let (house, bert, anna, carel) = three().await;
    let house = &house;
    let offers = code(&bert, house, "31").await;
    let (annas, carels) = (anna.csrf(house).await, carel.csrf(house).await);
    let url = at(house, "/account/mandates/code");
    let posts = (0..10).map(|n| {
        let (one, csrf) = if n % 2 == 0 { (&anna, &annas) } else { (&carel, &carels) };
        let (url, offers) = (&url, &offers);
        async move { one.browser.post(url, &[("csrf", csrf), ("code", offers)]).await }
    });
    let done = join_all(posts).await.iter().filter(|page| is_done(page)).count();
    assert_eq!((done, house.count("offers WHERE grantee IS NOT NULL AND code IS NULL")), (1, 1));
}

#[tokio::test]
async fn every_field_of_the_forms_of_a_grant_bent_is_refused_and_changes_nothing() {
    let (house, bert, anna, _) = three().await;
    let house = &house;
    let id = accepted(&bert, &anna, house).await;
    let (csrf, before) = (bert.csrf(house).await, house.count("offers"));
    let test = "every_field_of_the_forms_of_a_grant_bent_is_refused_and_changes_nothing";
    let csrf = ("csrf", csrf.as_str());
    let doors: [(&str, Vec<(&'static str, &str)>); 5] = [
        ("offer", vec![csrf, ("label", "x"), ("days", "367")]),
        ("code", vec![csrf, ("code", "BCDFGHJKLM")]),
        ("accept", vec![csrf, ("mandate", &id)]),
        ("confirm", vec![csrf, ("mandate", "nobody")]),
        ("decline", vec![csrf, ("mandate", "nobody")]),
    ];
    for (what, fields) in doors {
        let path = format!("/account/mandates/{what}");
        assert_swept(test, &path, fields.iter().map(|(name, _)| *name));
        for at_field in 0..fields.len() {
            for bend in BENDS {
                let case = format!("{path} {} {bend:?}", fields[at_field].0);
                let body = bent(&fields, at_field, bend);
                if bend == Bend::Huge {
                    assert_eq!(
                        crate::bad_input_wire::post(house, &path, &body, "").await.status,
                        413,
                        "{case}"
                    );
                    continue;
                }
                let sent = bert.browser.request(Method::POST, &at(house, &path));
                let sent = sent.header("content-type", "application/x-www-form-urlencoded");
                let told = bert.browser.send(sent.header("origin", &house.issuer).body(body)).await;
                let harmless = at_field > 0 && !told.status.is_server_error();
                assert!(told.status == StatusCode::FORBIDDEN || harmless, "{case}: {}", told.status);
            }
        }
    }
    assert_eq!((house.count("offers"), house.count("mandates")), (before, 0));
}
