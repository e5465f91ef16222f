//! Faults of processes.

use super::fields::{Fields, Lasts};
use crate::scenario::check::phases::spot;
use crate::scenario::check::target::MOST;
use crate::scenario::flaw::{Bytes, Flaws};
use crate::scenario::near::listed;
use crate::scenario::raw::{RawFault, Signal};
use crate::scenario::who::Processes;
use crate::scenario::{BackendDeed, Deed, What, Which, Who};

/// Why a signal that ends a process has no `for`.
const ENDED: &str = "it is over as it strikes; the process is started again after `respawn`";

/// Why a restart has no `for`.
const RESTARTED: &str = "it is over when all of them are back";

/// What a fault with `proc` does.
pub(super) fn what(raw: &RawFault, at: &Bytes, flaws: &Flaws) -> Option<(What, Lasts)> {
    let deeds = [
        ("signal", spot(&raw.signal)),
        ("do", spot(&raw.deed)),
        ("scale", spot(&raw.scale)),
    ];
    let given: Vec<_> = deeds
        .iter()
        .filter(|(_, at)| at.is_some())
        .map(|(deed, _)| *deed)
        .collect();
    let (deed, lasts) = match &given[..] {
        ["signal"] => signal(raw, at, flaws)?,
        ["do"] => restart(raw, at, flaws)?,
        ["scale"] => scale(raw, at, flaws)?,
        [] => {
            flaws.hinted(
                at.clone(),
                "nobody says what happens to the processes",
                "write `signal = \"KILL\"`, `do = \"restart\"` or `scale = 2`",
            );
            return None;
        }
        several => {
            let message = format!("one fault does one thing, not {} at once", listed(several));
            flaws.hinted(at.clone(), message, "write two faults at the same moment");
            return None;
        }
    };
    let who = who(raw.processes.get()?.0, deed, raw.processes.at(), flaws)?;
    Some((What::Process { who, deed }, lasts))
}

fn signal(raw: &RawFault, at: &Bytes, flaws: &Flaws) -> Option<(Deed, Lasts)> {
    let signal = *raw.signal.get()?;
    let respawn = raw.respawn.get().map(|span| span.0.0);
    let (text, deed, lasts, free): (_, _, _, &[&str]) = match signal {
        Signal::Kill => ("KILL", Deed::Kill { respawn }, Lasts::Never(ENDED), &["respawn"]),
        Signal::Term => ("TERM", Deed::Term { respawn }, Lasts::Never(ENDED), &["respawn"]),
        Signal::Stop => ("STOP", Deed::Stop, Lasts::Needed, &[]),
    };
    let fields = Fields {
        needed: &["proc", "signal"],
        free,
    };
    fields.check(&format!("signal = \"{text}\""), raw, at, flaws);
    Some((deed, lasts))
}

fn restart(raw: &RawFault, at: &Bytes, flaws: &Flaws) -> Option<(Deed, Lasts)> {
    let fields = Fields {
        needed: &["proc", "do"],
        free: &[],
    };
    fields.check("do = \"restart\"", raw, at, flaws);
    let instead = match raw.deed.get()? {
        BackendDeed::Restart => return Some((Deed::Restart, Lasts::Never(RESTARTED))),
        BackendDeed::Kill => "write `signal = \"KILL\"`",
        BackendDeed::Stop => "write `signal = \"STOP\"`",
        _ => "processes have `do = \"restart\"`, `signal` and `scale`",
    };
    flaws.hinted(raw.deed.at(), "this is done to a backend, not to processes", instead);
    None
}

fn scale(raw: &RawFault, at: &Bytes, flaws: &Flaws) -> Option<(Deed, Lasts)> {
    let fields = Fields {
        needed: &["proc", "scale"],
        free: &[],
    };
    fields.check("scale", raw, at, flaws);
    let count = usize::try_from(*raw.scale.get()?).ok()?;
    if count > MOST {
        flaws.add(
            raw.scale.at(),
            format!("{count} processes are more than {MOST}, the most there can be"),
        );
        return None;
    }
    Some((Deed::Scale(count), Lasts::Free))
}

fn who(processes: Processes, deed: Deed, at: Bytes, flaws: &Flaws) -> Option<Who> {
    let Processes { role, which } = processes;
    let which = match (deed, which) {
        (Deed::Scale(_) | Deed::Restart, None) | (Deed::Scale(_), Some(Which::All)) => Which::All,
        (Deed::Scale(_), Some(_)) => {
            flaws.hinted(at, "`scale` is of all processes of a role", "leave the brackets away");
            return None;
        }
        (_, Some(which)) => which,
        (_, None) => {
            flaws.hinted(
                at,
                "nobody says which of them",
                "write `[any]` for one that is drawn, `[0]` for the first, or `[all]` behind it",
            );
            return None;
        }
    };
    Some(Who { role, which })
}
