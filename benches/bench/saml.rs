//! One artifact response read, next to bare libxmlsec on the same bytes; and eight at once. The answer is the good one of the
//! fuzz target's corpus.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    thread,
    time::Instant,
};

use namens::{
    saml::door::{Reader, Side},
    simulator::pki::Pki,
};

use crate::{SECONDS, limits, row, trial};

/// How many at once.
const AT_ONCE: usize = 8;
/// How often the tool verifies each signature: enough for its start not to count.
const REPEAT: usize = 10_000;

pub fn measure() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("bench-saml-{}", std::process::id()));
    let pki = Pki::create(&folder).unwrap();
    let text = |path: &Path| fs::read_to_string(path).unwrap();
    let digid = text(&corpus("digid.crt"));
    let reader = Reader::new(&digid, text(&pki.sp_saml.key), text(&pki.sp_saml.certificate)).unwrap();
    fs::remove_dir_all(folder).unwrap();
    let answer = fs::read(corpus("corpus/answer/digid-good.xml")).unwrap();
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

    let (alone, together) = (at_once(1, &read), at_once(AT_ONCE, &read));
    row(
        "artifact responses read by eight threads at once: CPU for one",
        &format!("{:.0} µs", together.cpu * 1e6),
        &format!("{:.0} µs by one thread", alone.cpu * 1e6),
        &format!("{:.2} ×", together.cpu / alone.cpu),
    );
    row(
        "the same: how much of their time the threads ran or waited for a core, and not for one another",
        &format!("{:.0} %", 100.0 * together.free),
        "target 100 %: then they scale with the cores",
        "",
    );
}

fn corpus(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz").join(name)
}

/// Processor seconds for parsing the answer once and verifying its two signatures, by xmlsec's own tool: one run counts whole,
/// with its parsing; of the other counts what the tool itself says of the verification alone.
fn bare() -> f64 {
    let (before, repeat) = (children(), trial::many(REPEAT, 10));
    tool("ArtifactResponse", repeat);
    (children() - before) / repeat as f64 + tool("Assertion", repeat)
}

/// Verifies the signature in the element of this name, again and again. Gives the seconds for one, without parsing.
fn tool(element: &str, repeat: usize) -> f64 {
    let ids = [("protocol", "ArtifactResponse"), ("assertion", "Assertion")]
        .map(|(of, name)| format!("urn:oasis:names:tc:SAML:2.0:{of}:{name}"));
    let output = Command::new("xmlsec1")
        .args(["--verify", "--repeat", &repeat.to_string(), "--pubkey-cert-pem"])
        .arg(corpus("digid.crt"))
        .args(["--id-attr:ID", &ids[0], "--id-attr:ID", &ids[1], "--node-xpath"])
        .arg(format!("//*[local-name()='{element}']/*[local-name()='Signature']"))
        .arg(corpus("corpus/answer/digid-good.xml"))
        .output()
        .unwrap();
    let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    assert!(output.status.success(), "{said}");
    let told = said.lines().find_map(|line| line.strip_prefix(&format!("Executed {repeat} tests in ")));
    let milliseconds = told.unwrap_or_else(|| panic!("{said}")).strip_suffix(" msec").unwrap();
    milliseconds.parse::<f64>().unwrap() / 1e3 / repeat as f64
}

/// Processor seconds of the programs that this one ran (cutime and cstime, in ticks of a hundredth of a second: proc(5)).
fn children() -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    (fields[13].parse::<f64>().unwrap() + fields[14].parse::<f64>().unwrap()) / 100.0
}

/// Work that several threads did at the same time.
struct Together {
    /// Processor seconds for one piece.
    cpu: f64,
    /// The share of the time in which a thread ran, or waited for a core. In the rest it waited for another thread. It does not
    /// change when other programs take the cores, as the pieces per second do.
    free: f64,
}

/// Has so many threads do this for a while.
fn at_once(threads: usize, work: &(impl Fn() + Sync)) -> Together {
    let one = || {
        let (begin, before, mut count) = (Instant::now(), limits::scheduled(), 0_u32);
        while count == 0 || begin.elapsed() < trial::seconds(SECONDS) {
            work();
            count += 1;
        }
        let after = limits::scheduled();
        (count, after.0 - before.0, after.1 - before.1, begin.elapsed().as_secs_f64())
    };
    let done: Vec<_> = thread::scope(|scope| {
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(one)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let sum = |of: fn(&(u32, f64, f64, f64)) -> f64| done.iter().map(of).sum::<f64>();
    let (count, ran) = (sum(|done| done.0.into()), sum(|done| done.1));
    Together { cpu: ran / count, free: (ran + sum(|done| done.2)) / sum(|done| done.3) }
}
