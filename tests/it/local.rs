//! Local login (F2 to F4): tagged addresses, shared mailboxes, and what a stranger can learn from the answers.

use reqwest::{StatusCode, header::RETRY_AFTER};

use crate::{
    browser::{Browser, Page},
    digid_steps::born,
    house::{CALLBACK, House, PASSWORD},
    portal::{code_of, enter_password, log_in, redeem, register, request, token},
    steps::{account, answer, crowd, is_in, likeness, log_in_with, open, reference, to_code, type_code},
};

#[tokio::test]
async fn an_account_is_made_and_opened_again_with_the_same_sub() {
    let house = House::start().await;
    let first = register(&house, &Browser::new(), "jansen@voorbeeld.nl").await;
    let again = log_in(&house, &Browser::new(), "jansen@voorbeeld.nl", 2).await;
    assert_eq!(first.sub(), again.sub());
    assert_eq!(again.acr(), "urn:namens:acr:local");
    assert_eq!(again.claims["act_as"], serde_json::json!([]));
}

#[tokio::test]
async fn f2_a_tag_or_a_dot_makes_another_address_and_each_code_goes_to_the_address_as_typed() {
    let house = House::start().await;
    let mut subs = std::collections::BTreeSet::new();
    for email in ["jansen@gmail.com", "Jansen+Naam1@gmail.com", "j.ansen@gmail.com"] {
        let tokens = register(&house, &Browser::new(), email).await;
        assert!(subs.insert(tokens.sub().to_owned()), "{email} opened another's account");
        assert_eq!(house.mails_now(email).len(), 1, "{email}");
        // However it is typed at the login, the code goes to the address as its owner once typed it.
        let (browser, request) = (Browser::new(), request(&house, &[]));
        let page = enter_password(&browser, &request, &email.to_uppercase(), PASSWORD).await;
        let done = type_code(&browser, &page, &house.code(email, 2)).await;
        assert_eq!(redeem(&house, &request, &code_of(&done)).await.sub(), tokens.sub());
    }
    assert_eq!(house.query("SELECT COUNT(*) FROM accounts"), ["3"]);
}

#[tokio::test]
async fn f3_mails_of_two_logins_at_once_to_one_mailbox_can_be_told_apart() {
    let house = House::start().await;
    let family = ["jansen+sam@gmail.com", "jansen+noor@gmail.com"];
    for email in family {
        account(&house, email).await;
    }
    let (one, two) = (Browser::new(), Browser::new());
    let (first, second) =
        tokio::join!(to_code(&house, &one, family[0], 2), to_code(&house, &two, family[1], 2));
    let year = born(0, 0)[..4].to_owned();
    for (email, (_, page, _)) in family.iter().zip([&first, &second]) {
        let mail = house.mails(email, 2).pop().unwrap();
        let mail = mail.split_whitespace().collect::<Vec<_>>().join(" ");
        let mark = format!("kenmerk {})", reference(page));
        for named in [*email, "bij Huisarts De Linde", &year, " uur,", &mark] {
            assert!(mail.contains(named), "{named:?} is not in {mail}");
        }
    }
    // Two mails in one mailbox: the other's code does not fit, one's own does.
    if first.2 != second.2 {
        assert!(!is_in(&type_code(&one, &first.1, &second.2).await));
    }
    assert!(is_in(&type_code(&one, &first.1, &first.2).await));
    assert!(is_in(&type_code(&two, &second.1, &second.2).await));
}

