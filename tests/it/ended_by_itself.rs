//! What the clock ends leaves its line in the audit log, and its person finds it in their own (docs/requirements.md: R3; docs/adr/0055).

use crate::{
    browser::Browser,
    digid_steps::change,
    family::{FATHER, KIM, MOTHER, One},
    house::House,
    mandates_desk::{Desk, Form, born, digid_account, fresh_bsn},
    moved_clock::Birthday,
    notify::until,
    oidc_client::CLIENTS,
};

/// The lines of what the clock ended for somebody.
fn lines(house: &House, person: &str) -> Vec<String> {
    house.query(&format!(
        "SELECT event || ' ' || role || ' ' || outcome || ' ' || COALESCE(actor, '-') || ' ' || detail FROM audit \
         WHERE represented = '{person}' AND event IN ('mandate.suspended', 'mandate.lapsed', 'mandate.ended') ORDER BY seq"
    ))
}

async fn come(house: &House, people: &[&String]) {
    let all = || people.iter().all(|person| !lines(house, person).is_empty());
    until("the lines of what ended", || all().then_some(())).await;
}

/// Looks at every mandate anew, as after whatever the desk changes.
async fn looked_at_anew(house: &House) {
    change(house, "UPDATE mandates SET look_at = 0");
    let waits = "SELECT COUNT(*) FROM mandates WHERE look_at = 0";
    until("a look at all mandates", || (house.query(waits) == ["0"]).then_some(())).await;
}

#[tokio::test]
async fn r3_what_the_clock_ends_stands_once_in_the_log_of_whom_it_was_for_and_shows_no_block() {
    let (mut house, birthday) = (House::with(CLIENTS).await, Birthday::in_days(2));
    birthday.is_in(&house, 800).await;
    let mother = One::of(&house, ("Anna", None), MOTHER).await;
    let father = One::of(&house, ("Bert", None), FATHER).await;
    let kim = One::of(&house, ("Kim", Some(&birthday.of(16))), KIM).await;
    let desk = Desk::of(&house);
    let bsn = fresh_bsn();
    let sam = desk.person("Sam", Some(&birthday.of(12)), Some(&bsn));
    let grandmother = desk.person("Oma", Some("1944-05-05"), None);
    let kims = desk.mandate(&Form::parent(&mother.person, &kim.person));
    for party in ["represented", "representative"] {
        desk.hear("consent", &kims, party);
    }
    // The twins: one that its child never agreed to, one that was revoked before, and one that goes on.
    desk.mandate(&Form::parent(&father.person, &kim.person));
    let revoked = desk.mandate(&Form::parent(&father.person, &sam));
    house.ok(&["mandates", "revoke", "--by", "balie1", "--", &revoked]);
    let youngest = desk.person("Lot", Some(&birthday.of(8)), None);
    desk.mandate(&Form::parent(&mother.person, &youngest));
    let sams = desk.mandate(&Form::parent(&mother.person, &sam));
    let grant = desk.mandate(&Form::grant(&mother.person, &grandmother, &birthday.day.to_string()));
    let block = ["mandates", "block", "--representative", &mother.person, "--represented", &kim.person];
    house.ok(&[block.as_slice(), &["--by", "balie1", "--reason", "melding"]].concat());
    looked_at_anew(&house).await;
    for person in [&kim.person, &sam, &grandmother] {
        assert_eq!(lines(&house, person), [""; 0], "nothing has ended yet");
    }

    birthday.has_come(&house).await;
    come(&house, &[&kim.person, &sam, &grandmother]).await;
    let told = [
        (&kim.person, format!("mandate.lapsed system ok - {kims}")),
        (&sam, format!("mandate.suspended system ok - {sams}")),
        (&grandmother, format!("mandate.ended system ok - {grant}")),
    ];
    // Whoever looks again, or starts again, writes nothing more.
    looked_at_anew(&house).await;
    house.kill();
    house.open_doors();
    looked_at_anew(&house).await;
    for (person, line) in told {
        assert_eq!(lines(&house, person), [line]);
    }
    assert_eq!(lines(&house, &youngest), [""; 0]);

    let shown = kim.log(&house).await;
    assert_eq!(
        shown.matches("Een machtiging gestopt door de leeftijd. Door: het systeem").count(),
        1,
        "{shown}"
    );
    let browser = Browser::new();
    digid_account(&house, &browser, &bsn, "sam@voorbeeld.nl").await;
    let page = browser.get(&crate::account::at(&house, "/account/log")).await.text("log").unwrap_or_default();
    assert_eq!(
        page.matches("Een machtiging op pauze door de leeftijd. Door: het systeem").count(),
        1,
        "{page}"
    );
    // Who acted finds none of them: neither of whom a block keeps out, nor of the others.
    let hers = mother.log(&house).await;
    assert!(!hers.contains("leeftijd") && !hers.contains("voorbij"), "{hers}");
    assert!(house.ok(&["audit", "verify"]).contains("as they were written"));
}

