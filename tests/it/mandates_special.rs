//! Somebody of 12 or older who cannot decide for themselves (docs/requirements.md: M4, docs/adr/0016): from the desk to the
//! ID token, through real logins with DigiD.

use serde_json::{Value, json};

use crate::{
    browser::Browser,
    digid_steps::change,
    house::House,
    mandates_desk::{Desk, Form, born, days, digid_account, fresh_bsn, now},
    oidc_client::{claims, refreshed, userinfo},
    portal::Tokens,
};

/// A mother who logged in with DigiD, and somebody for whom she has a mandate that waits.
struct Family {
    house: House,
    mother: String,
    tokens: Tokens,
    person: String,
    mandate: String,
}

impl Family {
    async fn of(relation: &str, birth_date: &str) -> Self {
        let house = House::start().await;
        let desk = Desk::of(&house);
        let bsn = fresh_bsn();
        let mother = desk.person("Anna", None, Some(&bsn));
        let tokens = digid_account(&house, &Browser::new(), &bsn, "moeder@voorbeeld.nl").await;
        let person = desk.person("Kim", Some(birth_date), None);
        let form = Form::parent(&mother, &person);
        let mandate = desk.mandate(&form.with("--relation", relation).with("--evidence", "court_order"));
        Self { house, mother, tokens, person, mandate }
    }

    /// Attests until `ends` in the name of balie1. The id of the basis.
    fn attest(&self, ends: &str) -> String {
        let told = self.house.ok(&[
            "mandates",
            "special",
            "attest",
            &self.mandate,
            "--evidence-reference",
            "brief 12",
            "--ends",
            ends,
            "--by",
            "balie1",
            "--json",
        ]);
        let told: Value = serde_json::from_str(&told).unwrap();
        let waits = |basis: &&Value| basis["confirmed_by"].is_null();
        told["special"].as_array().unwrap().iter().find(waits).unwrap()["id"].as_str().unwrap().to_owned()
    }

    fn confirm(&self, basis: &str) {
        self.house.ok(&["mandates", "special", "confirm", basis, "--by", "balie2"]);
    }

    /// The next refresh: it must succeed.
    async fn refreshed(&mut self) -> &Tokens {
        self.tokens = refreshed(&self.house, &self.tokens).await;
        &self.tokens
    }

    /// How many people the user may act for, by `UserInfo` with the access token that is there.
    async fn live(&self) -> usize {
        let (status, user) = userinfo(&self.house, self.tokens.text("access_token")).await;
        assert_eq!(status, 200, "{user}");
        user["act_as"].as_array().unwrap().len()
    }

    /// A block of the mother, or its end by somebody else.
    fn pair(&self, verb: &str, by: &str, more: &[&str]) {
        let pair = ["--representative", &self.mother, "--represented", &self.person, "--by", by];
        self.house.ok(&[&["mandates", verb], &pair[..], more].concat());
    }
}

#[tokio::test]
async fn m4_m8_a_child_who_cannot_decide_is_listed_from_the_second_pair_of_eyes_until_the_end() {
    let mut family = Family::of("parent", &born(13, 40)).await;
    assert_eq!(family.refreshed().await.claims["act_as"], json!([]), "nobody agreed");
    // Sooner than a token would end, and later than any machine is slow.
    let ends = now().plus(280);
    let basis = family.attest(&ends.rfc3339());
    let tokens = family.refreshed().await;
    assert_eq!(
        (&tokens.claims["act_as"], &tokens.body["expires_in"]),
        (&json!([]), &json!(300)),
        "one pair of eyes"
    );
    for own in ["balie1", "Balie1", " balie1 "] {
        let told = Desk::of(&family.house).refused(&["mandates", "special", "confirm", &basis, "--by", own]);
        assert!(told.contains("someone else must look at the evidence"), "{told}");
    }
    assert_eq!(family.live().await, 0);
    assert_eq!(Desk::of(&family.house).standings(&family.person), ["awaiting_consent"]);

    family.confirm(&basis);
    assert_eq!(family.live().await, 1, "the same access token, at once");
    let tokens = family.refreshed().await;
    let [one] = tokens.claims["act_as"].as_array().unwrap().as_slice() else { panic!("{}", tokens.claims) };
    assert_eq!((&one["relation"], &one["recheck"]), (&json!("parent"), &json!(ends.epoch())));
    assert_eq!(one.as_object().unwrap().len(), 5, "nothing tells on what basis");
    let expires_in = tokens.body["expires_in"].as_i64().unwrap();
    assert!((1..=280).contains(&expires_in), "{expires_in}");
    assert_eq!(
        (&tokens.claims["exp"], &claims(tokens.text("access_token"))["exp"]),
        (&json!(ends.epoch()), &json!(ends.epoch()))
    );

    // Its end comes sooner than this test can wait for.
    change(&family.house, &format!("UPDATE special_bases SET ends = {} WHERE id = '{basis}'", now().epoch()));
    assert_eq!(family.live().await, 0);
    let tokens = family.refreshed().await;
    assert_eq!((&tokens.claims["act_as"], &tokens.body["expires_in"]), (&json!([]), &json!(300)));
    assert_eq!(Desk::of(&family.house).standings(&family.person), ["awaiting_consent"]);
    // A new one begins anew.
    let next = family.attest(&days(100));
    assert_eq!(family.live().await, 0);
    family.confirm(&next);
    assert_eq!(family.refreshed().await.claims["act_as"].as_array().unwrap().len(), 1);

    let audit = family.house.query(
        "SELECT event || ' ' || actor || ' ' || (detail = '' OR represented = '') FROM audit \
         WHERE event LIKE 'mandate.special%' ORDER BY seq",
    );
    let (attested, confirmed) = ("mandate.special_attested balie1 0", "mandate.special_confirmed balie2 0");
    assert_eq!(audit, [attested, confirmed, attested, confirmed]);
}

