//! Who is turned away: at the admin API, with a line in the audit log; and where clients prove who they are, slower and slower.

use std::{net::IpAddr, num::NonZero, thread::available_parallelism, time::Instant};

use reqwest::{Method, Response};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::{
    admin::{Api, CLERK, LOCAL, ROOT, house_with, robot},
    house::{CALLBACK, House, PORTAL, SECRET},
    jose::Key,
    portal::form_encoded,
};

/// The lines of refused requests, oldest first: why, which program, which door.
fn lines(house: &House) -> Vec<String> {
    house.query(
        "SELECT outcome || ' ' || COALESCE(actor, '-') || ' ' || COALESCE(client, '-') || ' ' || detail FROM audit \
         WHERE event = 'admin.refused' ORDER BY seq",
    )
}

#[tokio::test]
async fn a_refused_request_leaves_a_line_and_a_good_one_none() {
    let house = house_with(LOCAL).await;
    let (root, clerk) = (Api::new(&house, &ROOT, "clients").await, Api::new(&house, &CLERK, "clients").await);
    for path in ["/clients", "/clients/root", "/clients/nobody?secret=x"] {
        root.get(path).await;
    }
    assert!(lines(&house).is_empty());
    let bare = reqwest::get(format!("{}/admin/v1/clients/hunter2", house.issuer)).await.unwrap();
    assert_eq!(bare.status(), 401);
    let forged = Api { house: &house, token: "hunter2.y.z".into() };
    assert_eq!(forged.get("/clients?hunter2=x").await.0, 401);
    let other = Api::new(&house, &ROOT, "audit").await;
    assert_eq!(other.get("/clients/hunter2").await.0, 403);
    assert_eq!(clerk.post("/clients", &robot(&["keys"])).await.0, 403);
    assert_eq!(
        lines(&house),
        [
            "no_token - - /clients/{client_id}",
            "invalid_token - - /clients",
            "insufficient_scope root root /clients/{client_id}",
            "too_powerful clerk clerk /clients",
        ]
    );
    let told = house.query("SELECT id FROM audit WHERE detail LIKE '%hunter2%' OR outcome LIKE '%hunter2%'");
    assert!(told.is_empty() && !house.log().contains("hunter2"), "nothing of a request is written down");
}

#[tokio::test]
async fn a_proof_for_elsewhere_leaves_a_line_and_a_good_one_none() {
    let house = house_with(LOCAL).await;
    let key = Key::new();
    let form = [("grant_type", "client_credentials"), ("scope", "clients")];
    let proof = key.proof(&house, "POST", "/token", None);
    let answer = ROOT.post(&house, "/token", &form).header("dpop", proof).send().await.unwrap();
    let token = answer.json::<Value>().await.unwrap()["access_token"].as_str().unwrap().to_owned();
    let send = async |path: &str| {
        let proof = key.proof(&house, "GET", path, Some(&token));
        let request = reqwest::Client::new().get(format!("{}/admin/v1/clients/root", house.issuer));
        let request = request.header("authorization", format!("DPoP {token}")).header("dpop", proof);
        request.send().await.unwrap().status().as_u16()
    };
    assert_eq!(send("/admin/v1/clients/root").await, 200);
    assert!(lines(&house).is_empty());
    assert_eq!(send("/admin/v1/clients/clerk").await, 401);
    assert_eq!(lines(&house), ["invalid_dpop_proof - - /clients/{client_id}"]);
}

#[tokio::test]
async fn a_flood_of_refused_requests_fills_no_log() {
    let house = house_with(LOCAL).await;
    let began = Instant::now();
    let forged = Api { house: &house, token: "x.y.z".into() };
    for _ in 0..500 {
        assert_eq!(forged.send(Method::GET, "/clients", None).await.status(), 401);
    }
    let told = lines(&house).len();
    let windows = usize::try_from(began.elapsed().as_secs() / 60).unwrap() + 2;
    assert!((100..=100 * windows).contains(&told), "{told} lines");
}

/// A browser or program at one address of this machine.
fn at(address: [u8; 4]) -> reqwest::Client {
    reqwest::Client::builder().local_address(IpAddr::from(address)).build().unwrap()
}

