//! Against a real SQLite file: what is written is what is read, and races leave the facts consistent.

use super::*;
use crate::{
    domain::{
        birth::BirthDate,
        bsn::Bsn,
        consent::{Party, Word},
        email::Email,
        link::{Known, NotLinked},
        mandate::Relation,
    },
    store::{
        accounts::Owner,
        blocks::Pair,
        testing::{at, fresh, now},
    },
};

const BSN: &str = "111222333";

#[tokio::test]
async fn a_mandate_is_read_as_it_was_registered_from_both_sides() {
    let f = fresh().await;
    let (parent, child) = (f.person("Anna", "1985-01-01").await, f.person("Sam", "2018-05").await);
    let (father, daughter) = (f.person("Opa", "1940").await, parent.clone());
    let care = f.mandate(Relation::Parent, (&parent, &child)).await;
    let grant = f.mandate(Relation::Authorised, (&daughter, &father)).await;

    let held = f.store.mandates_held(&parent, now()).await.unwrap();
    let mut found: Vec<&Mandate> = held.iter().map(|listed| &listed.mandate).collect();
    found.sort_by_key(|mandate| mandate.relation != Relation::Parent);
    assert_eq!(found, [&care, &grant]);
    assert!(held.iter().all(|listed| listed.standing.is_active()));

    let given = f.store.mandates_given(&child, now()).await.unwrap();
    assert_eq!(given.len(), 1);
    assert_eq!((given[0].representative_name.as_str(), given[0].represented_name.as_str()), ("Anna", "Sam"));
    assert_eq!(given[0].born, "2018-05".parse().ok());
    assert!(f.store.mandates_held(&child, now()).await.unwrap().is_empty());
}

#[tokio::test]
async fn nobody_unknown_and_no_more_than_200() {
    let f = fresh().await;
    let (parent, child) = (f.person("Anna", "1985").await, f.person("Sam", "2018").await);
    let mandate = f.mandate(Relation::Parent, (&parent, &child)).await;
    let again = |representative: &PersonId| Registration {
        mandate: Mandate {
            id: MandateId::random(),
            representative: representative.clone(),
            ..mandate.clone()
        },
        consent: None,
    };
    let stranger = f.store.register_mandate(&again(&PersonId::random()), now()).await.unwrap();
    assert_eq!(stranger, Err(NotStored::UnknownPerson));
    for _ in 1..MOST {
        assert_eq!(f.store.register_mandate(&again(&parent), now()).await.unwrap(), Ok(()));
    }
    assert_eq!(f.store.register_mandate(&again(&parent), now()).await.unwrap(), Err(NotStored::TooMany));
    assert!(f.store.revoke_mandate(&mandate.id, "desk", now()).await.unwrap());
    assert_eq!(f.store.register_mandate(&again(&parent), now()).await.unwrap(), Ok(()));
    // The revoked one stands last, so the list has lost nothing that counts.
    let held = f.store.mandates_held(&parent, now()).await.unwrap();
    assert!(held.len() == 200 && held.iter().all(|listed| listed.standing == Standing::AwaitingApproval));
}

/// The statements read the last of each word only. Whatever was said in whatever order, the standing must be the one
/// that follows from all of it.
#[tokio::test]
async fn the_standing_read_is_the_one_that_follows_from_every_word() {
    let f = fresh().await;
    let child = f.person("Sam", "2014-07-02").await;
    let turned = at("2026-07-01T22:00:00Z");
    let mut all = Vec::new();
    let mut dice = 7_u32;
    let mut throw = |sides: u32| {
        dice = dice.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (dice >> 16) % sides
    };
    for n in 0..60 {
        let parent = f.person(&format!("parent {n}"), "").await;
        let mandate = f.mandate(Relation::Guardian, (&parent, &child)).await;
        for _ in 0..throw(7) {
            let party = if throw(2) == 0 { Party::Represented } else { Party::Representative };
            let word = if throw(3) == 0 { Word::Withdrawn } else { Word::Agreed };
            // From before the birthday until after the first look.
            let when = turned.plus(i64::from(throw(12)) - 3);
            f.says(&mandate, party, word, when).await;
            all.push(Consent { mandate: mandate.id.clone(), party, word, at: when, attested_by: None });
        }
    }
    let mut seen = std::collections::BTreeSet::new();
    for look in [turned.plus(6), turned.plus(9)] {
        let given = f.store.mandates_given(&child, look).await.unwrap();
        assert_eq!(given.len(), 60);
        for listed in given {
            assert_eq!(listed.standing, standing(&listed.mandate, listed.born, &all, &[], look));
            seen.insert(listed.standing.as_str());
        }
    }
    assert_eq!(seen.into_iter().collect::<Vec<_>>(), ["active", "awaiting_consent", "withdrawn"]);
}

