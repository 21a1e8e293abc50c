//! Against a real SQLite file: one confirms, and never their own.

use super::*;
use crate::{
    domain::{
        id::PersonId,
        mandate::{Attestation, Mandate, Relation, Standing, attest},
    },
    store::testing::{Fresh, fresh, now},
};

const DAY: i64 = 86_400;

/// A mother, a child of thirteen, and a basis that els attested for thirty days.
async fn waiting(f: &Fresh) -> (Mandate, SpecialBasis) {
    let (mother, child) = (f.person("Anna", "1985").await, f.person("Kim", "2013-01-01").await);
    let mandate = f.mandate(Relation::Parent, (&mother, &child)).await;
    let basis = attested(&mandate, "els");
    assert_eq!(f.store.attest_special(&basis, &mandate.id, now()).await.unwrap(), Ok(()));
    (mandate, basis)
}

fn attested(mandate: &Mandate, by: &str) -> SpecialBasis {
    let (evidence_reference, ends) = ("brief 12".to_owned(), now().plus(30 * DAY));
    let attestation = Attestation { evidence_reference, ends, by: by.into() };
    attest(mandate, "2013-01-01".parse().ok(), &attestation, now()).unwrap()
}

async fn special(f: &Fresh, mandate: &Mandate, at: Timestamp) -> Vec<SpecialBasis> {
    f.store.mandate(&mandate.id, at).await.unwrap().unwrap().mandate.special
}

async fn events(f: &Fresh) -> Vec<(String, String, String, String)> {
    sqlx::query_as(
        "SELECT event, actor, represented, detail FROM audit WHERE event LIKE 'mandate.special%' ORDER BY at, event",
    )
    .fetch_all(f.store.db.reader())
    .await
    .unwrap()
}

#[tokio::test]
async fn it_is_read_as_it_was_written_and_each_act_has_its_line_in_the_log() {
    let f = fresh().await;
    let (mandate, basis) = waiting(&f).await;
    assert_eq!(special(&f, &mandate, now()).await, std::slice::from_ref(&basis));
    assert_eq!(f.standing(&mandate, now()).await, Standing::AwaitingConsent);

    let second = now().plus(60);
    let confirmed = f.store.confirm_special(&basis.id, "joost", second).await.unwrap();
    assert_eq!(confirmed, Ok(mandate.id.clone()));
    let stands = Standing::Active { until: Some(basis.ends) };
    assert_eq!(f.standing(&mandate, second).await, stands);
    let by = Confirmed { by: "joost".into(), at: second };
    assert_eq!(special(&f, &mandate, second).await, [SpecialBasis { confirmed: Some(by), ..basis.clone() }]);
    for (list, whose) in [
        (f.store.mandates_held(&mandate.representative, second).await, "held"),
        (f.store.mandates_given(&mandate.represented, second).await, "given"),
    ] {
        assert_eq!(list.unwrap()[0].standing, stands, "{whose}");
    }
    // Another mandate over the same child has nothing of it.
    let other = f.mandate(Relation::Parent, (&f.person("Bas", "1984").await, &mandate.represented)).await;
    let given = f.store.mandates_given(&mandate.represented, second).await.unwrap();
    let found = |id: &MandateId| given.iter().find(|one| one.mandate.id == *id).unwrap().standing;
    assert_eq!((found(&mandate.id), found(&other.id)), (stands, Standing::AwaitingConsent));

    let third = now().plus(120);
    assert_eq!(f.store.end_special(&basis.id, "els", third).await.unwrap(), Ok(mandate.id.clone()));
    assert_eq!(f.standing(&mandate, third).await, Standing::AwaitingConsent);
    let line = |event: &str, by: &str| {
        let texts = [event, by, mandate.represented.as_str(), basis.id.as_str()].map(str::to_owned);
        <(String, String, String, String)>::from(texts)
    };
    assert_eq!(
        events(&f).await,
        [
            line("mandate.special_attested", "els"),
            line("mandate.special_confirmed", "joost"),
            line("mandate.special_ended", "els"),
        ]
    );
}

