//! What a hospital tells parents about access to a child's record and about logging in, line by line (`docs/mandates.md`). How a mandate is
//! asked for at the desk is in [`crate::story_desk`], what changes at a birthday in [`crate::story_ages`] too.

use reqwest::{Method, StatusCode};

use crate::{
    account::at,
    browser::{Browser, Page},
    chooser::{FOR_WHOM, asking, listed},
    digid_steps::{bsn, desk_person, has_session, register_with_digid, through_digid},
    family::One,
    house::{CALLBACK, House, PASSWORD},
    mandates_desk::{Desk, Form, born, digid_again, digid_page, fresh_bsn},
    moved_clock::Birthday,
    notify::until,
    oidc_client::{BARE, CLIENTS, STRICT, THE_PORTAL, assert_error, assert_refused, refreshed, userinfo},
    portal::{at_digid, code_of, enter_password, log_in, register, request, to_digid},
    steps::{account, is_in, to_code, type_code, wrong},
};

const OWNER: &str = "jansen@voorbeeld.nl";
const MOTHER: &str = "moeder@voorbeeld.nl";
const KIM: &str = "kim@voorbeeld.nl";

/// "Op `MijnZGT`, het patiëntenportaal van ZGT, kunnen patiënten inloggen op delen van hun medische dossier." Which parts is the portal's; ours is that
/// a portal hears no more of a patient than it was registered for.
#[tokio::test]
async fn a_patient_logs_in_and_a_portal_hears_no_more_than_its_part() {
    let house = House::with(CLIENTS).await;
    let browser = Browser::new();
    let tokens = register(&house, &browser, OWNER).await;
    assert_eq!(userinfo(&house, tokens.text("access_token")).await.1["email"], OWNER);
    let bare = BARE.sign_on(&house, &browser, "openid").await;
    let told = userinfo(&house, bare.text("access_token")).await.1;
    assert!(told["sub"].is_string() && told.get("email").is_none() && told.get("act_as").is_none(), "{told}");
    let more = BARE.ask().with("scope", "openid email act_as").with("prompt", "none");
    assert_error(&house, &browser.get(&more.url(&house)).await, &more, "invalid_scope");
}

/// "Dat dit kan, betekent niet dat het ook moet."
#[tokio::test]
async fn nobody_must_look_who_may() {
    let house = House::start().await;
    let mother = One::of(&house, ("Anna", None), MOTHER).await;
    let desk = Desk::of(&house);
    let sam = desk.person("Sam", Some(&born(8, 0)), None);
    desk.mandate(&Form::parent(&mother.person, &sam));
    // She logs in for herself, and is asked for whom where a portal wants to know, with nobody chosen.
    let own = THE_PORTAL.sign_on(&house, &mother.browser, "openid act_as").await;
    assert_eq!(own.claims.get("represents"), None);
    let page = mother.browser.visit(&asking("choose").url(&house), CALLBACK).await;
    assert_eq!(page.heading(), FOR_WHOM);
    assert!(!page.body.contains("checked"), "{}", page.body);
    // And she gives it up, by herself and for good.
    let page = mother.presses(&house, "held-stop-1").await;
    assert!(page.text("held-none").is_some());
    assert_eq!(mother.acts_for(&house).await, 0);
    assert_eq!(desk.standings(&sam), ["revoked"]);
}

/// "Wij raden u daarom aan om met uw kind te bespreken hoe uw kind en u het portaal willen gebruiken." That is theirs; ours is that both see who looks.
#[tokio::test]
async fn parent_and_child_see_who_may_look() {
    let house = House::start().await;
    let mother = One::of(&house, ("Anna", None), MOTHER).await;
    let kim = One::of(&house, ("Kim", Some(&born(13, 0))), KIM).await;
    Desk::of(&house).mandate(&Form::parent(&mother.person, &kim.person));
    let (hers, theirs) = (mother.page(&house).await, kim.page(&house).await);
    assert!(hers.text("held-1").unwrap().contains("Kim"), "{}", hers.body);
    assert!(theirs.text("given-1").unwrap().contains("Anna"), "{}", theirs.body);
    assert!(hers.text("given-none").is_some() && theirs.text("held-none").is_some());
    assert!(kim.log(&house).await.contains("Een machtiging goedgekeurd"), "and what was done about it");
}

