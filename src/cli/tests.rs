//! The operator's first day, told in arguments.

use std::{any::TypeId, fs, os::unix::fs::PermissionsExt, path::Path};

use clap::CommandFactory;
use serde_json::Value;

use super::*;
use crate::domain::{id::random, secret::Secret};

const CODE: [ExitCode; 2] = [ExitCode::SUCCESS, ExitCode::FAILURE];

/// A folder that `namens init` filled, gone when dropped.
struct House {
    folder: PathBuf,
    now: Timestamp,
}

impl Drop for House {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

impl House {
    async fn new() -> Self {
        let house =
            Self { folder: std::env::temp_dir().join(format!("namens-{}", random::<8>())), now: Clock.now() };
        house.init().await.unwrap();
        house
    }

    async fn init(&self) -> Result<String, String> {
        let folder = self.folder.to_str().unwrap();
        self.run(&format!("init --folder {folder} --issuer http://127.0.0.1:8080"))
            .await
            .map(|(text, _)| text)
    }

    /// What the program writes and whether it succeeds, or the sentence it writes to standard error.
    async fn run(&self, arguments: &str) -> Result<(String, bool), String> {
        let config = self.folder.join("namens.toml");
        let words =
            ["namens", "--config", config.to_str().unwrap()].into_iter().chain(arguments.split_whitespace());
        let command = Namens::try_parse_from(words).map_err(|error| error.to_string())?;
        let mut out = Vec::new();
        let code = command.run(&mut out, self.now).await.map_err(|fault| fault.to_string())?;
        assert!(CODE.contains(&code));
        Ok((String::from_utf8(out).unwrap(), code == ExitCode::SUCCESS))
    }

    async fn json(&self, arguments: &str) -> Value {
        let (text, _) = self.run(&format!("{arguments} --json")).await.unwrap();
        serde_json::from_str(&text).unwrap()
    }

    /// The findings of the doctor that are not `ok`, each as `verdict about: says`.
    async fn findings(&self) -> Vec<String> {
        let (text, well) = self.run("doctor").await.unwrap();
        let found: Vec<_> =
            text.lines().filter(|l| l.starts_with("error") || l.starts_with("warning")).collect();
        assert_eq!(well, found.iter().all(|line| line.starts_with("warning")), "{text}");
        found.into_iter().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect()
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[tokio::test]
async fn a_first_day_from_init_to_a_client_and_a_rotation() {
    let house = House::new().await;
    assert_eq!((mode(&house.file("keys/master.key")), mode(&house.file("namens.db"))), (0o600, 0o600));
    let key = fs::read(house.file("keys/master.key")).unwrap();
    assert!(house.init().await.unwrap_err().contains("nothing is overwritten"));
    assert_eq!(fs::read(house.file("keys/master.key")).unwrap(), key);

    let found = house.findings().await;
    assert!(
        matches!(found.as_slice(), [only] if only.starts_with("warning clients: there are none")),
        "{found:?}"
    );
    let added = house
        .json(
            "clients add portal --policy basic --auth client_secret_basic --name Portaal --redirect-uri https://a.nl/cb --scope act_as --by els",
        )
        .await;
    let secret = Secret::new(added["client_secret"].as_str().unwrap());
    let store = open_store(&Config::read(&house.file("namens.toml")).unwrap(), false).await.unwrap();
    match store.client("portal").await.unwrap().unwrap().auth {
        crate::domain::client::ClientAuth::ClientSecretBasic(hash) => assert!(hash.is_newest(&secret)),
        other => panic!("{other:?}"),
    }
    assert!(!house.run("clients show portal").await.unwrap().0.contains(secret.expose()));
    assert_eq!(house.findings().await, Vec::<String>::new());

    let turns = house.json("keys rotate --alg ES256 --by els").await;
    assert_eq!((turns.as_array().unwrap().len(), &turns[0]["changed"]), (1, &Value::Bool(true)));
    let keys = house.json("keys list").await;
    assert_eq!(keys.as_array().unwrap().len(), 9, "two of each algorithm, and one more");
    assert!(house.run("clients remove portal --by els").await.unwrap().0.contains("removed"));
    assert!(
        house.run("clients remove portal --by els").await.unwrap_err().contains("there is no client portal")
    );
}

#[tokio::test]
async fn each_mistake_is_told_with_what_to_do() {
    let house = House::new().await;
    let (config, key, database) =
        (house.file("namens.toml"), house.file("keys/master.key"), house.file("namens.db"));
    let text = fs::read_to_string(&config).unwrap();
    let client = "\n[[client]]\nid = \"portal\"\nname = \"x\"\nredirect_uris = [\"https://a.nl/\"]\nauth = \"none\"\n\
                  scopes = [\"openid\"]\nminimum_level = \"midden\"\n";
    for (from, to, told) in [
        ("database = ", "datebase = ", "unknown field `datebase`"),
        ("listen = \"127", "listen = \"x127", "line 7"),
        ("keys/master.key", "keys/other.key", "cannot read the secret in"),
        ("\"namens.db\"", "\"nowhere.db\"", "run `namens migrate`"),
        ("# [[client]]", client, "portal demands DigiD"),
    ] {
        let changed = text.replacen(from, to, 1);
        assert_ne!(changed, text);
        fs::write(&config, changed).unwrap();
        let (report, well) = house.run("doctor").await.unwrap();
        assert!(!well && report.contains(told), "{to}: {report}");
    }
    fs::write(&config, format!("{text}{}", client.replace("midden", "local"))).unwrap();
    let taken = house
        .run("clients add portal --auth none --name x --redirect-uri https://a.nl/ --by els")
        .await
        .unwrap_err();
    assert!(taken.contains("stands in the configuration"), "{taken}");

    fs::set_permissions(&key, fs::Permissions::from_mode(0o640)).unwrap();
    assert!(house.findings().await[0].contains("chmod 600"));
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    let good = fs::read(&key).unwrap();
    fs::write(&key, "0".repeat(64)).unwrap();
    assert!(house.findings().await[0].contains("sealed under another master key"));
    fs::write(&key, good).unwrap();
    assert_eq!(house.findings().await, Vec::<String>::new());

    let early = House { folder: house.folder.clone(), now: house.now.plus(-3600) };
    assert!(early.findings().await[0].contains("keep it right with NTP"));
    std::mem::forget(early);
    fs::write(&database, "this was a database, once upon a time").unwrap();
    assert!(house.findings().await[0].contains("restored from a backup"));
}

/// One made id in sixty-four begins with a hyphen.
#[test]
fn an_id_that_begins_with_a_hyphen_is_taken_for_an_id_by_every_command() {
    fn look(command: &clap::Command, path: &str, refused: &mut Vec<String>, seen: &mut usize) {
        let path = format!("{path} {}", command.get_name());
        for argument in command.get_arguments() {
            let name = argument.get_id().as_str();
            let text = argument.get_value_parser().type_id() == TypeId::of::<String>();
            let names = argument.get_value_names().unwrap_or_default();
            let made = names.iter().any(|name| ["ID", "PERSON"].contains(&name.as_str()));
            let told = ["email", "birth_date", "name"].contains(&name);
            if made || argument.is_positional() && text && !told {
                *seen += 1;
                if !argument.is_allow_hyphen_values_set() {
                    refused.push(format!("{path} {name}"));
                }
            }
        }
        for below in command.get_subcommands() {
            look(below, &path, refused, seen);
        }
    }
    let (mut refused, mut seen) = (Vec::new(), 0);
    look(&Namens::command(), "", &mut refused, &mut seen);
    assert_eq!(refused, Vec::<String>::new());
    assert!(seen > 30, "{seen}");
}
