//! What the desk may register, and what it is told when it may not (M1 to M6, M9, M11).

use namens::domain::time::Timestamp;

use crate::{
    house::House,
    mandates_desk::{Desk, Form, born, days, fresh_bsn, now},
};

#[tokio::test]
async fn m1_without_both_documents_seen_and_valid_and_evidence_nothing_is_stored() {
    let house = House::start().await;
    let desk = Desk::of(&house);
    let (parent, child) =
        (desk.person("Anna", Some(&born(38, 0)), None), desk.person("Sam", Some(&born(8, 9)), None));
    let good = Form::parent(&parent, &child);
    let yesterday = days(-1);
    for (form, says) in [
        (
            good.clone().without("--representative-document-checked"),
            "identity document of the representative first",
        ),
        (
            good.clone().without("--represented-document-checked"),
            "identity document of the represented first",
        ),
        (
            good.clone()
                .without("--representative-document")
                .without("--representative-document-valid-until"),
            "representative first",
        ),
        (
            good.clone().with("--representative-document-valid-until", &yesterday),
            "representative has expired",
        ),
        (good.clone().with("--represented-document-valid-until", &yesterday), "represented has expired"),
        (good.clone().without("--evidence"), "what proves the authority"),
        (good.clone().with("--evidence", "signed_form"), "does not prove the authority of a parent"),
        (good.clone().with("--representative", &child), "same person"),
        (good.clone().with("--representative", "nobody"), "no such person"),
        (good.clone().with("--represented", "nobody"), "no such person"),
        (good.clone().with("--form-reference", " "), "form reference"),
        (good.clone().with("--legal-basis", "a\nb"), "legal basis"),
        (good.clone().with("--by", ""), "member of staff"),
        (good.clone().with("--ends", &days(0)), "must lie in the future"),
        (good.clone().with("--relation", "curator").with("--evidence", "court_order"), "18 or older"),
    ] {
        let told = desk.refused(&form.arguments());
        assert!(told.starts_with("namens: ") && told.contains(says), "{says}: {told}");
        assert_eq!(desk.stored(), "0", "{says}");
    }
    // What is not even a form is refused by the shell's own rules: exit 2, nothing stored.
    for form in [
        good.clone().without("--representative"),
        good.clone().without("--by"),
        good.clone().with("--relation", "friend"),
        good.clone().with("--evidence", "my word"),
        good.clone().without("--represented-document-valid-until"),
        good.clone().with("--represented-document-valid-until", "soon"),
        good.clone().with("--representative-document", "library_card"),
    ] {
        let output = house.run(&form.arguments());
        assert_eq!((output.status.code(), desk.stored().as_str()), (Some(2), "0"), "{:?}", form.arguments());
        assert!(!output.stderr.is_empty());
    }
    // Valid on its last day; then who, when, documents and form are on record, and no number anywhere.
    let last_day = good.with("--represented-document-valid-until", &days(0));
    let before = now().epoch();
    desk.registered(&last_day);
    let row = house.query(
        "SELECT registered_by || '|' || form_reference || '|' || relation || '|' || evidence || '|' || legal_basis FROM mandates",
    );
    assert_eq!(row, ["balie1|2026-0001|parent|parental_authority|art. 1:247 BW"]);
    let at: i64 = house.query("SELECT registered_at FROM mandates")[0].parse().unwrap();
    assert!((before..=now().epoch()).contains(&at));
    let audit = house.query("SELECT event || '|' || outcome || '|' || actor || '|' || represented FROM audit WHERE event LIKE 'mandate%'");
    assert_eq!(audit, [format!("mandate.registered|ok|balie1|{child}")]);
}

