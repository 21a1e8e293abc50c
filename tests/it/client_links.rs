//! Where a portal says what it does with what it knows, and on which terms it serves: pages lead there, and we never go (RFC 7591
//! section 2; attacks 14 and 22 of the design's table).

use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::{
    admin::{Api, LOCAL, PROGRAMS, ROOT, shop},
    browser::{Browser, Page},
    client_registration::{CALLS, OPEN, id, invite, manage, manager, portal, registered, with},
    house::{CALLBACK, House, Options},
    oidc_client::{Auth, Client, logged_in},
};

fn told_client(told: &Value) -> Client {
    Client { id: id(told), auth: Auth::Basic, callback: CALLBACK }
}

/// The links of a page: what they say is checked, where they lead is given.
fn links(page: &Page, host: &str) -> [Option<String>; 2] {
    let policy = page.headers["content-security-policy"].to_str().unwrap();
    assert!(
        policy.starts_with("default-src 'none'; style-src 'self'; img-src 'self'; form-action"),
        "{policy}"
    );
    ["portal-policy", "portal-terms"].map(|id| {
        let link = page.link(id)?;
        assert!(page.text(id).unwrap().contains(host), "{:?}", page.text(id));
        assert!(page.body.contains("rel=\"noreferrer\""));
        Some(link.into())
    })
}

#[tokio::test]
async fn a14_a22_policy_and_terms_of_a_portal_are_led_to_and_never_fetched() {
    let tables: &'static str = Box::leak(format!("{PROGRAMS}{LOCAL}{CALLS}").into_boxed_str());
    let house = House::start_with(Options { top: OPEN, tables, ..Options::default() }).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let host = listener.local_addr().unwrap();
    let (policy, terms) =
        (format!("https://{host}/privacy?x=\"><script>#a"), format!("https://{host}/voorwaarden"));
    let good = with(with(portal(), "policy_uri", json!(policy)), "tos_uri", json!(terms));
    let good = with(good, "logo_uri", json!(format!("https://{host}/logo")));
    let token = invite(&house, &["--policy", "basic", "--uses", "9"]);
    let told = registered(&house, &token, &good).await;
    assert_eq!((&told["policy_uri"], &told["tos_uri"]), (&json!(policy), &json!(terms)));
    assert_eq!(told["logo_uri"], Value::Null, "what is not shown is not kept");
    let escaped = format!("https://{host}/privacy?x=%22%3E%3Cscript%3E#a");
    let both = [Some(escaped), Some(terms.clone())];

    // On the page where people log in, and on the one where they agree.
    let (client, stranger) = (told_client(&told), Browser::new());
    let page = stranger.visit(&client.ask().url(&house), CALLBACK).await;
    assert!(page.text("digid").is_some());
    assert_eq!(links(&page, "op 127.0.0.1)"), both);
    let english = stranger.visit(&client.ask().with("ui_locales", "en").url(&house), CALLBACK).await;
    assert_eq!(links(&english, "at 127.0.0.1)"), both);
    for page in [&page, &english] {
        assert!(!page.body.contains("<script") && !page.body.contains("/logo"), "{}", page.body);
    }
    let (browser, _) = logged_in(&house).await;
    let page = browser.visit(&client.ask().url(&house), CALLBACK).await;
    assert!(page.text("consent-form").is_some());
    assert_eq!(links(&page, "op 127.0.0.1)"), both);

    // The twin says nothing of them; nor does who takes them back.
    let change = with(portal(), "client_id", told["client_id"].clone());
    assert_eq!(manage(reqwest::Method::PUT, &told, manager(&told), Some(&change)).await.0, 200);
    let twin = registered(&house, &token, &portal()).await;
    for told in [&told, &twin] {
        let page = stranger.visit(&told_client(told).ask().url(&house), CALLBACK).await;
        assert_eq!(links(&page, ""), [None, None]);
    }

    // What nobody may be led to; by the admin API neither.
    let api = Api::new(&house, &ROOT, "clients").await;
    for bad in [
        "http://portal.example/p",
        "http://127.0.0.1/p",
        "javascript:alert(1)",
        "data:text/html,x",
        "https://bank.example@portal.example/",
        "/p",
        "https://portal.example/\u{202e}",
    ] {
        for member in ["policy_uri", "tos_uri"] {
            let body = with(portal(), member, json!(bad));
            let url = format!("{}/register", house.issuer);
            let answer =
                reqwest::Client::new().post(url).bearer_auth(&token).json(&body).send().await.unwrap();
            assert_eq!(answer.status(), 400, "{member} {bad}");
            let told: Value = answer.json().await.unwrap();
            assert_eq!(told["error"], "invalid_client_metadata");
            assert!(told["error_description"].as_str().unwrap().starts_with(member), "{told}");
            let (status, problem) = api.post("/clients", &with(shop(), member, json!(bad))).await;
            assert!(status == 400 && problem["detail"].as_str().unwrap().contains(member), "{problem}");
        }
    }
    let (status, told) = api.post("/clients", &with(shop(), "policy_uri", json!(terms))).await;
    assert_eq!((status, &told["policy_uri"], &told["tos_uri"]), (201, &json!(terms), &Value::Null), "{told}");

    // Nobody called: what waits at the door is this alone.
    let own = tokio::net::TcpStream::connect(host).await.unwrap();
    let (_, from) = listener.accept().await.unwrap();
    assert_eq!(from, own.local_addr().unwrap());
}

#[tokio::test]
async fn policy_and_terms_are_registered_by_command_too() {
    let house = House::start().await;
    let (policy, terms) = ("https://p.example.nl/privacy", "https://p.example.nl/voorwaarden");
    let add = |id: &str, links: [&str; 4]| {
        let known =
            ["clients", "add", "--by", "els", id, "--name", "X", "--redirect-uri", "https://p.example.nl/cb"];
        let more = ["--policy", "basic", "--auth", "client_secret_basic", "--json"];
        house.run(&[&known[..], &more, &links].concat())
    };
    let added = add("links", ["--policy-uri", policy, "--tos-uri", terms]);
    let told: Value = serde_json::from_slice(&added.stdout).unwrap();
    assert_eq!((&told["policy_uri"], &told["tos_uri"]), (&json!(policy), &json!(terms)));
    let shown = house.ok(&["clients", "show", "links"]);
    for line in [format!("its policy      {policy}"), format!("its terms       {terms}")] {
        assert!(shown.contains(&line), "{shown}");
    }
    let ask = Client { id: "links", auth: Auth::Basic, callback: "https://p.example.nl/cb" }.ask();
    let page = Browser::new().visit(&ask.url(&house), CALLBACK).await;
    assert_eq!(links(&page, "op p.example.nl)"), [Some(policy.to_owned()), Some(terms.to_owned())]);
    for (member, bad) in [
        ("policy_uri", ["--policy-uri", "http://p.example.nl/p", "--tos-uri", terms]),
        ("tos_uri", ["--policy-uri", policy, "--tos-uri", "/p"]),
    ] {
        let refused = add("bad", bad);
        let told = String::from_utf8_lossy(&refused.stderr);
        assert!(refused.status.code() == Some(1) && told.contains(member), "{told}");
    }
    assert_eq!(house.query("SELECT COUNT(*) FROM clients"), ["1"]);
}
