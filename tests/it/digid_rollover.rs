//! One certificate after another, DigiD's and ours, in front and behind, while logins go on.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use namens::{clock::Clock, domain::time::Timestamp, simulator::pki::Pair};
use serde_json::Value;

use crate::{
    browser::Browser,
    digid_metadata::{DAY, bare, dated, ending, naming, pki, put, said, sign, stopped, with},
    digid_return::{FAILED, last_reason, last_refusal},
    digid_steps::{audit, calls, has_session, log_in_with_digid, register_with_digid, through_digid},
    house::{CALLBACK, House},
    portal::{at_digid, code_of, press_digid, redeem, request, to_digid},
    stsaml::routed,
};

pub const BSN: &str = "999990019";
/// What the server logs when it goes on with new files, and when it does not.
pub const RENEWED: &str = "goes on with what has changed";
pub const KEPT: &str = "cannot be used, and the connection to DigiD goes on as it was";
pub const MENDED: &str = "are again as they run";

/// Waits until the log holds `words` for the `count`th time.
pub async fn logged(house: &House, words: &str, count: usize) {
    until(&format!("{words:?} in the log"), || house.log().matches(words).count() >= count, house).await;
}

pub async fn until(what: &str, mut done: impl FnMut() -> bool, house: &House) {
    let patience = Instant::now() + Duration::from_mins(2);
    while !done() {
        assert!(Instant::now() < patience, "{what} did not come: {}", house.log());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

async fn ours(house: &House) -> String {
    let answer = reqwest::get(format!("{}/digid/metadata", house.issuer)).await.unwrap();
    answer.error_for_status().unwrap().text().await.unwrap()
}

/// The names of the keys in our metadata, after the one that signed it.
async fn names(house: &House) -> Vec<String> {
    let text = ours(house).await;
    let name = |rest: &str| rest.split_once("</ds:KeyName>").unwrap().0.to_owned();
    text.split("<ds:KeyName>").skip(1).map(name).collect()
}

async fn names_become(house: &House, right: &[&str]) {
    let patience = Instant::now() + Duration::from_mins(2);
    loop {
        let names = names(house).await;
        if names == right {
            return;
        }
        assert!(Instant::now() < patience, "{names:?} and not {right:?}: {}", house.log());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// A login that stands at DigiD's own page.
struct Begun {
    browser: Browser,
    request: crate::portal::Request,
    page: crate::browser::Page,
}

async fn begin(house: &House) -> Begun {
    let (browser, request) = (Browser::new(), request(house, &[]));
    let page = to_digid(&browser, &request).await;
    Begun { browser, request, page }
}

async fn finish(house: &House, begun: &Begun) {
    let page = at_digid(&begun.browser, &begun.page, BSN, &[]).await;
    redeem(house, &begun.request, &code_of(&page)).await;
}

pub async fn log_in(house: &House) {
    log_in_with_digid(house, &Browser::new(), BSN, &[], &[]).await;
}

/// A login that must fail, for this reason in the audit log.
async fn fails(house: &House, outcome: &str) {
    let (_, page) = through_digid(house, &Browser::new(), BSN, &[], &[]).await;
    assert!(page.location().is_none_or(|to| !to.as_str().starts_with(CALLBACK)), "{}", page.url);
    assert_eq!(audit(house).last().map(String::as_str), Some(outcome), "{}", house.log());
}

pub async fn with_account() -> House {
    let house = House::start().await;
    register_with_digid(&house, BSN, "anna@voorbeeld.nl", "").await;
    house
}

/// Logs in over and over until it is told to stop; gives how often. Every login must succeed.
fn traffic(house: &Arc<House>) -> (Arc<AtomicBool>, tokio::task::JoinHandle<usize>) {
    let (stop, house) = (Arc::new(AtomicBool::new(false)), house.clone());
    let told = stop.clone();
    let logins = async move {
        let mut count = 0;
        while !told.load(Ordering::Relaxed) {
            log_in(&house).await;
            count += 1;
        }
        count
    };
    (stop, tokio::spawn(logins))
}

#[tokio::test]
async fn digid_rolls_over_while_logins_go_on_and_its_old_key_counts_until_it_is_removed() {
    let house = Arc::new(with_account().await);
    let (pki, bare, place) = (pki(&house), bare(&house), house.folder.join("digid.xml"));
    let (old, next) = (pki.digid_saml.certificate.as_path(), pki.digid_saml_next.certificate.as_path());
    let rollover = async || {
        let answer = reqwest::Client::new().post(format!("{}/rollover", house.digid)).send().await.unwrap();
        assert!(answer.status().is_success());
    };
    let (stop, logins) = traffic(&house);
    let begun = begin(&house).await;
    put(&place, &sign(&naming(&bare, &[next, old]), &pki.digid_saml));
    logged(&house, RENEWED, 1).await;
    finish(&house, &begun).await;
    let begun = begin(&house).await;
    rollover().await;
    finish(&house, &begun).await;
    log_in(&house).await;
    let begun = begin(&house).await;
    put(&place, &sign(&naming(&bare, &[next]), &pki.digid_saml));
    logged(&house, RENEWED, 2).await;
    finish(&house, &begun).await;
    stop.store(true, Ordering::Relaxed);
    assert!(logins.await.unwrap() > 0, "logins went on");

    // Whoever has the old key still is nobody now.
    rollover().await;
    fails(&house, "login.digid digid_hostile").await;
    assert!(house.log().contains("invalid signature"), "{}", house.log());
    rollover().await;
    log_in(&house).await;
}

#[tokio::test]
async fn a_bad_new_file_changes_nothing_but_the_log() {
    let house = with_account().await;
    let (pki, bare, place) = (pki(&house), bare(&house), house.folder.join("digid.xml"));
    let good = sign(&bare, &pki.digid_saml);
    let config = house.folder.join("namens.toml");
    let text = fs::read_to_string(&config).unwrap();
    let expired = sign(&ending(&bare, Clock.now().plus(-60)), &pki.digid_saml);
    let open = |mode| fs::set_permissions(&pki.sp_tls.key, fs::Permissions::from_mode(mode)).unwrap();
    let is_bad = async |count, words: &str| {
        logged(&house, KEPT, count).await;
        let log = house.log();
        let line = log.lines().rfind(|line| line.contains(KEPT)).unwrap();
        assert!(line.contains("\"ERROR\"") && line.contains(words), "{words}: {line}");
        log_in(&house).await;
    };
    let mut count = 0;
    for (path, bad, words) in [
        (&place, with(&good, "/sso\"", "/evil\""), "is not signed by the certificate"),
        (&place, sign(&bare, &pki.wrong_tls), "add it to that file"),
        (&place, expired, "get the file that follows it"),
        (&place, "x".repeat(2 << 20), "larger than 1 MiB"),
        (&config, with(&text, "tls_key = \"", "tls_kee = \""), "unknown field"),
        (
            &config,
            with(&text, "sp-tls.key", "sp-saml.key"),
            "sp-saml.key) does not belong to [digid] tls_certificate",
        ),
    ] {
        put(path, &bad);
        count += 1;
        is_bad(count, words).await;
        put(path, if *path == config { &text } else { &good });
        logged(&house, MENDED, count).await;
    }
    fs::remove_file(&place).unwrap();
    is_bad(count + 1, "cannot read").await;
    put(&place, &good);
    logged(&house, MENDED, count + 1).await;
    open(0o644);
    is_bad(count + 2, "chmod 600").await;
    open(0o600);
    logged(&house, MENDED, count + 2).await;
    assert_eq!(house.log().matches(KEPT).count(), count + 2, "each is told once");
    assert!(!house.log().contains(RENEWED), "nothing of it was used");
    // The twin.
    let both = [pki.digid_saml_next.certificate.as_path(), &pki.digid_saml.certificate];
    put(&place, &sign(&naming(&bare, &both), &pki.digid_saml));
    logged(&house, RENEWED, 1).await;
    log_in(&house).await;
}

/// What a rollover of ours adds to the configuration.
pub fn next(signing: &Pair, tls: &Pair, from: Timestamp) -> String {
    let pair = |pair: &Pair| {
        format!("key = \"{}\"\ncertificate = \"{}\"", pair.key.display(), pair.certificate.display())
    };
    format!(
        "[[digid.next_signing]]\nfrom = {from}\nkey_name = \"namens-2\"\n{signing}\n\
         [[digid.next_tls]]\nfrom = {from}\n{tls}\n",
        from = from.rfc3339(),
        signing = pair(signing),
        tls = pair(tls),
    )
}

pub fn append(house: &House, more: &str) -> String {
    let text = fs::read_to_string(house.folder.join("namens.toml")).unwrap();
    format!("{text}\n{more}")
}

#[tokio::test]
async fn our_keys_take_over_at_their_moment_and_no_login_is_lost() {
    let house = House::start().await;
    let (pki, config) = (pki(&house), house.folder.join("namens.toml"));
    let plain = append(&house, "");
    // Registered ahead: DigiD reads our metadata at the first request, and knows both keys from then on.
    assert_eq!(names(&house).await, ["namens-1", "namens-1"], "it signed, and is told");
    let later = Clock.now().plus(DAY);
    put(&config, &(plain.clone() + &next(&pki.sp_saml_next, &pki.sp_tls_next, later)));
    names_become(&house, &["namens-1", "namens-1", "namens-2"]).await;
    assert_eq!(house.ok(&["digid", "metadata"]).trim(), ours(&house).await, "the command prints the same");
    register_with_digid(&house, BSN, "anna@voorbeeld.nl", "").await;

    let house = Arc::new(house);
    let (stop, logins) = traffic(&house);
    let begun = begin(&house).await;
    put(&config, &(plain.clone() + &next(&pki.sp_saml_next, &pki.sp_tls_next, Clock.now().plus(30))));
    names_become(&house, &["namens-2", "namens-2"]).await;
    finish(&house, &begun).await;
    log_in(&house).await;
    stop.store(true, Ordering::Relaxed);
    assert!(logins.await.unwrap() > 0, "logins went on");
}

#[tokio::test]
async fn a_pair_that_is_replaced_in_its_place_counts_without_a_restart() {
    let house = House::start().await;
    let pki = pki(&house);
    // Single logout waits for a start, and holds up nothing else.
    let text = append(&house, &next(&pki.sp_saml_next, &pki.sp_tls_next, Clock.now().plus(DAY)));
    put(&house.folder.join("namens.toml"), &text.replace("[digid]\n", "[digid]\nsingle_logout = true\n"));
    names_become(&house, &["namens-1", "namens-1", "namens-2"]).await;
    register_with_digid(&house, BSN, "anna@voorbeeld.nl", "").await;
    let before = ours(&house).await;
    assert!(!before.contains("SingleLogoutService"), "{before}");
    let begun = begin(&house).await;
    // The key first and its certificate a moment later: in between they do not fit, and nothing changes.
    for (next, current) in [(&pki.sp_saml_next, &pki.sp_saml), (&pki.sp_tls_next, &pki.sp_tls)] {
        for (from, to) in [(&next.key, &current.key), (&next.certificate, &current.certificate)] {
            put(to, &fs::read_to_string(from).unwrap());
        }
    }
    let patience = Instant::now() + Duration::from_mins(2);
    while ours(&house).await == before {
        assert!(Instant::now() < patience, "{}", house.log());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    finish(&house, &begun).await;
    log_in(&house).await;
}

#[tokio::test]
async fn what_has_taken_over_is_what_both_channels_use() {
    let mut house = with_account().await;
    let (pki, plain) = (pki(&house), append(&house, ""));
    let config = house.folder.join("namens.toml");
    let past = Clock.now().plus(-60);
    let turned = |signing, tls| plain.clone() + &next(signing, tls, past);
    // DigiD knows neither key of a stranger. In front it does not take the request, behind not the connection.
    for (signing, tls, outcome) in [
        (&pki.sp_saml, &pki.wrong_tls, Some("login.digid digid_unreachable")),
        (&pki.wrong_tls, &pki.sp_tls, None),
        (&pki.sp_saml, &pki.sp_tls, Some("")),
    ] {
        house.kill();
        put(&config, &turned(signing, tls));
        house.open_doors();
        match outcome {
            Some("") => log_in(&house).await,
            Some(outcome) => fails(&house, outcome).await,
            None => assert_eq!(begin(&house).await.page.status, 404, "DigiD refuses the request"),
        }
    }
}

#[tokio::test]
async fn the_doctor_and_the_log_warn_ahead_of_every_end() {
    let mut house = stopped().await;
    let (pki, bare, place) = (pki(&house), bare(&house), house.folder.join("digid.xml"));
    let config = house.folder.join("namens.toml");
    let plain = append(&house, "");
    let short = dated(&pki.sp_saml, &house.folder.join("short.crt"), (-9, 20));
    let text = with(&plain, pki.sp_saml.certificate.to_str().unwrap(), short.to_str().unwrap());
    put(&config, &text);
    put(&place, &sign(&ending(&bare, Clock.now().plus(5 * DAY)), &pki.digid_saml));
    let doctor = said(&house.run(&["doctor"]));
    let warnings = [
        ("the SAML signing certificate ends in", "replace it this month"),
        ("the validity of DigiD's metadata ends in", "replace it this week"),
    ];
    for (what, remedy) in warnings {
        let line = doctor.lines().find(|line| line.contains(what)).unwrap();
        assert!(line.starts_with("warning  certificates: ") && line.ends_with(remedy), "{line}");
    }
    assert!(doctor.contains("0 error(s)"), "{doctor}");
    house.open_doors();
    for (what, _) in warnings {
        logged(&house, what, 1).await;
        let log = house.log();
        assert!(log.lines().any(|line| line.contains(what) && line.contains("\"WARN\"")), "{log}");
    }
    house.kill();
    // With one that follows in time nothing is left to do; with one that follows too late there is.
    for (days, verdict, words) in [
        (10, "ok     ", "the SAML signing certificate serves until"),
        (30, "warning", "set that `from` earlier"),
    ] {
        let from = Clock.now().plus(days * DAY);
        put(&config, &format!("{text}{}", next(&pki.sp_saml_next, &pki.sp_tls_next, from)));
        let doctor = said(&house.run(&["doctor"]));
        let line = doctor.lines().find(|line| line.contains("the SAML signing certificate ")).unwrap();
        assert!(line.starts_with(verdict) && line.contains(words), "{line}");
        assert!(doctor.contains("the next TLS client certificate takes over on"), "{doctor}");
    }
}

/// DigiD's metadata as it is without an end, signed.
fn endless(house: &House) -> String {
    sign(&bare(house), &pki(house).digid_saml)
}

/// Has the running server take up metadata of DigiD that ends soon, and waits for that end. Gives what mends it.
pub async fn metadata_ends(house: &House) -> impl AsyncFnOnce() {
    let (pki, bare, place, good) = (pki(house), bare(house), house.folder.join("digid.xml"), endless(house));
    // Where it is not looked at before its end, which it never is in time on some machines, it gets a longer one.
    let (renewed, mut refused, mut seconds) = (1, 1, 15);
    let end = loop {
        let end = Clock.now().plus(seconds);
        put(&place, &sign(&ending(&bare, end), &pki.digid_saml));
        let looked = || {
            house.log().matches(RENEWED).count() == renewed || house.log().matches(KEPT).count() == refused
        };
        until("a look at the new file", looked, house).await;
        if house.log().matches(RENEWED).count() == renewed {
            break end;
        }
        put(&place, &good);
        logged(house, MENDED, refused).await;
        (refused, seconds) = (refused + 1, seconds * 2);
        assert!(seconds < 600, "{}", house.log());
    };
    // Less than ten minutes away: see above.
    while Clock.now() <= end {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    async move || {
        put(&place, &good);
        logged(house, RENEWED, renewed + 1).await;
    }
}

/// It was good when it was taken up, and is not gone on with past its end (SAML 2.0 metadata, section 2.3.2).
#[tokio::test]
async fn metadata_that_ends_while_we_run_counts_no_more() {
    let house = with_account().await;
    let begun = begin(&house).await;
    let mend = metadata_ends(&house).await;
    let (soap, _) = calls(&house).await;
    let page = at_digid(&begun.browser, &begun.page, BSN, &[]).await;
    assert_eq!((page.status.as_u16(), page.heading().as_str()), (502, FAILED), "{}", page.url);
    assert_eq!(audit(&house).last().unwrap(), "login.digid digid_broken");
    assert!(last_refusal(&house).contains("DigiD's metadata has ended"), "{}", last_refusal(&house));
    assert_eq!(
        (calls(&house).await, last_reason(&house).is_empty()),
        ((soap, 0), false),
        "nobody asked DigiD"
    );
    assert!(!has_session(&house, &begun.browser).await);
    // The twin: the same login, with a file that has no end.
    let choose = begun.browser.visit(page.link("go-on").unwrap().as_str(), CALLBACK).await;
    mend().await;
    let page = press_digid(&begun.browser, &choose).await;
    finish(&house, &Begun { page, ..begun }).await;
}

/// Our metadata and a request of the running server, for programs that nobody here wrote.
async fn for_others(house: &House) -> (String, String) {
    let browser = Browser::new();
    let choose = browser.visit(&request(house, &[]).url, CALLBACK).await;
    let to = browser.submit(&choose, "digid-form", &[]).await.location().unwrap();
    (ours(house).await, to.query().unwrap().to_owned())
}

#[tokio::test]
async fn lasso_and_xmlsec1_read_our_metadata_and_take_requests_by_both_keys() {
    let mut house = House::start().await;
    let (pki, config) = (pki(&house), house.folder.join("namens.toml"));
    let plain = append(&house, "");
    let mut queries = Vec::new();
    // The first document tells of both keys; requests by either are held against it.
    let mut registered = None;
    for (seconds, signer) in [(DAY, &pki.sp_saml), (-60, &pki.sp_saml_next)] {
        house.kill();
        let from = Clock.now().plus(seconds);
        put(&config, &(plain.clone() + &next(&pki.sp_saml_next, &pki.sp_tls_next, from)));
        house.open_doors();
        let (metadata, query) = for_others(&house).await;
        queries.push(query);
        verify_by_xmlsec1(&house, &metadata, signer);
        registered.get_or_insert(metadata);
    }
    let alone = with(&queries[0], "RelayState=", "RelayState=x");
    queries.push(alone);
    let found = read_by_lasso(&house, &registered.unwrap(), &queries.join("\n"));
    assert_eq!(found["accepted"], serde_json::json!([true, true, false]), "the last was changed on its way");
}

/// Ours for the routing service: its end, its key to encrypt for and our TLS certificate stand in nobody's way.
#[tokio::test]
async fn lasso_and_xmlsec1_read_our_metadata_for_the_routing_service() {
    let house = House::start_with(routed()).await;
    let metadata = ours(&house).await;
    assert!(metadata.contains("validUntil=") && metadata.contains("use=\"encryption\""), "{metadata}");
    verify_by_xmlsec1(&house, &metadata, &pki(&house).sp_saml);
    read_by_lasso(&house, &metadata, "");
}

/// Its signature is by this key, and by no other.
fn verify_by_xmlsec1(house: &House, metadata: &str, signer: &Pair) {
    let file = house.folder.join("sp.xml");
    fs::write(&file, metadata).unwrap();
    for (pair, right) in [(signer, true), (&pki(house).wrong_tls, false)] {
        let mut xmlsec1 = Command::new("xmlsec1");
        let entity = "urn:oasis:names:tc:SAML:2.0:metadata:EntityDescriptor";
        xmlsec1.args(["--verify", "--id-attr:ID", entity, "--pubkey-cert-pem"]).arg(&pair.certificate);
        let output = xmlsec1.arg(&file).output().expect("install the Debian package xmlsec1");
        assert_eq!(output.status.success(), right, "{}", said(&output));
    }
}

/// Lasso reads who we are, and tells which of these requests, a line each, it takes.
fn read_by_lasso(house: &House, metadata: &str, queries: &str) -> Value {
    let pki = pki(house);
    let folder = house.folder.join("lasso");
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("sp.xml"), metadata).unwrap();
    fs::write(folder.join("queries"), queries).unwrap();
    for (name, from) in [
        ("digid.crt", &pki.digid_saml.certificate),
        ("digid.key", &pki.digid_saml.key),
        ("digid.xml", &house.folder.join("digid.xml")),
    ] {
        fs::copy(from, folder.join(name)).unwrap();
    }
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/lasso/sp_metadata.py");
    let output = Command::new("/usr/bin/python3").arg(script).arg(&folder).output().unwrap();
    assert!(output.status.success(), "{}", said(&output));
    let found: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(found["entity_id"], "https://sp.test/saml/metadata");
    assert_eq!(found["consumer"], format!("{}/digid/acs", house.issuer));
    assert_eq!(found["signs_requests"], "true");
    found
}
