//! More logins than people finish: anybody can begin one, so their number is bounded, and those in which something was proven
//! stay. How they give way is tested with small numbers in `src/app/crowd`; here, that the server does it.

use std::time::{Duration, Instant};

use namens::clock::Clock;
use reqwest::StatusCode;

use crate::{
    browser::{Browser, Page},
    digid_steps::{bsn, change},
    house::{CALLBACK, House},
    oidc_client::{self, APP, Ask, Client, LAB, THE_PORTAL, logged_in},
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

/// How many requests that one client has pushed there are before its oldest give way.
const PUSHED: i64 = 20_000;

/// Pushes a request of `client`: what was asked, and as a browser brings it.
async fn push(house: &House, client: &Client) -> (Ask, Ask) {
    let ask = client.ask();
    let fields: Vec<_> = ask.parameters.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
    let fields: Vec<_> = fields.into_iter().filter(|(name, _)| *name != "client_id").collect();
    let pushed = client.post(house, "/par", &fields).send().await.unwrap();
    assert_eq!(pushed.status(), StatusCode::CREATED);
    let pushed: serde_json::Value = pushed.json().await.unwrap();
    let brought = Ask { parameters: Vec::new(), ..ask.clone() }.with("client_id", client.id);
    (ask, brought.with("request_uri", pushed["request_uri"].as_str().unwrap()))
}

/// A portal whose program runs wild, or whose secret was stolen, and an app in whose name anybody may push.
#[tokio::test]
async fn who_pushes_too_much_loses_its_own_oldest_requests_and_nobody_elses() {
    let mut house = oidc_client::house().await;
    let (browser, _) = logged_in(&house).await;
    for client in [LAB, APP] {
        let (_, first) = push(&house, &client).await;
        house.kill();
        change(
            &house,
            &format!(
                "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {PUSHED}) \
                 INSERT INTO ephemeral (kind, name, body, ends, version, stays, owner) \
                 SELECT kind, 'copy-' || i, body, ends + 1, version, stays, owner FROM ephemeral, n WHERE kind = 'pushed'"
            ),
        );
        house.open_doors();
        // Of somebody else, and older than any copy.
        let (asked, theirs) = push(&house, &THE_PORTAL).await;
        change(
            &house,
            "UPDATE ephemeral SET ends = ends - 30 WHERE kind = 'pushed' AND name NOT LIKE 'copy-%'",
        );
        let count = || house.count("ephemeral WHERE kind = 'pushed'");
        let patience = Instant::now() + Duration::from_mins(1);
        while count() > usize::try_from(PUSHED).unwrap() + 1 {
            assert!(Instant::now() < patience, "{}: {} {}", client.id, count(), house.log());
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        assert_eq!(count(), usize::try_from(PUSHED).unwrap() + 1, "no more than are too many");
        assert_eq!(browser.get(&first.url(&house)).await.status, StatusCode::BAD_REQUEST, "{}", client.id);
        // The twins: what another has pushed works, and what this client pushes now.
        let code = THE_PORTAL.code(&house, &browser, &theirs).await;
        THE_PORTAL.redeem(&house, &asked, &code).await;
        let (asked, brought) = push(&house, &client).await;
        let code = client.code(&house, &browser, &brought).await;
        client.redeem(&house, &asked, &code).await;
        change(&house, "DELETE FROM ephemeral WHERE kind = 'pushed'");
    }
}
