//! `kill -9` at random moments under load: what was acknowledged stands, and what was used stays used.
//!
//! People register and link DigiD, portals redeem and refresh, the desk registers and revokes mandates; then everything
//! dies at once.
//! After each start the test asks for whatever it was told before. The moments follow a seed; set `CRASH_SEED` to the one
//! that a failed run printed.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    process::{Child, Stdio},
    sync::{Arc, Mutex},
    time::Duration,
};

use serde_json::Value;

use crate::{
    browser::{Browser, Page},
    digid_steps::{at_question, bsn, enter_link},
    house::{CALLBACK, House, PASSWORD, PORTAL, SECRET, code_in},
    portal::{Request, code_of, form_encoded, register, request},
    steps::{account, code_for, is_in, log_in_with},
};

const KILLS: u64 = 50;
const REFRESHERS: usize = 3;
/// How long to wait between two looks, and how often to look before giving up: a minute.
const BREATH: Duration = Duration::from_millis(10);
const PATIENCE: u32 = 6000;

/// What was acknowledged.
#[derive(Default)]
struct Told {
    /// Addresses of accounts, by a browser that was sent back to its portal.
    accounts: Vec<String>,
    /// Authorization codes that gave tokens, each with its verifier and its refresh token.
    codes: Vec<(String, String, String)>,
    /// Mailed codes that opened a session: browser, page and code.
    mailed: Vec<(Browser, Page, String)>,
    /// Addresses of accounts, by a browser that was led on after the code that links DigiD.
    linked: Vec<String>,
    /// Refresh tokens that were used, oldest first.
    used: Vec<String>,
    /// Whether the server is dead: nobody waits for a mail of it.
    dead: bool,
}

/// Numbers that follow a seed (splitmix64).
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % limit
    }
}

