//! For whom a user acts, said by the portal (`act_as=<sub>`) or chosen by the user (`act_as=choose`): docs/requirements.md M7 and
//! M12, docs/adr/0033; attack 21 of the design's table.

use serde_json::{Value, json};

use crate::{
    browser::{Browser, Page},
    client_consent::OTHER,
    digid_steps::change,
    house::{CALLBACK, House},
    jose::KEY,
    mandates_desk::{Desk, Form, born, digid_account, digid_again, digid_page, fresh_bsn},
    oidc_client::{
        Ask, Auth, BARE, CLIENTS, Client, KEYED, LAB, THE_PORTAL, answer, assert_error, assert_refused,
        refreshed, userinfo,
    },
    portal::{Tokens, at_digid, code_of, log_in},
    request_object,
};

pub const MOTHER: &str = "moeder@voorbeeld.nl";
pub const FOR_WHOM: &str = "Voor wie wilt u inloggen?";
/// [`OTHER`] and [`LONG`].
pub const OTHERS: &str = r#"
[[client]]
id = "other"
name = "Stappenteller"
redirect_uris = ["http://127.0.0.1:9/callback/other"]
policy = "basic"
auth = "client_secret_basic"
secret = { file = "portal.secret" }
scopes = ["openid", "act_as"]
third_party = true
[[client]]
id = "long"
name = "Lang"
redirect_uris = ["http://127.0.0.1:9/callback/long"]
policy = "basic"
auth = "client_secret_basic"
secret = { file = "portal.secret" }
scopes = ["openid", "act_as", "offline_access"]
"#;
/// One that may have what outlives the session.
const LONG: Client = Client { id: "long", auth: Auth::Basic, callback: "http://127.0.0.1:9/callback/long" };

/// A mother with DigiD, for Sam of eight and, as both agreed, for Kim of thirteen; and a father with a child of his own.
pub struct Family {
    pub house: House,
    pub browser: Browser,
    pub bsn: String,
    pub mother: String,
    pub sam: String,
    pub kim: String,
    pub sams_mandate: String,
    pub kims_mandate: String,
    pub tokens: Tokens,
    /// What the portal knows them by: Sam, Kim, and the child of somebody else.
    pub sams: String,
    pub kims: String,
    pub strangers: String,
}

impl Family {
    pub async fn at_home() -> Self {
        Self::with("").await
    }

    /// The same, with more clients.
    pub async fn with(more: &str) -> Self {
        let (house, browser) = (House::with(format!("{CLIENTS}{OTHERS}{more}")).await, Browser::new());
        let desk = Desk::of(&house);
        let (bsn, fathers) = (fresh_bsn(), fresh_bsn());
        let (mother, father) =
            (desk.person("Anna", None, Some(&bsn)), desk.person("Bert", None, Some(&fathers)));
        let sam = desk.person("Sam", Some(&born(8, 0)), None);
        let kim = desk.person("Kim", Some(&born(13, 0)), None);
        let lot = desk.person("Lot", Some(&born(5, 0)), None);
        let sams_mandate = desk.mandate(&Form::parent(&mother, &sam));
        desk.mandate(&Form::parent(&father, &lot));
        let first = digid_account(&house, &browser, &bsn, MOTHER).await;
        let sams = listed(&first).concat();
        let kims_mandate = desk.mandate(&Form::parent(&mother, &kim));
        for party in ["represented", "representative"] {
            desk.hear("consent", &kims_mandate, party);
        }
        let tokens = refreshed(&house, &first).await;
        let kims = listed(&tokens).into_iter().find(|sub| *sub != sams).unwrap();
        let theirs = digid_account(&house, &Browser::new(), &fathers, "vader@voorbeeld.nl").await;
        let strangers = listed(&theirs).concat();
        Self {
            house,
            browser,
            bsn,
            mother,
            sam,
            kim,
            sams_mandate,
            kims_mandate,
            tokens,
            sams,
            kims,
            strangers,
        }
    }

    /// Tokens for somebody, without a page.
    pub async fn silently(&self, whom: &str) -> Tokens {
        let ask = asking(whom).with("prompt", "none");
        let code = THE_PORTAL.code(&self.house, &self.browser, &ask).await;
        THE_PORTAL.redeem(&self.house, &ask, &code).await
    }

