//! A program reads the audit log.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::{
    admin::{Api, LOCAL, ROOT, house_with},
    browser::Browser,
    house::House,
    mandates_desk::{digid_account, fresh_bsn},
    oidc_client::THE_PORTAL,
    portal::register,
};

const MEMBERS: [&str; 13] = [
    "actor",
    "at",
    "client",
    "detail",
    "event",
    "id",
    "listed",
    "node",
    "outcome",
    "purpose",
    "represented",
    "role",
    "seq",
];

/// Every line of the pages that such a query has.
async fn lines(api: &Api<'_>, query: &str) -> Vec<Value> {
    let (mut found, mut next) = (Vec::new(), String::new());
    for _ in 0..1000 {
        let (status, page) = api.get(&format!("/audit?{query}{next}")).await;
        assert_eq!(status, 200, "{page}");
        found.extend(page["lines"].as_array().unwrap().iter().cloned());
        let Some(cursor) = page["next"].as_str() else { return found };
        next = format!("&cursor={cursor}");
    }
    panic!("it never ends");
}

fn ids(lines: &[Value]) -> Vec<&str> {
    lines.iter().map(|line| line["id"].as_str().unwrap()).collect()
}

/// One that has seen two people log in at the portal.
async fn busy_house() -> House {
    let house = house_with(LOCAL).await;
    for address in ["jansen@voorbeeld.nl", "bakker@voorbeeld.nl"] {
        let tokens = register(&house, &Browser::new(), address).await;
        assert_eq!(THE_PORTAL.refresh(&house, tokens.text("refresh_token")).await.0, 200);
    }
    house
}

#[tokio::test]
async fn every_line_is_told_once_oldest_first_in_pages_of_any_length() {
    let house = busy_house().await;
    let api = Api::new(&house, &ROOT, "audit").await;
    let all = lines(&api, "limit=1000").await;
    assert!(all.len() >= 8, "{all:?}");
    for line in &all {
        let told: Vec<&str> = line.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(told, MEMBERS);
        let refreshed = line["event"] == "token.refreshed";
        assert!(
            !refreshed || (&line["role"], &line["purpose"]) == (&"patient".into(), &"subject_of_care".into())
        );
    }
    assert_eq!(ids(&all).into_iter().collect::<BTreeSet<_>>().len(), all.len());
    let stored: Vec<String> = house.query("SELECT id FROM audit ORDER BY at, id");
    assert_eq!(ids(&all), stored);
    for limit in [1, 2, 3, all.len()] {
        assert_eq!(ids(&lines(&api, &format!("limit={limit}")).await), ids(&all), "{limit} at a time");
    }
}

#[tokio::test]
async fn lines_are_found_by_time_event_person_and_account() {
    let house = busy_house().await;
    let api = Api::new(&house, &ROOT, "audit").await;
    let all = lines(&api, "").await;
    let of = |fits: &dyn Fn(&Value) -> bool| -> Vec<&str> {
        all.iter().filter(|line| fits(line)).map(|line| line["id"].as_str().unwrap()).collect()
    };
    let refreshed = lines(&api, "event=token.refreshed").await;
    assert_eq!(ids(&refreshed), of(&|line| line["event"] == "token.refreshed"));
    assert_eq!(refreshed.len(), 2);
    let person = refreshed[0]["actor"].as_str().unwrap();
    let theirs = of(&|line| line["actor"] == person || line["represented"] == person);
    assert!(theirs.len() >= 3 && theirs.len() < all.len(), "{all:?}");
    assert_eq!(ids(&lines(&api, &format!("person={person}&limit=1")).await), theirs);
    let account = house.query(&format!("SELECT id FROM accounts WHERE person_id = '{person}'")).remove(0);
    assert_eq!(ids(&lines(&api, &format!("account={account}")).await), theirs);
    assert_eq!(ids(&lines(&api, &format!("person={person}&event=token.refreshed")).await).len(), 1);
    let moment = all[all.len() / 2]["at"].as_str().unwrap();
    assert_eq!(
        ids(&lines(&api, &format!("from={moment}")).await),
        of(&|line| line["at"].as_str().unwrap() >= moment)
    );
    assert_eq!(
        ids(&lines(&api, &format!("to={moment}&limit=2")).await),
        of(&|line| line["at"].as_str().unwrap() < moment)
    );
    assert!(lines(&api, "event=nothing").await.is_empty() && lines(&api, "person=nobody").await.is_empty());
    assert_eq!(api.get("/audit?account=nobody").await.0, 404);
    for bad in [
        "limit=0",
        "limit=1001",
        "limit=x",
        "cursor=!",
        "cursor=YQ",
        "from=yesterday",
        "to=2026-07-01",
        "x=1",
        "person=a&account=b",
        "event=a&event=b",
    ] {
        assert_eq!(api.get(&format!("/audit?{bad}")).await.0, 400, "{bad}");
    }
    let other = Api::new(&house, &ROOT, "clients accounts mandates keys").await;
    assert_eq!(other.get("/audit").await.0, 403);
}

/// Somebody came in with DigiD, and portals got codes and tokens: nothing of that stands in a line.
#[tokio::test]
async fn no_line_has_a_bsn_an_address_or_a_token_in_it() {
    let house = house_with(LOCAL).await;
    let browser = Browser::new();
    let tokens = register(&house, &browser, "jansen@voorbeeld.nl").await;
    let bsn = fresh_bsn();
    digid_account(&house, &Browser::new(), &bsn, "els@voorbeeld.nl").await;
    let api = Api::new(&house, &ROOT, "audit").await;
    let all = Value::Array(lines(&api, "").await).to_string();
    assert!(all.contains("login.digid") && all.contains("token.issued"), "{all}");
    let secrets = [tokens.text("access_token"), tokens.text("refresh_token"), tokens.text("id_token")];
    for secret in secrets.into_iter().chain([bsn.as_str(), "voorbeeld.nl", &api.token]) {
        assert!(!all.contains(secret), "{secret}");
    }
}

/// However many come at once: each is answered, or told to come back, and after them there is room again.
#[tokio::test]
async fn many_searches_at_once_are_answered_or_sent_away_and_none_is_lost() {
    let house = house_with(LOCAL).await;
    let api = Api::new(&house, &ROOT, "audit").await;
    let all = (0..40).map(|_| async {
        let answer = api.send(reqwest::Method::GET, "/audit?limit=1000", None).await;
        let after = answer.headers().get("retry-after").is_some();
        (answer.status().as_u16(), after)
    });
    let said: BTreeSet<(u16, bool)> = futures_util::future::join_all(all).await.into_iter().collect();
    assert!(said.contains(&(200, false)) && said.is_subset(&[(200, false), (503, true)].into()), "{said:?}");
    assert_eq!(api.get("/audit?limit=1").await.0, 200);
}
