//! Signing out (F15) and what it is worth to an attacker (A1, A8, A16).

use crate::{
    act_as::many,
    browser::{Browser, Page},
    digid_steps::has_session,
    house::House,
    mandates_desk::digid_again,
    oidc_client::{
        CLIENTS, Client, LAB, THE_PORTAL, assert_error, assert_refused, house, logged_in, userinfo,
    },
    portal::log_in,
};

const BYE: &str = "http://127.0.0.1:9/bye";

async fn ask(house: &House, browser: &Browser, parameters: &[(&str, &str)]) -> Page {
    let mut url = url::Url::parse(&format!("{}/logout", house.issuer)).unwrap();
    url.query_pairs_mut().extend_pairs(parameters);
    browser.get(url.as_str()).await
}

fn assert_asks(page: &Page, case: &str) {
    assert_eq!((page.status.as_u16(), page.heading().as_str()), (200, "Wilt u uitloggen?"), "{case}");
    assert!(page.body.contains("<title>Wilt u uitloggen? - Uitloggen</title>"), "{}", page.body);
    assert!(page.headers.get("location").is_none() && page.headers.get("set-cookie").is_none(), "{case}");
}

async fn is_in(house: &House, browser: &Browser) -> bool {
    let ask = THE_PORTAL.ask().with("prompt", "none");
    crate::oidc_client::answer(&browser.get(&ask.url(house)).await).contains_key("code")
}

#[tokio::test]
async fn f15_with_its_own_id_token_the_portal_signs_its_user_out_and_gets_them_back() {
    let house = house().await;
    let (browser, tokens) = logged_in(&house).await;
    let lab = LAB.sign_on(&house, &browser, "openid").await;
    let hint = ("id_token_hint", tokens.text("id_token"));
    let page = ask(&house, &browser, &[hint, ("post_logout_redirect_uri", BYE), ("state", "a&b=c#é")]).await;
    assert_eq!(page.status, 303);
    assert_eq!(page.location().unwrap().as_str(), format!("{BYE}?state=a%26b%3Dc%23%C3%A9"));
    assert!(page.headers["set-cookie"].to_str().unwrap().contains("Max-Age=0"));
    assert!(!is_in(&house, &browser).await);
    // Every token of the session is dead, also the other portal's.
    for (client, tokens) in [(THE_PORTAL, &tokens), (LAB, &lab)] {
        assert_eq!(userinfo(&house, tokens.text("access_token")).await.0, 401);
        assert_refused(&client.refresh(&house, tokens.text("refresh_token")).await, "invalid_grant");
    }
    // Again, when nobody is in: the way back is still open, and nothing breaks.
    let page = ask(&house, &browser, &[hint, ("post_logout_redirect_uri", BYE)]).await;
    assert_eq!(page.location().unwrap().as_str(), BYE);
    let page = ask(&house, &browser, &[]).await;
    assert_eq!((page.status.as_u16(), page.heading().as_str()), (200, "U bent uitgelogd."));
    assert!(page.body.contains("<title>U bent uitgelogd. - Uitloggen</title>"), "{}", page.body);
}

#[tokio::test]
async fn a_code_that_was_not_redeemed_before_the_sign_out_is_worth_nothing() {
    let house = house().await;
    let (browser, tokens) = logged_in(&house).await;
    let request = THE_PORTAL.ask();
    let code = THE_PORTAL.code(&house, &browser, &request).await;
    ask(&house, &browser, &[("id_token_hint", tokens.text("id_token"))]).await;
    assert_refused(&THE_PORTAL.token(&house, &request.redemption(&code)).await, "invalid_grant");
}