#[tokio::test]
async fn correcting_a_date_of_birth_revives_nothing() {
    let f = fresh().await;
    let (parent, child) = (f.person("Anna", "1985").await, f.person("Sam", "2010-07-02").await);
    let mandate = f.mandate(Relation::Parent, (&parent, &child)).await;
    let set = |birth: &str, at| {
        let (store, child, birth) = (f.store.clone(), child.clone(), birth.parse().unwrap());
        async move { assert!(store.set_birth(&child, birth, "desk", at).await.unwrap()) }
    };
    // Before it lapses a correction may change it, and change it back.
    set("2018-01-01", now()).await;
    assert!(f.standing(&mandate, now()).await.is_active());
    set("2010-07-02", now()).await;
    assert_eq!(f.standing(&mandate, now()).await, Standing::AwaitingConsent);
    // A day later the child is sixteen: from then on no date makes the mandate count again.
    let sixteen = at("2026-07-01T22:00:00Z");
    assert_eq!(f.standing(&mandate, sixteen).await, Standing::Lapsed);
    assert_eq!(f.store.audited("mandate.lapsed").await, 0);
    set("2018-01-01", sixteen).await;
    assert_eq!(f.store.audited("mandate.lapsed").await, 1);
    assert_eq!(f.standing(&mandate, sixteen).await, Standing::Lapsed);
    assert!(!f.store.set_birth(&PersonId::random(), "2018".parse().unwrap(), "desk", now()).await.unwrap());
}

#[tokio::test]
async fn a_block_works_at_once_names_the_parent_nowhere_and_is_lifted_by_someone_else() {
    let f = fresh().await;
    let (parent, child) = (f.person("Anna", "1985").await, f.person("Sam", "2018").await);
    let other = f.person("Bas", "1984").await;
    let (blocked, free) = (
        f.mandate(Relation::Parent, (&parent, &child)).await,
        f.mandate(Relation::Parent, (&other, &child)).await,
    );
    let pair = Pair { representative: parent.clone(), represented: child.clone() };
    assert!(f.store.block(&pair, "els", "court order of today", now()).await.unwrap());
    assert!(
        !f.store
            .block(&Pair { represented: PersonId::random(), ..pair.clone() }, "els", "typo", now())
            .await
            .unwrap()
    );
    assert_eq!(f.standing(&blocked, now()).await, Standing::Blocked);
    assert!(f.standing(&free, now()).await.is_active());
    let again = f.mandate(Relation::Guardian, (&parent, &child)).await;
    assert_eq!(f.standing(&again, now()).await, Standing::Blocked);

    let named: (i64,) = sqlx::query_as(
        "SELECT COUNT(*) FROM audit WHERE event = 'mandate.blocked' AND (COALESCE(actor, '') || represented || detail) LIKE $1",
    )
    .bind(format!("%{parent}%"))
    .fetch_one(f.store.db.reader())
    .await
    .unwrap();
    assert_eq!(named, (0,));
    assert_eq!(f.count("SELECT COUNT(*) FROM audit WHERE event = 'mandate.blocked'").await, 1);

    assert_eq!(f.store.lift_blocks(&pair, "els", now()).await.unwrap(), (0, 1));
    assert_eq!(f.standing(&blocked, now()).await, Standing::Blocked);
    assert_eq!(f.store.lift_blocks(&pair, "joost", now()).await.unwrap(), (1, 0));
    assert!(f.standing(&blocked, now()).await.is_active());
}

#[tokio::test]
async fn of_many_revocations_at_once_one_wins_and_every_word_is_kept() {
    let f = fresh().await;
    let (parent, child) = (f.person("Anna", "1985").await, f.person("Sam", "2013").await);
    let mandate = f.mandate(Relation::Parent, (&parent, &child)).await;
    let tasks: Vec<_> = (0..20)
        .map(|n| {
            let (store, mandate) = (f.store.clone(), mandate.clone());
            tokio::spawn(async move {
                let word = if n % 2 == 0 { Word::Agreed } else { Word::Withdrawn };
                let consent = Consent {
                    mandate: mandate.id.clone(),
                    party: Party::Represented,
                    word,
                    at: now(),
                    attested_by: None,
                };
                store.add_consent(&consent, &mandate.represented, "desk", now()).await.unwrap();
                store.revoke_mandate(&mandate.id, &format!("desk {n}"), now().plus(n)).await.unwrap()
            })
        })
        .collect();
    let mut winner = None;
    for (n, task) in (0..).zip(tasks) {
        if task.await.unwrap() {
            assert_eq!(winner.replace(n), None);
        }
    }
    let revoked = f.store.mandate(&mandate.id, now()).await.unwrap().unwrap().mandate.revoked_at;
    assert_eq!(revoked, winner.map(|n| now().plus(n)));
    assert_eq!(f.count("SELECT COUNT(*) FROM audit WHERE event = 'mandate.revoked'").await, 1);
    assert_eq!(f.count("SELECT COUNT(*) FROM consents").await, 20);
    assert_eq!(f.count("SELECT COUNT(*) FROM audit WHERE event = 'mandate.consent'").await, 20);
}