#[tokio::test]
async fn f4_the_right_password_without_the_code_gives_nothing() {
    let house = House::start().await;
    account(&house, "jansen@voorbeeld.nl").await;
    let sessions = || house.query("SELECT COUNT(*) FROM ephemeral WHERE kind IN ('session', 'code')");
    let before = sessions();
    let browser = Browser::new();
    let (_, page, code) = to_code(&house, &browser, "jansen@voorbeeld.nl", 2).await;
    assert!(page.headers.get("set-cookie").is_none());
    // Every door of the login but the one that takes the code, and the portal's own without a page.
    let (_, fields) = page.form("code-form");
    for door in ["", "/email", "/register", "/recover"] {
        assert!(!is_in(&browser.get(&format!("{}{door}", page.url)).await), "GET {door}");
    }
    for door in ["/continue", "/password", "/question", "/link", "/email", "/register", "/recover", "/back"] {
        let typed = [
            ("csrf", fields["csrf"].as_str()),
            ("email", "jansen@voorbeeld.nl"),
            ("password", PASSWORD),
            ("answer", "new"),
        ];
        let refused = browser.post(&format!("{}{door}", page.url), &typed).await;
        assert_eq!(refused.location().as_ref(), Some(&page.url), "POST {door}: {}", refused.status);
    }
    let silent = browser.visit(&request(&house, &[("prompt", "none")]).url, CALLBACK).await;
    assert_eq!(answer(&silent)["error"], "login_required");
    assert_eq!(sessions(), before);
    assert!(is_in(&type_code(&browser, &page, &code).await), "the login itself was not harmed");
}

