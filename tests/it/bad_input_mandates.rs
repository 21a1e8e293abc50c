//! What can be wrong with people and mandates, and who comes at once: said at the desk, by command and to programs alike, and nothing stored.
//! Birthdays between a choice and its token are in [`crate::moved_clock`], a no during token requests in [`crate::account_mandates`].

use futures_util::future::join_all;
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::{
    admin_mandates::{self, form as api_form, person, programs, registered},
    browser::Browser,
    chooser::{asking, listed},
    desk::{ELS, JOOST, Seat, form, member},
    family::One,
    house::House,
    import::{Line, import, mandates},
    mandates_desk::{Desk, Form, born, days, digid_again, fresh_bsn},
    oidc_client::{THE_PORTAL, assert_error, refreshed},
};

/// What is stored of people and mandates.
fn stored(house: &House) -> Vec<String> {
    house.query(
        "SELECT (SELECT COUNT(*) FROM persons WHERE name <> '') || ' ' || (SELECT COUNT(*) FROM mandates) \
         || ' ' || (SELECT COUNT(*) FROM corrections)",
    )
}

/// A form of the desk with one field otherwise.
async fn at_desk(seat: &Seat, name: &'static str, value: &str, error: &str) -> String {
    let (parent, child, birth) = (fresh_bsn(), fresh_bsn(), born(8, 40));
    let mut fields = form(&parent, &child, &birth);
    // Themselves: the one number in both places.
    let value = if value == "SELF" { parent.as_str() } else { value };
    for (known, typed) in &mut fields {
        if *known == name {
            *typed = value;
        }
    }
    let told = seat.post("/desk/register", &fields).await;
    assert_eq!(told.status, StatusCode::UNPROCESSABLE_ENTITY, "{name} {value}");
    let said = told.text(&format!("{error}-error"));
    let shown = if name.ends_with("bsn") && !value.is_empty() { told.body.contains(value) } else { false };
    assert!(!shown, "a number that was typed is not said again");
    said.unwrap_or_else(|| panic!("{name} {value}: no {error}-error in {}", told.body))
}

#[tokio::test]
async fn wrong_numbers_dates_and_people_are_said_at_the_desk_by_command_and_to_programs() {
    let house = admin_mandates::house().await;
    member(&house, ELS, "registrar").await;
    let seat = Seat::of(&house, ELS, true, 0).await;
    let (api, _) = programs(&house).await;
    let desk = Desk::of(&house);
    let (anna, nobody_knows_when) = (desk.person("Anna", None, None), desk.person("Sam", None, None));
    let before = stored(&house);
    let tomorrow = days(1);

    // A BSN that fails the test of eleven, or is no number at all.
    for bad in ["123456789", "111111111", "12345", "1234567890", "een twee"] {
        for name in ["representative_bsn", "represented_bsn"] {
            let said = at_desk(&seat, name, bad, name).await;
            assert!(said.contains("BSN"), "{said}");
        }
        let output = desk.say(&["persons", "add", "--by", "balie1", "--name", "Eve", "--bsn-file", "-"], bad);
        let told = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{bad}");
        assert!(told.starts_with("namens: ") && !told.contains(bad), "{told}");
        let (status, told) = api.post("/persons", &json!({"name": "Eve", "bsn": bad})).await;
        assert!(status == 400 && !told.to_string().contains(bad), "{told}");
    }
    // A date of birth that nobody knows gives no parent anything; one of tomorrow, or of no calendar, is none.
    at_desk(&seat, "represented_birth", "", "represented_birth").await;
    assert!(desk.refused(&Form::parent(&anna, &nobody_knows_when).arguments()).contains("date of birth"));
    let (status, told) = api.post("/mandates", &api_form(&anna, &nobody_knows_when)).await;
    assert!(status == 400 && told.to_string().contains("date of birth"), "{told}");
    for bad in [tomorrow.as_str(), "2010-02-30", "2010-13", "gisteren", "1066"] {
        for name in ["representative_birth", "represented_birth"] {
            at_desk(&seat, name, bad, name).await;
        }
        let add = ["persons", "add", "--by", "balie1", "--name", "Eve", "--birth-date", bad];
        let output = house.run(&add);
        assert!(!output.status.success() && !output.stderr.is_empty(), "{bad}");
        let (status, told) = api.post("/persons", &json!({"name": "Eve", "birth_date": bad})).await;
        assert_eq!(status, 400, "{bad}: {told}");
    }
    // Nobody acts for themselves.
    assert!(!at_desk(&seat, "represented_bsn", "SELF", "represented_bsn").await.is_empty());
    assert!(desk.refused(&Form::parent(&anna, &anna).arguments()).contains("same person"));
    let (status, told) = api.post("/mandates", &api_form(&anna, &anna)).await;
    assert!(status == 400 && told.to_string().contains("same person"), "{told}");
    assert_eq!(stored(&house), before, "nothing was stored");

    // The twins.
    let (parent, child, birth) = (fresh_bsn(), fresh_bsn(), born(8, 40));
    assert_eq!(
        seat.post("/desk/register", &form(&parent, &child, &birth)).await.status,
        StatusCode::SEE_OTHER
    );
    let sam = person(&api, json!({"name": "Sam", "birth_date": days(0), "bsn": fresh_bsn()})).await;
    registered(&api, &api_form(&anna, &sam)).await;
    desk.registered(&Form::parent(&anna, &sam));
}