#[tokio::test]
async fn m1_a_bsn_comes_by_file_or_standard_input_and_stands_nowhere_in_the_open() {
    let house = House::start().await;
    let desk = Desk::of(&house);
    let (one, two) = (fresh_bsn(), fresh_bsn());
    let id = desk.person("Anna", None, Some(&one));
    std::fs::write(house.folder.join("bsn"), format!("{two}\n")).unwrap();
    house.ok(&["persons", "add", "--by", "balie1", "--name", "Bea", "--bsn-file", "bsn"]);
    let show =
        |by: &str, bsn: &str| desk.say(&["persons", "show", "--by", by, "--bsn-file", "-", "--json"], bsn);
    let found = String::from_utf8(show("Els", &one).stdout).unwrap();
    assert!(found.contains(&id) && !found.contains(&one), "{found}");
    // Who looks for somebody by a BSN says who they are, and it stands in the log, also where nobody has it; so does who looks by id.
    assert_eq!(show("els", &fresh_bsn()).status.code(), Some(1));
    for by in ["client:root", ""] {
        assert_eq!(show(by, &one).status.code(), Some(1), "{by}");
    }
    assert_eq!(desk.say(&["persons", "show", "--bsn-file", "-"], &one).status.code(), Some(2));
    assert_eq!(desk.say(&["persons", "show", "--", &id], "").status.code(), Some(2));
    assert_eq!(desk.say(&["persons", "show", "--by", "els"], "").status.code(), Some(2));
    house.ok(&["persons", "show", "--by", "els", "--", &id]);
    let looked = "SELECT outcome || ' by ' || COALESCE(actor, 'nobody') || ' ' || COALESCE(represented, '-') FROM audit \
                  WHERE event = 'person.found' ORDER BY seq";
    assert_eq!(house.query(looked), [format!("ok by els {id}"), "unknown by els -".to_owned()]);
    // Taken, impossible, too short, no number, missing file: refused, and the number is not repeated.
    for bsn in [one.as_str(), "123456789", "12345", "abcdefghi", ""] {
        let output = desk.say(&["persons", "add", "--by", "balie1", "--name", "Eve", "--bsn-file", "-"], bsn);
        let told = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{bsn}");
        assert!(told.starts_with("namens: ") && (bsn.is_empty() || !told.contains(bsn)), "{told}");
    }
    assert_eq!(
        house.run(&["persons", "add", "--by", "balie1", "--name", "Eve", "--bsn-file", "gone"]).status.code(),
        Some(1)
    );
    // Nor does anybody register who does not say who they are.
    for by in ["client:root", ""] {
        let refused = desk.refused(&["persons", "add", "--name", "Eve", "--by", by]);
        assert!(refused.contains("name the member of staff"), "{refused}");
    }
    assert_eq!(house.run(&["persons", "add", "--name", "Eve"]).status.code(), Some(2));
    assert_eq!(house.query("SELECT COUNT(*) FROM persons"), ["2"]);
    let lines = "SELECT outcome || ' by ' || actor || COALESCE(client, '') || ' ' || COALESCE(detail, '') FROM audit \
                 JOIN persons p ON p.id = represented WHERE event = 'person.registered'";
    assert_eq!(house.query(lines), ["ok by balie1 ", "ok by balie1 "]);
    assert_eq!(house.query("SELECT COUNT(*) FROM audit WHERE event = 'person.registered'"), ["2"]);
    for file in ["namens.db", "namens.db-wal", "log"] {
        let bytes = std::fs::read(house.folder.join(file)).unwrap_or_default();
        for bsn in [&one, &two] {
            assert!(!bytes.windows(9).any(|window| window == bsn.as_bytes()), "{file} holds a BSN");
        }
    }
}

#[tokio::test]
async fn m3_without_a_date_of_birth_or_with_one_in_the_future_there_is_no_parent() {
    let house = House::start().await;
    let desk = Desk::of(&house);
    let (parent, child) = (desk.person("Anna", None, None), desk.person("Sam", None, None));
    let form = Form::parent(&parent, &child);
    assert!(desk.refused(&form.arguments()).contains("date of birth"));
    for bad in [&days(1), "2010-13", "2010-02-30", "1066", "yesterday", ""] {
        let output = house.run(&[
            "persons",
            "set-birth-date",
            &child,
            bad,
            "--evidence-reference",
            "x",
            "--by",
            "balie1",
        ]);
        assert_eq!(output.status.code(), Some(1), "{bad}: {}", String::from_utf8_lossy(&output.stderr));
    }
    assert_eq!(desk.stored(), "0");
    house.set_birth_date(&child, &born(8, 0));
    desk.mandate(&form);
    assert_eq!(desk.standings(&child), ["active"]);
}

#[tokio::test]
async fn m3_a_partly_known_date_is_read_against_the_parent() {
    let house = House::start().await;
    let desk = Desk::of(&house);
    let year = |age: u32| born(age, 0)[..4].to_owned();
    let parent = desk.person("Anna", None, None);
    // Born some day of the year sixteen years ago: perhaps sixteen by now.
    let perhaps = desk.person("Sam", Some(&year(16)), None);
    assert!(desk.refused(&Form::parent(&parent, &perhaps).arguments()).contains("16 or older, or may be"));
    // And perhaps not: they cannot grant anything yet, but on the last day of the year.
    let last_day = days(1).ends_with("-01-01");
    let grant = Form::grant(&parent, &perhaps, &days(30));
    if last_day {
        desk.mandate(&grant);
    } else {
        assert!(desk.refused(&grant.arguments()).contains("must be 16 or older"));
    }
    // Perhaps twelve: the parent waits for consent, and the child is not yet surely able to give it.
    let young = desk.person("Kim", Some(&year(12)), None);
    let mandate = desk.mandate(&Form::parent(&parent, &young));
    assert_eq!(desk.standings(&young), ["awaiting_consent"]);
    let consent = ["mandates", "consent", &mandate, "--party", "represented", "--attested-by", "balie1"];
    if last_day {
        house.ok(&consent);
    } else {
        assert!(desk.refused(&consent).contains("12th birthday"));
    }
    assert_eq!(desk.standings(&young), ["awaiting_consent"]);
}