#[tokio::test]
async fn a1_a16_without_a_genuine_hint_of_this_session_the_user_is_asked_and_nobody_is_redirected() {
    let house = House::with(CLIENTS).await;
    let (browser, tokens) = logged_in(&house).await;
    let stranger = Browser::new();
    let foreign = crate::portal::register(&house, &stranger, "ander@voorbeeld.nl").await;
    let own = tokens.text("id_token");
    let (signed, signature) = own.rsplit_once('.').unwrap();
    let (head, _) = signed.split_once('.').unwrap();
    // Its first letter is always another one; a last letter may be that letter already, or count for nothing.
    let other = if signature.starts_with('A') { 'B' } else { 'A' };
    let forged = [
        format!("{signed}."),
        format!("{signed}.{other}{}", &signature[1..]),
        format!("eyJhbGciOiJub25lIn0.{}.", signed.split_once('.').unwrap().1),
        format!("{head}.eyJhdWQiOlsicG9ydGFsIl0sInNpZCI6IngiLCJpc3MiOiJ4In0.{signature}"),
        tokens.text("access_token").to_owned(),
        tokens.text("refresh_token").to_owned(),
        "x".into(),
        String::new(),
        "x".repeat(9000),
    ];
    for hint in &forged {
        let page = ask(&house, &browser, &[("id_token_hint", hint), ("post_logout_redirect_uri", BYE)]).await;
        assert_asks(&page, hint);
    }
    assert_asks(&ask(&house, &browser, &[("post_logout_redirect_uri", BYE)]).await, "no hint");
    assert_asks(&ask(&house, &browser, &[]).await, "nothing");
    // Genuine, of somebody else: a portal cannot sign out whom it does not know, so they are asked.
    let hint = ("id_token_hint", foreign.text("id_token"));
    assert_asks(&ask(&house, &browser, &[hint]).await, "of another session");
    // Doubled: no telling which.
    assert_asks(&ask(&house, &browser, &[("id_token_hint", own), ("id_token_hint", own)]).await, "doubled");
    assert!(is_in(&house, &browser).await && is_in(&house, &stranger).await, "and nobody was signed out");
    // Nobody in, hint forged: a page, no redirect.
    let nobody = Browser::new();
    let page =
        ask(&house, &nobody, &[("id_token_hint", &forged[0]), ("post_logout_redirect_uri", BYE)]).await;
    assert_eq!((page.status.as_u16(), page.heading().as_str()), (200, "U bent uitgelogd."));
}

#[tokio::test]
async fn a1_the_way_back_is_exactly_a_registered_one_of_the_hints_client() {
    let house = house().await;
    let (browser, tokens) = logged_in(&house).await;
    let hint = ("id_token_hint", tokens.text("id_token"));
    let refused = |page: &Page, uri: &str| {
        assert_eq!((page.status.as_u16(), page.headers.get("location")), (200, None), "{uri}");
        assert_eq!(page.heading(), "U bent uitgelogd.", "{uri}");
        assert!(!page.body.contains("evil"), "{uri}");
    };
    let bad = [
        "https://evil.example/",
        "//evil.example",
        "http://127.0.0.1:9/bye/",
        "http://127.0.0.1:9/bye?x=1",
        "http://127.0.0.1:9/bye#x",
        "http://127.0.0.1:9/BYE",
        "http://127.0.0.1:9/x/../bye",
        "http://127.0.0.1:9@evil.example/bye",
        "http://127.0.0.1:10/bye",
        "javascript:alert(1)",
        "http://127.0.0.1:9/lab/bye",
        "http://127.0.0.1:9/callback",
    ];
    // Who is in is asked, and goes nowhere after their yes; who is out goes nowhere either.
    for uri in bad {
        let page = ask(&house, &browser, &[hint, ("post_logout_redirect_uri", uri)]).await;
        assert_asks(&page, uri);
        assert!(!page.headers["content-security-policy"].to_str().unwrap().contains("evil"), "{uri}");
    }
    assert!(is_in(&house, &browser).await);
    let page = ask(&house, &browser, &[hint, ("post_logout_redirect_uri", bad[0])]).await;
    refused(&browser.submit(&page, "logout-form", &[]).await, "after a yes");
    assert!(!is_in(&house, &browser).await);
    for uri in bad.into_iter().chain([""]) {
        refused(&ask(&house, &browser, &[hint, ("post_logout_redirect_uri", uri)]).await, uri);
    }
    let twice = [hint, ("post_logout_redirect_uri", BYE), ("post_logout_redirect_uri", BYE)];
    refused(&ask(&house, &browser, &twice).await, "doubled");
    let good = ask(&house, &browser, &[hint, ("post_logout_redirect_uri", BYE)]).await;
    assert_eq!(good.location().unwrap().as_str(), BYE);
}