#[tokio::test]
async fn a_person_who_becomes_part_of_an_account_brings_mandates_and_blocks_along() {
    let f = fresh().await;
    let bsn = Bsn::parse(BSN).unwrap();
    let desk = f.store.add_person("Anna", "1985".parse().ok(), Some(&bsn), now()).await.unwrap().unwrap();
    let (sam, kim) = (f.person("Sam", "2018").await, f.person("Kim", "2019").await);
    let account = f
        .store
        .create_account(&Owner::New, &Email::parse("a@x.nl").unwrap(), None, now())
        .await
        .unwrap()
        .unwrap();
    let keeper = f.store.account(&account).await.unwrap().unwrap().person;
    f.mandate(Relation::Parent, (&desk, &sam)).await;
    f.mandate(Relation::Parent, (&desk, &kim)).await;
    let pair = Pair { representative: desk.clone(), represented: kim.clone() };
    f.store.block(&pair, "els", "court order", now()).await.unwrap();

    assert_eq!(f.store.link_digid(&account, &bsn, |_, _| Ok(()), now()).await.unwrap(), Ok(()));
    let held = f.store.mandates_held(&keeper, now()).await.unwrap();
    let mut found: Vec<_> =
        held.iter().map(|listed| (listed.represented_name.as_str(), listed.standing.as_str())).collect();
    found.sort_unstable();
    assert_eq!(found, [("Kim", "blocked"), ("Sam", "active")]);

    // From now on nothing is registered for the person who is no more.
    let other = f.mandate(Relation::Parent, (&keeper, &sam)).await;
    let gone = Mandate { id: MandateId::random(), representative: sam, represented: desk, ..other };
    let gone = Registration { mandate: gone, consent: None };
    assert_eq!(f.store.register_mandate(&gone, now()).await.unwrap(), Err(NotStored::UnknownPerson));
}

/// A mandate, also one that is over, or a block says that they are two people: whoever links the other's BSN would become
/// the person they act for.
#[tokio::test]
async fn two_people_of_a_mandate_or_a_block_never_become_one() {
    for way in 0..4 {
        let f = fresh().await;
        let bsn = Bsn::parse(BSN).unwrap();
        let desk =
            f.store.add_person("Willem", "1945".parse().ok(), Some(&bsn), now()).await.unwrap().unwrap();
        let email = Email::parse("a@x.nl").unwrap();
        let account = f.store.create_account(&Owner::New, &email, None, now()).await.unwrap().unwrap();
        let owner = f.store.account(&account).await.unwrap().unwrap().person;
        f.store.set_birth(&owner, "1980".parse().unwrap(), "desk", now()).await.unwrap();
        let pair = if way % 2 == 0 { (&owner, &desk) } else { (&desk, &owner) };
        if way < 2 {
            let mandate = f.mandate(Relation::Authorised, pair).await;
            assert!(f.store.revoke_mandate(&mandate.id, "els", now()).await.unwrap());
        } else {
            let pair = Pair { representative: pair.0.clone(), represented: pair.1.clone() };
            assert!(f.store.block(&pair, "els", "court order", now()).await.unwrap());
        }
        assert_eq!(
            f.store.link_digid(&account, &bsn, |_, _| Ok(()), now()).await.unwrap(),
            Err(NotLinked::AnotherPerson),
            "{way}"
        );
        assert!(!f.store.account(&account).await.unwrap().unwrap().has_digid());
        assert_eq!(f.store.person_by_bsn(&bsn).await.unwrap().map(|person| person.id), Some(desk));
    }
}

