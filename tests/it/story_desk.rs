//! "Machtiging aanvragen", line by line as a hospital tells it (`docs/mandates.md`): two members of staff at the desk, and the parent afterwards.

use chrono::{Datelike, Days, NaiveDate, Weekday};
use namens::domain::{
    calendar::{midnight, today},
    working_days::is_working_day,
};
use reqwest::StatusCode;

use crate::{
    account::at,
    browser::Browser,
    chooser::{FOR_WHOM, asking, listed},
    desk::{ELS, JOOST, Seat, form, member},
    house::{CALLBACK, House},
    mandates_desk::{born, digid_account, digid_again, digid_page, fresh_bsn, now},
    oidc_client::THE_PORTAL,
    portal::code_of,
};

const MOTHER: &str = "moeder@voorbeeld.nl";

/// A desk with two who work there.
struct Desk {
    house: House,
    els: Seat,
    joost: Seat,
    parent: String,
    child: String,
    birth: String,
}

/// What somebody fills in, field by field.
type Fields<'f> = Vec<(&'static str, &'f str)>;

impl Desk {
    async fn open(birth: String) -> Self {
        let house = House::start().await;
        for (email, roles) in [(ELS, "registrar"), (JOOST, "approver")] {
            member(&house, email, roles).await;
        }
        let (els, joost) = (Seat::of(&house, ELS, true, 0).await, Seat::of(&house, JOOST, true, 0).await);
        Self { house, els, joost, parent: fresh_bsn(), child: fresh_bsn(), birth }
    }

    fn fields(&self) -> Fields<'_> {
        form(&self.parent, &self.child, &self.birth)
    }

    /// Files it, with one field otherwise, and gives the error that is told there; or the path of the mandate.
    async fn files(&self, name: &'static str, value: Option<&str>, error: &str) -> Result<String, String> {
        let mut fields = self.fields();
        fields.retain(|(known, _)| *known != name);
        fields.extend(value.map(|value| (name, value)));
        let told = self.els.post("/desk/register", &fields).await;
        if let Some(to) = told.location() {
            return Ok(to.path().to_owned());
        }
        assert_eq!(told.status, StatusCode::UNPROCESSABLE_ENTITY, "{name}");
        let said = told.text(&format!("{error}-error"));
        Err(said.unwrap_or_else(|| panic!("{name}: no {error}-error in {}", told.body)))
    }

    async fn filed(&self) -> String {
        self.files("ends", Some(""), "ends").await.unwrap()
    }

    async fn approve(&self, path: &str, bsn: &str, birth: &str) -> StatusCode {
        let read = [("bsn", bsn), ("birth", birth), ("represented", &self.child)];
        self.joost.post(&format!("{path}/approve"), &read).await.status
    }

    fn mandates(&self) -> String {
        self.house.query("SELECT COUNT(*) FROM mandates").concat()
    }
}

/// "Als uw kind in ZGT een afspraak heeft met een zorgverlener, kunnen we op de polikliniek van de zorgverlener een machtiging voor u regelen."
/// "U kunt deze machtiging aanvragen bij de poli waar uw kind in behandeling is." "Bij de balie van de poli geeft u aan dat u gemachtigd wilt worden."
#[tokio::test]
async fn a_mandate_is_asked_for_at_the_desk_of_the_department() {
    let desk = Desk::open(born(8, 40)).await;
    let page = desk.els.get("/desk/register").await;
    assert_eq!(page.status, StatusCode::OK);
    assert_eq!(
        desk.joost.get("/desk/register").await.status,
        StatusCode::FORBIDDEN,
        "who approves asks for none"
    );
    let path = desk.filed().await;
    let shown = desk.els.get(&path).await;
    assert!(shown.text("registered").unwrap().contains("Polikliniek"), "{}", shown.body);
    assert_eq!(shown.text("standing").unwrap(), "wacht op een collega");
    assert_eq!(desk.house.query("SELECT department FROM mandates"), ["Polikliniek"]);
}