/// Also of those whom nobody can mail, and longer than a mail would be late.
#[tokio::test]
async fn r3_what_ended_while_the_server_was_down_has_its_line_at_the_start_however_late() {
    let (mut house, birthday) = (House::start().await, Birthday::in_days(2));
    birthday.is_in(&house, 800).await;
    let desk = Desk::of(&house);
    let mother = desk.person("Anna", None, Some(&fresh_bsn()));
    let sam = desk.person("Sam", Some(&birthday.of(12)), None);
    let revoked = desk.person("Lot", Some(&birthday.of(12)), None);
    let grandmother = desk.person("Oma", Some("1944-05-05"), None);
    let sams = desk.mandate(&Form::parent(&mother, &sam));
    let lots = desk.mandate(&Form::parent(&mother, &revoked));
    desk.mandate(&Form::grant(&mother, &grandmother, &birthday.day.to_string()));
    looked_at_anew(&house).await;
    house.kill();
    house.ok(&["mandates", "revoke", "--by", "balie1", "--", &lots]);
    birthday.is_in(&house, -60 * 86_400).await;
    house.open_doors();
    come(&house, &[&sam, &grandmother]).await;
    assert_eq!(lines(&house, &sam), [format!("mandate.suspended system ok - {sams}")]);
    assert_eq!(lines(&house, &revoked), [""; 0]);
}

/// A date of birth that is put right after the sixteenth birthday ends the mandate for good: that is told once, by whichever of both came first.
#[tokio::test]
async fn r3_m5_a_mandate_that_lapsed_by_the_clock_does_not_lapse_in_the_log_again_when_a_birthday_is_put_right()
 {
    let (house, birthday) = (House::start().await, Birthday::in_days(2));
    birthday.is_in(&house, 800).await;
    let desk = Desk::of(&house);
    let mother = desk.person("Anna", None, Some(&fresh_bsn()));
    let kim = desk.person("Kim", Some(&birthday.of(16)), None);
    let kims = desk.mandate(&Form::parent(&mother, &kim));
    for party in ["represented", "representative"] {
        desk.hear("consent", &kims, party);
    }
    // The twin: nobody agreed, so no birthday ended it, and what is put right does.
    let noor = desk.person("Noor", Some(&birthday.of(16)), None);
    let noors = desk.mandate(&Form::parent(&mother, &noor));
    birthday.has_come(&house).await;
    come(&house, &[&kim]).await;
    looked_at_anew(&house).await;
    assert_eq!(lines(&house, &noor), [""; 0]);
    for person in [&kim, &noor] {
        house.set_birth_date(person, &birthday.of(15));
    }
    looked_at_anew(&house).await;
    assert_eq!(lines(&house, &kim), [format!("mandate.lapsed system ok - {kims}")]);
    assert_eq!(lines(&house, &noor), [format!("mandate.lapsed system ok - {noors}")]);
    for person in [&kim, &noor] {
        assert_eq!(desk.standings(person), ["lapsed"]);
    }
}

