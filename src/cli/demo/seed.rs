//! The family comes to the desk: persons, mandates after checking both documents, and Anna's account.

use chrono::Months;

use crate::{
    app::App,
    domain::{
        birth::BirthDate,
        bsn::Bsn,
        calendar::{DAY, today},
        consent::{Party, Word, hear},
        email::Email,
        fault::Fault,
        four_eyes::Recognised,
        id::{MandateId, PersonId},
        mandate::{DocumentKind, Evidence, Relation},
        registration::{Births, Form, Shown, register},
        secret::Secret,
        time::Timestamp,
    },
    simulator::family::{ANNA, ANNA_EMAIL, ANNA_PASSWORD, DAAN, HENK, Member, NOOR, SEM},
    store::{Store, accounts::Owner, persons::Told},
};

/// How long ago each mandate was registered, in days: Daan was fourteen then, Noor eleven.
const DAAN_REGISTERED: i64 = 700;
const NOOR_REGISTERED: i64 = 700;
const LATELY: i64 = 30;
/// Who registered them all.
const DESK: &str = "balie 1";
/// How far into their year of life everybody is, in months: no birthday comes near.
const SINCE_BIRTHDAY: u32 = 4;

/// What the walk must know of the family.
pub struct Household {
    /// The child of eight.
    pub sem: PersonId,
    /// The child of thirteen.
    pub noor: PersonId,
    /// The mandate for her.
    pub noors_mandate: MandateId,
    /// The father.
    pub henk: PersonId,
}

/// Registers the family at `now`.
pub async fn seed(app: &App, now: Timestamp) -> Result<Household, Fault> {
    let store = &app.store;
    let then = |days: i64| now.plus(-days * DAY);
    let anna = arrives(store, &ANNA, now, then(DAAN_REGISTERED)).await?;
    let daan = arrives(store, &DAAN, now, then(DAAN_REGISTERED)).await?;
    let noor = arrives(store, &NOOR, now, then(NOOR_REGISTERED)).await?;
    let sem = arrives(store, &SEM, now, then(LATELY)).await?;
    let henk = arrives(store, &HENK, now, then(LATELY)).await?;
    parent_of(store, &anna, &daan, then(DAAN_REGISTERED)).await?;
    let noors_mandate = parent_of(store, &anna, &noor, then(NOOR_REGISTERED)).await?;
    parent_of(store, &anna, &sem, then(LATELY)).await?;
    register_one(store, granted(&anna, &henk, then(LATELY)), then(LATELY)).await?;

    // From Noor's twelfth birthday both must agree. Anna did so at the desk; Noor was not asked yet.
    let heard = then(LATELY);
    let listed = store.mandate(&noors_mandate, heard).await?.ok_or(Fault::because("no mandate for Noor"))?;
    let agrees = (Party::Representative, Word::Agreed);
    let consent = hear(&listed.mandate, listed.born, agrees, Some(DESK.to_owned()), heard)?;
    if !store.add_consent(&consent, &noor, DESK, heard).await? {
        return Err(Fault::because("an agreement was not recorded"));
    }

    let hash = app.hasher.hash(Secret::new(ANNA_PASSWORD)).await?;
    let email = Email::parse(ANNA_EMAIL)?;
    store.create_account(&Owner::New, &email, Some(&hash), now).await??;
    Ok(Household { sem, noor, noors_mandate, henk })
}

/// Registers a person with a date of birth that gives the right age at `now`.
async fn arrives(store: &Store, who: &Member, now: Timestamp, then: Timestamp) -> Result<PersonId, Fault> {
    let born = born(who.age, now)?;
    let told = Told {
        name: who.name.to_owned(),
        birth: Some(born),
        bsn: Some(Bsn::parse(who.bsn)?),
        ..Told::default()
    };
    Ok(store.register_person(&told, DESK, then).await??)
}

/// The date of birth of someone who is `age` years and some months old at `now`.
fn born(age: u32, now: Timestamp) -> Result<BirthDate, Fault> {
    let months = Months::new(age * 12 + SINCE_BIRTHDAY);
    let day = today(now).checked_sub_months(months).ok_or(Fault::because("a birth before time began"))?;
    Ok(BirthDate::read(&day.to_string(), now)?)
}

async fn parent_of(
    store: &Store,
    parent: &PersonId,
    child: &PersonId,
    then: Timestamp,
) -> Result<MandateId, Fault> {
    let form = Form {
        relation: Relation::Parent,
        legal_basis: "art. 1:247 BW".to_owned(),
        evidence: Some(Evidence::ParentalAuthority),
        grantor_agrees: false,
        ends: None,
        ..granted(parent, child, then)
    };
    register_one(store, form, then).await
}

/// An express mandate, for eleven months.
fn granted(who: &PersonId, whom: &PersonId, then: Timestamp) -> Form {
    let document = |kind| {
        let valid_until = today(then) + Months::new(60);
        Some(Shown { kind, valid_until, checked: true })
    };
    Form {
        representative: who.clone(),
        represented: whom.clone(),
        relation: Relation::Authorised,
        legal_basis: "art. 3:60 BW".to_owned(),
        evidence: Some(Evidence::SignedForm),
        representative_document: document(DocumentKind::Passport),
        represented_document: document(DocumentKind::IdentityCard),
        form_reference: "demo, map 1".to_owned(),
        grantor_agrees: true,
        starts: None,
        ends: Some(then.plus(330 * DAY)),
        department: None,
        registered_by: DESK.to_owned(),
    }
}

/// As `namens mandates register` and `approve` do it.
async fn register_one(store: &Store, form: Form, then: Timestamp) -> Result<MandateId, Fault> {
    let birth = async |id: &PersonId| Ok::<_, Fault>(store.person(id).await?.and_then(|person| person.birth));
    let births = Births {
        representative: birth(&form.representative).await?,
        represented: birth(&form.represented).await?,
    };
    let representative_bsn = store.bsn_of(&form.representative).await?;
    let represented_bsn = store.bsn_of(&form.represented).await?;
    let represented_birth = births.represented;
    let read =
        Recognised { representative_bsn, represented_birth, represented_bsn, represented_number: None };
    let registration = register(form, births, then)?;
    store.register_mandate(&registration, then).await??;
    let approved = store.approve_mandate(&registration.mandate.id, "balie 2", &read, then).await?;
    approved.map_err(|_| Fault::because("nobody approved what was just registered"))?;
    Ok(registration.mandate.id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{domain::birth::HAS_A_SAY, simulator::family::EVERYBODY};

    #[test]
    fn every_number_passes_the_elfproef_and_every_age_is_right_today() {
        for day in ["2024-02-29T10:00:00Z", "2026-12-31T23:30:00Z", "2027-06-30T00:00:00Z"] {
            let now = Timestamp::parse_rfc3339(day).unwrap();
            for member in EVERYBODY {
                assert!(Bsn::parse(member.bsn).is_ok(), "{}", member.name);
                let (age, born) = (u8::try_from(member.age).unwrap(), born(member.age, now).unwrap());
                assert!(born.has_surely_turned(age, now) && !born.may_have_turned(age + 1, now));
            }
            let eleven = born(NOOR.age, now).unwrap();
            let then = now.plus(-NOOR_REGISTERED * DAY);
            assert!(!eleven.may_have_turned(HAS_A_SAY, then), "Noor was eleven when Anna registered");
            let fourteen = born(DAAN.age, now).unwrap();
            assert!(!fourteen.may_have_turned(16, now.plus(-DAAN_REGISTERED * DAY)));
        }
    }
}