#[tokio::test]
async fn nobody_confirms_their_own_nor_one_that_is_over_and_nothing_is_changed() {
    let f = fresh().await;
    let (mandate, basis) = waiting(&f).await;
    for own in ["els", "Els", "ELS"] {
        assert_eq!(f.store.confirm_special(&basis.id, own, now()).await.unwrap(), Err(NotChanged::Own));
    }
    let unknown = SpecialBasisId::random();
    assert_eq!(f.store.confirm_special(&unknown, "joost", now()).await.unwrap(), Err(NotChanged::Unknown));
    assert_eq!(f.store.end_special(&unknown, "joost", now()).await.unwrap(), Err(NotChanged::Unknown));
    let late = f.store.confirm_special(&basis.id, "joost", basis.ends).await.unwrap();
    assert_eq!(late, Err(NotChanged::Over));
    assert_eq!(events(&f).await.len(), 1, "nothing but the attestation");
    assert_eq!(special(&f, &mandate, now()).await, std::slice::from_ref(&basis));
    assert!(special(&f, &mandate, basis.ends).await.is_empty());

    // The twin: somebody else, in time.
    assert!(f.store.confirm_special(&basis.id, "joost", basis.ends.plus(-1)).await.unwrap().is_ok());
    let again = f.store.confirm_special(&basis.id, "marieke", basis.ends.plus(-1)).await.unwrap();
    assert_eq!(again, Err(NotChanged::ConfirmedBefore));
    // Ended is ended, also for the second pair of eyes.
    let next = attested(&mandate, "joost");
    assert_eq!(f.store.attest_special(&next, &mandate.id, now()).await.unwrap(), Ok(()));
    assert!(f.store.end_special(&next.id, "joost", now()).await.unwrap().is_ok());
    assert_eq!(f.store.confirm_special(&next.id, "els", now()).await.unwrap(), Err(NotChanged::Over));
    assert_eq!(f.store.end_special(&next.id, "els", now()).await.unwrap(), Err(NotChanged::Over));
}

#[tokio::test]
async fn of_many_who_confirm_at_once_one_does_and_never_the_one_who_attested() {
    let f = fresh().await;
    let (mandate, basis) = waiting(&f).await;
    let tasks: Vec<_> = (0..20)
        .map(|n| {
            let (store, id) = (f.store.clone(), basis.id.clone());
            let by = if n % 2 == 0 { "els".to_owned() } else { format!("balie {n}") };
            tokio::spawn(async move { (store.confirm_special(&id, &by, now()).await.unwrap(), by) })
        })
        .collect();
    let mut winner = None;
    for task in tasks {
        let (result, by) = task.await.unwrap();
        match result {
            Ok(_) => assert_eq!(winner.replace(by), None),
            Err(NotChanged::Own) => assert_eq!(by, "els"),
            Err(why) => assert_eq!(why, NotChanged::ConfirmedBefore),
        }
    }
    let winner = winner.unwrap();
    assert_ne!(winner, "els");
    let read = special(&f, &mandate, now()).await;
    assert_eq!(read[0].confirmed.as_ref().map(|second| &second.by), Some(&winner));
    assert_eq!(f.count("SELECT COUNT(*) FROM audit WHERE event = 'mandate.special_confirmed'").await, 1);
    // The database itself keeps the two apart, whoever writes.
    let forged =
        sqlx::query("UPDATE special_bases SET confirmed_by = attested_by").execute(f.store.db.writer());
    assert!(forged.await.is_err());
}

#[tokio::test]
async fn a_mandate_that_is_over_takes_none_and_another_at_most_ten() {
    let f = fresh().await;
    let (mandate, first) = waiting(&f).await;
    let store =
        async |basis: &SpecialBasis, at| f.store.attest_special(basis, &mandate.id, at).await.unwrap();
    for _ in 1..MOST_BASES {
        assert_eq!(store(&attested(&mandate, "els"), now()).await, Ok(()));
    }
    let eleventh = attested(&mandate, "els");
    assert_eq!(store(&eleventh, now()).await, Err(NotAttested));
    assert!(f.store.end_special(&first.id, "els", now()).await.unwrap().is_ok());
    assert_eq!(store(&eleventh, now()).await, Ok(()));
    assert_eq!(store(&attested(&mandate, "els"), now()).await, Err(NotAttested));
    assert_eq!(store(&attested(&mandate, "els"), first.ends).await, Ok(()), "they have ended by then");

    let father = f.person("Bas", "1984").await;
    let revoked = f.mandate(Relation::Parent, (&father, &mandate.represented)).await;
    let basis = attested(&revoked, "els");
    assert!(f.store.revoke_mandate(&revoked.id, "els", now()).await.unwrap());
    assert_eq!(f.store.attest_special(&basis, &revoked.id, now()).await.unwrap(), Err(NotAttested));
    let nothing = MandateId::from_stored(PersonId::random().as_str());
    assert_eq!(f.store.attest_special(&basis, &nothing, now()).await.unwrap(), Err(NotAttested));
}
