//! To whom tokens that outlive the session are not given, what an operator takes away from who has them, and how many there are.

use serde_json::json;

use crate::{
    browser::Browser,
    client_guesses::APP,
    digid_steps::{MIDDEN, audit, change, log_in_with_digid},
    house::House,
    mandates_desk::{digid_account, fresh_bsn},
    offline::{LOCAL, active, assert_ended, refreshed, sign_out},
    oidc_client::{Auth, Client, THE_PORTAL, assert_refused, logged_in},
    portal::Tokens,
    representation::Family,
    stsaml::routed,
};

const HIGH: Client = Client { id: "high", auth: Auth::Basic, callback: "http://127.0.0.1:9/callback/high" };
const TABLES: &str = r#"
[[client]]
id = "high"
name = "Dossier"
redirect_uris = ["http://127.0.0.1:9/callback/high"]
policy = "basic"
auth = "client_secret_basic"
secret = { file = "portal.secret" }
scopes = ["openid", "offline_access"]
minimum_level = "midden"
[[client]]
id = "pocket"
name = "App"
redirect_uris = ["http://127.0.0.1:9/callback/pocket"]
policy = "basic"
auth = "none"
scopes = ["openid", "offline_access"]
"#;
const WITHOUT: &str = "\"phone\", \"act_as\"]";
const WITH: &str = "\"phone\", \"act_as\", \"offline_access\"]";
const SCOPE: &str = "openid offline_access";

/// An installation whose portal may have such tokens.
async fn house() -> House {
    let mut house = House::with(TABLES).await;
    house.reconfigure(WITHOUT, WITH);
    house
}

#[tokio::test]
async fn who_takes_nothing_below_digid_is_given_nothing_that_would_be() {
    let mut house = house().await;
    let (bsn, browser) = (fresh_bsn(), Browser::new());
    digid_account(&house, &browser, &bsn, "moeder@voorbeeld.nl").await;
    let asked = async |essential: bool, levels: &[&str]| {
        let acr = json!({"id_token": {"acr": {"essential": essential, "values": levels}}});
        let ask = THE_PORTAL.ask().with("scope", SCOPE).with("claims", &acr.to_string());
        THE_PORTAL.redeem(&house, &ask, &THE_PORTAL.code(&house, &browser, &ask).await).await
    };
    let high = HIGH.sign_on(&house, &browser, SCOPE).await;
    let essential = asked(true, &[MIDDEN]).await;
    for tokens in [&high, &essential] {
        assert_eq!((tokens.text("scope"), tokens.acr()), ("openid", MIDDEN));
    }
    // The twins: of a client that takes any level, who wishes one, and who takes a local one too.
    let plain = THE_PORTAL.sign_on(&house, &browser, SCOPE).await;
    for tokens in [&plain, &asked(false, &[MIDDEN]).await, &asked(true, &[MIDDEN, LOCAL]).await] {
        assert_eq!((tokens.text("scope"), tokens.acr()), (SCOPE, MIDDEN));
    }
    sign_out(&house, &browser, &plain).await;
    for (client, tokens) in [(HIGH, &high), (THE_PORTAL, &essential)] {
        assert_refused(&client.refresh(&house, tokens.text("refresh_token")).await, "invalid_grant");
        assert!(!active(&house, &client, tokens.text("refresh_token")).await);
    }
    let after = refreshed(&house, &THE_PORTAL, &plain).await;
    assert_eq!(after.acr(), LOCAL);
    // The operator raises what the portal takes, and takes that back.
    let raised = format!("{WITH}\nminimum_level = \"midden\"");
    house.reconfigure(WITH, &raised);
    assert_ended(&house, &THE_PORTAL, &after, "a higher minimum").await;
    house.reconfigure(&raised, WITH);
    assert_eq!(refreshed(&house, &THE_PORTAL, &after).await.acr(), LOCAL);
}

