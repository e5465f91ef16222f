//! Which fields go with which fault.

use crate::scenario::check::phases::spot;
use crate::scenario::flaw::{Bytes, Flaws};
use crate::scenario::near::listed;
use crate::scenario::raw::RawFault;

/// Whether a fault has to end.
#[derive(Clone, Copy, Debug)]
pub(super) enum Lasts {
    /// It stays until somebody ends it: `for` must stand.
    Needed,
    /// With `for`, or without.
    Free,
    /// It is over as it strikes; why, for who wrote `for` all the same.
    Never(&'static str),
}

/// The fields of a fault, but for `id`, `at` and `for`, which all have.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fields {
    /// They must stand.
    pub(super) needed: &'static [&'static str],
    /// They may.
    pub(super) free: &'static [&'static str],
}

impl Fields {
    /// Says which fields are missing, and which have no meaning with a fault of which `head` is the beginning.
    pub(super) fn check(self, head: &str, raw: &RawFault, at: &Bytes, flaws: &Flaws) {
        let given = raw.fields();
        for (name, at) in &given {
            if self.needed.contains(name) || self.free.contains(name) {
                continue;
            }
            let message = format!("`{name}` has no meaning with `{head}`");
            let may = [self.needed, self.free, &["for"]].concat();
            flaws.hinted(at.clone(), message, format!("what goes with it is {}", listed(&may)));
        }
        for name in self.needed {
            if !given.iter().any(|(given, _)| given == name) {
                let message = format!("`{head}` needs `{name}`");
                flaws.hinted(at.clone(), message, format!("write one such as `{}`", example(name)));
            }
        }
    }
}

/// How a field may look.
fn example(field: &str) -> &'static str {
    match field {
        "route" => "route = \"postgres\"",
        "delay" => "delay = \"50ms\"",
        "rate" => "rate = \"64KiB/s\"",
        "bytes" => "bytes = \"8KiB\"",
        _ => "do = \"restart\"",
    }
}

impl RawFault {
    /// The fields that stand, but for those that all faults have.
    fn fields(&self) -> Vec<(&'static str, Bytes)> {
        let all = [
            ("tcp", spot(&self.tcp)),
            ("route", spot(&self.route)),
            ("side", spot(&self.side)),
            ("share", spot(&self.share)),
            ("delay", spot(&self.delay)),
            ("jitter", spot(&self.jitter)),
            ("rate", spot(&self.rate)),
            ("bytes", spot(&self.bytes)),
            ("proc", spot(&self.processes)),
            ("signal", spot(&self.signal)),
            ("respawn", spot(&self.respawn)),
            ("scale", spot(&self.scale)),
            ("backend", spot(&self.backend)),
            ("do", spot(&self.deed)),
        ];
        all.into_iter().filter_map(|(name, at)| Some((name, at?))).collect()
    }
}