#[tokio::test]
async fn m4_both_must_agree_from_twelve_and_a_withdrawal_counts_at_once() {
    let house = House::start().await;
    let desk = Desk::of(&house);
    let (parent, child) = (desk.person("Anna", None, None), desk.person("Sam", Some(&born(12, 0)), None));
    let mandate = desk.mandate(&Form::parent(&parent, &child));
    assert_eq!(desk.standings(&child), ["awaiting_consent"], "on the twelfth birthday");
    for (word, party, standing) in [
        ("consent", "represented", "awaiting_consent"),
        ("consent", "representative", "active"),
        ("withdraw", "represented", "withdrawn"),
        ("withdraw", "represented", "withdrawn"),
    ] {
        desk.hear(word, &mandate, party);
        assert_eq!(desk.standings(&child), [standing], "{word} {party}");
    }
    let eve = desk.person("Kim", Some(&born(12, -1)), None);
    desk.mandate(&Form::parent(&parent, &eve));
    assert_eq!(desk.standings(&eve), ["active"], "the day before the twelfth birthday");
    let spoken =
        house.query("SELECT party || ' ' || word || ' ' || attested_by FROM consents ORDER BY rowid");
    assert_eq!(spoken.len(), 4);
    assert!(
        spoken[0] == "represented agreed balie1" && spoken[3] == "represented withdrawn balie1",
        "{spoken:?}"
    );
    let unknown = ["mandates", "consent", "nothing", "--party", "represented", "--attested-by", "balie1"];
    assert!(desk.refused(&unknown).contains("no such mandate"));
}

#[tokio::test]
async fn m5_a_lapsed_mandate_stays_lapsed_and_a_grant_lasts_a_year_at_most() {
    let house = House::start().await;
    let desk = Desk::of(&house);
    let (parent, child) = (desk.person("Anna", None, None), desk.person("Sam", Some(&born(15, 100)), None));
    let eve = desk.person("Kim", Some(&born(16, -1)), None);
    desk.mandate(&Form::parent(&parent, &eve));
    let mandate = desk.mandate(&Form::parent(&parent, &child));
    for party in ["represented", "representative"] {
        desk.hear("consent", &mandate, party);
    }
    assert_eq!(desk.standings(&child), ["active"]);
    let set = |date: &str| house.set_birth_date(&child, date);
    set(&born(16, 0));
    assert_eq!(desk.standings(&child), ["lapsed"], "on the sixteenth birthday");
    for date in [born(15, 0), born(8, 0), born(30, 0), born(8, 0)] {
        set(&date);
        assert_eq!(desk.standings(&child), ["lapsed"], "{date}");
    }
    desk.hear("withdraw", &mandate, "represented");
    assert_eq!(desk.standings(&child), ["lapsed"]);

    let sixteen = desk.person("Lot", Some(&born(16, 0)), None);
    assert!(
        desk.refused(&Form::parent(&parent, &sixteen).arguments()).contains("only they can grant access")
    );
    let refused = |form: Form<'_>| desk.refused(&form.arguments());
    let grant = |ends: &str| Form::grant(&parent, &sixteen, ends);
    assert!(refused(grant(&days(367))).contains("at most a year"));
    assert!(refused(grant(&days(30)).without("--ends")).contains("needs an end"));
    assert!(refused(grant(&days(30)).without("--grantor-agrees")).contains("must agree"), "M6");
    assert!(refused(grant(&days(30)).with("--evidence", "parental_authority")).contains("does not prove"));
    let before = desk.stored();
    desk.mandate(&grant(&days(365)));
    assert_eq!((desk.standings(&sixteen), before.as_str()), (vec!["active".to_owned()], "2"));
    let fifteen = Form::grant(&parent, &eve, &days(30));
    assert!(refused(fifteen).contains("must be 16 or older"));
}

