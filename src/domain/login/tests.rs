//! Each road through a login, and what it is worth at its end.

mod proven;

use super::*;
use crate::domain::{
    ask::{Prompt, tests::ask},
    bsn::Bsn,
    code::{CodeFor, SentCode, WrongCode},
    email::Email,
    id::{AccountId, SessionId},
    session::{Session, tests::session},
};

/// The keyed hash of the code that is mailed in these tests.
const CODE: &[u8] = &[1];

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_epoch(seconds)
}

fn start() -> Login<Choose> {
    Login::start(ask(), Hashed::from_stored(vec![7; 32]), at(100))
}

fn opening() -> Opening {
    Opening { account: AccountId::from_stored("account"), era: 3 }
}

fn person() -> PersonId {
    PersonId::from_stored("person")
}

fn email() -> Email {
    Email::parse("jansen@x.nl").unwrap()
}

fn code() -> SentCode {
    SentCode::first(CODE.to_vec(), "K7Q".into(), at(100))
}

fn sent() -> SentRequest {
    SentRequest {
        id: "_request".into(),
        at: at(110),
        required: Level::Midden,
        forced: false,
        representation: false,
    }
}

#[expect(clippy::disallowed_methods, reason = "a test's own proof")]
fn proof(authority: Option<ParentalAuthority>) -> Proof<Digid> {
    let bsn = Bsn::parse("999990019").unwrap();
    Proof::attest(Digid { bsn, level: Level::Substantieel, session: None, authority }, at(120))
}

fn question() -> Login<Question> {
    start().to_digid(sent()).unknown(proof(None), at(130)).asked()
}

fn right<P>(login: Login<Coded<P>>) -> Login<P> {
    match login.attempt(CODE, at(200)) {
        Tried::Right(login) => login,
        Tried::Wrong(_, why) => panic!("the code is right: {why:?}"),
    }
}

/// What the page of the mailed code finds when the login comes back from where it was kept.
fn waits_for<S: Into<Step>>(login: Login<S>) -> Option<(CodeFor, String, String)> {
    let login = login.any();
    login.step.mailed().map(|(what, mailed)| (what, mailed.to.typed().into(), mailed.code.reference.clone()))
}

fn its_code(what: CodeFor) -> (CodeFor, String, String) {
    (what, "jansen@x.nl".into(), "K7Q".into())
}

#[test]
fn a_login_that_adds_to_a_session_keeps_its_account_on_every_step() {
    let account = || AccountId::from_stored("account");
    assert_eq!((start().keeps.clone(), start().keeping(account()).keeps), (None, Some(account())));
    assert_eq!(start().keeping(account()).to_digid(sent()).any().keeps, Some(account()));
    // Whoever comes back with nothing is no longer known to be its owner.
    assert_eq!(start().keeping(account()).to_digid(sent()).unproven(None).keeps, None);
    assert_eq!(start().keeping(account()).to_digid(sent()).back(None).keeps, Some(account()));
    // Nor is what they proved before of another account theirs.
    let first = FirstProof::of(&Session { level: Level::Midden, ..session() });
    let login = || Login { first: first.clone(), ..start() };
    assert!(start().first.is_none() && first.is_some());
    assert_eq!(login().any().first, first);
    assert_eq!(login().to_digid(sent()).back(None).first, first);
    assert_eq!(login().to_digid(sent()).unproven(None).first, None);
}

#[test]
fn a_password_and_its_code_are_worth_the_lowest_level() {
    let login = start().opened(email(), opening(), code());
    assert_eq!(login.ends, at(100 + LIFE));
    assert_eq!(waits_for(login.clone()), Some(its_code(CodeFor::LogIn)));
    let login = right(login);
    assert_eq!(login.step.opening(), &opening());
    let proven = login.prove(at(200));
    assert_eq!((proven.of(), proven.at()), (&Local { opening: opening() }, at(200)));
    let done = login.done(proven, person()).step;
    assert_eq!((&done.opening, &done.person), (&opening(), &person()));
    assert_eq!((done.level(), done.auth_time()), (Level::Local, at(200)));
    assert!(done.digid().is_none() && done.authority().is_none() && !done.was_linked());
}

#[test]
fn a_wrong_code_leaves_the_login_where_it_was_and_counts() {
    let login = start().opened(email(), opening(), code());
    let Tried::Wrong(login, WrongCode::Again { left: 4 }) = login.attempt(&[2], at(200)) else {
        panic!("one of five tries")
    };
    let Tried::Wrong(_, why) = login.attempt(&[2], at(200)) else { panic!("it is wrong again") };
    assert_eq!(why, WrongCode::Again { left: 3 });
}

