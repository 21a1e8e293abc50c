//! What a portal tells its patients about accounts, addresses and DigiD, line by line (`docs/mandates.md`): each is played here through
//! the doors that people use. What the portal or a provider of mail does itself is not; the part of it that is ours is.

use std::collections::BTreeSet;

use reqwest::StatusCode;

use crate::{
    account_email,
    browser::{Browser, Page},
    digid_steps::{
        MIDDEN, at_question, audit, bsn, enter_link, go_on, has_session, link, log_in_with_digid,
        register_with_digid, through_digid,
    },
    house::{CALLBACK, House, PASSWORD},
    oidc_client::{CLIENTS, STRICT, assert_error, userinfo},
    portal::{Request, enter_password, log_in, press_digid, register, request},
    steps::{account, code_for, is_in, likeness, open, to_code, to_register_code, type_code, wrong},
};

const JANSEN: &str = "jansen@gmail.com";
const PARTNER: &str = "bakker@voorbeeld.nl";

/// "Daarom heeft iedereen een eigen account nodig."
#[tokio::test]
async fn everybody_has_an_account_of_their_own() {
    let house = House::start().await;
    let (mother, daughter) = (Browser::new(), Browser::new());
    let hers = register(&house, &mother, JANSEN).await;
    let theirs = register(&house, &daughter, PARTNER).await;
    assert_ne!(hers.sub(), theirs.sub());
    for (tokens, email) in [(&hers, JANSEN), (&theirs, PARTNER)] {
        let (status, user) = userinfo(&house, tokens.text("access_token")).await;
        assert_eq!((status, user["email"].as_str()), (200, Some(email)));
        assert_eq!(user["act_as"], serde_json::json!([]), "nobody acts for anybody by being of one family");
    }
    // At one computer too: whoever logs in is who is in.
    assert_eq!(log_in(&house, &mother, PARTNER, 2).await.sub(), theirs.sub());
    assert_eq!(log_in(&house, &mother, JANSEN, 2).await.sub(), hers.sub());
}

/// "Voor elk account is een uniek e-mail adres nodig."
#[tokio::test]
async fn an_address_belongs_to_one_account_only() {
    let house = House::start().await;
    account(&house, JANSEN).await;
    let asked = async |email: &str| {
        let browser = Browser::new();
        let page = to_register_code(&browser, &request(&house, &[]), email, "een ander wachtwoord").await;
        (browser, page)
    };
    let (again, page) = asked("Jansen@GMAIL.com").await;
    let mail = house.mails(JANSEN, 2).pop().unwrap();
    assert!(mail.starts_with("U heeft al een account."), "{mail}");
    assert!(!is_in(&type_code(&again, &page, "123456").await));
    assert_eq!(house.query("SELECT COUNT(*) FROM accounts"), ["1"]);
    // The twin, which is shown the same page, is another address.
    let (other, twin) = asked("Hansen@gmail.com").await;
    assert_eq!(likeness(&page).0, likeness(&twin).0);
    assert_eq!(page.heading(), twin.heading());
    assert!(is_in(&type_code(&other, &twin, &house.code("Hansen@gmail.com", 1)).await));
}

