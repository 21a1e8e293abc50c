//! The pages of the desk.

use super::Pages;
use crate::{
    domain::{
        consent::{Party, Word},
        correction::What,
        mandate::{DocumentKind, Evidence, Refusal, Relation, Standing},
        registration::Refused,
        staff::{Act, Role},
    },
    flows::desk_register::Wrong,
    web::{
        desk::{Closed, ClosedPage, DeskPage},
        desk_ahead::{AheadPage, LeafletPage},
        desk_block::BlockRow,
        desk_log::{LogPage, LogRow},
        desk_mandate::MandatePage,
        desk_person::{CorrectionRow, MandateRow, PersonPage},
        desk_queue::{OtherRow, QueuePage, QueueRow},
        desk_register::{self, MandateForm},
        desk_special::BasisRow,
        desk_staff::{StaffPage, StaffRow},
        desk_words::{self, document, evidence, refusal, relation, role, said, standing, wrong_of},
        page::Frame,
    },
};

/// Every page of the desk in every state.
pub(super) fn pages(frame: &dyn Fn() -> Frame, given: &str) -> Pages {
    let mut pages = door(frame, given);
    pages.extend(at_desk(frame, given));
    pages
}

fn door(frame: &dyn Fn() -> Frame, given: &str) -> Pages {
    let text = || given.to_owned();
    let overview = |acts: &[Act], waiting, error| DeskPage {
        frame: frame(),
        email: text(),
        department: text(),
        acts: acts.to_vec(),
        roles: Role::ALL.iter().map(|one| role(*one)).collect(),
        waiting,
        error,
    };
    let closed = |why| ClosedPage { frame: frame(), why };
    let row = |overdue: bool| QueueRow {
        id: "m4nd4t3".into(),
        representative: text(),
        represented: text(),
        by: text(),
        at: text(),
        department: overdue.then(text),
        due: text(),
        overdue,
    };
    let other = || OtherRow {
        href: "/desk/person/p3rs0n".into(),
        of: text(),
        what: "desk-special",
        by: text(),
        at: text(),
        due: Some((text(), true)),
    };
    let queue = |rows, some: bool| {
        let others = || if some { vec![other(), other()] } else { Vec::new() };
        QueuePage { frame: frame(), rows, others: others(), refused: others() }
    };
    let birthdays = vec![
        ("m4nd4t3".into(), text(), "desk-ahead-twelve", text()),
        ("m4nd4t3".into(), text(), "desk-ahead-sixteen", text()),
    ];
    let ahead = |rows: Vec<_>| {
        let is_cut = !rows.is_empty();
        AheadPage { frame: frame(), department: text(), others: rows.clone(), rows, is_cut }
    };
    let line = || LogRow { at: text(), event: text(), actor: text(), about: text() };
    let log = |person: String, rows, next, error| LogPage { frame: frame(), person, rows, next, error };
    let member = |may_approve: bool| StaffRow {
        id: "m3mb3r".into(),
        email: text(),
        roles: vec![role(Role::Registrar), role(Role::Auditor)],
        department: text(),
        proposed: (text(), text()),
        waits_until: may_approve.then(text),
        may_approve,
    };
    let staff = |may_propose, error| StaffPage {
        frame: frame(),
        rows: vec![member(true), member(false)],
        may_propose,
        email: text(),
        department: text(),
        error,
    };
    vec![
        ("desk".into(), overview(Act::ALL, Some((7, 2)), None).render()),
        ("desk-not-found".into(), overview(Act::ALL, Some((0, 0)), Some("desk-not-found")).render()),
        ("desk-auditor".into(), overview(&[Act::ReadLog], None, None).render()),
        ("desk-no-app".into(), closed(Closed::NoApp).render()),
        ("desk-another-way".into(), closed(Closed::AnotherWay).render()),
        ("desk-denied".into(), closed(Closed::Denied).render()),
        ("desk-own-people".into(), closed(Closed::OwnPeople).render()),
        ("desk-queue".into(), queue(vec![row(true), row(false)], true).render()),
        ("desk-queue-nothing".into(), queue(Vec::new(), false).render()),
        ("desk-ahead".into(), ahead(birthdays).render()),
        ("desk-ahead-nothing".into(), ahead(Vec::new()).render()),
        ("desk-leaflet".into(), LeafletPage { frame: frame(), paragraphs: vec![text(); 3] }.render()),
        ("desk-log".into(), log(String::new(), Vec::new(), None, None).render()),
        ("desk-log-wrong".into(), log(String::new(), Vec::new(), None, Some("desk-not-known")).render()),
        ("desk-log-lines".into(), log(text(), vec![line(), line()], Some((1, text())), None).render()),
        ("desk-staff".into(), staff(true, None).render()),
        ("desk-staff-wrong".into(), staff(true, Some("desk-staff-no-app")).render()),
        ("desk-staff-second".into(), staff(false, None).render()),
    ]
}