#[test]
fn a_password_leads_nowhere_where_digid_is_demanded_unless_digid_came_first() {
    for level in Level::ALL {
        let ask = Ask { level, ..ask() };
        assert_eq!(Choose::takes_password(&ask), level == Level::Local);
        assert!(Link::takes_password(&ask));
    }
}

#[test]
fn digid_is_asked_for_what_the_portal_wants_and_afresh_for_a_password() {
    let wanted = |level, prompt| Choose::wanted(&Ask { level, prompt, ..ask() });
    assert_eq!(wanted(Level::Local, Prompt::Unset), (Level::Midden, false));
    assert_eq!(wanted(Level::Hoog, Prompt::Login), (Level::Hoog, true));
    let hoog = Ask { level: Level::Hoog, ..ask() };
    assert_eq!(RecoverDigid::wanted(&hoog), (Level::Midden, true));
}

#[test]
fn what_digid_vouched_for_is_what_a_known_person_is_worth() {
    let child = ParentalAuthority::over(PersonId::from_stored("child"), vec![]);
    let login = start().to_digid(sent()).known(proof(Some(child.clone())), opening(), person());
    let done = login.step;
    assert_eq!((&done.opening, &done.person), (&opening(), &person()));
    assert_eq!((done.level(), done.auth_time()), (Level::Substantieel, at(120)));
    assert_eq!(done.digid(), Some(&proof(Some(child.clone()))));
    assert_eq!(done.authority(), Some(&child));
    assert!(!done.was_linked());
}

#[test]
fn whoever_comes_back_from_digid_without_an_answer_is_told_why() {
    let away = start().to_digid(sent());
    assert_eq!(away.step.sent.id, "_request");
    assert_eq!(away.clone().back(Some(Notice::DigidCancelled)).step.notice, Some(Notice::DigidCancelled));
    assert_eq!(away.back(None).step.notice, None);
}

#[test]
fn an_unknown_digid_waits_a_quarter_of_an_hour_and_never_longer_than_its_login() {
    let unknown = |now| start().to_digid(sent()).unknown(proof(None), at(now)).asked().ends;
    assert_eq!((unknown(130), unknown(1900)), (at(130 + 900), at(100 + LIFE)));
}

#[test]
fn linking_takes_digid_and_password_and_code() {
    let login = question().has_account().back().unwrap().has_account();
    let login = login.opened(email(), opening(), code());
    assert_eq!(waits_for(login.clone()), Some(its_code(CodeFor::Link)));
    let login = right(login);
    assert_eq!((login.step.opening(), login.pair(at(200)).unwrap().digid()), (&opening(), &proof(None)));
    let local = login.prove(at(200));
    let done = login.linked(local, person()).step;
    assert_eq!((&done.opening, &done.person), (&opening(), &person()));
    assert_eq!((done.level(), done.auth_time()), (Level::Substantieel, at(120)));
    assert!(done.was_linked());
}

#[test]
fn a_login_that_adds_to_a_session_links_its_account_or_none() {
    let kept = |account: &str| start().keeping(AccountId::from_stored(account));
    let link = |account| match kept(account).to_digid(sent()).unknown(proof(None), at(130)) {
        Unknown::HasAccount(link) => link,
        Unknown::Asked(_) => panic!("they have an account"),
    };
    assert_eq!(link("account").ends, at(130 + 900));
    assert_eq!(link("account").only(), Some(&AccountId::from_stored("account")));
    assert!(question().has_account().only().is_none() && kept("account").only().is_none());
    assert!(link("account").back().is_none() && kept("account").to_register().is_none());
    let linking = |link: Login<Link>| right(link.opened(email(), opening(), code()));
    assert!(linking(link("other")).pair(at(200)).is_none());
    for own in [link("account"), question().has_account()] {
        let own = linking(own);
        let pair = own.pair(at(200)).unwrap();
        assert_eq!((&pair.local().of().opening, pair.digid()), (&opening(), &proof(None)));
    }
}

