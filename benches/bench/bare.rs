//! The least that a server could do: an axum handler that signs, verifies and writes as often as ours, and does nothing else. What
//! an endpoint costs beyond it is our own work.

use std::{
    fs,
    path::{Path as FilePath, PathBuf},
    process::Command,
    sync::Arc,
};

use axum::{
    Router,
    extract::{Path, State},
    routing::post,
};
use namens::{
    config,
    domain::{
        id::random,
        key::{Algorithm, KeyFacts},
        secret::Secret,
        time::Timestamp,
    },
    oidc::{keyring::Keyring, signing_key::generate},
    password::Hasher,
    store::Db,
};

use crate::{
    load::{CASES, Case, Load, drive},
    process::{Process, address},
};

struct Bare {
    db: Db,
    keys: Keyring,
    alg: Algorithm,
    /// A good signature of [`MESSAGE`].
    signature: Vec<u8>,
    /// As many hashes at a time as there are cores, in memory that is used again.
    hasher: Hasher,
    /// Where mails are put.
    mail: PathBuf,
}

/// About as long as what is signed of a token.
const MESSAGE: [u8; 400] = [7; 400];

/// Where the server at `address` keeps what it writes.
fn folder(address: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("bare-{address}"))
}

/// Serves, in a process of its own.
pub async fn serve(address: &str, case: &str) {
    let folder = folder(address);
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    let db = Db::open_sqlite(&folder.join("bare.db"), true).await.unwrap();
    sqlx::query("CREATE TABLE bare (hash TEXT PRIMARY KEY, body TEXT)").execute(db.writer()).await.unwrap();
    let at = Timestamp::from_epoch(0);
    let Case { alg, bits, .. } = CASES.into_iter().find(|known| known.name == case).unwrap();
    let key = generate(alg, bits).unwrap();
    let facts = KeyFacts {
        kid: key.kid.clone(),
        alg,
        created: at,
        publish_from: at,
        sign_from: at,
        sign_until: None,
        publish_until: None,
    };
    let keys = Keyring::new([(facts, Ok(key.pkcs8))], &Keyring::default());
    let signature = keys.signer(alg, Timestamp::from_epoch(1)).unwrap().sign_bytes(&MESSAGE).unwrap();
    let listener = tokio::net::TcpListener::bind(address).await.unwrap();
    println!("ready");
    let hasher = Hasher::new(config::Password::default()).unwrap();
    let state = Arc::new(Bare { db, keys, alg, signature, hasher, mail: folder });
    axum::serve(listener, Router::new().route("/{work}", post(answer)).with_state(state)).await.unwrap();
}

/// Does what the letters of `work` say: `w` and a digit is a transaction with so many writes, `s` a signature, `v` a
/// verification, `h` a hash of a password, `m` a mail that is put into a folder, `b` and a number an answer of so many bytes.
async fn answer(State(bare): State<Arc<Bare>>, Path(work): Path<String>) -> String {
    let key = bare.keys.signer(bare.alg, Timestamp::from_epoch(1)).unwrap();
    let mut answer = 64;
    for step in work.split('-') {
        let number = step.get(1..).and_then(|number| number.parse::<usize>().ok());
        match (step.chars().next(), number) {
            (Some('w'), Some(writes)) => write(&bare.db, writes).await,
            (Some('s'), None) => drop(key.sign_bytes(&MESSAGE).unwrap()),
            (Some('v'), None) => assert!(key.has_signed(&MESSAGE, &bare.signature)),
            (Some('h'), None) => drop(bare.hasher.hash(Secret::new("fiets op de dijk")).await.unwrap()),
            (Some('m'), None) => send(&bare.mail),
            (Some('b'), Some(bytes)) => answer = bytes,
            _ => panic!("unknown work: {step}"),
        }
    }
    "x".repeat(answer)
}

async fn write(db: &Db, writes: usize) {
    let mut tx = db.writer().begin().await.unwrap();
    for _ in 0..writes {
        sqlx::query("INSERT INTO bare (hash, body) VALUES ($1, $2)")
            .bind(random::<32>())
            .bind("x".repeat(200))
            .execute(&mut *tx)
            .await
            .unwrap();
    }
    tx.commit().await.unwrap();
}

fn send(folder: &FilePath) {
    let name = folder.join(random::<16>());
    fs::write(&name, [b'x'; 1500]).unwrap();
    fs::rename(&name, name.with_extension("eml")).unwrap();
}

/// Drives it as our endpoints are driven: so many clients at once, the server on these cores or on all. `requests` are the work of
/// each request that one answer of ours takes.
pub async fn measure(case: Case, requests: &[&str], at_once: usize, cores: Option<&str>) -> Load {
    let listen = address(9);
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["bare", &listen, case.name]);
    let server = Process::start(command, cores);
    let urls: Vec<String> = requests.iter().map(|work| format!("http://{listen}/{work}")).collect();
    let load = drive(&server, vec![urls; at_once], |http, urls| async move {
        for url in &urls {
            let answer = http.post(url).send().await.unwrap();
            assert_eq!(answer.status(), 200);
            let _ = answer.bytes().await.unwrap();
        }
        urls
    })
    .await;
    drop(server);
    std::fs::remove_dir_all(folder(&listen)).unwrap();
    load
}