/// "Voor familieleden die geen eigen e-mailadres hebben kunt u een e-mailadres aanmaken."
/// "Via verschillende aanbieders maakt u eenvoudig een gratis extra e-mailadres aan."
#[tokio::test]
async fn an_address_of_any_provider_will_do() {
    let house = House::start().await;
    let all = ["oma@ziggo.nl", "opa@kpnmail.nl", "o'neill@proton.me", "tante@xn--mller-kva.example"];
    let mut subs = BTreeSet::new();
    for email in all {
        subs.insert(register(&house, &Browser::new(), email).await.sub().to_owned());
    }
    assert_eq!(subs.len(), all.len());
    // What is no address is said to be none, and no mail goes anywhere.
    let (browser, asked) = (Browser::new(), request(&house, &[]));
    let form = open(&browser, &asked, "register").await;
    let told =
        browser.submit(&form, "register-form", &[("email", "oma bij ziggo"), ("password", PASSWORD)]).await;
    assert_eq!(told.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(told.text("error").is_some(), "{}", told.body);
}

/// "U kunt er ook voor kiezen om een alias te gebruiken." "Heeft u maar 1 e-mailadres voor uw hele gezin? Dan kunt u makkelijk een alias
/// aanmaken."
#[tokio::test]
async fn an_alias_is_as_good_as_an_address() {
    let house = House::start().await;
    let (browser, asked) = (Browser::new(), request(&house, &[]));
    let form = open(&browser, &asked, "register").await;
    assert!(form.text("email-hint").unwrap().contains("Een alias mag ook"), "{}", form.body);
    let mut subs = BTreeSet::new();
    for email in ["gezin@voorbeeld.nl", "gezin+vader@voorbeeld.nl", "gezin+sam@voorbeeld.nl"] {
        let own = register(&house, &Browser::new(), email).await.sub().to_owned();
        // And it opens that account, and no other of the family.
        assert_eq!(log_in(&house, &Browser::new(), email, 2).await.sub(), own, "{email}");
        subs.insert(own);
    }
    assert_eq!(subs.len(), 3);
}

/// "Hebben mijn partner en/of kind(eren) ook DigiD nodig om in te loggen? Ja."
#[tokio::test]
async fn partner_and_child_have_a_digid_each() {
    let house = House::start().await;
    let people = [(bsn(1), JANSEN), (bsn(2), PARTNER), (bsn(3), "sam@voorbeeld.nl")];
    let mut subs = Vec::new();
    for (bsn, email) in &people {
        subs.push(register_with_digid(&house, bsn, email, "").await.sub().to_owned());
    }
    assert_eq!(subs.iter().collect::<BTreeSet<_>>().len(), 3);
    for ((bsn, _), sub) in people.iter().zip(&subs) {
        assert_eq!(log_in_with_digid(&house, &Browser::new(), bsn, &[], &[]).await.sub(), sub);
    }
    // Where a portal takes DigiD only, nobody gets in with less.
    let demanded = format!("{{\"id_token\":{{\"acr\":{{\"essential\":true,\"value\":\"{MIDDEN}\"}}}}}}");
    let only = Browser::new().visit(&request(&house, &[("claims", &demanded)]).url, CALLBACK).await;
    assert!(only.text("digid").is_some() && only.text("local").is_none(), "{}", only.body);
}

/// "Heeft uw partner en/of kinderen geen DigiD? Dan kunnen zij DigiD aanvragen."
#[tokio::test]
async fn who_has_no_digid_is_led_to_where_it_is_asked_for() {
    let house = House::with(CLIENTS).await;
    for (url, local) in [(request(&house, &[]).url, true), (STRICT.ask().url(&house), false)] {
        let choose = Browser::new().visit(&url, CALLBACK).await;
        assert_eq!(choose.text("local").is_some(), local);
        assert!(choose.body.contains("href=\"https://www.digid.nl/aanvragen\""), "{}", choose.body);
        assert!(
            choose.body.contains("Nog geen DigiD?") && choose.body.contains("Vraag DigiD aan op digid.nl.")
        );
    }
}

/// "Let op, DigiD is persoonlijk."
#[tokio::test]
async fn a_digid_opens_its_owners_account_whoever_was_in_before() {
    let house = House::start().await;
    let (hers, his) = (bsn(1), bsn(2));
    let mother = register_with_digid(&house, &hers, JANSEN, PASSWORD).await;
    let father = register_with_digid(&house, &his, PARTNER, PASSWORD).await;
    let shared = Browser::new();
    let choose = shared.visit(&request(&house, &[]).url, CALLBACK).await;
    assert!(choose.body.contains("Gebruik nooit de DigiD van iemand anders, ook niet van uw kind."));
    log_in_with_digid(&house, &shared, &hers, &[], &[]).await;
    let again = log_in_with_digid(&house, &shared, &his, &[("prompt", "login")], &[]).await;
    assert_eq!(again.sub(), father.sub());
    // Nor is another one linked to his account.
    let browser = Browser::new();
    let (_, refused) = link(&house, &browser, &bsn(3), PARTNER, 2).await;
    assert_eq!(
        (refused.status, refused.heading().as_str()),
        (StatusCode::CONFLICT, "Koppelen is niet gelukt")
    );
    assert_eq!(log_in_with_digid(&house, &Browser::new(), &hers, &[], &[]).await.sub(), mother.sub());
}

/// "Als u een account heeft met uw eigen e-mailadres weet u zeker dat alleen u bij uw medische gegevens kunt."
#[tokio::test]
async fn only_who_reads_the_mail_of_the_address_gets_in() {
    let house = House::start().await;
    let owner = register(&house, &Browser::new(), JANSEN).await;
    account(&house, PARTNER).await;
    // Somebody of the household who knows the password, and reads their own mail only.
    let housemate = Browser::new();
    let (_, page, code) = to_code(&house, &housemate, JANSEN, 2).await;
    assert!(page.text("sent").is_some_and(|sent| !sent.contains(JANSEN)), "{}", page.body);
    assert_eq!(house.mails_now(PARTNER).len(), 1, "the code goes to nobody else");
    for guess in [wrong(&code), String::new()] {
        assert!(!is_in(&type_code(&housemate, &page, &guess).await));
    }
    assert!(!has_session(&house, &housemate).await);
    // The twin: the owner, who reads it.
    assert_eq!(log_in(&house, &Browser::new(), JANSEN, 3).await.sub(), owner.sub());
}

/// "Hierdoor komen voor beide e-mailadressen de berichten in hetzelfde postvak binnen." "Zo komt de mail voor jansen@outlook.com en
/// jansen2@outlook.com binnen in hetzelfde postvak."
#[tokio::test]
async fn mails_to_two_addresses_of_one_mailbox_are_told_apart() {
    let house = House::start().await;
    let both = ["jansen@outlook.com", "jansen2@outlook.com"];
    for email in both {
        account(&house, email).await;
    }
    let browsers = [Browser::new(), Browser::new()];
    let mut waiting = Vec::new();
    for (browser, email) in browsers.iter().zip(both) {
        let asked = request(&house, &[]);
        let page = enter_password(browser, &asked, email, PASSWORD).await;
        waiting.push((page.clone(), code_for(&house, email, &page)));
        let mail = house.mails(email, 2).pop().unwrap();
        let mail = mail.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(mail.contains(&format!("alleen voor {email} bij Huisarts De Linde")), "{mail}");
        assert!(mail.contains(&format!("kenmerk {})", crate::steps::reference(&page))), "{mail}");
    }
    let [(first, one), (second, two)] = &waiting[..] else { panic!("two") };
    assert_ne!(crate::steps::reference(first), crate::steps::reference(second));
    if one != two {
        assert!(!is_in(&type_code(&browsers[0], first, two).await), "the code of the other mail");
    }
    assert!(is_in(&type_code(&browsers[0], first, one).await));
    assert!(is_in(&type_code(&browsers[1], second, two).await));
}

/// "Heeft u een Gmail account, dan kunt u eenvoudig een + (plus) teken toevoegen voor het @ teken."
/// "U blijft alle notificaties ontvangen op het jansen@gmail.com." Google does that: ours is that each mail goes to the address as it was typed.
#[tokio::test]
async fn a_plus_makes_another_address_and_its_mail_goes_there() {
    let house = House::start().await;
    let family = [JANSEN, "jansen+naam1@gmail.com", "Jansen+Naam2@gmail.com"];
    let mut subs = BTreeSet::new();
    for email in family {
        subs.insert(register(&house, &Browser::new(), email).await.sub().to_owned());
    }
    assert_eq!(subs.len(), 3);
    assert!(subs.contains(log_in(&house, &Browser::new(), family[1], 2).await.sub()));
    assert_eq!(family.map(|email| house.mails_now(email).len()), [1, 2, 1]);
    let mail = house.mails(family[1], 2).pop().unwrap();
    assert!(mail.contains(family[1]) && !mail.contains(JANSEN), "{mail}");
}

/// "E-mailadressen van Microsoft eindigen onder andere op @outlook.com, @hotmail.com of @msn.com." Making the alias, in eight steps, is done there.
#[tokio::test]
async fn an_address_of_microsoft_is_an_address_like_any() {
    let house = House::start().await;
    let mut subs = BTreeSet::new();
    for email in ["jansen@outlook.com", "jansen@hotmail.com", "jansen@msn.com"] {
        subs.insert(register(&house, &Browser::new(), email).await.sub().to_owned());
    }
    assert_eq!(subs.len(), 3, "one name at three of them is three people");
}

/// "U kunt nu dit e-mailadres gebruiken voor bijvoorbeeld iemand anders binnen uw huishouden."
#[tokio::test]
async fn an_address_goes_to_another_of_the_household_once_its_owner_took_the_alias() {
    let house = House::start().await;
    let mother = Browser::new();
    let hers = register(&house, &mother, "jansen@outlook.com").await;
    // As long as it is hers nobody else has it.
    let son = Browser::new();
    let asked = request(&house, &[]);
    to_register_code(&son, &asked, "jansen@outlook.com", PASSWORD).await;
    assert!(house.mails("jansen@outlook.com", 2)[1].starts_with("U heeft al een account."));
    let page = account_email::ask(&house, &mother, "mama.jansen@outlook.com").await;
    let code = code_for(&house, "mama.jansen@outlook.com", &page);
    account_email::type_code(&mother, &page, &code).await;
    house.mails("jansen@outlook.com", 3);
    let asked = request(&house, &[]);
    let page = to_register_code(&son, &asked, "jansen@outlook.com", PASSWORD).await;
    let done = type_code(&son, &page, &code_for(&house, "jansen@outlook.com", &page)).await;
    let his = crate::portal::redeem(&house, &asked, &crate::portal::code_of(&done)).await;
    assert_ne!(his.sub(), hers.sub());
    let again = log_in(&house, &Browser::new(), "mama.jansen@outlook.com", 3).await;
    assert_eq!(again.sub(), hers.sub(), "she is who she was to every portal");
}

/// "Ja, naast het inloggen met DigiD blijft het mogelijk om in te loggen met uw e-mailadres en wachtwoord en de sessiecode die u op uw
/// e-mailadres ontvangt."
#[tokio::test]
async fn beside_digid_address_password_and_code_stay_a_way_in() {
    let house = House::start().await;
    let number = bsn(1);
    let first = register(&house, &Browser::new(), JANSEN).await;
    link(&house, &Browser::new(), &number, JANSEN, 2).await;
    house.mails(JANSEN, 3);
    let local = Browser::new();
    let (_, page, code) = to_code(&house, &local, JANSEN, 4).await;
    assert!(!is_in(&type_code(&local, &page, &wrong(&code)).await), "the code is asked for as before");
    let again = log_in(&house, &Browser::new(), JANSEN, 5).await;
    assert_eq!((again.sub(), again.acr()), (first.sub(), "urn:namens:acr:local"));
    assert_eq!(log_in_with_digid(&house, &Browser::new(), &number, &[], &[]).await.sub(), first.sub());
}

/// "Inloggen met DigiD is veiliger dan inloggen met e-mailadres en wachtwoord."
#[tokio::test]
async fn digid_is_called_the_safest_and_counts_for_more() {
    let house = House::with(CLIENTS).await;
    let number = bsn(1);
    let browser = Browser::new();
    let choose = browser.visit(&request(&house, &[]).url, CALLBACK).await;
    assert_eq!(choose.text("digid-hint").unwrap(), "Dit is de veiligste manier.");
    register_with_digid(&house, &number, JANSEN, PASSWORD).await;
    let local = log_in(&house, &browser, JANSEN, 2).await;
    assert_eq!(local.acr(), "urn:namens:acr:local");
    // What takes DigiD is not had by a password, in that session neither.
    let ask = STRICT.ask().with("prompt", "none");
    assert_error(&house, &browser.get(&ask.url(&house)).await, &ask, "login_required");
    let by_digid = log_in_with_digid(&house, &browser, &number, &[("prompt", "login")], &[]).await;
    assert_eq!((by_digid.sub(), by_digid.acr()), (local.sub(), MIDDEN));
}

/// "Ik heb al een Uw Zorg Online account, maar ik wil inloggen met DigiD." and its eight steps.
#[tokio::test]
async fn an_account_gets_its_digid_in_the_steps_that_are_told() {
    let house = House::start().await;
    let (number, browser) = (bsn(1), Browser::new());
    let first = register(&house, &Browser::new(), JANSEN).await;
    // 1 to 3: at the portal, "Inloggen", "Inloggen met DigiD".
    let asked: Request = request(&house, &[]);
    let choose = browser.visit(&asked.url, CALLBACK).await;
    assert_eq!(choose.text("digid").unwrap(), "Inloggen met DigiD");
    // 4 and 5: DigiD, and the question.
    let digid = press_digid(&browser, &choose).await;
    let question: Page = crate::portal::at_digid(&browser, &digid, &number, &[]).await;
    assert_eq!(question.heading(), "Heeft u al een account?");
    assert!(
        question.body.contains("Ik heb een account") && question.body.contains("Ik heb nog geen account")
    );
    // 6 and 7: "Ik heb een account", address and password, and the code that the practice's text leaves out: a password that somebody
    // phished is not enough (F9).
    let wrong_password = enter_link(&browser, &question, JANSEN, "niet mijn wachtwoord").await;
    assert_eq!(wrong_password.status, StatusCode::UNPROCESSABLE_ENTITY);
    let typed = [("email", JANSEN), ("password", PASSWORD)];
    let sent = browser.submit(&wrong_password, "link-form", &typed).await;
    let page = browser.follow(sent, CALLBACK).await;
    let done = type_code(&browser, &page, &house.code(JANSEN, 2)).await;
    let done = browser.follow(done, CALLBACK).await;
    assert!(done.body.contains("Vanaf nu kunt u inloggen met DigiD of met uw e-mailadres en wachtwoord."));
    let tokens = go_on(&house, &browser, &asked, &done).await;
    assert_eq!((tokens.sub(), tokens.acr()), (first.sub(), MIDDEN));
    // 8: from now on by either.
    assert_eq!(log_in_with_digid(&house, &Browser::new(), &number, &[], &[]).await.sub(), first.sub());
    assert_eq!(log_in(&house, &Browser::new(), JANSEN, 4).await.sub(), first.sub());
    assert!(audit(&house).contains(&"digid.linked ok by somebody".to_owned()));
}

/// "U koppelt dan uw DigiD aan uw bestaande Uw Zorg Online account. Dit is een eenmalige handeling."
#[tokio::test]
async fn digid_is_linked_once() {
    let house = House::start().await;
    let number = bsn(1);
    account(&house, JANSEN).await;
    let (_, asked) = at_question(&house, &Browser::new(), &number).await;
    assert_eq!(asked.heading(), "Heeft u al een account?");
    link(&house, &Browser::new(), &number, JANSEN, 2).await;
    let mailed = house.mails(JANSEN, 3).len();
    for _ in 0..3 {
        // No question, no password, no code: straight on.
        let (_, page) = through_digid(&house, &Browser::new(), &number, &[], &[]).await;
        assert!(is_in(&page), "{}", page.heading());
    }
    assert_eq!(house.mails_now(JANSEN).len(), mailed, "and no mail");
    // A second one is refused, and the first stays.
    let (_, refused) = link(&house, &Browser::new(), &bsn(2), JANSEN, 4).await;
    assert_eq!(refused.status, StatusCode::CONFLICT);
}
