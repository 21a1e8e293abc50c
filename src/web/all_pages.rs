//! Every page, in every state and both languages, held against what is asked of all of them (docs/requirements.md: P1).

mod desk;
mod login;
mod mandates;
mod own;

use std::{collections::BTreeSet, fs, path::Path};

use axum::{
    http::{StatusCode, header},
    response::Response,
};
use scraper::{ElementRef, Html, Selector};

use super::{
    choose::ChoosePage,
    client_consent::{ClientConsentPage, worded},
    digid::{DigidFormPage, Errand},
    done::DonePage,
    error_page::{ErrorPage, Problem},
    form_post::{FormPostPage, SCRIPT},
    i18n::Lang,
    logged_out::{LoggedOutPage, PartlyLoggedOutPage},
    logout::LogoutPage,
    page::{Frame, Link, STYLESHEET},
    question::QuestionPage,
    recover::RecoverDigidPage,
};
use crate::{
    domain::{
        ask::ResponseMode, assurance::Level, client_consent::Item, login::Notice, profile::Claim,
        representation::NotRepresented, scope::Scope,
    },
    oidc::response_mode::AuthorizationResponse,
};

const LANGS: [Lang; 2] = [Lang::Nl, Lang::En];
const HOSTILE: &str = "<script>\"'&</script>";

fn frame(lang: Lang, portal: &str) -> Frame {
    let form_origins = vec!["https://portal.example.nl".into()];
    Frame {
        lang,
        portal: portal.into(),
        login: "l0g1n".into(),
        csrf: "c5rf".into(),
        form_origins,
        way_back: None,
        scripted: false,
        links: Vec::new(),
    }
}

type Pages = Vec<(String, Response)>;

/// Every page in every state; `given` stands for what others have a say in.
fn all(lang: Lang, portal: &str, given: &str) -> Pages {
    let link = |key| Link { key, uri: given.to_owned(), host: given.to_owned() };
    let frame = || Frame { links: ["portal-policy", "portal-terms"].map(link).into(), ..frame(lang, portal) };
    let mut pages = login::all(&frame, given);
    pages.push(("client-consent".to_owned(), client_consent(frame(), given)));
    pages.extend(problems(&frame, given));
    pages.extend(mandates::pages(&frame, given));
    pages.extend(desk::pages(&frame, given));
    pages.extend(own::all(&frame, given));
    let named = |name: &str, page: Response| (name.to_owned(), page);
    let hidden = vec![("id_token_hint".to_owned(), given.to_owned())];
    let saml_request = given.to_owned();
    let (action, back) = (given.to_owned(), Some(given.to_owned()));
    let form = |errand| DigidFormPage {
        errand,
        frame: frame(),
        action: action.clone(),
        saml_request: saml_request.clone(),
        relay_state: given.into(),
    };
    let answer = AuthorizationResponse {
        redirect_uri: given.to_owned(),
        mode: ResponseMode::FormPost,
        signed: None,
        says: vec![("state", given.to_owned())],
    };
    pages.extend([
        named("question", QuestionPage { frame: frame() }.render()),
        named("recover-digid", RecoverDigidPage { frame: frame(), notice: None }.render()),
        named(
            "recover-digid-cancelled",
            RecoverDigidPage { frame: frame(), notice: Some(Notice::DigidCancelled) }.render(),
        ),
        named("digid", form(Errand::LogIn).render()),
        named("linked", DonePage { frame: frame(), linked: true }.render()),
        named("done", DonePage { frame: frame(), linked: false }.render()),
        named("form-post", FormPostPage { frame: frame(), answer }.render()),
        named("logout", LogoutPage { frame: frame(), hidden }.render()),
        named("logged-out", LoggedOutPage { frame: frame(), done: None }.render()),
        named("digid-logout", form(Errand::LogOut).render()),
        named(
            "partly-logged-out",
            PartlyLoggedOutPage { frame: frame(), done: Some("left-erased"), back: None }.render(),
        ),
        named("partly-logged-out-back", PartlyLoggedOutPage { frame: frame(), done: None, back }.render()),
    ]);
    pages
}

/// Everything that a portal can want.
fn client_consent(frame: Frame, given: &str) -> Response {
    let scopes = Scope::ALL.iter().copied().map(Item::Scope);
    let profile = Claim::ALL.iter().filter(|claim| claim.scope() == Scope::Profile);
    let items = worded(scopes.chain(profile.copied().map(Item::Claim)).collect());
    ClientConsentPage { frame, host: given.to_owned(), items, apis: vec![given.to_owned()] }.render()
}

