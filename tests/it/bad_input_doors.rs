//! Every door with every parameter: a table that is complete, and the sweep of the doors that `bad_input` leaves over.

use std::collections::BTreeSet;

use crate::{
    bad_input::{BENDS, Bend, assert_calm, basic, bent},
    bad_input_sweep::{SWEPT, assert_swept},
    bad_input_wire::{Raw, get, post},
    browser::{Browser, Page},
    database::dump,
    floors::all,
    house::{CALLBACK, House, PASSWORD},
    oidc_client::{LAB, THE_PORTAL, logged_in},
    portal::request,
    steps::to_register_code,
};

/// What an authorization request may bring; pushed requests too.
pub const ASKED: &[&str] = &[
    "client_id",
    "redirect_uri",
    "response_type",
    "scope",
    "nonce",
    "state",
    "code_challenge",
    "code_challenge_method",
    "response_mode",
    "prompt",
    "max_age",
    "acr_values",
    "ui_locales",
    "login_hint",
    "claims",
    "act_as",
    "display",
    "id_token_hint",
    "resource",
    "dpop_jkt",
    "request",
    "request_uri",
    "registration",
];
/// How a client names itself beside a header.
pub const CLIENT: &[&str] = &["client_id", "client_secret", "client_assertion", "client_assertion_type"];
/// What each grant brings.
const TOKEN: &[&str] = &[
    "grant_type",
    "code",
    "redirect_uri",
    "code_verifier",
    "refresh_token",
    "scope",
    "subject_token",
    "subject_token_type",
    "requested_token_type",
    "act_as",
    "audience",
    "resource",
    "actor_token",
    "actor_token_type",
];

/// What the form of a mandate at the desk brings.
pub const AT_DESK: &[&str] = &[
    "csrf",
    "representative_bsn",
    "representative_number",
    "representative_name",
    "representative_birth",
    "representative_document",
    "representative_until",
    "representative_seen",
    "represented_bsn",
    "represented_number",
    "represented_name",
    "represented_birth",
    "represented_document",
    "represented_until",
    "represented_seen",
    "relation",
    "legal_basis",
    "evidence",
    "form_reference",
    "agrees",
    "ends",
];

