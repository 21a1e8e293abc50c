//! What is logged and where: to standard error, so that standard output stays the answer of a command.

use std::io::{IsTerminal, stderr};

use tracing_subscriber::{EnvFilter, filter::LevelFilter};

/// Starts logging: lines for people on a terminal, JSON anywhere else. `RUST_LOG` chooses what is logged; `info` and
/// worse when it is not set.
pub fn start() {
    let filter = EnvFilter::builder().with_default_directive(LevelFilter::INFO.into()).from_env_lossy();
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(stderr);
    // Logging is started once a process; a second start (in a test) changes nothing.
    let _ = if stderr().is_terminal() { log.try_init() } else { log.json().try_init() };
}