    /// The page that asks for whom.
    pub async fn asked(&self, ask: &Ask) -> Page {
        let page = self.browser.visit(&ask.url(&self.house), CALLBACK).await;
        assert_eq!((page.status.as_u16(), page.heading().as_str()), (200, FOR_WHOM), "{}", page.url);
        page
    }

    pub async fn chooses(&self, page: &Page, whom: &str) -> Page {
        self.browser.submit(page, "for-whom-form", &[("whom", whom)]).await
    }

    pub fn desk(&self, word: &str, child: &str) {
        let mut arguments = vec!["mandates", word, "--representative", &self.mother, "--represented", child];
        arguments.extend(if word == "block" {
            ["--by", "balie1", "--reason", "melding"].as_slice()
        } else {
            &["--by", "balie2"]
        });
        self.house.ok(&arguments);
    }

    pub fn turns(&self, child: &str, age: u32) {
        self.house.set_birth_date(child, &born(age, 0));
    }

    /// What the log says of choices: outcome and for whom.
    pub fn lines(&self) -> Vec<String> {
        self.house.query(
            "SELECT outcome || ' by ' || actor || ' for ' || COALESCE(represented, 'nobody') FROM audit \
             WHERE event = 'act_as' ORDER BY seq",
        )
    }
}

pub fn listed(tokens: &Tokens) -> Vec<String> {
    let act_as = tokens.claims["act_as"].as_array().unwrap();
    act_as.iter().map(|one| one["sub"].as_str().unwrap().to_owned()).collect()
}

pub fn asking(whom: &str) -> Ask {
    THE_PORTAL.ask().with("scope", "openid act_as").with("act_as", whom)
}

/// What the portal hears but for its `state`.
fn heard(page: &Page) -> Value {
    let mut told = answer(page);
    told.remove("state");
    Value::Object(told)
}

#[tokio::test]
async fn m12_a_portal_says_for_whom_and_the_user_stays_the_user() {
    let family = Family::at_home().await;
    let (house, browser) = (&family.house, &family.browser);
    for (whom, person) in
        [(&family.sams, &family.sam), (&family.kims, &family.kim), (&family.sams, &family.sam)]
    {
        let told = family.silently(whom).await;
        let represents = json!({"sub": whom, "iss": house.issuer});
        assert_eq!((told.sub(), &told.claims["represents"]), (family.tokens.sub(), &represents));
        assert_eq!(listed(&told).len(), 2, "act_as tells everybody, as ever");
        let user = userinfo(house, told.text("access_token")).await.1;
        assert_eq!((&user["sub"], &user["represents"]), (&told.claims["sub"], &represents));
        let worth = THE_PORTAL.introspect(house, told.text("access_token")).await;
        assert_eq!((&worth["active"], &worth["represents"]), (&json!(true), &represents));
        let later = refreshed(house, &told).await;
        assert_eq!(later.claims["represents"], represents, "a refresh is for the same person");
        let lines = house.query("SELECT event || ' ' || actor || ' ' || represented FROM audit WHERE event LIKE 'token.%' ORDER BY seq DESC LIMIT 2");
        let line = |event| format!("{event} {} {person}", family.mother);
        assert_eq!(lines, [line("token.refreshed"), line("token.issued")]);
    }
    // It belongs to the grant: another request of the session, and tokens of before, are the user's own.
    let own = THE_PORTAL.sign_on(house, browser, "openid act_as").await;
    assert_eq!((own.sub(), own.claims.get("represents")), (family.tokens.sub(), None));
    assert_eq!(refreshed(house, &family.tokens).await.claims.get("represents"), None);
    // Each sector knows another name.
    let lab = LAB.sign_on(house, browser, "openid act_as").await;
    let there =
        listed(&lab).into_iter().map(|sub| LAB.ask().with("scope", "openid act_as").with("act_as", &sub));
    for ask in there {
        let code = LAB.code(house, browser, &ask).await;
        assert_eq!(LAB.redeem(house, &ask, &code).await.claims["represents"]["sub"], ask.get("act_as"));
    }

    // By POST, pushed, and in a signed request.
    let ask = asking(&family.sams);
    let posted = browser
        .post(
            &format!("{}/authorize", house.issuer),
            &ask.parameters.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect::<Vec<_>>(),
        )
        .await;
    let code = code_of(&browser.follow(posted, CALLBACK).await);
    assert_eq!(THE_PORTAL.redeem(house, &ask, &code).await.claims["represents"]["sub"], family.sams);
    let ask = KEYED.ask().with("scope", "openid act_as").with("act_as", &family.sams);
    let form: Vec<_> = ask.parameters.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
    let pushed: Value = KEYED.post(house, "/par", &form).send().await.unwrap().json().await.unwrap();
    let inside = KEY.sign(&json!({"alg": "ES256", "kid": "k"}), &request_object::claims(house, &ask));
    for (name, value) in [("request_uri", pushed["request_uri"].as_str().unwrap()), ("request", &inside)] {
        let around =
            Ask { parameters: Vec::new(), ..ask.clone() }.with("client_id", KEYED.id).with(name, value);
        // What somebody added on the way is not read.
        let around = around.with("act_as", &family.kims);
        let code = KEYED.code(house, browser, &around).await;
        assert_eq!(KEYED.redeem(house, &ask, &code).await.claims["represents"]["sub"], family.sams, "{name}");
    }
    assert!(!house.log().contains(&family.bsn));
}