/// The doors that read parameters, with all of them. Those of logins are swept from this table.
pub const DOORS: [(&str, &[&[&str]]); 76] = [
    ("/authorize", &[ASKED]),
    ("/par", &[ASKED, CLIENT]),
    ("/token", &[TOKEN, CLIENT]),
    ("/introspect", &[&["token", "token_type_hint"], CLIENT]),
    ("/revoke", &[&["token", "token_type_hint"], CLIENT]),
    ("/userinfo", &[&["access_token"]]),
    (
        "/logout",
        &[&["id_token_hint", "client_id", "post_logout_redirect_uri", "state", "ui_locales", "csrf"]],
    ),
    ("/digid/acs", &[&["SAMLart", "RelayState"]]),
    ("/digid/logout", &[&["SAMLResponse", "RelayState"]]),
    ("/login/{id}/email", &[&["csrf", "email", "password"]]),
    ("/login/{id}/register", &[&["csrf", "email", "password"]]),
    ("/login/{id}/recover", &[&["csrf", "email"]]),
    ("/login/{id}/code", &[&["csrf", "code"]]),
    ("/login/{id}/app", &[&["csrf", "code"]]),
    ("/login/{id}/recovery-code", &[&["csrf", "code"]]),
    ("/login/{id}/resend", &[&["csrf"]]),
    ("/login/{id}/digid", &[&["csrf"]]),
    ("/login/{id}/child", &[&["csrf"]]),
    ("/login/{id}/question", &[&["csrf", "answer"]]),
    ("/login/{id}/link", &[&["csrf", "email", "password"]]),
    ("/login/{id}/back", &[&["csrf"]]),
    ("/login/{id}/password", &[&["csrf", "password"]]),
    ("/login/{id}/for-whom", &[&["csrf", "whom"]]),
    ("/login/{id}/consent", &[&["csrf", "answer"]]),
    ("/login/{id}/continue", &[&["csrf"]]),
    ("/login/{id}/stop", &[&["csrf"]]),
    ("/account", &[&["error"]]),
    ("/account/password", &[&["csrf", "password"]]),
    ("/account/app", &[&["csrf", "offer", "code"]]),
    ("/account/app/remove", &[&["csrf"]]),
    ("/account/mandates", &[&["error"]]),
    ("/account/mandates/agree", &[&["csrf", "error", "mandate"]]),
    ("/account/mandates/refuse", &[&["csrf", "mandate"]]),
    ("/account/mandates/stop", &[&["csrf", "mandate"]]),
    ("/account/mandates/offer", &[&["csrf", "label", "days"]]),
    ("/account/mandates/code", &[&["csrf", "code"]]),
    ("/account/mandates/accept", &[&["csrf", "mandate"]]),
    ("/account/mandates/confirm", &[&["csrf", "mandate"]]),
    ("/account/mandates/decline", &[&["csrf", "mandate"]]),
    ("/account/log", &[&["before", "error"]]),
    ("/account/digid/link", &[&["csrf"]]),
    ("/account/digid/unlink", &[&["csrf"]]),
    ("/account/merge", &[&["csrf"]]),
    ("/account/merge/begin", &[&["csrf"]]),
    ("/account/email", &[&["csrf", "email"]]),
    ("/account/email/code", &[&["csrf", "code"]]),
    ("/account/erase", &[&["csrf", "email"]]),
    ("/account/export", &[&["csrf", "kind"]]),
    ("/account/portals/withdraw", &[&["csrf", "client"]]),
    ("/account/portals/device", &[&["csrf", "grant"]]),
    ("/account/sign-out", &[&["csrf", "sid"]]),
    ("/account/sign-out-others", &[&["csrf"]]),
    ("/account/sign-out-everywhere", &[&["csrf"]]),
    ("/desk", &[&["error", "again"]]),
    ("/desk/search", &[&["csrf", "bsn", "number"]]),
    ("/desk/register", &[AT_DESK]),
    ("/desk/person/{id}/correct", &[&["csrf", "birth", "bsn", "number", "evidence"]]),
    ("/desk/person/{id}/same-person", &[&["csrf", "other", "birth", "known", "evidence"]]),
    ("/desk/person/{id}/block", &[&["csrf", "other", "unknown", "reason"]]),
    ("/desk/person/{id}/unblock", &[&["csrf", "representative"]]),
    ("/desk/correction/{id}/same-person", &[&["csrf", "birth", "known", "other"]]),
    ("/desk/correction/{id}/approve", &[&["csrf", "birth", "bsn", "number"]]),
    ("/desk/correction/{id}/withdraw", &[&["csrf"]]),
    ("/desk/mandate/{id}/approve", &[&["csrf", "bsn", "birth", "represented"]]),
    ("/desk/mandate/{id}/refuse", &[&["csrf", "why"]]),
    ("/desk/mandate/{id}/attest", &[&["csrf", "evidence", "ends"]]),
    ("/desk/mandate/{id}/confirm", &[&["csrf", "basis"]]),
    ("/desk/mandate/{id}/end", &[&["csrf", "basis"]]),
    ("/desk/mandate/{id}/revoke", &[&["csrf"]]),
    ("/desk/mandate/{id}/said", &[&["csrf", "party", "word"]]),
    ("/desk/mandate/{id}/block", &[&["csrf", "reason"]]),
    ("/desk/mandate/{id}/unblock", &[&["csrf"]]),
    ("/desk/log", &[&["csrf", "bsn", "number", "person", "at", "line"]]),
    (
        "/desk/staff",
        &[&["csrf", "email", "department", "registrar", "approver", "officer", "auditor", "error"]],
    ),
    ("/desk/staff/{id}/approve", &[&["csrf", "email"]]),
    ("/desk/staff/{id}/end", &[&["csrf"]]),
];

/// Doors that read nothing but their address, or JSON that `registration_sweep` bends. What DigiD itself sends to `/digid/logout` is XML,
/// which `single_logout_digid` and `corpus_logout` spoil.
const BARE: [&str; 17] = [
    "/desk/queue",
    "/desk/person/{id}",
    "/desk/mandate/{id}",
    "/desk/ahead",
    "/desk/leaflet",
    "/account/digid",
    "/account/portals",
    "/register",
    "/register/{id}",
    "/login/{id}/",
    "/digid/metadata",
    "/.well-known/openid-configuration",
    "/.well-known/oauth-authorization-server",
    "/jwks",
    "/healthz",
    "/favicon.ico",
    "/static/",
];

