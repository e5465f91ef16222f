//! `eventflow`: every event is stored; handlers are what a binary of one's own brings (`examples/orders.rs`).

fn main() -> std::process::ExitCode {
    eventflow::App::new().main()
}