/// "tot het 16e jaar van uw kind kunt u als ouder een machtiging aanvragen."
#[tokio::test]
async fn a_parent_asks_for_one_until_the_childs_sixteenth_birthday() {
    let mut desk = Desk::open(born(16, 0)).await;
    let told = desk.files("ends", Some(""), "relation").await.unwrap_err();
    assert!(told.contains("16 jaar of ouder"), "{told}");
    assert_eq!(desk.mandates(), "0");
    desk.birth = born(16, -1);
    desk.filed().await;
    assert_eq!(desk.mandates(), "1", "the twin: fifteen, until tomorrow");
}

/// "Als u ruim voor de afspraak verschijnt met een geldig identiteitsbewijs van u en van uw kind, kunnen wij u machtigen". "Neem een geldig
/// identiteitsbewijs van u en uw kind mee."
#[tokio::test]
async fn both_bring_an_identity_document_that_is_valid() {
    let desk = Desk::open(born(8, 40)).await;
    let yesterday = (today(now()) - Days::new(1)).to_string();
    for side in ["representative_until", "represented_until"] {
        for bad in [yesterday.as_str(), "", "31 februari"] {
            desk.files(side, Some(bad), side).await.unwrap_err();
        }
    }
    assert_eq!(desk.mandates(), "0");
    let last = today(now()).to_string();
    desk.files("represented_until", Some(&last), "represented_until").await.unwrap();
    assert_eq!(desk.mandates(), "1", "the twin: valid until today");
}

