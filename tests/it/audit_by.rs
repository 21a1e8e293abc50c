//! Who did it: what a command changes or reads has the name of a person in the log.

use crate::{browser::Browser, house::House, portal::register};

/// Nobody changes clients, keys or what is on record, nor reads the log, without saying who they are; who does stands in the log.
#[tokio::test]
async fn no_command_changes_or_reads_anything_for_nobody() {
    let house = House::start().await;
    register(&house, &Browser::new(), "jansen@voorbeeld.nl").await;
    let email = "jansen@voorbeeld.nl";
    let add =
        ["clients", "add", "shop", "--name", "Winkel", "--policy", "basic", "--auth", "client_secret_basic"];
    let add = [&add[..], &["--redirect-uri", "https://shop.example/cb"]].concat();
    let all: [&[&str]; 8] = [
        &add,
        &["clients", "secret", "shop", "--keep-old-seconds", "0"],
        &["clients", "remove", "shop"],
        &["keys", "rotate"],
        &["audit", "export"],
        &["audit", "query", "--event", "login.local"],
        &["accounts", "profile", email, "--set", "given_name=Anna"],
        &["accounts", "consents", email],
    ];
    let lines = "SELECT COUNT(*) FROM audit";
    let before = house.query(lines);
    for one in [&all[..], &[&["clients", "uninvite", "x"], &["accounts", "withdraw", email, "x"]]].concat() {
        let refused = house.run(one);
        let told = String::from_utf8_lossy(&refused.stderr);
        assert!(refused.status.code() == Some(2) && told.contains("--by"), "{one:?}: {told}");
        // Nor for one who takes the name of a program.
        assert_eq!(house.run(&[one, &["--by", "client:root"]].concat()).status.code(), Some(1), "{one:?}");
    }
    assert_eq!(house.query(lines), before);
    for one in all {
        house.ok(&[one, &["--by", " Els  de Vries"]].concat());
    }
    let told = house.query(
        "SELECT event || ' ' || role || ' ' || COALESCE(client, '-') FROM audit WHERE actor = 'els de vries' \
         AND event NOT LIKE 'key.%' ORDER BY seq",
    );
    let events = [
        "client.added",
        "client.secret",
        "client.removed",
        "audit.exported",
        "audit.read",
        "account.profile",
        "person.shown",
    ];
    assert_eq!(told, events.map(|event| format!("{event} staff -")));
    assert_eq!(
        house.query("SELECT COUNT(*) FROM audit WHERE event = 'key.rotated' AND actor = 'els de vries'"),
        ["4"]
    );
}