/// The addresses that the router serves, as far as it writes them out; constants by their last name.
pub fn routes() -> Vec<String> {
    let (_, source) = all("src").into_iter().find(|(path, _)| path.ends_with("web/router.rs")).unwrap();
    let nested = source.find("Router::new()").unwrap()..source.find("let router = endpoints(").unwrap();
    let all = source.match_indices(".route(").map(|(at, found)| {
        let rest = source[at + found.len()..].trim_start();
        let named = rest.split([',', ')']).next().unwrap();
        let path = match named {
            "path::AUTHORIZE" => "/authorize".to_owned(),
            "path::PAR" => "/par".to_owned(),
            "path::TOKEN" => "/token".to_owned(),
            "path::INTROSPECT" => "/introspect".to_owned(),
            "path::REVOKE" => "/revoke".to_owned(),
            "path::USERINFO" => "/userinfo".to_owned(),
            "path::LOGOUT" => "/logout".to_owned(),
            "path::REGISTER" => "/register".to_owned(),
            "path::REGISTERED" => "/register/{id}".to_owned(),
            "path::JWKS" => "/jwks".to_owned(),
            "path::OPENID_CONFIGURATION" => "/.well-known/openid-configuration".to_owned(),
            "path::OAUTH_SERVER" => "/.well-known/oauth-authorization-server".to_owned(),
            "ACS_PATH" => "/digid/acs".to_owned(),
            "LOGOUT_PATH" => "/digid/logout".to_owned(),
            "page::STYLESHEET" | "form_post::SCRIPT" => "/static/".to_owned(),
            other => other.trim_matches('"').to_owned(),
        };
        if nested.contains(&at) { format!("/login/{{id}}{path}") } else { path }
    });
    all.collect()
}

/// The names of parameters that the sources read: from `Params`, and the fields of forms.
fn read_by_the_code() -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (path, text) in all("src") {
        let path = path.to_string_lossy().into_owned();
        let text = text.split("#[cfg(test)]").next().unwrap();
        if !["src/oidc", "src/flows", "src/web"].iter().any(|floor| path.contains(floor))
            || path.ends_with("tests.rs")
        {
            continue;
        }
        for object in ["params", "form"] {
            for call in ["get", "has", "all"] {
                for part in text.split(&format!("{object}.{call}(\"")).skip(1) {
                    found.insert(part.split('"').next().unwrap().to_owned());
                }
            }
        }
        for part in text.split("is_ours(\"").skip(1) {
            found.insert(part.split('"').next().unwrap().to_owned());
        }
        for part in text.split("targets(").skip(1).filter(|part| part.contains("&[\"")) {
            let names = part.split("&[").nth(1).unwrap().split(']').next().unwrap();
            found.extend(names.split('"').skip(1).step_by(2).map(str::to_owned));
        }
        // The admin API has a document, which `admin_sweep` goes through.
        let has_forms = path.contains("src/web") && !path.contains("src/web/admin");
        for part in text.split("Form {\n").skip(1).filter(|_| has_forms) {
            let fields = part.split('}').next().unwrap().lines().filter_map(|line| line.split_once(": "));
            let fields = fields.map(|(name, _)| name.trim().trim_start_matches("pub "));
            found.extend(
                fields.filter(|name| name.chars().all(|c| c.is_ascii_lowercase())).map(str::to_owned),
            );
        }
    }
    found
}