#[tokio::test]
async fn f4_a_wrong_password_and_an_unknown_address_get_one_answer() {
    let house = House::start().await;
    account(&house, "jansen@voorbeeld.nl").await;
    let refused = async |email: &str, password: &str| {
        let (browser, request) = (Browser::new(), request(&house, &[]));
        let form = open(&browser, &request, "email").await;
        let typed = [("email", email), ("password", password)];
        (form.clone(), browser.submit(&form, "email-form", &typed).await)
    };
    let (_, known) = refused("jansen@voorbeeld.nl", "fiets op de dam!").await;
    let (_, unknown) = refused("nobody@voorbeeld.nl", PASSWORD).await;
    assert_eq!(known.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(known.text("error").unwrap(), "Dit e-mailadres of wachtwoord klopt niet.");
    let (status, headers, body) = likeness(&unknown);
    let unknown = (status, headers, body.replace("nobody@voorbeeld.nl", "jansen@voorbeeld.nl"));
    assert_eq!(likeness(&known), unknown);
    assert_eq!(house.mails_now("nobody@voorbeeld.nl").len(), 0);
    assert_eq!(house.mails_now("jansen@voorbeeld.nl").len(), 1, "only the one that made the account");
    assert_eq!(
        house.query("SELECT COUNT(*) FROM audit WHERE event = 'login.local' AND outcome = 'wrong'"),
        ["2"]
    );
}

#[tokio::test]
async fn f4_the_same_hash_is_made_whether_or_not_there_is_an_account() {
    let mut house = House::start().await;
    // So costly that everything else the server does for a login is little next to it.
    house.reconfigure("memory_kib = 7168", "memory_kib = 131072");
    account(&house, "jansen@voorbeeld.nl").await;
    let work = async |email: &str| {
        let before = house.work_done();
        let (browser, request) = (Browser::new(), request(&house, &[]));
        let form = open(&browser, &request, "email").await;
        browser.submit(&form, "email-form", &[("email", email), ("password", "een ander woord")]).await;
        house.work_done() - before
    };
    work("warm@voorbeeld.nl").await;
    for stranger in ["nobody@voorbeeld.nl", "no address at all"] {
        let (mut known, mut unknown) = (0, 0);
        // By turns: a processor that others make slower is as slow for both.
        for _ in 0..4 {
            known += work("jansen@voorbeeld.nl").await;
            unknown += work(stranger).await;
        }
        assert!(unknown * 2 > known && known * 2 > unknown, "{stranger}: {unknown} ticks, known: {known}");
    }
}

#[tokio::test]
async fn f4_when_too_many_log_in_the_rest_hear_503_and_when_to_come_back() {
    let mut house = House::start().await;
    let before = register(&house, &Browser::new(), "eerder@voorbeeld.nl").await;
    house.reconfigure("memory_kib = 7168", "memory_kib = 131072\nqueue = 1");
    let crowd = crowd(24);
    let mut forms = Vec::new();
    for _ in 0..crowd {
        let browser = Browser::new();
        let form = open(&browser, &request(&house, &[]), "email").await;
        let csrf = form.form("email-form").1["csrf"].clone();
        forms.push((browser, form.url, csrf));
    }
    // All is ready when the first one asks: they come faster than they can be served.
    let tries = forms.into_iter().enumerate().map(|(n, (browser, url, csrf))| {
        tokio::spawn(async move {
            let email = format!("jansen{n}@voorbeeld.nl");
            let typed = [("csrf", csrf.as_str()), ("email", &email), ("password", PASSWORD)];
            browser.post(url.as_str(), &typed).await
        })
    });
    let tries: Vec<_> = tries.collect();
    assert_eq!(Browser::new().get(&format!("{}/healthz", house.issuer)).await.status, StatusCode::OK);
    // Whoever hashes nothing is served meanwhile: pages, and tokens.
    let choose = Browser::new().visit(&request(&house, &[]).url, CALLBACK).await;
    assert_eq!(choose.status, StatusCode::OK);
    let form = [("grant_type", "refresh_token"), ("refresh_token", before.text("refresh_token"))];
    assert_eq!(token(&house, &form).await.0, 200);
    assert!(tries.iter().any(|tried| !tried.is_finished()), "some still waited when these were answered");
    let mut answers: Vec<Page> = Vec::new();
    for answer in tries {
        answers.push(answer.await.unwrap());
    }
    let (busy, served): (Vec<_>, Vec<_>) =
        answers.into_iter().partition(|page| page.status == StatusCode::SERVICE_UNAVAILABLE);
    assert!(!busy.is_empty() && !served.is_empty(), "{} of {crowd} were refused", busy.len());
    assert!(busy.iter().all(|page| page.headers.contains_key(RETRY_AFTER)));
    assert!(busy.iter().all(|page| page.heading() == "Het is erg druk"), "{}", busy[0].heading());
    assert!(served.iter().all(|page| page.status == StatusCode::UNPROCESSABLE_ENTITY));
    register(&house, &Browser::new(), "later@voorbeeld.nl").await;
}

#[tokio::test]
async fn a_password_is_hashed_anew_at_the_next_login_when_the_cost_rises_and_never_weakened() {
    let mut house = House::start().await;
    account(&house, "jansen@voorbeeld.nl").await;
    let cost = |house: &House| house.query("SELECT substr(password_hash, 1, 30) FROM accounts").remove(0);
    assert!(cost(&house).starts_with("$argon2id$v=19$m=7168,t=1,p=1$"), "{}", cost(&house));
    house.reconfigure("memory_kib = 7168\niterations = 1", "memory_kib = 8192\niterations = 2");
    log_in_with(&house, "jansen@voorbeeld.nl", PASSWORD, 2).await;
    assert!(cost(&house).starts_with("$argon2id$v=19$m=8192,t=2,p=1$"), "{}", cost(&house));
    house.reconfigure("memory_kib = 8192\niterations = 2", "memory_kib = 7168\niterations = 1");
    log_in_with(&house, "jansen@voorbeeld.nl", PASSWORD, 3).await;
    assert!(cost(&house).starts_with("$argon2id$v=19$m=8192,t=2,p=1$"), "{}", cost(&house));
}

#[tokio::test]
async fn f4_guessing_never_locks_the_owner_out() {
    let house = House::start().await;
    account(&house, "jansen@voorbeeld.nl").await;
    let browser = Browser::new();
    let form = open(&browser, &request(&house, &[]), "email").await;
    for _ in 0..11 {
        let typed = [("email", "jansen@voorbeeld.nl"), ("password", "een ander woord")];
        let refused = browser.submit(&form, "email-form", &typed).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    }
    log_in(&house, &Browser::new(), "jansen@voorbeeld.nl", 2).await;
}