#[tokio::test]
async fn m4_m5_m9_a_withdrawal_a_block_an_end_and_a_birthday_are_stronger() {
    let mut family = Family::of("guardian", &born(15, 40)).await;
    let first = family.attest(&days(365));
    family.confirm(&first);
    assert_eq!(family.refreshed().await.claims["act_as"].as_array().unwrap().len(), 1);
    family.pair("block", "balie1", &["--reason", "melding"]);
    assert_eq!(family.live().await, 0);
    family.pair("unblock", "balie2", &[]);
    assert_eq!(family.live().await, 1);
    family.house.ok(&["mandates", "special", "end", &first, "--by", "balie3"]);
    assert_eq!(family.live().await, 0, "one pair of eyes is enough to end it");
    let next = family.attest(&days(365));
    family.confirm(&next);
    assert_eq!(family.live().await, 1);
    let set = |date: &str| {
        family.house.set_birth_date(&family.person, date);
    };
    set(&born(11, 40));
    assert_eq!(family.live().await, 1, "a parent of a child of eleven needs none");
    set(&born(13, 0));
    assert_eq!(family.live().await, 1);
    Desk::of(&family.house).hear("withdraw", &family.mandate, "represented");
    assert_eq!(family.live().await, 0, "who can say no is asked");
    assert_eq!(Desk::of(&family.house).standings(&family.person), ["withdrawn"]);
    let renewed = family.attest(&days(30));
    family.confirm(&renewed);
    assert_eq!(family.live().await, 0, "no basis is stronger than a no that was heard before it");

    let mut other = Family::of("parent", &born(15, 40)).await;
    let basis = other.attest(&days(365));
    other.confirm(&basis);
    assert_eq!(other.refreshed().await.claims["act_as"].as_array().unwrap().len(), 1);
    other.house.set_birth_date(&other.person, &born(16, 0));
    assert_eq!(other.live().await, 0, "on the sixteenth birthday");
    assert_eq!(other.refreshed().await.claims["act_as"], json!([]));
    other.house.set_birth_date(&other.person, &born(15, 0));
    assert_eq!(other.live().await, 0, "M5: and it stays so");
}

#[tokio::test]
async fn m4_a_curator_acts_while_a_special_basis_stands() {
    let mut family = Family::of("curator", &born(40, 0)).await;
    assert_eq!(Desk::of(&family.house).standings(&family.person), ["awaiting_basis"]);
    assert_eq!(family.refreshed().await.claims["act_as"], json!([]));
    let basis = family.attest(&days(365));
    assert_eq!(family.live().await, 0);
    family.confirm(&basis);
    let tokens = family.refreshed().await;
    assert_eq!(tokens.claims["act_as"][0]["relation"], json!("curator"));
    family.house.ok(&["mandates", "special", "end", &basis, "--by", "balie1"]);
    assert_eq!(family.live().await, 0);
}

