//! The answers that the fuzz target begins with (`fuzz/corpus/answer`), read again as they are and after many small changes: the
//! part of fuzzing that every run of the tests repeats. What is random here begins with a fixed seed.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::OnceLock,
};

use namens::{
    saml::{
        Failure, Verified,
        door::{self, ACS, DIGID, KEY_NAME, REQUEST, RESOLVE, Reader, SERVICE, SP, Side, identity},
    },
    simulator::{
        digid::{
            answer::{Outcome, Sender, VICTIM, answer, without_response},
            names::{Level, Status},
            routing::{EncryptionKey, Routed, Routing},
            sign::SigningKey,
            spoil::{RoutingSpoil, Spoil},
        },
        pki::{Pair, Pki},
    },
};

use crate::{corpus_logout, digid_spoil::expected};

/// Who logs in by every good answer.
pub const PERSON: &str = "111222333";

/// The spoils of DigiD's answer that look different to whoever reads them.
const SPOILS: &[Spoil] = &[
    Spoil::WrongKey,
    Spoil::KeyInfoAttackerCert,
    Spoil::KeyInfoRetrieval,
    Spoil::Hmac,
    Spoil::UnsignedAssertion,
    Spoil::Unsigned,
    Spoil::NoAudience,
    Spoil::TwoAudiences,
    Spoil::WrongArtifactInResponseTo,
    Spoil::Future,
    Spoil::NoNotOnOrAfter,
    Spoil::TwoAssertions,
    Spoil::TwoResponses,
    Spoil::LookAlike,
    Spoil::TwoAuthnStatements,
    Spoil::OtherSector,
    Spoil::CommentInNameId,
    Spoil::PiInNameId,
    Spoil::EntityBomb,
    Spoil::ExternalEntity,
    Spoil::TrailingGarbage,
    Spoil::ForeignEncoding,
    Spoil::DoubledAttribute,
    Spoil::DuplicateId,
    Spoil::XmlId,
    Spoil::XsltTransform,
    Spoil::TwoReferences,
    Spoil::ExternalReference,
    Spoil::VoidCanonical,
    Spoil::Xsw1,
    Spoil::Xsw2,
    Spoil::Xsw7,
    Spoil::Xsw8,
    Spoil::StatusFailedWithAssertion,
    Spoil::RefusedWithResponse,
];
/// Those of the routing service's.
const ROUTING_SPOILS: &[RoutingSpoil] = &[
    RoutingSpoil::InTheClear,
    RoutingSpoil::TwoActing,
    RoutingSpoil::UnrequestedLegal,
    RoutingSpoil::AdviceSubstituted,
];

fn fuzz() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz")
}

/// Every kept text of a target by its name, in order.
pub fn kept(target: &str) -> Vec<(String, Vec<u8>)> {
    let folder = fuzz().join("corpus").join(target);
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let name = |path: &Path| path.file_stem().unwrap().to_str().unwrap().to_owned();
    let mut kept: Vec<_> = files.map(|path| (name(&path), fs::read(path).unwrap())).collect();
    kept.sort();
    kept
}

/// A reader that trusts whoever signed the corpus. It cannot decrypt what is in it: that key is nowhere.
pub fn reader() -> &'static Reader {
    static READER: OnceLock<Reader> = OnceLock::new();
    READER.get_or_init(|| {
        let name = format!("corpus-keys-{}", std::process::id());
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        let keys = Pki::create(&folder).unwrap();
        let read = |path: &Path| fs::read_to_string(path).unwrap();
        let digid = read(&fuzz().join("digid.crt"));
        let (key, certificate) = (read(&keys.sp_saml.key), read(&keys.sp_saml.certificate));
        fs::remove_dir_all(folder).unwrap();
        Reader::new(&digid, key, certificate).unwrap()
    })
}

fn side(name: &str) -> Side {
    if name.starts_with("routing-") { Side::Routing } else { Side::Digid }
}

/// What must come of a kept answer: a piece of the reason, or nothing for a login.
fn verdict(name: &str) -> Option<&'static str> {
    match name.split_once('-').unwrap().1 {
        "good" if side(name) == Side::Digid => None,
        "cancelled" => Some("was cancelled or did not succeed"),
        "no-authn-context" => Some("the level of assurance is below"),
        "denied" => Some("DigiD refuses our request"),
        "unknown" => Some("nobody knows it"),
        "expired" => Some("it has expired"),
        "st-in-the-clear" => Some("an identity that is not one EncryptedID"),
        "st-two-acting" => Some("not exactly one ActingSubjectID"),
        // All before held: the identity itself is for a key that nobody has.
        "good" | "st-unrequested-legal" => Some("an identity that cannot be read"),
        "st-advice-substituted" => Some("invalid signature"),
        word => Some(expected(Spoil::from_word(word).expect(word)).reason),
    }
}