#[test]
fn a_new_account_is_worth_what_proved_it() {
    let mailed = |login: Login<Register>| login.mailed(email(), Some("hash".into()), code());
    let local = start().to_register().unwrap();
    assert!(!local.step.has_digid());
    assert_eq!(waits_for(mailed(local.clone())), Some(its_code(CodeFor::Register)));
    let local = right(mailed(local));
    assert_eq!((local.digid(), local.step.password_hash.as_deref()), (None, Some("hash")));
    let done = local.registered(opening(), person(), at(200)).step;
    assert_eq!((done.level(), done.auth_time(), done.was_linked()), (Level::Local, at(200), false));
    assert_eq!((&done.opening, &done.person), (&opening(), &person()));

    let by_digid = question().has_none();
    assert!(by_digid.step.has_digid());
    let by_digid = right(mailed(by_digid));
    assert_eq!(by_digid.digid(), Some(&proof(None)));
    let done = by_digid.registered(opening(), person(), at(200)).step;
    assert_eq!((done.level(), done.auth_time(), done.was_linked()), (Level::Substantieel, at(120), false));
}

#[test]
fn whoever_makes_no_account_is_back_where_they_came_from() {
    assert!(matches!(start().to_register().unwrap().back().step, Step::Choose(_)));
    let back = Login::<Question>::try_from(question().has_none().back()).unwrap();
    assert_eq!(back.step.digid, proof(None));
}

#[test]
fn a_forgotten_password_is_replaced_after_the_code() {
    let login = start().forgot(email(), Some(opening()), code());
    assert_eq!(waits_for(login.clone()), Some(its_code(CodeFor::Recover)));
    let login = right(login);
    assert_eq!(login.opening(), Some(&opening()));
    let login = Login::<NewPassword>::try_from(login.proven(false).unwrap()).unwrap();
    assert_eq!(login.opening(), &opening());
    let suffices = |digid, app| login.suffices(digid, app);
    assert!(suffices(false, false) && !suffices(true, false) && !suffices(false, true));
    let login = login.spent();
    assert_eq!(login.step.notice, None);
    assert_eq!(login.password_changed().step.notice, Some(Notice::PasswordChanged));
}

#[test]
fn a_login_is_by_app_where_a_password_and_a_code_of_the_app_were_given_and_nowhere_else() {
    let done = |login: Login<LogIn>| {
        let local = login.prove(at(200));
        Session::begin(&login.done(local, person()).step, Hashed::from_stored(vec![1; 32]), 3, 3600, at(200))
    };
    let asked = start().opened_with_app(opening(), None);
    assert!(asked.clone().any().step.asks_app());
    assert!(done(asked.right().by_app()).by_app);
    // A recovery code was written down, and another one was mailed.
    assert!(!done(start().opened_with_app(opening(), None).right()).by_app);
    let mailed = start().opened(email(), opening(), code());
    assert!(!mailed.clone().any().step.asks_app());
    assert!(!done(right(mailed)).by_app);
    let linking = question().has_account().opened_with_app(opening(), None);
    assert!(linking.clone().any().step.asks_app());
    let linking = linking.right();
    let local = linking.prove(at(200));
    assert!(!linking.linked(local, person()).step.is_by_app(), "linked, which takes DigiD");
}

#[test]
fn a_forgotten_password_of_an_account_with_digid_asks_for_digid_too() {
    let login = right(start().forgot(email(), Some(opening()), code())).proven(true).unwrap();
    let login = Login::<RecoverDigid>::try_from(login).unwrap();
    let away = login.to_digid(sent());
    assert_eq!(away.opening(), &opening());
    let back = away.clone().back(Some(Notice::DigidCancelled)).step;
    assert_eq!((back.notice, back.opening), (Some(Notice::DigidCancelled), opening()));
    let login = away.recovered();
    assert!(login.opening() == &opening() && login.suffices(true, true));
}

#[test]
fn a_forgotten_password_of_an_account_with_an_app_asks_for_its_code_and_digid_where_that_is_linked_after_all()
{
    let login = right(start().forgot(email(), Some(opening()), code())).proven_but_app().unwrap();
    assert!(login.clone().any().step.asks_app());
    let login = login.right();
    assert!(login.suffices(false, true) && login.suffices(false, false) && !login.suffices(true, true));
}

#[test]
fn a_code_of_the_app_is_asked_in_a_known_browser_where_it_has_a_name() {
    for (name, is_known) in [(Some("browser".to_owned()), true), (None, false)] {
        let mut recovering =
            right(start().forgot(email(), Some(opening()), code())).proven_but_app().unwrap();
        recovering.step.known_browser = name.clone();
        for step in [
            start().opened_with_app(opening(), name.clone()).any().step,
            question().has_account().opened_with_app(opening(), name.clone()).any().step,
            recovering.any().step,
        ] {
            assert_eq!((step.asks_app(), step.asks_app_of_known_browser()), (true, is_known), "{name:?}");
        }
    }
    assert!(!start().any().step.asks_app_of_known_browser());
}

