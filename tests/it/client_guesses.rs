//! Whose wrong secrets make whom wait: those of a web page nobody, those in the name of a public client nobody.

use reqwest::StatusCode;

use crate::{
    house::{House, PORTAL, SECRET},
    oidc_client::{Auth, Client, THE_PORTAL},
};

pub const APP: Client =
    Client { id: "pocket", auth: Auth::None, callback: "http://127.0.0.1:9/callback/pocket" };
const TABLES: &str = r#"
[[client]]
id = "pocket"
name = "App"
redirect_uris = ["http://127.0.0.1:9/callback/pocket"]
policy = "basic"
auth = "none"
scopes = ["openid"]
"#;
/// Where both have their redirect URIs.
const HOME: (&str, &str) = ("origin", "http://127.0.0.1:9");
const EVIL: (&str, &str) = ("origin", "https://evil.example");
const ELSEWHERE: (&str, &str) = ("sec-fetch-site", "cross-site");
/// More than are free.
const MANY: usize = 130;

async fn house() -> House {
    House::with(TABLES).await
}

/// A form with that secret, in which a browser tells these things.
async fn posted(house: &House, client: &str, secret: &str, told: &[(&str, &str)]) -> StatusCode {
    let form = [("client_id", client), ("client_secret", secret), ("token", "x"), ("grant_type", "x")];
    let mut request = reqwest::Client::new().post(format!("{}/revoke", house.issuer)).form(&form);
    for (name, value) in told {
        request = request.header(*name, *value);
    }
    request.send().await.unwrap().status()
}

/// What a client is answered that proves who it is as it should, in a request with these headers.
async fn proven(house: &House, client: &Client, told: &[(&str, &str)]) -> StatusCode {
    let mut request = client.post(house, "/revoke", &[("token", "x")]);
    for (name, value) in told {
        request = request.header(*name, *value);
    }
    request.send().await.unwrap().status()
}

/// Guesses until somebody must wait. Each guess that is checked makes the next wait longer, so however slow this is it ends.
async fn until_it_waits(house: &House, client: &str) {
    for guess in 0..400 {
        match posted(house, client, "x", &[]).await {
            StatusCode::UNAUTHORIZED => {}
            StatusCode::TOO_MANY_REQUESTS => return,
            other => panic!("{guess}: {other}"),
        }
    }
    panic!("nobody waits");
}

fn lines(house: &House) -> Vec<String> {
    house.query(
        "SELECT outcome || ' ' || COALESCE(client, '-') || ' ' || COALESCE(detail, '-') FROM audit \
         WHERE event = 'client.refused' ORDER BY seq",
    )
}

#[tokio::test]
async fn a_web_page_locks_nobody_out_from_where_its_visitors_are() {
    let house = house().await;
    for told in [&[EVIL][..], &[EVIL, ELSEWHERE], &[ELSEWHERE], &[("origin", "null")], &[HOME, HOME]] {
        for client in [PORTAL, APP.id, "hunter2"] {
            for _ in 0..MANY / 4 {
                assert_eq!(posted(&house, client, "x", told).await, 401, "{client} {told:?}");
            }
        }
        // Nor is it let in by what it happens to know.
        for client in [THE_PORTAL, APP] {
            assert_eq!(proven(&house, &client, told).await, 401, "{} {told:?}", client.id);
            assert_eq!(proven(&house, &client, &[]).await, 200, "{}", client.id);
        }
    }
    // The client's own pages, and a server that tells on what a browser told it.
    for client in [THE_PORTAL, APP] {
        assert_eq!(proven(&house, &client, &[HOME, ELSEWHERE]).await, 200, "{}", client.id);
    }
    assert_eq!(lines(&house), [""; 0]);
    // The twin: who is no page is counted, and the log tells, of which client where there is such.
    until_it_waits(&house, PORTAL).await;
    until_it_waits(&house, "hunter2").await;
    let told = lines(&house);
    assert_eq!(told, [format!("must_wait {PORTAL} -"), "must_wait - -".to_owned()]);
    assert!(!house.log().contains("hunter2"), "no name that somebody made up");
}

#[tokio::test]
async fn in_the_name_of_a_public_client_there_is_nothing_to_guess() {
    let house = house().await;
    for _ in 0..MANY {
        assert_eq!(posted(&house, APP.id, SECRET, &[]).await, 401);
    }
    assert_eq!(proven(&house, &APP, &[]).await, 200);
    assert_eq!(lines(&house), [""; 0]);
}

#[tokio::test]
async fn a_flood_of_guesses_fills_no_log() {
    let house = house().await;
    let began = std::time::Instant::now();
    until_it_waits(&house, PORTAL).await;
    for _ in 0..300 {
        posted(&house, PORTAL, "x", &[]).await;
    }
    let windows = usize::try_from(began.elapsed().as_secs() / 60).unwrap() + 2;
    let told = lines(&house).len();
    assert!((1..=100 * windows).contains(&told), "{told} lines");
}
