//! One artifact response read, next to bare libxmlsec on the same bytes; and eight at once. The answer is the good one of the
//! fuzz target's corpus.

use std::{
    fs,
    num::NonZero,
    path::{Path, PathBuf},
    process::Command,
    sync::atomic::{AtomicU64, Ordering},
    thread::{self, available_parallelism},
    time::{Duration, Instant},
};

use namens::{
    clock::Clock,
    domain::key::Algorithm,
    oidc::keyring::RsaBits,
    saml::door::{Reader, Side},
    simulator::pki::Pki,
};

use crate::{SECONDS, limits, row, stand::Stand};

/// How many at once.
const AT_ONCE: usize = 8;
/// How often the tool verifies each signature: enough for its start not to count.
const REPEAT: u32 = 10_000;

pub async fn measure() {
    let stand = Stand::new("saml", Algorithm::Rs256, RsaBits::B2048, 40).await;
    let pki = Pki::create(&stand.folder.join("pki")).unwrap();
    let text = |path: &Path| fs::read_to_string(path).unwrap();
    let digid = text(&corpus("digid.crt"));
    let reader = Reader::new(&digid, text(&pki.sp_saml.key), text(&pki.sp_saml.certificate)).unwrap();
    let answer = fs::read(corpus("corpus/digid-good.xml")).unwrap();
    let read = || drop(reader.read(Side::Digid, &answer).unwrap());

    // Before and after: the machine may be faster at one time than at another.
    let before = limits::rate(3.0, read);
    let bare = bare();
    let ours = 1.0 / before.midpoint(limits::rate(3.0, read));
    row(
        "an artifact response read: CPU for one",
        &format!("{:.0} µs", ours * 1e6),
        &format!("{:.0} µs: xmlsec1, which parses it and verifies both signatures", bare * 1e6),
        &format!("{:.2} ×", ours / bare),
    );

    let keys = stand.keyring().await;
    let sign = || {
        let key = keys.signer(Algorithm::Rs256, Clock.now()).unwrap();
        drop(key.sign_bytes(b"eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ4In0").unwrap());
    };
    let (alone, together) = (throughput(1, &read), throughput(AT_ONCE, &read));
    let limit = throughput(AT_ONCE, &sign) / throughput(1, &sign);
    let cores = available_parallelism().map_or(1, NonZero::get);
    row(
        "artifact responses read, eight at once: on the wall clock, next to one at a time",
        &format!("{together:.0}/s, {:.2} × as many", together / alone),
        &format!("{limit:.2} ×: bare signing, eight at once on {cores} cores"),
        &format!("{:.0} %", 100.0 * together / alone / limit),
    );
}

fn corpus(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz").join(name)
}

/// Processor seconds for parsing the answer once and verifying its two signatures, by xmlsec's own tool: one run counts whole,
/// with its parsing; of the other counts what the tool itself says of the verification alone.
fn bare() -> f64 {
    let before = children();
    tool("ArtifactResponse");
    (children() - before) / f64::from(REPEAT) + tool("Assertion")
}

/// Verifies the signature in the element of this name, again and again. Gives the seconds for one, without parsing.
fn tool(element: &str) -> f64 {
    let ids = [("protocol", "ArtifactResponse"), ("assertion", "Assertion")]
        .map(|(of, name)| format!("urn:oasis:names:tc:SAML:2.0:{of}:{name}"));
    let output = Command::new("xmlsec1")
        .args(["--verify", "--repeat", &REPEAT.to_string(), "--pubkey-cert-pem"])
        .arg(corpus("digid.crt"))
        .args(["--id-attr:ID", &ids[0], "--id-attr:ID", &ids[1], "--node-xpath"])
        .arg(format!("//*[local-name()='{element}']/*[local-name()='Signature']"))
        .arg(corpus("corpus/digid-good.xml"))
        .output()
        .unwrap();
    let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    assert!(output.status.success(), "{said}");
    let told = said.lines().find_map(|line| line.strip_prefix(&format!("Executed {REPEAT} tests in ")));
    let milliseconds = told.unwrap_or_else(|| panic!("{said}")).strip_suffix(" msec").unwrap();
    milliseconds.parse::<f64>().unwrap() / 1e3 / f64::from(REPEAT)
}

/// Processor seconds of the programs that this one ran (cutime and cstime, in ticks of a hundredth of a second: proc(5)).
fn children() -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    (fields[13].parse::<f64>().unwrap() + fields[14].parse::<f64>().unwrap()) / 100.0
}

/// How often a second, on the wall clock, so many threads do this.
fn throughput(threads: usize, work: &(impl Fn() + Sync)) -> f64 {
    let (begin, done) = (Instant::now(), AtomicU64::new(0));
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while begin.elapsed() < Duration::from_secs(SECONDS) {
                    work();
                    done.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
    });
    done.into_inner() as f64 / begin.elapsed().as_secs_f64()
}