#[tokio::test]
async fn one_number_is_one_person_at_every_door() {
    let house = admin_mandates::house().await;
    member(&house, ELS, "registrar").await;
    let seat = Seat::of(&house, ELS, true, 0).await;
    let (api, _) = programs(&house).await;
    let (parent, child, birth) = (fresh_bsn(), fresh_bsn(), born(8, 40));
    let fields = form(&parent, &child, &birth);
    assert_eq!(seat.post("/desk/register", &fields).await.status, StatusCode::SEE_OTHER);
    let before = house.query("SELECT COUNT(*) FROM persons WHERE name <> ''");
    for bsn in [&parent, &child] {
        let add = ["persons", "add", "--by", "balie1", "--name", "Eve", "--bsn-file", "-"];
        assert_eq!(Desk::of(&house).say(&add, bsn).status.code(), Some(1));
        assert_eq!(api.post("/persons", &json!({"name": "Eve", "bsn": bsn})).await.0, 409);
    }
    // The desk finds whom it knows, and says where one number is two people's.
    let mut two = fields.clone();
    for (name, value) in &mut two {
        if *name == "represented_bsn" {
            *value = "";
        }
        if *name == "representative_number" {
            *value = "K-1001";
        }
    }
    let told = seat.post("/desk/register", &two).await;
    assert_eq!(told.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", told.body);
    assert_eq!(house.query("SELECT COUNT(*) FROM persons WHERE name <> ''"), before);
}

#[tokio::test]
async fn the_same_mandate_twice_is_told_once_and_is_over_when_both_are() {
    let house = House::start().await;
    let mother = One::of(&house, ("Anna", None), "moeder@voorbeeld.nl").await;
    let desk = Desk::of(&house);
    let sam = desk.person("Sam", Some(&born(8, 0)), None);
    let form = Form::parent(&mother.person, &sam);
    let first = desk.mandate(&form);
    let one = refreshed(&house, &mother.tokens).await;
    let second = desk.mandate(&form);
    let both = refreshed(&house, &one).await;
    assert_eq!(listed(&both), listed(&one), "one child, named once");
    let page = mother.browser.visit(&asking("choose").url(&house), crate::house::CALLBACK).await;
    assert_eq!(page.body.matches("Voor Sam").count(), 1, "{}", page.body);
    // The desk sees both, and ends both.
    assert_eq!(desk.standings(&sam), ["active", "active"]);
    house.ok(&["mandates", "revoke", "--by", "balie1", "--", &first]);
    let after = refreshed(&house, &both).await;
    assert_eq!(listed(&after).len(), 1, "the other one stands");
    assert!(desk.refused(&["mandates", "revoke", "--by", "balie1", "--", &first]).contains("before"));
    house.ok(&["mandates", "revoke", "--by", "balie1", "--", &second]);
    assert_eq!(listed(&refreshed(&house, &after).await).len(), 0);
}

#[tokio::test]
async fn mandates_in_a_circle_reach_one_step_and_no_further() {
    let house = House::start().await;
    let desk = Desk::of(&house);
    let people =
        [("Anna", "anna@voorbeeld.nl"), ("Bert", "bert@voorbeeld.nl"), ("Cees", "cees@voorbeeld.nl")];
    let mut all = Vec::new();
    for (name, email) in people {
        all.push(One::of(&house, (name, Some(&born(40, 1))), email).await);
    }
    // Anna acts for Bert, Bert for Cees, Cees for Anna; and Bert for Anna, as partners do.
    let ends = days(300);
    for (who, whom) in [(0, 1), (1, 2), (2, 0), (1, 0)] {
        desk.mandate(&Form::grant(&all[who].person, &all[whom].person, &ends));
    }
    let mut told: Vec<Vec<String>> = Vec::new();
    for one in &all {
        told.push(listed(&refreshed(&house, &one.tokens).await));
    }
    assert_eq!(told.iter().map(Vec::len).collect::<Vec<_>>(), [1, 2, 1]);
    let subs: Vec<&str> = all.iter().map(|one| one.tokens.sub()).collect();
    assert_eq!(told[0], [subs[1]]);
    assert_eq!(told[2], [subs[0]]);
    // For Bert, Anna is not for whom Bert may act.
    let silent = |whom: &str| asking(whom).with("prompt", "none");
    let ask = silent(subs[1]);
    let code = THE_PORTAL.code(&house, &all[0].browser, &ask).await;
    let for_bert = THE_PORTAL.redeem(&house, &ask, &code).await;
    assert_eq!((for_bert.sub(), &listed(&for_bert)), (subs[0], &told[0]));
    for whom in [subs[2], subs[0]] {
        let ask = silent(whom);
        assert_error(&house, &all[0].browser.get(&ask.url(&house)).await, &ask, "access_denied");
    }
    // Nor does any of them get past themselves by a login anew.
    let again = THE_PORTAL.ask().with("scope", "openid act_as");
    let anna = digid_again(&house, &Browser::new(), &all[0].bsn, "Midden", &THE_PORTAL, &again).await;
    assert_eq!((anna.sub(), listed(&anna)), (subs[0], told[0].clone()));
}

/// What is filled in.
type Filled = Vec<(&'static str, String)>;

/// How often each status came.
async fn statuses(posts: Vec<(&Seat, String, Filled)>) -> [usize; 3] {
    let all = posts.into_iter().map(|(seat, path, fields)| async move {
        let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
        seat.post(&path, &fields).await.status
    });
    let all = join_all(all).await;
    let count = |status: StatusCode| all.iter().filter(|told| **told == status).count();
    [count(StatusCode::SEE_OTHER), count(StatusCode::UNPROCESSABLE_ENTITY), all.len()]
}

#[tokio::test]
async fn of_many_at_the_desk_who_approve_at_once_one_does() {
    const KIM: &str = "kim@ziekenhuis.nl";
    let house = House::start().await;
    for email in [ELS, JOOST, KIM] {
        member(&house, email, "registrar approver privacy_officer").await;
    }
    member(&house, "noor@ziekenhuis.nl", "").await;
    let (els, joost, kim) = (
        Seat::of(&house, ELS, true, 0).await,
        Seat::of(&house, JOOST, true, 0).await,
        Seat::of(&house, KIM, true, 0).await,
    );
    let (parent, child, birth) = (fresh_bsn(), fresh_bsn(), born(8, 40));
    let done = els.post("/desk/register", &form(&parent, &child, &birth)).await;
    let mandate = done.location().unwrap_or_else(|| panic!("{}", done.body)).path().to_owned();
    let right = born(9, 3);
    let person = house.query("SELECT represented FROM mandates").concat();
    let said = [("birth", right.as_str()), ("bsn", ""), ("evidence", "brief 1")];
    let noor = [("email", "noor@ziekenhuis.nl"), ("department", "Poli"), ("registrar", "yes")];
    for (path, fields) in
        [(format!("/desk/person/{person}/correct"), &said), ("/desk/staff".to_owned(), &noor)]
    {
        assert_eq!(els.post(&path, fields).await.status, StatusCode::SEE_OTHER, "{path}");
    }
    let correction = house.query("SELECT id FROM corrections").concat();
    let proposal = house.query("SELECT id FROM staff WHERE approved_at IS NULL").concat();
    let owned = |fields: &[(&'static str, &str)]| -> Vec<(&'static str, String)> {
        fields.iter().map(|(name, value)| (*name, (*value).to_owned())).collect()
    };
    // The mandate before the correction, as whoever approves it reads the date that stands.
    for (path, fields, event) in [
        (
            format!("{mandate}/approve"),
            owned(&[("bsn", &parent), ("birth", &birth), ("represented", &child)]),
            "mandate.approved",
        ),
        (format!("/desk/staff/{proposal}/approve"), owned(&[noor[0]]), "staff.approved"),
        (
            format!("/desk/correction/{correction}/approve"),
            owned(&[("birth", &right), ("bsn", "")]),
            "person.corrected",
        ),
    ] {
        let posts = (0..16).map(|n| (if n % 2 == 0 { &joost } else { &kim }, path.clone(), fields.clone()));
        assert_eq!(statuses(posts.collect()).await, [1, 15, 16], "{path}");
        let lines = format!("SELECT COUNT(*) FROM audit WHERE event = '{event}' AND outcome = 'ok'");
        assert_eq!(house.query(&lines), ["1"], "{event}");
    }
    assert_eq!(house.query(&format!("SELECT birth FROM persons WHERE id = '{person}'")), [right]);
    let told: Value = serde_json::from_str(&house.ok(&[
        "mandates",
        "list",
        "--by",
        "kijker",
        "--json",
        "--represented",
        &person,
    ]))
    .unwrap();
    assert_eq!(told[0]["standing"], "active");
}

#[tokio::test]
async fn m5_m6_without_the_grantors_word_or_for_more_than_a_year_nobody_is_granted_anything() {
    let house = admin_mandates::house().await;
    member(&house, ELS, "registrar").await;
    let seat = Seat::of(&house, ELS, true, 0).await;
    let (api, _) = programs(&house).await;
    let desk = Desk::of(&house);
    let (daughter, father) = (fresh_bsn(), fresh_bsn());
    let (hers, his) = (
        desk.person("Anna", Some(&born(40, 0)), Some(&daughter)),
        desk.person("Bert", Some(&born(80, 0)), Some(&father)),
    );
    let birth = born(80, 0);
    let (a_year, longer) = (days(365), days(367));
    for (agrees, ends, error) in [
        (false, &a_year, Some("agrees")),
        (true, &longer, Some("ends")),
        (true, &String::new(), Some("ends")),
        (true, &a_year, None),
    ] {
        let case = format!("{agrees} {ends:?}");
        let mut fields = form(&daughter, &father, &birth);
        for (name, value) in &mut fields {
            match *name {
                "relation" => *value = "authorised",
                "evidence" => *value = "signed_form",
                "ends" => *value = ends,
                "represented_number" | "represented_name" | "representative_name" => *value = "",
                _ => {}
            }
        }
        if agrees {
            fields.push(("agrees", "yes"));
        }
        let before = desk.stored();
        let told = seat.post("/desk/register", &fields).await;
        match error {
            Some(field) => assert!(told.text(&format!("{field}-error")).is_some(), "{case}: {}", told.body),
            None => assert_eq!(told.status, StatusCode::SEE_OTHER, "{case}: {}", told.body),
        }
        let mut grant = Form::grant(&hers, &his, ends);
        if !agrees {
            grant = grant.without("--grantor-agrees");
        }
        if ends.is_empty() {
            grant = grant.without("--ends");
        }
        let mut body = api_form(&hers, &his);
        body["relation"] = json!("authorised");
        body["evidence"] = json!("signed_form");
        if agrees {
            body["grantor_agrees"] = json!(true);
        }
        if !ends.is_empty() {
            body["ends"] = json!(ends);
        }
        if error.is_some() {
            desk.refused(&grant.arguments());
            let (status, told) = api.post("/mandates", &body).await;
            assert_eq!(status, 400, "{case}: {told}");
            assert_eq!(desk.stored(), before, "{case}");
        } else {
            desk.registered(&grant);
            registered(&api, &body).await;
        }
    }
}

/// The fields of a form of the desk for two who are known, of another relation.
fn at_the_desk<'f>(
    (who, whom, birth): (&'f str, &'f str, &'f str),
    (relation, evidence): (&'f str, &'f str),
    ends: &'f str,
) -> Filled {
    let mut fields = form(who, whom, birth);
    for (name, value) in &mut fields {
        match *name {
            "relation" => *value = relation,
            "evidence" => *value = evidence,
            "ends" => *value = ends,
            "represented_number" | "represented_name" | "representative_name" => *value = "",
            _ => {}
        }
    }
    if relation == "authorised" {
        fields.push(("agrees", "yes"));
    }
    fields.into_iter().map(|(name, value)| (name, value.to_owned())).collect()
}

async fn posted(seat: &Seat, fields: &Filled) -> crate::browser::Page {
    let fields: Vec<_> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
    seat.post("/desk/register", &fields).await
}

/// What an import of one line says, and whether it was taken.
fn imported(house: &House, line: &Line) -> (bool, String) {
    let told = import(house, "mandates", &mandates(house, "one.csv", &[line]), &[]);
    (told.status.success(), String::from_utf8(told.stderr).unwrap())
}

/// The same mandate at the other doors: of a command, of a program and of an import.
fn elsewhere<'f>(
    (who, whose_bsn, whom, whom_bsn): (&'f str, &'f str, &'f str, &'f str),
    (relation, evidence): (&'f str, &'f str),
    (birth, ends): (&'f str, &'f str),
) -> (Form<'f>, Value, Line) {
    let is_grant = relation == "authorised";
    let mut command = Form::parent(who, whom).with("--relation", relation).with("--evidence", evidence);
    let mut body = api_form(who, whom);
    for (name, value) in [("relation", relation), ("evidence", evidence), ("ends", ends)] {
        body[name] = json!(value);
    }
    let mut line = Line::parent(whose_bsn, "", birth).with("represented_bsn", whom_bsn);
    for (name, value) in [("relation", relation), ("evidence", evidence), ("ends", ends)] {
        line = line.with(name, value);
    }
    command = command.with("--ends", ends);
    if is_grant {
        command = command.flag("--grantor-agrees");
        body["grantor_agrees"] = json!(true);
        line = line.with("grantor_agrees", "yes");
    }
    (command, body, line)
}

#[tokio::test]
async fn m6_nobody_known_to_be_too_young_for_it_acts_for_another_at_any_door() {
    let house = admin_mandates::house().await;
    member(&house, ELS, "registrar").await;
    let seat = Seat::of(&house, ELS, true, 0).await;
    let (api, _) = programs(&house).await;
    let desk = Desk::of(&house);
    let ends = days(300);
    for (relation, evidence, age, of_age) in
        [("authorised", "signed_form", 18, 80), ("parent", "court_order", 16, 8)]
    {
        let (other, birth) = (fresh_bsn(), born(of_age, 0));
        let theirs = desk.person("Oma of Sam", Some(&birth), Some(&other));
        // Who is of age in a day, of whom only the year is known, and the twins: of age, and nobody knows.
        let only_a_year = born(age - 1, 0)[..4].to_owned();
        for (born, may) in [
            (Some(born(age, -1)), false),
            (Some(only_a_year), false),
            (Some(born(age, 0)), true),
            (None, true),
        ] {
            let bsn = fresh_bsn();
            let young = desk.person("Kim", born.as_deref(), Some(&bsn));
            let before = desk.stored();
            let fields = at_the_desk((&bsn, &other, &birth), (relation, evidence), &ends);
            let told = posted(&seat, &fields).await;
            let (command, body, line) =
                elsewhere((&young, &bsn, &theirs, &other), (relation, evidence), (&birth, &ends));
            if may {
                assert_eq!(told.status, StatusCode::SEE_OTHER, "{born:?}: {}", told.body);
                desk.registered(&command);
                registered(&api, &body).await;
                // Of another form than those before, which are on record.
                let (taken, said) = imported(&house, &line.with("form_reference", "2026-0009"));
                assert!(
                    taken || said.contains("has such a mandate for the other already"),
                    "{born:?}: {said}"
                );
                continue;
            }
            let said = told.text("representative_birth-error");
            let said = said.unwrap_or_else(|| panic!("{born:?}: {}", told.body));
            assert!(said.contains("Deze persoon is jonger"), "{said}");
            let why = format!("the representative must be {age} or older as a");
            assert!(desk.refused(&command.arguments()).contains(&why), "{born:?}");
            let (status, told) = api.post("/mandates", &body).await;
            assert!(status == 400 && told.to_string().contains(&why), "{born:?}: {told}");
            let (taken, said) = imported(&house, &line);
            assert!(!taken && said.contains(&why), "{born:?}: {said}");
            assert_eq!(desk.stored(), before, "{born:?}");
        }
    }
}

#[tokio::test]
async fn nobody_is_under_the_authority_of_somebody_over_whom_they_have_it_at_any_door() {
    let house = admin_mandates::house().await;
    member(&house, ELS, "registrar").await;
    let seat = Seat::of(&house, ELS, true, 0).await;
    let (api, _) = programs(&house).await;
    let desk = Desk::of(&house);
    let birth = born(50, 0);
    let bsns = [fresh_bsn(), fresh_bsn()];
    let [anna, bert] = [("Anna", &bsns[0]), ("Bert", &bsns[1])]
        .map(|(name, bsn)| desk.person(name, Some(&birth), Some(bsn)));
    let curator = |who: &str, whom: &str| {
        let mut body = api_form(who, whom);
        for (name, value) in [("relation", "curator"), ("evidence", "court_order")] {
            body[name] = json!(value);
        }
        body
    };
    let form_of =
        |who, whom| Form::parent(who, whom).with("--relation", "curator").with("--evidence", "court_order");
    let line = |reference: &str| {
        let line =
            Line::curator(&bsns[1], "").with("represented_bsn", &bsns[0]).with("form_reference", reference);
        line.with("represented_birth_date", &birth)
    };
    // It waits, and closes the circle all the same: what waits comes to count.
    let first = desk.registered(&form_of(&anna, &bert));
    let before = desk.stored();
    let fields = at_the_desk((&bsns[1], &bsns[0], &birth), ("curator", "court_order"), "");
    let told = posted(&seat, &fields).await;
    assert_eq!(told.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(told.text("relation-error").unwrap().contains("heeft zelf gezag"), "{}", told.body);
    assert!(desk.refused(&form_of(&bert, &anna).arguments()).contains("has authority over"));
    let (status, told) = api.post("/mandates", &curator(&bert, &anna)).await;
    assert!(status == 409 && told.to_string().contains("has authority over"), "{told}");
    let (taken, said) = imported(&house, &line("2026-0003"));
    assert!(!taken && said.contains("closes a circle"), "{said}");
    assert_eq!(desk.stored(), before);
    // An express grant the other way is none: it hands nothing on. And the same way round there may be a second.
    desk.registered(&Form::grant(&bert, &anna, &days(300)));
    desk.registered(&form_of(&anna, &bert));
    // The twins: what was revoked is authority no more.
    house.ok(&["mandates", "revoke", "--by", "balie1", "--", &first]);
    let (status, told) = api.post("/mandates", &curator(&bert, &anna)).await;
    assert_eq!(status, 409, "the second one stands: {told}");
    let second = house.query("SELECT id FROM mandates WHERE relation = 'curator' AND revoked_at IS NULL");
    house.ok(&["mandates", "revoke", "--by", "balie1", "--", &second.concat()]);
    assert_eq!(posted(&seat, &fields).await.status, StatusCode::SEE_OTHER);
    desk.registered(&form_of(&bert, &anna));
    let (status, told) = api.post("/mandates", &curator(&bert, &anna)).await;
    assert_eq!(status, 201, "{told}");
    assert!(imported(&house, &line("2026-0004")).1.contains("has such a mandate for the other already"));
}

/// Authority goes on: who is under it through others is under it.
#[tokio::test]
async fn nobody_is_under_the_authority_of_somebody_who_is_under_theirs_through_others_nor_by_two_forms_at_once()
 {
    let house = admin_mandates::house().await;
    for email in [ELS, JOOST] {
        member(&house, email, "registrar").await;
    }
    let (els, joost) = (Seat::of(&house, ELS, true, 0).await, Seat::of(&house, JOOST, true, 0).await);
    let (api, _) = programs(&house).await;
    let desk = Desk::of(&house);
    let birth = born(50, 0);
    let bsns: [String; 5] = std::array::from_fn(|_| fresh_bsn());
    let people: Vec<_> =
        bsns.iter().map(|bsn| desk.person(&format!("P {}", &bsn[..3]), Some(&birth), Some(bsn))).collect();
    let form_of =
        |who, whom| Form::parent(who, whom).with("--relation", "curator").with("--evidence", "court_order");
    desk.mandate(&form_of(&people[0], &people[1]));
    let second = desk.registered(&form_of(&people[1], &people[2]));
    let before = desk.stored();
    let fields = |who: usize, whom: usize| {
        at_the_desk((&bsns[who], &bsns[whom], &birth), ("curator", "court_order"), "")
    };
    let told = posted(&els, &fields(2, 0)).await;
    assert!(told.text("relation-error").unwrap().contains("heeft zelf gezag"), "{}", told.body);
    assert!(desk.refused(&form_of(&people[2], &people[0]).arguments()).contains("has authority over"));
    let mut body = api_form(&people[2], &people[0]);
    for (name, value) in [("relation", "curator"), ("evidence", "court_order")] {
        body[name] = json!(value);
    }
    assert_eq!(api.post("/mandates", &body).await.0, 409);
    assert_eq!(desk.stored(), before);
    // The twins: one further along, and the same once the chain is broken.
    desk.registered(&form_of(&people[0], &people[2]));
    house.ok(&["mandates", "revoke", "--by", "balie1", "--", &second]);
    let third = house.query("SELECT id FROM mandates ORDER BY rowid DESC LIMIT 1").concat();
    house.ok(&["mandates", "revoke", "--by", "balie1", "--", &third]);
    assert_eq!(posted(&els, &fields(2, 0)).await.status, StatusCode::SEE_OTHER);
    // Two members who each make a half of a circle at one moment.
    for _ in 0..3 {
        let (there, back) = (fields(3, 4), fields(4, 3));
        let (one, other) = futures_util::future::join(posted(&els, &there), posted(&joost, &back)).await;
        let stored = [one.status, other.status].iter().filter(|status| status.is_redirection()).count();
        assert_eq!(stored, 1, "{} {}", one.status, other.status);
        let made = house.query("SELECT id FROM mandates ORDER BY rowid DESC LIMIT 1").concat();
        house.ok(&["mandates", "revoke", "--by", "balie1", "--", &made]);
    }
}