#[tokio::test]
async fn a8_the_confirmation_is_bound_to_the_browser_and_keeps_what_the_portal_sent() {
    let house = house().await;
    let (browser, tokens) = logged_in(&house).await;
    let foreign = crate::portal::register(&house, &Browser::new(), "ander@voorbeeld.nl").await;
    let hint = ("id_token_hint", foreign.text("id_token"));
    let page =
        ask(&house, &browser, &[hint, ("post_logout_redirect_uri", BYE), ("state", "\"><script>")]).await;
    assert_asks(&page, "asked");
    assert!(!page.body.contains("<script"));
    let (_, fields) = page.form("logout-form");
    assert_eq!(fields["state"], "\"><script>");
    // Posted from elsewhere, without the token, with another's: asked again, and nobody is out.
    let url = format!("{}/logout", house.issuer);
    for csrf in ["", "x", &fields["csrf"][1..]] {
        let posted = browser.post(&url, &[("csrf", csrf)]).await;
        assert_asks(&browser.follow(posted, BYE).await, csrf);
    }
    for (header, value) in [("origin", "https://evil.example"), ("sec-fetch-site", "cross-site")] {
        let request = browser.request(reqwest::Method::POST, &url).header(header, value);
        let posted = browser.send(request.form(&[("csrf", &fields["csrf"])])).await;
        assert_asks(&browser.follow(posted, BYE).await, value);
    }
    assert!(is_in(&house, &browser).await);
    let done = browser.submit(&page, "logout-form", &[]).await;
    let back = done.location().unwrap();
    assert_eq!(back.query_pairs().find(|(name, _)| name == "state").unwrap().1, "\"><script>");
    assert!(!is_in(&house, &browser).await);
    assert_eq!(userinfo(&house, tokens.text("access_token")).await.0, 401);
    // The foreigner's session was not touched by their hint in another's browser.
    assert_eq!(userinfo(&house, foreign.text("access_token")).await.0, 200);
}

/// What a removed portal left behind opens nothing.
#[tokio::test]
async fn an_old_browser_tab_shows_nothing_after_the_sign_out() {
    let house = house().await;
    let (browser, tokens) = logged_in(&house).await;
    ask(&house, &browser, &[("id_token_hint", tokens.text("id_token"))]).await;
    let client: Client = THE_PORTAL;
    let silent = client.ask().with("prompt", "none");
    assert_error(&house, &browser.get(&silent.url(&house)).await, &silent, "login_required");
    let again = browser.get(&client.ask().url(&house)).await;
    assert!(again.location().unwrap().path().starts_with("/login/"));
}

/// OpenID Connect RP-Initiated Logout, section 2: `client_id` must be the one that the hint was made for.
#[tokio::test]
async fn a_hint_counts_only_with_the_client_it_was_made_for() {
    let house = house().await;
    let (browser, tokens) = logged_in(&house).await;
    let hint = ("id_token_hint", tokens.text("id_token"));
    for client in ["lab", "nobody", "PORTAL"] {
        let page =
            ask(&house, &browser, &[hint, ("client_id", client), ("post_logout_redirect_uri", BYE)]).await;
        assert_asks(&page, client);
        // Whoever sent that is nobody to be sent back to.
        let policy = page.headers["content-security-policy"].to_str().unwrap();
        assert!(policy.contains("form-action 'self';"), "{client}: {policy}");
    }
    let page = ask(&house, &browser, &[hint, ("client_id", "lab"), ("post_logout_redirect_uri", BYE)]).await;
    let done = browser.submit(&page, "logout-form", &[]).await;
    assert_eq!((done.status.as_u16(), done.heading().as_str()), (200, "U bent uitgelogd."));
    // The twin.
    let tokens = log_in(&house, &browser, "jansen@voorbeeld.nl", 2).await;
    let hint = ("id_token_hint", tokens.text("id_token"));
    let page =
        ask(&house, &browser, &[hint, ("client_id", "portal"), ("post_logout_redirect_uri", BYE)]).await;
    assert_eq!(page.location().unwrap().as_str(), BYE);
    assert!(!is_in(&house, &browser).await);
}

