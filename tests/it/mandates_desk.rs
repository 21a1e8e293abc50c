//! The desk at its command line, and the people it knows at DigiD.

use std::{
    collections::BTreeMap,
    io::Write,
    process::{Output, Stdio},
    sync::{
        Mutex,
        atomic::{AtomicU32, Ordering},
    },
};

use chrono::Months;
use namens::{
    clock::Clock,
    domain::{calendar::today, time::Timestamp},
};
use serde_json::Value;

use crate::{
    browser::Browser,
    house::{CALLBACK, House, PASSWORD},
    oidc_client::{Ask, Client, THE_PORTAL},
    portal::{Request, Tokens, at_digid, code_of, to_digid},
};

/// The desk of one installation.
pub struct Desk<'a> {
    house: &'a House,
}

impl<'a> Desk<'a> {
    pub fn of(house: &'a House) -> Self {
        Self { house }
    }

    /// Registers a person, the BSN by standard input, and gives their id.
    pub fn person(&self, name: &str, birth_date: Option<&str>, bsn: Option<&str>) -> String {
        let mut arguments = vec!["persons", "add", "--json", "--by", "balie1", "--name", name];
        arguments.extend(birth_date.into_iter().flat_map(|date| ["--birth-date", date]));
        arguments.extend(bsn.into_iter().flat_map(|_| ["--bsn-file", "-"]));
        let output = self.say(&arguments, bsn.unwrap_or_default());
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let told: Value = serde_json::from_slice(&output.stdout).unwrap();
        let id = told["id"].as_str().unwrap().to_owned();
        remember(&id, bsn);
        id
    }

    /// Runs a command with something on its standard input.
    pub fn say(&self, arguments: &[&str], input: &str) -> Output {
        let mut command = self.house.program(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        child.wait_with_output().unwrap()
    }

    /// Registers a mandate that must be accepted and lets somebody else approve it; gives its id.
    pub fn mandate(&self, form: &Form<'_>) -> String {
        let id = self.registered(form);
        self.approved(&id, "balie2");
        id
    }

    /// Somebody at the desk approves a mandate.
    pub fn approved(&self, mandate: &str, by: &str) {
        let output = self.approve(mandate, by);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    /// The same, whatever comes of it: they read what is on record of the two.
    pub fn approve(&self, mandate: &str, by: &str) -> Output {
        let of_two = |what: &str| {
            let of = self.house.query(&format!(
                "SELECT {what} FROM mandates m JOIN persons p ON p.id = m.represented WHERE m.id = '{mandate}'"
            ));
            of.concat()
        };
        let (bsn, birth) = (remembered(&of_two("m.representative")), of_two("COALESCE(p.birth, '')"));
        let number = of_two("COALESCE(p.patient_number, '')");
        let childs = remembered(&of_two("m.represented")).map(|bsn| {
            let file = self.house.folder.join(format!("bsn-{mandate}"));
            std::fs::write(&file, bsn).unwrap();
            file.to_str().unwrap().to_owned()
        });
        let mut arguments = vec!["mandates", "approve", "--by", by];
        arguments.extend(bsn.iter().flat_map(|_| ["--representative-bsn-file", "-"]));
        match &childs {
            Some(file) => arguments.extend(["--represented-bsn-file", file]),
            None if !number.is_empty() => arguments.extend(["--represented-patient-number", &number]),
            None => {}
        }
        if !birth.is_empty() {
            arguments.extend(["--represented-birth-date", &birth]);
        }
        arguments.extend(["--", mandate]);
        let said = self.say(&arguments, bsn.as_deref().unwrap_or_default());
        // Tests look through the folder for BSNs that the server left there.
        if let Some(file) = childs {
            std::fs::remove_file(file).unwrap();
        }
        said
    }

    /// The same, not approved yet.
    pub fn registered(&self, form: &Form<'_>) -> String {
        let output = self.house.run(&form.arguments());
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let told: Value = serde_json::from_slice(&output.stdout).unwrap();
        told["id"].as_str().unwrap().to_owned()
    }

    /// Runs a command that must be refused, and gives what it says.
    pub fn refused(&self, arguments: &[&str]) -> String {
        let output = self.house.run(arguments);
        assert_eq!(
            output.status.code(),
            Some(1),
            "{arguments:?}: {}",
            String::from_utf8_lossy(&output.stdout)
        );
        assert!(output.stdout.is_empty());
        String::from_utf8(output.stderr).unwrap()
    }

    /// `consent` or `withdraw` about a mandate, by one of its people.
    pub fn hear(&self, word: &str, mandate: &str, party: &str) {
        self.house.ok(&["mandates", word, mandate, "--party", party, "--attested-by", "balie1"]);
    }

    /// The standing of every mandate given for a person.
    pub fn standings(&self, represented: &str) -> Vec<String> {
        let told =
            self.house.ok(&["mandates", "list", "--by", "kijker", "--json", "--represented", represented]);
        let told: Value = serde_json::from_str(&told).unwrap();
        told.as_array().unwrap().iter().map(|one| one["standing"].as_str().unwrap().to_owned()).collect()
    }

    /// How many mandates are stored.
    pub fn stored(&self) -> String {
        self.house.query("SELECT COUNT(*) FROM mandates").concat()
    }
}

/// The BSN of each person whom a test registered: no answer holds one, and who approves a mandate tells it.
static REGISTERED: Mutex<BTreeMap<String, String>> = Mutex::new(BTreeMap::new());

pub fn remember(person: &str, bsn: Option<&str>) {
    if let Some(bsn) = bsn {
        REGISTERED.lock().unwrap().insert(person.to_owned(), bsn.to_owned());
    }
}

pub fn remembered(person: &str) -> Option<String> {
    REGISTERED.lock().unwrap().get(person).cloned()
}

impl House {
    /// Two at the desk record or correct a date of birth.
    pub fn set_birth_date(&self, person: &str, date: &str) {
        let told = self.ok(&[
            "persons",
            "set-birth-date",
            "--json",
            "--evidence-reference",
            "brief 1",
            "--by",
            "balie1",
            "--",
            person,
            date,
        ]);
        let proposed: Value = serde_json::from_str(&told).unwrap();
        let id = proposed["id"].as_str().unwrap();
        self.ok(&["persons", "approve", "--birth-date", date, "--by", "balie2", "--", id]);
    }
}

/// A BSN that nobody has: it passes the test of eleven.
pub fn fresh_bsn() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(100_000_000);
    loop {
        let number = NEXT.fetch_add(7, Ordering::Relaxed);
        let digits: Vec<i64> = number.to_string().bytes().map(|digit| i64::from(digit - b'0')).collect();
        let sum: i64 =
            digits.iter().zip([9, 8, 7, 6, 5, 4, 3, 2, -1]).map(|(digit, weight)| digit * weight).sum();
        if sum % 11 == 0 {
            return number.to_string();
        }
    }
}

/// The form of a mandate, as the desk fills it in.
#[derive(Clone)]
pub struct Form<'a>(Vec<(&'a str, Option<String>)>);

