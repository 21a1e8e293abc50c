//! The pages at which people change, take back, export and erase what is theirs, in every state.

use super::Pages;
use crate::{
    domain::{
        client_consent::Item, code::WrongCode, mandate::Relation, merge::NotMerged, profile::Profile,
        scope::Scope,
    },
    flows::{
        account_digid::Unlinking,
        account_email::{NotAsked, NotConfirmed},
        account_export::{
            Export, OwnAccount, OwnEntry, OwnMandate, OwnMandates, OwnOffer, OwnPerson, OwnPortal, OwnSaid,
            OwnSession, OwnWork,
        },
        app_code::Kind,
    },
    web::{
        account::{AccountPage, LoginRow, SessionRow, StoppedPage},
        account_app::{AppPage, CodesPage},
        account_digid::{AnotherPage, DigidPage},
        account_email::{self, AddressPage},
        account_erase::ErasePage,
        account_export::{AllPage, ExportPage},
        account_merge::{MergePage, Shown, why},
        account_portals::{DeviceRow, PortalRow, PortalsPage},
        app_code::AppCodePage,
        client_consent::worded,
        page::Frame,
    },
};

/// All of them.
pub(super) fn all(frame: &dyn Fn() -> Frame, given: &str) -> Pages {
    let mut pages = account(frame, given);
    pages.extend(ways_in(frame, given));
    pages.extend(merging(frame, given));
    pages.extend(portals(frame, given));
    pages.extend(exports(frame, given));
    pages
}

fn account(frame: &dyn Fn() -> Frame, given: &str) -> Pages {
    let session = |here: bool, by_digid: bool| SessionRow {
        sid: given.to_owned(),
        here,
        device: by_digid.then(|| given.to_owned()),
        by_digid,
        began: "22 november 2026 om 07:35 uur".to_owned(),
        seen: "22 november 2026 om 07:41 uur".to_owned(),
    };
    let login = |by_digid| LoginRow { at: given.to_owned(), by_digid, portal: Some(given.to_owned()) };
    let page = |digid_since: Option<String>, sessions| AccountPage {
        frame: frame(),
        email: given.to_owned(),
        has_app: digid_since.is_none(),
        has_password: digid_since.is_none(),
        digid_available: true,
        digid_since,
        sessions,
        logins: vec![login(true), login(false)],
    };
    let app = |since: Option<&str>, failed| AppPage {
        frame: frame(),
        since: since.map(str::to_owned),
        secret: given.to_owned(),
        link: "otpauth://totp/x".to_owned(),
        offer: given.to_owned(),
        is_member: failed || since.is_some(),
        renewing_ends: failed && since.is_some(),
        failed,
    };
    let codes = vec![given.to_owned(); 10];
    let asked = |kind, left| AppCodePage { frame: frame(), kind, left };
    let both = vec![session(true, false), session(false, true), session(false, false)];
    vec![
        ("account".to_owned(), page(None, both).render()),
        ("account-digid".to_owned(), page(Some(given.to_owned()), vec![session(true, true)]).render()),
        ("account-app".to_owned(), app(None, false).render()),
        ("account-app-is".to_owned(), app(Some(given), false).render()),
        ("account-app-wrong".to_owned(), app(None, true).render()),
        ("account-codes".to_owned(), CodesPage { frame: frame(), codes }.render()),
        ("app-code".to_owned(), asked(Kind::App, None).render()),
        ("app-code-wrong".to_owned(), asked(Kind::App, Some(4)).render()),
        ("recovery-code".to_owned(), asked(Kind::Recovery, None).render()),
        ("recovery-code-wrong".to_owned(), asked(Kind::Recovery, Some(1)).render()),
        ("account-stopped".to_owned(), StoppedPage { frame: frame() }.render()),
    ]
}

fn portals(frame: &dyn Fn() -> Frame, given: &str) -> Pages {
    let device = || DeviceRow { grant: given.to_owned(), since: given.to_owned(), used: given.to_owned() };
    let portal = |devices| PortalRow {
        id: given.to_owned(),
        name: given.to_owned(),
        since: given.to_owned(),
        items: worded(Scope::ALL.iter().copied().map(Item::Scope).collect()),
        apis: vec![given.to_owned()],
        devices,
    };
    let page = |portals| PortalsPage { frame: frame(), portals }.render();
    vec![
        ("account-portals".to_owned(), page(vec![portal(vec![device(), device()]), portal(Vec::new())])),
        ("account-portals-none".to_owned(), page(Vec::new())),
    ]
}

