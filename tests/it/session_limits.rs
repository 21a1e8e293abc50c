//! When a session ends by itself (docs/requirements.md: F15): unvisited, and however often it is visited, as configured.

use crate::{
    account::at,
    browser::Browser,
    digid_steps::has_session,
    house::House,
    oidc_client::{THE_PORTAL, assert_refused, refreshed},
    portal::{log_in, register},
};

const OWNER: &str = "jansen@voorbeeld.nl";
/// By how much a visit comes before a limit, in seconds: no step between two visits takes as long.
const SPARE: i64 = 200;

/// A visit: whether it finds its session.
async fn visits(house: &House, browser: &Browser) -> bool {
    browser.get(&at(house, "/account")).await.heading() == "Mijn account"
}

#[tokio::test]
async fn f15_a_session_ends_after_its_idle_minutes_and_at_its_limit_whoever_visits_it() {
    for (section, idle, absolute) in
        [("", 900, 8 * 3600), ("[session]\nidle_minutes = 10\nabsolute_hours = 1\n", 600, 3600)]
    {
        let (house, browser) = (House::with(section).await, Browser::new());
        let mut tokens = register(&house, &browser, OWNER).await;
        // Each visit begins the idle time anew.
        let mut clock = 0;
        for _ in 0..3 {
            clock += idle - SPARE;
            house.move_clock(clock).await;
            assert!(visits(&house, &browser).await, "{section} {clock}");
            tokens = refreshed(&house, &tokens).await;
        }
        clock += idle + 1;
        house.move_clock(clock).await;
        assert_refused(&THE_PORTAL.refresh(&house, tokens.text("refresh_token")).await, "invalid_grant");
        assert!(!has_session(&house, &browser).await && !visits(&house, &browser).await, "{section}");

        // Visited all the time.
        let mut tokens = log_in(&house, &browser, OWNER, 2).await;
        let steps = (absolute - SPARE) / (idle - SPARE);
        let visited = (1..=steps).map(|n| n * (idle - SPARE)).chain([absolute - SPARE]);
        for after in visited {
            house.move_clock(clock + after).await;
            assert!(visits(&house, &browser).await, "{section} {after}");
        }
        tokens = refreshed(&house, &tokens).await;
        // A minute later than the limit, and long before the idle time is over.
        house.move_clock(clock + absolute + 60).await;
        assert!(!has_session(&house, &browser).await && !visits(&house, &browser).await, "{section}");
        assert_refused(&THE_PORTAL.refresh(&house, tokens.text("refresh_token")).await, "invalid_grant");
    }
}