fn problems(frame: &dyn Fn() -> Frame, given: &str) -> Pages {
    let problems = [
        Problem::DigidFailed,
        Problem::BadReturn,
        Problem::LevelTooLow(Level::Midden),
        Problem::LevelTooLow(Level::Substantieel),
        Problem::LevelTooLow(Level::Hoog),
        Problem::TooYoung,
        Problem::LoginGone,
        Problem::LoggedOut,
        Problem::BadRequest { code: given.into() },
        Problem::Busy,
        Problem::TooManyTries,
        Problem::TooManyCodes,
        Problem::TooLarge,
        Problem::Fault { request: given.into() },
        Problem::NotFound,
        Problem::MethodNotAllowed,
        Problem::Forbidden,
        Problem::NotLinked,
        Problem::AnotherDigid,
        Problem::ChildsDigid,
        Problem::NotRepresented(NotRepresented::TurnedTwelve),
        Problem::NotRepresented(NotRepresented::AskTheDesk),
        Problem::TooManyMails,
    ];
    let mut pages = Pages::new();
    for problem in problems {
        for go_on in [None, Some(format!("/login/{given}"))] {
            let name = format!("error-{}-{}", problem.keys().1, go_on.is_some());
            pages.push((
                name,
                ErrorPage { frame: frame(), problem: problem.clone(), go_on, own: Vec::new() }.render(),
            ));
        }
    }
    let own =
        ErrorPage { frame: frame(), problem: Problem::TooYoung, go_on: None, own: vec![given.into(); 2] };
    pages.push(("error-young-own".into(), own.render()));
    pages
}

async fn html(page: Response) -> String {
    let body = axum::body::to_bytes(page.into_body(), 1 << 20).await.unwrap();
    String::from_utf8(body.to_vec()).unwrap()
}

fn find<'a>(page: &'a Html, css: &str) -> Vec<ElementRef<'a>> {
    page.select(&Selector::parse(css).unwrap()).collect()
}

/// The words of a page as a reader sees them.
fn words(page: &Html) -> String {
    let text: String = page.root_element().text().collect::<Vec<_>>().join(" ");
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Ids are unique, every field has a label, and what describes a field exists.
fn check_fields(name: &str, page: &Html) {
    let ids: Vec<&str> = find(page, "[id]").iter().filter_map(|e| e.attr("id")).collect();
    assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len(), "{name}: an id stands twice");
    for field in find(page, "input:not([type=hidden])") {
        let label = format!("label[for={}]", field.attr("id").expect("a field has an id"));
        assert_eq!(find(page, &label).len(), 1, "{name}: {label}");
        let wrong = field.attr("aria-invalid").is_some();
        assert!(!wrong || field.attr("aria-describedby").is_some_and(|d| d.contains("error")), "{name}");
    }
    for described in find(page, "[aria-describedby]") {
        for id in described.attr("aria-describedby").unwrap_or_default().split(' ') {
            assert!(ids.contains(&id), "{name}: nothing is called {id}");
        }
    }
    for error in find(page, "#error") {
        assert_eq!(error.attr("role"), Some("alert"), "{name}");
    }
}

fn check_forms(name: &str, page: &Html) {
    let primary = find(page, ".nl-button--primary, .nl-button--digid").len();
    assert!(primary <= 1, "{name}: {primary} primary actions");
    for form in find(page, "form") {
        assert_eq!(form.attr("method"), Some("post"), "{name}");
        let ours = form.attr("action").is_some_and(|a| {
            a.starts_with("/login/l0g1n/")
                || a.starts_with("/account/")
                || a.starts_with("/desk/")
                || a == "/logout"
        });
        let token = form.select(&Selector::parse("input[type=hidden][name=csrf]").unwrap()).next();
        assert_eq!(token.and_then(|t| t.attr("value")), ours.then_some("c5rf"), "{name}");
        assert!(ours || name.starts_with("digid") || name == "form-post", "{name}: a form to elsewhere");
    }
}

#[tokio::test]
async fn every_page_is_whole_and_usable() {
    for lang in LANGS {
        for (name, page) in all(lang, "Huisarts Zonnedael", "j•••@x.nl") {
            assert_eq!(page.headers()[header::CACHE_CONTROL], "no-store", "{name}");
            assert_eq!(page.headers()[header::CONTENT_LANGUAGE], lang.code(), "{name}");
            assert_eq!(page.headers()[header::REFERRER_POLICY], "same-origin", "{name}");
            let policy = page.headers()[header::CONTENT_SECURITY_POLICY].to_str().unwrap().to_owned();
            assert!(policy.starts_with("default-src 'none';") && !policy.contains("unsafe"), "{name}");
            let status = page.status();
            let page = Html::parse_document(&html(page).await);
            let (heading, title) = (find(&page, "h1"), find(&page, "title"));
            assert_eq!((heading.len(), title.len()), (1, 1), "{name}");
            let title: String = title[0].text().collect();
            let heading: String = heading[0].text().collect();
            let prefix = if status == StatusCode::UNPROCESSABLE_ENTITY {
                ["Fout: ", "Error: "][lang as usize]
            } else {
                ""
            };
            assert_eq!(title, format!("{prefix}{heading} - Huisarts Zonnedael"), "{name}");
            assert!(!words(&page).contains('⟦'), "{name}: a text is missing");
            assert_eq!(find(&page, "html")[0].attr("lang"), Some(lang.code()));
            check_fields(&name, &page);
            check_forms(&name, &page);
        }
    }
}