#[test]
fn the_table_of_doors_and_parameters_is_complete() {
    let known: BTreeSet<&str> = DOORS.iter().map(|(path, _)| *path).chain(BARE).collect();
    let served = routes();
    assert!(served.len() >= 30, "{served:?}");
    let left_over: Vec<_> = served.iter().filter(|path| !known.contains(path.as_str())).collect();
    assert!(left_over.is_empty(), "these doors have no row: {left_over:?}");
    let gone: Vec<_> = known.iter().filter(|path| !served.iter().any(|one| one == *path)).collect();
    assert!(gone.is_empty(), "these rows have no door: {gone:?}");
    let listed: BTreeSet<&str> = DOORS.iter().flat_map(|(_, all)| all.concat()).collect();
    let read = read_by_the_code();
    assert!(read.len() >= 35 && read.contains("email") && read.contains("audience"), "{read:?}");
    let left_over: Vec<_> = read.iter().filter(|name| !listed.contains(name.as_str())).collect();
    assert!(left_over.is_empty(), "these parameters have no row: {left_over:?}");
    // And each is bent by a test, which asserts that it does.
    let tests: String = all("tests").into_iter().map(|(_, text)| text).collect();
    for (test, ..) in SWEPT {
        assert!(tests.contains(&format!("async fn {test}()")), "there is no test {test}");
        let rows = SWEPT.iter().filter(|(one, ..)| one == test).count();
        assert!(tests.matches(&format!("\"{test}\"")).count() > rows, "{test} asserts no row");
    }
    for (path, wanted) in DOORS.iter().filter(|(path, _)| !path.starts_with("/login/")) {
        let rows = SWEPT.iter().filter(|(_, door, _)| door == path);
        let bent: BTreeSet<&str> = rows.flat_map(|(.., names)| names.iter().copied()).collect();
        assert_eq!(bent, wanted.concat().into_iter().collect(), "{path}");
    }
}

/// Every row of the store but of the audit log, and of what goes out to portals and people in its own time, as text. The last column of
/// grants and mandates is when somebody looks at them again, by the clock.
pub fn kept(house: &House) -> BTreeSet<String> {
    let all = dump(&house.folder.join("namens.db"));
    let rows = all.iter().map(String::as_str).filter(|line| {
        !["audit", "notices", "mandate_mails"].iter().any(|table| line.contains(&format!("\"{table}")))
    });
    let followed = |line: &str| ["\"grants\"", "\"mandates\""].iter().any(|table| line.contains(table));
    let row =
        |line: &str| line.rsplit_once(',').filter(|_| followed(line)).map_or(line, |(row, _)| row).to_owned();
    let rows: BTreeSet<String> = rows.map(row).collect();
    assert!(rows.len() > 3, "{all:#?}");
    rows
}

/// What is new. What has ended may be swept away meanwhile.
pub fn assert_nothing_new(house: &House, before: &BTreeSet<String>, case: &str) {
    let after = kept(house);
    let new: Vec<_> = after.difference(before).collect();
    assert!(new.is_empty(), "{case}: {new:#?}");
}

/// The doors of a login that take forms, by their last words.
pub fn of_a_login() -> Vec<&'static str> {
    let all: Vec<_> = DOORS.iter().filter_map(|(path, _)| path.strip_prefix("/login/{id}/")).collect();
    assert!(all.len() >= 17, "{all:?}");
    all
}

fn error_of(raw: &Raw, case: &str) -> String {
    let told: serde_json::Value =
        serde_json::from_str(&raw.body).unwrap_or_else(|_| panic!("{case}: {raw:?}"));
    assert_eq!(raw.header("cache-control"), Some("no-store"), "{case}");
    assert!(!told["error_description"].as_str().unwrap().is_empty(), "{case}");
    told["error"].as_str().unwrap().to_owned()
}

/// How a pushed request may be refused (RFC 9126 section 2.3).
const ERRORS: [&str; 9] = [
    "invalid_request",
    "invalid_scope",
    "invalid_target",
    "invalid_request_object",
    "invalid_client",
    "unsupported_response_type",
    "unmet_authentication_requirements",
    "request_uri_not_supported",
    "registration_not_supported",
];

