//! The desk's day, told in arguments.

use clap::Parser;

use serde_json::json;

use super::*;
use crate::{
    cli::persons::PersonsCommand,
    store::testing::{Fresh, at, fresh, now},
};

#[derive(Parser)]
#[command(name = "namens")]
enum Namens {
    Persons(PersonsCommand),
    Mandates(MandatesCommand),
}

/// What the program writes, or the refusal it writes to standard error.
async fn run(f: &Fresh, arguments: &str, now: Timestamp) -> Result<String, String> {
    let words = std::iter::once("namens").chain(arguments.split_whitespace());
    let command = Namens::try_parse_from(words).map_err(|error| error.to_string())?;
    let mut out = Vec::new();
    match command {
        Namens::Persons(command) => command.run(&f.store, &mut out, now).await,
        Namens::Mandates(command) => command.run(&f.store, &mut out, now).await,
    }
    .map_err(|fault| fault.to_string())?;
    Ok(String::from_utf8(out).unwrap())
}

async fn json(f: &Fresh, arguments: &str, now: Timestamp) -> Value {
    serde_json::from_str(&run(f, &format!("{arguments} --json"), now).await.unwrap()).unwrap()
}

const PAPERS: &str = "--relation parent --legal-basis art.1:247BW --evidence parental_authority --form-reference F1 \
    --by els --representative-document passport --representative-document-valid-until 2030-01-01 \
    --represented-document identity_card --represented-document-valid-until 2030-01-01";
const CHECKED: &str = "--representative-document-checked --represented-document-checked";

#[tokio::test]
async fn a_parent_and_a_child_at_the_desk_from_registration_to_revocation() {
    let f = fresh().await;
    let file = std::env::temp_dir().join(format!("namens-bsn-{}", MandateId::random()));
    std::fs::write(&file, "111222333\n").unwrap();
    let parent =
        json(&f, &format!("persons add --by els --name Anna --bsn-file {}", file.display()), now()).await;
    let child = json(&f, "persons add --by els --name Sam --birth-date 2014-07-02", now()).await;
    assert_eq!((&parent["bsn_known"], &child["birth_date"]), (&json!(true), &json!("2014-07-02")));
    let found = json(&f, &format!("persons show --by els --bsn-file {}", file.display()), now()).await;
    assert_eq!(found, parent);

    let who = format!(
        "--representative {} --represented {}",
        parent["id"].as_str().unwrap(),
        child["id"].as_str().unwrap()
    );
    // M1: a document that was not checked.
    let refused = run(&f, &format!("mandates register {who} {PAPERS}"), now()).await.unwrap_err();
    assert_eq!(refused, "check the identity document of the representative first, and state that you did");
    let listed =
        json(&f, &format!("mandates list --by els --represented {}", child["id"].as_str().unwrap()), now())
            .await;
    assert_eq!(listed, json!([]));

    let mandate = json(&f, &format!("mandates register {who} {PAPERS} {CHECKED}"), now()).await;
    // M11: nobody approves their own.
    assert_eq!(mandate["standing"], json!("awaiting_approval"));
    let approve = |by: &str| {
        let (id, file) = (mandate["id"].as_str().unwrap(), file.display());
        format!(
            "mandates approve {id} --by {by} --representative-bsn-file {file} --represented-birth-date 2014-07-02"
        )
    };
    let own = run(&f, &approve("ELS"), now()).await.unwrap_err();
    assert!(own.contains("someone else must approve it"), "{own}");
    let listed = run(
        &f,
        &format!("mandates list --by els --representative {}", parent["id"].as_str().unwrap()),
        now(),
    )
    .await;
    assert!(listed.unwrap().contains("counts not before someone else runs `namens mandates approve`"));
    let mandate = json(&f, &approve("joost"), now()).await;
    std::fs::remove_file(&file).unwrap();
    assert_eq!((&mandate["standing"], &mandate["until"]), (&json!("active"), &json!("2026-07-01T22:00:00Z")));
    let id = mandate["id"].as_str().unwrap();

    // M4: at twelve both agree, and the child's withdrawal works at once.
    let twelve = at("2026-07-01T22:00:00Z");
    let says = async |verb: &str, party: &str, now| {
        run(&f, &format!("mandates {verb} {id} --party {party} --attested-by els"), now).await
    };
    assert!(says("consent", "represented", twelve.plus(-1)).await.unwrap_err().contains("12th birthday"));
    assert!(says("consent", "represented", twelve).await.unwrap().contains("awaiting_consent"));
    assert!(says("consent", "representative", twelve).await.unwrap().contains("2030-07-01T22:00:00Z"));
    assert!(says("withdraw", "represented", twelve.plus(1)).await.unwrap().contains("withdrawn"));
    assert!(says("consent", "represented", twelve.plus(2)).await.unwrap().contains("active"));

    // M9: a block, and someone else who lifts it.
    assert!(run(&f, &format!("mandates block {who} --by els --reason order"), twelve).await.is_ok());
    let held = format!("mandates list --by els --representative {}", parent["id"].as_str().unwrap());
    assert!(run(&f, &held, twelve.plus(2)).await.unwrap().contains("blocked"));
    let own = run(&f, &format!("mandates unblock {who} --by els"), twelve).await.unwrap_err();
    assert!(own.contains("someone else"), "{own}");
    assert_eq!(
        json(&f, &format!("mandates unblock {who} --by joost"), twelve).await,
        json!({ "blocked": false })
    );

    let revoke = format!("mandates revoke {id} --by els");
    assert!(run(&f, &revoke, twelve.plus(3)).await.unwrap().contains("revoked"));
    assert!(run(&f, &revoke, twelve.plus(3)).await.unwrap_err().contains("nothing was changed"));
}