/// "Vanaf het 12e jaar mag uw kind zelf inloggen". "Vanaf 12 jaar mogen kinderen zelf op `MijnZGT` inloggen."
#[tokio::test]
async fn from_the_twelfth_birthday_a_child_logs_in_by_itself() {
    let house = House::start().await;
    let (young, old) = (fresh_bsn(), fresh_bsn());
    let desk = Desk::of(&house);
    desk.person("Sam", Some(&born(12, -1)), Some(&young));
    desk.person("Kim", Some(&born(12, 0)), Some(&old));
    let browser = Browser::new();
    let page = digid_page(&house, &browser, &young, "Midden", &THE_PORTAL.ask()).await;
    assert_eq!(
        (page.status, page.heading().as_str()),
        (StatusCode::FORBIDDEN, "Je kunt hier nog niet inloggen")
    );
    assert!(!has_session(&house, &browser).await);
    crate::mandates_desk::digid_account(&house, &Browser::new(), &old, KIM).await;
}

/// "Is uw kind jonger dan 12 jaar, dan heeft u als ouder toegang tot het portaal. Als ouders kunt u inloggen op het dossier van uw kind, als wij u
/// daarvoor machtigen."
#[tokio::test]
async fn below_twelve_a_parent_looks_once_the_hospital_authorised_them() {
    let house = House::start().await;
    let (mother, father) =
        (One::of(&house, ("Anna", None), MOTHER).await, One::of(&house, ("Bert", None), OWNER).await);
    let desk = Desk::of(&house);
    let sam = desk.person("Sam", Some(&born(8, 0)), None);
    assert_eq!(mother.acts_for(&house).await, 0, "being a parent is not enough");
    let mandate = desk.registered(&Form::parent(&mother.person, &sam));
    assert_eq!(mother.acts_for(&house).await, 0, "nor is asking for it");
    desk.approved(&mandate, "balie2");
    let told = refreshed(&house, &mother.tokens).await;
    assert_eq!(listed(&told).len(), 1);
    assert_eq!(father.acts_for(&house).await, 0, "each parent has one of their own");
    let ask = asking(&listed(&told).concat()).with("prompt", "none");
    let code = THE_PORTAL.code(&house, &mother.browser, &ask).await;
    let for_sam = THE_PORTAL.redeem(&house, &ask, &code).await;
    assert_eq!(for_sam.sub(), told.sub(), "she stays herself");
    assert_eq!(for_sam.claims["represents"]["sub"], listed(&told).concat());
}

/// "Ze mogen nu ook zelf beslissen of u als ouders in hun dossier mogen kijken." "Als uw kind u online toegang tot zijn of haar dossier op `MijnZGT` wil
/// verlenen, dan kunt u een machtiging aanvragen."
#[tokio::test]
async fn from_twelve_the_child_decides_whether_parents_look() {
    let house = House::start().await;
    let mother = One::of(&house, ("Anna", None), MOTHER).await;
    let kim = One::of(&house, ("Kim", Some(&born(12, 0))), KIM).await;
    Desk::of(&house).mandate(&Form::parent(&mother.person, &kim.person));
    mother.presses(&house, "held-agree-1").await;
    assert_eq!(mother.acts_for(&house).await, 0, "not by her own word");
    let page = kim.page(&house).await;
    assert!(page.body.contains("Je bent 12. Jij beslist nu mee. Mag Anna meekijken?"), "{}", page.body);
    kim.presses(&house, "agree-1").await;
    assert_eq!(mother.acts_for(&house).await, 1);
    kim.presses(&house, "refuse-1").await;
    assert_eq!(mother.acts_for(&house).await, 0, "and no again");
}

