//! The desk in the browser (`/desk`): its door, and a mandate from the form to the second pair of eyes.

use std::time::{Duration, Instant};

use namens::{clock::Clock, domain::time::Timestamp};
use reqwest::{Method, StatusCode};

use crate::{
    account::at,
    authenticator::{App, change, set_up, type_app, type_recovery},
    browser::{Browser, Page},
    house::{CALLBACK, House, PASSWORD},
    mandates_desk::{born, fresh_bsn},
    portal::{at_digid, press_digid, register},
};

pub const ELS: &str = "els@ziekenhuis.nl";
pub const JOOST: &str = "joost@ziekenhuis.nl";
const PATIENT: &str = "patient@voorbeeld.nl";

/// Somebody with an account and an app.
pub struct Colleague {
    pub browser: Browser,
    pub email: &'static str,
    pub app: App,
}

/// Makes the account, with its app.
pub async fn colleague(house: &House, email: &'static str) -> Colleague {
    let browser = Browser::new();
    register(house, &browser, email).await;
    let app = set_up(house, &browser, email).await;
    Colleague { browser, email, app }
}

/// As far as the page that asks for the code of the app; the way to the desk.
pub async fn to_app(house: &House, browser: &Browser, email: &str) -> Page {
    let choose = browser.visit(&at(house, "/desk?again=1"), CALLBACK).await;
    assert_eq!(choose.heading(), "Inloggen bij Balie");
    assert!(!choose.body.contains("digid-form"), "DigiD is a patient's");
    let form = browser.get(&format!("{}/email", choose.url)).await;
    let sent = browser.submit(&form, "email-form", &[("email", email), ("password", PASSWORD)]).await;
    browser.follow(sent, CALLBACK).await
}

impl Colleague {
    /// Logs in by password and app, and is at the desk, or at what is in its place.
    pub async fn comes(&self, house: &House) -> Page {
        let asked = to_app(house, &self.browser, self.email).await;
        let done = type_app(&self.browser, &asked, &self.app.code(1)).await;
        // No test waits for the next step of the app.
        change(house, "UPDATE accounts SET app_step = 0 WHERE app_step IS NOT NULL");
        self.browser.follow(done, CALLBACK).await
    }
}

/// Makes somebody a member by command.
pub fn add(house: &House, email: &str, roles: &[&str], department: &str) -> std::process::Output {
    let mut arguments = vec!["staff", "add", email, "--department", department, "--by", "beheer"];
    arguments.extend(roles.iter().flat_map(|role| ["--role", *role]));
    house.run(&arguments)
}

fn added(house: &House, email: &str, roles: &[&str], department: &str) {
    let done = add(house, email, roles, department);
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}

/// A form of a parent on which nothing is wrong.
pub fn form<'f>(parent: &'f str, child: &'f str, birth: &'f str) -> Vec<(&'static str, &'f str)> {
    vec![
        ("representative_bsn", parent),
        ("representative_number", ""),
        ("representative_name", "Anna de Vries"),
        ("representative_birth", ""),
        ("representative_document", "passport"),
        ("representative_until", "2090-01-01"),
        ("representative_seen", "yes"),
        ("represented_bsn", child),
        ("represented_number", "K-1001"),
        ("represented_name", "Sam de Vries"),
        ("represented_birth", birth),
        ("represented_document", "identity_card"),
        ("represented_until", "2090-01-01"),
        ("represented_seen", "yes"),
        ("relation", "parent"),
        ("legal_basis", "art. 1:247 BW"),
        ("evidence", "parental_authority"),
        ("form_reference", "2026-0001"),
        ("ends", ""),
    ]
}

/// Posts the form of a page as it was typed, with its token.
async fn typed(browser: &Browser, page: &Page, name: &str, fields: &[(&str, &str)]) -> Page {
    let (action, hidden) = page.form(name);
    let fields = [vec![("csrf", hidden["csrf"].as_str())], fields.to_vec()].concat();
    browser.post(page.url.join(&action).unwrap().as_str(), &fields).await
}

