//! Who may look in a child's record at which age, line by line of what a portal tells parents (`docs/mandates.md`, the table of ages of M4 and
//! M5): with real logins, and birthdays that come while people are logged in.

use reqwest::StatusCode;

use crate::{
    browser::Browser,
    chooser::{asking, listed},
    digid_steps::{at_question, enter_link, has_session},
    family::One,
    house::{CALLBACK, House, PASSWORD},
    mandates_desk::{Desk, Form, born, days, digid_again, digid_page, fresh_bsn},
    moved_clock::Birthday,
    oidc_client::{THE_PORTAL, assert_error, refreshed},
    portal::{Tokens, code_of, request, to_digid},
};

const MOTHER: &str = "moeder@voorbeeld.nl";
const KIM: &str = "kim@voorbeeld.nl";

/// Whom somebody is told, by a login with DigiD that has just been: for how many they may act.
async fn acts(house: &House, bsn: &str) -> (Tokens, usize) {
    let ask = THE_PORTAL.ask().with("scope", "openid act_as");
    let tokens = digid_again(house, &Browser::new(), bsn, "Midden", &THE_PORTAL, &ask).await;
    let count = listed(&tokens).len();
    (tokens, count)
}

/// What a login with DigiD leads to.
async fn comes(house: &House, bsn: &str) -> (StatusCode, String) {
    let page = digid_page(house, &Browser::new(), bsn, "Midden", &THE_PORTAL.ask()).await;
    (page.status, page.heading())
}

const TOO_YOUNG: &str = "Je kunt hier nog niet inloggen";

/// "Kinderen tot 12 jaar: Alleen de ouders of voogd hebben toegang tot het patiëntportaal van het kind."
#[tokio::test]
async fn below_twelve_only_parents_or_a_guardian_have_access() {
    let house = House::start().await;
    let desk = Desk::of(&house);
    let (bsn, last) = (fresh_bsn(), born(12, -2));
    let sam = desk.person("Sam", Some(&last), Some(&bsn));
    for (email, relation) in [(MOTHER, "parent"), ("voogd@voorbeeld.nl", "guardian")] {
        let one = One::of(&house, ("Anna", None), email).await;
        let evidence = if relation == "parent" { "parental_authority" } else { "court_order" };
        let form = Form::parent(&one.person, &sam).with("--relation", relation).with("--evidence", evidence);
        desk.mandate(&form);
        assert_eq!(one.acts_for(&house).await, 1, "{relation}");
    }
    // Neither an aunt, who is no guardian, nor the child.
    let aunt = One::of(&house, ("Els", None), "tante@voorbeeld.nl").await;
    let told = desk.refused(&Form::grant(&aunt.person, &sam, &days(100)).arguments());
    assert!(told.contains("16"), "{told}");
    assert_eq!(aunt.acts_for(&house).await, 0);
    assert_eq!(comes(&house, &bsn).await, (StatusCode::FORBIDDEN, TOO_YOUNG.to_owned()));
}

/// "Vanaf 12 jaar mogen kinderen meebeslissen over hun zorg en behandeling."
#[tokio::test]
async fn from_twelve_a_child_has_a_say() {
    let house = House::start().await;
    let mother = One::of(&house, ("Anna", None), MOTHER).await;
    let (birthday, desk) = (Birthday::in_days(2), Desk::of(&house));
    birthday.is_in(&house, 800).await;
    let sam = desk.person("Sam", Some(&birthday.of(12)), None);
    desk.mandate(&Form::parent(&mother.person, &sam));
    let before = acts(&house, &mother.bsn).await;
    assert_eq!(before.1, 1, "eleven: nobody asks the child");
    birthday.has_come(&house).await;
    assert_eq!(listed(&refreshed(&house, &before.0).await).len(), 0, "twelve: not without a word of theirs");
    assert_eq!(desk.standings(&sam), ["awaiting_consent"]);
}

