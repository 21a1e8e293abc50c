//! Steps of a login with DigiD that several stories take, and what to look at afterwards.

use std::{collections::BTreeMap, fs, io::Write, path::Path, process::Stdio};

use namens::{
    clock::Clock,
    domain::{calendar::today, time::Timestamp},
};
use serde_json::Value;

use crate::{
    browser::{Browser, Page},
    house::{CALLBACK, House, PASSWORD},
    portal::{Request, Tokens, at_digid, code_of, redeem, request, to_digid},
};

pub use crate::database::change;

/// The lowest `acr` of DigiD.
pub const MIDDEN: &str = "http://eidas.europa.eu/LoA/low";
/// The next.
pub const SUBSTANTIEEL: &str = "http://eidas.europa.eu/LoA/substantial";
/// The highest.
pub const HOOG: &str = "http://eidas.europa.eu/LoA/high";

/// The `n`-th BSN: nine digits that pass the elfproef.
pub fn bsn(n: u32) -> String {
    let passes = |number: &u32| {
        let digits: Vec<u32> = (0..9).rev().map(|place| number / 10_u32.pow(place) % 10).collect();
        let sum: u32 = digits.iter().zip((2..=9).rev()).map(|(digit, weight)| digit * weight).sum();
        sum % 11 == digits[8]
    };
    (990_000_000 + n * 100..1_000_000_000).find(passes).unwrap().to_string()
}

/// A date of birth: today, so many years ago and that many days later.
pub fn born(years: u32, days_later: i64) -> String {
    let now: Timestamp = Clock.now();
    let day = today(now).checked_sub_months(chrono::Months::new(12 * years)).unwrap();
    (day + chrono::TimeDelta::days(days_later)).to_string()
}

/// From the portal through DigiD and back: whatever comes of it.
pub async fn through_digid(
    house: &House,
    browser: &Browser,
    bsn: &str,
    asked: &[(&str, &str)],
    typed: &[(&str, &str)],
) -> (Request, Page) {
    let request = request(house, asked);
    let page = to_digid(browser, &request).await;
    let page = at_digid(browser, &page, bsn, typed).await;
    (request, page)
}

/// Logs in with a DigiD that opens an account.
pub async fn log_in_with_digid(
    house: &House,
    browser: &Browser,
    bsn: &str,
    asked: &[(&str, &str)],
    typed: &[(&str, &str)],
) -> Tokens {
    let (request, page) = through_digid(house, browser, bsn, asked, typed).await;
    redeem(house, &request, &code_of(&page)).await
}

/// As far as the question "Heeft u al een account?".
pub async fn at_question(house: &House, browser: &Browser, bsn: &str) -> (Request, Page) {
    let (request, page) = through_digid(house, browser, bsn, &[], &[]).await;
    assert_eq!(page.heading(), "Heeft u al een account?", "{}", page.url);
    (request, page)
}

/// Answers the question.
pub async fn answer(browser: &Browser, question: &Page, answer: &str) -> Page {
    let sent = browser.submit(question, "question-form", &[("answer", answer)]).await;
    browser.follow(sent, CALLBACK).await
}

/// From the question to the page that asks for the code of a new account.
pub async fn enter_new(browser: &Browser, question: &Page, email: &str, password: &str) -> Page {
    let form = answer(browser, question, "new").await;
    let sent = browser.submit(&form, "register-form", &[("email", email), ("password", password)]).await;
    browser.follow(sent, CALLBACK).await
}

/// A new account of a DigiD, without a password unless there is one.
pub async fn register_with_digid(house: &House, bsn: &str, email: &str, password: &str) -> Tokens {
    let browser = Browser::new();
    let (request, question) = at_question(house, &browser, bsn).await;
    let page = enter_new(&browser, &question, email, password).await;
    let done = browser.submit(&page, "code-form", &[("code", &house.code(email, 1))]).await;
    redeem(house, &request, &code_of(&done)).await
}

/// From the question to the page that asks for the code of the link, or wherever the password leads.
pub async fn enter_link(browser: &Browser, question: &Page, email: &str, password: &str) -> Page {
    let form = answer(browser, question, "have").await;
    let sent = browser.submit(&form, "link-form", &[("email", email), ("password", password)]).await;
    browser.follow(sent, CALLBACK).await
}

/// Links a DigiD to the account of `email`; `mails` is how many mails the address will have had with the code.
/// Gives the page that says so, or the refusal.
pub async fn link(house: &House, browser: &Browser, bsn: &str, email: &str, mails: usize) -> (Request, Page) {
    let (request, question) = at_question(house, browser, bsn).await;
    let page = enter_link(browser, &question, email, PASSWORD).await;
    let sent = browser.submit(&page, "code-form", &[("code", &house.code(email, mails))]).await;
    (request, browser.follow(sent, CALLBACK).await)
}