#[tokio::test]
async fn m4_a_special_basis_that_is_not_whole_is_refused_and_nothing_is_stored() {
    let house = House::start().await;
    let desk = Desk::of(&house);
    let mother = desk.person("Anna", None, None);
    let mandate = |birth_date: &str| {
        let child = desk.person("Kim", Some(birth_date), None);
        desk.mandate(&Form::parent(&mother, &child))
    };
    let (thirteen, eleven, perhaps) =
        (mandate(&born(13, 0)), mandate(&born(11, 40)), mandate(&born(12, 0)[..4]));
    let father = desk.person("Opa", Some(&born(80, 0)), None);
    let grant = desk.mandate(&Form::grant(&mother, &father, &days(300)));
    let revoked = mandate(&born(13, 0));
    house.ok(&["mandates", "revoke", &revoked, "--by", "balie1"]);
    let attest = |mandate: &str, evidence: &str, ends: &str, by: &str| {
        let arguments = [
            "mandates",
            "special",
            "attest",
            mandate,
            "--evidence-reference",
            evidence,
            "--ends",
            ends,
            "--by",
            by,
        ];
        house.run(&arguments)
    };
    let stored = || house.query("SELECT COUNT(*) FROM special_bases").concat();
    let month = days(30);
    let mut cases = vec![
        (attest(&eleven, "brief 12", &month, "balie1"), "12th birthday"),
        (attest(&grant, "brief 12", &month, "balie1"), "rests on the word of the person represented"),
        (attest(&revoked, "brief 12", &month, "balie1"), "this mandate is over"),
        (attest("nothing", "brief 12", &month, "balie1"), "no such mandate"),
        (attest(&thirteen, " ", &month, "balie1"), "evidence reference"),
        (attest(&thirteen, "a\nb", &month, "balie1"), "evidence reference"),
        (attest(&thirteen, "brief 12", &month, ""), "member of staff"),
        (attest(&thirteen, "brief 12", &days(0), "balie1"), "must lie in the future"),
        (attest(&thirteen, "brief 12", &days(369), "balie1"), "at most a year"),
        (
            house.run(&["mandates", "special", "confirm", "nothing", "--by", "balie2"]),
            "no such special basis",
        ),
    ];
    // On the last day of the year the year alone is enough to be surely twelve.
    if !days(1).ends_with("-01-01") {
        cases.push((attest(&perhaps, "brief 12", &month, "balie1"), "by its latest reading"));
    }
    for (output, says) in cases {
        let told = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{says}: {told}");
        assert!(told.starts_with("namens: ") && told.contains(says), "{says}: {told}");
    }
    for wrong in [
        vec!["attest", thirteen.as_str(), "--evidence-reference", "x", "--by", "balie1"],
        vec!["confirm", "x"],
    ] {
        let output = house.run(&[vec!["mandates", "special"], wrong].concat());
        assert_eq!(output.status.code(), Some(2), "an attestation has an end, and a confirmation a name");
    }
    assert_eq!(stored(), "0");
    // The twin, on which nothing is wrong.
    assert!(attest(&thirteen, "brief 12", &month, "balie1").status.success());
    assert_eq!(stored(), "1");
}

#[tokio::test]
async fn m11_nobody_is_two_members_of_staff_by_writing_their_name_differently() {
    let house = House::start().await;
    let desk = Desk::of(&house);
    let (mother, child) =
        (desk.person("Anna", Some(&born(40, 0)), None), desk.person("Kim", Some(&born(13, 0)), None));
    let mandate = desk.mandate(&Form::parent(&mother, &child));
    let ends = days(30);
    let attest = |by| {
        let said =
            ["mandates", "special", "attest", &mandate, "--evidence-reference", "brief", "--ends", &ends];
        house.run(&[&said[..], &["--by", by]].concat())
    };
    // Capitals of these no database knows; an accent can be written in two ways.
    for by in ["zo\u{eb}", "ZO\u{cb}", "zoe\u{308}"] {
        let refused = attest(by);
        let told = String::from_utf8(refused.stderr).unwrap();
        assert!(
            refused.status.code() == Some(1) && told.contains("name the member of staff"),
            "{by}: {told}"
        );
    }
    assert_eq!(house.query("SELECT COUNT(*) FROM special_bases"), ["0"]);
    assert!(attest("  Zoe de  VRIES").status.success());
    assert_eq!(house.query("SELECT attested_by FROM special_bases"), ["zoe de vries"]);
    let basis = house.query("SELECT id FROM special_bases").concat();
    for own in ["zoe de vries", "ZOE DE VRIES ", "Zoe\tde Vries"] {
        let told = desk.refused(&["mandates", "special", "confirm", &basis, "--by", own]);
        assert!(told.contains("you attested this yourself"), "{own:?}: {told}");
    }
    let told = desk.refused(&["mandates", "special", "confirm", &basis, "--by", "Zo\u{eb} de Vries"]);
    assert!(told.contains("name the member of staff"), "{told}");
    // A block, too, is lifted by another pair of eyes.
    let pair = |verb, by: &'static str| {
        ["mandates", verb, "--representative", &mother, "--represented", &child, "--by", by]
            .map(str::to_owned)
    };
    let block = [&pair("block", "Joost")[..], &["--reason".into(), "melding".into()]].concat();
    house.ok(&block.iter().map(String::as_str).collect::<Vec<_>>());
    let told = desk.refused(&pair("unblock", "JOOST").each_ref().map(String::as_str));
    assert!(told.contains("you placed this block yourself"), "{told}");
    // The twins: somebody else.
    house.ok(&pair("unblock", "Els").each_ref().map(String::as_str));
    house.ok(&["mandates", "special", "confirm", &basis, "--by", "Joost"]);
    assert_eq!(house.query("SELECT confirmed_by FROM special_bases"), ["joost"]);
}