/// "Vanaf 16 jaar mag alleen de patiënt zijn of haar eigen dossier op `MijnZGT` bekijken. Als u voorheen toegang tot het dossier van uw kind had op Mijn
/// ZGT, vervalt dit automatisch op de 16e verjaardag van uw kind."
#[tokio::test]
async fn at_the_sixteenth_birthday_access_lapses_by_itself() {
    let house = House::start().await;
    let (birthday, desk) = (Birthday::in_days(20), Desk::of(&house));
    let mother = One::of(&house, ("Anna", None), MOTHER).await;
    let kim = One::of(&house, ("Kim", Some(&birthday.of(16))), KIM).await;
    let mandate = desk.mandate(&Form::parent(&mother.person, &kim.person));
    for party in ["represented", "representative"] {
        desk.hear("consent", &mandate, party);
    }
    birthday.is_in(&house, 800).await;
    let (browser, ask) = (Browser::new(), THE_PORTAL.ask().with("scope", "openid act_as"));
    let tokens = digid_again(&house, &browser, &mother.bsn, "Midden", &THE_PORTAL, &ask).await;
    birthday.is_in(&house, 200).await;
    let tokens = refreshed(&house, &tokens).await;
    assert_eq!(listed(&tokens).len(), 1);
    let lives = tokens.body["expires_in"].as_i64().unwrap();
    assert!(lives <= 200, "{lives}: no token of hers outlives it");
    let by_somebody = "SELECT COUNT(*) FROM audit WHERE event LIKE 'mandate.%' AND role <> 'system'";
    let written = house.query(by_somebody);
    birthday.has_come(&house).await;
    // Nobody did anything: no page, no command.
    assert_eq!(userinfo(&house, tokens.text("access_token")).await.0, 401);
    assert_eq!(listed(&refreshed(&house, &tokens).await).len(), 0);
    assert_eq!(desk.standings(&kim.person), ["lapsed"]);
    assert_eq!(house.query(by_somebody), written);
    let own = digid_again(&house, &Browser::new(), &kim.bsn, "Midden", &THE_PORTAL, &ask).await;
    assert_eq!(own.sub(), kim.tokens.sub(), "the patient");
    until("a mail that says so", || {
        house
            .mandate_mails(MOTHER)
            .last()
            .filter(|mail| mail.contains("kunt u niet meer inloggen voor Kim"))
            .map(drop)
    })
    .await;
}

/// What browsers say of themselves on a phone, a tablet and a computer.
const DEVICES: [(&str, &str); 3] = [
    ("Safari, iPhone", "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) Version/17.0 Safari/604.1"),
    ("Safari, iPad", "Mozilla/5.0 (iPad; CPU OS 17_0 like Mac OS X) Version/17.0 Safari/604.1"),
    ("Firefox, Windows", "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:120.0) Gecko/20100101 Firefox/120.0"),
];

/// "`MijnZGT` is online te bereiken via de mobiel, tablet of pc."
#[tokio::test]
async fn by_phone_tablet_and_computer_and_each_is_shown() {
    let house = House::start().await;
    account(&house, OWNER).await;
    let mut mails = 1;
    let mut last = None;
    for (_, agent) in DEVICES {
        let (browser, asked) = (Browser::new(), request(&house, &[]));
        let page = enter_password(&browser, &asked, OWNER, PASSWORD).await;
        assert!(page.body.contains("name=\"viewport\" content=\"width=device-width"), "{}", page.body);
        assert!(!page.body.contains("<script"), "it works without scripts, on any of them");
        mails += 1;
        let (action, mut fields) = page.form("code-form");
        fields.insert("code".to_owned(), house.code(OWNER, mails));
        let url = page.url.join(&action).unwrap();
        let sent = browser.request(Method::POST, url.as_str()).header("user-agent", agent);
        let done = browser.send(sent.header("origin", &house.issuer).form(&fields)).await;
        assert!(is_in(&done), "{}", done.heading());
        last = Some(browser);
    }
    let page = last.unwrap().get(&at(&house, "/account")).await;
    for (called, _) in DEVICES {
        assert!(page.body.contains(called), "{called}: {}", page.body);
    }
}

