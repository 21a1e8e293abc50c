//! "Machtigingen" (M4, M5, M12, `docs/adr/0042`): for whom somebody may act and who may act for them, and what they do about it
//! themselves. What takes access away needs their session, what gives it a login of just now; both at the level of mandates (M7).

use super::{Stop, account::Guest, chooser::told_apart};
use crate::{
    app::App,
    domain::{
        birth::{BirthDate, HAS_A_SAY, age_with_a_say},
        code::draw_reference,
        consent::{Party, Word, hear},
        email::Email,
        fault::Fault,
        id::MandateId,
        lang::Lang,
        mandate::{Given, Held, Relation, is_theirs_to_stop},
        time::Timestamp,
    },
    mail::{Circumstances, letters},
    store::mandates::Listed,
};

/// How often somebody may agree in so many seconds: an hour. Taking it back is never refused.
const AGREEMENTS: i64 = 30;
const WINDOW: i64 = 3600;

/// What "Machtigingen" shows.
#[derive(Debug)]
pub struct Overview {
    /// How old the reader is, where they are 12 to 15.
    pub age: Option<u8>,
    /// For whom they may act, or may come to.
    pub held: Vec<HeldMandate>,
    /// Who may act for them, or may come to.
    pub given: Vec<GivenMandate>,
}

/// A mandate, as its representative sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldMandate {
    /// Which.
    pub id: MandateId,
    /// As the desk calls the person represented; empty where it does not, and while it waits for approval.
    pub name: String,
    /// What tells them apart: a year, or a date; empty where it is not known.
    pub born: String,
    /// What the representative is to them.
    pub relation: Relation,
    /// How it stands.
    pub shown: Held,
}

/// A mandate, as the person represented sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GivenMandate {
    /// Which.
    pub id: MandateId,
    /// As the desk calls the representative; empty where it does not.
    pub name: String,
    /// What they are to the person represented.
    pub relation: Relation,
    /// How it stands.
    pub shown: Given,
    /// Whether their word is asked, which they may change: a child's about a parent.
    pub has_a_say: bool,
    /// Whether they may end it themselves.
    pub may_stop: bool,
}

/// What somebody is shown.
pub async fn overview(app: &App, guest: &Guest, now: Timestamp) -> Result<Overview, Fault> {
    let own = &guest.session.person;
    let born = app.store.person(own).await?.and_then(|person| person.birth);
    let held = app.store.mandates_held(own, now).await?;
    let given = app.store.mandates_given(own, now).await?;
    Ok(Overview {
        age: born.and_then(|born| age_with_a_say(born, now)),
        held: held_rows(held),
        given: given.into_iter().filter_map(|listed| given_row(listed, now)).collect(),
    })
}

fn held_rows(listed: Vec<Listed>) -> Vec<HeldMandate> {
    let mut rows = Vec::new();
    for listed in listed {
        let hides = hides_whom(&listed);
        let Listed { mandate, represented_name, born, shown, .. } = listed;
        let (name, born) = if hides { Default::default() } else { (represented_name, born) };
        if let Some(shown) = shown.held {
            let row =
                HeldMandate { id: mandate.id, name, born: String::new(), relation: mandate.relation, shown };
            rows.push((row, born));
        }
    }
    let known: Vec<(&str, BirthDate)> =
        rows.iter().filter_map(|(row, born)| Some((row.name.as_str(), (*born)?))).collect();
    let mut told = told_apart(&known).into_iter();
    let named = |(row, born): (HeldMandate, Option<BirthDate>)| {
        let born = born.and_then(|_| told.next()).unwrap_or_default();
        HeldMandate { born, ..row }
    };
    rows.into_iter().map(named).collect()
}

/// Before its second pair of eyes a mandate may name the wrong people: neither is told who the other is (M11).
pub(super) const fn hides_whom(listed: &Listed) -> bool {
    listed.waits_until.is_some()
}