/// The same, section 3: without a hint nobody is sent back before the user has said that they want to sign out.
#[tokio::test]
async fn a_client_that_only_names_itself_gets_its_user_back_after_they_said_yes() {
    let house = house().await;
    let (browser, tokens) = logged_in(&house).await;
    let (signed, signature) = tokens.text("id_token").rsplit_once('.').unwrap();
    let other = if signature.starts_with('A') { 'B' } else { 'A' };
    let forged = format!("{signed}.{other}{}", &signature[1..]);
    let named = [("client_id", "portal"), ("post_logout_redirect_uri", BYE), ("state", "a&b")];
    let mut mails = 1;
    for (case, sent, back) in [
        ("named", named.to_vec(), true),
        ("nobody of that name", [&[("client_id", "nobody")], &named[1..]].concat(), false),
        ("of another client", [&[("client_id", "lab")], &named[1..]].concat(), false),
        ("not named", named[1..].to_vec(), false),
        ("with a forged hint", [&named[..], &[("id_token_hint", &forged)]].concat(), false),
        ("twice", [&named[..], &[("client_id", "portal")]].concat(), false),
    ] {
        let page = ask(&house, &browser, &sent).await;
        assert_asks(&page, case);
        let policy = page.headers["content-security-policy"].to_str().unwrap();
        let leads = if back { "form-action 'self' http://127.0.0.1:9;" } else { "form-action 'self';" };
        assert!(policy.contains(leads), "{case}: {policy}");
        let done = browser.submit(&page, "logout-form", &[]).await;
        let to = done.location().map(String::from);
        assert_eq!(to, back.then(|| format!("{BYE}?state=a%26b")), "{case}");
        assert!(!is_in(&house, &browser).await, "{case}");
        mails += 1;
        log_in(&house, &browser, "jansen@voorbeeld.nl", mails).await;
    }
    // Nobody is in, so nobody can say yes.
    let page = ask(&house, &Browser::new(), &named).await;
    assert_eq!((page.status.as_u16(), page.heading().as_str()), (200, "U bent uitgelogd."));
    assert!(page.headers.get("location").is_none());
}

/// The same, section 2: who is signed out is whoever sits at this browser, whatever `logout_hint` says of them.
#[tokio::test]
async fn a_logout_hint_neither_spares_the_question_nor_makes_one() {
    let house = house().await;
    let (browser, tokens) = logged_in(&house).await;
    for hint in ["jansen@voorbeeld.nl", tokens.sub(), tokens.claims["sid"].as_str().unwrap(), "x"] {
        assert_asks(&ask(&house, &browser, &[("logout_hint", hint), ("client_id", "portal")]).await, hint);
    }
    assert!(is_in(&house, &browser).await);
    let hint = ("id_token_hint", tokens.text("id_token"));
    let page = ask(&house, &browser, &[hint, ("logout_hint", "x"), ("post_logout_redirect_uri", BYE)]).await;
    assert_eq!(page.location().unwrap().as_str(), BYE);
}

#[tokio::test]
async fn the_pages_of_signing_out_speak_the_language_that_the_portal_asks_for() {
    let house = house().await;
    let (browser, _) = logged_in(&house).await;
    let posted = [("ui_locales", "fr en"), ("client_id", "portal")];
    let url = format!("{}/logout", house.issuer);
    // By a portal's form too: what it asked goes along.
    let page = browser.send(browser.request(reqwest::Method::POST, &url).form(&posted)).await;
    let page = browser.follow(page, BYE).await;
    assert_eq!(
        (page.heading().as_str(), &page.headers["content-language"]),
        ("Do you want to log out?", &"en".parse().unwrap())
    );
    let done = browser.submit(&page, "logout-form", &[]).await;
    assert_eq!((done.status.as_u16(), &done.headers["content-language"]), (200, &"en".parse().unwrap()));
    let page = ask(&house, &browser, &[("ui_locales", "nl")]).await;
    assert_eq!(page.heading(), "U bent uitgelogd.");
}

