//! A burst of logins that wait at a slow DigiD, and what the token endpoint is like meanwhile. DigiD, the browsers and the server
//! share this machine: the burst's own work (500 TLS handshakes, both ends of each) is in the figures.

use std::{
    fs,
    net::TcpListener,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use namens::{
    domain::{bsn::Bsn, key::Algorithm, secret::Secret},
    oidc::signing_key::RsaBits,
    simulator::{
        digid::{self, registry::SpMetadata},
        pki::Pki,
    },
};
use reqwest::{Client, redirect::Policy};
use tokio::task::JoinSet;

use crate::{
    local::hidden,
    process::{Process, form},
    row,
    stand::{CALLBACK, CLIENT, Stand},
    trial,
};

/// How many logins wait.
const BURST: usize = 500;
/// How long DigiD takes over each, in seconds.
const SLOW: usize = 5;
/// How many clients use the token endpoint meanwhile, each with a family of its own.
const CHAINS: usize = 8;
/// How long each rests between two refreshes: the endpoint is used, not filled.
const REST: Duration = Duration::from_millis(20);
const DIGID: &str = "https://digid.test/saml/idp/metadata";

/// A browser with an artifact in hand.
struct Arrival {
    url: String,
    cookie: String,
}

/// When a refresh began, and how long it took.
type Sample = (Instant, Duration);

pub async fn measure() {
    let stand = Stand::new("burst", Algorithm::Es256, RsaBits::B2048, 41).await;
    let mut tokens = Vec::new();
    for family in 0..CHAINS {
        tokens.push(stand.family(family).await);
    }
    let digid = start_digid(&stand).await;
    let server = Process::start(stand.serve(), None);
    let http = Client::builder().redirect(Policy::none()).build().unwrap();
    let (burst, slow) = (trial::many(BURST, 10), trial::many(SLOW, 1));
    let mut arrivals = Vec::new();
    for bsn in bsns(burst) {
        arrivals.push(to_digid(&http, &stand.issuer, &digid, &bsn).await);
    }
    let paused = http.post(format!("{digid}/pause")).body(slow.to_string()).send().await.unwrap();
    assert_eq!(paused.status(), 200);

    let stop = Arc::new(AtomicBool::new(false));
    let probe = probe(format!("{}/token", stand.issuer), tokens, Arc::clone(&stop));
    // The first refreshes open their connections.
    tokio::time::sleep(trial::seconds(2.0)).await;
    let idle = Instant::now();
    tokio::time::sleep(trial::seconds(10.0)).await;
    let (begin, cpu) = (Instant::now(), server.cpu());
    let mut logins: JoinSet<(Instant, u16)> = JoinSet::new();
    for Arrival { url, cookie } in arrivals {
        let http = http.clone();
        logins.spawn(async move {
            let answer = http.get(url).header("cookie", cookie).send().await.unwrap();
            (Instant::now(), answer.status().as_u16())
        });
    }
    let done = logins.join_all().await;
    let (end, cpu) = (Instant::now(), server.cpu() - cpu);
    stop.store(true, Ordering::Relaxed);
    let samples = probe.join().unwrap();
    let welcome = done.iter().filter(|(_, status)| *status == 303);
    let (first, count) = (welcome.clone().map(|(at, _)| *at).min().unwrap(), welcome.clone().count());
    // The last to be answered has waited since then.
    let last = welcome.map(|(at, _)| *at).max().unwrap();
    let all_asked = last.checked_sub(Duration::from_secs(slow as u64)).unwrap();
    let before = percentile(&samples, idle, begin);
    for (what, from, until) in [
        ("while all of them wait", all_asked, first),
        ("from the first request to the last answer", begin, end),
    ] {
        let during = percentile(&samples, from, until);
        row(
            &format!("{burst} logins at a DigiD that takes {slow} s: p99 of the token endpoint, {what}"),
            // Where the first has its answer before the last has asked, they never all wait.
            &told(during),
            &format!("{} when nobody logs in", told(before)),
            &during.zip(before).map_or(String::new(), |(during, before)| format!("{:.2} ×", during / before)),
        );
    }
    row(
        "the same: CPU of the server for one login's return",
        &format!("{:.1} ms", cpu * 1e3 / burst as f64),
        &format!("{:.1} s for all, on the wall clock", (end - begin).as_secs_f64()),
        &format!("{count} of {burst} got in"),
    );
}

fn told(percentile: Option<f64>) -> String {
    percentile.map_or("too few refreshes".to_owned(), |seconds| format!("{:.1} ms", seconds * 1e3))
}

/// Starts DigiD on a thread of its own, and puts it into the installation's configuration. Gives its address.
async fn start_digid(stand: &Stand) -> String {
    let pki = Pki::create(&stand.folder.join("pki")).unwrap();
    let bind = || TcpListener::bind("127.0.0.1:0").unwrap();
    let (front, back) = (bind(), bind());
    let base = format!("http://{}", front.local_addr().unwrap());
    let config = digid::Config {
        entity_id: DIGID.into(),
        base_url: base.clone(),
        pki: pki.clone(),
        sp: SpMetadata::Url(format!("{}/digid/metadata", stand.issuer).parse().unwrap()),
        people: Vec::new(),
    };
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let _digid = digid::start(config, front, back).unwrap();
            std::future::pending::<()>().await;
        });
    });
    let metadata = reqwest::get(format!("{base}/metadata")).await.unwrap().text().await.unwrap();
    fs::write(stand.folder.join("digid.xml"), metadata).unwrap();
    let file = stand.folder.join("namens.toml");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(file, text + &section(&pki)).unwrap();
    base
}