fn given_row(listed: Listed, now: Timestamp) -> Option<GivenMandate> {
    let hides = hides_whom(&listed);
    let Listed { mandate, representative_name, born, shown, .. } = listed;
    let name = if hides { String::new() } else { representative_name };
    let relation = mandate.relation;
    let old_enough = born.is_some_and(|born| born.has_surely_turned(HAS_A_SAY, now));
    Some(GivenMandate {
        id: mandate.id,
        name,
        relation,
        shown: shown.given?,
        has_a_say: relation.is_parental() && old_enough && !hides,
        may_stop: is_theirs_to_stop(relation),
    })
}

/// "Stop toegang": ends a mandate for good and at once, with what its two have beside it that this one may end. Gives who has access all the
/// same, as the desk calls them, where the person represented stopped one and another one is the desk's to end. Both are mailed that one ended, without whose; not a representative to whom it is
/// not shown, as to whom a block keeps out it ended long ago (M9). Of a mandate that is not theirs
/// to stop, or that is not shown to them, nothing is told and nothing changes: a block must look like a revocation (M9).
pub async fn stop(
    app: &App,
    guest: &Guest,
    id: &MandateId,
    lang: Lang,
    now: Timestamp,
) -> Result<Option<String>, Stop> {
    let own = &guest.session.person;
    let Some(listed) = app.store.mandate(id, now).await? else { return Ok(None) };
    let theirs = if listed.mandate.representative == *own {
        listed.shown.held.is_some()
    } else {
        listed.shown.given.is_some()
    };
    if !theirs {
        return Ok(None);
    }
    let Some(other) = app.store.stop_mandate(id, own, now).await? else { return Ok(None) };
    tell(app, &guest.account.email, lang, now);
    let hears = other != listed.mandate.representative || listed.shown.held.is_some();
    if let Some(other) = app.store.account_of_person(&other).await?.filter(|_| hears) {
        tell(app, &other.email, other.lang, now);
    }
    if hides_whom(&listed) || other != listed.mandate.representative {
        return Ok(None);
    }
    let given = app.store.mandates_given(own, now).await?;
    let looks = |one: &Listed| {
        one.mandate.representative == other && matches!(one.shown.given, Some(Given::Counts(_)))
    };
    Ok(given.into_iter().find(looks).map(|one| one.representative_name))
}

/// Mails that a mandate has ended.
fn tell(app: &App, address: &str, lang: Lang, now: Timestamp) {
    let Ok(to) = Email::parse(address) else { return };
    let portal = letters::own_pages(lang).to_owned();
    let about = Circumstances { to, portal, at: now, reference: draw_reference(), lang };
    app.mailer.tell(letters::mandate_stopped(&about));
}

/// Ja or nee of a child of 12 to 15, or a parent's ja, about that parent's mandate. Each answers in their own place only: who it is
/// follows from the session. Nobody is mailed, as families share a mailbox and a parent hears no reason. Of what is not theirs to say, or
/// not shown to them, nothing is told and nothing changes.
pub async fn answer(
    app: &App,
    guest: &Guest,
    id: &MandateId,
    word: Word,
    now: Timestamp,
) -> Result<(), Fault> {
    let own = &guest.session.person;
    let Some(listed) = app.store.mandate(id, now).await? else { return Ok(()) };
    // Before its second pair of eyes nobody is asked (M11).
    let (false, Listed { mandate, born: Some(born), shown, .. }) = (hides_whom(&listed), listed) else {
        return Ok(());
    };
    let agrees = word == Word::Agreed;
    let party = if mandate.represented == *own && shown.given.is_some() {
        Party::Represented
    } else if mandate.representative == *own && shown.held == Some(Held::WaitsForYou) && agrees {
        Party::Representative
    } else {
        return Ok(());
    };
    let Ok(consent) = hear(&mandate, Some(born), (party, word), None, now) else { return Ok(()) };
    let often = agrees && app.store.bump("mandate_agreed", own.as_str(), WINDOW, now).await? > AGREEMENTS;
    if mandate.relation.is_parental() && !often {
        app.store.say_of_mandate(&consent, own, born.latest_birthday(HAS_A_SAY), now).await?;
    }
    Ok(())
}
