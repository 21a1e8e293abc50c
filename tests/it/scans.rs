//! Nothing that is asked every day makes the database look at each of a million persons: every statement that the program runs is told by
//! its log, and the database is asked how it would go about it.

use std::collections::BTreeSet;

use namens::store::Db;
use reqwest::StatusCode;
use serde_json::Value;
use sqlx::{AssertSqlSafe, Row};

use crate::{
    account::at,
    browser::Browser,
    desk::{Seat, form, member},
    house::House,
    mandates_desk::{born, digid_account, fresh_bsn},
    oidc_client::refreshed,
};

/// The tables that grow with the people that are known and with what they do.
const LARGE: &[&str] = &[
    "accounts",
    "audit_lines",
    "audit_names",
    "blocks",
    "client_consents",
    "consents",
    "corrections",
    "digid_sessions",
    "ephemeral",
    "grants",
    "mandate_mails",
    "mandates",
    "notices",
    "offers",
    "persons",
    "profiles",
    "refusals",
    "special_bases",
    "subjects",
];

/// A day at the desk, and of a parent: what they look at, and what a portal hears.
async fn a_day(house: &House) {
    for role in ["registrar", "approver", "privacy_officer", "auditor"] {
        member(house, &format!("{role}@ziekenhuis.nl"), role).await;
    }
    let seat = async |role: &str| Seat::of(house, &format!("{role}@ziekenhuis.nl"), true, 0).await;
    let (registrar, approver) = (seat("registrar").await, seat("approver").await);
    let (parent, child, birth) = (fresh_bsn(), fresh_bsn(), born(8, 40));
    let done = registrar.post("/desk/register", &form(&parent, &child, &birth)).await;
    let mandate = done.location().unwrap_or_else(|| panic!("{}", done.body)).path().to_owned();
    let read = [("bsn", parent.as_str()), ("birth", birth.as_str()), ("represented", &child)];
    let done = approver.post(&format!("{mandate}/approve"), &read).await;
    assert_eq!(done.status, StatusCode::SEE_OTHER, "{}", done.body);
    let person = house.query("SELECT '/desk/person/' || represented FROM mandates").concat();
    for page in ["/desk", "/desk/queue", "/desk/ahead", "/desk/staff", &person, &mandate] {
        let told = seat("privacy_officer").await.get(page).await;
        assert_eq!(told.status, StatusCode::OK, "{page}: {}", told.body);
    }
    let queue = approver.get("/desk/queue").await;
    assert_eq!(queue.status, StatusCode::OK, "{}", queue.body);
    for (bsn, number) in [(child.as_str(), ""), ("", "K-1001")] {
        let found = registrar.post("/desk/search", &[("bsn", bsn), ("number", number)]).await;
        assert_eq!(found.status, StatusCode::SEE_OTHER, "{}", found.body);
    }
    let ask = [("bsn", ""), ("number", "K-1001"), ("person", ""), ("at", ""), ("line", "")];
    let log = seat("auditor").await.post("/desk/log", &ask).await;
    assert!(log.text("line-1").is_some(), "{}", log.body);

    let browser = Browser::new();
    let tokens = digid_account(house, &browser, &parent, "anna@voorbeeld.nl").await;
    assert_eq!(refreshed(house, &tokens).await.claims["act_as"].as_array().unwrap().len(), 1);
    for page in ["/account", "/account/mandates", "/account/log", "/account/portals"] {
        let told = browser.get(&at(house, page)).await;
        assert_eq!(told.status, StatusCode::OK, "{page}: {}", told.body);
    }
}

/// What the program has run, each statement once.
fn statements(log: &str) -> BTreeSet<String> {
    let lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let told = lines.filter(|line| line["target"] == "sqlx::query").map(|line| {
        let fields = &line["fields"];
        // One of few words stands in its summary alone.
        let whole = fields["db.statement"].as_str().unwrap().trim();
        if whole.is_empty() { fields["summary"].as_str().unwrap().to_owned() } else { whole.to_owned() }
    });
    let is_asked = |text: &String| {
        ["SELECT", "INSERT", "UPDATE", "DELETE", "WITH"].iter().any(|word| text.starts_with(word))
    };
    told.filter(is_asked).collect()
}

/// The large tables of which `plan` looks at every row: `SCAN` and the name that the statement gives a table.
fn scanned<'t>(statement: &str, plan: &str) -> Option<&'t str> {
    let name = plan.strip_prefix("SCAN ")?.split(' ').next()?;
    let words: Vec<&str> =
        statement.split(|letter: char| letter.is_whitespace() || "(),;".contains(letter)).collect();
    let is = |place: usize, word: &str| words.get(place).is_some_and(|found| *found == word);
    LARGE.iter().copied().find(|table| {
        *table == name
            || (0..words.len()).any(|place| {
                is(place, table) && (is(place + 1, name) || (is(place + 1, "AS") && is(place + 2, name)))
            })
    })
}

#[tokio::test]
async fn no_statement_of_a_day_looks_at_every_row_of_a_large_table() {
    let mut house = House::start().await;
    house.kill();
    house.open_doors_with(&[("RUST_LOG", "info,sqlx::query=debug")]);
    a_day(&house).await;
    let asked = statements(&house.log());
    for known in ["FROM mandates m JOIN persons", "FROM blocks b", "patient_number = $1", "FROM audit_lines"]
    {
        assert!(asked.iter().any(|statement| statement.contains(known)), "nobody asked for {known}");
    }
    assert!(asked.len() > 60, "{}", asked.len());
    let db = Db::open_sqlite(&house.folder.join("namens.db"), false).await.unwrap();
    let (mut wrong, mut indexes) = (Vec::new(), 0);
    for statement in &asked {
        let explain = AssertSqlSafe(format!("EXPLAIN QUERY PLAN {statement}"));
        for row in sqlx::query(explain).fetch_all(db.reader()).await.unwrap() {
            let plan: String = row.get("detail");
            indexes += usize::from(plan.starts_with("SEARCH "));
            if let Some(table) = scanned(statement, &plan) {
                wrong.push(format!("{table}: {plan}\n  of {statement}"));
            }
        }
    }
    db.close().await;
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(indexes > asked.len() / 2, "{indexes}");
}