fn merging(frame: &dyn Fn() -> Frame, given: &str) -> Pages {
    let ready = |has_app| Shown::Ready { goes: given.to_owned(), remains: given.to_owned(), has_app };
    let mut all = vec![
        ("digid", Shown::Begin("account-merge-then-digid", "account-merge-digid")),
        ("local", Shown::Begin("account-merge-then-local", "account-merge-local")),
        ("not-now", Shown::Refused("account-merge-not-now")),
        ("ready", ready(false)),
        ("ready-app", ready(true)),
    ];
    all.extend(NotMerged::ALL.iter().map(|not| (not.as_str(), Shown::Refused(why(*not)))));
    let page = |shown| MergePage { frame: frame(), current: given.to_owned(), shown }.render();
    all.into_iter().map(|(name, shown)| (format!("account-merge-{name}"), page(shown))).collect()
}

fn exports(frame: &dyn Fn() -> Frame, given: &str) -> Pages {
    let text = || given.to_owned();
    let mandate = || OwnMandate {
        id: text(),
        other: text(),
        relation: Relation::Parent,
        registered: text(),
        starts: text(),
        ends: Some(text()),
    };
    let said = OwnSaid { mandate: text(), word: text(), at: text(), at_desk: true };
    let session = OwnSession { began: text(), seen: text(), acr: "x", device: Some(text()) };
    let entry = |done| OwnEntry {
        at: text(),
        event: text(),
        done,
        by: text(),
        for_other: done,
        client: Some(text()),
        host: Some(text()),
    };
    let least = Export {
        made: text(),
        account: OwnAccount {
            email: text(),
            created: text(),
            has_password: true,
            digid_since: None,
            app_since: Some(text()),
            work: vec![OwnWork {
                roles: vec!["registrar", "auditor"],
                department: text(),
                since: text(),
                until: Some(text()),
            }],
        },
        person: None,
        subjects: vec![(text(), text())],
        profile: Profile::default(),
        sessions: vec![session],
        portals: vec![OwnPortal {
            name: text(),
            since: text(),
            may_know: text(),
            apis: vec![text()],
            hosts: vec![text()],
            devices: 1,
        }],
        mandates: None,
        log: vec![entry(true), entry(false)],
        log_is_cut: true,
    };
    let person = Some(OwnPerson {
        name: text(),
        birth_date: Some(text()),
        bsn: Some(text()),
        patient_number: Some(text()),
    });
    let offer = |accepted| OwnOffer { label: text(), days: 31, waits_until: text(), accepted };
    let mandates = Some(OwnMandates {
        received: vec![mandate()],
        given: vec![mandate()],
        said: vec![said],
        offered: vec![offer(false), offer(true)],
    });
    let all = Export { person, mandates, ..least.clone() };
    vec![
        ("account-export".to_owned(), ExportPage { frame: frame(), too_often: false }.render()),
        ("account-export-often".to_owned(), ExportPage { frame: frame(), too_often: true }.render()),
        ("account-export-least".to_owned(), AllPage { frame: frame(), all: least }.render()),
        ("account-export-all".to_owned(), AllPage { frame: frame(), all }.render()),
    ]
}

fn ways_in(frame: &dyn Fn() -> Frame, given: &str) -> Pages {
    use account_email::Trouble;
    let wrong = |wrong| Some(Trouble::Code(NotConfirmed::Wrong(wrong)));
    let troubles = [
        None,
        Some(Trouble::Address(NotAsked::NoAddress)),
        Some(Trouble::Address(NotAsked::Same)),
        Some(Trouble::Address(NotAsked::TooMany)),
        wrong(WrongCode::Again { left: 4 }),
        wrong(WrongCode::Ended),
        Some(Trouble::Code(NotConfirmed::Taken)),
        Some(Trouble::Code(NotConfirmed::Late)),
    ];
    let mut pages = Pages::new();
    for unlinking in [Unlinking::None, Unlinking::NeedsPassword, Unlinking::NeedsDigid, Unlinking::May] {
        let since = (unlinking != Unlinking::None).then(|| given.to_owned());
        let page = DigidPage { frame: frame(), since, unlinking, may_link: unlinking == Unlinking::None };
        pages.push((format!("account-digid-{unlinking:?}"), page.render()));
    }
    pages.push(("account-digid-another".to_owned(), AnotherPage { frame: frame() }.render()));
    for (name, failed, staff) in [("false", false, false), ("true", true, false), ("staff", false, true)] {
        let (current, email) = (given.to_owned(), given.to_owned());
        let page = ErasePage { frame: frame(), current, email, failed, staff };
        pages.push((format!("account-erase-{name}"), page.render()));
    }
    for waits in [None, Some((given.to_owned(), "K7Q".to_owned()))] {
        for trouble in troubles {
            if waits.is_none() && matches!(trouble, Some(Trouble::Code(_))) {
                continue;
            }
            let (current, email) = (given.to_owned(), given.to_owned());
            let page = AddressPage { frame: frame(), current, waits: waits.clone(), email, trouble };
            pages.push((format!("account-email-{}-{trouble:?}", waits.is_some()), page.render()));
        }
    }
    pages
}
