//! Against a real SQLite file: behind the page, which may have looked a moment too early, each statement that gives access keeps a member
//! of staff out of their own file and their people's (`docs/adr/0041`).

use super::*;
use crate::{
    domain::{
        consent::{Consent, Party, Word},
        correction::Right,
        four_eyes::Recognised,
        id::MandateId,
        mandate::{Attestation, Mandate, Refusal, Relation, attest},
        registration::{Births, Registration, register, tests::form},
    },
    store::{
        blocks::Pair,
        corrections::NotDecided,
        mandates::{NotApproved, NotStored},
        testing::{Fresh, fresh, now, somebody},
    },
};

const BORN: &str = "2013-01-01";
const COLLEAGUE: &str = "member:joost";

/// How a member has to do with the two of a mandate.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Tied {
    IsRepresentative,
    IsRepresented,
    ActsForRepresentative,
    ActsForRepresented,
    Acted,
    Not,
}

/// The member, as the log names them, and a mandate that a colleague registered and nobody approved.
async fn world(tied: Tied) -> (Fresh, String, Registration) {
    let f = fresh().await;
    let (account, member) = somebody(&f.store).await;
    let parent = if tied == Tied::IsRepresentative { member.clone() } else { f.person("Anna", "1985").await };
    let child = if tied == Tied::IsRepresented {
        set_birth(&f, &member, BORN).await;
        member.clone()
    } else {
        f.person("Kim", BORN).await
    };
    let theirs = match tied {
        Tied::ActsForRepresentative => Some((Relation::Curator, &parent)),
        Tied::ActsForRepresented | Tied::Acted => Some((Relation::Parent, &child)),
        Tied::IsRepresentative | Tied::IsRepresented | Tied::Not => None,
    };
    if let Some((relation, whom)) = theirs {
        let mandate = f.mandate(relation, (&member, whom)).await;
        if tied == Tied::Acted {
            assert!(f.store.revoke_mandate(&mandate.id, "els", now()).await.unwrap());
        }
    }
    let registration = filed((&parent, &child), COLLEAGUE);
    assert_eq!(f.store.register_mandate(&registration, now()).await.unwrap(), Ok(()));
    (f, super::member(account.as_str()), registration)
}

async fn set_birth(f: &Fresh, person: &PersonId, birth: &str) {
    assert!(f.store.set_birth(person, birth.parse().unwrap(), "els", now()).await.unwrap());
}

fn filed((parent, child): (&PersonId, &PersonId), by: &str) -> Registration {
    let mut form = form(Relation::Parent);
    (form.representative, form.represented, form.registered_by) = (parent.clone(), child.clone(), by.into());
    register(form, Births { represented: BORN.parse().ok(), ..Births::default() }, now()).unwrap()
}

/// What they are refused by the store, of all that gives access.
async fn refused(f: &Fresh, by: &str, mandate: &Mandate) -> Vec<&'static str> {
    let store = &f.store;
    let mut refused = Vec::new();
    let mut note = |what, is_refused: bool| {
        if is_refused {
            refused.push(what);
        }
    };
    let (parent, child) = (&mandate.representative, &mandate.represented);
    let own = store.register_mandate(&filed((parent, child), by), now()).await.unwrap();
    assert!(matches!(own, Ok(()) | Err(NotStored::OwnPeople)), "{own:?}");
    note("register", own.is_err());

    let consent = Consent {
        mandate: mandate.id.clone(),
        party: Party::Represented,
        word: Word::Agreed,
        at: now(),
        attested_by: Some(by.into()),
    };
    note("consent", !store.add_consent(&consent, child, by, now()).await.unwrap());

    let basis = |by: &str| {
        let ends = now().plus(30 * 86_400);
        let attestation = Attestation { evidence_reference: "brief 1".into(), ends, by: by.into() };
        attest(mandate, BORN.parse().ok(), &attestation, now()).unwrap()
    };
    note("attest", store.attest_special(&basis(by), &mandate.id, now()).await.unwrap().is_err());
    let anothers = basis(COLLEAGUE);
    assert_eq!(store.attest_special(&anothers, &mandate.id, now()).await.unwrap(), Ok(()));
    note("confirm", store.confirm_special(&anothers.id, by, now()).await.unwrap().is_err());

    let pair = Pair { representative: parent.clone(), represented: child.clone() };
    assert!(store.block(&pair, COLLEAGUE, "melding", now()).await.unwrap());
    note("lift", store.lift_blocks(&pair, by, now()).await.unwrap() == (0, 1));

    let right = Right::BirthDate("2013-01-02".parse().unwrap());
    let id = store.propose_correction(child, (&right, "brief 1"), COLLEAGUE, now()).await.unwrap().unwrap();
    let corrected = store.approve_correction(&id, &right, by, now()).await.unwrap();
    assert!(matches!(corrected, Ok(()) | Err(NotDecided::OwnPeople)), "{corrected:?}");
    note("correct", corrected.is_err());

    let waits = filed((parent, child), COLLEAGUE);
    assert_eq!(store.register_mandate(&waits, now()).await.unwrap(), Ok(()));
    note("refuse", !store.refuse_mandate(&waits.mandate.id, by, Refusal::Form, now()).await.unwrap());

    note("approve", approved(f, by, &mandate.id, child).await.is_err());
    refused
}

