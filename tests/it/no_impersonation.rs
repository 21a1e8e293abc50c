//! Nobody at work logs in as somebody else or chooses their password: at no door, in no program, with no command (docs/requirements.md: M11;
//! docs/adr/0041).

use std::collections::BTreeSet;

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::{
    admin::{LOCAL, house_with},
    bad_input_doors::DOORS,
    browser::Page,
    desk::{Seat, form, member},
    house::House,
    mandates_desk::{born, fresh_bsn},
    oidc_client::THE_PORTAL,
    portal::code_of,
};

/// Words of what only a person themselves has or chooses, and of what they get for it.
const THEIRS: [&str; 9] = [
    "password",
    "passphrase",
    "recovery",
    "otp",
    "impersonat",
    "login_as",
    "access_token",
    "refresh_token",
    "session",
];

/// Those of `names` that hold one of these words, however it is written.
fn of_theirs<'n>(names: impl IntoIterator<Item = &'n str>) -> Vec<&'n str> {
    let is = |name: &&str| {
        let plain = name.to_ascii_lowercase().replace(['-', ' '], "_");
        THEIRS.iter().any(|word| plain.contains(word))
            || ["id_token", "code", "sid"].contains(&plain.as_str())
    };
    names.into_iter().filter(is).collect()
}

/// Every name of a member of every object that the admin API takes or gives.
fn members(node: &Value, found: &mut BTreeSet<String>) {
    match node {
        Value::Object(object) => {
            for (name, value) in object {
                if let (true, Some(properties)) = (name == "properties", value.as_object()) {
                    found.extend(properties.keys().cloned());
                }
                members(value, found);
            }
        }
        Value::Array(list) => list.iter().for_each(|one| members(one, found)),
        _ => {}
    }
}

/// The help of every command below this one.
fn helps(house: &House, command: &[&str], all: &mut Vec<(String, String)>) {
    let help = house.ok(&[command, &["--help"]].concat());
    let listed = help.split_once("Commands:\n").map_or("", |(_, rest)| rest);
    let names = listed.lines().take_while(|line| line.starts_with("  "));
    let names: Vec<&str> = names.filter_map(|line| line.split_whitespace().next()).collect();
    for name in names.iter().filter(|name| **name != "help") {
        helps(house, &[command, &[*name]].concat(), all);
    }
    all.push((command.join(" "), help));
}

#[tokio::test]
async fn m11_no_form_no_program_and_no_command_has_a_place_for_what_is_somebody_elses() {
    let house = house_with(LOCAL).await;
    let at_desk = DOORS.iter().filter(|(path, _)| path.starts_with("/desk"));
    let at_desk: Vec<&str> = at_desk.flat_map(|(_, fields)| fields.concat()).collect();
    assert!(at_desk.len() > 40 && at_desk.contains(&"bsn"), "{at_desk:?}");
    assert_eq!(of_theirs(at_desk), Vec::<&str>::new());

    let document = reqwest::get(format!("{}/admin/v1/openapi.json", house.issuer)).await.unwrap();
    let mut names = BTreeSet::new();
    members(&document.json().await.unwrap(), &mut names);
    assert!(names.len() > 100 && names.contains("client_secret"), "{names:?}");
    // `sessions` is how many an account has.
    assert_eq!(of_theirs(names.iter().map(String::as_str)), ["sessions"]);

    let mut all = Vec::new();
    helps(&house, &[], &mut all);
    assert!(all.len() > 50, "{}", all.len());
    let words = all.iter().flat_map(|(command, help)| {
        let options = help.split_whitespace().filter(|word| word.starts_with("--") || word.starts_with('<'));
        options.map(move |word| (command.as_str(), word.trim_matches(|c: char| !c.is_ascii_alphanumeric())))
    });
    let wrong: Vec<_> = words.filter(|(_, word)| !of_theirs([*word]).is_empty()).collect();
    assert_eq!(wrong, Vec::<(&str, &str)>::new());
    // No help tells of an option that is hidden: there is one, which is no other's.
    let sources = crate::floors::all("src/cli").into_iter();
    let hidden: Vec<_> =
        sources.flat_map(|(path, text)| vec![path; text.matches("hide = ").count()]).collect();
    assert_eq!(hidden, [std::path::Path::new("src/cli/demo.rs")]);
    // The twins: these words are found where they stand.
    assert_eq!(of_theirs(["new-password", "Access Token", "code", "client_secret"]).len(), 3);
}

fn assert_opens_no_session(page: &Page) {
    let mut set = page.headers.get_all("set-cookie").iter();
    assert!(set.all(|line| !line.to_str().unwrap().contains("session")), "{:?}", page.headers);
    assert!(!page.body.contains("type=\"password\""), "{}", page.body);
}

#[tokio::test]
async fn m11_whoever_works_at_the_desk_stays_themselves_whatever_they_do_there() {
    let house = House::start().await;
    for role in ["registrar", "approver", "privacy_officer", "auditor"] {
        member(&house, &format!("{role}@ziekenhuis.nl"), role).await;
    }
    let seat = async |role: &str| Seat::of(&house, &format!("{role}@ziekenhuis.nl"), true, 0).await;
    let (registrar, approver) = (seat("registrar").await, seat("approver").await);
    let own = async |seat: &Seat| {
        let ask = THE_PORTAL.ask().with("prompt", "none");
        let url = ask.url(&house);
        let answer = seat.get(url.as_str().strip_prefix(&house.issuer).unwrap()).await;
        THE_PORTAL.redeem(&house, &ask, &code_of(&answer)).await.claims
    };
    let before = [own(&registrar).await, own(&approver).await];
    assert_ne!(before[0]["sub"], before[1]["sub"]);
    let (parent, child, birth) = (fresh_bsn(), fresh_bsn(), born(8, 40));
    let done = registrar.post("/desk/register", &form(&parent, &child, &birth)).await;
    let mandate = done.location().unwrap_or_else(|| panic!("{}", done.body)).path().to_owned();
    assert_opens_no_session(&done);
    let read = [("bsn", parent.as_str()), ("birth", birth.as_str()), ("represented", &child)];
    let done = approver.post(&format!("{mandate}/approve"), &read).await;
    assert_eq!(done.status, StatusCode::SEE_OTHER, "{}", done.body);
    assert_opens_no_session(&done);
    let people = house.query("SELECT '/desk/person/' || id FROM persons WHERE bsn_index IS NOT NULL");
    let pages =
        ["/desk", "/desk/queue", "/desk/ahead", "/desk/staff", "/desk/register", "/desk/log", &mandate];
    for role in ["registrar", "approver", "privacy_officer", "auditor"] {
        let seat = seat(role).await;
        for page in pages.into_iter().chain(people.iter().map(String::as_str)) {
            assert_opens_no_session(&seat.get(page).await);
        }
    }
    let after = [own(&registrar).await, own(&approver).await];
    for (before, after) in before.iter().zip(&after) {
        assert_eq!((&before["sub"], &after["represents"]), (&after["sub"], &Value::Null));
        assert!([json!([]), Value::Null].contains(&after["act_as"]), "{after}");
    }
}