#[expect(clippy::disallowed_methods, reason = "a test that failed must be able to run again as it ran")]
fn seed() -> u64 {
    std::env::var("CRASH_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or_else(|| {
        namens::domain::id::random::<8>()
            .bytes()
            .fold(0, |seed, byte| seed * 31 % 1_000_003 + u64::from(byte))
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_survives_fifty_kills() {
    let seed = seed();
    println!("CRASH_SEED={seed}");
    let mut dice = Dice(seed);
    let mut house = House::start().await;
    // Connections of a server that was killed are not used again.
    let http = reqwest::Client::builder().pool_max_idle_per_host(0).build().unwrap();
    let portal = Portal { http, issuer: house.issuer.clone() };
    let mut chains = Vec::new();
    for n in 0..REFRESHERS {
        let tokens = register(&house, &Browser::new(), &format!("keten{n}@voorbeeld.nl")).await;
        chains.push(Arc::new(Mutex::new(tokens.text("refresh_token").to_owned())));
    }
    let mut desk = Desk::open(&house);
    let told = Arc::new(Mutex::new(Told::default()));
    for round in 0..KILLS {
        let link = if round % 5 < 2 { Some(before_link(&house, round).await) } else { None };
        let mut load: Vec<_> = chains
            .iter()
            .map(|chain| tokio::spawn(refresh(portal.clone(), chain.clone(), told.clone())))
            .collect();
        load.extend(link.map(|ready| tokio::spawn(link_digid(ready, told.clone()))));
        // More than one now and then, so that they meet.
        for n in 0..[2, 0, 1, 0, 1][usize::try_from(round % 5).unwrap()] {
            let (browser, ask) = (Browser::new(), request(&house, &[]));
            let email = format!("nieuw{round}.{n}@voorbeeld.nl");
            let mail = house.folder.join("mail");
            load.push(tokio::spawn(enrol(portal.clone(), mail, browser, ask, email, told.clone())));
        }
        let mut act = desk.act(&house);
        // Some rounds wait until a slow one is through, or hardly anything would be acknowledged on a busy machine.
        for _ in 0..PATIENCE {
            let waits = match round % 5 {
                0 => told.lock().unwrap().codes.is_empty(),
                1 => act.0.try_wait().unwrap().is_none(),
                _ => false,
            };
            if !waits {
                break;
            }
            tokio::time::sleep(BREATH).await;
        }
        tokio::time::sleep(Duration::from_millis(dice.below(if round % 5 < 2 { 20 } else { 160 }))).await;
        house.kill();
        told.lock().unwrap().dead = true;
        desk.told(act);
        for task in load {
            task.await.unwrap();
        }
        told.lock().unwrap().dead = false;
        house.open_doors();
        check(&portal, &chains, &told).await;
        stands(&house, &told, &desk);
        if round % 5 == 0 {
            house.ok(&["audit", "verify"]);
        }
    }
    println!("{}", finish(&house, &portal, told, &desk).await);
}

/// After each start: chains go on, accounts stand, one thing of each kind that was used is refused.
async fn check(portal: &Portal, chains: &[Arc<Mutex<String>>], told: &Mutex<Told>) {
    for chain in chains {
        // The last token that its portal was given, whether or not the next answer was lost with the server.
        let last = chain.lock().unwrap().clone();
        let (status, body) = portal.refreshes(&last).await;
        assert_eq!(status, 200, "a refresh token was lost: {body}");
        body["refresh_token"].as_str().unwrap().clone_into(&mut chain.lock().unwrap());
    }
    let mailed = told.lock().unwrap().mailed.pop();
    if let Some((browser, page, code)) = mailed {
        let again = browser.submit(&page, "code-form", &[("code", &code)]).await;
        assert!(!is_in(&again), "a mailed code opened a second session");
    }
    let code = told.lock().unwrap().codes.pop();
    if let Some((code, verifier, refresh)) = code {
        let alive = portal.refreshes(&refresh).await;
        assert_eq!(alive.0, 200, "a refresh token was lost: {}", alive.1);
        let form = [
            ("grant_type", "authorization_code"),
            ("code", &code),
            ("redirect_uri", CALLBACK),
            ("code_verifier", &verifier),
        ];
        let again = portal.asks(&form).await.unwrap();
        assert_eq!(again.0, 400, "an authorization code gave tokens twice");
    }
}

/// After each start: every account, mandate, revocation and use of a refresh token that was acknowledged is on record.
fn stands(house: &House, told: &Mutex<Told>, desk: &Desk) {
    let rows = house.query(
        "SELECT email_key FROM accounts UNION ALL \
         SELECT 'linked ' || email_key FROM accounts WHERE digid_linked_at IS NOT NULL UNION ALL \
         SELECT CASE WHEN revoked_at IS NULL THEN 'granted ' ELSE 'revoked ' END || id FROM mandates UNION ALL \
         SELECT 'used ' || COUNT(*) FROM audit WHERE event = 'token.refreshed'",
    );
    let rows: BTreeSet<String> = rows.into_iter().collect();
    let told = told.lock().unwrap();
    let granted = desk.granted.iter().map(|id| format!("granted {id}"));
    let revoked = desk.revoked.iter().map(|id| format!("revoked {id}"));
    let linked = told.linked.iter().map(|email| format!("linked {email}"));
    for promised in told.accounts.iter().cloned().chain(linked).chain(granted).chain(revoked) {
        assert!(rows.contains(&promised), "lost: {promised}");
    }
    let used = rows.iter().find_map(|row| row.strip_prefix("used ")).unwrap();
    assert!(used.parse::<usize>().unwrap() >= told.used.len(), "that a refresh token was used is forgotten");
}

/// At the end: the owner of every account can get in, and every replayed refresh token ends its family.
async fn finish(house: &House, portal: &Portal, told: Arc<Mutex<Told>>, desk: &Desk) -> String {
    let accounts = std::mem::take(&mut told.lock().unwrap().accounts);
    assert!(accounts.len() >= 3, "too little was done between the kills: {} accounts", accounts.len());
    assert!(desk.granted.len() + desk.revoked.len() >= 3, "the desk did too little");
    let linked = told.lock().unwrap().linked.len();
    assert!(linked >= 3, "too few linked DigiD between the kills: {linked}");
    for email in &accounts[accounts.len() - 3..] {
        let mails = house.mails_now(email).len();
        log_in_with(house, email, PASSWORD, mails + 1).await;
    }
    let used = std::mem::take(&mut told.lock().unwrap().used);
    for used in used.iter().step_by(used.len() / 10 + 1) {
        let again = portal.refreshes(used).await;
        assert_eq!(again.0, 400, "a refresh token that was replaced and forgotten worked again");
    }
    assert_eq!(house.query("PRAGMA integrity_check"), ["ok"]);
    assert!(house.ok(&["audit", "verify"]).contains("as they were written"));
    assert!(house.query("PRAGMA foreign_key_check").is_empty());
    let (granted, revoked) = (desk.granted.len(), desk.revoked.len());
    let refreshes = used.len();
    format!(
        "{} accounts, {linked} links, {refreshes} refreshes, {granted} mandates and {revoked} revoked outlived {KILLS} kills",
        accounts.len()
    )
}

/// Refreshes until the server dies.
async fn refresh(portal: Portal, chain: Arc<Mutex<String>>, told: Arc<Mutex<Told>>) -> Option<()> {
    loop {
        let last = chain.lock().unwrap().clone();
        let form = [("grant_type", "refresh_token"), ("refresh_token", last.as_str())];
        let next = portal.gets(&form).await?;
        let next = next["refresh_token"].as_str().unwrap().to_owned();
        *chain.lock().unwrap() = next;
        told.lock().unwrap().used.push(last);
    }
}

/// The portal: one client for the whole test, because to make one takes long.
#[derive(Clone)]
struct Portal {
    http: reqwest::Client,
    issuer: String,
}

impl Portal {
    /// An answer of the token endpoint, unless the server died.
    async fn asks(&self, form: &[(&str, &str)]) -> Option<(u16, Value)> {
        let request = self.http.post(format!("{}/token", self.issuer));
        let answer = request.basic_auth(PORTAL, Some(form_encoded(SECRET))).form(form).send().await.ok()?;
        Some((answer.status().as_u16(), answer.json().await.ok()?))
    }

    /// The same; what is no success is a failure of the test.
    async fn gets(&self, form: &[(&str, &str)]) -> Option<Value> {
        let (status, body) = self.asks(form).await?;
        assert_eq!(status, 200, "{body}");
        Some(body)
    }

    /// A refresh of a server that lives.
    async fn refreshes(&self, used: &str) -> (u16, Value) {
        self.asks(&[("grant_type", "refresh_token"), ("refresh_token", used)]).await.unwrap()
    }
}

/// Makes an account and redeems its code, as far as the server lives.
async fn enrol(
    portal: Portal,
    mail: PathBuf,
    browser: Browser,
    ask: Request,
    email: String,
    told: Arc<Mutex<Told>>,
) -> Option<()> {
    let begun = alive(browser.request(reqwest::Method::GET, &ask.url)).await?;
    let form = format!("{}/register", begun.location()?);
    let form = alive(browser.request(reqwest::Method::GET, &form)).await?;
    let sent = submit(&browser, &form, "register-form", &[("email", &email), ("password", PASSWORD)]).await?;
    let page = alive(browser.request(reqwest::Method::GET, sent.location()?.as_str())).await?;
    let code = mailed(&mail, &email, &told).await?;
    let done = submit(&browser, &page, "code-form", &[("code", &code)]).await?;
    assert!(is_in(&done), "{}: {}", done.status, done.heading());
    told.lock().unwrap().accounts.push(email);
    told.lock().unwrap().mailed.push((browser, page, code));
    let code = code_of(&done);
    let form = [
        ("grant_type", "authorization_code"),
        ("code", code.as_str()),
        ("redirect_uri", CALLBACK),
        ("code_verifier", &ask.verifier),
    ];
    let tokens = portal.gets(&form).await?;
    let refresh = tokens["refresh_token"].as_str().unwrap().to_owned();
    told.lock().unwrap().codes.push((code, ask.verifier, refresh));
    Some(())
}

/// Somebody who has only to type the code that links their DigiD: browser, page, code and address.
async fn before_link(house: &House, round: u64) -> (Browser, Page, String, String) {
    let email = format!("digid{round}@voorbeeld.nl");
    account(house, &email).await;
    let browser = Browser::new();
    let (_, question) = at_question(house, &browser, &bsn(u32::try_from(round).unwrap() + 1)).await;
    let page = enter_link(&browser, &question, &email, PASSWORD).await;
    let code = code_for(house, &email, &page);
    (browser, page, code, email)
}

/// Types it.
async fn link_digid(
    (browser, page, code, email): (Browser, Page, String, String),
    told: Arc<Mutex<Told>>,
) -> Option<()> {
    let done = submit(&browser, &page, "code-form", &[("code", &code)]).await?;
    assert!(done.status.is_redirection(), "{}: {}", done.status, done.heading());
    told.lock().unwrap().linked.push(email);
    Some(())
}

/// An answer, unless the server died.
async fn alive(request: reqwest::RequestBuilder) -> Option<Page> {
    let answer = request.send().await.ok()?;
    let (url, status, headers) = (answer.url().clone(), answer.status(), answer.headers().clone());
    Some(Page { url, status, headers, body: answer.text().await.ok()? })
}

async fn submit(browser: &Browser, page: &Page, form: &str, typed: &[(&str, &str)]) -> Option<Page> {
    let (action, mut fields) = page.form(form);
    fields.extend(typed.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    let url = page.url.join(&action).unwrap();
    let origin = url.origin().ascii_serialization();
    alive(browser.request(reqwest::Method::POST, url.as_str()).header("origin", origin).form(&fields)).await
}

/// The code in the one mail to an address; none when the server died before it was written.
async fn mailed(folder: &Path, email: &str, told: &Mutex<Told>) -> Option<String> {
    for _ in 0..PATIENCE {
        let mails = std::fs::read_dir(folder).ok()?.filter_map(|entry| Some(entry.ok()?.path()));
        let whole = mails.filter(|path| path.extension().is_some_and(|ending| ending == "eml"));
        let found =
            whole.filter_map(|path| std::fs::read_to_string(path).ok()).find(|mail| mail.contains(email));
        if let Some(mail) = found {
            return code_in(&mail);
        }
        if told.lock().unwrap().dead {
            return None;
        }
        tokio::time::sleep(BREATH).await;
    }
    panic!("no mail to {email} in a minute")
}

/// The desk: one command at a time, killed with the server.
struct Desk {
    who: [String; 4],
    granted: Vec<String>,
    revoked: Vec<String>,
    turn: usize,
}

/// A command that runs: it registers a mandate, or revokes that one.
struct Act(Child, Option<String>);

impl Desk {
    fn open(house: &House) -> Self {
        let add = |name: &str, born: &str| -> String {
            let said = ["--name", name, "--birth-date", born, "--by", "balie1", "--json"];
            let out = house.ok(&[&["persons", "add"], &said[..]].concat());
            let person: Value = serde_json::from_str(&out).unwrap();
            person["id"].as_str().unwrap().to_owned()
        };
        let (parent, child) = (add("Anna", "1985"), add("Sam", "2020-02-01"));
        let who = ["--representative".into(), parent, "--represented".into(), child];
        Self { who, granted: Vec::new(), revoked: Vec::new(), turn: 0 }
    }

    fn act(&mut self, house: &House) -> Act {
        self.turn += 1;
        let revoked = (self.turn % 10 == 7).then(|| self.granted.pop()).flatten();
        let mut arguments: Vec<&str> = vec!["mandates", "--json"];
        if let Some(mandate) = &revoked {
            arguments.extend(["revoke", mandate.as_str(), "--by", "els"]);
        } else {
            arguments.push("register");
            arguments.extend(self.who.iter().map(String::as_str));
            arguments.extend(PAPERS.split(' '));
        }
        let mut command = house.program(&arguments);
        Act(command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap(), revoked)
    }

    /// Kills the command and notes what it had said.
    fn told(&mut self, Act(mut command, revoked): Act) {
        command.kill().unwrap();
        let output = command.wait_with_output().unwrap();
        if output.status.success() {
            let mandate: Value = serde_json::from_slice(&output.stdout).unwrap();
            let id = mandate["id"].as_str().unwrap().to_owned();
            if revoked.is_some() { self.revoked.push(id) } else { self.granted.push(id) }
        }
        // A revocation that was cut off may or may not have come through: nobody was told.
    }
}

const PAPERS: &str = "--relation parent --legal-basis art.1:247BW --evidence parental_authority --form-reference F1 \
    --by els --representative-document passport --representative-document-valid-until 2090-01-01 \
    --representative-document-checked --represented-document identity_card \
    --represented-document-valid-until 2090-01-01 --represented-document-checked";