#[tokio::test]
async fn every_parameter_of_a_pushed_request_bent_is_an_error_and_nothing_is_kept() {
    let tables = "resources = [\"https://a.nl\"]";
    let house = House::with(tables).await;
    let good = THE_PORTAL.ask().with("response_mode", "query").with("prompt", "login").with("max_age", "60");
    let good =
        good.with("acr_values", "urn:namens:acr:local").with("ui_locales", "nl").with("login_hint", "a@b.nl");
    let good = good.with("claims", "{}").with("display", "page").with("id_token_hint", "x");
    let good = good.with("resource", "https://a.nl").with("scope", "openid act_as").with("act_as", "choose");
    let good = good.with("dpop_jkt", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA");
    let needed = ["redirect_uri", "response_type", "scope", "code_challenge", "code_challenge_method"];
    let free = ["ui_locales", "display", "id_token_hint", "login_hint"];
    // Three that spoil every pushed request of this client.
    let spoilers = ["request", "request_uri", "registration"];
    let names: BTreeSet<&str> = good.parameters.iter().map(|(n, _)| n.as_str()).chain(spoilers).collect();
    assert_swept(
        "every_parameter_of_a_pushed_request_bent_is_an_error_and_nothing_is_kept",
        "/par",
        names.iter().copied(),
    );
    let is_harmless = |name: &&str, bend: Bend| match bend {
        Bend::Missing | Bend::Empty => !needed.contains(name),
        Bend::Doubled => *name == "resource",
        Bend::HalfEscape => free.contains(name) || ["state", "nonce", "act_as"].contains(name),
        Bend::Exotic | Bend::Raw => free.contains(name),
        // It may fill a request.
        Bend::Long => *name == "id_token_hint",
        _ => false,
    };
    let send = async |name: &&str, bend: Bend| {
        let ask = if spoilers.contains(name) { good.clone().with(name, "x") } else { good.clone() };
        let pairs: Vec<_> = ask.parameters.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        let at = pairs.iter().position(|(n, _)| n == name).unwrap();
        post(&house, "/par", &bent(&pairs, at, bend), &basic()).await
    };
    let every = || ASKED.iter().flat_map(|name| BENDS.map(|bend| (name, bend)));
    let before = kept(&house);
    for (name, bend) in every().filter(|(name, bend)| !is_harmless(name, *bend)) {
        let (raw, case) = (send(name, bend).await, format!("{name} {bend:?}"));
        assert_eq!(raw.status, 400, "{case}: {raw:?}");
        let error = error_of(&raw, &case);
        assert!(ERRORS.contains(&error.as_str()), "{case}: {error}");
    }
    assert_nothing_new(&house, &before, "nothing is kept of what was refused");
    for (name, bend) in every().filter(|(name, bend)| is_harmless(name, *bend)) {
        let raw = send(name, bend).await;
        assert_eq!(raw.status, 201, "{name} {bend:?}: {raw:?}");
    }
    assert_calm(&house);
}

#[tokio::test]
async fn every_parameter_of_introspection_and_revocation_bent_tells_and_ends_nothing() {
    let house = crate::oidc_client::house().await;
    let (browser, tokens) = logged_in(&house).await;
    let foreign = LAB.sign_on(&house, &browser, "openid").await;
    let before = kept(&house);
    for (path, token) in
        [("/introspect", tokens.text("access_token")), ("/revoke", foreign.text("access_token"))]
    {
        let named = [("token", token), ("token_type_hint", "access_token")];
        assert_swept(
            "every_parameter_of_introspection_and_revocation_bent_tells_and_ends_nothing",
            path,
            named.map(|(name, _)| name),
        );
        for at in 0..2 {
            for bend in BENDS {
                let case = format!("{path} {} {bend:?}", named[at].0);
                // A bent token is never another one that is good: bend one's own here too.
                let own = [("token", tokens.text("access_token")), named[1]];
                let pairs = if at == 0 { own } else { named };
                let raw = post(&house, path, &bent(&pairs, at, bend), &basic()).await;
                let read = match bend {
                    Bend::Missing | Bend::Empty => at == 1,
                    Bend::HalfEscape | Bend::Exotic | Bend::Raw => true,
                    _ => false,
                };
                assert_eq!(raw.status, if read { 200 } else { 400 }, "{case}: {raw:?}");
                if !read {
                    assert_eq!(error_of(&raw, &case), "invalid_request", "{case}");
                } else if path == "/introspect" {
                    assert_eq!(raw.body.contains("\"active\":true"), at == 1, "{case}: {raw:?}");
                } else {
                    assert_eq!(raw.body, "", "{case}");
                }
            }
        }
    }
    assert_nothing_new(&house, &before, "introspection and revocation");
    for (client, tokens) in [(THE_PORTAL, &tokens), (LAB, &foreign)] {
        assert_eq!(client.introspect(&house, tokens.text("access_token")).await["active"], true);
    }
    assert_eq!(THE_PORTAL.refresh(&house, tokens.text("refresh_token")).await.0, 200);
    assert_calm(&house);
}

/// A login at the step of that door, and the token of its forms.
async fn login_at(house: &House, browser: &Browser, door: &str, email: &str) -> (Page, String) {
    let begun = request(house, &[]);
    let page = if ["code", "resend"].contains(&door) {
        to_register_code(browser, &begun, email, PASSWORD).await
    } else {
        browser.visit(&begun.url, CALLBACK).await
    };
    let form = if ["code", "resend"].contains(&door) { "code-form" } else { "digid-form" };
    let token = page.form(form).1["csrf"].clone();
    (page, token)
}

#[tokio::test]
async fn every_field_of_every_form_of_a_login_bent_is_refused_and_lets_nobody_in() {
    let house = House::start().await;
    let mut count = 0;
    for (path, fields) in DOORS.iter().filter(|(path, _)| path.starts_with("/login/")) {
        let door = path.rsplit('/').next().unwrap();
        let fields = fields.concat();
        for (at, name) in fields.iter().enumerate() {
            for bend in BENDS {
                count += 1;
                let case = format!("{door} {name} {bend:?}");
                // An address of its own: so many mails to one would be too many.
                let email = format!("bent{count}@voorbeeld.nl");
                let browser = Browser::new();
                let (page, csrf) = login_at(&house, &browser, door, &email).await;
                let value = |name: &&'static str| match *name {
                    "csrf" => csrf.clone(),
                    "email" => email.clone(),
                    "password" => PASSWORD.to_owned(),
                    "code" => "0".to_owned(),
                    _ if door == "consent" => "allow".to_owned(),
                    _ => "have".to_owned(),
                };
                let values: Vec<String> = fields.iter().map(value).collect();
                let pairs: Vec<_> = fields.iter().copied().zip(values.iter().map(String::as_str)).collect();
                let body = bent(&pairs, at, bend);
                let url = format!("{}/{door}", page.url.as_str().trim_end_matches('/'));
                if bend == Bend::Huge {
                    let path = url.strip_prefix(&house.issuer).unwrap();
                    assert_eq!(post(&house, path, &body, "").await.status, 413, "{case}");
                    continue;
                }
                let sent = browser.request(reqwest::Method::POST, &url).header("origin", &house.issuer);
                let sent = sent.header("content-type", "application/x-www-form-urlencoded").body(body);
                let told = browser.send(sent).await;
                let status = told.status.as_u16();
                // Nobody need be chosen: that is said on the page that asks.
                let malformed = *name == "csrf"
                    || *name == "answer"
                    || bend == Bend::Doubled
                    || bend == Bend::Missing && *name != "whom";
                // Refused; or shown again with what is wrong, or on to where the login stands.
                let expected: &[u16] = if malformed { &[403] } else { &[422, 303] };
                assert!(expected.contains(&status), "{case}: {status} {}", told.heading());
                assert!(status == 303 || !told.heading().is_empty(), "{case}");
                if status != 303 && status != 422 {
                    assert_eq!(
                        browser.visit(page.url.as_str(), CALLBACK).await.heading(),
                        page.heading(),
                        "{case}"
                    );
                }
            }
        }
    }
    for rows in ["accounts", "grants", "ephemeral WHERE kind = 'session'"] {
        assert_eq!(house.query(&format!("SELECT COUNT(*) FROM {rows}")), ["0"], "{rows}");
    }
    assert_calm(&house);
}