#[tokio::test]
async fn a21_whoever_may_not_be_acted_for_is_refused_in_one_way() {
    let family = Family::at_home().await;
    let (house, browser) = (&family.house, &family.browser);
    let lab = listed(&LAB.sign_on(house, browser, "openid act_as").await);
    let refused = async |whom: &str| {
        let ask = asking(whom).with("prompt", "none");
        let page = browser.get(&ask.url(house)).await;
        assert_error(house, &page, &ask, "access_denied");
        heard(&page)
    };
    let one = refused("nobody-at-all").await;
    for whom in [&family.strangers, &lab[0], &lab[1], family.tokens.sub(), &family.sam, " ", "Choose"] {
        assert_eq!(refused(whom).await, one, "{whom}");
    }
    assert_eq!(family.lines().len(), 8);
    assert_eq!(
        family.lines()[1].split(" for ").next(),
        Some(format!("refused by {}", family.mother).as_str())
    );
    // Blocked; withdrawn; past the birthday: each was good until then, and the other child still is.
    family.silently(&family.sams).await;
    family.desk("block", &family.sam);
    assert_eq!(refused(&family.sams).await, one);
    family.silently(&family.kims).await;
    family.desk("unblock", &family.sam);
    family.silently(&family.sams).await;
    Desk::of(house).hear("withdraw", &family.kims_mandate, "represented");
    assert_eq!(refused(&family.kims).await, one);
    family.turns(&family.sam, 16);
    assert_eq!(refused(&family.sams).await, one);
    // After a login too, and the user is in all the same.
    let (fresh, ask) = (Browser::new(), asking(&family.strangers));
    let page = digid_page(house, &fresh, &family.bsn, "Midden", &ask).await;
    assert_error(house, &page, &ask, "access_denied");
    assert_eq!(heard(&page), one);
    let own = THE_PORTAL.sign_on(house, &fresh, "openid act_as").await;
    assert_eq!((own.sub(), own.claims.get("represents")), (family.tokens.sub(), None));
}

#[tokio::test]
async fn m7_below_the_level_it_steps_up_before_anybody_is_looked_up() {
    let family = Family::at_home().await;
    let house = &family.house;
    let (local, fresh) = (Browser::new(), Browser::new());
    log_in(house, &local, MOTHER, 2).await;
    // Whoever looks falls over.
    change(house, "ALTER TABLE mandates RENAME TO hidden");
    for whom in [family.sams.as_str(), &family.strangers, "nobody-at-all", "choose"] {
        let silent = asking(whom).with("prompt", "none");
        for browser in [&local, &fresh] {
            assert_error(house, &browser.get(&silent.url(house)).await, &silent, "login_required");
        }
        let straight = local.get(&asking(whom).url(house)).await.location().unwrap();
        assert!(straight.as_str().starts_with(&house.digid), "{whom}: {straight}");
        let choose = fresh.visit(&asking(whom).url(house), CALLBACK).await;
        assert!(choose.text("digid").is_some() && choose.text("local").is_none(), "{whom}");
        let claims = json!({"id_token": {"acr": {"essential": true, "value": "urn:namens:acr:local"}}});
        let low = asking(whom).with("claims", &claims.to_string());
        assert_error(house, &local.get(&low.url(house)).await, &low, "unmet_authentication_requirements");
    }
    change(house, "ALTER TABLE hidden RENAME TO mandates");
    // At DigiD the same user gets what was asked, in the same account.
    let ask = asking(&family.sams);
    let sent = local.get(&ask.url(house)).await;
    let digid = local.follow(sent, CALLBACK).await;
    let back = at_digid(&local, &digid, &family.bsn, &[]).await;
    let told = THE_PORTAL.redeem(house, &ask, &code_of(&back)).await;
    assert_eq!(
        (told.sub(), told.claims["represents"]["sub"].as_str()),
        (family.tokens.sub(), Some(family.sams.as_str()))
    );
}