/// The dates of birth are looked at in the transaction that makes two people one.
#[tokio::test]
async fn a_link_that_is_not_allowed_changes_nothing() {
    let f = fresh().await;
    let bsn = Bsn::parse(BSN).unwrap();
    let email = Email::parse("a@x.nl").unwrap();
    let account = f.store.create_account(&Owner::New, &email, None, now()).await.unwrap().unwrap();
    let owner = f.store.account(&account).await.unwrap().unwrap().person;
    let seen = std::cell::RefCell::new(Vec::new());
    let link = async |verdict: Result<(), NotLinked>| {
        let allows = |owner: Option<BirthDate>, known| {
            seen.borrow_mut().push((owner.map(|born| born.to_string()), known));
            verdict
        };
        f.store.link_digid(&account, &bsn, allows, now()).await.unwrap()
    };
    let no = Err(NotLinked::BornApart);
    assert_eq!(link(no).await, no);
    let desk = f.store.add_person("Anna", "1985".parse().ok(), Some(&bsn), now()).await.unwrap().unwrap();
    f.store.set_birth(&owner, "1986".parse().unwrap(), "desk", now()).await.unwrap();
    let audited = f.count("SELECT COUNT(*) FROM audit").await;
    assert_eq!(link(no).await, no);
    assert!(!f.store.account(&account).await.unwrap().unwrap().has_digid());
    assert_eq!(f.store.person_by_bsn(&bsn).await.unwrap().map(|person| person.id), Some(desk));
    assert_eq!(f.count("SELECT COUNT(*) FROM audit").await, audited);
    // The twin; and again, which finds its own work done and asks nobody.
    assert_eq!((link(Ok(())).await, link(Ok(())).await), (Ok(()), Ok(())));
    let (born, later) = ("1985".parse().ok(), Some("1986".to_owned()));
    let known = [Known::Nobody, Known::Another(born), Known::Another(born)];
    let owners = [None, later.clone(), later];
    assert_eq!(seen.into_inner(), owners.into_iter().zip(known).collect::<Vec<_>>());
}

#[tokio::test]
async fn the_date_of_birth_of_the_desk_s_person_revives_nothing_of_the_account_s() {
    let f = fresh().await;
    let bsn = Bsn::parse(BSN).unwrap();
    let (email, parent) = (Email::parse("kid@x.nl").unwrap(), f.person("Anna", "1985").await);
    let account = f.store.create_account(&Owner::New, &email, None, now()).await.unwrap().unwrap();
    let child = f.store.account(&account).await.unwrap().unwrap().person;
    let born = |text: &str| text.parse::<BirthDate>().unwrap();
    f.store.set_birth(&child, born("2018"), "desk", now()).await.unwrap();
    let mandate = f.mandate(Relation::Parent, (&parent, &child)).await;
    f.store.set_birth(&child, born("2010"), "desk", now()).await.unwrap();
    assert_eq!(f.standing(&mandate, now()).await, Standing::Lapsed);

    f.store.add_person("Sam", Some(born("2018")), Some(&bsn), now()).await.unwrap().unwrap();
    assert_eq!(f.store.link_digid(&account, &bsn, |_, _| Ok(()), now()).await.unwrap(), Ok(()));
    assert_eq!(f.store.person(&child).await.unwrap().unwrap().birth, Some(born("2018")));
    assert_eq!(f.standing(&mandate, now()).await, Standing::Lapsed);
    let told = "SELECT COUNT(*) FROM audit a JOIN mandates m ON m.id = a.detail AND m.represented = a.represented \
                WHERE event = 'mandate.lapsed' AND role = 'system'";
    assert_eq!(f.count(told).await, 1);
}

/// Where the desk's date of birth takes the place of the account's, what was open until then has a line, and what was revoked keeps its own alone.
#[tokio::test]
async fn a_date_that_becomes_the_desk_s_leaves_a_line_of_what_it_ends_and_none_of_what_was_over() {
    let f = fresh().await;
    let bsn = Bsn::parse(BSN).unwrap();
    let (email, parent) = (Email::parse("kid@x.nl").unwrap(), f.person("Anna", "1985").await);
    let account = f.store.create_account(&Owner::New, &email, None, now()).await.unwrap().unwrap();
    let child = f.store.account(&account).await.unwrap().unwrap().person;
    f.store.set_birth(&child, "2018".parse().unwrap(), "desk", now()).await.unwrap();
    let [open, revoked] = [
        f.mandate(Relation::Parent, (&parent, &child)).await,
        f.mandate(Relation::Parent, (&parent, &child)).await,
    ];
    assert!(f.store.revoke_mandate(&revoked.id, "desk", now()).await.unwrap());
    f.store.add_person("Sam", "2017".parse().ok(), Some(&bsn), now()).await.unwrap().unwrap();
    assert_eq!(f.store.link_digid(&account, &bsn, |_, _| Ok(()), now()).await.unwrap(), Ok(()));
    let told: Vec<(String,)> = sqlx::query_as("SELECT detail FROM audit WHERE event = 'mandate.lapsed'")
        .fetch_all(f.store.db.reader())
        .await
        .unwrap();
    assert_eq!(told, [(open.id.as_str().to_owned(),)]);
}
