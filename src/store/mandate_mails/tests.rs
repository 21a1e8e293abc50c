//! Each mail is written once and leaves once: against a real SQLite.

use super::*;
use crate::{
    clock::Clock,
    domain::{birth::BirthDate, mandate::Relation},
    store::testing::{Fresh, fresh, now, somebody, without_tables},
};

async fn claimed(fresh: &Fresh, now: Timestamp) -> Vec<MandateMail> {
    fresh.store.claim_mandate_mails(9, now).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_a_hundred_who_look_at_once_one_writes_a_mail_and_one_gets_it() {
    let fresh = fresh().await;
    let (_, parent) = somebody(&fresh.store).await;
    let child = fresh.person("Sam", "2018").await;
    let mandate = fresh.mandate(Relation::Parent, (&parent, &child)).await;
    let found = fresh.store.mandates_to_look_at(9, now()).await.unwrap();
    assert_eq!(found.iter().map(|one| &one.mandate).collect::<Vec<_>>(), [&mandate.id]);
    let looked = vec![fresh.store.mandate_looked_at(&found[0], now()).await.unwrap().unwrap()];
    let writes: Vec<_> = (0..100)
        .map(|_| {
            let (store, looked) = (fresh.store.clone(), looked.clone());
            tokio::spawn(async move { store.write_mandate_mails(&looked, now()).await.unwrap() })
        })
        .collect();
    let mut written = 0;
    for one in writes {
        written += one.await.unwrap();
    }
    assert_eq!(written, 1, "the child has no account");
    let claims: Vec<_> = (0..100)
        .map(|_| {
            let store = fresh.store.clone();
            tokio::spawn(async move { store.claim_mandate_mails(9, now()).await.unwrap() })
        })
        .collect();
    let mut mails = Vec::new();
    for one in claims {
        mails.extend(one.await.unwrap());
    }
    let [mail] = mails.as_slice() else { panic!("{mails:?}") };
    assert_eq!((&mail.mandate, &mail.person, mail.telling.what), (&mandate.id, &parent, What::Started));
    // One that found no room comes again, once.
    fresh.store.put_off_mandate_mail(mail, now().plus(60)).await.unwrap();
    assert_eq!(claimed(&fresh, now().plus(59)).await, []);
    assert_eq!(claimed(&fresh, now().plus(60)).await, std::slice::from_ref(mail));
    assert_eq!(claimed(&fresh, now().plus(9999)).await, []);
    // Looked at again for whatever reason, it is not written again.
    sqlx::query("UPDATE mandates SET look_at = 0").execute(fresh.store.db.writer()).await.unwrap();
    let again = fresh.store.mandates_to_look_at(9, now()).await.unwrap().remove(0);
    let again = fresh.store.mandate_looked_at(&again, now()).await.unwrap().unwrap();
    assert_eq!(fresh.store.write_mandate_mails(&[again], now()).await.unwrap(), 0);
}

/// What the clock ends leaves one line, by however many nodes and however late; and none where it ended before.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_a_hundred_who_see_an_end_one_writes_its_line_and_none_of_what_was_revoked() {
    let fresh = fresh().await;
    let (_, parent) = somebody(&fresh.store).await;
    let child = fresh.person("Sam", "2018").await;
    fresh.mandate(Relation::Parent, (&parent, &child)).await;
    let revoked = fresh.mandate(Relation::Parent, (&parent, &child)).await;
    let look = async |now| {
        let mut looked = Vec::new();
        for at in fresh.store.mandates_to_look_at(9, now).await.unwrap() {
            looked.extend(fresh.store.mandate_looked_at(&at, now).await.unwrap());
        }
        looked
    };
    fresh.store.write_mandate_mails(&look(now()).await, now()).await.unwrap();
    sqlx::query("UPDATE mandates SET revoked_at = $1 WHERE id = $2")
        .bind(now().epoch())
        .bind(revoked.id.as_str())
        .execute(fresh.store.db.writer())
        .await
        .unwrap();
    // The first day of 2030 is the first on which Sam may be twelve; the next look comes a year later.
    let late = BirthDate::read("2018", now()).unwrap().earliest_birthday(13);
    let looked = look(late).await;
    let ends: usize = looked.iter().map(|one| one.ended.len()).sum();
    assert_eq!((looked.len(), ends), (2, 1));
    let writes: Vec<_> = (0..100)
        .map(|_| {
            let (store, looked) = (fresh.store.clone(), looked.clone());
            tokio::spawn(async move { store.write_mandate_mails(&looked, late).await.unwrap() })
        })
        .collect();
    for one in writes {
        one.await.unwrap();
    }
    assert_eq!(fresh.store.audited("mandate.suspended").await, 1);
    // Looked at anew from before that moment, as after a change at the desk, it is not written again.
    sqlx::query("UPDATE mandates SET look_at = 0").execute(fresh.store.db.writer()).await.unwrap();
    fresh.store.write_mandate_mails(&look(late).await, late).await.unwrap();
    assert_eq!(fresh.store.audited("mandate.suspended").await, 1);
    assert_eq!(fresh.store.audited("mandate.ended").await + fresh.store.audited("mandate.lapsed").await, 0);
}

