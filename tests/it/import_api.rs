//! Import at the admin API: the rows of a file as members, by the same rules.

use serde_json::{Value, json};

use crate::{
    admin_mandates::{house, lines, programs},
    mandates_desk::{born, days, fresh_bsn},
};

/// A row of a mandate on which nothing is wrong.
pub fn row(bsn: &str, number: &str, birth: &str) -> Value {
    json!({"representative_bsn": bsn, "represented_patient_number": number, "represented_birth_date": birth,
           "relation": "parent", "legal_basis": "art. 1:247 BW", "evidence": "parental_authority",
           "representative_document": "passport", "representative_document_valid_until": days(400),
           "representative_document_checked": true, "represented_document": "identity_card",
           "represented_document_valid_until": days(400), "represented_document_checked": true,
           "form_reference": "2026-0001"})
}

fn problems(told: &Value) -> Vec<(u64, String)> {
    let one = |row: &Value| (row["row"].as_u64().unwrap(), row["member"].as_str().unwrap_or("-").to_owned());
    told["rows"].as_array().unwrap_or_else(|| panic!("{told}")).iter().map(one).collect()
}

#[tokio::test]
async fn m11_a_program_imports_all_or_nothing_and_another_one_approves_the_same_rows() {
    let house = house().await;
    let (api, second) = programs(&house).await;
    let (bsn, birth) = (fresh_bsn(), born(8, 0));
    let count = |what: &str| house.query(&format!("SELECT COUNT(*) FROM {what}")).concat();
    let before = count("persons");

    let mother = json!({"name": "Anna", "birth_date": "1985", "bsn": bsn});
    let child = json!({"name": "Sam", "birth_date": birth, "patient_number": "Z-1"});
    let broken = json!({"rows": [mother, {"name": "Noor", "birth_date": "2099", "patient_number": "Z-2"},
                                 {"name": "Bram", "patient_number": "z-3", "bsn": "123456789"}, child]});
    let (status, told) = api.post("/imports/persons", &broken).await;
    assert_eq!((status, problems(&told)), (400, vec![(2, "birth_date".into()), (3, "bsn".into())]), "{told}");
    assert_eq!((told["wrong"].as_u64(), count("persons")), (Some(2), before.clone()));
    assert!(!told.to_string().contains("123456789"), "{told}");
    // The twin.
    let good = json!({"rows": [mother, child]});
    let (status, told) = api.post("/imports/persons", &good).await;
    assert_eq!((status, &told["outcome"], &told["new"]), (200, &json!("done"), &json!(2)), "{told}");
    let (status, told) = api.post("/imports/persons", &good).await;
    assert_eq!((status, &told["outcome"], &told["known"]), (200, &json!("known"), &json!(2)), "{told}");

    let rows = json!({"rows": [row(&bsn, "Z-1", &birth)]});
    let mut strange = rows.clone();
    strange["rows"][0]["represented_document_checked"] = json!(false);
    let (status, told) = api.post("/imports/mandates", &strange).await;
    assert_eq!((status, problems(&told)), (400, vec![(1, "-".into())]), "{told}");
    assert_eq!(api.post("/imports/mandates/approve", &rows).await.0, 404, "nobody imported that");
    let (status, told) = api.post("/imports/mandates", &rows).await;
    assert_eq!((status, &told["new"]), (200, &json!(1)), "{told}");
    let standing = || house.query("SELECT COUNT(*) FROM mandates WHERE approved_at IS NOT NULL").concat();
    assert_eq!(api.post("/imports/mandates/approve", &rows).await.0, 403);
    let mut other = rows.clone();
    other["rows"][0]["form_reference"] = json!("2026-0002");
    assert_eq!(second.post("/imports/mandates/approve", &other).await.0, 404);
    // Nobody at the desk approves what a program imported.
    let file = house.folder.join("rows.csv");
    let columns: Vec<_> = rows["rows"][0].as_object().unwrap().iter().collect();
    let cell = |value: &Value| value.as_str().map_or_else(|| "yes".to_owned(), str::to_owned);
    let names: Vec<_> = columns.iter().map(|(name, _)| name.as_str()).collect();
    let cells: Vec<_> = columns.iter().map(|(_, value)| cell(value)).collect();
    std::fs::write(&file, format!("{}\n{}\n", names.join(";"), cells.join(";"))).unwrap();
    let desk = house.run(&["import", "approve", file.to_str().unwrap(), "--by", "joost"]);
    let told = String::from_utf8(desk.stderr).unwrap();
    assert!(told.contains("you are a program and the desk did"), "{told}");
    assert_eq!(standing(), "0");
    let (status, told) = second.post("/imports/mandates/approve", &rows).await;
    assert_eq!(
        (status, told),
        (200, json!({ "approved": 1, "standings": {"active": 1}, "wrong": 0, "rows": [] }))
    );
    assert_eq!(standing(), "1");
    assert_eq!(second.post("/imports/mandates/approve", &rows).await.0, 409);
    let (status, told) = api.post("/imports/mandates", &rows).await;
    assert_eq!((status, &told["outcome"]), (200, &json!("known")), "{told}");
    assert_eq!(
        lines(&house, "mandate.%"),
        ["mandate.registered client:root root", "mandate.approved client:second second"]
    );

    let many = |count: usize| {
        let rows: Vec<_> =
            (0..count).map(|at| json!({"name": "Sam", "patient_number": format!("M-{at}")})).collect();
        json!({ "rows": rows })
    };
    assert_eq!(api.post("/imports/persons", &many(1001)).await.0, 400);
    let (status, told) = api.post("/imports/persons", &many(1000)).await;
    assert_eq!((status, &told["new"]), (200, &json!(1000)), "{told}");
    let big = json!({"rows": [{"name": "x".repeat(1024 * 1024), "patient_number": "1"}]});
    assert_eq!(api.post("/imports/persons", &big).await.0, 413);
    assert_eq!(
        api.post("/persons", &json!({"name": "x".repeat(100_000)})).await.0,
        413,
        "elsewhere as before"
    );
    for row in [
        json!({"name": "Sam", "patient_number": 1}),
        json!({"name": true, "patient_number": "N-1"}),
        json!({"name": "Sam", "patient_number": "N-1", "colour": "red"}),
        json!({"name": null, "patient_number": "N-1"}),
    ] {
        assert_eq!(api.post("/imports/persons", &json!({ "rows": [row] })).await.0, 400, "{row}");
    }
}
