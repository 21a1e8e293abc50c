//! Whether this is a measurement or a trial of one. `cargo bench` says `--bench`; without it (`cargo test --bench bench`, in
//! scripts/test) everything runs once and short, to see that it still can, and its figures mean nothing.

use std::time::Duration;

/// Whether this is a trial.
pub fn is_on() -> bool {
    !std::env::args().any(|argument| argument == "--bench")
}

/// How long a measurement runs that is to run for so many seconds.
pub fn seconds(full: f64) -> Duration {
    Duration::from_secs_f64(if is_on() { 0.1 } else { full })
}

/// How many of a thing a measurement takes.
pub fn many(full: usize, trial: usize) -> usize {
    if is_on() { trial } else { full }
}