#[tokio::test]
async fn nothing_that_others_wrote_becomes_markup() {
    for lang in LANGS {
        for (name, page) in all(lang, HOSTILE, HOSTILE) {
            let page = Html::parse_document(&html(page).await);
            let script = format!("script:not([src^=\"{SCRIPT}\"]), style, [style]");
            assert!(find(&page, &script).is_empty(), "{name}");
            let handlers = page.root_element().descendants().filter_map(|node| node.value().as_element());
            for (attribute, _) in handlers.flat_map(scraper::node::Element::attrs) {
                assert!(!attribute.starts_with("on") && !attribute.contains('<'), "{name}: {attribute}");
            }
            assert!(words(&page).contains(HOSTILE), "{name}: the portal's name is shown as it is");
        }
    }
}

async fn dutch(name: &str) -> String {
    let mut pages = all(Lang::Nl, "Huisarts Zonnedael", "j•••@x.nl").into_iter();
    let page = pages.find(|(n, _)| n == name).unwrap_or_else(|| panic!("no page {name}")).1;
    words(&Html::parse_document(&html(page).await))
}

#[tokio::test]
async fn the_dutch_pages_say_what_was_agreed_to_the_letter() {
    let agreed: &[(&str, &[&str])] = &[
        (
            "choose-true-true-None",
            &[
                "Inloggen bij Huisarts Zonnedael",
                "Inloggen met DigiD",
                "Dit is de veiligste manier.",
                "Inloggen met e-mail en wachtwoord",
                "Nog geen DigiD? Vraag DigiD aan op digid.nl.",
                "Gebruik nooit de DigiD van iemand anders, ook niet van uw kind.",
            ],
        ),
        ("choose-true-true-Some(DigidCancelled)", &["U heeft het inloggen met DigiD geannuleerd."]),
        (
            "email-true",
            &[
                "E-mailadres",
                "Wachtwoord",
                "Wachtwoord vergeten?",
                "Dit e-mailadres of wachtwoord klopt niet.",
            ],
        ),
        (
            "code-LogIn-Some(Wrong(Again { left: 3 }))-false",
            &[
                "Vul de code in",
                "We hebben een code gestuurd naar j•••@x.nl. De code werkt 10 minuten.",
                "Stuur een nieuwe code",
                "Deze code klopt niet. U kunt het nog 3 keer proberen.",
            ],
        ),
        ("code-Link-Some(Wrong(Ended))-false", &["Deze code is verlopen. Vraag een nieuwe aan."]),
        (
            "question",
            &[
                "Heeft u al een account?",
                "U bent ingelogd met DigiD. We kennen uw DigiD nog niet.",
                "Ik heb een account",
                "Ik heb nog geen account",
                "Stoppen",
            ],
        ),
        ("link-None-false", &["Koppel DigiD aan uw account"]),
        (
            "linked",
            &["Gelukt. Vanaf nu kunt u inloggen met DigiD of met uw e-mailadres en wachtwoord.", "veiligste"],
        ),
        (
            "register-false-None",
            &[
                "Maak uw account",
                "Iedereen heeft een eigen e-mailadres nodig. Een alias mag ook, bijvoorbeeld naam+kind@gmail.com.",
            ],
        ),
        (
            "error-digid-failed-false",
            &[
                "Er is een fout opgetreden in de communicatie met DigiD. Probeert u het later nogmaals. Indien deze \
               fout blijft aanhouden, kijk dan op de website https://www.digid.nl voor de laatste informatie.",
            ],
        ),
        ("logged-out", &["U bent uitgelogd. Sluit ook uw browser op een gedeelde computer."]),
    ];
    for (name, sentences) in agreed {
        let words = dutch(name).await;
        for sentence in *sentences {
            assert!(words.contains(sentence), "{name}: {sentence}\n{words}");
        }
    }
}

