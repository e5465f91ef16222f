//! `eventflow`: every event is stored; handlers are what a binary of one's own brings (`examples/orders.rs`).

/// A request makes some sixty small allocations; the system's allocator takes a sixth of the time that it needs.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    eventflow::App::new().main()
}
