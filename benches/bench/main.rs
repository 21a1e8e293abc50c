//! What the server can do, next to what the machine can do: both measured in one run, so that the ratio holds where the
//! machine is noisy. `scripts/bench` runs it on a release build; the figures of the last run stand in docs/performance.md.
//! One argument (the name of a file: `token`, `code`, `program`, `discovery`, `local`, `idle`, `act_as`, `mandates`, `saml_burst`, or
//! `saml`, which takes the burst along) runs a part only; the last two need the feature `simulator`. Without cargo's `--bench` it is a
//! trial, see `trial`.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_precision_loss,
    clippy::print_stdout,
    clippy::string_slice,
    reason = "a measurement that cannot go on should stop, and prints what it found"
)]

mod act_as;
mod bare;
mod code;
mod discovery;
mod idle;
mod limits;
mod load;
mod local;
mod mandates;
mod process;
mod program;
#[cfg(feature = "simulator")]
mod saml;
#[cfg(feature = "simulator")]
mod saml_burst;
mod seed;
mod stand;
mod token;
mod trial;

/// How long each measurement runs, in seconds.
const SECONDS: f64 = 6.0;

fn main() {
    let mut arguments = std::env::args().skip(1).filter(|argument| argument != "--bench");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let only = arguments.next();
    if only.as_deref() == Some("bare") {
        runtime.block_on(bare::serve(&arguments.next().unwrap(), &arguments.next().unwrap()));
        return;
    }
    let wanted = |part| only.as_deref().is_none_or(|only| only == part);
    println!("| what | figure | next to | ratio |\n|---|---|---|---|");
    runtime.block_on(async {
        if wanted("token") {
            token::measure().await;
        }
        if wanted("code") {
            code::measure().await;
        }
        if wanted("program") {
            program::measure().await;
        }
        if wanted("discovery") {
            discovery::measure().await;
        }
        if wanted("local") {
            local::measure().await;
        }
        if wanted("idle") {
            idle::measure().await;
        }
        if wanted("act_as") {
            act_as::measure().await;
        }
        if wanted("mandates") {
            mandates::measure(arguments.next().and_then(|persons| persons.parse().ok())).await;
        }
        #[cfg(feature = "simulator")]
        if wanted("saml") {
            saml::measure();
        }
        #[cfg(feature = "simulator")]
        if wanted("saml") || wanted("saml_burst") {
            saml_burst::measure().await;
        }
    });
}

/// One row of the report.
fn row(what: &str, figure: &str, next_to: &str, ratio: &str) {
    println!("| {what} | {figure} | {next_to} | {ratio} |");
}