#[tokio::test]
async fn the_parameters_that_only_some_requests_have_are_bent_at_authorize_too() {
    let house = House::start().await;
    let (browser, _) = logged_in(&house).await;
    let before = kept(&house);
    let names = ["request", "request_uri", "registration", "dpop_jkt"];
    assert_swept(
        "the_parameters_that_only_some_requests_have_are_bent_at_authorize_too",
        "/authorize",
        names,
    );
    for name in names {
        let ask = THE_PORTAL.ask().with(name, "x");
        let pairs: Vec<_> = ask.parameters.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        for bend in BENDS.into_iter().filter(|bend| !matches!(bend, Bend::Missing | Bend::Empty)) {
            let raw = get(&house, "/authorize", &bent(&pairs, pairs.len() - 1, bend), "").await;
            let location = raw.header("location").unwrap_or_default();
            let told = raw.status == 303 && location.starts_with(CALLBACK) && location.contains("error=");
            assert!(told || [400, 414, 431].contains(&raw.status), "{name} {bend:?}: {raw:?}");
        }
    }
    assert_nothing_new(&house, &before, "no login begins");
    for name in names {
        let twin = browser.get(&THE_PORTAL.ask().with(name, "").url(&house)).await;
        assert!(twin.location().unwrap().query().unwrap().contains("code="), "{name}: the twin");
    }
    assert_calm(&house);
}
