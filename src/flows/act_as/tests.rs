//! What a client is told, on a real database.

use super::*;
use crate::{
    domain::{
        client::tests::client as fixture,
        consent::{Party, Word},
        grant::tests::grant,
        mandate::{Attestation, LONGEST_GRANT, Relation, attest},
    },
    store::testing::{Fresh, at, fresh, now},
};

fn client(id: &str, sees_relation: bool) -> Client {
    let scopes = [Scope::Openid, Scope::ActAs].into();
    Client { id: id.into(), sector: format!("{id}.example.nl"), scopes, sees_relation, ..fixture() }
}

async fn told(f: &Fresh, person: &PersonId, level: Level, client: &Client, now: Timestamp) -> ForWhom {
    told_with(f, (person, None), level, client, now).await.unwrap()
}

/// What is told in a session in which the register gave its word.
async fn told_with(
    f: &Fresh,
    (person, authority): (&PersonId, Option<&ParentalAuthority>),
    level: Level,
    client: &Client,
    now: Timestamp,
) -> Result<ForWhom, Untold> {
    let grant = Grant { person: person.clone(), level, ends: at("2026-07-01T21:00:00Z"), ..grant() };
    let issuer = "https://id.example.nl";
    let asking = Asking { grant: &grant, authority, required: Level::Midden, client, issuer };
    for_whom(&f.store, &asking, now).await
}

#[tokio::test]
async fn the_claim_has_the_wire_form_of_the_standard_text() {
    let f = fresh().await;
    let (parent, child) = (f.person("Anna", "1985").await, f.person("Sam", "2018").await);
    let mandate = f.mandate(Relation::Parent, (&parent, &child)).await;
    let portal = client("portal", true);
    let told = told(&f, &parent, Level::Midden, &portal, now()).await;
    let sub = f.store.subject_for("portal.example.nl", &child, now()).await.unwrap();
    let json = serde_json::to_value(&told.act_as).unwrap();
    let name = json[0]["mandate"].as_str().unwrap();
    assert!(name.len() == 22 && name != mandate.id.as_str());
    assert_eq!(
        json,
        serde_json::json!([{
            "sub": sub, "iss": "https://id.example.nl", "mandate": name, "relation": "parent",
            "recheck": now().epoch() + 900,
        }])
    );
}

#[tokio::test]
async fn below_the_level_nothing_is_looked_up() {
    let f = fresh().await;
    let (parent, child) = (f.person("Anna", "1985").await, f.person("Sam", "2018").await);
    f.mandate(Relation::Parent, (&parent, &child)).await;
    // On a database that is closed any look-up fails.
    f.store.close().await;
    let portal = client("portal", true);
    assert_eq!(told(&f, &parent, Level::Local, &portal, now()).await, ForWhom::default());
    // A session that was begun for a child is worth nothing there.
    let authority = ParentalAuthority::over(child, vec![]);
    let told = told_with(&f, (&parent, Some(&authority)), Level::Local, &portal, now()).await;
    assert!(matches!(told, Err(Untold::Over)), "{told:?}");
}

#[tokio::test]
async fn a_word_that_does_not_count_is_an_error_and_never_the_parent_alone() {
    let f = fresh().await;
    let (parent, authority) = (f.person("Anna", "1985").await, f.store.word_over("Sam", "2014-07-02").await);
    let portal = client("portal", true);
    let twelve = at("2026-07-01T22:00:00Z");
    let look = async |now| told_with(&f, (&parent, Some(&authority)), Level::Midden, &portal, now).await;
    assert_eq!(look(twelve.plus(-1)).await.unwrap().act_as.len(), 1);
    let told = look(twelve).await;
    assert!(matches!(told, Err(Untold::Over)), "{told:?}");
    assert_eq!(
        told_with(&f, (&parent, None), Level::Midden, &portal, twelve).await.unwrap(),
        ForWhom::default()
    );
}