/// As many as one may act for make an ID token of 40 KB: it is a hint like any other, and in an address of ours it goes in brief.
#[tokio::test]
async fn a_hint_that_names_two_hundred_people_signs_out_and_names_the_user() {
    let house = House::start().await;
    let browser = Browser::new();
    let (bsn, tokens) = many(&house, &browser).await;
    let hint = tokens.text("id_token");
    let told = tokens.claims["act_as"].as_array().unwrap().len();
    assert!(told == 200 && hint.len() > 30_000, "{told} {}", hint.len());
    let silent = THE_PORTAL.ask().with("prompt", "none").with("id_token_hint", hint);
    assert!(crate::oidc_client::answer(&browser.get(&silent.url(&house)).await).contains_key("code"));
    let fields: Vec<_> = silent.parameters.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
    let posted = browser.post(&format!("{}/authorize", house.issuer), &fields).await;
    let answered = browser.get(posted.location().unwrap().as_str()).await;
    assert!(crate::oidc_client::answer(&answered).contains_key("code"));
    // The same signature under another name is no hint.
    let bent = format!("{hint}x");
    let page = ask(&house, &browser, &[("id_token_hint", &bent), ("post_logout_redirect_uri", BYE)]).await;
    assert_asks(&page, "bent");
    assert!(!page.body.contains(&hint[..40]), "nor is it carried on");

    let sent = [("id_token_hint", hint), ("post_logout_redirect_uri", BYE), ("state", "s")];
    let page = ask(&house, &browser, &sent).await;
    assert_eq!(page.location().map(String::from), Some(format!("{BYE}?state=s")));
    assert!(!has_session(&house, &browser).await);

    let with_all = THE_PORTAL.ask().with("scope", "openid act_as");
    let tokens = digid_again(&house, &browser, &bsn, "Midden", &THE_PORTAL, &with_all).await;
    let sent = [("id_token_hint", tokens.text("id_token")), sent[1], sent[2]];
    let url = format!("{}/logout", house.issuer);
    let posted = Browser::new().post(&url, &sent).await;
    let again = posted.location().unwrap();
    assert!(again.as_str().len() < 1500, "{again}");
    let page = browser.get(again.as_str()).await;
    assert_eq!(page.location().map(String::from), Some(format!("{BYE}?state=s")));
    assert!(!has_session(&house, &browser).await);
}

/// What stands for an ID token in our own address is good for that and nothing else.
#[tokio::test]
async fn a_hint_in_brief_is_a_hint_and_no_token() {
    let house = house().await;
    let (browser, tokens) = logged_in(&house).await;
    let url = format!("{}/logout", house.issuer);
    let sent = [("id_token_hint", tokens.text("id_token")), ("post_logout_redirect_uri", BYE)];
    let again = Browser::new().post(&url, &sent).await.location().unwrap();
    let brief = again.query_pairs().find(|(name, _)| name == "id_token_hint").unwrap().1.into_owned();
    assert_eq!(crate::oidc_client::header(&brief)["typ"], "hint+jwt");
    let told = crate::oidc_client::claims(&brief);
    let told: Vec<_> = told.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(told, ["aud", "iss", "sid", "sub"]);
    assert_eq!(userinfo(&house, &brief).await.0, 401);
    assert_eq!(THE_PORTAL.introspect(&house, &brief).await, serde_json::json!({"active": false}));
    // Of another client, bent, and then the twin.
    let bent = format!("{}A{}", &brief[..brief.len() - 20], &brief[brief.len() - 19..]);
    let bent = if bent == brief { brief.replacen('.', "x.", 1) } else { bent };
    for (case, hint, client) in [("another client", &brief, "lab"), ("bent", &bent, "portal")] {
        let asked = [("id_token_hint", hint.as_str()), ("client_id", client), sent[1]];
        assert_asks(&ask(&house, &browser, &asked).await, case);
    }
    let page = browser.get(again.as_str()).await;
    assert_eq!(page.location().map(String::from), Some(BYE.to_owned()));
    assert!(!is_in(&house, &browser).await);
}