/// Shows a secret of a client at one of the endpoints where clients prove who they are.
async fn shows(
    house: &House,
    from: &reqwest::Client,
    path: &str,
    (client, secret): (&str, &str),
) -> Response {
    let request = from.post(format!("{}{path}", house.issuer)).basic_auth(client, Some(form_encoded(secret)));
    let form =
        [("grant_type", "authorization_code"), ("code", "x"), ("redirect_uri", CALLBACK), ("token", "x")];
    request.form(&form).send().await.unwrap()
}

/// Whether it was checked, or had to wait: whatever is answered is one of the two.
async fn was_checked(answer: Response) -> bool {
    let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
    let told: Value = answer.json().await.unwrap();
    assert_eq!(headers["cache-control"], "no-store");
    if status == 401 {
        assert_eq!((&told["error"], headers.get("retry-after")), (&json!("invalid_client"), None));
        return true;
    }
    assert_eq!((status, &told["error"]), (429, &json!("temporarily_unavailable")), "{told}");
    let wait: u64 = headers["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((1..=60).contains(&wait), "{wait}");
    false
}

/// How many guesses may have been checked in that time: a hundred, and then one after 1, 2, 4 … 60 seconds, of which as many at once
/// as there are processors.
fn most(began: Instant) -> usize {
    let seconds = usize::try_from(began.elapsed().as_secs()).unwrap();
    let cores = available_parallelism().map_or(1, NonZero::get);
    110 + 4 * cores + cores * (seconds / 30) + 107 * (seconds / 900)
}

#[tokio::test]
async fn a18_a_thousand_guesses_at_a_clients_secret_are_slowed_and_the_client_elsewhere_is_not() {
    let house = House::start().await;
    let (stranger, portal) = (at([127, 0, 0, 1]), at([127, 0, 0, 2]));
    let began = Instant::now();
    let mut checked = 0;
    for guess in 0..500 {
        let path = ["/token", "/par", "/introspect", "/revoke"][guess % 4];
        let answer = shows(&house, &stranger, path, (PORTAL, &guess.to_string())).await;
        let was = was_checked(answer).await;
        assert!(was || guess >= 100, "a portal that is set up wrongly hears so: {guess}");
        checked += usize::from(was);
    }
    let mut burst = JoinSet::new();
    for guess in 500..1000 {
        let (stranger, url) = (stranger.clone(), format!("{}/token", house.issuer));
        burst.spawn(async move {
            let request = stranger.post(url).basic_auth(PORTAL, Some(guess.to_string()));
            was_checked(request.form(&[("grant_type", "authorization_code")]).send().await.unwrap()).await
        });
    }
    checked += burst.join_all().await.into_iter().filter(|checked| *checked).count();
    assert!(checked <= most(began), "{checked} guesses were checked");
    // The portal itself, elsewhere, waits for nothing; nor does another client where the stranger is.
    let good = shows(&house, &portal, "/token", (PORTAL, SECRET)).await;
    assert_eq!(good.json::<Value>().await.unwrap()["error"], "invalid_grant");
    assert!(was_checked(shows(&house, &stranger, "/token", ("lab", "x")).await).await);
    // Where the stranger is it waits, and not for good.
    let patience = Instant::now();
    loop {
        let answer = shows(&house, &stranger, "/token", (PORTAL, SECRET)).await;
        if answer.status() == 400 {
            break;
        }
        let wait: u64 = answer.headers()["retry-after"].to_str().unwrap().parse().unwrap();
        assert!((1..=60).contains(&wait) && patience.elapsed().as_secs() < 600, "it never gets in");
        tokio::time::sleep(std::time::Duration::from_secs(wait)).await;
    }
}

/// Who is asked for so often that they must wait is not told whether there is such a client.
#[tokio::test]
async fn a17_a_client_that_does_not_exist_is_slowed_as_one_that_does() {
    let house = House::start().await;
    let stranger = at([127, 0, 0, 3]);
    let (began, mut checked) = (Instant::now(), 0);
    for guess in 0..300 {
        let answer = shows(&house, &stranger, "/token", ("nobody", "x")).await;
        let was = was_checked(answer).await;
        assert!(was || guess >= 100, "{guess}");
        checked += usize::from(was);
    }
    assert!(checked <= most(began), "{checked} guesses were checked");
}