/// "Kinderen in deze leeftijdsgroep kunnen zelf inloggen in hun portaal."
#[tokio::test]
async fn from_twelve_a_child_logs_in() {
    let house = House::start().await;
    let (bsn, birthday) = (fresh_bsn(), Birthday::in_days(2));
    Desk::of(&house).person("Sam", Some(&birthday.of(12)), Some(&bsn));
    // To the last seconds, as many as a login takes.
    for seconds in [800, 30] {
        birthday.is_in(&house, seconds).await;
        assert_eq!(comes(&house, &bsn).await, (StatusCode::FORBIDDEN, TOO_YOUNG.to_owned()), "{seconds}");
    }
    birthday.has_come(&house).await;
    let tokens = crate::mandates_desk::digid_account(&house, &Browser::new(), &bsn, "sam@voorbeeld.nl").await;
    assert_eq!(acts(&house, &bsn).await.0.sub(), tokens.sub());
}

/// "Kinderen en ouders geven elkaar mondeling toestemming om in te loggen."
#[tokio::test]
async fn from_twelve_parent_and_child_agree_aloud_at_the_desk() {
    let house = House::start().await;
    let mother = One::of(&house, ("Anna", None), MOTHER).await;
    let desk = Desk::of(&house);
    let kim = desk.person("Kim", Some(&born(13, 0)), None);
    let mandate = desk.mandate(&Form::parent(&mother.person, &kim));
    let mut seen = vec![mother.acts_for(&house).await];
    for party in ["represented", "representative"] {
        desk.hear("consent", &mandate, party);
        seen.push(acts(&house, &mother.bsn).await.1);
    }
    assert_eq!(seen, [0, 0, 1], "each other: one word is not enough");
    let heard = "SELECT party || ' ' || word || ' ' || attested_by FROM consents ORDER BY party";
    assert_eq!(house.query(heard), ["representative agreed balie1", "represented agreed balie1"]);
}

/// "Zonder overeenstemming is inzage wettelijk niet toegestaan."
#[tokio::test]
async fn from_twelve_nobody_looks_without_agreement() {
    let house = House::start().await;
    let mother = One::of(&house, ("Anna", None), MOTHER).await;
    let desk = Desk::of(&house);
    let kim = desk.person("Kim", Some(&born(15, 300)), None);
    let mandate = desk.mandate(&Form::parent(&mother.person, &kim));
    assert_eq!(mother.acts_for(&house).await, 0, "nobody said anything");
    for party in ["represented", "representative"] {
        desk.hear("consent", &mandate, party);
    }
    let (tokens, count) = acts(&house, &mother.bsn).await;
    assert_eq!(count, 1);
    let kims = listed(&tokens).concat();
    // Either of the two ends it, at once, and without a reason.
    desk.hear("withdraw", &mandate, "represented");
    assert_eq!(listed(&refreshed(&house, &tokens).await).len(), 0);
    let browser = Browser::new();
    digid_again(&house, &browser, &mother.bsn, "Midden", &THE_PORTAL, &THE_PORTAL.ask()).await;
    let ask = asking(&kims).with("prompt", "none");
    assert_error(&house, &browser.get(&ask.url(&house)).await, &ask, "access_denied");
    assert!(mother.page(&house).await.text("held-1").unwrap().contains("Dit wacht op toestemming."));
}

/// A mother who may act for a child whose sixteenth birthday comes, both with DigiD.
struct Sixteen {
    house: House,
    birthday: Birthday,
    mother: One,
    kim: One,
    mandate: String,
}

async fn sixteen_soon() -> Sixteen {
    let house = House::start().await;
    let birthday = Birthday::in_days(3);
    let mother = One::of(&house, ("Anna", None), MOTHER).await;
    let kim = One::of(&house, ("Kim", Some(&birthday.of(16))), KIM).await;
    let desk = Desk::of(&house);
    let mandate = desk.mandate(&Form::parent(&mother.person, &kim.person));
    for party in ["represented", "representative"] {
        desk.hear("consent", &mandate, party);
    }
    assert_eq!(mother.acts_for(&house).await, 1, "fifteen, and both agree");
    Sixteen { house, birthday, mother, kim, mandate }
}