/// Who is logged in with all that is said of it, or why nobody is.
fn told(read: &Result<Verified, Failure>) -> Result<String, String> {
    read.as_ref().map(door::told).map_err(ToString::to_string)
}

#[test]
fn every_kept_answer_is_read_as_its_name_says() {
    #[expect(
        clippy::disallowed_methods,
        reason = "by hand, when the simulator's answers have changed: CORPUS=anew"
    )]
    if std::env::var("CORPUS").is_ok_and(|wish| wish == "anew") {
        make_anew();
    }
    let (reader, kept) = (reader(), kept("answer"));
    for (name, body) in &kept {
        let told = told(&reader.read(side(name), body));
        match verdict(name) {
            None => assert!(told.as_ref().is_ok_and(|told| told.starts_with(PERSON)), "{name}: {told:?}"),
            Some(reason) => assert!(told.as_ref().is_err_and(|why| why.contains(reason)), "{name}: {told:?}"),
        }
        // And by the other interface nobody is logged in.
        let other = if side(name) == Side::Digid { Side::Routing } else { Side::Digid };
        let stranger = self::told(&reader.read(other, body));
        assert!(stranger.is_err(), "{name}");
    }
    let words = SPOILS.iter().map(|spoil| spoil.word()).map(|word| format!("digid-{word}"));
    let routing = ROUTING_SPOILS.iter().map(|spoil| spoil.word()).map(|word| format!("routing-{word}"));
    for name in words.chain(routing).chain(["digid-good".to_owned(), "routing-good".to_owned()]) {
        assert!(kept.iter().any(|(kept, _)| *kept == name), "{name} is not kept");
    }
    assert!(kept.iter().map(|(_, body)| body.len()).sum::<usize>() < 300_000, "the corpus grows too large");
}

/// A generator of numbers (Marsaglia's xorshift), so that each run makes the same changes.
pub struct Dice(pub u64);

impl Dice {
    pub fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % u64::try_from(end.max(1)).unwrap()).unwrap()
    }

    fn stretch(&mut self, bytes: &[u8], longest: usize) -> std::ops::Range<usize> {
        let start = self.below(bytes.len());
        start..(start + 1 + self.below(longest)).min(bytes.len())
    }
}

/// How many changed texts are read.
pub const ROUNDS: usize = 3_000;

/// What parsers differ on.
const PIECES: &[&str] = &[
    "<!-- -->",
    "<![CDATA[0]]>",
    "<?x y?>",
    "<!DOCTYPE x>",
    "&#0;",
    "&#48;",
    "&e;",
    "\u{feff}",
    "\0",
    " ID=\"_a\"",
    " xmlns=\"\"",
    " xmlns:saml=\"x\"",
    "</saml:Assertion>",
    "<saml:Assertion>",
    "</samlp:LogoutRequest>",
    "<samlp:SessionIndex>",
    "'",
    "\"",
    "<",
    ">",
];

/// One small change: letters, a cut, a stretch of another answer, a piece from the list.
pub fn change(dice: &mut Dice, bytes: &mut Vec<u8>, other: &[u8]) {
    if bytes.is_empty() {
        return;
    }
    match dice.below(4) {
        0 => {
            let at = dice.below(bytes.len());
            bytes[at] = b"0123456789abcdefXZ<>&\"'#:_= \xff"[dice.below(28)];
        }
        1 => drop(bytes.splice(dice.stretch(bytes, 60), [])),
        2 => {
            let copied = other[dice.stretch(other, 600)].to_vec();
            drop(bytes.splice(dice.stretch(bytes, 200), copied));
        }
        _ => {
            let at = dice.below(bytes.len());
            drop(bytes.splice(at..at, PIECES[dice.below(PIECES.len())].bytes()));
        }
    }
}

#[test]
fn no_change_of_a_kept_answer_logs_anybody_else_in() {
    let (reader, kept, mut dice) = (reader(), kept("answer"), Dice(0x5eed_0f5a_3116_2026));
    let (mut logins, mut refusals) = (0, 0);
    let good = kept.iter().position(|(name, _)| name == "digid-good").unwrap();
    let right = told(&reader.read(Side::Digid, &kept[good].1)).unwrap();
    for round in 0..ROUNDS {
        // Every other time the answer that logs somebody in.
        let seed = if round % 2 == 0 { good } else { round / 2 % kept.len() };
        let mut bytes = kept[seed].1.clone();
        for _ in 0..=dice.below(3) {
            let other = dice.below(kept.len());
            change(&mut dice, &mut bytes, &kept[other].1);
        }
        for side in [Side::Digid, Side::Routing] {
            match told(&reader.read(side, &bytes)) {
                Ok(login) => {
                    assert_eq!(login, right, "{}", String::from_utf8_lossy(&bytes));
                    logins += 1;
                }
                Err(_) => refusals += 1,
            }
            // What comes after the signatures: anything but a panic.
            let _ = reader.read_unsigned(side, &bytes);
        }
        let _ = identity(&bytes);
    }
    // Changes where nobody reads leave some logins whole.
    assert!(logins > 0 && refusals > ROUNDS, "{logins} {refusals}");
}

