//! What the server can do, next to what the machine can do: both measured in one run, so that the ratio holds where the
//! machine is noisy. `scripts/bench` runs it on a release build; the figures of the last run stand in docs/performance.md.
//! One argument (`token`, `local`, `idle` or `saml`) runs a part only; `saml` needs the feature `simulator`.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_precision_loss,
    clippy::print_stdout,
    clippy::string_slice,
    reason = "a measurement that cannot go on should stop, and prints what it found"
)]

mod bare;
mod idle;
mod limits;
mod local;
mod process;
#[cfg(feature = "simulator")]
mod saml;
#[cfg(feature = "simulator")]
mod saml_burst;
mod stand;
mod token;

/// How long each measurement runs, in seconds.
const SECONDS: u64 = 6;

fn main() {
    let mut arguments = std::env::args().skip(1).filter(|argument| argument != "--bench");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let only = arguments.next();
    if only.as_deref() == Some("bare") {
        runtime.block_on(bare::serve(&arguments.next().unwrap()));
        return;
    }
    let wanted = |part| only.as_deref().is_none_or(|only| only == part);
    println!("| what | figure | next to | ratio |\n|---|---|---|---|");
    runtime.block_on(async {
        if wanted("token") {
            token::measure().await;
        }
        if wanted("local") {
            local::measure().await;
        }
        if wanted("idle") {
            idle::measure().await;
        }
        #[cfg(feature = "simulator")]
        if wanted("saml") {
            saml::measure();
            saml_burst::measure().await;
        }
    });
}

/// One row of the report.
fn row(what: &str, figure: &str, next_to: &str, ratio: &str) {
    println!("| {what} | {figure} | {next_to} | {ratio} |");
}