#[tokio::test]
async fn the_registers_word_has_the_form_of_a_mandate_and_the_longer_of_the_two_is_told() {
    let f = fresh().await;
    let (parent, authority) = (f.person("Anna", "1985").await, f.store.word_over("Sam", "2014-07-02").await);
    let (child, portal) = (authority.child.clone(), client("portal", true));
    let twelve = at("2026-07-01T22:00:00Z");
    let look =
        async || told_with(&f, (&parent, Some(&authority)), Level::Midden, &portal, now()).await.unwrap();
    let alone = look().await;
    let sub = f.store.subject_for("portal.example.nl", &child, now()).await.unwrap();
    let iss = "https://id.example.nl".to_owned();
    let represents = Some(Represents { sub: sub.clone(), iss: iss.clone() });
    let mandate = f.store.mandate_name(&portal, &authority.id);
    let relation = Some(Relation::Parent);
    let entry = ActAs { sub, iss, mandate, relation, recheck: now().plus(900) };
    let people = vec![child.clone()];
    assert_eq!(alone, ForWhom { act_as: vec![entry], represents, people, until: Some(twelve) });

    // A mandate of the desk that ends sooner changes nothing; one that counts as long is told by its own name.
    let mut form = crate::domain::registration::tests::form(Relation::Parent);
    (form.representative, form.represented) = (parent.clone(), child.clone());
    form.ends = Some(now().plus(3600));
    let represented = f.store.person(&child).await.unwrap().unwrap().birth;
    let births = crate::domain::registration::Births { represented, ..Default::default() };
    let shorter = crate::domain::registration::register(form, births, now()).unwrap();
    f.store.register_mandate(&shorter, now()).await.unwrap().unwrap();
    f.approve(&shorter.mandate).await;
    assert_eq!(look().await, alone);
    let desk = f.mandate(Relation::Parent, (&parent, &child)).await;
    let both = look().await;
    assert_eq!((both.act_as.len(), both.until), (1, Some(twelve)));
    assert_eq!(both.act_as[0].mandate, f.store.mandate_name(&portal, &desk.id));
    assert_eq!(both.represents, alone.represents);
}

#[tokio::test]
async fn nothing_outlives_the_next_boundary_and_recheck_hides_it() {
    let f = fresh().await;
    let (parent, sam, kim) =
        (f.person("Anna", "1985").await, f.person("Sam", "2014-07-02").await, f.person("Kim", "2018").await);
    let mandate = f.mandate(Relation::Parent, (&parent, &sam)).await;
    f.mandate(Relation::Parent, (&parent, &kim)).await;
    let portal = client("portal", false);
    let twelve = at("2026-07-01T22:00:00Z");

    // The boundary is Sam's twelfth birthday; until shortly before it, recheck does not show it.
    let early = told(&f, &parent, Level::Hoog, &portal, twelve.plus(-3 * 3600)).await;
    assert_eq!((early.act_as.len(), early.until), (2, Some(twelve)));
    assert!(early.act_as.iter().all(|entry| entry.recheck == twelve.plus(-3 * 3600 + 900)));
    // The session ends an hour before midnight.
    let late = told(&f, &parent, Level::Midden, &portal, twelve.plus(-3601)).await;
    assert!(late.act_as.iter().all(|entry| entry.recheck == twelve.plus(-3600)));
    assert_eq!(late.act_as[0].relation, None);

    let sub = f.store.subject_for("portal.example.nl", &sam, now()).await.unwrap();
    let listed =
        async |now| told(&f, &parent, Level::Midden, &portal, now).await.act_as.iter().any(|a| a.sub == sub);
    assert!(listed(twelve.plus(-1)).await);
    assert!(!listed(twelve).await);
    f.says(&mandate, Party::Represented, Word::Agreed, twelve).await;
    assert!(!listed(twelve).await);
    f.says(&mandate, Party::Representative, Word::Agreed, twelve).await;
    assert!(listed(twelve).await);
    f.says(&mandate, Party::Represented, Word::Withdrawn, twelve.plus(5)).await;
    assert!(!listed(twelve.plus(5)).await);
}

#[tokio::test]
async fn two_clients_share_neither_subject_nor_mandate_and_a_person_stands_there_once() {
    let f = fresh().await;
    let (daughter, father) = (f.person("Anna", "1985").await, f.person("Opa", "1940").await);
    let grant = f.mandate(Relation::Authorised, (&daughter, &father)).await;
    let (one, two) = (client("one", true), client("two", true));
    let a = told(&f, &daughter, Level::Midden, &one, now()).await;
    let b = told(&f, &daughter, Level::Midden, &two, now()).await;
    assert_eq!((a.act_as.len(), b.act_as.len()), (1, 1));
    assert_ne!(a.act_as[0].sub, b.act_as[0].sub);
    assert_ne!(a.act_as[0].mandate, b.act_as[0].mandate);
    assert_eq!((a.until, a.act_as[0].relation), (grant.ends, Some(Relation::Authorised)));

    // Of the two the one that counts longest: a mentor's, when the special basis that it needs ends after the grant.
    let mentor = f.mandate(Relation::Mentor, (&daughter, &father)).await;
    assert_eq!(told(&f, &daughter, Level::Midden, &one, now()).await, a, "without a basis it does not count");
    let later = now().plus(60);
    let ends = later.plus(LONGEST_GRANT);
    let attestation = Attestation { evidence_reference: "F2".into(), ends, by: "els".into() };
    let basis = attest(&mentor, "1940".parse().ok(), &attestation, later).unwrap();
    f.store.attest_special(&basis, &mentor.id, later).await.unwrap().unwrap();
    f.store.confirm_special(&basis.id, "joost", later).await.unwrap().unwrap();
    let both = told(&f, &daughter, Level::Midden, &one, later).await;
    assert_eq!(both.act_as.len(), 1);
    assert_eq!((both.until, both.act_as[0].relation), (Some(ends), Some(Relation::Mentor)));
}