/// From the page that says that DigiD is linked back to the portal.
pub async fn go_on(house: &House, browser: &Browser, request: &Request, linked: &Page) -> Tokens {
    assert_eq!(linked.heading(), "DigiD is gekoppeld", "{}", linked.url);
    let done = browser.submit(linked, "continue-form", &[]).await;
    redeem(house, request, &code_of(&done)).await
}

/// The desk registers a person and gives its id.
pub fn desk_person(house: &House, name: &str, birth: Option<&str>, bsn: Option<&str>) -> String {
    let mut arguments = vec!["persons", "--json", "add", "--by", "balie1", "--name", name];
    if let Some(birth) = birth {
        arguments.extend(["--birth-date", birth]);
    }
    if bsn.is_some() {
        arguments.extend(["--bsn-file", "-"]);
    }
    let mut command = house.program(&arguments);
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(bsn.unwrap_or_default().as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let person: Value = serde_json::from_slice(&output.stdout).unwrap();
    let id = person["id"].as_str().unwrap().to_owned();
    crate::mandates_desk::remember(&id, bsn);
    id
}

/// The person of an account.
pub fn person_of(house: &House, email: &str) -> String {
    house.query(&format!("SELECT person_id FROM accounts WHERE email_key = '{email}'")).remove(0)
}

/// The audit log since the house has its keys, oldest first: event, outcome and whether somebody is named. Not its checkpoints: ten minutes
/// after the first key one comes by itself.
pub fn audit(house: &House) -> Vec<String> {
    house.query(
        "SELECT event || ' ' || outcome || CASE WHEN actor IS NULL THEN '' ELSE ' by somebody' END \
         FROM audit WHERE event NOT IN ('key.made', 'audit.checkpoint') ORDER BY seq",
    )
}

/// How many rows each table has.
pub fn rows(house: &House) -> BTreeMap<String, usize> {
    let tables = house.query("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name");
    // A code that was used is swept away a minute later, whatever is being looked at then.
    let kept = |table: &str| if table == "ephemeral" { "WHERE kind <> 'code'" } else { "" };
    let count = |table: &String| format!("SELECT '{table} ' || COUNT(*) FROM \"{table}\" {}", kept(table));
    let counts = tables.iter().map(count).collect::<Vec<_>>().join(" UNION ALL ");
    let read = |line: String| line.split_once(' ').map(|(table, n)| (table.to_owned(), n.parse().unwrap()));
    house.query(&counts).into_iter().filter_map(read).collect()
}

/// What grew, and by how much. Rows that went count as less than nothing.
pub fn grown(before: &BTreeMap<String, usize>, after: &BTreeMap<String, usize>) -> Vec<(String, isize)> {
    let grown = after.iter().map(|(table, rows)| {
        let earlier = before.get(table).copied().unwrap_or_default();
        (table.clone(), isize::try_from(*rows).unwrap() - isize::try_from(earlier).unwrap())
    });
    grown.filter(|(_, more)| *more != 0).collect()
}

/// Every file of the installation (database, log, mail) that holds `text` in clear.
pub fn files_with(house: &House, text: &str) -> Vec<String> {
    let mut found = Vec::new();
    search(&house.folder, text.as_bytes(), &mut found);
    found
}

fn search(folder: &Path, text: &[u8], found: &mut Vec<String>) {
    for entry in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if entry.is_dir() {
            search(&entry, text, found);
        } else if fs::read(&entry).unwrap().windows(text.len()).any(|window| window == text) {
            found.push(entry.display().to_string());
        }
    }
}

/// What DigiD's back channel and its trap were called with.
pub async fn calls(house: &House) -> (u64, u64) {
    let answer = reqwest::get(format!("{}/calls", house.digid)).await.unwrap();
    let calls: Value = answer.json().await.unwrap();
    (calls["soap"].as_u64().unwrap(), calls["trap"].as_u64().unwrap())
}

/// Whether this browser has a session: a portal that asks without a page (`prompt=none`) would get a code.
pub async fn has_session(house: &House, browser: &Browser) -> bool {
    let page = browser.get(&request(house, &[("prompt", "none")]).url).await;
    let location = page.location().unwrap();
    let value = |name: &str| location.query_pairs().find(|(n, _)| n == name).map(|(_, v)| v.into_owned());
    let refused = value("error").is_some_and(|error| error == "login_required");
    assert_ne!(value("code").is_some(), refused, "{location}");
    !refused
}
