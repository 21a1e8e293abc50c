//! Portals and apps at "Mijn account": what each may know, taking it back, and the devices of an app (F14).

use futures_util::future::join_all;
use reqwest::StatusCode;

use crate::{
    account::at,
    browser::{Browser, Page},
    client_consent::{self, OTHER},
    dpop::{opens, refreshing, send},
    house::{CALLBACK, House},
    jose::Key,
    notify::{Ears, TOLD, settled, sign_out},
    oidc_client::{Auth, Client, THE_PORTAL, logged_in},
    portal::{self, Tokens, code_of, log_in, register},
};

const OWNER: &str = "jansen@voorbeeld.nl";
const BAKKER: &str = "bakker@voorbeeld.nl";
/// An app for phones: a public client, whose tokens are bound to the key of the phone.
pub const PHONE: Client =
    Client { id: "phone", auth: Auth::None, callback: "http://127.0.0.1:9/callback/phone" };
pub const AN_APP: &str = r#"
[[client]]
id = "phone"
name = "Zorgapp"
redirect_uris = ["http://127.0.0.1:9/callback/phone"]
auth = "none"
scopes = ["openid", "offline_access"]
"#;

async fn shown(house: &House, browser: &Browser) -> Page {
    browser.get(&at(house, "/account/portals")).await
}

/// Which place a portal has on the page.
fn place(page: &Page, name: &str) -> Option<usize> {
    (1..20).find(|n| page.text(&format!("portal-{n}")).as_deref() == Some(name))
}

async fn withdraw(browser: &Browser, page: &Page, name: &str) {
    let form = format!("withdraw-{}", place(page, name).unwrap());
    let told = browser.submit(page, &form, &[]).await;
    assert_eq!(told.location().unwrap().path(), "/account/portals");
}

async fn refreshes(house: &House, client: &Client, tokens: &Tokens) -> Option<Tokens> {
    let (status, body) = client.refresh(house, tokens.text("refresh_token")).await;
    assert!(status == 200 || body["error"] == "invalid_grant", "{body}");
    (status == 200).then(|| portal::tokens(body))
}

#[tokio::test]
async fn each_portal_is_listed_with_what_it_may_know_and_one_is_taken_back_and_told() {
    let (ears, tables) = Ears::open().await;
    let house = House::with(format!("{tables}{}", client_consent::TABLES)).await;
    let (owner, own) = logged_in(&house).await;
    let told = TOLD.sign_on(&house, &owner, "openid").await;
    let ask = OTHER.ask().with("scope", "openid email");
    let question = owner.visit(&ask.url(&house), CALLBACK).await;
    let code = code_of(&owner.submit(&question, "consent-form", &[("answer", "allow")]).await);
    let other = OTHER.redeem(&house, &ask, &code).await;
    let bakker = Browser::new();
    register(&house, &bakker, BAKKER).await;
    let theirs = TOLD.sign_on(&house, &bakker, "openid").await;

    let page = shown(&house, &owner).await;
    let at_other = place(&page, "Stappenteller").unwrap();
    assert!(place(&page, "told").is_some() && place(&page, "Huisarts De Linde").is_some(), "{}", page.body);
    let knows = page.text(&format!("knows-{at_other}")).unwrap();
    assert_eq!(knows, "een nummer waaraan dit portaal u herkent uw e-mailadres");
    assert!(page.text(&format!("since-{at_other}")).unwrap().starts_with("Sinds "));
    assert_eq!(place(&shown(&house, &bakker).await, "Stappenteller"), None);

    // Neither a forged form nor somebody else's takes anything back.
    let url = at(&house, "/account/portals/withdraw");
    let bakkers = shown(&house, &bakker).await.form("withdraw-1").1["csrf"].clone();
    for (browser, csrf) in [(&owner, ""), (&owner, &bakkers)] {
        let refused = browser.post(&url, &[("csrf", csrf), ("client", OTHER.id)]).await;
        assert_eq!(refused.status, StatusCode::FORBIDDEN);
    }
    for client in [OTHER.id, "nobody"] {
        let passed = bakker.post(&url, &[("csrf", &bakkers), ("client", client)]).await;
        assert_eq!(passed.location().unwrap().path(), "/account/portals");
    }
    let consents = "SELECT COUNT(*) FROM client_consents";
    let withdrawn = "SELECT COUNT(*) FROM audit WHERE event = 'consent.withdrawn'";
    assert_eq!((house.query(consents).concat(), house.query(withdrawn).concat()), ("1".into(), "0".into()));
    let other = refreshes(&house, &OTHER, &other).await.expect("nothing was taken back");

    withdraw(&owner, &page, "Stappenteller").await;
    assert_eq!((house.query(consents).concat(), house.query(withdrawn).concat()), ("0".into(), "1".into()));
    assert!(refreshes(&house, &OTHER, &other).await.is_none());
    assert_eq!(OTHER.introspect(&house, other.text("access_token")).await["active"], false);
    assert_eq!(place(&shown(&house, &owner).await, "Stappenteller"), None);
    let asked = owner.visit(&ask.url(&house), CALLBACK).await;
    assert_eq!(asked.heading(), "Mag Stappenteller deze gegevens krijgen?", "it is asked again");
    let own = refreshes(&house, &THE_PORTAL, &own).await.expect("no other portal's");

    // One of our own portals, which hears of it; and of the end of the session later too.
    withdraw(&owner, &shown(&house, &owner).await, "told").await;
    let sid = &told.claims["sid"];
    ears.of(TOLD, sid, 1).await;
    assert!(refreshes(&house, &TOLD, &told).await.is_none());
    refreshes(&house, &TOLD, &theirs).await.expect("nobody else's");
    settled(&house).await;
    let again = TOLD.sign_on(&house, &owner, "openid").await;
    assert_eq!(again.claims["sid"], *sid, "the session went on");
    sign_out(&house, &owner, &own).await;
    ears.of(TOLD, sid, 2).await;
    settled(&house).await;
    assert_eq!(ears.so_far(TOLD).len(), 2);
}

