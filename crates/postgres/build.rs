//! A migration that is added is compiled in.

fn main() {
    println!("cargo:rerun-if-changed=../../migrations/postgres");
}