#[tokio::test]
async fn what_the_operator_takes_away_is_gone() {
    let mut house = house().await;
    let (browser, _) = logged_in(&house).await;
    let tokens = THE_PORTAL.sign_on(&house, &browser, SCOPE).await;
    sign_out(&house, &browser, &tokens).await;
    let mut tokens = refreshed(&house, &THE_PORTAL, &tokens).await;
    // The scope; and that nobody has to agree to what the portal is told.
    for changed in [WITHOUT.to_owned(), format!("{WITH}\nthird_party = true")] {
        house.reconfigure(WITH, &changed);
        assert_ended(&house, &THE_PORTAL, &tokens, &changed).await;
        house.reconfigure(&changed, WITH);
        tokens = refreshed(&house, &THE_PORTAL, &tokens).await;
        assert!(active(&house, &THE_PORTAL, tokens.text("access_token")).await);
    }
}

/// Its portal would learn whether a session for a child ended by a block or by its user (M9).
#[tokio::test]
async fn m9_a_session_for_a_child_leaves_nothing_behind() {
    let mut family = Family::at_home(routed()).await;
    family.house.reconfigure(WITHOUT, WITH);
    let house = &family.house;
    // A password, without which there would be nothing anyway.
    change(house, "UPDATE accounts SET password_hash = 'x'");
    let all = "openid act_as offline_access";
    let (own, child) = (Browser::new(), Browser::new());
    log_in_with_digid(house, &own, &family.parent.0, &[], &[]).await;
    family.in_for_child(&child).await;
    let own_tokens = THE_PORTAL.sign_on(house, &own, all).await;
    assert_eq!(own_tokens.text("scope"), all);
    assert!(own_tokens.claims.get("represents").is_none());
    let tokens = THE_PORTAL.sign_on(house, &child, all).await;
    assert_eq!(tokens.text("scope"), "openid act_as");
    assert!(tokens.claims["represents"]["sub"].is_string());
    sign_out(house, &child, &tokens).await;
    assert_refused(&THE_PORTAL.refresh(house, tokens.text("refresh_token")).await, "invalid_grant");
    sign_out(house, &own, &own_tokens).await;
    assert_eq!(refreshed(house, &THE_PORTAL, &own_tokens).await.acr(), LOCAL);
}

#[tokio::test]
async fn an_account_gives_one_client_twenty_at_most() {
    let house = house().await;
    let (browser, _) = logged_in(&house).await;
    let first = THE_PORTAL.sign_on(&house, &browser, SCOPE).await;
    // Which is the oldest must be seen in whole seconds.
    change(&house, "UPDATE grants SET created = created - 100 WHERE session_ends IS NOT NULL");
    let app = APP.sign_on(&house, &browser, SCOPE).await;
    let plain = THE_PORTAL.sign_on(&house, &browser, "openid").await;
    let mut others: Vec<Tokens> = Vec::new();
    for _ in 1..20 {
        others.push(THE_PORTAL.sign_on(&house, &browser, SCOPE).await);
    }
    assert!(active(&house, &THE_PORTAL, first.text("refresh_token")).await, "the twentieth");
    others.push(THE_PORTAL.sign_on(&house, &browser, SCOPE).await);
    for name in ["access_token", "refresh_token"] {
        assert!(!active(&house, &THE_PORTAL, first.text(name)).await, "{name}");
    }
    for tokens in others.iter().chain([&plain]) {
        assert!(active(&house, &THE_PORTAL, tokens.text("refresh_token")).await);
    }
    assert_eq!(APP.refresh(&house, app.text("refresh_token")).await.0, 200, "another client's");
    let ended = "grant.revoked offline.too_many by somebody";
    assert_eq!(audit(&house).iter().filter(|line| *line == ended).count(), 1);
    // Its row goes with the session, of whose end the portal is told, and long before thirty days.
    let kept =
        "SELECT ends >= session_ends AND ends < created + 86400 FROM grants WHERE revoked_at IS NOT NULL";
    assert_eq!(house.query(kept), ["1"]);
}