/// "Om het inloggen zo veilig mogelijk te maken, moet u inloggen met uw persoonlijke DigiD met sms-controle of de DigiD app."
#[tokio::test]
async fn digid_takes_the_sms_or_the_app() {
    let house = House::with(CLIENTS).await;
    let number = bsn(1);
    let browser = Browser::new();
    let (_, page) = through_digid(&house, &browser, &number, &[], &[("level", "Basis")]).await;
    assert_eq!(
        (page.status, page.heading().as_str()),
        (StatusCode::FORBIDDEN, "U kunt zo nog niet inloggen")
    );
    assert!(page.body.contains("DigiD app of sms-controle"), "{}", page.body);
    assert!(!has_session(&house, &browser).await);
    assert_eq!(house.query("SELECT COUNT(*) FROM persons"), ["0"]);
    // The twin; and a portal that demands DigiD offers nothing less.
    register_with_digid(&house, &number, OWNER, PASSWORD).await;
    let choose = Browser::new().visit(&STRICT.ask().url(&house), CALLBACK).await;
    assert!(choose.text("digid").is_some() && choose.text("local").is_none(), "{}", choose.body);
}

/// "Vanaf 12 jaar geldt dat ook voor uw kind."
#[tokio::test]
async fn from_twelve_that_holds_for_a_child_too() {
    let house = House::start().await;
    let number = bsn(2);
    desk_person(&house, "Kim", Some(&born(12, 3)), Some(&number));
    let (_, page) = through_digid(&house, &Browser::new(), &number, &[], &[("level", "Basis")]).await;
    assert_eq!(
        (page.status, page.heading().as_str()),
        (StatusCode::FORBIDDEN, "U kunt zo nog niet inloggen")
    );
    register_with_digid(&house, &number, KIM, "").await;
}

/// "Als uw kind nog niet eerder met DigiD heeft gewerkt, kan hij of zij dit op Digid.nl aanvragen. Let op: Na een DigiD-aanvraag ontvangt uw kind binnen 3
/// dagen een activeringscode per post." Sending it is DigiD's; ours is that the way there is shown, and that what was arranged meanwhile waits.
#[tokio::test]
async fn what_was_arranged_waits_for_a_digid_that_comes_by_post() {
    let house = House::start().await;
    let choose = Browser::new().visit(&request(&house, &[]).url, CALLBACK).await;
    assert!(choose.body.contains("href=\"https://www.digid.nl/aanvragen\""), "{}", choose.body);
    let (desk, kims, annas) = (Desk::of(&house), fresh_bsn(), fresh_bsn());
    let kim = desk.person("Kim", Some(&born(13, 5)), Some(&kims));
    let anna = desk.person("Anna", None, Some(&annas));
    let mandate = desk.mandate(&Form::parent(&anna, &kim));
    for party in ["represented", "representative"] {
        desk.hear("consent", &mandate, party);
    }
    // Three days later both have their DigiD.
    house.move_clock(3 * 86_400).await;
    let first = crate::mandates_desk::digid_account(&house, &Browser::new(), &kims, KIM).await;
    let mother = crate::mandates_desk::digid_account(&house, &Browser::new(), &annas, MOTHER).await;
    assert_eq!((listed(&first).len(), listed(&mother).len()), (0, 1));
    assert_ne!(listed(&mother).concat(), mother.sub());
    let told = THE_PORTAL.introspect(&house, mother.text("access_token")).await;
    assert_eq!(told["active"], true);
    assert_eq!(first.sub(), listed(&mother).concat(), "one child, known by one name to the portal");
}