/// Tokens that outlive the session of a browser, bound to that key.
pub async fn stay(house: &House, browser: &Browser, key: &Key) -> Tokens {
    let ask = PHONE.ask().with("scope", "openid offline_access");
    let code = PHONE.code(house, browser, &ask).await;
    let request = PHONE.post(house, "/token", &ask.redemption(&code));
    let answer = send(request.header("dpop", key.proof(house, "POST", "/token", None))).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let tokens = portal::tokens(answer.body);
    assert_eq!(tokens.text("scope"), "openid offline_access");
    tokens
}

/// What a refresh gives, where it gives anything.
pub async fn refreshed(house: &House, tokens: &Tokens, key: &Key) -> Option<String> {
    let proof = key.proof(house, "POST", "/token", None);
    let answer = send(refreshing(house, &PHONE, tokens.text("refresh_token")).header("dpop", proof)).await;
    assert!(answer.status == 200 || answer.body["error"] == "invalid_grant", "{}", answer.body);
    answer.body["access_token"].as_str().map(str::to_owned)
}

#[tokio::test]
async fn f14_of_two_people_on_one_device_one_is_removed_and_only_their_tokens_die() {
    let house = House::with(AN_APP).await;
    let (device, key) = (Browser::new(), Key::new());
    register(&house, &device, OWNER).await;
    let first = stay(&house, &device, &key).await;
    // A second person is added on the same device, with the same key.
    register(&house, &Browser::new(), BAKKER).await;
    log_in(&house, &device, BAKKER, 2).await;
    let second = stay(&house, &device, &key).await;
    assert_ne!(first.sub(), second.sub());
    let (a, b) =
        (refreshed(&house, &first, &key).await.unwrap(), refreshed(&house, &second, &key).await.unwrap());
    assert!(opens(&house, &a, &key).await && opens(&house, &b, &key).await);

    let page = shown(&house, &device).await;
    let at_app = place(&page, "Zorgapp").unwrap();
    let listed = page.text(&format!("device-{at_app}-1")).unwrap();
    assert!(listed.contains("sinds") && listed.contains("Laatst gebruikt"), "{listed}");
    assert!(
        page.text(&format!("device-{at_app}-2")).is_none(),
        "one family, and the other person's is not shown"
    );
    // The other person's family can be named, and nothing of theirs ends.
    let (csrf, mine) = {
        let form = page.form(&format!("remove-{at_app}-1")).1;
        (form["csrf"].clone(), form["grant"].clone())
    };
    let all = house.query("SELECT id FROM grants WHERE client_id = 'phone'");
    let theirs = all.iter().find(|id| **id != mine).unwrap();
    let url = at(&house, "/account/portals/device");
    for (csrf, grant, status) in
        [("", mine.as_str(), 403), (&csrf, theirs.as_str(), 303), (&csrf, "nothing", 303)]
    {
        assert_eq!(device.post(&url, &[("csrf", csrf), ("grant", grant)]).await.status, status);
    }
    assert!(
        refreshed(&house, &first, &key).await.is_some() && refreshed(&house, &second, &key).await.is_some()
    );

    // While many are refreshing, of both.
    let refreshing =
        join_all((0..50).map(|n| refreshed(&house, if n % 2 == 0 { &first } else { &second }, &key)));
    let form = format!("remove-{at_app}-1");
    let (refreshed_then, removed) = tokio::join!(refreshing, device.submit(&page, &form, &[]));
    assert_eq!(removed.location().unwrap().path(), "/account/portals");
    for (n, token) in refreshed_then.into_iter().enumerate() {
        if n % 2 == 0 {
            assert!(opens(&house, &token.expect("the first person is not concerned"), &key).await);
        } else if let Some(token) = token {
            assert!(!opens(&house, &token, &key).await, "a token outlived its device");
        }
    }
    assert!(!opens(&house, &b, &key).await && refreshed(&house, &second, &key).await.is_none());
    assert!(opens(&house, &a, &key).await && refreshed(&house, &first, &key).await.is_some());
    assert!(place(&shown(&house, &device).await, "Zorgapp").is_none());
    let ended = "SELECT COUNT(*) FROM audit WHERE event = 'grant.revoked' AND outcome = 'device.removed'";
    assert_eq!(house.query(ended), ["1"]);
    // Whoever is removed may be added again, and the list shows each device.
    let again = stay(&house, &device, &key).await;
    assert_eq!(again.sub(), second.sub());
    stay(&house, &device, &Key::new()).await;
    let page = shown(&house, &device).await;
    let at_app = place(&page, "Zorgapp").unwrap();
    assert!(page.text(&format!("device-{at_app}-2")).is_some());
    let other_device = page.form(&format!("remove-{at_app}-1")).1["grant"].clone();
    device.submit(&page, &format!("remove-{at_app}-1"), &[]).await;
    let left = house.query("SELECT id FROM grants WHERE client_id = 'phone' AND revoked_at IS NULL");
    assert!(left.len() == 2 && !left.contains(&other_device));
}
