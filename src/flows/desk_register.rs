//! Registering at the desk: the two people and the mandate by one form, all of it or nothing (M1). It waits for somebody else (M11).

use super::desk::{AtDesk, Found, TooMany, Wanted, count, look};
use crate::{
    app::App,
    domain::{
        birth::BirthDate,
        bsn::Bsn,
        consent::Party,
        fault::Fault,
        id::{MandateId, PersonId},
        line::one_line,
        meant::{self, Differs, Named, OnRecord, first_birth},
        patient_number::PatientNumber,
        registration::{Births, Form, Refused, register},
        time::Timestamp,
    },
    store::{
        desk::{NotRegistered, People},
        mandates::NotStored,
        persons::{Person, Told},
    },
};

/// What the form tells of one of the two. Who is known already is found by BSN or patient number.
#[derive(Debug)]
pub struct Side {
    /// The BSN.
    pub bsn: Option<Bsn>,
    /// The patient number.
    pub number: Option<PatientNumber>,
    /// The name; needed of whom nobody knows yet.
    pub name: String,
    /// The date of birth.
    pub birth: Option<BirthDate>,
}

/// What was wrong with a form. Nothing was stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wrong {
    /// Who will act is bound by their BSN at the first login with DigiD (M1), and who approves it tells it again.
    NoBsn,
    /// Neither number, so that nobody could find them again.
    NoNumber(Party),
    /// Nobody knows them yet, and they have no name.
    NoName(Party),
    /// Something else is on record of them.
    Differs(Differs, Party),
    /// Another date of birth waits for one of the two, or was recorded meanwhile.
    OtherBirth(Party),
    /// Too many searches.
    TooManySearches,
    /// A number of one of the two became somebody's meanwhile, or is that of somebody from whom the member is kept: one answer (M9).
    Taken,
    /// One of the two has as many mandates as anybody may have.
    TooMany,
    /// It is of who registers it, or of somebody they act or acted for.
    OwnPeople,
    /// The person represented has authority over who would act for them.
    Circle,
    /// The rest of the form.
    Form(Refused),
}

/// Why nothing was stored.
#[derive(Debug)]
pub enum NotDone {
    /// Something in the form.
    Wrong(Wrong),
    /// A fault of ours.
    Fault(Fault),
}

impl From<Wrong> for NotDone {
    fn from(wrong: Wrong) -> Self {
        Self::Wrong(wrong)
    }
}

impl From<Fault> for NotDone {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

/// One of the two as they will be known: somebody who is known, or somebody new.
enum Who {
    /// With the date of birth that the form tells first.
    Known(Person, Option<BirthDate>),
    New(PersonId, Told),
}

impl Who {
    fn id(&self) -> &PersonId {
        match self {
            Self::Known(person, _) => &person.id,
            Self::New(id, _) => id,
        }
    }

    fn birth(&self) -> Option<BirthDate> {
        match self {
            Self::Known(person, first) => person.birth.or(*first),
            Self::New(_, told) => told.birth,
        }
    }
}

/// Registers for a member what the form says; `form` holds the rest of it, and its people are looked up here.
pub async fn submit(
    app: &App,
    at: &AtDesk,
    (representative, represented): (Side, Side),
    form: Form,
    now: Timestamp,
) -> Result<MandateId, NotDone> {
    if representative.bsn.is_none() {
        return Err(Wrong::NoBsn.into());
    }
    if representative.bsn == represented.bsn {
        return Err(Wrong::Form(Refused::Oneself).into());
    }
    // Once, however many look-ups it takes: past very many in an hour it slows, and never stops.
    if let Err(TooMany) = count(app, &at.member, now).await? {
        return Err(Wrong::TooManySearches.into());
    }
    let names = [representative.name.clone(), represented.name.clone()];
    let representative = who(app, at, (representative, Party::Representative), now).await?;
    let represented = who(app, at, (represented, Party::Represented), now).await?;
    let form = Form {
        representative: representative.id().clone(),
        represented: represented.id().clone(),
        department: Some(at.member.department.clone()),
        registered_by: at.member.name(),
        ..form
    };
    let births = Births { representative: representative.birth(), represented: represented.birth() };
    let registration = register(form, births, now).map_err(Wrong::Form)?;
    let mut people = People::default();
    let both = [(Party::Representative, representative), (Party::Represented, represented)];
    for ((party, who), name) in both.into_iter().zip(names) {
        match who {
            Who::New(id, told) => people.new.push((id, told)),
            Who::Known(person, first) => {
                people.born.extend(first.map(|birth| (party, person.id.clone(), birth)));
                if person.name.is_empty() {
                    people.called.extend(one_line(&name).ok().map(|name| (person.id, name)));
                }
            }
        }
    }
    let stored = app.store.register_at_desk(&people, &registration, now).await?;
    stored.map_err(|why| match why {
        NotRegistered::Taken | NotRegistered::Mandate(NotStored::UnknownPerson) => Wrong::Taken,
        NotRegistered::OtherBirth(party) => Wrong::OtherBirth(party),
        NotRegistered::Mandate(NotStored::TooMany) => Wrong::TooMany,
        NotRegistered::Mandate(NotStored::OwnPeople) => Wrong::OwnPeople,
        NotRegistered::Mandate(NotStored::Circle) => Wrong::Circle,
    })?;
    Ok(registration.mandate.id)
}

impl OnRecord for Person {
    fn id(&self) -> &PersonId {
        &self.id
    }

    fn birth(&self) -> Option<BirthDate> {
        self.birth
    }

    fn number(&self) -> Option<&PatientNumber> {
        self.patient_number.as_ref()
    }
}

/// Who is meant, looked up as by a search.
async fn who(app: &App, at: &AtDesk, (side, party): (Side, Party), now: Timestamp) -> Result<Who, NotDone> {
    let look = async |wanted: Option<Wanted>| match wanted {
        Some(wanted) => match look(app, at.who(), &wanted, now).await? {
            Found::One(person) => Ok(Some(*person)),
            Found::Nobody => Ok(None),
            Found::Theirs => Err(NotDone::from(Wrong::OwnPeople)),
        },
        None => Ok(None),
    };
    let by_bsn = look(side.bsn.clone().map(Wanted::Bsn)).await?;
    let by_number = look(side.number.clone().map(Wanted::Number)).await?;
    let told = Named { has_bsn: side.bsn.is_some(), number: side.number.as_ref(), birth: side.birth };
    let known = meant::who(by_bsn, by_number, told).map_err(|how| Wrong::Differs(how, party))?;
    if known.is_none() && side.bsn.is_none() && side.number.is_none() {
        return Err(Wrong::NoNumber(party).into());
    }
    match (known, one_line(&side.name)) {
        (Some(known), Err(_)) if known.name.is_empty() => Err(Wrong::NoName(party).into()),
        (Some(known), _) => {
            let first = first_birth(known.birth, side.birth);
            Ok(Who::Known(known, first))
        }
        (None, Err(_)) => Err(Wrong::NoName(party).into()),
        (None, Ok(name)) => {
            let told = Told { name, birth: side.birth, bsn: side.bsn, patient_number: side.number };
            Ok(Who::New(PersonId::random(), told))
        }
    }
}
