//! The desk's day, told in arguments.

use clap::Parser;

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
    let parent = json(&f, &format!("persons add --name Anna --bsn-file {}", file.display()), now()).await;
    let child = json(&f, "persons add --name Sam --birth-date 2014-07-02", now()).await;
    assert_eq!((&parent["bsn_known"], &child["birth_date"]), (&json!(true), &json!("2014-07-02")));
    let found = json(&f, &format!("persons show --bsn-file {}", file.display()), now()).await;
    assert_eq!(found, parent);
    std::fs::remove_file(&file).unwrap();

    let who = format!(
        "--representative {} --represented {}",
        parent["id"].as_str().unwrap(),
        child["id"].as_str().unwrap()
    );
    // M1: a document that was not checked.
    let refused = run(&f, &format!("mandates register {who} {PAPERS}"), now()).await.unwrap_err();
    assert_eq!(refused, "check the identity document of the representative first, and state that you did");
    let listed =
        json(&f, &format!("mandates list --represented {}", child["id"].as_str().unwrap()), now()).await;
    assert_eq!(listed, json!([]));

    let mandate = json(&f, &format!("mandates register {who} {PAPERS} {CHECKED}"), now()).await;
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
    let held = format!("mandates list --representative {}", parent["id"].as_str().unwrap());
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
async fn mistakes_are_told_and_change_nothing() {
    let f = fresh().await;
    for (arguments, told) in [
        ("persons add --name Sam --birth-date 2027-01-01", "lies in the future"),
        ("persons add --name Sam --birth-date 2010-02-30", "does not exist"),
        ("persons show nobody", "namens persons list"),
        ("persons show --json -dashed-id", "namens persons list"),
        ("persons set-birth-date nobody 2010 --by els", "namens persons list"),
        ("persons add --name Sam --bsn 111222333", "unexpected argument"),
        ("mandates revoke nothing --by els", "namens mandates list"),
        ("mandates list", "required"),
        ("mandates block --representative a --represented b --by els --reason r", "namens persons list"),
        ("mandates unblock --representative a --represented b --by els", "nothing was changed"),
        ("mandates register --relation uncle", "parent guardian curator mentor authorised"),
    ] {
        let error = run(&f, arguments, now()).await.unwrap_err();
        assert!(error.contains(told), "{arguments}: {error}");
    }
    assert_eq!(json(&f, "persons list", now()).await, json!([]));
}

#[test]
fn an_end_is_the_midnight_that_begins_the_day_or_an_instant() {
    assert_eq!(instant("2026-07-01"), Ok(at("2026-06-30T22:00:00Z")));
    assert_eq!(instant("2026-07-01T00:02:00Z"), Ok(at("2026-07-01T00:02:00Z")));
    assert!(instant("tomorrow").is_err());
}