#[tokio::test]
async fn who_needs_more_of_digid_hears_what() {
    for (level, says) in [
        (Level::Midden, "U heeft de DigiD app of sms-controle nodig."),
        (Level::Substantieel, "U heeft de DigiD app met een ID-check nodig."),
        (Level::Hoog, "U heeft de DigiD app nodig, samen met uw identiteitskaart of rijbewijs."),
    ] {
        let problem = Problem::LevelTooLow(level);
        let page = ErrorPage { frame: Frame::bare(Lang::Nl), problem, go_on: None, own: Vec::new() };
        let words = html(page.render()).await;
        assert!(words.contains(says), "{words}");
        assert_eq!(words.contains("sms"), level == Level::Midden, "{level:?}: {words}");
    }
}

#[tokio::test]
async fn what_a_portal_wants_to_know_is_said_in_plain_words() {
    let words = dutch("client-consent").await;
    for says in [
        "Mag Huisarts Zonnedael deze gegevens krijgen?",
        "uw e-mailadres",
        "uw voornaam",
        "Toestaan",
        "Weigeren",
        "U bent dan wel ingelogd, maar niet bij dit portaal.",
        "Wat dit portaal met uw gegevens doet (op j•••@x.nl)",
        "De voorwaarden van dit portaal (op j•••@x.nl)",
    ] {
        assert!(words.contains(says), "{says}: {words}");
    }
}

#[tokio::test]
async fn nobody_is_chosen_before_the_user_chooses() {
    let words = dutch("for-whom").await;
    for says in ["Voor wie wilt u inloggen?", "Voor mijzelf", "Voor Sam (2016)", "Verder", "Stoppen"] {
        assert!(words.contains(says), "{says}: {words}");
    }
    for lang in LANGS {
        for (name, page) in login::for_whom(&|| frame(lang, "Huisarts Zonnedael"), "x") {
            let page = Html::parse_document(&html(page).await);
            let (people, chosen) = (find(&page, "input[type=radio]"), find(&page, "[checked]"));
            assert_eq!((people.len(), chosen.len()), (3, 0), "{name}");
            let wrong = find(&page, "fieldset[aria-invalid=true][aria-describedby=error]").len();
            assert_eq!(wrong, usize::from(name != "for-whom"), "{name}: the error belongs to the choice");
        }
    }
}

#[tokio::test]
async fn who_must_wait_reads_as_long_as_the_browser_is_told() {
    for (problem, says) in [
        (Problem::Busy, [("10", "tien seconden"), ("10", "ten seconds")]),
        (Problem::TooManyTries, [("60", "een minuut"), ("60", "a minute")]),
        (Problem::TooManyMails, [("3600", "een uur"), ("3600", "an hour")]),
    ] {
        for (lang, (seconds, words)) in LANGS.into_iter().zip(says) {
            let frame = Frame::bare(lang);
            let page = ErrorPage { frame, problem: problem.clone(), go_on: None, own: Vec::new() }.render();
            assert_eq!(page.headers()[header::RETRY_AFTER], seconds);
            let text = html(page).await;
            assert!(text.contains(words), "{words}: {text}");
        }
    }
}

#[tokio::test]
async fn what_cannot_be_used_is_not_offered() {
    let only_digid = dutch("choose-true-false-Some(DigidCancelled)").await;
    assert!(!only_digid.contains("e-mail") && !only_digid.contains("account"), "{only_digid}");
    let only_local = dutch("choose-false-true-None").await;
    assert!(!only_local.contains("DigiD"), "{only_local}");
}

#[tokio::test]
async fn the_first_page_as_it_leaves() {
    let page = ChoosePage {
        frame: frame(Lang::Nl, "Huisarts Zonnedael"),
        digid_available: true,
        child_available: false,
        local_allowed: true,
        may_register: true,
        notice: Some(Notice::DigidCancelled),
    };
    let text = html(page.render()).await;
    insta::with_settings!({ filters => [(r"v=[\w-]{16}", "v=HASH")] }, { insta::assert_snapshot!(text) });
}

/// Writes every page into a folder, with the style sheet beside it, for eyes and screenshots:
/// `cargo test --lib write_all_pages`, then look into `target/pages`.
#[tokio::test]
async fn write_all_pages() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = root.join("target/pages");
    fs::create_dir_all(&folder).unwrap();
    for lang in LANGS {
        for (name, page) in all(lang, "Huisartsenpraktijk Zonnedael", "j•••@voorbeeld.nl") {
            let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '-' };
            let name: String = name.chars().map(plain).collect();
            let address = Frame::bare(lang).stylesheet();
            let text = html(page).await.replace(&address, "namens.css");
            fs::write(folder.join(format!("{name}.{}.html", lang.code())), text).unwrap();
        }
    }
    assert!(STYLESHEET.ends_with("namens.css"));
    fs::copy(root.join("templates/namens.css"), folder.join("namens.css")).unwrap();
}
