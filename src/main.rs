//! Parse, run, exit.

fn main() -> std::process::ExitCode {
    namens::cli::main()
}
