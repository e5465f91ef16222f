//! What the tests of this crate look at: other processes, from outside.

use std::process::Command;
use std::time::Duration;

/// The state of a process as `ps` gives it: `T` stopped, `-` gone.
pub(crate) fn state(pid: u32) -> char {
    let listed = if cfg!(target_os = "linux") {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        stat.rsplit_once(") ")
            .map(|(_, rest)| rest.to_owned())
            .unwrap_or_default()
    } else {
        let listed = Command::new("ps")
            .args(["-o", "stat=", "-p", &pid.to_string()])
            .output()
            .expect("ps runs");
        String::from_utf8_lossy(&listed.stdout).trim().to_owned()
    };
    match listed.chars().next() {
        None | Some('Z' | 'X') => '-',
        Some(state) => state,
    }
}

/// Looks until it is so; fails after half a minute.
pub(crate) fn until(what: &str, so: impl Fn() -> bool) {
    for _ in 0..6_000 {
        if so() {
            return;
        }
        std::thread::park_timeout(Duration::from_millis(5));
    }
    panic!("it did not come about that {what}");
}
