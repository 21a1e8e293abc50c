//! An idle server: how soon it is there, and how much memory it holds.

use std::time::Duration;

use namens::{domain::key::Algorithm, oidc::signing_key::RsaBits};

use crate::{process::Process, row, stand::Stand, trial};

pub async fn measure() {
    let stand = Stand::new("idle", Algorithm::Rs256, RsaBits::B3072, 50).await;
    let mut starts: Vec<Duration> = (0..5).map(|_| Process::start(stand.serve(), None).start).collect();
    starts.sort();
    row(
        "start with an existing database (median of 5)",
        &format!("{} ms", starts[2].as_millis()),
        "target 200 ms",
        "",
    );
    let server = Process::start(stand.serve(), None);
    tokio::time::sleep(trial::seconds(3.0)).await;
    assert!(server.line.starts_with("namens listens on"));
    row("resident memory, idle", &format!("{:.1} MB", server.resident()), "target 40 MB", "");
}
