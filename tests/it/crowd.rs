//! More logins than people finish: anybody can begin one, so their number is bounded, and those in which something was proven
//! stay. How they give way is tested with small numbers in `src/app/crowd`; here, that the server does it.

use std::time::{Duration, Instant};

use namens::clock::Clock;
use reqwest::StatusCode;

use crate::{
    browser::{Browser, Page},
    digid_steps::{bsn, change},
    house::{CALLBACK, House},
    portal::{at_digid, request, to_digid},
};

/// How many in which nothing was proven there are before the oldest give way; and twice as many of all kinds are the most.
const UNPROVEN: i64 = 200_000;

/// Begins logins as strangers do, straight in the database, while the server is away: it looks when it starts.
fn begin(house: &mut House, count: i64, stays: u8) {
    house.kill();
    let ends = Clock.now().plus(20_000).epoch();
    change(
        house,
        &format!(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {count}) \
             INSERT INTO ephemeral (kind, name, body, ends, version, stays) \
             SELECT 'login', 'stranger-{stays}-' || i, x'00', {ends}, 1, {stays} FROM n"
        ),
    );
    house.open_doors();
}

fn is_there(house: &House, login: &Page) -> bool {
    let id = login.url.path().strip_prefix("/login/").unwrap().split('/').next().unwrap();
    !house.query(&format!("SELECT name FROM ephemeral WHERE name = '{id}'")).is_empty()
}

/// Begins a login in a browser of its own until the answer has that status.
async fn until(house: &House, status: StatusCode) -> Page {
    let patience = Instant::now() + Duration::from_mins(3);
    loop {
        let page = Browser::new().get(&request(house, &[]).url).await;
        if page.status == status {
            return page;
        }
        assert!(Instant::now() < patience, "{} and not {status}: {}", page.status, house.log());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test]
async fn of_too_many_logins_the_oldest_in_which_nothing_was_proven_give_way() {
    let mut house = House::start().await;
    // One who came by DigiD and is asked whether they have an account; and after them one who only pressed the button.
    let known = Browser::new();
    let page = to_digid(&known, &request(&house, &[])).await;
    let question = at_digid(&known, &page, &bsn(1), &[]).await;
    question.form("question-form");
    let idler = Browser::new();
    let choose = idler.visit(&request(&house, &[]).url, CALLBACK).await;
    idler.submit(&choose, "digid-form", &[]).await;
    let versions = house.query("SELECT stays || version FROM ephemeral WHERE kind = 'login' ORDER BY stays");
    assert!(versions.len() == 2 && versions[0] == "02" && versions[1].starts_with('1'), "{versions:?}");

    begin(&mut house, UNPROVEN, 0);
    let patience = Instant::now() + Duration::from_mins(3);
    while is_there(&house, &choose) {
        assert!(Instant::now() < patience, "{}", house.log());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let left = house.query("SELECT COUNT(*) FROM ephemeral WHERE name LIKE 'stranger-%'").concat();
    assert_eq!(left, UNPROVEN.to_string(), "no more than are too many");
    assert!(is_there(&house, &question));

    begin(&mut house, UNPROVEN, 1);
    let busy = until(&house, StatusCode::SERVICE_UNAVAILABLE).await;
    assert_eq!(busy.heading(), "Het is erg druk");
    assert!(busy.headers["retry-after"].to_str().unwrap().parse::<u32>().unwrap() > 0);
    assert!(is_there(&house, &question));
    change(&house, "DELETE FROM ephemeral WHERE name LIKE 'stranger-%'");
    until(&house, StatusCode::SEE_OTHER).await;
}
