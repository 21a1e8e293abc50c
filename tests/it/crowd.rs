//! More logins than people finish: anybody can begin one, so their number is bounded, and those who are on their way stay.

use std::time::{Duration, Instant};

use namens::clock::Clock;
use reqwest::StatusCode;

use crate::{
    browser::{Browser, Page},
    digid_steps::{bsn, change, register_with_digid},
    house::{CALLBACK, House},
    portal::{Request, at_digid, code_of, redeem, request, to_digid},
};

/// How many are under way before the oldest give way, and before no more begin.
const LOGINS: i64 = 50_000;

/// Begins logins as strangers do, straight in the database: `count` of them that end in so many seconds.
fn begin(house: &House, count: i64, version: u8, seconds: i64) {
    let ends = Clock.now().plus(seconds).epoch();
    change(
        house,
        &format!(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {count}) \
             INSERT INTO ephemeral (kind, name, body, ends, version) \
             SELECT 'login', 'stranger-{seconds}-' || i, x'00', {ends}, {version} FROM n"
        ),
    );
}

fn logins(house: &House) -> i64 {
    house.query("SELECT COUNT(*) FROM ephemeral WHERE kind = 'login'").concat().parse().unwrap()
}

/// Asks until the answer has that status.
async fn until(house: &House, status: StatusCode) -> Page {
    let patience = Instant::now() + Duration::from_mins(3);
    loop {
        let page = Browser::new().get(&request(house, &[]).url).await;
        if page.status == status {
            return page;
        }
        assert!(Instant::now() < patience, "{} and not {status}: {}", page.status, house.log());
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// Somebody who is away to DigiD.
async fn on_the_way(house: &House) -> (Browser, Request, Page) {
    let (browser, request) = (Browser::new(), request(house, &[]));
    let page = to_digid(&browser, &request).await;
    (browser, request, page)
}

async fn arrives(house: &House, (browser, request, page): (Browser, Request, Page), bsn: &str) {
    let home = at_digid(&browser, &page, bsn, &[]).await;
    redeem(house, &request, &code_of(&home)).await;
}

#[tokio::test]
async fn of_too_many_logins_the_oldest_that_nobody_touched_give_way() {
    let (house, bsn) = (House::start().await, bsn(1));
    register_with_digid(&house, &bsn, "jansen@voorbeeld.nl", "").await;
    let away = on_the_way(&house).await;
    let idler = Browser::new();
    let choose = idler.visit(&request(&house, &[]).url, CALLBACK).await;
    assert_eq!(idler.get(choose.url.as_str()).await.status, StatusCode::OK);
    // Ten that began before them, and so many since that eleven are too many.
    begin(&house, 10, 1, 1000);
    begin(&house, LOGINS - 1, 1, 20_000);
    let patience = Instant::now() + Duration::from_mins(3);
    while logins(&house) > LOGINS {
        assert!(Instant::now() < patience, "{} logins: {}", logins(&house), house.log());
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    assert_eq!(logins(&house), LOGINS, "no more than are too many");
    assert!(house.query("SELECT name FROM ephemeral WHERE name LIKE 'stranger-1000-%'").is_empty());
    let gone = idler.get(choose.url.as_str()).await;
    assert_eq!((gone.status, gone.location()), (StatusCode::GONE, None), "{}", gone.heading());
    assert!(house.log().contains("the oldest that nobody has touched gave way"));
    // Whoever has chosen a way in is not in their way; and whoever comes is let in.
    arrives(&house, away, &bsn).await;
    let next = on_the_way(&house).await;
    arrives(&house, next, &bsn).await;
}

#[tokio::test]
async fn when_none_can_give_way_no_more_begin_and_who_is_on_the_way_arrives() {
    let (house, bsn) = (House::start().await, bsn(1));
    register_with_digid(&house, &bsn, "jansen@voorbeeld.nl", "").await;
    let away = on_the_way(&house).await;
    begin(&house, 2 * LOGINS, 2, 20_000);
    let busy = until(&house, StatusCode::SERVICE_UNAVAILABLE).await;
    assert_eq!(busy.heading(), "Het is erg druk");
    assert!(busy.headers["retry-after"].to_str().unwrap().parse::<u32>().unwrap() > 0);
    arrives(&house, away, &bsn).await;
    change(&house, "DELETE FROM ephemeral WHERE name LIKE 'stranger-%'");
    until(&house, StatusCode::SEE_OTHER).await;
    let next = on_the_way(&house).await;
    arrives(&house, next, &bsn).await;
}
