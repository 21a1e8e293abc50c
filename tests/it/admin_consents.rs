//! Programs record what people said about a mandate, and attest, confirm and end what stands in the place of it.

use serde_json::{Value, json};

use crate::{
    admin::Api,
    admin_mandates::{ask, form, heard, house, lines, mother, person, programs, registered, with},
    digid_steps::change,
    mandates_desk::{Desk, born, days, fresh_bsn, now},
};

/// A mandate of a mother for a child of that age, registered by one program and approved by the other.
async fn mandate(mother: &str, (root, second): (&Api<'_>, &Api<'_>), age: u32) -> String {
    let noor = person(root, json!({"name": "Noor", "birth_date": born(age, 3)})).await;
    let told = root.post("/mandates", &form(mother, &noor)).await.1;
    let at = format!("/mandates/{}", told["id"].as_str().unwrap());
    assert_eq!(ask(second, &at, "approve").await.0, 200);
    at
}

async fn said(api: &Api<'_>, at: &str, word: &str, party: &str) -> (u16, Value) {
    api.post(&format!("{at}/{word}"), &json!({"party": party})).await
}

#[tokio::test]
async fn m4_programs_record_that_both_agree_and_a_withdrawal_works_at_once() {
    let house = house().await;
    let (root, second) = programs(&house).await;
    let (mother, mut tokens) = mother(&house, &root).await;
    let at = mandate(&mother, (&root, &second), 13).await;
    assert_eq!(heard(&house, &mut tokens).await, 0, "nobody asked her");
    for (party, standing) in [("represented", "awaiting_consent"), ("representative", "active")] {
        let (status, told) = said(&root, &at, "consent", party).await;
        assert_eq!((status, &told["standing"]), (200, &json!(standing)), "{told}");
    }
    assert_eq!(heard(&house, &mut tokens).await, 1);
    let (status, told) = said(&second, &at, "withdraw", "represented").await;
    assert_eq!((status, &told["standing"]), (200, &json!("withdrawn")), "{told}");
    assert_eq!(heard(&house, &mut tokens).await, 0);
    // Who heard it is the program that calls, and nobody it names.
    for member in ["by", "attested_by", "at"] {
        let body = with(json!({"party": "represented"}), member, json!("els"));
        assert_eq!(root.post(&format!("{at}/consent"), &body).await.0, 400, "{member}");
    }
    assert_eq!(said(&root, &at, "consent", "neighbour").await.0, 400);
    assert_eq!(said(&root, "/mandates/nothing", "consent", "represented").await.0, 404);
    let heard_by = house.query("SELECT attested_by || ' ' || word FROM consents ORDER BY rowid");
    assert_eq!(heard_by, ["client:root agreed", "client:root agreed", "client:second withdrawn"]);
    assert_eq!(
        lines(&house, "mandate.consent"),
        [
            "mandate.consent client:root root",
            "mandate.consent client:root root",
            "mandate.consent client:second second"
        ]
    );
    // A child of eleven is not asked; the twin is the one of thirteen above.
    let young = mandate(&mother, (&root, &second), 11).await;
    assert_eq!(said(&root, &young, "consent", "represented").await.0, 409);
}

/// Attests until `ends`; gives the address of what was attested.
async fn attested(api: &Api<'_>, at: &str) -> String {
    let body = json!({"evidence_reference": "brief 12", "ends": days(90)});
    let (status, told) = api.post(&format!("{at}/special"), &body).await;
    assert_eq!((status, &told["standing"]), (200, &json!("awaiting_consent")), "{told}");
    let all = told["special"].as_array().unwrap();
    let basis = all.iter().find(|basis| basis["confirmed_by"].is_null()).unwrap();
    assert!(basis["waits_until"].is_string(), "{basis}");
    format!("/special/{}", basis["id"].as_str().unwrap())
}