#[tokio::test]
async fn m12_the_user_chooses_and_nobody_is_chosen_before() {
    let family = Family::at_home().await;
    let (house, browser) = (&family.house, &family.browser);
    let ask = asking("choose");
    let page = family.asked(&ask).await;
    let year = |age: u32| born(age, 0).split('-').next().unwrap().to_owned();
    for says in
        ["Voor mijzelf".to_owned(), format!("Voor Sam ({})", year(8)), format!("Voor Kim ({})", year(13))]
    {
        assert!(page.body.contains(&says), "{says}");
    }
    assert!(
        !page.body.contains("checked") && !page.body.contains("<script") && !page.body.contains("Voor Lot")
    );
    let english = family.browser.visit(&ask.clone().with("ui_locales", "en").url(house), CALLBACK).await;
    assert!(english.body.contains(&format!("For Sam ({})", year(8))) && english.body.contains("For myself"));
    let silent = asking("choose").with("prompt", "none");
    assert_error(house, &browser.get(&silent.url(house)).await, &silent, "interaction_required");

    // Nobody, somebody else's child, and a name of another sector: asked again, and no code.
    let csrf = page.form("for-whom-form").1["csrf"].clone();
    let nobody = browser.post(&format!("{}/for-whom", page.url), &[("csrf", &csrf)]).await;
    assert_eq!(
        (nobody.status.as_u16(), nobody.text("error").unwrap().as_str()),
        (422, "Kies eerst voor wie u wilt inloggen.")
    );
    for forged in [family.strangers.as_str(), family.tokens.sub(), &family.sam, "x"] {
        let again = family.chooses(&page, forged).await;
        let error = "U kunt nu niet inloggen voor deze persoon. Kies opnieuw.";
        assert_eq!((again.status.as_u16(), again.text("error").unwrap().as_str()), (422, error), "{forged}");
    }
    assert!(family.lines().iter().all(|line| line.starts_with("refused by ")) && family.lines().len() == 4);
    let code = code_of(&family.chooses(&page, &family.sams).await);
    let told = THE_PORTAL.redeem(house, &ask, &code).await;
    assert_eq!(
        (told.sub(), told.claims["represents"]["sub"].as_str()),
        (family.tokens.sub(), Some(family.sams.as_str()))
    );
    assert_eq!(family.lines().last().unwrap(), &format!("ok by {} for {}", family.mother, family.sam));
    // The answer was given once.
    assert_eq!(family.chooses(&page, &family.kims).await.status, 410);

    let page = family.asked(&ask).await;
    let own = THE_PORTAL.redeem(house, &ask, &code_of(&family.chooses(&page, "self").await)).await;
    assert_eq!((own.claims.get("represents"), listed(&own).len()), (None, 2));
    let page = family.asked(&ask).await;
    assert_error(house, &browser.submit(&page, "stop-form", &[]).await, &ask, "access_denied");

    // After a login the page comes too; and who has nobody is not asked.
    let fresh = Browser::new();
    let page = digid_page(house, &fresh, &family.bsn, "Midden", &ask).await;
    assert_eq!(page.heading(), FOR_WHOM);
    let code = code_of(&fresh.submit(&page, "for-whom-form", &[("whom", &family.kims)]).await);
    assert_eq!(THE_PORTAL.redeem(house, &ask, &code).await.claims["represents"]["sub"], family.kims);
    let (alone, bsn) = (Browser::new(), fresh_bsn());
    digid_account(house, &alone, &bsn, "alleen@voorbeeld.nl").await;
    let told = digid_again(house, &Browser::new(), &bsn, "Midden", &THE_PORTAL, &ask).await;
    assert_eq!((told.claims.get("represents"), &told.claims["act_as"]), (None, &json!([])));
    let code = THE_PORTAL.code(house, &alone, &ask).await;
    assert_eq!(THE_PORTAL.redeem(house, &ask, &code).await.claims.get("represents"), None);
    assert_error(house, &alone.get(&silent.url(house)).await, &silent, "interaction_required");
    let named = asking(&family.sams);
    assert_error(house, &alone.get(&named.url(house)).await, &named, "access_denied");
}