/// "Vanaf 16 jaar mogen jongeren zelf beslissingen nemen over hun medische behandeling. Zij hebben dezelfde patiëntenrechten als volwassenen."
#[tokio::test]
async fn from_sixteen_a_child_decides_like_an_adult() {
    let Sixteen { house, birthday, mother, kim, .. } = sixteen_soon().await;
    let desk = Desk::of(&house);
    let grant = || Form::grant(&mother.person, &kim.person, &days(200));
    let told = desk.refused(&grant().arguments());
    assert!(told.contains("16"), "fifteen: {told}");
    birthday.has_come(&house).await;
    // Whoever is an adult may do the same.
    let father = desk.person("Bert", Some("1944-05-05"), None);
    for represented in [&kim.person, &father] {
        desk.mandate(&Form::grant(&mother.person, represented, &days(200)));
    }
    assert_eq!(acts(&house, &mother.bsn).await.1, 2);
    // No parent asks for one of theirs any more.
    let told = desk.refused(&Form::parent(&mother.person, &kim.person).arguments());
    assert!(told.contains("16"), "{told}");
}

/// "De ouders krijgen die informatie niet meer, tenzij de jongere daar uitdrukkelijk toestemming voor geeft."
#[tokio::test]
async fn from_sixteen_parents_are_told_nothing_unless_the_child_says_so_expressly() {
    let Sixteen { house, birthday, mother, kim, mandate } = sixteen_soon().await;
    let desk = Desk::of(&house);
    birthday.has_come(&house).await;
    let (tokens, count) = acts(&house, &mother.bsn).await;
    assert_eq!(count, 0);
    // What was agreed for the parents' mandate is no express word for a new one, nor is a form without it.
    house.run(&["mandates", "consent", &mandate, "--party", "represented", "--attested-by", "balie1"]);
    let grant = Form::grant(&mother.person, &kim.person, &days(200));
    desk.refused(&grant.clone().without("--grantor-agrees").arguments());
    assert_eq!(listed(&refreshed(&house, &tokens).await).len(), 0);
    desk.mandate(&grant);
    assert_eq!(acts(&house, &mother.bsn).await.1, 1, "expressly");
}

/// "Een jongere boven de 16 heeft dan ook het recht om zijn medisch dossier in te zien; daarvoor is geen toestemming van zijn ouders nodig."
#[tokio::test]
async fn from_sixteen_a_child_looks_without_asking_the_parents() {
    let Sixteen { house, birthday, kim, mandate, .. } = sixteen_soon().await;
    let desk = Desk::of(&house);
    desk.hear("withdraw", &mandate, "representative");
    birthday.has_come(&house).await;
    let (tokens, count) = acts(&house, &kim.bsn).await;
    assert_eq!((tokens.sub(), count), (kim.tokens.sub(), 0), "a word of a parent keeps nobody out");
    // Nor does somebody who is not known at all to have parents.
    let alone = fresh_bsn();
    desk.person("Noor", Some(&born(16, 40)), Some(&alone));
    crate::mandates_desk::digid_account(&house, &Browser::new(), &alone, "noor@voorbeeld.nl").await;
}

/// "Vanaf nu mag uw kind zelf beslissen over hun behandeling en alleen nog zelf inloggen in het patiëntenportaal."
#[tokio::test]
async fn from_sixteen_nobody_but_the_child_logs_in() {
    let Sixteen { house, birthday, mother, kim, .. } = sixteen_soon().await;
    let (tokens, _) = acts(&house, &mother.bsn).await;
    let kims = listed(&tokens).concat();
    birthday.has_come(&house).await;
    let browser = Browser::new();
    digid_again(&house, &browser, &mother.bsn, "Midden", &THE_PORTAL, &THE_PORTAL.ask()).await;
    let ask = asking(&kims).with("prompt", "none");
    assert_error(&house, &browser.get(&ask.url(&house)).await, &ask, "access_denied");
    let page = browser.get(&crate::account::at(&house, "/account/mandates")).await;
    assert!(page.text("held-none").is_some(), "{}", page.body);
    assert_eq!(acts(&house, &kim.bsn).await.0.sub(), kim.tokens.sub(), "the child is in");
}