/// "Als ouder moet u ingeschreven staan bij ZGT. Bent u nog niet ingeschreven? Dan kunt u dit doen bij de centrale receptie."
#[tokio::test]
async fn a_parent_is_known_at_the_hospital_or_becomes_it_with_the_form() {
    let desk = Desk::open(born(8, 40)).await;
    // Whom nobody could find again is not registered; nor is a number taken for somebody whom it is not.
    desk.files("representative_bsn", Some(""), "representative_bsn").await.unwrap_err();
    desk.filed().await;
    let people = || desk.house.query("SELECT COUNT(*) FROM persons WHERE name <> ''").concat();
    assert_eq!(people(), "2", "both became known by the form");
    // A second child of the same mother: she is found, and not made a second time.
    let second = fresh_bsn();
    let mut fields = form(&desk.parent, &second, &desk.birth);
    for (name, value) in &mut fields {
        if *name == "represented_number" {
            *value = "K-1002";
        }
        if *name == "represented_name" {
            *value = "Lot de Vries";
        }
    }
    let done = desk.els.post("/desk/register", &fields).await;
    assert_eq!(done.status, StatusCode::SEE_OTHER, "{}", done.body);
    assert_eq!(people(), "3");
    let stranger = fresh_bsn();
    let mut wrong = form(&stranger, &second, &desk.birth);
    for (name, value) in &mut wrong {
        if *name == "represented_number" {
            *value = "K-1001";
        }
    }
    assert_eq!(desk.els.post("/desk/register", &wrong).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(people(), "3");
}

/// "Bij de balie van de poli wordt de identiteit van u en uw kind gecontroleerd met de identiteitsbewijzen."
#[tokio::test]
async fn the_desk_says_that_it_looked_at_both_documents_and_a_colleague_reads_them_again() {
    let desk = Desk::open(born(8, 40)).await;
    for side in ["representative_seen", "represented_seen"] {
        desk.files(side, None, side).await.unwrap_err();
    }
    assert_eq!(desk.mandates(), "0");
    let path = desk.filed().await;
    for (bsn, birth) in
        [(&desk.child, &desk.birth), (&desk.parent, &born(8, 41)), (&String::new(), &desk.birth)]
    {
        assert_eq!(desk.approve(&path, bsn, birth).await, StatusCode::UNPROCESSABLE_ENTITY);
    }
    // Which documents these were is kept, and no number of one.
    let kept = "SELECT representative_document || ' ' || represented_document FROM mandates";
    assert_eq!(desk.house.query(kept), ["passport identity_card"]);
    assert_eq!(desk.approve(&path, &desk.parent, &desk.birth).await, StatusCode::SEE_OTHER);
    assert!(desk.els.get(&path).await.text("standing").unwrap().starts_with("werkt"));
}

/// "U ontvangt een machtigingsformulier, u vult deze in en u geeft het formulier weer af."
#[tokio::test]
async fn a_form_is_handed_out_and_where_it_is_kept_is_recorded() {
    let desk = Desk::open(born(8, 40)).await;
    assert!(desk.els.get("/desk/leaflet").await.text("leaflet-1").is_some());
    desk.files("form_reference", Some(""), "form_reference").await.unwrap_err();
    desk.files("evidence", Some(""), "evidence").await.unwrap_err();
    let path = desk.filed().await;
    assert!(desk.els.get(&path).await.body.contains("2026-0001"));
    assert_eq!(desk.house.query("SELECT form_reference FROM mandates"), ["2026-0001"]);
}

/// The next Friday after which desks are open on Monday.
pub fn friday() -> NaiveDate {
    let is_it = |day: &NaiveDate| day.weekday() == Weekday::Fri && is_working_day(*day + Days::new(3));
    today(now()).iter_days().skip(1).take(60).find(is_it).unwrap()
}

/// "Uiterlijk de volgende werkdag is uw toegang tot het dossier van uw kind geregeld."
#[tokio::test]
async fn by_the_next_working_day_access_is_arranged_or_everybody_at_the_desk_sees_that_it_is_late() {
    let desk = Desk::open(born(8, 40)).await;
    let (house, friday) = (&desk.house, friday());
    let at_hour = |day: u64, hours: i64| midnight(friday + Days::new(day)).plus(hours * 3600);
    let seat = async |email: &str, moment| {
        house.set_clock(moment).await;
        Seat::at(house, (email, true), moment, 0).await
    };
    let els = seat(ELS, at_hour(0, 16)).await;
    let done = els.post("/desk/register", &desk.fields()).await;
    let path = done.location().unwrap_or_else(|| panic!("{}", done.body)).path().to_owned();
    for (day, hours, late) in [(1, 12, false), (3, 9, false), (3, 23, false), (4, 1, true)] {
        let joost = seat(JOOST, at_hour(day, hours)).await;
        let queue = joost.get("/desk/queue").await.text("waiting-1").unwrap();
        assert_eq!(queue.contains("Te laat"), late, "{day} {hours}: {queue}");
        let told = joost.get("/desk").await.text("overdue");
        assert_eq!(told.is_some_and(|told| told == "1 te laat"), late, "{day} {hours}");
    }
    // Late is not never.
    let joost = seat(JOOST, at_hour(4, 2)).await;
    let read = [("bsn", desk.parent.as_str()), ("birth", &desk.birth), ("represented", &desk.child)];
    assert_eq!(joost.post(&format!("{path}/approve"), &read).await.status, StatusCode::SEE_OTHER);
    assert!(joost.get("/desk/queue").await.text("nothing").is_some());
}

/// "U kunt nu met uw eigen DigiD (met sms-controle of DigiD app) op `MijnZGT` inloggen."
#[tokio::test]
async fn then_the_parent_logs_in_with_their_own_digid() {
    let desk = Desk::open(born(8, 40)).await;
    let path = desk.filed().await;
    let before = digid_account(&desk.house, &Browser::new(), &desk.parent, MOTHER).await;
    assert_eq!(listed(&before).len(), 0, "it waits for a colleague");
    assert_eq!(desk.approve(&path, &desk.parent, &desk.birth).await, StatusCode::SEE_OTHER);
    let ask = THE_PORTAL.ask().with("scope", "openid act_as");
    let now = digid_again(&desk.house, &Browser::new(), &desk.parent, "Midden", &THE_PORTAL, &ask).await;
    assert_eq!((now.sub(), listed(&now).len()), (before.sub(), 1));
    // Another's DigiD, at any level, is another's.
    let other = digid_page(&desk.house, &Browser::new(), &fresh_bsn(), "Hoog", &ask).await;
    assert_eq!(other.heading(), "Heeft u al een account?");
    let stranger = digid_account(&desk.house, &Browser::new(), &fresh_bsn(), "ander@voorbeeld.nl").await;
    assert_eq!(
        (listed(&stranger).len(), stranger.sub() == now.sub()),
        (0, false),
        "nor with one that has an account"
    );
}

/// "Klik in het menu op de knop 'Machtigingen' om naar het dossier van uw kind te gaan."
#[tokio::test]
async fn the_menu_machtigingen_leads_to_the_childs_record() {
    let desk = Desk::open(born(8, 40)).await;
    let path = desk.filed().await;
    assert_eq!(desk.approve(&path, &desk.parent, &desk.birth).await, StatusCode::SEE_OTHER);
    let browser = Browser::new();
    let tokens = digid_account(&desk.house, &browser, &desk.parent, MOTHER).await;
    let account = browser.get(&at(&desk.house, "/account")).await;
    assert!(account.body.contains("href=\"/account/mandates\""), "{}", account.body);
    let menu = account.link("to-mandates").unwrap_or_else(|| panic!("{}", account.body));
    let page = browser.get(menu.as_str()).await;
    assert_eq!((page.heading().as_str(), page.url.path()), ("Machtigingen", "/account/mandates"));
    assert!(page.text("held-1").unwrap().contains("Sam de Vries"), "{}", page.body);
    let where_to = "Het dossier ziet u in het patiëntenportaal. Log daar in, en kies voor wie u kijkt.";
    assert_eq!(page.text("held-where").as_deref(), Some(where_to));
    // There, at the portal: it asks for whom, and the record of Sam is what it is told.
    let ask = asking("choose");
    let page = browser.visit(&ask.url(&desk.house), CALLBACK).await;
    assert_eq!(page.heading(), FOR_WHOM);
    assert!(page.body.contains("Voor Sam de Vries") && !page.body.contains("checked"), "{}", page.body);
    let csrf = page.form("for-whom-form").1["csrf"].clone();
    let nobody = browser.post(&format!("{}/for-whom", page.url), &[("csrf", &csrf)]).await;
    assert_eq!(nobody.status, StatusCode::UNPROCESSABLE_ENTITY, "nobody is chosen before");
    let sams = listed(&tokens).concat();
    let done = browser.submit(&page, "for-whom-form", &[("whom", &sams)]).await;
    let told = THE_PORTAL.redeem(&desk.house, &ask, &code_of(&done)).await;
    assert_eq!((told.sub(), told.claims["represents"]["sub"].as_str()), (tokens.sub(), Some(sams.as_str())));
}

/// "U kunt nu met uw eigen DigiD … inloggen": most parents do that at home, long before they come to the desk; so does a child from twelve on.
#[tokio::test]
async fn who_logged_in_with_digid_at_home_comes_to_the_desk_afterwards_and_it_is_arranged_in_one_visit() {
    let desk = Desk::open(born(8, 40)).await;
    let browser = Browser::new();
    let before = digid_account(&desk.house, &browser, &desk.parent, MOTHER).await;
    digid_account(&desk.house, &Browser::new(), &desk.child, "sam@voorbeeld.nl").await;
    let mut fields = desk.fields();
    for (name, value) in &mut fields {
        match *name {
            "representative_birth" => *value = "1985-03-04",
            "represented_number" => *value = "",
            _ => {}
        }
    }
    let done = desk.els.post("/desk/register", &fields).await;
    let path = done.location().unwrap_or_else(|| panic!("{}", done.body)).path().to_owned();
    let page = desk.joost.get(&path).await;
    assert!(page.text("first-birth-2").unwrap().contains(&desk.birth), "{}", page.body);
    let read = [("bsn", desk.parent.as_str()), ("birth", &desk.birth), ("represented", &desk.child)];
    assert_eq!(desk.joost.post(&format!("{path}/approve"), &read).await.status, StatusCode::SEE_OTHER);
    let ask = THE_PORTAL.ask().with("scope", "openid act_as");
    let now = digid_again(&desk.house, &Browser::new(), &desk.parent, "Midden", &THE_PORTAL, &ask).await;
    assert_eq!((now.sub(), listed(&now).len()), (before.sub(), 1), "the account that they had");
}