#[test]
fn the_fifth_wrong_code_of_an_app_ends_the_login() {
    let mut login = start().opened_with_app(opening(), None);
    for left in (0..5).rev() {
        let (next, wrong, over) = login.wrong();
        assert_eq!((wrong, over), (WrongCode::Again { left }, left == 0));
        login = next;
    }
}

#[test]
fn without_an_account_nothing_is_recovered() {
    let login = right(start().forgot(email(), None, code()));
    assert!(login.opening().is_none() && login.proven(true).is_none());
}

#[test]
fn a_newer_code_takes_the_place_of_the_older_at_every_step_that_waits_for_one() {
    let register = |login: Login<Register>| login.mailed(email(), None, code()).any().step;
    let waiting = [
        start().opened(email(), opening(), code()).any().step,
        question().has_account().opened(email(), opening(), code()).any().step,
        register(start().to_register().unwrap()),
        start().forgot(email(), Some(opening()), code()).any().step,
    ];
    let newer = SentCode::first(vec![2], "ABC".into(), at(200));
    for mut step in waiting {
        step.replace_code(newer.clone());
        let (_, mailed) = step.mailed().unwrap();
        assert_eq!((mailed.code.reference.as_str(), mailed.to.typed()), ("ABC", "jansen@x.nl"));
    }
    let mut choose = start().any().step;
    choose.replace_code(newer);
    assert!(choose.mailed().is_none());
}

#[test]
fn a_login_is_taken_up_only_at_the_step_where_it_stands() {
    let kept = question().any();
    let id = kept.id.clone();
    let refused = Login::<Link>::try_from(kept).unwrap_err();
    assert_eq!(refused.id, id);
    assert_eq!(Login::<Question>::try_from(*refused).unwrap().id, id);
}

#[test]
fn a_login_comes_back_from_where_it_was_kept_as_it_was() {
    let kept = serde_json::to_string(&question().any()).unwrap();
    let back: Login<Step> = serde_json::from_str(&kept).unwrap();
    assert_eq!(Login::<Question>::try_from(back).unwrap().step.digid, proof(None));
    let spoilt = kept.replace("999990019", "999990018");
    assert!(serde_json::from_str::<Login<Step>>(&spoilt).is_err(), "a number that is no BSN");
}

#[test]
fn who_was_asked_is_one_account_in_one_session() {
    let session = session();
    let login =
        Login::<AsksConsent>::asking(start().ask, Hashed::from_stored(vec![7; 32]), &session, at(100));
    let asked = login.step;
    let other = Session { sid: SessionId::random(), ..session.clone() };
    let others = Session { account: AccountId::random(), ..session.clone() };
    assert_eq!([&session, &other, &others].map(|session| asked.0.is_of(session)), [true, false, false]);
}

/// Attack 9: a step behind a proof that drew no tie would be open to whoever has the browser's cookie. It is open to nobody.
#[test]
fn a9_a_login_in_which_something_was_proven_is_found_by_its_last_tie_alone() {
    let [browser, older, tie] = ["a browser", "an older one", "a tie"].map(Secret::new);
    let begun = || Login { browser: browser.hashed(), ..start() };
    assert!(begun().any().is_of(&browser, None) && begun().any().is_of(&browser, Some(&tie)));
    assert!(!begun().any().is_of(&older, None));
    let asked = |login: Login<Choose>| login.to_digid(sent()).unknown(proof(None), at(200)).asked();
    let untied = asked(begun()).any();
    assert!(!untied.is_of(&browser, None) && !untied.is_of(&browser, Some(&tie)));
    let tied = asked(Login { tie: Some(older.hashed()), fresh: Some(tie.hashed()), ..begun() });
    let kept = serde_json::to_string(&tied.has_none().any()).unwrap();
    let tied: Login<Step> = serde_json::from_str(&kept).unwrap();
    assert!(tied.is_of(&browser, Some(&tie)), "the twin");
    assert!(tied.fresh.is_none(), "what another request may prove is its own");
    for wrong in [None, Some(&older), Some(&browser)] {
        assert!(!tied.is_of(&browser, wrong));
    }
    assert!(!tied.is_of(&tie, Some(&tie)));
}