/// No right waits for the line, and whose line cannot be written keeps nobody from theirs.
#[tokio::test]
async fn r3_an_altered_name_in_the_log_keeps_no_other_from_their_line_and_nobody_in() {
    let (house, birthday) = (House::start().await, Birthday::in_days(2));
    birthday.is_in(&house, 800).await;
    let desk = Desk::of(&house);
    let mother = desk.person("Anna", None, Some(&fresh_bsn()));
    let [sam, lot] = ["Sam", "Lot"].map(|name| desk.person(name, Some(&birthday.of(12)), None));
    for child in [&sam, &lot] {
        desk.mandate(&Form::parent(&mother, child));
    }
    looked_at_anew(&house).await;
    let names = || house.query(&format!("SELECT hex(mac) FROM audit_names WHERE name = '{sam}'")).concat();
    let mac = names();
    change(&house, &format!("UPDATE audit_names SET mac = x'{}' WHERE name = '{sam}'", "00".repeat(32)));
    birthday.has_come(&house).await;
    come(&house, &[&lot]).await;
    assert_eq!(lines(&house, &sam), [""; 0]);
    // Nor is anything of theirs shown without its line.
    let kept = desk.refused(&["mandates", "list", "--by", "els", "--represented", &sam]);
    assert!(kept.contains("a name of the audit log was altered"), "{kept}");
    let held = house.ok(&["mandates", "list", "--by", "els", "--json", "--representative", &mother]);
    assert_eq!(held.matches("\"awaiting_consent\"").count(), 2, "{held}");
    // Once it is put back the line comes.
    change(&house, &format!("UPDATE audit_names SET mac = x'{mac}' WHERE name = '{sam}'"));
    come(&house, &[&sam]).await;
    assert_eq!((lines(&house, &sam).len(), lines(&house, &lot).len()), (1, 1));
    assert_eq!(desk.standings(&sam), ["awaiting_consent"]);
}

/// What a corrected date of birth ends has its own line, once; what was over already, or never counted, has none.
#[tokio::test]
async fn r3_m5_what_a_corrected_date_of_birth_ends_has_its_line_and_what_was_over_has_none() {
    let house = House::start().await;
    let desk = Desk::of(&house);
    let mother = desk.person("Anna", None, Some(&fresh_bsn()));
    let [kim, sam, lot] = ["Kim", "Sam", "Lot"].map(|name| desk.person(name, Some(&born(8, 0)), None));
    let [kims, sams, _] = [&kim, &sam, &lot].map(|child| desk.mandate(&Form::parent(&mother, child)));
    // Of the same two, and over or of no worth yet: revoked, past its end, void as nobody approved it, and waiting.
    let over = |what: &str| {
        let id = desk.mandate(&Form::parent(&mother, &kim));
        change(&house, &format!("UPDATE mandates SET {what} WHERE id = '{id}'"));
    };
    over("revoked_at = registered_at, revoked_by = 'balie1'");
    over("ends = registered_at");
    over("approved_at = NULL, approved_by = NULL, registered_at = 1");
    let waits = desk.registered(&Form::parent(&mother, &kim));

    house.set_birth_date(&kim, &born(16, 1));
    house.set_birth_date(&sam, &born(13, 0));
    house.set_birth_date(&lot, &born(9, 0));
    looked_at_anew(&house).await;
    let lapsed = format!("mandate.lapsed system ok - {kims}");
    let suspended = format!("mandate.suspended system ok - {sams}");
    assert_eq!(lines(&house, &kim), std::slice::from_ref(&lapsed));
    assert_eq!(lines(&house, &sam), std::slice::from_ref(&suspended));
    assert_eq!(lines(&house, &lot), [""; 0], "it counts as before");
    // The date is put back: one that lapsed stays so and says it no second time. What waited can count no more, which was not said yet.
    for child in [&kim, &sam] {
        house.set_birth_date(child, &born(8, 0));
    }
    assert_eq!(lines(&house, &kim), [lapsed, format!("mandate.lapsed system ok - {waits}")]);
    assert!(desk.standings(&sam).contains(&"active".to_owned()));
    // And the same mistake again ends it again.
    house.set_birth_date(&sam, &born(13, 0));
    looked_at_anew(&house).await;
    assert_eq!(lines(&house, &sam), [suspended.clone(), suspended]);
}
