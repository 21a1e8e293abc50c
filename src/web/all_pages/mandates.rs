//! "Machtigingen" and "Wie heeft iets gewijzigd" in every state.

use super::{Frame, Pages};
use crate::{
    domain::{
        audit::{InOwnLog, shown},
        id::{MandateId, PersonId},
        mandate::{Given, Held, Relation, offer::CannotGrant},
        staff::{Role, Roles},
        time::Timestamp,
    },
    flows::{
        account_log::{Told, Who},
        account_mandates::{GivenMandate, HeldMandate, Overview},
        account_offers::Offers,
    },
    store::mandates::offers::{Offer, Other},
    web::{account_log::LogPage, account_mandates::MandatesPage, account_offers::Answer},
};

pub(super) fn pages(frame: &dyn Fn() -> Frame, given: &str) -> Pages {
    let mut pages = mandates(frame, given);
    pages.extend(logs(frame, given));
    pages
}

/// Every state of a mandate, for a child and for everybody else.
fn mandates(frame: &dyn Fn() -> Frame, given: &str) -> Pages {
    let until = Some(Timestamp::from_epoch(1_800_000_000));
    let held_as = [
        Held::Counts(None),
        Held::Counts(until),
        Held::WaitsForYou,
        Held::WaitsForThem,
        Held::WaitsForDesk,
        Held::Later,
    ];
    let given_as = [
        Given::Counts(None),
        Given::Counts(until),
        Given::WaitsForThem,
        Given::WaitsForDesk,
        Given::Later,
        Given::Asked,
        Given::Refused,
    ];
    let held = |shown: Held, name: &str, born: &str| HeldMandate {
        id: MandateId::from_stored(given),
        name: name.to_owned(),
        born: born.to_owned(),
        relation: Relation::Parent,
        shown,
    };
    let row = |shown: Given, relation: Relation, name: &str| GivenMandate {
        id: MandateId::from_stored(given),
        name: name.to_owned(),
        relation,
        shown,
        has_a_say: relation.is_parental(),
        may_stop: relation == Relation::Authorised,
    };
    let mut pages = Pages::new();
    for (age, fresh) in [(None, true), (None, false), (Some(12), true), (Some(15), false)] {
        let mut overview = Overview { age, held: Vec::new(), given: Vec::new() };
        overview.held.extend(held_as.map(|shown| held(shown, given, given)));
        overview.held.extend([held(Held::Later, "", given), held(Held::Later, given, "")]);
        overview.held.push(held(Held::Later, "", ""));
        for relation in Relation::ALL {
            overview.given.extend(given_as.map(|shown| row(shown, *relation, given)));
        }
        overview.given.push(row(Given::Asked, Relation::Parent, ""));
        let (offers, answer) = (offers(given, age.is_some()), Answer::default());
        let page = MandatesPage { frame: frame(), overview, fresh, offers, answer };
        pages.push((format!("mandates-{age:?}-{fresh}"), page.render()));
    }
    for age in [None, Some(12)] {
        let overview = Overview { age, held: Vec::new(), given: Vec::new() };
        let (offers, answer) = (none(age.map(|_| CannotGrant::TooYoung)), Answer::default());
        let page = MandatesPage { frame: frame(), overview, fresh: true, offers, answer };
        pages.push((format!("mandates-none-{age:?}"), page.render()));
    }
    let wrongs = [
        ("label", "offer-label-wrong"),
        ("days", "offer-days-wrong"),
        ("code", "offer-code-wrong"),
        ("page", "offer-often"),
        ("page", "offer-may-not"),
        ("page", "offer-over"),
        ("page", "offer-full"),
    ];
    let wrongs =
        wrongs.map(|wrong| Answer { label: given.to_owned(), wrong: Some(wrong), ..Answer::default() });
    let code = Some("BCDFG HJKLM".to_owned());
    let code = Answer { code, label: given.to_owned(), ..Answer::default() };
    let still = [given, ""].map(|name| Answer { still: Some(name.to_owned()), ..Answer::default() });
    for (n, answer) in wrongs.into_iter().chain([code]).chain(still).enumerate() {
        let overview = Overview { age: None, held: Vec::new(), given: Vec::new() };
        let offers = none(None);
        let page = MandatesPage { frame: frame(), overview, fresh: true, offers, answer };
        pages.push((format!("mandates-offer-{n}"), page.render()));
    }
    for cannot in [CannotGrant::NoBirthDate, CannotGrant::DoesNotDecide] {
        let overview = Overview { age: None, held: Vec::new(), given: Vec::new() };
        let (offers, answer) = (none(Some(cannot)), Answer::default());
        let page = MandatesPage { frame: frame(), overview, fresh: true, offers, answer };
        pages.push((format!("mandates-give-{cannot:?}"), page.render()));
    }
    pages
}

fn none(cannot: Option<CannotGrant>) -> Offers {
    Offers { may_hold: cannot != Some(CannotGrant::TooYoung), cannot, made: Vec::new(), taken: Vec::new() }
}

/// Every state of an offer, on both sides.
fn offers(given: &str, is_child: bool) -> Offers {
    let row = |name: Option<&str>, accepted: bool| Offer {
        id: MandateId::from_stored(given),
        label: given.to_owned(),
        days: 31,
        ends: Timestamp::from_epoch(1_800_000_000),
        other: name.map(|name| Other {
            person: PersonId::from_stored(given),
            name: name.to_owned(),
            email: if name.is_empty() { "anna@voorbeeld.nl".to_owned() } else { given.to_owned() },
        }),
        accepted,
    };
    if is_child {
        return none(Some(CannotGrant::TooYoung));
    }
    Offers {
        cannot: None,
        may_hold: true,
        made: vec![row(None, false), row(Some(given), false), row(Some(given), true), row(Some(""), true)],
        taken: vec![row(Some(given), false), row(Some(""), false), row(Some(given), true)],
    }
}

/// Every line that there can be, by everybody who can have done it.
fn logs(frame: &dyn Fn() -> Frame, given: &str) -> Pages {
    let own = given.to_owned();
    let who = [
        Who::Oneself,
        Who::Person(own.clone()),
        Who::Person(String::new()),
        Who::Staff,
        Who::Member(Roles::of(Role::ALL).unwrap(), own.clone()),
        Who::Program(own.clone()),
        Who::Program(String::new()),
        Who::System,
        Who::Unknown,
    ];
    let said = ["mandate.agreed", "mandate.withdrawn"];
    let whats = shown(InOwnLog::OfAccount).chain(shown(InOwnLog::OfMandates)).chain(said);
    let whats = whats.filter(|what| !["mandate.answered", "mandate.consent"].contains(what));
    let line = |what: &str, who: Who, named: bool| Told {
        at: Timestamp::from_epoch(1_800_000_000),
        what: what.to_owned(),
        who,
        whom: named.then(|| own.clone()),
        portal: named.then(|| own.clone()),
        host: named.then(|| own.clone()),
    };
    let mut lines: Vec<Told> = whats.map(|what| line(what, Who::Oneself, false)).collect();
    lines.extend(who.into_iter().map(|who| line("mandate.stopped", who, true)));
    let page = |lines, older: Option<String>| {
        let without_mandates = older.is_none();
        LogPage { frame: frame(), lines, older, without_mandates }.render()
    };
    vec![
        ("log".to_owned(), page(lines, Some("1800000000.abc".to_owned()))),
        ("log-none".to_owned(), page(Vec::new(), None)),
    ]
}