#[tokio::test]
async fn a_special_basis_from_attestation_to_its_end() {
    let f = fresh().await;
    let person = async |arguments: &str| {
        json(&f, &format!("persons add --by els {arguments}"), now()).await["id"].as_str().unwrap().to_owned()
    };
    let (parent, child) = (person("--name Anna").await, person("--name Kim --birth-date 2013-01-01").await);
    let who = format!("--representative {parent} --represented {child}");
    let mandate = json(&f, &format!("mandates register {who} {PAPERS} {CHECKED}"), now()).await;
    assert_eq!((&mandate["standing"], &mandate["special"]), (&json!("awaiting_consent"), &json!([])));
    let id = mandate["id"].as_str().unwrap();
    json(&f, &format!("mandates approve {id} --by marieke --represented-birth-date 2013-01-01"), now()).await;
    let attest =
        |ends: &str| format!("mandates special attest {id} --evidence-reference F2 --by els --ends {ends}");
    for (ends, told) in [
        ("2026-07-01", "must lie in the future"),
        ("2027-07-03", "at most a year"),
        ("soon", "write a day as 2026-07-01"),
    ] {
        let error = run(&f, &attest(ends), now()).await.unwrap_err();
        assert!(error.contains(told), "{ends}: {error}");
    }
    let waiting = json(&f, &attest("2026-10-01"), now()).await;
    let basis = waiting["special"][0]["id"].as_str().unwrap();
    assert_eq!(
        waiting["special"],
        json!([{
            "id": basis, "evidence_reference": "F2", "attested_by": "els", "attested_at": "2026-07-01T09:00:00Z",
            "ends": "2026-09-30T22:00:00Z", "confirmed_by": null, "confirmed_at": null,
            "waits_until": "2026-07-31T09:00:00Z",
        }])
    );
    assert_eq!(waiting["standing"], json!("awaiting_consent"));
    let list = format!("mandates list --by els --represented {child}");
    let told = run(&f, &list, now()).await.unwrap();
    assert!(
        told.contains(&format!("{basis}: attested by els, counts not before someone else confirms it")),
        "{told}"
    );

    let act = async |verb: &str, by: &str| {
        run(&f, &format!("mandates special {verb} {basis} --by {by} --json"), now()).await
    };
    assert!(act("confirm", "els").await.unwrap_err().contains("you attested this yourself: someone else"));
    let confirmed: Value = serde_json::from_str(&act("confirm", "joost").await.unwrap()).unwrap();
    assert_eq!(
        (&confirmed["standing"], &confirmed["until"], &confirmed["special"][0]["confirmed_by"]),
        (&json!("active"), &json!("2026-09-30T22:00:00Z"), &json!("joost"))
    );
    let told = run(&f, &list, now()).await.unwrap();
    assert!(told.contains("attested by els, confirmed by joost, until 2026-09-30T22:00:00Z"), "{told}");
    assert!(act("confirm", "marieke").await.unwrap_err().contains("confirmed before"));
    let ended: Value = serde_json::from_str(&act("end", "els").await.unwrap()).unwrap();
    assert_eq!((&ended["standing"], &ended["special"]), (&json!("awaiting_consent"), &json!([])));
    assert!(act("end", "els").await.unwrap_err().contains("attest a new one"));
}

#[tokio::test]
async fn mistakes_are_told_and_change_nothing() {
    let f = fresh().await;
    for (arguments, told) in [
        ("persons add --by els --name Sam --birth-date 2027-01-01", "lies in the future"),
        ("persons add --by els --name Sam --birth-date 2010-02-30", "does not exist"),
        ("persons add --name Sam --birth-date 2010", "--by"),
        ("persons add --name Sam --by client:root", "name the member of staff"),
        ("persons show --by els nobody", "namens persons list"),
        ("persons show --by els --json -dashed-id", "namens persons list"),
        ("persons set-birth-date nobody 2010 --evidence-reference F --by els", "namens persons list"),
        ("persons set-birth-date nobody 2010 --by els", "--evidence-reference"),
        ("persons approve nothing --birth-date 2010 --by els", "namens persons corrections"),
        ("persons approve nothing --by els", "--birth-date"),
        ("persons withdraw nothing --by els", "namens persons corrections"),
        ("persons add --by els --name Sam --bsn 111222333", "unexpected argument"),
        ("mandates revoke nothing --by els", "namens mandates list"),
        ("mandates approve nothing --by els", "namens mandates list"),
        ("mandates list", "required"),
        (
            "mandates special attest nothing --evidence-reference F --ends 2026-08-01 --by els",
            "namens mandates list",
        ),
        ("mandates special attest m --evidence-reference F --by els", "--ends"),
        ("mandates special confirm nothing --by els", "no such special basis"),
        ("mandates special end nothing --by els", "no such special basis"),
        ("mandates special confirm nothing", "--by"),
        ("mandates block --representative a --represented b --by els --reason r", "namens persons list"),
        ("mandates unblock --representative a --represented b --by els", "nothing was changed"),
        ("mandates register --relation uncle", "parent guardian curator mentor authorised"),
    ] {
        let error = run(&f, arguments, now()).await.unwrap_err();
        assert!(error.contains(told), "{arguments}: {error}");
    }
    assert_eq!(json(&f, "persons list --by els", now()).await, json!([]));
}

#[test]
fn an_end_is_the_midnight_that_begins_the_day_or_an_instant() {
    assert_eq!(instant("2026-07-01"), Ok(at("2026-06-30T22:00:00Z")));
    assert_eq!(instant("2026-07-01T00:02:00Z"), Ok(at("2026-07-01T00:02:00Z")));
    assert!(instant("tomorrow").is_err());
}