/// "Een jongere van boven de 16 geeft bovendien zelf toestemming voor een behandeling. Toestemming van de ouders is niet meer nodig." The treatment is
/// the hospital's; ours is that a portal which asks for that word hears whose it is, and hears no parent in the place of the child.
#[tokio::test]
async fn from_sixteen_a_portal_hears_the_childs_own_word_and_no_parents() {
    let Sixteen { house, birthday, mother, kim, .. } = sixteen_soon().await;
    let (browser, kims) = (Browser::new(), listed(&acts(&house, &mother.bsn).await.0).concat());
    assert!(!kims.is_empty(), "fifteen: the mother is heard for Kim");
    birthday.has_come(&house).await;
    // Asked anew, as for something to be signed, and at a level that a password does not have.
    let ask = THE_PORTAL.ask().with("scope", "openid act_as").with("prompt", "login");
    let told = digid_again(&house, &Browser::new(), &kim.bsn, "Midden", &THE_PORTAL, &ask).await;
    assert_eq!((told.sub(), &told.claims["represents"]), (kim.tokens.sub(), &serde_json::Value::Null));
    assert!(told.claims["acr"].as_str().unwrap().contains("LoA"), "{}", told.claims);
    // The mother is heard for herself, however she asks.
    digid_again(&house, &browser, &mother.bsn, "Midden", &THE_PORTAL, &THE_PORTAL.ask()).await;
    let ask = asking(&kims).with("prompt", "none");
    assert_error(&house, &browser.get(&ask.url(&house)).await, &ask, "access_denied");
    let (hers, count) = acts(&house, &mother.bsn).await;
    assert_eq!((hers.sub() == kim.tokens.sub(), count), (false, 0));
}

/// "Uw kind beslist zelf wie er eventueel meekijkt."
#[tokio::test]
async fn from_sixteen_the_child_chooses_who_looks_and_for_how_long() {
    let house = House::start().await;
    let kim = One::of(&house, ("Kim", Some(&born(16, 1))), KIM).await;
    let aunt = One::of(&house, ("Els", None), "tante@voorbeeld.nl").await;
    let desk = Desk::of(&house);
    let too_long = Form::grant(&aunt.person, &kim.person, &days(367));
    assert!(desk.refused(&too_long.arguments()).contains("year"));
    desk.mandate(&Form::grant(&aunt.person, &kim.person, &days(365)));
    assert_eq!(aunt.acts_for(&house).await, 1, "whoever it is: no parent");
    let page = kim.page(&house).await;
    assert!(page.text("given-1").unwrap().contains("Els"), "{}", page.body);
    kim.presses(&house, "given-stop-1").await;
    assert_eq!(acts(&house, &aunt.bsn).await.1, 0, "and changes their mind, at once");
}

/// "Het gebruik van de DigiD van uw kind om in te loggen om het dossier in te zien wordt gezien als een wettelijke overtreding." What a program can do
/// about that: say so, tie no child's DigiD to a parent's account, and show the child each login.
#[tokio::test]
async fn a_childs_digid_is_not_the_parents() {
    let house = House::start().await;
    let mother = One::of(&house, ("Anna", None), MOTHER).await;
    let choose = Browser::new().visit(&request(&house, &[]).url, CALLBACK).await;
    assert!(choose.body.contains("Gebruik nooit de DigiD van iemand anders, ook niet van uw kind."));
    // Her own account has a DigiD; another one, with a password only, would take the child's.
    let other = "moeder+2@voorbeeld.nl";
    crate::steps::account(&house, other).await;
    let bsn = fresh_bsn();
    Desk::of(&house).person("Kim", Some(&born(14, 0)), Some(&bsn));
    let browser = Browser::new();
    let (_, question) = at_question(&house, &browser, &bsn).await;
    let page = enter_link(&browser, &question, other, PASSWORD).await;
    let done = browser.submit(&page, "code-form", &[("code", &house.code(other, 2))]).await;
    let refused = browser.follow(done, CALLBACK).await;
    assert!(refused.status.is_client_error(), "{} {}", refused.status, refused.heading());
    assert!(refused.body.contains("Er is niets veranderd"), "{}", refused.body);
    assert!(!has_session(&house, &browser).await);
    // The child's own account, and each login with its DigiD in the child's own log.
    crate::mandates_desk::digid_account(&house, &Browser::new(), &bsn, KIM).await;
    let asked = request(&house, &[]);
    let at_home = Browser::new();
    let back = crate::portal::at_digid(&at_home, &to_digid(&at_home, &asked).await, &bsn, &[]).await;
    code_of(&back);
    let log = at_home.get(&crate::account::at(&house, "/account/log")).await.text("log").unwrap();
    assert_eq!(log.matches("Ingelogd met DigiD").count(), 2, "{log}");
    assert_eq!(mother.acts_for(&house).await, 0);
}