fn at_desk(frame: &dyn Fn() -> Frame, given: &str) -> Pages {
    let text = || given.to_owned();
    let listed = || MandateRow {
        id: "m4nd4t3".into(),
        name: text(),
        relation: relation(Relation::Parent),
        standing: standing(Standing::Blocked),
    };
    let block = |may_lift| a_block(given, may_lift);
    let correction = |of: What| CorrectionRow {
        id: "c0rr3ct".into(),
        what: wrong_of(of),
        of,
        other: (of == What::SamePerson).then(|| "0th3r".to_owned()),
        proposed: (text(), text()),
        evidence: text(),
        may_approve: true,
    };
    let person = |may_correct: bool, error| PersonPage {
        frame: frame(),
        id: "p3rs0n".into(),
        name: text(),
        birth: may_correct.then(text),
        number: may_correct.then(text),
        has_bsn: may_correct,
        held: if may_correct { vec![listed()] } else { Vec::new() },
        given: if may_correct { vec![listed(), listed()] } else { Vec::new() },
        may_block: may_correct,
        blocks: if may_correct { vec![block(true), block(false)] } else { Vec::new() },
        may_correct,
        corrections: if may_correct {
            What::ALL.iter().map(|of| correction(*of)).collect()
        } else {
            Vec::new()
        },
        error,
    };
    let mandate = |may, error| a_mandate(frame(), given, may, error);
    let form = |errors| desk_register::RegisterPage { frame: frame(), form: MandateForm::default(), errors };
    let wrong = [Wrong::NoBsn, Wrong::NoName(Party::Represented), Wrong::Form(Refused::NoEvidence)];
    let wrong = wrong.into_iter().map(desk_words::wrong).collect();
    vec![
        ("desk-person".into(), person(true, None).render()),
        ("desk-person-plain".into(), person(false, None).render()),
        ("desk-person-wrong".into(), person(true, Some("desk-correct-one")).render()),
        ("desk-mandate".into(), mandate(true, None).render()),
        ("desk-mandate-plain".into(), mandate(false, None).render()),
        ("desk-mandate-wrong".into(), mandate(true, Some("desk-somebody-else")).render()),
        ("desk-register".into(), form(Vec::new()).render()),
        ("desk-register-wrong".into(), form(wrong).render()),
    ]
}

fn a_block(given: &str, may_lift: bool) -> BlockRow {
    let text = || given.to_owned();
    BlockRow {
        representative: "p3rs0n".into(),
        name: if may_lift { text() } else { String::new() },
        reason: text(),
        placed: (text(), text()),
        may_lift,
    }
}

fn a_mandate(frame: Frame, given: &str, may: bool, error: Option<&'static str>) -> MandatePage {
    let text = || given.to_owned();
    let basis = |waits: bool| BasisRow {
        id: "b4s1s".into(),
        evidence: text(),
        attested: (text(), text()),
        confirmed: (!waits).then(|| (text(), text())),
        ends: text(),
        may_confirm: waits,
        may_end: waits,
    };
    MandatePage {
        frame,
        id: "m4nd4t3".into(),
        representative: ("p3rs0n".into(), text()),
        represented: ("p3rs0n".into(), text()),
        relation: relation(Relation::Authorised),
        standing: standing(Standing::Active { until: None }),
        until: may.then(text),
        texts: [text(), text()],
        evidence: evidence(Evidence::CourtOrder),
        registered: (text(), text(), may.then(text)),
        starts: text(),
        documents: if may {
            vec![("desk-represented", document(DocumentKind::Passport), text())]
        } else {
            Vec::new()
        },
        approved: may.then(|| (text(), text())),
        refused: may.then(|| (refusal(Refusal::Evidence), text(), text())),
        heard: vec![(said(Party::Represented, Word::Agreed), text(), text())],
        bases: if may { vec![basis(true), basis(false)] } else { Vec::new() },
        may_attest: may,
        first_births: if may { vec![(text(), text())] } else { Vec::new() },
        asks_number: may.then_some("desk-represented-bsn"),
        may_approve: may,
        refusals: if may { vec![("evidence", refusal(Refusal::Evidence))] } else { Vec::new() },
        said: if may {
            vec![(Party::Represented, Word::Agreed, said(Party::Represented, Word::Agreed))]
        } else {
            Vec::new()
        },
        others: vec![(given.to_owned(), may)],
        may_take_away: may,
        blocks: if may { vec![a_block(given, true)] } else { Vec::new() },
        error,
    }
}
