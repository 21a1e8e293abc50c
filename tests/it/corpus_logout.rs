//! What the fuzz target of DigiD's requests to log somebody out, and of a browser's way back, begins with
//! (`fuzz/corpus/logout`), read again as it is and after many small changes: as `corpus` does with answers.

use std::io::Write as _;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use chrono::{DateTime, Utc};
use flate2::{Compression, write::DeflateEncoder};
use namens::{
    saml::door::{self, DIGID, LOGOUT, says_whole},
    simulator::digid::{
        answer::Sender,
        names::{SAML, SAMLP, Status},
        single_logout::LogoutRequest,
        single_logout_spoil::{LogoutSpoil, name, sent},
    },
};

use crate::{
    corpus::{Dice, PERSON, ROUNDS, change, kept, reader},
    single_logout_digid::reason,
};

/// What DigiD may answer to our own request.
const ANSWERS: [(&str, Status); 4] = [
    ("response-good", Status::Success),
    ("response-partial", Status::PartialLogout),
    ("response-partial-success", Status::PartialSuccess),
    ("response-failed", Status::Failed),
];

/// The whole of it, by name.
pub fn made(digid: &Sender, now: DateTime<Utc>) -> Vec<(String, String)> {
    let request = |session: Option<&str>| LogoutRequest {
        id: "_theirs".into(),
        issued: now,
        ends: None,
        destination: None,
        issuer: DIGID.into(),
        version: "2.0",
        names: vec![name(PERSON)],
        session: session.map(str::to_owned),
    };
    let spoilt = LogoutSpoil::ALL.iter().map(|spoil| {
        let word = spoil.word().strip_prefix("slo-").unwrap();
        (format!("request-{word}"), sent(digid, request(None), Some(*spoil)).unwrap())
    });
    let good = ("request-good".to_owned(), sent(digid, request(Some("_session")), None).unwrap());
    let answers = ANSWERS.map(|(name, status)| {
        let text = format!(
            "<samlp:LogoutResponse xmlns:saml=\"{SAML}\" xmlns:samlp=\"{SAMLP}\" Version=\"2.0\" Destination=\"\" \
             InResponseTo=\"{LOGOUT}\" ID=\"_theirs\" IssueInstant=\"{}\"><saml:Issuer>{DIGID}</saml:Issuer>{}\
             </samlp:LogoutResponse>",
            now.format("%Y-%m-%dT%H:%M:%SZ"),
            status.xml()
        );
        (name.to_owned(), text)
    });
    spoilt.chain([good]).chain(answers).collect()
}

/// As a browser brings it (SAML 2.0 bindings, section 3.4.4.1).
fn packed(document: &[u8]) -> String {
    let mut deflate = DeflateEncoder::new(Vec::new(), Compression::fast());
    deflate.write_all(document).unwrap();
    STANDARD.encode(deflate.finish().unwrap())
}

/// Whom it logs out with all that is said of it, or why nobody.
fn told(body: &[u8]) -> Result<String, String> {
    reader().read_logout(body).map(|request| door::named(&request)).map_err(|why| why.to_string())
}

#[test]
fn every_kept_request_and_answer_is_read_as_its_name_says() {
    let kept = kept("logout");
    for (name, body) in &kept {
        let told = told(body);
        match name.split_once('-').unwrap() {
            ("request", "good") => assert!(told.unwrap().starts_with(PERSON)),
            ("request", word) => {
                let reason = reason(LogoutSpoil::from_word(&format!("slo-{word}")).expect(word));
                assert!(told.as_ref().is_err_and(|why| why.contains(reason)), "{name}: {told:?}");
            }
            (_, word) => {
                assert_eq!(says_whole(&packed(body)), word == "good", "{name}");
                assert!(told.is_err(), "{name}: {told:?}");
            }
        }
        assert!(!says_whole(&String::from_utf8_lossy(body)), "{name} is not packed");
    }
    assert_eq!(kept.len(), LogoutSpoil::ALL.len() + 1 + ANSWERS.len());
    let size: usize = kept.iter().map(|(_, body)| body.len()).sum();
    assert!(size < 200_000, "the corpus grows too large: {size}");
}

#[test]
fn no_change_of_a_kept_request_logs_anybody_else_out() {
    let (kept, mut dice) = (kept("logout"), Dice(0x0060_0dbe_5eed_2026));
    let at = |name: &str| kept.iter().position(|(kept, _)| kept == name).unwrap();
    let (good, answer) = (at("request-good"), at("response-good"));
    let right = told(&kept[good].1).unwrap();
    let (mut outs, mut refusals, mut whole) = (0, 0, 0);
    for round in 0..ROUNDS {
        let seed = match round % 4 {
            0 | 1 => good,
            2 => answer,
            _ => round / 4 % kept.len(),
        };
        let mut bytes = kept[seed].1.clone();
        for _ in 0..=dice.below(3) {
            let other = dice.below(kept.len());
            change(&mut dice, &mut bytes, &kept[other].1);
        }
        match told(&bytes) {
            Ok(request) => {
                assert_eq!(request, right, "{}", String::from_utf8_lossy(&bytes));
                outs += 1;
            }
            Err(_) => refusals += 1,
        }
        // What comes after the signature, and what has none: anything but a panic.
        let _ = reader().read_logout_unsigned(&bytes);
        says_whole(&String::from_utf8_lossy(&bytes));
        whole += usize::from(says_whole(&packed(&bytes)));
    }
    // Changes where nobody reads leave some whole.
    assert!(outs > 0 && whole > 0 && refusals > ROUNDS / 2, "{outs} {whole} {refusals}");
}