/// Who read it before that was revoked writes no line behind the one of the revocation.
#[tokio::test]
async fn what_was_revoked_since_it_was_looked_at_leaves_no_line_of_the_clock() {
    let fresh = fresh().await;
    let (_, parent) = somebody(&fresh.store).await;
    let child = fresh.person("Sam", "2018").await;
    let [revoked, other] = [
        fresh.mandate(Relation::Parent, (&parent, &child)).await,
        fresh.mandate(Relation::Parent, (&parent, &child)).await,
    ];
    let twelve = BirthDate::read("2018", now()).unwrap().earliest_birthday(12);
    let mut looked = Vec::new();
    for at in fresh.store.mandates_to_look_at(9, twelve).await.unwrap() {
        looked.extend(fresh.store.mandate_looked_at(&at, twelve).await.unwrap());
    }
    assert_eq!(looked.iter().map(|one| one.ended.len()).collect::<Vec<_>>(), [1, 1]);
    assert!(fresh.store.revoke_mandate(&revoked.id, "desk", twelve).await.unwrap());
    fresh.store.write_mandate_mails(&looked, twelve).await.unwrap();
    let rows: Vec<(String,)> = sqlx::query_as("SELECT detail FROM audit WHERE event = 'mandate.suspended'")
        .fetch_all(fresh.store.db.reader())
        .await
        .unwrap();
    assert_eq!(rows, [(other.id.as_str().to_owned(),)]);
}

/// An installation of before anybody looked, with a child who turned twelve and sixteen long ago, and one who is to turn twelve.
#[tokio::test]
async fn what_ended_before_the_log_knew_of_ends_leaves_no_line_and_what_ends_later_does() {
    let old = without_tables().await;
    old.store.db.migrate_to(34).await.unwrap();
    for statement in [
        "INSERT INTO persons (id, name, birth, created) VALUES ('anna', 'Anna', '1970', 1), ('kim', 'Kim', '2005-01-01', 1), \
         ('sam', 'Sam', '2024-01-01', 1)",
        "INSERT INTO mandates (id, representative, represented, relation, legal_basis, evidence, representative_document, \
         representative_document_valid_until, represented_document, represented_document_valid_until, form_reference, registered_by, \
         registered_at, starts, approved_by, approved_at) SELECT 'of-' || p.id, 'anna', p.id, 'parent', 'art. 1:247 BW', \
         'parental_authority', 'passport', '2030-01-01', 'passport', '2030-01-01', '1', 'els', 1400000000, 1400000000, 'joost', 1400000000 \
         FROM persons p WHERE p.id <> 'anna'",
    ] {
        old.change(statement).await;
    }
    old.store.migrate().await.unwrap();
    let look = async |now| {
        let mut looked = Vec::new();
        for at in old.store.mandates_to_look_at(9, now).await.unwrap() {
            looked.extend(old.store.mandate_looked_at(&at, now).await.unwrap());
        }
        old.store.write_mandate_mails(&looked, now).await.unwrap();
        looked.len()
    };
    assert_eq!(look(Clock.now().plus(1)).await, 2);
    for event in ["mandate.suspended", "mandate.lapsed", "mandate.ended"] {
        assert_eq!(old.store.audited(event).await, 0, "{event}");
    }
    // The twin: what ends from then on has its line, also where that is seen late.
    look(BirthDate::read("2024-01-01", now()).unwrap().earliest_birthday(12).plus(86_400)).await;
    assert_eq!(old.store.audited("mandate.suspended").await, 1);
    assert_eq!(old.store.audited("mandate.lapsed").await, 0);
}
