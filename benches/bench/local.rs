//! Whole local logins, from the portal's request to its code, next to bare Argon2 on all cores.

use std::{
    collections::HashMap,
    fs,
    num::NonZero,
    path::PathBuf,
    sync::{Arc, Mutex},
    thread::{self, available_parallelism},
    time::{Duration, Instant},
};

use namens::{
    config,
    domain::{key::Algorithm, secret::Secret},
    oidc::signing_key::RsaBits,
    password::Hasher,
};
use reqwest::{Client, redirect::Policy};
use tokio::{sync::oneshot, time::timeout};

use crate::{
    SECONDS, bare, limits,
    load::CASES,
    process::{Process, form},
    row,
    stand::{CALLBACK, CLIENT, PASSWORD, Stand},
    trial,
};

/// What bare handlers do for the four requests of a login: each commit with as many writes as ours; and nothing but hash.
const BARE: [([&str; 4], &str); 2] = [
    (["w1", "b3000", "w1-h-w2-m", "w4"], "the hash, the same four requests, four transactions and a mail"),
    (["b100", "b3000", "h", "b100"], "the hash and the same four requests, and nothing written"),
];
/// How many logins one worker has people for.
const LOGINS: usize = 200;

fn address(worker: usize, number: usize) -> String {
    format!("local{worker}-{number}@voorbeeld.nl")
}

pub async fn measure() {
    let stand = Stand::new("local", Algorithm::Es256, RsaBits::B2048, 40).await;
    let hash = Hasher::new(config::Password::default()).unwrap().hash(Secret::new(PASSWORD)).await.unwrap();
    let cores = available_parallelism().map_or(1, NonZero::get);
    // Each login is somebody else's: who logs in again and again is slowed down.
    let most = trial::many(LOGINS, 1);
    for number in 0..cores * 3 * most {
        stand.account(&address(number / most, number % most), Some(&hash)).await;
    }
    let bare: f64 = (0..cores).map(|_| thread::spawn(limits::hashes)).map(|t| t.join().unwrap()).sum();
    let server = Process::start(stand.serve(), None);
    let post = Post::default();
    let postman = tokio::spawn(post.clone().deliver(stand.folder.join("mail")));
    let (begin, cpu) = (Instant::now(), server.cpu());
    let mut tasks = Vec::new();
    for worker in 0..cores * 3 {
        let (issuer, post) = (stand.issuer.clone(), post.clone());
        let http = Client::builder().redirect(Policy::none()).build().unwrap();
        tasks.push(tokio::spawn(async move {
            let mut logins = 0_u32;
            for number in 0..most {
                if number > 0 && begin.elapsed() >= trial::seconds(SECONDS * 2.0) {
                    break;
                }
                log_in(&http, &issuer, &post, &address(worker, number)).await;
                logins += 1;
            }
            logins
        }));
    }
    let mut logins = 0;
    for task in tasks {
        logins += task.await.unwrap();
    }
    postman.abort();
    let cost = (server.cpu() - cpu) / f64::from(logins);
    drop(server);
    let one = cores as f64 / bare;
    row(
        "local login, whole: CPU of the server for one",
        &format!(
            "{:.1} ms ({:.1} logins/s on the wall clock)",
            cost * 1e3,
            f64::from(logins) / begin.elapsed().as_secs_f64()
        ),
        &format!("{:.1} ms of bare Argon2 ({bare:.1}/s on all cores)", one * 1e3),
        &format!("{:.0} %", 100.0 * one / cost),
    );
    for (requests, words) in BARE {
        let bare = bare::measure(CASES[2], &requests, cores * 3, None).await;
        row(
            "the same",
            &format!("{:.1} ms", cost * 1e3),
            &format!(
                "{:.1} ms: a bare axum handler with {words}; that is {:.0} % of bare Argon2",
                bare.cpu * 1e3,
                100.0 * one / bare.cpu
            ),
            &format!("{:.0} %", 100.0 * bare.cpu / cost),
        );
    }
}

/// The codes in the mails of all workers. One reads them all: the hashes need the cores, and the caches, that the load takes.
#[derive(Clone, Default)]
struct Post(Arc<Mutex<HashMap<String, oneshot::Sender<String>>>>);

impl Post {
    /// The code of the next mail to an address.
    fn next(&self, email: &str) -> oneshot::Receiver<String> {
        let (sender, code) = oneshot::channel();
        self.0.lock().unwrap().insert(email.to_owned(), sender);
        code
    }

    /// Reads each mail of the folder once, and removes it.
    async fn deliver(self, folder: PathBuf) {
        loop {
            let files = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path());
            for file in files.filter(|file| file.extension().is_some_and(|ending| ending == "eml")) {
                let text = fs::read_to_string(&file).unwrap();
                fs::remove_file(file).unwrap();
                let to = text.lines().find_map(|line| line.strip_prefix("To: ")).unwrap();
                let (code, _) = text.split_once("code is ").unwrap().1.split_once('.').unwrap();
                let waiting = self.0.lock().unwrap().remove(to).unwrap();
                waiting.send(code.split_whitespace().collect()).unwrap();
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

async fn log_in(http: &Client, issuer: &str, post: &Post, email: &str) {
    let query = "response_type=code&scope=openid&nonce=n&code_challenge_method=S256\
                 &code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
    let ask = format!("{issuer}/authorize?client_id={CLIENT}&redirect_uri={CALLBACK}&{query}");
    let started = http.get(ask).send().await.unwrap();
    let cookie = started.headers()["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
    let login = format!("{issuer}{}", started.headers()["location"].to_str().unwrap());
    let page = http
        .get(format!("{login}/email"))
        .header("cookie", &cookie)
        .send()
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    let csrf = hidden(&page);
    let code = post.next(email);
    let fields = [("csrf", csrf.as_str()), ("email", email), ("password", PASSWORD)];
    let post = http.post(format!("{login}/email")).header("cookie", &cookie);
    let sent = form(post, &fields).send().await.unwrap();
    // What was proven ties the login to this browser anew.
    let tie = sent.headers().get("set-cookie").and_then(|tie| tie.to_str().ok()?.split(';').next());
    let cookie = format!("{cookie}; {}", tie.unwrap_or_default());
    assert_eq!(sent.status(), 303, "{}", sent.text().await.unwrap());
    let code =
        timeout(Duration::from_mins(1), code).await.unwrap_or_else(|_| panic!("no mail came")).unwrap();
    let post = http.post(format!("{login}/code")).header("cookie", &cookie);
    let done = form(post, &[("csrf", csrf.as_str()), ("code", &code)]).send().await.unwrap();
    assert_eq!(done.status(), 303, "{}", done.text().await.unwrap());
    assert!(done.headers()["location"].to_str().unwrap().starts_with(CALLBACK));
}

/// The page's token against forged forms.
pub fn hidden(page: &str) -> String {
    let start = page.find("name=\"csrf\" value=\"").unwrap() + "name=\"csrf\" value=\"".len();
    page[start..].split('"').next().unwrap().to_owned()
}