#[tokio::test]
async fn a8_a_choice_belongs_to_one_login_in_one_browser_and_its_session() {
    let family = Family::at_home().await;
    let (house, browser) = (&family.house, &family.browser);
    let ask = asking("choose");
    let (page, second) = (family.asked(&ask).await, family.asked(&asking("choose")).await);
    let whom = ("whom", family.sams.as_str());
    // Another login's token, none, another browser.
    let other = second.form("for-whom-form").1["csrf"].clone();
    for csrf in [other.as_str(), "", "x"] {
        let forged = browser.post(&format!("{}/for-whom", page.url), &[("csrf", csrf), whom]).await;
        assert_eq!(forged.status, 403, "{csrf}");
    }
    let stolen = Browser::new();
    assert_eq!(stolen.get(page.url.as_str()).await.status, 410);
    assert_eq!(stolen.submit(&page, "for-whom-form", &[whom]).await.status, 403);
    // A form of another step leads back.
    let csrf = page.form("for-whom-form").1["csrf"].clone();
    let consent =
        browser.post(&format!("{}/consent", page.url), &[("csrf", &csrf), ("answer", "allow")]).await;
    assert_eq!(consent.location().unwrap(), page.url);
    // Somebody else logs in in another tab: they see no names, and answer for nobody.
    let bsn = fresh_bsn();
    digid_account(house, &Browser::new(), &bsn, "ander@voorbeeld.nl").await;
    let login = THE_PORTAL.ask().with("scope", "openid act_as").with("prompt", "login");
    digid_again(house, browser, &bsn, "Midden", &THE_PORTAL, &login).await;
    let shown = browser.get(second.url.as_str()).await;
    assert_eq!(heard(&shown)["error"], "login_required");
    assert!(!shown.body.contains("Voor Sam"));
    assert_error(house, &browser.submit(&page, "for-whom-form", &[whom]).await, &ask, "login_required");
    assert_eq!(house.query("SELECT COUNT(*) FROM audit WHERE event = 'act_as'"), ["0"]);
}

#[tokio::test]
async fn m8_m9_what_changes_after_the_choice_leaves_no_tokens_and_never_the_users_own() {
    let family = Family::at_home().await;
    let house = &family.house;
    let happens = |what: &str| match what {
        "block" => family.desk("block", &family.sam),
        "unblock" => family.desk("unblock", &family.sam),
        "birthday" => family.turns(&family.sam, 12),
        _ => family.turns(&family.sam, 8),
    };
    for (from, to) in [("block", "unblock"), ("birthday", "no birthday")] {
        let (ask, given) = (asking(&family.sams), family.silently(&family.sams).await);
        let own = THE_PORTAL.sign_on(house, &family.browser, "openid act_as").await;
        let code = THE_PORTAL.code(house, &family.browser, &ask).await;
        let chooser = family.asked(&asking("choose")).await;
        let (access, refresh) = (given.text("access_token"), given.text("refresh_token"));
        happens(from);
        assert_refused(&THE_PORTAL.token(house, &ask.redemption(&code)).await, "invalid_grant");
        assert_refused(&THE_PORTAL.refresh(house, refresh).await, "invalid_grant");
        assert_eq!(userinfo(house, access).await.0, 401, "{from}");
        for token in [access, refresh] {
            assert_eq!(THE_PORTAL.introspect(house, token).await, json!({"active": false}), "{from}");
        }
        let again = family.chooses(&chooser, &family.sams).await;
        assert_eq!(again.status, 422);
        assert!(!again.body.contains("Voor Sam") && again.body.contains("Voor Kim"), "{from}");
        // The session and what else it gave go on.
        assert_eq!(listed(&refreshed(house, &own).await), std::slice::from_ref(&family.kims), "{from}");
        assert_eq!(family.silently(&family.kims).await.claims["represents"]["sub"], family.kims);
        // Nothing was revoked: what was a mistake and is put right leaves it as it was.
        happens(to);
        assert_eq!(refreshed(house, &given).await.claims["represents"]["sub"], family.sams);
        assert_eq!(THE_PORTAL.redeem(house, &ask, &code).await.claims["represents"]["sub"], family.sams);
    }
    let given = family.silently(&family.kims).await;
    // Tokens for somebody else always say so.
    let narrow = [
        ("grant_type", "refresh_token"),
        ("refresh_token", given.text("refresh_token")),
        ("scope", "openid"),
    ];
    assert_refused(&THE_PORTAL.token(house, &narrow).await, "invalid_scope");
    // Nor do they outlive the session, after which they would be the user's own.
    let long = LONG.ask().with("scope", "openid act_as offline_access");
    for (ask, scope) in
        [(long.clone().with("act_as", &family.kims), "openid act_as"), (long, "openid act_as offline_access")]
    {
        let code = LONG.code(house, &family.browser, &ask).await;
        assert_eq!(LONG.redeem(house, &ask, &code).await.text("scope"), scope);
    }
    Desk::of(house).hear("withdraw", &family.kims_mandate, "represented");
    assert_refused(&THE_PORTAL.refresh(house, given.text("refresh_token")).await, "invalid_grant");
    assert_eq!(userinfo(house, given.text("access_token")).await.0, 401);
    let lines = family.lines();
    let refused = format!("refused by {} for {}", family.mother, family.kim);
    assert_eq!(lines.last(), Some(&refused));
    assert!(!lines.concat().contains("block"), "no line says why");
}