/// Makes the corpus anew, with new keys of which only DigiD's certificate is kept.
fn make_anew() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("corpus-made");
    let _ = fs::remove_dir_all(&folder);
    let pki = Pki::create(&folder).unwrap();
    fs::copy(&pki.digid_saml.certificate, fuzz().join("digid.crt")).unwrap();
    let corpus = fuzz().join("corpus/answer");
    for folder in [&corpus, &fuzz().join("corpus/logout")] {
        let _ = fs::remove_dir_all(folder);
        fs::create_dir_all(folder).unwrap();
    }
    let now = chrono::DateTime::from_timestamp(reader().now(), 0).unwrap();
    let sender = |routing: bool| Sender {
        entity_id: DIGID.into(),
        key: signing_key(&pki.digid_saml),
        attacker: signing_key(&pki.wrong_tls),
        trap: "http://127.0.0.1:9/trap".into(),
        routing: routing.then(|| Routing {
            uuid: SERVICE.into(),
            login: "urn:nl-eid-gdi:1.0:AD:1:entities:0000".into(),
            login_key: signing_key(&pki.digid_tls),
        }),
    };
    let (digid, routing) = (sender(false), sender(true));
    let recipient = EncryptionKey {
        owner: SP.into(),
        name: KEY_NAME.into(),
        key: signing_key(&pki.sp_saml).public_key().unwrap(),
    };
    let routed = |spoil| Some(Routed { recipient: recipient.clone(), legal: None, spoil });
    let write = |name: &str, text: String| fs::write(corpus.join(format!("{name}.xml")), text).unwrap();
    let good = || outcome(now, Status::Success, None, None);
    write("digid-good", answer(&digid, RESOLVE, &good(), now).unwrap());
    write(
        "routing-good",
        answer(&routing, RESOLVE, &Outcome { routed: routed(None), ..good() }, now).unwrap(),
    );
    write("digid-unknown", without_response(&digid, RESOLVE, Status::RequestDenied, now).unwrap());
    write("digid-expired", without_response(&digid, RESOLVE, Status::Success, now).unwrap());
    for (name, status) in [
        ("cancelled", Status::AuthnFailed),
        ("no-authn-context", Status::NoAuthnContext),
        ("denied", Status::RequestDenied),
    ] {
        let text = answer(&digid, RESOLVE, &outcome(now, status, None, None), now).unwrap();
        write(&format!("digid-{name}"), text);
    }
    for spoil in SPOILS {
        let text = answer(&digid, RESOLVE, &outcome(now, Status::Success, Some(*spoil), None), now).unwrap();
        write(&format!("digid-{}", spoil.word()), text);
    }
    for spoil in ROUTING_SPOILS {
        let outcome = outcome(now, Status::Success, None, routed(Some(*spoil)));
        write(&format!("routing-{}", spoil.word()), answer(&routing, RESOLVE, &outcome, now).unwrap());
    }
    for (name, text) in corpus_logout::made(&digid, now) {
        fs::write(fuzz().join(format!("corpus/logout/{name}.xml")), text).unwrap();
    }
    fs::remove_dir_all(folder).unwrap();
}

fn outcome(
    now: chrono::DateTime<chrono::Utc>,
    status: Status,
    spoil: Option<Spoil>,
    routed: Option<Routed>,
) -> Outcome {
    assert_ne!(PERSON, VICTIM);
    Outcome {
        request: REQUEST.into(),
        audience: SP.into(),
        recipient: ACS.into(),
        sign_assertion: true,
        status,
        bsn: PERSON.into(),
        level: Level::Midden,
        address: "192.0.2.7".into(),
        ended: now,
        session: "_session".into(),
        assertion_id: "_assertion".into(),
        spoil,
        key_name: None,
        words: String::new(),
        shift: chrono::TimeDelta::minutes(5),
        routed,
    }
}

fn signing_key(pair: &Pair) -> SigningKey {
    SigningKey::from_pem(&fs::read(&pair.key).unwrap(), &fs::read(&pair.certificate).unwrap()).unwrap()
}
