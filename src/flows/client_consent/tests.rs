//! Which session may still answer a portal: each of the three things that can change while its owner reads the question.

use std::fs;

use super::*;
use crate::{
    domain::{
        assurance::Level, birth::BirthDate, email::Email, id::PersonId, login::Login,
        representation::ParentalAuthority, secret::Secret, session::tests::session,
    },
    flows::code::tests::application,
    oidc::oxide::tests::ask,
    store::{accounts::Owner, persons::Told},
};

const NOW: Timestamp = Timestamp::from_epoch(1_790_000_000);

#[tokio::test]
async fn m7_m9_m13_a_session_answers_only_while_it_is_worth_what_was_asked_of_it() {
    let (app, folder) = application().await;
    let email = Email::parse("a@x.nl").unwrap();
    let id = app.store.create_account(&Owner::New, &email, None, NOW).await.unwrap().unwrap();
    let person = app.store.account(&id).await.unwrap().unwrap().person;
    let asked = Session { account: id, person, level: Level::Midden, ..session() };
    let ask = Ask { level: Level::Midden, ..ask() };
    let login: Login<AsksConsent> = Login::asking(ask, Secret::token("").hashed(), &asked, NOW);
    let held = logins::begin(&app, login).await.unwrap();
    let answers =
        async |session: &Session| still_answers(&app, &held, Some(session), NOW).await.unwrap().is_some();
    assert!(answers(&asked).await, "the twin of all that follow");
    assert!(
        !answers(&Session { level: Level::Local, ..asked.clone() }).await,
        "worth less than the portal wanted"
    );

    // The desk learned that this person is eight; and the twin, of twelve.
    for (born, may) in [("2018-01-01", false), ("2014-01-01", true)] {
        let birth = Some(BirthDate::read(born, NOW).unwrap());
        let told = Told { name: "Sam".into(), birth, ..Told::default() };
        let person: PersonId = app.store.register_person(&told, "els", NOW).await.unwrap().unwrap();
        assert_eq!(answers(&Session { person, ..asked.clone() }).await, may, "{born}");
    }

    // By the register's word for a child whom nobody here knows any more, which is what a block looks like too.
    let authority = Some(ParentalAuthority::over(PersonId::random(), vec![1]));
    assert!(!answers(&Session { authority, ..asked.clone() }).await, "the register's word counts no longer");

    // Nor another session, nor the same of another account, nor none.
    for other in [
        Session { sid: session().sid, ..asked.clone() },
        Session { account: AccountId::random(), ..asked.clone() },
    ] {
        assert!(!answers(&other).await);
    }
    assert!(still_answers(&app, &held, None, NOW).await.unwrap().is_none());
    fs::remove_dir_all(folder).unwrap();
}
