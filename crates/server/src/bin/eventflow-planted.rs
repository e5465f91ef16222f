//! `eventflow` with the bug that `EVENTFLOW_PLANTED` names, or none: what `cargo xtask planted` runs scenarios against. A
//! binary of its own, so that no build with a bug ever bears the name of the real one.

fn main() -> std::process::ExitCode {
    eventflow::App::new().main()
}