/// "Als u gemachtigd bent om op het dossier van uw kind in te loggen, gebruikt u daarvoor uw eigen DigiD met sms-controle of de DigiD app."
#[tokio::test]
async fn who_is_authorised_uses_their_own_digid() {
    let house = House::start().await;
    let mother = One::of(&house, ("Anna", None), MOTHER).await;
    let desk = Desk::of(&house);
    let sam = desk.person("Sam", Some(&born(8, 0)), None);
    desk.mandate(&Form::parent(&mother.person, &sam));
    assert_eq!(mother.acts_for(&house).await, 1);
    // Not by her password, and not by somebody else's DigiD.
    let local = Browser::new();
    let low = log_in(&house, &local, MOTHER, 2).await;
    assert_eq!((low.sub(), &low.claims["act_as"]), (mother.tokens.sub(), &serde_json::json!([])));
    let sams = listed(&refreshed(&house, &mother.tokens).await).concat();
    let ask = asking(&sams).with("prompt", "none");
    assert_error(&house, &local.get(&ask.url(&house)).await, &ask, "login_required");
    let other = One::of(&house, ("Bert", None), OWNER).await;
    assert_eq!(other.acts_for(&house).await, 0);
    // Asked for Sam, a session by password goes up to DigiD first.
    let ask = asking(&sams);
    let sent = local.get(&ask.url(&house)).await;
    let digid = local.follow(sent, CALLBACK).await;
    let back = at_digid(&local, &digid, &mother.bsn, &[]).await;
    let told = THE_PORTAL.redeem(&house, &ask, &code_of(&back)).await;
    assert_eq!(told.claims["represents"]["sub"], sams);
}

/// "Vragen over DigiD: Veel vragen en antwoorden over inloggen met DigiD staan op Digid.nl."
#[tokio::test]
async fn where_digid_fails_people_are_led_to_digid() {
    let house = House::start().await;
    let number = bsn(1);
    register_with_digid(&house, &number, OWNER, "").await;
    let browser = Browser::new();
    let away = to_digid(&browser, &request(&house, &[])).await;
    let page = at_digid(&browser, &away, &number, &[("outcome", "failed")]).await;
    assert_eq!(page.status, StatusCode::BAD_GATEWAY);
    assert!(page.body.contains("https://www.digid.nl"), "{}", page.body);
    assert!(!has_session(&house, &browser).await);
    let again = Browser::new();
    let (_, back) = through_digid(&house, &again, &number, &[], &[]).await;
    assert!(is_in(&back), "the twin");
}

/// "Log uit als u klaar bent met `MijnZGT`".
#[tokio::test]
async fn who_is_done_signs_out_and_nothing_is_open_any_more() {
    let house = House::start().await;
    let browser = Browser::new();
    let tokens = register(&house, &browser, OWNER).await;
    let account = browser.get(&at(&house, "/account")).await;
    let ask = browser.get(account.link("out").unwrap().as_str()).await;
    let out = browser.submit(&ask, "logout-form", &[]).await;
    assert_eq!(out.heading(), "U bent uitgelogd.");
    assert!(out.body.contains("Sluit ook uw browser op een gedeelde computer."), "{}", out.body);
    assert!(!has_session(&house, &browser).await);
    let back = browser.get(account.url.as_str()).await;
    assert!(back.location().unwrap().path().starts_with("/login/"), "the back button");
    assert_eq!(account.headers["cache-control"], "no-store");
    assert_eq!(userinfo(&house, tokens.text("access_token")).await.0, 401);
    assert_refused(&THE_PORTAL.refresh(&house, tokens.text("refresh_token")).await, "invalid_grant");
}

/// "Deel uw inlognaam en wachtwoord niet met anderen". Whoever has both has no account yet.
#[tokio::test]
async fn name_and_password_alone_open_nothing() {
    let house = House::start().await;
    register(&house, &Browser::new(), OWNER).await;
    let stranger = Browser::new();
    let (_, page, code) = to_code(&house, &stranger, OWNER, 2).await;
    let mail = house.mails(OWNER, 2).pop().unwrap().split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(mail.contains("Geef deze code nooit aan iemand."), "{mail}");
    assert!(mail.contains("Heeft u dit niet gedaan? Verander uw wachtwoord."), "{mail}");
    assert!(!is_in(&type_code(&stranger, &page, &wrong(&code)).await));
    assert!(!has_session(&house, &stranger).await);
    // Nor do they make the owner's DigiD theirs.
    let (_, question) = through_digid(&house, &Browser::new(), &bsn(7), &[], &[]).await;
    assert_eq!(question.heading(), "Heeft u al een account?");
    assert_eq!(house.query("SELECT COUNT(*) FROM accounts WHERE digid_linked_at IS NOT NULL"), ["0"]);
    assert!(is_in(&type_code(&stranger, &page, &code).await), "the twin: who reads the mail");
}