#[tokio::test]
async fn m9_m11_a_revocation_is_for_good_and_a_block_is_lifted_by_someone_else() {
    let house = House::start().await;
    let desk = Desk::of(&house);
    let (parent, child) = (desk.person("Anna", None, None), desk.person("Sam", Some(&born(8, 0)), None));
    let mandate = desk.mandate(&Form::parent(&parent, &child));
    let pair = ["--representative", &parent, "--represented", &child, "--by"];
    let act = |verb: &str, by: &str, more: &[&str]| {
        let arguments = [&["mandates", verb], &pair[..], &[by], more].concat();
        house.run(&arguments)
    };
    assert!(act("block", "balie1", &["--reason", "melding"]).status.success());
    assert_eq!(desk.standings(&child), ["blocked"]);
    let own = act("unblock", "balie1", &[]);
    assert_eq!(own.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&own.stderr).contains("someone else must lift it"));
    assert_eq!(desk.standings(&child), ["blocked"]);
    assert!(act("unblock", "balie2", &[]).status.success());
    assert_eq!(desk.standings(&child), ["active"]);
    assert_eq!(act("unblock", "balie2", &[]).status.code(), Some(1));
    house.ok(&["mandates", "revoke", &mandate, "--by", "balie1"]);
    assert_eq!(desk.standings(&child), ["revoked"]);
    assert!(desk.refused(&["mandates", "revoke", &mandate, "--by", "balie1"]).contains("revoked before"));
    assert!(desk.refused(&["mandates", "revoke", "nothing", "--by", "balie1"]).contains("no such mandate"));
}

#[tokio::test]
async fn m11_what_one_at_the_desk_registers_counts_once_somebody_else_approved_it() {
    let house = House::start().await;
    let desk = Desk::of(&house);
    let (parent, child) = (desk.person("Anna", None, None), desk.person("Sam", Some(&born(8, 0)), None));
    let form = Form::parent(&parent, &child);
    let id = desk.registered(&form);
    assert_eq!(desk.standings(&child), ["awaiting_approval"]);
    for (by, says) in
        [("balie1", "someone else"), ("BALIE1", "someone else"), ("client:root", "name the member of staff")]
    {
        let told = String::from_utf8(desk.approve(&id, by).stderr).unwrap();
        assert!(told.contains(says), "{by}: {told}");
    }
    assert_eq!(desk.standings(&child), ["awaiting_approval"]);
    desk.approved(&id, "balie2");
    assert_eq!(desk.standings(&child), ["active"]);
    let said = |id: &str, by: &str| String::from_utf8(desk.approve(id, by).stderr).unwrap();
    assert!(said(&id, "balie3").contains("approved before"));
    let lines =
        house.query("SELECT event || ' ' || actor FROM audit WHERE event LIKE 'mandate.%' ORDER BY seq");
    assert_eq!(lines, ["mandate.registered balie1", "mandate.approved balie2"]);
    // What nobody approves takes nothing to revoke, and is not approved after that.
    let other = desk.registered(&form);
    house.ok(&["mandates", "revoke", "--by", "balie1", "--", &other]);
    assert!(said(&other, "balie2").contains("over"));
}

/// Literal instants, so that no calendar of ours says when midnight is: 1 July is in summer time, 15 December is not.
#[tokio::test]
async fn m3_m4_m5_birthdays_turn_at_midnight_in_amsterdam_in_summer_and_in_winter() {
    let house = House::start().await;
    let desk = Desk::of(&house);
    let at = |text: &str| Timestamp::parse_rfc3339(text).unwrap();
    for (sixteen, twelve, before, midnight) in [
        ("2010-07-01", "2014-07-01", "2026-06-30T10:00:00Z", "2026-06-30T22:00:00Z"),
        ("2010-12-15", "2014-12-15", "2026-12-14T10:00:00Z", "2026-12-14T23:00:00Z"),
    ] {
        house.set_clock(at(before)).await;
        let anna = desk.person("Anna", Some("1985-03-01"), None);
        let (older, younger) =
            (desk.person("Kim", Some(sixteen), None), desk.person("Sam", Some(twelve), None));
        let form = |child| {
            let valid = ("--representative-document-valid-until", "--represented-document-valid-until");
            Form::parent(&anna, child).with(valid.0, "2090-01-01").with(valid.1, "2090-01-01")
        };
        let kims = desk.mandate(&form(&older));
        desk.mandate(&form(&younger));
        for party in ["represented", "representative"] {
            desk.hear("consent", &kims, party);
        }
        for child in [&older, &younger] {
            let told: serde_json::Value = serde_json::from_str(&house.ok(&[
                "mandates",
                "list",
                "--by",
                "kijker",
                "--json",
                "--represented",
                child,
            ]))
            .unwrap();
            assert_eq!(
                (&told[0]["standing"], &told[0]["until"]),
                (&"active".into(), &midnight.into()),
                "{told}"
            );
        }
        // That is the first instant at which it counts no longer: the second before it does.
        house.set_clock(at(midnight)).await;
        assert_eq!(
            (desk.standings(&older), desk.standings(&younger)),
            (vec!["lapsed".into()], vec!["awaiting_consent".into()])
        );
    }
}
