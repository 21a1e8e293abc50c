//! Against a real SQLite file: one approves, never their own, and all of it happens or nothing.

use super::*;
use crate::{
    domain::{
        bsn::Bsn,
        mandate::{Relation, Standing},
    },
    store::testing::{Fresh, fresh, now},
};

const EVIDENCE: &str = "brief 1";

fn date(text: &str) -> Right {
    Right::BirthDate(text.parse().unwrap())
}

async fn proposed(f: &Fresh, person: &PersonId, right: &Right) -> CorrectionId {
    f.store.propose_correction(person, (right, EVIDENCE), "els", now()).await.unwrap().unwrap()
}

#[tokio::test]
async fn of_many_who_approve_at_once_one_does_and_never_the_one_who_proposed() {
    let f = fresh().await;
    let sam = f.person("Sam", "2018").await;
    let id = proposed(&f, &sam, &date("2017")).await;
    let tasks: Vec<_> = (0..20)
        .map(|n| {
            let (store, id) = (f.store.clone(), id.clone());
            let by = if n % 2 == 0 { "els".to_owned() } else { format!("balie {n}") };
            tokio::spawn(async move {
                (store.approve_correction(&id, &date("2017"), &by, now()).await.unwrap(), by)
            })
        })
        .collect();
    let mut winner = None;
    for task in tasks {
        match task.await.unwrap() {
            (Ok(()), by) => assert_eq!(winner.replace(by), None),
            (Err(NotDecided::Own), by) => assert_eq!(by, "els"),
            (Err(why), _) => assert_eq!(why, NotDecided::Over),
        }
    }
    assert_ne!(winner.as_deref(), Some("els"));
    let read = f.store.correction(&id).await.unwrap().unwrap();
    assert_eq!(read.approved.map(|second| second.by), winner);
    assert_eq!(f.store.audited("person.corrected").await, 1);
    // The database itself keeps the two apart, whoever writes.
    let forged = sqlx::query("UPDATE corrections SET approved_by = proposed_by").execute(f.store.db.writer());
    assert!(forged.await.is_err());
}

/// Without the date that it was made of, a correction that still believes the child was always eight would skip the lapse.
#[tokio::test]
async fn a_correction_of_an_older_date_does_nothing() {
    let f = fresh().await;
    let (parent, child) = (f.person("Anna", "1985").await, f.person("Sam", "2018").await);
    let mandate = f.mandate(Relation::Parent, (&parent, &child)).await;
    let stale = proposed(&f, &child, &date("2019")).await;
    assert!(f.store.set_birth(&child, "2010".parse().unwrap(), "desk", now()).await.unwrap());
    let late = f.store.approve_correction(&stale, &date("2019"), "joost", now()).await.unwrap();
    assert_eq!(late, Err(NotDecided::ChangedSince));
    assert_eq!(f.standing(&mandate, now()).await, Standing::Lapsed);
    assert!(f.store.set_birth(&child, "2019".parse().unwrap(), "desk", now()).await.unwrap());
    assert_eq!(f.standing(&mandate, now()).await, Standing::Lapsed);
}

/// A correction that cannot be told in the log is none; nor is one of two steps of which the second fails.
#[tokio::test]
async fn a_correction_is_recorded_with_its_line_in_the_log_or_not_at_all() {
    let f = fresh().await;
    let sam = f.person("Sam", "2018").await;
    let id = proposed(&f, &sam, &date("2017")).await;
    let rename = |statement: &'static str| sqlx::query(statement).execute(f.store.db.writer());
    let approve = async || f.store.approve_correction(&id, &date("2017"), "joost", now()).await;
    rename("ALTER TABLE audit_lines RENAME TO gone").await.unwrap();
    assert!(approve().await.is_err());
    assert!(f.store.propose_correction(&sam, (&date("2016"), EVIDENCE), "els", now()).await.is_err());
    assert!(f.store.withdraw_correction(&id, "els", now()).await.is_err());
    let born = async || f.store.person(&sam).await.unwrap().unwrap().birth.unwrap().to_string();
    assert_eq!(born().await, "2018");
    assert_eq!(f.store.corrections_of(&sam).await.unwrap().len(), 1);
    rename("ALTER TABLE gone RENAME TO audit_lines").await.unwrap();
    assert_eq!(approve().await.unwrap(), Ok(()));
    assert_eq!(born().await, "2017");
}

#[tokio::test]
async fn what_nobody_approved_in_thirty_days_is_swept_with_its_bsn_and_what_was_approved_stays() {
    let f = fresh().await;
    let sam = f.person("Sam", "2018").await;
    let bsn = Right::Bsn(Bsn::parse("111222333").unwrap());
    let (void, done) = (proposed(&f, &sam, &bsn).await, proposed(&f, &sam, &date("2017")).await);
    f.store.approve_correction(&done, &date("2017"), "joost", now()).await.unwrap().unwrap();
    let end = waits_until(now());
    let late = f.store.approve_correction(&void, &bsn, "joost", end).await.unwrap();
    assert_eq!(late, Err(NotDecided::Over));
    f.store.sweep(end.plus(-1)).await.unwrap();
    assert_eq!(f.count("SELECT COUNT(*) FROM corrections WHERE bsn_sealed IS NOT NULL").await, 1);
    f.store.sweep(end).await.unwrap();
    assert_eq!(f.store.correction(&void).await.unwrap(), None);
    assert!(f.store.correction(&done).await.unwrap().is_some());
}