/// What a field says of itself.
fn field<'a>(page: &'a Page, name: &str) -> &'a str {
    let at = page.body.find(&format!("name=\"{name}\"")).unwrap_or_else(|| panic!("{name}: {}", page.body));
    let start = page.body[..at].rfind('<').unwrap();
    let end = at + page.body[at..].find('>').unwrap();
    &page.body[start..end]
}

/// "Bewaar uw inlognaam en wachtwoord op een veilige plek". A password manager is one: each field says what it is, and nothing keeps it from filling in.
#[tokio::test]
async fn a_safe_place_for_passwords_can_fill_them_in() {
    let house = House::start().await;
    for (form, of_password) in [("email", "current-password"), ("register", "new-password")] {
        let (browser, asked) = (Browser::new(), request(&house, &[]));
        let page = crate::steps::open(&browser, &asked, form).await;
        assert!(field(&page, "email").contains("autocomplete=\"username\""), "{}", field(&page, "email"));
        let password = field(&page, "password");
        assert!(password.contains(&format!("autocomplete=\"{of_password}\"")), "{password}");
        assert!(!page.body.contains("onpaste") && !page.body.contains("<script"), "{}", page.body);
        assert!(!password.contains("maxlength"), "a long one is not cut off: {password}");
    }
    account(&house, OWNER).await;
    let (_, page, _) = to_code(&house, &Browser::new(), OWNER, 2).await;
    assert!(field(&page, "code").contains("autocomplete=\"one-time-code\""), "{}", field(&page, "code"));
}

/// "Sla uw inlognaam en wachtwoord niet op uw computer op": nor do we. No page of a login is kept by the browser, none says a password again, and what
/// opens an account goes when the browser is closed.
#[tokio::test]
async fn nothing_of_a_login_is_left_on_the_computer() {
    let house = House::start().await;
    account(&house, OWNER).await;
    let (browser, asked) = (Browser::new(), request(&house, &[]));
    let form = crate::steps::open(&browser, &asked, "email").await;
    let wrong =
        browser.submit(&form, "email-form", &[("email", OWNER), ("password", "een ander woord")]).await;
    assert!(!wrong.body.contains("een ander woord"), "{}", wrong.body);
    let sent = browser.submit(&wrong, "email-form", &[("email", OWNER), ("password", PASSWORD)]).await;
    let page = browser.follow(sent.clone(), CALLBACK).await;
    let done = type_code(&browser, &page, &house.code(OWNER, 2)).await;
    assert!(is_in(&done));
    for answer in [&form, &wrong, &sent, &page, &done] {
        assert_eq!(answer.headers["cache-control"], "no-store", "{}", answer.url);
        assert!(!answer.body.contains(PASSWORD), "{}", answer.url);
    }
    let cookies: Vec<_> =
        done.headers.get_all("set-cookie").iter().map(|line| line.to_str().unwrap()).collect();
    let session = cookies.iter().find(|line| line.starts_with("namens-session=")).unwrap();
    assert!(session.contains("HttpOnly") && !session.contains("Max-Age") && !session.contains("Expires"));
    // What is kept for longer opens nothing.
    let kept: Vec<_> = cookies.iter().filter(|line| line.contains("Max-Age=31536000")).collect();
    assert_eq!(kept.len(), 1, "that it was here: {cookies:?}");
    for line in kept {
        let pair = line.split(';').next().unwrap();
        assert!(!pair.contains(OWNER) && !pair.contains(PASSWORD), "{line}");
        let later = Browser::new();
        let url = request(&house, &[("prompt", "none")]).url;
        let told = later.send(later.request(Method::GET, &url).header("cookie", pair)).await;
        assert_eq!(crate::steps::answer(&told)["error"], "login_required", "{line}");
    }
}