async fn approved(f: &Fresh, by: &str, id: &MandateId, child: &PersonId) -> Result<(), NotApproved> {
    let represented_birth = f.store.person(child).await.unwrap().unwrap().birth;
    let read = Recognised { represented_birth, ..Recognised::default() };
    let done = f.store.approve_mandate(id, by, &read, now()).await.unwrap();
    assert!(matches!(done, Ok(()) | Err(NotApproved::OwnPeople)), "{done:?}");
    done
}

#[tokio::test]
async fn m11_no_statement_that_gives_access_is_done_for_a_member_in_their_own_file_or_their_peoples() {
    let all = ["register", "consent", "attest", "confirm", "lift", "correct", "refuse", "approve"];
    for tied in [
        Tied::IsRepresentative,
        Tied::IsRepresented,
        Tied::ActsForRepresentative,
        Tied::ActsForRepresented,
        Tied::Acted,
        Tied::Not,
    ] {
        let (f, by, registration) = world(tied).await;
        let refused = refused(&f, &by, &registration.mandate).await;
        let expected: &[&str] = match tied {
            // A date of birth is the child's alone, and who is to act for the child has to do with it.
            Tied::ActsForRepresentative => {
                &["register", "consent", "attest", "confirm", "lift", "refuse", "approve"]
            }
            Tied::IsRepresentative | Tied::IsRepresented | Tied::ActsForRepresented => &all,
            // The twins: of who acted once the page knows, and here it is over.
            Tied::Acted | Tied::Not => &[],
        };
        assert_eq!(refused, expected, "{tied:?}");
    }
}

/// Of two who are to be one it may be either of whom a member has authority.
#[tokio::test]
async fn m11_no_member_makes_one_of_their_own_people_one_with_somebody_whichever_of_the_two_it_is() {
    for (is_tied, first) in [(true, true), (true, false), (false, true)] {
        let f = fresh().await;
        let (account, member) = somebody(&f.store).await;
        let (child, twice) = (f.person("Kim", BORN).await, f.person("K.", BORN).await);
        if is_tied {
            f.mandate(Relation::Parent, (&member, &child)).await;
        }
        let (one, other) = if first { (&child, &twice) } else { (&twice, &child) };
        sqlx::query(
            "INSERT INTO corrections (id, person, other, what, birth_before, bsn_before, evidence_reference, proposed_by, proposed_at, ends) \
             VALUES ('c', $1, $2, 'same_person', '', $3, 'brief 1', $4, $5, $6)",
        )
        .bind(one.as_str())
        .bind(other.as_str())
        .bind(Vec::<u8>::new())
        .bind(COLLEAGUE)
        .bind(now().epoch())
        .bind(now().plus(86_400).epoch())
        .execute(f.store.db.writer())
        .await
        .unwrap();
        let known = Right::SamePerson(crate::domain::correction::Known::default());
        let id = crate::domain::id::CorrectionId::from_stored("c".to_owned());
        let done =
            f.store.approve_correction(&id, &known, &super::member(account.as_str()), now()).await.unwrap();
        let expected = if is_tied { NotDecided::OwnPeople } else { NotDecided::NotRecognised };
        assert_eq!(done, Err(expected), "{first}");
    }
}