/// Each thing that is wrong is said at its field, and nothing that was typed of a BSN is said again.
async fn each_wrong_field(browser: &Browser, page: &Page, good: &[(&'static str, &str)]) {
    let bsn = |field: &str| good.iter().find(|(name, _)| *name == field).unwrap().1;
    let (parent, child) = (bsn("representative_bsn"), bsn("represented_bsn"));
    for (name, value, field) in [
        ("representative_seen", None, "representative_seen"),
        ("represented_seen", None, "represented_seen"),
        ("representative_until", Some("2020-01-01"), "representative_until"),
        ("represented_until", Some("morgen"), "represented_until"),
        ("evidence", Some(""), "evidence"),
        ("evidence", Some("signed_form"), "evidence"),
        ("representative_bsn", Some(""), "representative_bsn"),
        ("representative_bsn", Some("123456789"), "representative_bsn"),
        ("represented_birth", Some(""), "represented_birth"),
        ("represented_birth", Some("2001-01-01"), "relation"),
        ("represented_name", Some(" "), "represented_name"),
        ("form_reference", Some(""), "form_reference"),
        ("relation", Some("friend"), "relation"),
        ("represented_bsn", Some(parent), "represented_bsn"),
    ] {
        let mut bad: Vec<_> = good.iter().copied().filter(|(known, _)| *known != name).collect();
        bad.extend(value.map(|value| (name, value)));
        let told = typed(browser, page, "mandate-form", &bad).await;
        assert_eq!(told.status, StatusCode::UNPROCESSABLE_ENTITY, "{name} {value:?}");
        assert!(told.text(&format!("{field}-error")).is_some(), "{name} {value:?}: {}", told.body);
        assert!(!told.body.contains(parent) && !told.body.contains(child), "no answer holds a BSN");
    }
}

fn stored(house: &House) -> Vec<String> {
    house.query(
        "SELECT (SELECT COUNT(*) FROM persons WHERE name <> '') || ' ' || (SELECT COUNT(*) FROM mandates)",
    )
}

/// In their own log people read as what those work who did it, and never who they are; also where they left since.
async fn own_log_names_nobody(house: &House, parent: &str) {
    crate::digid_steps::register_with_digid(house, parent, "ouder@voorbeeld.nl", PASSWORD).await;
    let owner = Browser::new();
    crate::digid_steps::log_in_with_digid(house, &owner, parent, &[], &[]).await;
    for ended in [false, true] {
        if ended {
            change(house, "UPDATE staff SET ended_at = approved_at + 86400, ended_by = 'x'");
        }
        let log = owner.get(&at(house, "/account/log")).await.text("log").unwrap();
        let line =
            "Ingeschreven bij de balie. Door: een medewerker van Kindergeneeskunde (registreert, keurt goed)";
        assert!(log.contains(line) && !log.contains(ELS), "{log}");
    }
    change(house, "UPDATE staff SET approved_at = approved_at + 86400, ended_at = NULL");
    let log = owner.get(&at(house, "/account/log")).await.text("log").unwrap();
    assert!(log.contains("Ingeschreven bij de balie. Door: een medewerker"), "they were none then: {log}");
    assert!(!log.contains("Kindergeneeskunde"), "{log}");
}

#[tokio::test]
async fn m1_m10_m11_a_mandate_is_asked_for_by_one_waits_in_the_queue_and_is_approved_by_another() {
    let house = House::start().await;
    let (els, joost) = (colleague(&house, ELS).await, colleague(&house, JOOST).await);
    added(&house, ELS, &["registrar", "approver"], "Kindergeneeskunde");
    added(&house, JOOST, &["privacy_officer", "approver"], "Interne geneeskunde");
    let desk = els.comes(&house).await;
    assert_eq!((desk.status, desk.heading().as_str()), (StatusCode::OK, "Balie"), "{}", desk.url);
    assert!(desk.text("me").unwrap().contains("Kindergeneeskunde"));
    let (parent, child, birth) = (fresh_bsn(), fresh_bsn(), born(8, 40));
    let page = els.browser.get(&at(&house, "/desk/register")).await;
    let good = form(&parent, &child, &birth);
    each_wrong_field(&els.browser, &page, &good).await;
    assert_eq!(stored(&house), ["0 0"]);
    let done = typed(&els.browser, &page, "mandate-form", &good).await;
    let mandate = els.browser.follow(done, CALLBACK).await;
    assert_eq!(mandate.text("standing").unwrap(), "wacht op een collega", "{}", mandate.body);
    assert!(mandate.text("registered").unwrap().contains(ELS));
    assert!(mandate.text("registered").unwrap().contains("Kindergeneeskunde"));
    assert_eq!(stored(&house), ["2 1"]);

    // It waits, with its clock; filed three weeks ago it is late, and the overview says so.
    let queue = els.browser.get(&at(&house, "/desk/queue")).await;
    assert!(queue.text("waiting-1").unwrap().contains("Klaar voor"), "{}", queue.body);
    change(
        &house,
        "UPDATE mandates SET registered_at = registered_at - 21 * 86400, starts = starts - 21 * 86400",
    );
    let queue = els.browser.get(&at(&house, "/desk/queue")).await;
    assert!(queue.text("waiting-1").unwrap().contains("Te laat"), "{}", queue.body);
    assert_eq!(els.browser.get(&at(&house, "/desk")).await.text("overdue").unwrap(), "1 te laat");

    // The alarm is raised within a round of the house's keeping.
    let patience = Instant::now() + Duration::from_mins(1);
    while !house.log().contains("this waits for a second pair of eyes past the next working day") {
        assert!(Instant::now() < patience, "no alarm");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }

    // Not by who asked for it, though they have the role.
    let url = mandate.url.clone();
    assert!(!mandate.body.contains("approve-form"));
    let csrf = mandate.form("revoke-form").1["csrf"].clone();
    let read = [("bsn", parent.as_str()), ("birth", birth.as_str()), ("represented", &child)];
    let own = [&[("csrf", csrf.as_str())][..], &read].concat();
    let told = els.browser.post(&format!("{url}/approve"), &own).await;
    assert_eq!(told.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(
        told.text("error").unwrap().starts_with("U heeft dit zelf aangevraagd"),
        "{:?}",
        told.text("error")
    );
    // Nor by a name at a command: it may be the same person.
    let by_command = ["mandates", "approve", "--by", "joost", "--represented-birth-date", &birth, "--"];
    let id = url.path().rsplit('/').next().unwrap().to_owned();
    let refused = house.run(&[&by_command[..], &[id.as_str()]].concat());
    assert_eq!(refused.status.code(), Some(1));
    // A colleague who reads something else is refused, and the right one approves.
    joost.comes(&house).await;
    let page = joost.browser.get(url.as_str()).await;
    for wrong in [
        [("bsn", child.as_str()), read[1], read[2]],
        [read[0], ("birth", "2018-01-02"), read[2]],
        [("bsn", ""), read[1], read[2]],
        [read[0], read[1], ("represented", "")],
    ] {
        let told = typed(&joost.browser, &page, "approve-form", &wrong).await;
        assert_eq!(told.status, StatusCode::UNPROCESSABLE_ENTITY, "{wrong:?}");
        assert_eq!(told.text("standing").unwrap(), "wacht op een collega");
    }
    let done = typed(&joost.browser, &page, "approve-form", &read).await;
    let mandate = joost.browser.follow(done, CALLBACK).await;
    assert!(mandate.text("standing").unwrap().starts_with("werkt"), "{}", mandate.body);
    assert!(mandate.text("approved").unwrap().contains(JOOST));
    let queue = joost.browser.get(&at(&house, "/desk/queue")).await;
    assert!(queue.text("nothing").is_some());
    assert_eq!(house.query("SELECT department FROM mandates"), ["Kindergeneeskunde"]);
    let log = house.query(
        "SELECT DISTINCT actor FROM audit WHERE event IN ('mandate.registered', 'mandate.approved') AND role = 'staff'",
    );
    assert!(log.len() == 2 && log.iter().all(|actor| actor.starts_with("member:")), "{log:?}");
    assert!(!house.log().contains(&parent) && !house.log().contains(&child));
    own_log_names_nobody(&house, &parent).await;
}

#[tokio::test]
async fn f6_the_desk_opens_by_password_and_app_of_a_member_and_by_nothing_else() {
    let house = House::start().await;
    // A patient without an app, one with, and nobody at all.
    let plain = Browser::new();
    register(&house, &plain, PATIENT).await;
    let shut = plain.get(&at(&house, "/desk")).await;
    assert_eq!((shut.status, shut.heading().as_str()), (StatusCode::FORBIDDEN, "U kunt hier niet in"));
    assert_eq!(shut.link("to-app").unwrap().path(), "/account/app");
    let els = colleague(&house, ELS).await;
    let nobody = els.comes(&house).await;
    assert_eq!(nobody.status, StatusCode::FORBIDDEN);
    assert!(nobody.text("why").unwrap().starts_with("Met dit account kunt u dit niet doen"));
    assert!(!nobody.body.contains("search-form") && !nobody.body.contains("Kindergeneeskunde"));
    added(&house, ELS, &["registrar"], "Kindergeneeskunde");
    // The same session, now that they are a member.
    let page = els.browser.get(&at(&house, "/desk")).await;
    assert_eq!((page.status, page.heading().as_str()), (StatusCode::OK, "Balie"));

    // A session of a member that came by a mailed code: it was there before the app.
    let joost = Browser::new();
    register(&house, &joost, JOOST).await;
    let app = set_up(&house, &joost, JOOST).await;
    added(&house, JOOST, &["approver"], "Kindergeneeskunde");
    for path in ["/desk", "/desk/queue", "/desk/staff"] {
        let shut = joost.get(&at(&house, path)).await;
        assert_eq!(shut.status, StatusCode::FORBIDDEN, "{path}");
        assert!(shut.text("why").unwrap().contains("op een andere manier"), "{path}");
    }
    // By a recovery code.
    let recovered = Browser::new();
    let asked = to_app(&house, &recovered, JOOST).await;
    let done = type_recovery(&recovered, &asked, &app.recovery[0]).await;
    let shut = recovered.follow(done, CALLBACK).await;
    assert_eq!((shut.url.path(), shut.status), ("/desk", StatusCode::FORBIDDEN));
    // By DigiD, linked to that account; and with the app it opens.
    let bsn = fresh_bsn();
    let digid = Browser::new();
    crate::digid_steps::register_with_digid(&house, &bsn, "digid@ziekenhuis.nl", PASSWORD).await;
    change(
        &house,
        "UPDATE accounts SET app_sealed = x'00', app_since = 1, app_step = 0 WHERE email LIKE 'digid@%'",
    );
    added(&house, "digid@ziekenhuis.nl", &["auditor"], "Kindergeneeskunde");
    let choose = digid.visit(&at(&house, "/account"), CALLBACK).await;
    let away = press_digid(&digid, &choose).await;
    let account = at_digid(&digid, &away, &bsn, &[]).await;
    assert_eq!(account.heading(), "Mijn account");
    assert_eq!(digid.get(&at(&house, "/desk")).await.status, StatusCode::FORBIDDEN);
    // A button for DigiD that is not there, pressed all the same, opens nothing.
    let forged = Browser::new();
    let choose = forged.visit(&at(&house, "/desk"), CALLBACK).await;
    let csrf = choose.form("stop-form").1["csrf"].clone();
    let away = forged.post(&format!("{}/digid", choose.url), &[("csrf", &csrf)]).await;
    let away = forged.follow(away, CALLBACK).await;
    let shut = at_digid(&forged, &away, &bsn, &[]).await;
    assert_eq!((shut.url.path(), shut.status), ("/desk", StatusCode::FORBIDDEN), "{}", shut.heading());
    // The twin.
    let twin = Colleague { browser: joost, email: JOOST, app };
    assert_eq!(twin.comes(&house).await.status, StatusCode::OK);
    // Who stops is told so, and a login leads nowhere else.
    let stopping = Browser::new();
    let choose = stopping.visit(&at(&house, "/desk?next=https://evil.test"), CALLBACK).await;
    let stopped = stopping.submit(&choose, "stop-form", &[]).await;
    assert_eq!(stopped.location().unwrap().path(), "/desk");
    assert_eq!(stopping.follow(stopped, CALLBACK).await.heading(), "U bent gestopt");
}

/// A place at the desk: a session that is there already, so that a test may have many.
pub struct Seat {
    pub house_issuer: String,
    pub cookie: String,
    pub csrf: String,
}

impl Seat {
    /// Of the owner of that account, who logged in so many seconds ago.
    pub async fn of(house: &House, email: &str, by_app: bool, ago: i64) -> Self {
        Self::at(house, (email, by_app), Clock.now(), ago).await
    }

    /// The same at a house whose clock was moved: there it is `now`.
    pub async fn at(house: &House, (email, by_app): (&str, bool), now: Timestamp, ago: i64) -> Self {
        let seated = house.session(email, (now, ago), |session| session.by_app = by_app).await;
        Self { house_issuer: house.issuer.clone(), cookie: seated.cookies, csrf: seated.csrf }
    }

    pub async fn get(&self, path: &str) -> Page {
        let browser = Browser::new();
        let url = format!("{}{path}", self.house_issuer);
        browser.send(browser.request(Method::GET, &url).header("cookie", &self.cookie)).await
    }

    pub async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Page {
        let fields = [&[("csrf", self.csrf.as_str())][..], fields].concat();
        self.send(path, &fields, "").await
    }

    /// The same with all fields as given, and from elsewhere where an origin is named.
    pub async fn send(&self, path: &str, fields: &[(&str, &str)], origin: &str) -> Page {
        let browser = Browser::new();
        let url = format!("{}{path}", self.house_issuer);
        let origin = if origin.is_empty() { &self.house_issuer } else { origin };
        let sent =
            browser.request(Method::POST, &url).header("cookie", &self.cookie).header("origin", origin);
        browser.send(sent.form(fields)).await
    }
}

/// An account that has an app as far as anybody can see, made a member without the two whom that takes.
pub async fn member(house: &House, email: &str, roles: &str) {
    crate::steps::account(house, email).await;
    change(
        house,
        &format!(
            "UPDATE accounts SET app_sealed = x'00', app_since = 1, app_step = 0 WHERE email = '{email}'"
        ),
    );
    if !roles.is_empty() {
        change(
            house,
            &format!(
                "INSERT INTO staff (id, account, roles, department, proposed_by, proposed_at, approved_by, approved_at) \
                 SELECT 'm-' || id, id, '{roles}', 'Polikliniek', 'a', 1, 'b', 1 FROM accounts WHERE email = '{email}'"
            ),
        );
    }
}