#[tokio::test]
async fn m4_m11_a_special_basis_counts_once_another_program_confirmed_it() {
    let house = house().await;
    let (root, second) = programs(&house).await;
    let (mother, mut tokens) = mother(&house, &root).await;
    let at = mandate(&mother, (&root, &second), 13).await;
    let basis = attested(&root, &at).await;
    assert_eq!(heard(&house, &mut tokens).await, 0);
    let (status, told) = ask(&root, &basis, "confirm").await;
    assert!(status == 403 && told["detail"].as_str().unwrap().contains("another program"), "{told}");
    // No member of staff seconds a program, nor the other way about.
    let id = basis.rsplit('/').next().unwrap();
    assert_eq!(
        house.run(&["mandates", "special", "confirm", "--by", "els", "--", id]).status.code(),
        Some(1)
    );
    assert_eq!(heard(&house, &mut tokens).await, 0);
    let (status, told) = ask(&second, &basis, "confirm").await;
    assert_eq!((status, &told["standing"]), (200, &json!("active")), "{told}");
    assert_eq!(
        (&told["special"][0]["attested_by"], &told["special"][0]["confirmed_by"]),
        (&json!("client:root"), &json!("client:second"))
    );
    assert_eq!(heard(&house, &mut tokens).await, 1);
    assert_eq!(ask(&second, &basis, "confirm").await.0, 409);
    assert_eq!(ask(&root, &basis, "end").await.1["standing"], "awaiting_consent");
    assert_eq!(heard(&house, &mut tokens).await, 0);
    for what in ["confirm", "end"] {
        assert_eq!(ask(&second, &basis, what).await.0, 409, "{what}");
        assert_eq!(ask(&second, "/special/nothing", what).await.0, 404, "{what}");
    }
    assert_eq!(
        lines(&house, "mandate.special%"),
        [
            "mandate.special_attested client:root root",
            "mandate.special_confirmed client:second second",
            "mandate.special_ended client:root root"
        ]
    );
    let good = json!({"evidence_reference": "brief 12", "ends": days(90)});
    for bad in [
        with(good.clone(), "ends", json!(days(-1))),
        with(good.clone(), "ends", json!(days(400))),
        with(good.clone(), "ends", json!("soon")),
        with(good.clone(), "evidence_reference", json!("")),
        with(good.clone(), "by", json!("els")),
        json!({"ends": days(90)}),
    ] {
        assert_eq!(root.post(&format!("{at}/special"), &bad).await.0, 400, "{bad}");
    }
    assert_eq!(root.post("/mandates/nothing/special", &good).await.0, 404);
}

/// What was seen thirty days ago nobody seconds any more: neither a mandate nor a special basis. Each has a twin of an hour less.
#[tokio::test]
async fn m11_what_waited_thirty_days_for_its_second_pair_of_eyes_is_void() {
    let house = house().await;
    let (root, second) = programs(&house).await;
    let (mother, mut tokens) = mother(&house, &root).await;
    for (seconds, expected, standing) in
        [(30 * 86_400 + 60, 409, "not_approved"), (30 * 86_400 - 3600, 200, "active")]
    {
        let then = now().epoch() - seconds;
        let sam = person(&root, json!({"name": "Sam", "birth_date": born(8, 0)})).await;
        let told = root.post("/mandates", &form(&mother, &sam)).await.1;
        assert!(told["waits_until"].is_string(), "{told}");
        let id = told["id"].as_str().unwrap();
        change(
            &house,
            &format!("UPDATE mandates SET registered_at = {then}, starts = {then} WHERE id = '{id}'"),
        );
        let (status, told) = ask(&second, &format!("/mandates/{id}"), "approve").await;
        assert_eq!(status, expected, "{told}");
        assert_eq!(root.get(&format!("/mandates/{id}")).await.1["standing"], standing);
    }
    let at = mandate(&mother, (&root, &second), 13).await;
    assert_eq!(heard(&house, &mut tokens).await, 1, "the one of the two that was approved in time");
    for (seconds, expected, known) in [(30 * 86_400 + 60, 409, 1), (30 * 86_400 - 3600, 200, 2)] {
        let basis = attested(&root, &at).await;
        let (id, then) = (basis.rsplit('/').next().unwrap(), now().epoch() - seconds);
        change(&house, &format!("UPDATE special_bases SET attested_at = {then} WHERE id = '{id}'"));
        // Old enough then: she turned thirteen three days ago, and twelve a year before.
        assert_eq!(ask(&second, &basis, "confirm").await.0, expected, "{seconds}");
        assert_eq!(heard(&house, &mut tokens).await, known);
        if expected == 409 {
            assert_eq!(ask(&root, &basis, "end").await.0, 200, "what waits can be ended still");
        }
    }
}