fn section(pki: &Pki) -> String {
    let files: String = [
        ("metadata_certificate", &pki.digid_saml.certificate),
        ("signing_key", &pki.sp_saml.key),
        ("signing_certificate", &pki.sp_saml.certificate),
        ("tls_key", &pki.sp_tls.key),
        ("tls_certificate", &pki.sp_tls.certificate),
        ("ca", &pki.ca.certificate),
    ]
    .map(|(name, path): (_, &std::path::PathBuf)| format!("{name} = \"{}\"\n", Path::display(path)))
    .concat();
    format!(
        "[digid]\nentity_id = \"https://sp.test/saml/metadata\"\nmetadata = \"digid.xml\"\n\
         metadata_entity_id = \"{DIGID}\"\n{files}"
    )
}

/// As many people as the burst has logins.
fn bsns(burst: usize) -> impl Iterator<Item = String> {
    let numbers = (990_000_000..).map(|number: u32| number.to_string());
    numbers.filter(|number| Bsn::parse(number).is_ok()).take(burst)
}

/// From the portal's request to the artifact.
async fn to_digid(http: &Client, issuer: &str, digid: &str, bsn: &str) -> Arrival {
    let query = "response_type=code&scope=openid&nonce=n&code_challenge_method=S256\
                 &code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
    let ask = format!("{issuer}/authorize?client_id={CLIENT}&redirect_uri={CALLBACK}&{query}");
    let started = http.get(ask).send().await.unwrap();
    let cookie = started.headers()["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
    let location = |answer: &reqwest::Response| answer.headers()["location"].to_str().unwrap().to_owned();
    let login = format!("{issuer}{}", location(&started));
    let page = http.get(&login).header("cookie", &cookie).send().await.unwrap().text().await.unwrap();
    let csrf = hidden(&page);
    let post = http.post(format!("{login}/digid")).header("cookie", &cookie);
    let sent = form(post, &[("csrf", csrf.as_str())]).send().await.unwrap();
    let page = http.get(location(&sent)).send().await.unwrap().text().await.unwrap();
    let ticket = page.split_once("name=\"ticket\" value=\"").unwrap().1.split('"').next().unwrap();
    let post = http.post(format!("{digid}/login"));
    let back = form(post, &[("ticket", ticket), ("bsn", bsn)]).send().await.unwrap();
    Arrival { url: location(&back), cookie }
}

/// Refreshes without end until told to stop, on a thread of its own.
fn probe(url: String, tokens: Vec<Secret>, stop: Arc<AtomicBool>) -> JoinHandle<Vec<Sample>> {
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let http = Client::new();
            let mut chains = JoinSet::new();
            for token in tokens {
                chains.spawn(chain(http.clone(), url.clone(), token, Arc::clone(&stop)));
            }
            chains.join_all().await.concat()
        })
    })
}

async fn chain(http: Client, url: String, mut token: Secret, stop: Arc<AtomicBool>) -> Vec<Sample> {
    let mut samples = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        let fields =
            [("grant_type", "refresh_token"), ("client_id", CLIENT), ("refresh_token", token.expose())];
        let begin = Instant::now();
        let answer = form(http.post(&url), &fields).send().await.unwrap().bytes().await.unwrap();
        samples.push((begin, begin.elapsed()));
        let answer: serde_json::Value = serde_json::from_slice(&answer).unwrap();
        token = Secret::new(answer["refresh_token"].as_str().unwrap_or_else(|| panic!("{answer}")));
        tokio::time::sleep(REST).await;
    }
    samples
}

/// The time, in seconds, within which 99 of 100 refreshes that began in this span were answered; `None` for fewer than 100.
fn percentile(samples: &[Sample], from: Instant, until: Instant) -> Option<f64> {
    let within = samples.iter().filter(|(begin, _)| *begin >= from && *begin < until);
    let mut took: Vec<Duration> = within.map(|(_, took)| *took).collect();
    took.sort();
    (took.len() >= 100).then(|| took[took.len() * 99 / 100].as_secs_f64())
}
