//! The least that a server could do for a refresh: read, one transaction with the same two writes, two ES256
//! signatures, JSON. What the token endpoint costs beyond it is our own work.

use std::{
    path::PathBuf,
    process::Command,
    sync::Arc,
    time::{Duration, Instant},
};

use axum::{Json, Router, extract::State, routing::post};
use namens::{
    domain::{
        id::random,
        key::{Algorithm, KeyFacts},
        time::Timestamp,
    },
    oidc::{
        keyring::Keyring,
        signing_key::{RsaBits, generate},
    },
    store::Db,
};
use serde_json::json;

use crate::{SECONDS, process::Process, token::Load};

struct Bare {
    db: Db,
    keys: Keyring,
}

/// Serves, in a process of its own.
pub async fn serve(address: &str) {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("bare-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    let db = Db::open_sqlite(&folder.join("bare.db"), true).await.unwrap();
    sqlx::query("CREATE TABLE bare (hash TEXT PRIMARY KEY, used BIGINT, body TEXT)")
        .execute(db.writer())
        .await
        .unwrap();
    let at = Timestamp::from_epoch(0);
    let key = generate(Algorithm::Es256, RsaBits::B2048).unwrap();
    let facts = KeyFacts {
        kid: key.kid.clone(),
        alg: Algorithm::Es256,
        created: at,
        publish_from: at,
        sign_from: at,
        sign_until: None,
        publish_until: None,
    };
    let state = Arc::new(Bare { db, keys: Keyring::new([(facts, Ok(key.pkcs8))], &Keyring::default()) });
    let listener = tokio::net::TcpListener::bind(address).await.unwrap();
    println!("ready");
    axum::serve(listener, Router::new().route("/", post(answer)).with_state(state)).await.unwrap();
}

async fn answer(State(bare): State<Arc<Bare>>, body: String) -> Json<serde_json::Value> {
    let known: Option<(String,)> = sqlx::query_as("SELECT body FROM bare WHERE hash = $1")
        .bind(body.clone())
        .fetch_optional(bare.db.reader())
        .await
        .unwrap();
    let key = bare.keys.signer(Algorithm::Es256, Timestamp::from_epoch(1)).unwrap();
    let sign = || key.sign_bytes(&[7; 400]).unwrap().len();
    let signed = (sign(), sign());
    let mut tx = bare.db.writer().begin().await.unwrap();
    sqlx::query("UPDATE bare SET used = 1 WHERE hash = $1").bind(body).execute(&mut *tx).await.unwrap();
    sqlx::query("INSERT INTO bare (hash, body) VALUES ($1, $2)")
        .bind(random::<32>())
        .bind("x".repeat(200))
        .execute(&mut *tx)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    Json(json!({ "known": known.is_some(), "signed": [signed.0, signed.1] }))
}

/// Drives it as the token endpoint is driven.
pub async fn measure(core: &str) -> Load {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["bare", "127.200.0.9:8080"]);
    let server = Process::start(command, Some(core));
    let http = reqwest::Client::new();
    let (begin, cpu) = (Instant::now(), server.cpu());
    let mut chains = Vec::new();
    for _ in 0..16 {
        let http = http.clone();
        chains.push(tokio::spawn(async move {
            let mut answers = 0_u32;
            while begin.elapsed() < Duration::from_secs(SECONDS) {
                let answer = http.post("http://127.200.0.9:8080/").body("token").send().await.unwrap();
                let _ = answer.bytes().await.unwrap();
                answers += 1;
            }
            answers
        }));
    }
    let mut answers = 0;
    for chain in chains {
        answers += chain.await.unwrap();
    }
    let spent = server.cpu() - cpu;
    Load { per_second: f64::from(answers) / begin.elapsed().as_secs_f64(), cpu: spent / f64::from(answers) }
}