#[tokio::test]
async fn m4_nobody_alone_undoes_a_withdrawal_that_somebody_else_heard() {
    let house = house().await;
    let (root, second) = programs(&house).await;
    let (mother, mut tokens) = mother(&house, &root).await;
    let at = mandate(&mother, (&root, &second), 13).await;
    for party in ["represented", "representative"] {
        assert_eq!(said(&root, &at, "consent", party).await.0, 200);
    }
    assert_eq!(said(&second, &at, "withdraw", "represented").await.0, 200);
    change(&house, "UPDATE consents SET at = at - 60");
    // Nor by withdrawing once more first, nor at the desk.
    for _ in 0..2 {
        let (status, told) = said(&root, &at, "consent", "represented").await;
        assert!(
            status == 409 && told["detail"].as_str().unwrap().contains("register a new mandate"),
            "{told}"
        );
        assert_eq!(root.get(&at).await.1["standing"], "withdrawn");
        assert_eq!(said(&root, &at, "withdraw", "represented").await.0, 200);
        change(&house, "UPDATE consents SET at = at - 60 WHERE word = 'withdrawn'");
    }
    let id = at.rsplit('/').next().unwrap();
    let desk = ["mandates", "consent", id, "--party", "represented", "--attested-by", "balie1"];
    assert!(Desk::of(&house).refused(&desk).contains("register a new mandate"));
    assert_eq!(heard(&house, &mut tokens).await, 0);
    let outcomes = house.query(
        "SELECT actor || ' ' || outcome FROM audit WHERE event = 'mandate.consent' AND outcome = 'refused' ORDER BY seq",
    );
    assert_eq!(outcomes, ["client:root refused", "client:root refused", "balie1 refused"]);
    // Who heard it themselves, and nobody else did, hears that it is otherwise.
    let other = mandate(&mother, (&root, &second), 14).await;
    for (word, party) in
        [("consent", "represented"), ("consent", "representative"), ("withdraw", "represented")]
    {
        assert_eq!(said(&root, &other, word, party).await.0, 200, "{word} {party}");
    }
    change(&house, "UPDATE consents SET at = at - 60");
    assert_eq!(said(&root, &other, "consent", "represented").await.1["standing"], "active");
    assert_eq!(heard(&house, &mut tokens).await, 1);
}

/// Who registers the people may write the number of a stranger's child beside the date of birth of the one whose papers they show.
#[tokio::test]
async fn m11_a_program_that_approves_tells_the_number_of_the_child_too() {
    let house = house().await;
    let (root, second) = programs(&house).await;
    let (hers, strangers, own, birth) = (fresh_bsn(), fresh_bsn(), fresh_bsn(), born(8, 0));
    let anna = person(&root, json!({"name": "Anna", "bsn": hers})).await;
    for (name, mixed, right, wrong) in [
        ("represented_bsn", json!({"bsn": strangers}), strangers.as_str(), own.as_str()),
        ("represented_patient_number", json!({"patient_number": "K-7"}), "K-7", "K-8"),
    ] {
        let child = with(with(mixed, "name", json!("Sam")), "birth_date", json!(birth));
        let sam = person(&root, child).await;
        let at = format!("{}/approve", registered(&root, &form(&anna, &sam)).await);
        let read = json!({"representative_bsn": hers, "represented_birth_date": birth});
        for bad in [read.clone(), with(read.clone(), name, json!(wrong))] {
            assert_eq!(second.post(&at, &bad).await.0, 409, "{bad}");
        }
        assert_eq!(second.post(&at, &with(read, name, json!(right))).await.0, 200, "{name}");
    }
}
