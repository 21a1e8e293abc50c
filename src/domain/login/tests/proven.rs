//! What a login has that a stranger has not.

use super::super::*;
use crate::domain::{
    ask::tests::ask,
    bsn::Bsn,
    code::SentCode,
    email::Email,
    id::{AccountId, SessionId},
    secret::Secret,
};

fn now() -> Timestamp {
    Timestamp::from_epoch(1)
}

fn code() -> SentCode {
    SentCode::first(vec![1], "K7Q".into(), now())
}

fn opening() -> Opening {
    Opening { account: AccountId::random(), era: 0 }
}

fn email() -> Email {
    Email::parse("a@example.nl").unwrap()
}

#[expect(clippy::disallowed_methods, reason = "a test's own proof")]
fn digid() -> Proof<Digid> {
    let bsn = Bsn::parse("999990019").unwrap();
    Proof::attest(Digid { bsn, level: Level::Midden, session: None, authority: None }, now())
}

fn sent() -> SentRequest {
    SentRequest { id: "_1".into(), at: now(), required: Level::Midden, forced: false, representation: false }
}

fn is_proven<S: Into<Step>>(login: Login<S>) -> bool {
    login.any().step.is_proven()
}

#[test]
fn a_login_is_proven_by_digid_a_password_or_a_code_and_by_no_button_or_mail() {
    let begun = || Login::start(ask(), Secret::token("").hashed(), now());
    let away = || begun().to_digid(sent());
    let question = || away().unknown(digid(), now()).asked();
    let mailed = |known: bool| begun().forgot(email(), known.then(opening), code());
    let registering = |login: Login<Register>| login.mailed(email(), None, code());
    let recovered = || {
        let Tried::Right(right) = mailed(true).attempt(&[1], now()) else { panic!("it is right") };
        right
    };
    let of = || OfSession { sid: SessionId::random(), account: AccountId::random() };
    for (what, proven) in [
        // The session that is asked makes any number of them.
        ("in, and asked for whom", is_proven(begun().with(|_| AsksForWhom(of())))),
        ("in, and asked for consent", is_proven(begun().with(|_| AsksConsent(of())))),
        ("begun", is_proven(begun())),
        ("away to DigiD", is_proven(away())),
        ("back without an answer", is_proven(away().back(Some(Notice::DigidCancelled)))),
        ("registers", is_proven(begun().to_register().unwrap())),
        ("a code to register", is_proven(registering(begun().to_register().unwrap()))),
        ("a code to recover", is_proven(mailed(true))),
        ("a code to recover nothing", is_proven(mailed(false))),
    ] {
        assert!(!proven, "{what}");
    }
    let linking = || question().has_account();
    for (what, proven) in [
        ("the right password", is_proven(begun().opened(email(), opening(), code()))),
        ("DigiD, unknown", is_proven(question())),
        ("DigiD, to link", is_proven(linking())),
        ("DigiD and the right password", is_proven(linking().opened(email(), opening(), code()))),
        ("DigiD, to register", is_proven(question().has_none())),
        ("DigiD, a code to register", is_proven(registering(question().has_none()))),
        ("the code, DigiD to come", recovered().proven(true).unwrap().step.is_proven()),
        ("the code", recovered().proven(false).unwrap().step.is_proven()),
        ("DigiD, known", is_proven(away().known(digid(), opening(), PersonId::random()))),
    ] {
        assert!(proven, "{what}");
    }
}
