//! What is recorded of a person is put right by two programs, or by two at the desk, and never by one.

use serde_json::{Value, json};

use crate::{
    admin::Api,
    admin_mandates::{ask, child, form, heard, house, lines, mother, person, programs, registered, with},
    browser::Browser,
    digid_steps::change,
    house::House,
    mandates_desk::{Desk, born, digid_account, fresh_bsn, now},
};

const EVIDENCE: &str = "afschrift brp, map 4";

fn proposal(name: &str, value: &str) -> Value {
    json!({name: value, "evidence_reference": EVIDENCE})
}

/// Proposes something that must be taken; gives the address of the proposal.
async fn proposed(api: &Api<'_>, whose: &str, body: &Value) -> String {
    let (status, told) = api.post(&format!("/persons/{whose}/corrections"), body).await;
    assert_eq!((status, &told["stage"]), (201, &json!("waiting")), "{told}");
    format!("/corrections/{}", told["id"].as_str().unwrap())
}

/// Says the same as a proposal, with this.
async fn approve(api: &Api<'_>, at: &str, name: &str, value: &str) -> u16 {
    api.post(&format!("{at}/approve"), &json!({name: value})).await.0
}

async fn birth_date(api: &Api<'_>, whose: &str) -> String {
    api.get(&format!("/persons/{whose}")).await.1["birth_date"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn m11_a_patient_number_is_put_right_by_two_programs_or_two_names() {
    let house = house().await;
    let (root, second) = programs(&house).await;
    let sam = child(&root).await;
    let at = proposed(&root, &sam, &proposal("patient_number", "k-1")).await;
    assert_eq!(root.get(&at).await.1["patient_number"], json!("K-1"));
    let number = async || root.get(&format!("/persons/{sam}")).await.1["patient_number"].clone();
    assert_eq!(number().await, Value::Null);
    assert_eq!(approve(&root, &at, "patient_number", "K-1").await, 403);
    assert_eq!(approve(&second, &at, "patient_number", "K-2").await, 409);
    assert_eq!(approve(&second, &at, "patient_number", "a b").await, 400);
    assert_eq!(approve(&second, &at, "patient_number", "K-1").await, 200);
    assert_eq!(number().await, json!("K-1"));
    let both = json!({"patient_number": "K-2", "birth_date": "2018", "evidence_reference": EVIDENCE});
    assert_eq!(root.post(&format!("/persons/{sam}/corrections"), &both).await.0, 400);
    // At the desk by command.
    let propose =
        ["persons", "set-patient-number", "--json", "--evidence-reference", EVIDENCE, "--by", "els"];
    let told = house.ok(&[&propose[..], &["--", &sam, "K-2"]].concat());
    let told: Value = serde_json::from_str(&told).unwrap();
    let id = told["id"].as_str().unwrap();
    let same = |by: &'static str| ["persons", "approve", "--patient-number", "K-2", "--by", by, "--"];
    assert!(
        Desk::of(&house).refused(&[&same("els")[..], &[id]].concat()).contains("you proposed this yourself")
    );
    house.ok(&[&same("joost")[..], &[id]].concat());
    assert_eq!(number().await, json!("K-2"));
    // What it was when it was proposed, it must still be.
    let late = proposed(&root, &sam, &proposal("patient_number", "K-3")).await;
    let first = proposed(&root, &sam, &proposal("patient_number", "K-4")).await;
    assert_eq!(approve(&second, &first, "patient_number", "K-4").await, 200);
    assert_eq!(approve(&second, &late, "patient_number", "K-3").await, 409);
    assert_eq!(number().await, json!("K-4"));
}

#[tokio::test]
async fn m11_a_date_of_birth_is_put_right_by_two_programs_that_say_the_same() {
    let house = house().await;
    let (root, second) = programs(&house).await;
    let sam = child(&root).await;
    let (wrong, right) = (born(8, 0), born(9, 0));
    let at = proposed(&root, &sam, &proposal("birth_date", &right)).await;
    let (_, told) = root.get(&at).await;
    assert_eq!((&told["birth_date"], &told["proposed_by"]), (&json!(right), &json!("client:root")));
    assert!(told["waits_until"].is_string() && told["approved_by"].is_null(), "{told}");
    assert_eq!(birth_date(&root, &sam).await, wrong, "nothing changes before");
    // Who proposed it does not approve it, nor does somebody else who reads something else; nobody names somebody.
    assert_eq!(approve(&root, &at, "birth_date", &right).await, 403);
    assert_eq!(approve(&second, &at, "birth_date", &wrong).await, 409);
    assert_eq!(approve(&second, &at, "bsn", &fresh_bsn()).await, 409);
    for member in ["by", "approved_by", "proposed_by"] {
        let body = json!({"birth_date": right, member: "second"});
        assert_eq!(root.post(&format!("{at}/approve"), &body).await.0, 400, "{member}");
    }
    // Nobody at the desk is the second pair of eyes for a program.
    let id = at.rsplit('/').next().unwrap();
    let desk = ["persons", "approve", "--birth-date", &right, "--by", "els", "--", id];
    assert!(Desk::of(&house).refused(&desk).contains("another program for a program"));
    assert_eq!(birth_date(&root, &sam).await, wrong);
    assert_eq!(approve(&second, &at, "birth_date", &right).await, 200);
    assert_eq!(birth_date(&root, &sam).await, right);
    let (_, told) = root.get(&at).await;
    assert_eq!(
        (&told["stage"], &told["approved_by"], &told["waits_until"]),
        (&json!("approved"), &json!("client:second"), &Value::Null)
    );
    let (status, told) = second.post(&format!("{at}/approve"), &json!({"birth_date": right})).await;
    assert!(
        status == 409 && told["detail"].as_str().unwrap().contains("approved or withdrawn before"),
        "{told}"
    );
    assert_eq!(ask(&second, &at, "withdraw").await.0, 409, "nor is it taken back");
    // What was taken back nobody approves, and it may be taken back by anybody.
    let at = proposed(&root, &sam, &proposal("birth_date", &wrong)).await;
    assert_eq!(ask(&second, &at, "withdraw").await.1["stage"], "withdrawn");
    assert_eq!(approve(&second, &at, "birth_date", &wrong).await, 409);
    assert_eq!(ask(&root, &at, "withdraw").await.0, 409);
    assert_eq!(birth_date(&root, &sam).await, right);
    let (_, all) = root.get(&format!("/persons/{sam}/corrections")).await;
    assert_eq!(all["corrections"].as_array().unwrap().len(), 2);
    assert_eq!(
        lines(&house, "person.corr%"),
        [
            "person.correction_proposed client:root root",
            // Something else than what waited, twice.
            "person.corrected client:second second",
            "person.corrected client:second second",
            "person.corrected client:second second",
            "person.correction_proposed client:root root",
            "person.correction_withdrawn client:second second"
        ]
    );
    let about = house.query("SELECT DISTINCT represented FROM audit WHERE event LIKE 'person.corr%'");
    assert_eq!(about, [sam]);
}

/// Two proposals from one state: the second one was made of something that is no more.
#[tokio::test]
async fn m11_a_proposal_undoes_nothing_that_was_changed_since_and_ends_after_thirty_days() {
    let house = house().await;
    let (root, second) = programs(&house).await;
    let sam = child(&root).await;
    let (older, newer) = (born(9, 0), born(10, 0));
    let first = proposed(&root, &sam, &proposal("birth_date", &older)).await;
    let other = proposed(&root, &sam, &proposal("birth_date", &newer)).await;
    assert_eq!(approve(&second, &other, "birth_date", &newer).await, 200);
    assert_eq!(approve(&second, &first, "birth_date", &older).await, 409);
    assert_eq!(birth_date(&root, &sam).await, newer);
    // Thirty days, and not a minute less: the twin still counts.
    for (seconds, expected, stage) in [(30 * 86_400 + 60, 409, "void"), (30 * 86_400 - 3600, 200, "approved")]
    {
        let at = proposed(&root, &sam, &proposal("birth_date", &older)).await;
        let id = at.rsplit('/').next().unwrap();
        let then = now().epoch() - seconds;
        change(&house, &format!("UPDATE corrections SET proposed_at = {then} WHERE id = '{id}'"));
        assert_eq!(approve(&second, &at, "birth_date", &older).await, expected, "{seconds}");
        assert_eq!(root.get(&at).await.1["stage"], stage);
    }
    assert_eq!(birth_date(&root, &sam).await, older);
    // Two wait already, as far as the store knows: ten are the most.
    for _ in 0..8 {
        proposed(&root, &sam, &proposal("birth_date", &newer)).await;
    }
    let (status, told) =
        root.post(&format!("/persons/{sam}/corrections"), &proposal("birth_date", &newer)).await;
    assert!(status == 409 && told["detail"].as_str().unwrap().contains("ten"), "{told}");
}

#[tokio::test]
async fn m5_a_mandate_that_lapsed_by_a_wrong_date_stays_lapsed_after_two_put_it_right() {
    let house = house().await;
    let (root, second) = programs(&house).await;
    let (mother, mut tokens) = mother(&house, &root).await;
    let sam = child(&root).await;
    let mandate = registered(&root, &form(&mother, &sam)).await;
    assert_eq!(ask(&second, &mandate, "approve").await.0, 200);
    assert_eq!(heard(&house, &mut tokens).await, 1);
    let (seventeen, eight) = (born(17, 0), born(8, 0));
    let at = proposed(&root, &sam, &proposal("birth_date", &seventeen)).await;
    assert_eq!(heard(&house, &mut tokens).await, 1, "a proposal takes nothing away");
    assert_eq!(approve(&second, &at, "birth_date", &seventeen).await, 200);
    assert_eq!(heard(&house, &mut tokens).await, 0);
    let at = proposed(&root, &sam, &proposal("birth_date", &eight)).await;
    assert_eq!(approve(&second, &at, "birth_date", &eight).await, 200);
    assert_eq!(root.get(&mandate).await.1["standing"], "lapsed");
    assert_eq!(heard(&house, &mut tokens).await, 0);
}

#[tokio::test]
async fn m11_a_bsn_is_put_right_by_two_programs_and_told_to_nobody() {
    let house = house().await;
    let (root, second) = programs(&house).await;
    let [wrong, right, taken] = [fresh_bsn(), fresh_bsn(), fresh_bsn()];
    let anna = person(&root, json!({"name": "Anna", "bsn": wrong})).await;
    let sam = child(&root).await;
    let mandate = registered(&root, &form(&anna, &sam)).await;
    assert_eq!(ask(&second, &mandate, "approve").await.0, 200);
    person(&root, json!({"name": "Bea", "bsn": taken})).await;
    let find = async |bsn: &str| root.post("/persons/find", &json!({"bsn": bsn})).await;
    // Somebody else's is none of hers.
    let of = format!("/persons/{anna}/corrections");
    assert_eq!(root.post(&of, &proposal("bsn", &taken)).await.0, 409);
    let at = proposed(&root, &anna, &proposal("bsn", &right)).await;
    for said in [root.get(&at).await.1, root.get(&of).await.1] {
        assert!(!said.to_string().contains(&right) && !said.to_string().contains(&wrong), "{said}");
    }
    assert_eq!((find(&right).await.0, find(&wrong).await.0), (404, 200), "nothing changes before");
    assert_eq!(approve(&root, &at, "bsn", &right).await, 403);
    assert_eq!(approve(&second, &at, "bsn", &wrong).await, 409);
    assert_eq!(find(&right).await.0, 404);
    assert_eq!(approve(&second, &at, "bsn", &right).await, 200);
    assert_eq!((find(&right).await.1["id"].as_str(), find(&wrong).await.0), (Some(anna.as_str()), 404));
    // What is decided holds no BSN any more, and nothing of it stands in a log.
    let held = "SELECT COUNT(*) FROM corrections WHERE bsn_index IS NOT NULL OR bsn_sealed IS NOT NULL OR bsn_before <> X''";
    assert_eq!(house.query(held), ["0"]);
    assert!(!house.log().contains(&right) && !house.log().contains(&wrong));
    // Whoever has the number at DigiD is the representative from now on, and the one of the wrong number is not.
    let tokens = digid_account(&house, &Browser::new(), &wrong, "vreemde@voorbeeld.nl").await;
    assert_eq!(tokens.claims["act_as"], json!([]));
    let tokens = digid_account(&house, &Browser::new(), &right, "anna@voorbeeld.nl").await;
    assert_eq!(tokens.claims["act_as"].as_array().unwrap().len(), 1);
    // DigiD proved it: another number would open her account to somebody else.
    let (status, told) = root.post(&of, &proposal("bsn", &fresh_bsn())).await;
    assert!(status == 409 && told["detail"].as_str().unwrap().contains("DigiD"), "{told}");
}

/// Between the two pairs of eyes somebody else gets the number, or DigiD proves another one.
#[tokio::test]
async fn m11_what_happens_between_the_two_counts() {
    let house = house().await;
    let (root, second) = programs(&house).await;
    let [late, own, other, twin] = [fresh_bsn(), fresh_bsn(), fresh_bsn(), fresh_bsn()];
    let anna = person(&root, json!({"name": "Anna"})).await;
    let at = proposed(&root, &anna, &proposal("bsn", &late)).await;
    person(&root, json!({"name": "Bea", "bsn": late})).await;
    assert_eq!(approve(&second, &at, "bsn", &late).await, 409);
    let cas = person(&root, json!({"name": "Cas", "bsn": own})).await;
    let at = proposed(&root, &cas, &proposal("bsn", &other)).await;
    digid_account(&house, &Browser::new(), &own, "cas@voorbeeld.nl").await;
    assert_eq!(approve(&second, &at, "bsn", &other).await, 409);
    let found = root.post("/persons/find", &json!({"bsn": own})).await.1;
    assert_eq!(found["id"], json!(cas));
    // Another correction was first.
    let [first, newer] = [fresh_bsn(), fresh_bsn()];
    let dirk = person(&root, json!({"name": "Dirk"})).await;
    let [older, put_right] = [
        proposed(&root, &dirk, &proposal("bsn", &first)).await,
        proposed(&root, &dirk, &proposal("bsn", &newer)).await,
    ];
    assert_eq!(approve(&second, &put_right, "bsn", &newer).await, 200);
    assert_eq!(approve(&second, &older, "bsn", &first).await, 409);
    // The twin to whom nothing happens.
    let at = proposed(&root, &anna, &proposal("bsn", &twin)).await;
    assert_eq!(approve(&second, &at, "bsn", &twin).await, 200);
}

#[tokio::test]
async fn a_proposal_that_is_not_whole_is_refused_and_nothing_of_a_bsn_is_repeated() {
    let house = house().await;
    let (root, _) = programs(&house).await;
    let sam = child(&root).await;
    let (of, bsn) = (format!("/persons/{sam}/corrections"), fresh_bsn());
    let number: u64 = bsn.parse().unwrap();
    let good = proposal("birth_date", "2020-01-01");
    for bad in [
        json!({"evidence_reference": EVIDENCE}),
        json!({"birth_date": "2020"}),
        with(good.clone(), "bsn", json!(bsn)),
        with(good.clone(), "evidence_reference", json!("a\nb")),
        with(good.clone(), "evidence_reference", json!("")),
        with(good.clone(), "birth_date", json!("2020-02-30")),
        with(good.clone(), "birth_date", json!(bsn)),
        with(good.clone(), "proposed_by", json!("second")),
        proposal("bsn", &format!("{bsn}0")),
        with(good.clone(), "bsn", json!(number)),
    ] {
        let (status, told) = root.post(&of, &bad).await;
        assert!(status == 400 && !told.to_string().contains(&bsn), "{bad}: {told}");
    }
    assert_eq!(root.post("/persons/nobody/corrections", &good).await.0, 404);
    assert_eq!(root.get("/persons/nobody/corrections").await.0, 404);
    assert_eq!(root.get("/corrections/nothing").await.0, 404);
    assert_eq!(house.query("SELECT COUNT(*) FROM corrections"), ["0"]);
    proposed(&root, &sam, &good).await;
}

/// The desk has the same rule.
#[tokio::test]
async fn m11_at_the_desk_one_proposes_and_somebody_else_approves() {
    let house = House::start().await;
    let desk = Desk::of(&house);
    let (old, new) = (fresh_bsn(), fresh_bsn());
    let anna = desk.person("Anna", Some("1985"), Some(&old));
    let told = |output: std::process::Output| -> Value {
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    };
    let seen = ["--evidence-reference", "brief 1", "--by", "els", "--json", "--"];
    let by_date = told(house.run(&[&["persons", "set-birth-date"], &seen[..], &[&anna, "1986"]].concat()));
    let by_bsn = [&["persons", "set-bsn", "--bsn-file", "-"], &seen[..], &[&anna]].concat();
    let by_bsn = told(desk.say(&by_bsn, &new));
    assert_eq!((&by_date["stage"], &by_bsn["what"]), (&json!("waiting"), &json!("bsn")));
    let born = || -> Value {
        told(house.run(&["persons", "show", "--json", "--by", "els", "--", &anna]))["birth_date"].clone()
    };
    let (date, bsn) = (by_date["id"].as_str().unwrap(), by_bsn["id"].as_str().unwrap());
    for (by, says) in
        [("els", "someone else"), ("ELS ", "someone else"), ("client:root", "name the member of staff")]
    {
        let refused = desk.refused(&["persons", "approve", "--birth-date", "1986", "--by", by, "--", date]);
        assert!(refused.contains(says), "{by}: {refused}");
    }
    let other = desk.refused(&["persons", "approve", "--birth-date", "1985-03", "--by", "joost", "--", date]);
    assert!(other.contains("not what was proposed"), "{other}");
    assert_eq!(born(), "1985");
    house.ok(&["persons", "approve", "--birth-date", "1986", "--by", "joost", "--", date]);
    assert_eq!(born(), "1986");
    let say = |by: &str, number: &str| {
        desk.say(&["persons", "approve", "--bsn-file", "-", "--by", by, "--", bsn], number).status.code()
    };
    assert_eq!((say("els", &new), say("joost", &old)), (Some(1), Some(1)));
    assert_eq!(say("joost", &new), Some(0));
    let found = told(desk.say(&["persons", "show", "--json", "--by", "els", "--bsn-file", "-"], &new));
    assert_eq!(found["id"], json!(anna));
    let all = house.ok(&["persons", "corrections", "--by", "els", "--", &anna]);
    assert!(all.contains("approved") && !all.contains(&new), "{all}");
    assert!(desk.refused(&["persons", "withdraw", "--by", "els", "--", bsn]).contains("nothing was changed"));
}

#[tokio::test]
async fn nobody_asks_for_a_bsn_by_a_correction_without_a_line() {
    let house = house().await;
    let (root, second) = programs(&house).await;
    let [taken, free, own] = [fresh_bsn(), fresh_bsn(), fresh_bsn()];
    let (bea, anna) = (
        person(&root, json!({"name": "Bea", "bsn": taken})).await,
        person(&root, json!({"name": "Anna", "bsn": own})).await,
    );
    // Of nobody, nothing is told of the number.
    for bsn in [&taken, &free] {
        assert_eq!(root.post("/persons/nobody/corrections", &proposal("bsn", bsn)).await.0, 404);
    }
    let of = format!("/persons/{anna}/corrections");
    assert_eq!(root.post(&of, &proposal("bsn", &taken)).await.0, 409);
    let at = proposed(&root, &anna, &proposal("bsn", &free)).await;
    let found = || {
        house.query(
            "SELECT actor || ' ' || outcome || ' ' || COALESCE(represented, '-') FROM audit \
             WHERE event = 'person.found' ORDER BY seq",
        )
    };
    assert_eq!(found(), [format!("client:root ok {bea}"), "client:root unknown -".to_owned()]);
    assert_eq!(approve(&second, &at, "bsn", &taken).await, 409);
    assert_eq!(approve(&second, &at, "bsn", &free).await, 200);
    let corrected = house
        .query("SELECT actor || ' ' || outcome FROM audit WHERE event = 'person.corrected' ORDER BY seq");
    assert_eq!(corrected, ["client:second refused", "client:second ok"]);
}