#[tokio::test]
async fn a_portal_of_somebody_else_is_asked_about_after_the_choice() {
    let family = Family::at_home().await;
    let (house, browser) = (&family.house, &family.browser);
    let ask = OTHER.ask().with("scope", "openid act_as").with("act_as", "choose");
    let page = family.asked(&ask).await;
    let sub = page
        .body
        .split("value=\"")
        .filter_map(|rest| rest.split_once("\"> <label"))
        .map(|(sub, _)| sub.to_owned())
        .nth(1);
    let sent = family.chooses(&page, &sub.clone().unwrap()).await;
    let consent = browser.follow(sent, CALLBACK).await;
    assert_eq!(consent.heading(), "Mag Stappenteller deze gegevens krijgen?");
    let code = code_of(&browser.submit(&consent, "consent-form", &[("answer", "allow")]).await);
    assert_eq!(OTHER.redeem(house, &ask, &code).await.claims["represents"]["sub"], json!(sub));
    // By name, now that it may know: at once.
    let named =
        OTHER.ask().with("scope", "openid act_as").with("act_as", &sub.unwrap()).with("prompt", "none");
    let code = OTHER.code(house, browser, &named).await;
    assert_eq!(OTHER.redeem(house, &named, &code).await.claims["represents"]["sub"], named.get("act_as"));
}

#[tokio::test]
async fn act_as_is_for_who_asks_with_its_scope_and_says_one_thing() {
    let family = Family::at_home().await;
    let (house, browser) = (&family.house, &family.browser);
    let silent = |whom: &str| asking(whom).with("prompt", "none");
    let wish = json!({"id_token": {"represents": {"value": {"sub": family.sams, "iss": house.issuer}}}});
    for (ask, error) in [
        (silent(&family.sams).with("scope", "openid"), "invalid_scope"),
        (BARE.ask().with("act_as", &family.sams).with("prompt", "none"), "invalid_scope"),
        (silent(&family.sams).and("act_as", &family.sams), "invalid_request"),
        (silent(&family.sams).and("act_as", "choose"), "invalid_request"),
        (silent(&"x".repeat(256)), "invalid_request"),
        (silent("é"), "invalid_request"),
        (silent(&family.sams).with("claims", &wish.to_string()), "invalid_request"),
        (silent(&"x".repeat(255)), "access_denied"),
    ] {
        assert_error(house, &browser.get(&ask.url(house)).await, &ask, error);
    }
    let huge = browser.get(&silent(&"x".repeat(60_000)).url(house)).await;
    assert!(huge.status.is_client_error() && huge.location().is_none(), "{}", huge.status);
    // Without a value it is left out (RFC 6749 section 3.1), and `claims` can ask for the scope.
    let empty = silent("");
    let code = THE_PORTAL.code(house, browser, &empty).await;
    assert_eq!(THE_PORTAL.redeem(house, &empty, &code).await.claims.get("represents"), None);
    let scope = json!({"userinfo": {"act_as": null}}).to_string();
    let asked = silent(&family.sams).with("scope", "openid").with("claims", &scope);
    let code = THE_PORTAL.code(house, browser, &asked).await;
    assert_eq!(THE_PORTAL.redeem(house, &asked, &code).await.claims["represents"]["sub"], family.sams);
}