/// All of it at one home: Sam becomes twelve, Kim sixteen, and Kim lets her mother in again until the end of what she gave.
#[tokio::test]
async fn a_family_at_home_over_a_year() {
    let house = House::start().await;
    let (desk, twelve, sixteen) = (Desk::of(&house), Birthday::in_days(30), Birthday::in_days(60));
    let mother = One::of(&house, ("Anna", None), MOTHER).await;
    let kim = One::of(&house, ("Kim", Some(&sixteen.of(16))), KIM).await;
    let sams_bsn = fresh_bsn();
    let sam = desk.person("Sam", Some(&twelve.of(12)), Some(&sams_bsn));
    let sams = desk.mandate(&Form::parent(&mother.person, &sam));
    let kims = desk.mandate(&Form::parent(&mother.person, &kim.person));
    for party in ["represented", "representative"] {
        desk.hear("consent", &kims, party);
    }
    let mothers = async || acts(&house, &mother.bsn).await.1;
    assert_eq!((mothers().await, comes(&house, &sams_bsn).await.0), (2, StatusCode::FORBIDDEN));

    twelve.is_in(&house, 1800).await;
    assert_eq!((mothers().await, comes(&house, &sams_bsn).await.0), (2, StatusCode::FORBIDDEN));
    twelve.has_come(&house).await;
    assert_eq!(mothers().await, 1, "Kim only: nobody asked Sam yet");
    let first =
        crate::mandates_desk::digid_account(&house, &Browser::new(), &sams_bsn, "sam@voorbeeld.nl").await;
    for party in ["represented", "representative"] {
        desk.hear("consent", &sams, party);
    }
    assert_eq!(mothers().await, 2, "Sam agreed");

    sixteen.is_in(&house, 1800).await;
    assert_eq!(mothers().await, 2);
    sixteen.has_come(&house).await;
    assert_eq!(mothers().await, 1, "Sam only");
    assert_eq!(desk.standings(&kim.person), ["lapsed"]);
    // Nothing revives it: no date of birth by which Kim would be fifteen, and no further word of the two.
    house.set_birth_date(&kim.person, &sixteen.of(15));
    for party in ["represented", "representative"] {
        let _ = house.run(&["mandates", "consent", &kims, "--party", party, "--attested-by", "balie1"]);
    }
    assert_eq!((mothers().await, desk.standings(&kim.person)), (1, vec!["lapsed".to_owned()]));
    house.set_birth_date(&kim.person, &sixteen.of(16));

    let ends = Birthday::in_days(160);
    desk.mandate(&Form::grant(&mother.person, &kim.person, &ends.day.to_string()));
    assert_eq!(mothers().await, 2, "Kim said so");
    ends.is_in(&house, 1800).await;
    assert_eq!(mothers().await, 2);
    ends.has_come(&house).await;
    assert_eq!(mothers().await, 1, "Sam only, for years to come");
    let (sam_now, _) = acts(&house, &sams_bsn).await;
    assert_eq!(sam_now.sub(), first.sub());
    let mut all = desk.standings(&kim.person);
    all.sort();
    assert_eq!(all, ["ended", "lapsed"]);
}
