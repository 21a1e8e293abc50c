//! Portals hear that a session ended (OpenID Connect Back-Channel Logout), whatever ended it and whatever happens in between.

use std::{
    collections::VecDeque,
    future::pending,
    io::{Read, Write},
    net::TcpListener as StdListener,
    path::Path as FilePath,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use axum::{
    Router,
    body::Bytes,
    extract::{Path, State},
    http::{HeaderMap, StatusCode, header::LOCATION},
    response::{IntoResponse, Response},
    routing::{any, post},
};
use namens::{domain::jwk::JwkSet, oidc::jwt::Unverified};
use openssl::ssl::{SslAcceptor, SslFiletype, SslMethod};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use url::form_urlencoded;

use crate::{
    account::overview,
    browser::Browser,
    digid_steps::{bsn, change, log_in_with_digid, register_with_digid, through_digid},
    house::{CALLBACK, House, Options},
    oidc_client::{Auth, Client, assert_error, claims, header, logged_in},
    portal::{Tokens, log_in, register, request},
    single_logout::ordered,
    steps::{code_for, to_recover_code, type_code},
};

/// A portal that wants to hear, RS256.
pub const TOLD: Client =
    Client { id: "told", auth: Auth::Basic, callback: "http://127.0.0.1:9/callback/told" };
/// Another, ES256, in another sector.
pub const ALSO: Client =
    Client { id: "also", auth: Auth::Basic, callback: "http://127.0.0.1:9/callback/also" };

/// How long anything may take on a slow machine.
const PATIENCE: Duration = Duration::from_mins(2);
/// Four calls are claimed at once, while fewer than four are under way.
const MOST_OF_ONE: usize = 7;

/// Where the two portals hear of ends.
#[derive(Clone, Default)]
pub struct Ears {
    /// What came: for which client, and its logout token.
    heard: Arc<Mutex<Vec<(String, String)>>>,
    /// What `TOLD` answers next; 200 when there is nothing more. 0 is silence.
    answers: Arc<Mutex<VecDeque<u16>>>,
    /// How many wait for an answer of `TOLD`, and how many did at most.
    waiting: Arc<AtomicUsize>,
    most: Arc<AtomicUsize>,
    /// How many came to where a redirect of `TOLD` leads.
    trapped: Arc<AtomicUsize>,
}

impl Ears {
    /// Listens, and gives the configuration of both clients.
    pub async fn open() -> (Self, &'static str) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (ears, port) = (Self::default(), listener.local_addr().unwrap().port());
        let router = Router::new()
            .route("/out/{client}", post(hear))
            .route("/trap", any(trap))
            .with_state(ears.clone());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        let client = |id: &str, alg: &str, sector: &str| {
            format!(
                "[[client]]\nid = \"{id}\"\nname = \"{id}\"\nredirect_uris = [\"http://127.0.0.1:9/callback/{id}\"]\n\
                 post_logout_redirect_uris = [\"http://127.0.0.1:9/bye/{id}\"]\n\
                 backchannel_logout_uri = \"http://127.0.0.1:{port}/out/{id}\"\npolicy = \"basic\"\n\
                 auth = \"client_secret_basic\"\nsecret = {{ file = \"portal.secret\" }}\nscopes = [\"openid\", \"act_as\"]\n\
                 id_token_alg = \"{alg}\"\nsector = \"{sector}\"\n"
            )
        };
        let clients = client("told", "RS256", "told.example") + &client("also", "ES256", "also.example");
        let tables = format!("[outbound]\nprivate_addresses = [\"127.0.0.1\"]\n{clients}");
        (ears, Box::leak(tables.into_boxed_str()))
    }

    /// The tokens that a client has heard so far.
    pub fn so_far(&self, client: Client) -> Vec<String> {
        let heard = self.heard.lock().unwrap();
        heard.iter().filter(|(id, _)| id == client.id).map(|(_, token)| token.clone()).collect()
    }

    /// Waits until a client has heard of this session so many times, and gives those tokens.
    pub async fn of(&self, client: Client, sid: &Value, count: usize) -> Vec<String> {
        let what = format!("{count} of {sid} for {}", client.id);
        let of =
            |tokens: Vec<String>| tokens.into_iter().filter(|token| claims(token)["sid"] == *sid).collect();
        until(&what, || Some(of(self.so_far(client))).filter(|tokens: &Vec<String>| tokens.len() >= count))
            .await
    }
}

async fn hear(
    State(ears): State<Ears>,
    Path(client): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    assert_eq!(headers["content-type"], "application/x-www-form-urlencoded");
    let form: Vec<(String, String)> = form_urlencoded::parse(&body).into_owned().collect();
    let [(name, token)] = form.as_slice() else { panic!("{form:?}") };
    assert_eq!(name, "logout_token");
    ears.heard.lock().unwrap().push((client.clone(), token.clone()));
    let answer = if client == TOLD.id { ears.answers.lock().unwrap().pop_front() } else { None };
    if answer == Some(0) {
        let waiting = ears.waiting.fetch_add(1, Ordering::SeqCst) + 1;
        ears.most.fetch_max(waiting, Ordering::SeqCst);
        // Let go of when the other side hangs up.
        let _left = Left(ears.waiting.clone());
        pending::<()>().await;
    }
    let status = StatusCode::from_u16(answer.unwrap_or(200)).unwrap();
    if !status.is_redirection() {
        return status.into_response();
    }
    let there = format!("http://{}/trap", headers["host"].to_str().unwrap());
    (status, [(LOCATION, there)]).into_response()
}

/// Where nobody should come.
async fn trap(State(ears): State<Ears>) {
    ears.trapped.fetch_add(1, Ordering::SeqCst);
}

struct Left(Arc<AtomicUsize>);

impl Drop for Left {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Waits until there is something.
pub async fn until<T>(what: &str, found: impl Fn() -> Option<T>) -> T {
    let patience = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = found() {
            return found;
        }
        assert!(Instant::now() < patience, "never came: {what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Waits until nobody is left to be told.
pub async fn settled(house: &House) {
    let left = || house.query("SELECT COUNT(*) FROM notices WHERE due IS NOT NULL").remove(0);
    until("an end to all notices", || (left() == "0").then_some(())).await;
}

fn lines(house: &House) -> Vec<String> {
    house.query(
        "SELECT outcome || ' ' || client || ' ' || detail FROM audit WHERE event = 'logout.notice' ORDER BY client, detail",
    )
}

pub async fn sign_out(house: &House, browser: &Browser, tokens: &Tokens) {
    let page =
        browser.get(&format!("{}/logout?id_token_hint={}", house.issuer, tokens.text("id_token"))).await;
    assert_eq!(page.heading(), "U bent uitgelogd.");
}

#[tokio::test]
async fn each_portal_of_a_session_hears_its_end_in_a_token_that_it_verifies_and_nobody_else_does() {
    let (ears, tables) = Ears::open().await;
    let house = House::with(tables).await;
    let (browser, first) = logged_in(&house).await;
    let (told, also) =
        (TOLD.sign_on(&house, &browser, "openid").await, ALSO.sign_on(&house, &browser, "openid").await);
    TOLD.sign_on(&house, &browser, "openid").await;
    // The same person in another browser stays in.
    let other = Browser::new();
    log_in(&house, &other, "jansen@voorbeeld.nl", 2).await;
    TOLD.sign_on(&house, &other, "openid").await;
    sign_out(&house, &browser, &first).await;

    let keys = reqwest::get(format!("{}/jwks", house.issuer)).await.unwrap().text().await.unwrap();
    let keys: JwkSet = serde_json::from_str(&keys).unwrap();
    for (client, tokens, alg) in [(TOLD, &told, "RS256"), (ALSO, &also, "ES256")] {
        let sid = &tokens.claims["sid"];
        let heard = ears.of(client, sid, 1).await;
        let top = header(&heard[0]);
        assert_eq!((&top["typ"], &top["alg"]), (&json!("logout+jwt"), &json!(alg)));
        let read = Unverified::read(&heard[0], |_| true, &["logout+jwt"]).unwrap();
        let mut told_us: Value = read.verified_by(&keys).unwrap();
        let [iat, exp] = ["iat", "exp"].map(|name| told_us[name].as_i64().unwrap());
        assert!(exp - iat == 120 && iat >= tokens.claims["iat"].as_i64().unwrap());
        assert!(told_us["jti"].as_str().unwrap().len() >= 22);
        for name in ["iat", "exp", "jti"] {
            told_us.as_object_mut().unwrap().remove(name);
        }
        let expected = json!({
            "iss": house.issuer, "aud": client.id, "sub": tokens.sub(), "sid": sid,
            "events": {"http://schemas.openid.net/event/backchannel-logout": {}},
        });
        assert_eq!(told_us, expected);
    }
    settled(&house).await;
    let sid = told.claims["sid"].as_str().unwrap();
    assert_eq!(
        lines(&house),
        [format!("ok also {sid}"), format!("ok told {sid}")],
        "and no line of the portal's"
    );
    assert_eq!((ears.so_far(TOLD).len(), ears.so_far(ALSO).len()), (1, 1));
    // A logout token opens nothing here (A12).
    let token = &ears.so_far(TOLD)[0];
    assert_eq!(crate::oidc_client::userinfo(&house, token).await.0, 401);
    // Where nobody is in, an ID token of the session that it ended leads back, and it leads nowhere.
    let back = |hint: &str| {
        let there = "post_logout_redirect_uri=http://127.0.0.1:9/bye/told";
        format!("{}/logout?id_token_hint={hint}&{there}", house.issuer)
    };
    let page = Browser::new().get(&back(token)).await;
    assert_eq!((page.location(), page.heading().as_str()), (None, "U bent uitgelogd."));
    let page = Browser::new().get(&back(told.text("id_token"))).await;
    assert_eq!(page.location().unwrap().as_str(), "http://127.0.0.1:9/bye/told");
    // Nor in the browser that it is about, where its user is in again; an ID token of the very session that it ended does.
    log_in(&house, &browser, "jansen@voorbeeld.nl", 3).await;
    let hinted = |hint: &str| TOLD.ask().with("prompt", "none").with("id_token_hint", hint);
    let ask = hinted(token);
    assert_error(&house, &browser.get(&ask.url(&house)).await, &ask, "login_required");
    TOLD.code(&house, &browser, &hinted(told.text("id_token"))).await;
}

#[tokio::test]
async fn whatever_ends_a_session_is_told() {
    let (ears, tables) = Ears::open().await;
    let house = House::with(tables).await;
    let (browser, _) = logged_in(&house).await;
    let sid = async |browser: &Browser| TOLD.sign_on(&house, browser, "openid").await.claims["sid"].clone();
    // A new login in the same browser.
    let older = sid(&browser).await;
    log_in(&house, &browser, "jansen@voorbeeld.nl", 2).await;
    ears.of(TOLD, &older, 1).await;
    // The user, who says so on our page.
    let own = sid(&browser).await;
    assert_ne!(own, older);
    let page = browser.get(&format!("{}/logout", house.issuer)).await;
    browser.submit(&page, "logout-form", &[]).await;
    ears.of(TOLD, &own, 1).await;
    // A new password.
    log_in(&house, &browser, "jansen@voorbeeld.nl", 3).await;
    let reset = sid(&browser).await;
    let stranger = Browser::new();
    let page = to_recover_code(&stranger, &request(&house, &[]), "jansen@voorbeeld.nl").await;
    let new = type_code(&stranger, &page, &code_for(&house, "jansen@voorbeeld.nl", &page)).await;
    let new = stranger.follow(new, CALLBACK).await;
    stranger.submit(&new, "password-form", &[("password", "een heel ander woord")]).await;
    ears.of(TOLD, &reset, 1).await;
    settled(&house).await;
    assert_eq!(ears.so_far(TOLD).len(), 3, "each once");
}

#[tokio::test]
async fn a_session_that_the_clock_ends_is_told_whichever_limit_it_was() {
    let (ears, tables) = Ears::open().await;
    let house = House::with(tables).await;
    let (unvisited, _) = logged_in(&house).await;
    let visited = Browser::new();
    log_in(&house, &visited, "jansen@voorbeeld.nl", 2).await;
    let sid = async |browser: &Browser| TOLD.sign_on(&house, browser, "openid").await.claims["sid"].clone();
    let (idle, old) = (sid(&unvisited).await, sid(&visited).await);
    assert_ne!(idle, old);
    // A quarter of an hour without a visit; somebody else came by after ten minutes.
    house.move_clock(10 * 60).await;
    assert_eq!(sid(&visited).await, old);
    house.move_clock(15 * 60 + 1).await;
    ears.of(TOLD, &idle, 1).await;
    assert_eq!(sid(&visited).await, old);
    // Eight hours, with visits all the time.
    for moved in (1400..=28_000).step_by(700) {
        house.move_clock(moved).await;
        assert_eq!(sid(&visited).await, old);
    }
    assert_eq!(ears.so_far(TOLD).len(), 1, "who comes by stays in");
    house.move_clock(8 * 3600 + 1).await;
    ears.of(TOLD, &old, 1).await;
    settled(&house).await;
    assert_eq!(ears.so_far(TOLD).len(), 2, "each once");
}

#[tokio::test]
async fn f15_an_owner_who_signs_out_everywhere_is_signed_out_at_the_portals_of_each_session() {
    let (ears, tables) = Ears::open().await;
    let house = House::with(tables).await;
    let (here, _) = logged_in(&house).await;
    let (there, other) = (Browser::new(), Browser::new());
    log_in(&house, &there, "jansen@voorbeeld.nl", 2).await;
    register(&house, &other, "smit@voorbeeld.nl").await;
    let page = overview(&house, &here).await;
    let sid = async |client: Client, browser: &Browser| {
        client.sign_on(&house, browser, "openid").await.claims["sid"].clone()
    };
    let ended = [sid(TOLD, &here).await, sid(TOLD, &there).await];
    assert_eq!(sid(ALSO, &there).await, ended[1]);
    let theirs = sid(TOLD, &other).await;
    let out = here.submit(&page, "everywhere-form", &[]).await;
    assert_eq!(out.heading(), "U bent uitgelogd.");
    for (client, ended) in [(TOLD, &ended[0]), (TOLD, &ended[1]), (ALSO, &ended[1])] {
        ears.of(client, ended, 1).await;
    }
    settled(&house).await;
    assert_eq!((ears.so_far(TOLD).len(), ears.so_far(ALSO).len()), (2, 1), "each once");
    assert_eq!(sid(TOLD, &other).await, theirs, "nobody else's");
}

#[tokio::test]
async fn what_digid_ends_is_told() {
    let (ears, tables) = Ears::open().await;
    let options = Options { tables, digid: "single_logout = true", ..Options::default() };
    let (house, bsn) = (House::start_with(options).await, bsn(1));
    register_with_digid(&house, &bsn, "jansen@voorbeeld.nl", "").await;
    let browser = Browser::new();
    log_in_with_digid(&house, &browser, &bsn, &[], &[]).await;
    let sid = TOLD.sign_on(&house, &browser, "openid").await.claims["sid"].clone();
    ordered(&house, &[("bsn", &bsn)]).await;
    ears.of(TOLD, &sid, 1).await;
}

#[tokio::test]
async fn what_ends_with_a_return_from_digid_that_leads_no_further_is_told() {
    let (ears, tables) = Ears::open().await;
    let (house, bsn) = (House::with(tables).await, bsn(1));
    register_with_digid(&house, &bsn, "jansen@voorbeeld.nl", "").await;
    let browser = Browser::new();
    log_in_with_digid(&house, &browser, &bsn, &[], &[]).await;
    let sid = TOLD.sign_on(&house, &browser, "openid").await.claims["sid"].clone();
    through_digid(&house, &browser, &bsn, &[("prompt", "login")], &[("outcome", "cancel")]).await;
    ears.of(TOLD, &sid, 1).await;
}

#[tokio::test]
async fn a_portal_that_fails_is_told_again_and_given_up_in_the_end() {
    let (ears, tables) = Ears::open().await;
    let house = House::with(tables).await;
    let (browser, first) = logged_in(&house).await;
    let sid = TOLD.sign_on(&house, &browser, "openid").await.claims["sid"].clone();
    ears.answers.lock().unwrap().extend([503, 204]);
    sign_out(&house, &browser, &first).await;
    let heard = ears.of(TOLD, &sid, 2).await;
    settled(&house).await;
    assert_eq!(lines(&house), [format!("ok told {}", sid.as_str().unwrap())], "204 is a yes");
    assert_eq!(ears.so_far(TOLD).len(), 2);
    assert_ne!(claims(&heard[0])["jti"], claims(&heard[1])["jti"], "each try has a token of its own");

    let again = log_in(&house, &browser, "jansen@voorbeeld.nl", 2).await;
    let sid = TOLD.sign_on(&house, &browser, "openid").await.claims["sid"].clone();
    // Whichever way a follower would go on, by GET or by POST.
    ears.answers.lock().unwrap().extend([302, 307].repeat(50));
    sign_out(&house, &browser, &again).await;
    ears.of(TOLD, &sid, 1).await;
    // As if the other tries had been made: the next is the last.
    change(&house, "UPDATE notices SET tries = 8, due = 0 WHERE due IS NOT NULL");
    settled(&house).await;
    let gave_up =
        ["302", "307"].map(|status| format!("gave_up told {} status_{status}", sid.as_str().unwrap()));
    assert!(lines(&house).iter().any(|line| gave_up.contains(line)), "{:?}", lines(&house));
    assert!(ears.of(TOLD, &sid, 2).await.len() >= 2);
    assert_eq!(ears.trapped.load(Ordering::SeqCst), 0, "no redirect is followed");
    // It is a trap: somebody who follows is caught.
    let out = tables.split("backchannel_logout_uri = \"").nth(1).unwrap().split('"').next().unwrap();
    reqwest::Client::new().post(out).form(&[("logout_token", "x")]).send().await.unwrap();
    assert_eq!(ears.trapped.load(Ordering::SeqCst), 1);
    assert!(house.log().contains("a portal was never told that a session ended"));
}

#[tokio::test]
async fn neither_a_kill_nor_a_proxy_of_the_environment_keeps_a_portal_from_hearing() {
    let (ears, tables) = Ears::open().await;
    let mut house = House::with(tables).await;
    let (browser, first) = logged_in(&house).await;
    let sid = TOLD.sign_on(&house, &browser, "openid").await.claims["sid"].clone();
    ears.answers.lock().unwrap().push_back(0);
    sign_out(&house, &browser, &first).await;
    ears.of(TOLD, &sid, 1).await;
    // In the middle of the call.
    house.kill();
    let trap = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", trap.local_addr().unwrap());
    let caught = tokio::spawn(async move { trap.accept().await });
    house.open_doors_with(
        &["http_proxy", "HTTP_PROXY", "https_proxy", "ALL_PROXY"].map(|name| (name, address.as_str())),
    );
    ears.of(TOLD, &sid, 2).await;
    settled(&house).await;
    assert_eq!(lines(&house), [format!("ok told {}", sid.as_str().unwrap())]);
    assert!(!caught.is_finished(), "it went through a proxy");
    // Perhaps before the call: whichever it is, it comes.
    let again = log_in(&house, &browser, "jansen@voorbeeld.nl", 2).await;
    let sid = TOLD.sign_on(&house, &browser, "openid").await.claims["sid"].clone();
    sign_out(&house, &browser, &again).await;
    house.kill();
    house.open_doors();
    ears.of(TOLD, &sid, 1).await;
}

#[tokio::test]
async fn a_portal_that_does_not_answer_takes_no_place_of_others() {
    let (ears, tables) = Ears::open().await;
    let house = House::with(tables).await;
    let (browser, first) = logged_in(&house).await;
    let sid = ALSO.sign_on(&house, &browser, "openid").await.claims["sid"].clone();
    ears.answers.lock().unwrap().extend([0; 200]);
    change(
        &house,
        "INSERT INTO notices WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 60) \
         SELECT 'gone' || i, 'told', (SELECT id FROM persons), 0, 0, 9999999999, 0 FROM n",
    );
    until("calls that hang", || (ears.waiting.load(Ordering::SeqCst) >= 4).then_some(())).await;
    sign_out(&house, &browser, &first).await;
    ears.of(ALSO, &sid, 1).await;
    let most = ears.most.load(Ordering::SeqCst);
    assert!((4..=MOST_OF_ONE).contains(&most), "{most} at once");
}

/// A portal on this machine that speaks TLS with that certificate, and counts who connects and what it reads.
pub struct Tls {
    connected: Arc<AtomicUsize>,
    pub heard: Arc<AtomicUsize>,
}

impl Tls {
    /// With the certificate of that name.
    pub fn start(listener: StdListener, name: &FilePath) -> Self {
        let mut acceptor = SslAcceptor::mozilla_intermediate_v5(SslMethod::tls()).unwrap();
        acceptor.set_certificate_file(name.with_extension("crt"), SslFiletype::PEM).unwrap();
        acceptor.set_private_key_file(name.with_extension("key"), SslFiletype::PEM).unwrap();
        let acceptor = acceptor.build();
        let portal = Self { connected: Arc::default(), heard: Arc::default() };
        let (connected, heard) = (portal.connected.clone(), portal.heard.clone());
        std::thread::spawn(move || {
            'next: for stream in listener.incoming() {
                connected.fetch_add(1, Ordering::SeqCst);
                let Ok(mut stream) = acceptor.accept(stream.unwrap()) else { continue };
                let (mut request, mut part) = (Vec::new(), [0; 4096]);
                // The body is the last that comes, in a piece of its own or not.
                while !String::from_utf8_lossy(&request).contains("\r\n\r\nlogout_token=") {
                    match stream.read(&mut part) {
                        Ok(read) if read > 0 => request.extend_from_slice(&part[..read]),
                        _ => continue 'next,
                    }
                }
                let _ =
                    stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
                heard.fetch_add(1, Ordering::SeqCst);
            }
        });
        portal
    }
}

/// A name that means this machine passes the registration; what it means is judged when it is called.
#[tokio::test]
async fn a14_a_name_that_leads_inside_is_not_called_unless_the_operator_says_so() {
    let listener = StdListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let tables = format!(
        "[[client]]\nid = \"told\"\nname = \"told\"\nredirect_uris = [\"{}\"]\npolicy = \"basic\"\n\
         backchannel_logout_uri = \"https://localhost:{port}/out\"\nauth = \"client_secret_basic\"\n\
         secret = {{ file = \"portal.secret\" }}\nscopes = [\"openid\"]\n# here",
        TOLD.callback
    );
    let mut house = House::with(tables).await;
    let portal = Tls::start(listener, &house.folder.join("pki/digid-tls"));
    let (browser, first) = logged_in(&house).await;
    let sid = TOLD.sign_on(&house, &browser, "openid").await.claims["sid"].clone();
    sign_out(&house, &browser, &first).await;
    let logged =
        async |house: &House, word: &str| until(word, || house.log().contains(word).then_some(())).await;
    logged(&house, "out_of_reach").await;
    assert_eq!(portal.connected.load(Ordering::SeqCst), 0);
    // Named, but with a certificate that nobody here trusts.
    house.reconfigure("# here", "[outbound]\nprivate_addresses = [\"127.0.0.1\"]");
    logged(&house, "unreachable").await;
    assert_eq!(portal.heard.load(Ordering::SeqCst), 0);
    assert!(portal.connected.load(Ordering::SeqCst) > 0);
    house.reconfigure("[outbound]", "[outbound]\nextra_roots = [\"pki/ca.crt\"]");
    change(&house, "UPDATE notices SET due = 0 WHERE due IS NOT NULL");
    settled(&house).await;
    assert_eq!(lines(&house), [format!("ok told {}", sid.as_str().unwrap())]);
}
