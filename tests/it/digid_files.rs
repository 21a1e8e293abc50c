//! Files of the connection to DigiD that are put in place while the server runs, and are not what they should be: cut off on
//! the way, or no files at all.

use std::{fs, path::Path, process::Command};

use namens::clock::Clock;

use crate::{
    digid_metadata::{DAY, bare, naming, pki, put, sign, with},
    digid_rollover::{KEPT, MENDED, RENEWED, append, log_in, logged, next, with_account},
    house::House,
};

/// What the server logs when something it goes on without may have been cut off.
const GONE: &str = "goes on without what is no longer in";

fn line<'a>(log: &'a str, words: &str) -> &'a str {
    log.lines().rfind(|line| line.contains(words)).unwrap()
}

#[tokio::test]
async fn a_bundle_that_was_cut_off_changes_nothing_but_the_log() {
    let house = with_account().await;
    let pki = pki(&house);
    let authority = fs::read_to_string(&pki.ca.certificate).unwrap();
    let other = fs::read_to_string(&pki.wrong_tls.certificate).unwrap();
    let both = format!("{other}{authority}");
    // The twin: the whole bundle counts.
    put(&pki.ca.certificate, &both);
    logged(&house, RENEWED, 1).await;
    log_in(&house).await;
    // What is left reads as a good file with one authority less: the one that counts.
    put(&pki.ca.certificate, &both[..other.len() + authority.len() / 2]);
    logged(&house, KEPT, 1).await;
    let log = house.log();
    let told = line(&log, KEPT);
    assert!(told.contains("\"ERROR\"") && told.contains("is cut off"), "{told}");
    log_in(&house).await;
    put(&pki.ca.certificate, &both);
    logged(&house, MENDED, 1).await;
    // The metadata's certificate is cut off likewise, for whoever checks a file by hand too.
    let pinned = fs::read_to_string(&pki.digid_saml.certificate).unwrap();
    put(&pki.digid_saml.certificate, &format!("{pinned}{}", &other[..other.len() - 20]));
    logged(&house, KEPT, 2).await;
    let checked = house.run(&["digid", "check", "digid.xml"]);
    assert!(!checked.status.success() && String::from_utf8_lossy(&checked.stderr).contains("is cut off"));
    assert_eq!(house.log().matches(RENEWED).count(), 1);
}

#[tokio::test]
async fn what_reads_well_and_has_less_in_it_is_told_by_name() {
    let house = with_account().await;
    let (pki, bare, config) = (pki(&house), bare(&house), house.folder.join("namens.toml"));
    let [authority, other] =
        [&pki.ca, &pki.wrong_tls].map(|pair| fs::read_to_string(&pair.certificate).unwrap());
    let digids = [pki.digid_saml.certificate.as_path(), &pki.digid_saml_next.certificate];
    let plain = append(&house, "");
    let more = append(&house, &next(&pki.sp_saml_next, &pki.sp_tls_next, Clock.now().plus(30 * DAY)));
    let metadata = |names: &[&Path]| sign(&naming(&bare, names), &pki.digid_saml);
    let place = house.folder.join("digid.xml");
    let mut renewed = 0;
    for (path, whole, less, words) in [
        (
            &pki.ca.certificate,
            format!("{authority}{other}"),
            authority.clone(),
            "the authority of the back channel ",
        ),
        (&place, metadata(&digids), metadata(&digids[..1]), "DigiD's signing certificate "),
        (&config, more, plain.clone(), "the SAML signing key namens-2; the TLS client certificate "),
    ] {
        put(path, &whole);
        logged(&house, RENEWED, renewed + 1).await;
        // What only adds is told by nobody.
        assert_eq!(house.log().matches(GONE).count(), renewed / 2, "{words}");
        put(path, &less);
        logged(&house, GONE, renewed / 2 + 1).await;
        renewed += 2;
        let log = house.log();
        let told = line(&log, GONE);
        assert!(told.contains("\"WARN\"") && told.contains(words), "{told}");
        log_in(&house).await;
    }
    // A client that is cut off goes at the next start only, when nobody looks at what changed.
    let (before, _) = plain.split_once("[[client]]").unwrap();
    put(&config, before);
    logged(&house, "no longer names these clients", 1).await;
    let log = house.log();
    let told = line(&log, "no longer names these clients");
    assert!(told.contains("\"WARN\"") && told.contains("\"portal\""), "{told}");
    log_in(&house).await;
    put(&config, &plain);
    let key = with(&plain, "[digid]\n", "[digid]\nkey_name = \"namens-9\"\n");
    put(&config, &key);
    logged(&house, RENEWED, renewed + 1).await;
    assert_eq!(house.log().matches("no longer names these clients").count(), 1, "once");
}

/// Puts a named pipe in the place of a file, at once: who opens it to read waits for a writer.
fn pipe(path: &Path) {
    let beside = path.with_extension("pipe");
    assert!(Command::new("mkfifo").arg(&beside).status().unwrap().success());
    fs::rename(beside, path).unwrap();
}

/// The files of which a change is followed: one that holds keys, one that is no PEM, and the configuration itself.
fn watched(house: &House) -> [std::path::PathBuf; 3] {
    [pki(house).ca.certificate, house.folder.join("digid.xml"), house.folder.join("namens.toml")]
}

#[tokio::test]
async fn a_named_pipe_in_the_place_of_a_file_stops_no_reload() {
    let house = with_account().await;
    let mut kept = 0;
    for path in watched(&house) {
        let good = fs::read_to_string(&path).unwrap();
        pipe(&path);
        kept += 1;
        logged(&house, KEPT, kept).await;
        let log = house.log();
        assert!(line(&log, KEPT).contains("no regular file"), "{}", line(&log, KEPT));
        log_in(&house).await;
        put(&path, &good);
        logged(&house, MENDED, kept).await;
    }
    // What comes after is followed.
    let pki = pki(&house);
    let both = [pki.digid_saml_next.certificate.as_path(), &pki.digid_saml.certificate];
    put(&house.folder.join("digid.xml"), &sign(&naming(&bare(&house), &both), &pki.digid_saml));
    logged(&house, RENEWED, 1).await;
    log_in(&house).await;
}

#[tokio::test]
async fn a_named_pipe_in_the_place_of_a_file_keeps_no_server_from_stopping() {
    let mut house = House::start().await;
    for path in watched(&house) {
        let (good, kept) = (fs::read_to_string(&path).unwrap(), house.log().matches(KEPT).count());
        pipe(&path);
        logged(&house, KEPT, kept + 1).await;
        house.stop();
        put(&path, &good);
        house.open_doors();
    }
    house.stop();
}