impl<'a> Form<'a> {
    /// A form of a parent on which nothing is wrong.
    pub fn parent(representative: &str, represented: &str) -> Self {
        let valid = days(400);
        let text = |text: &str| Some(text.to_owned());
        Self(vec![
            ("--representative", text(representative)),
            ("--represented", text(represented)),
            ("--relation", text("parent")),
            ("--legal-basis", text("art. 1:247 BW")),
            ("--evidence", text("parental_authority")),
            ("--representative-document", text("passport")),
            ("--representative-document-valid-until", text(&valid)),
            ("--representative-document-checked", None),
            ("--represented-document", text("identity_card")),
            ("--represented-document-valid-until", text(&valid)),
            ("--represented-document-checked", None),
            ("--form-reference", text("2026-0001")),
            ("--by", text("balie1")),
        ])
    }

    /// A form of an express grant on which nothing is wrong: until that day.
    pub fn grant(representative: &str, represented: &str, ends: &str) -> Self {
        Self::parent(representative, represented)
            .with("--relation", "authorised")
            .with("--evidence", "signed_form")
            .flag("--grantor-agrees")
            .with("--ends", ends)
    }

    pub fn with(mut self, name: &'a str, value: &str) -> Self {
        self = self.without(name);
        self.0.push((name, Some(value.to_owned())));
        self
    }

    pub fn flag(mut self, name: &'a str) -> Self {
        self.0.push((name, None));
        self
    }

    pub fn without(mut self, name: &str) -> Self {
        self.0.retain(|(n, _)| *n != name);
        self
    }

    pub fn arguments(&self) -> Vec<&str> {
        let mut arguments = vec!["mandates", "register", "--json"];
        for (name, value) in &self.0 {
            arguments.push(name);
            arguments.extend(value.as_deref());
        }
        arguments
    }
}

/// This moment.
pub fn now() -> Timestamp {
    Clock.now()
}

/// The date of birth of someone who turned that age some days ago (or will, when negative).
pub fn born(age: u32, days_ago: i64) -> String {
    let birthday = today(now()) - chrono::TimeDelta::days(days_ago);
    (birthday - Months::new(12 * age)).to_string()
}

/// The day so many days from now.
pub fn days(from_now: i64) -> String {
    (today(now()) + chrono::TimeDelta::days(from_now)).to_string()
}

/// First login with DigiD: answers "Ik heb nog geen account" and makes one, with a password. The portal's tokens.
pub async fn digid_account(house: &House, browser: &Browser, bsn: &str, email: &str) -> Tokens {
    let ask = THE_PORTAL.ask().with("scope", "openid email act_as");
    let page = digid_page(house, browser, bsn, "Midden", &ask).await;
    let form = browser.submit(&page, "question-form", &[("answer", "new")]).await;
    let form = browser.follow(form, CALLBACK).await;
    let sent = browser.submit(&form, "register-form", &[("email", email), ("password", PASSWORD)]).await;
    let page = browser.follow(sent, CALLBACK).await;
    let done = browser.submit(&page, "code-form", &[("code", &house.code(email, 1))]).await;
    let done = browser.follow(done, CALLBACK).await;
    THE_PORTAL.redeem(house, &ask, &code_of(&done)).await
}

/// A further login with DigiD at that level, as `ask` of `client` asks.
pub async fn digid_again(
    house: &House,
    browser: &Browser,
    bsn: &str,
    level: &str,
    client: &Client,
    ask: &Ask,
) -> Tokens {
    let page = digid_page(house, browser, bsn, level, ask).await;
    client.redeem(house, ask, &code_of(&page)).await
}

/// Through DigiD to whatever comes next.
pub async fn digid_page(
    house: &House,
    browser: &Browser,
    bsn: &str,
    level: &str,
    ask: &Ask,
) -> crate::browser::Page {
    let request = Request { url: ask.url(house), verifier: String::new(), state: String::new() };
    let page = to_digid(browser, &request).await;
    at_digid(browser, &page, bsn, &[("level", level)]).await
}
