//! Faults of backends.

use super::fields::{Fields, Lasts};
use crate::scenario::ability::suffers;
use crate::scenario::flaw::{Bytes, Flaws};
use crate::scenario::near::choice;
use crate::scenario::raw::{RawFault, Signal};
use crate::scenario::{Backend, BackendDeed, What};

const FIELDS: Fields = Fields {
    needed: &["backend", "do"],
    free: &[],
};

/// Each with the name that a user types.
const DEEDS: [(BackendDeed, &str); 9] = [
    (BackendDeed::Kill, "kill"),
    (BackendDeed::Stop, "stop"),
    (BackendDeed::Restart, "restart"),
    (BackendDeed::Flush, "flush"),
    (BackendDeed::MaxMemory, "maxmemory"),
    (BackendDeed::ReadOnly, "read_only"),
    (BackendDeed::MaxConnections, "max_connections"),
    (BackendDeed::HoldSnapshot, "hold_snapshot"),
    (BackendDeed::PowerCut, "power_cut"),
];

/// What a fault with `backend` does.
pub(super) fn what(raw: &RawFault, at: &Bytes, flaws: &Flaws) -> Option<(What, Lasts)> {
    if raw.signal.stands() && !raw.deed.stands() {
        let instead = match raw.signal.get() {
            Some(Signal::Kill) => "write `do = \"kill\"`",
            Some(Signal::Stop) => "write `do = \"stop\"`",
            _ => "write `do = \"restart\"`",
        };
        flaws.hinted(
            raw.signal.at(),
            "`signal` is sent to processes of EventFlow, not to a backend",
            instead,
        );
        return None;
    }
    FIELDS.check("backend", raw, at, flaws);
    let (backend, deed) = (*raw.backend.get()?, *raw.deed.get()?);
    if !suffers(backend, deed) {
        let possible = DEEDS
            .iter()
            .filter(|(deed, _)| suffers(backend, *deed))
            .map(|(_, name)| *name);
        let message = format!("`{}` cannot be done to {}", name(deed), product(backend));
        flaws.hinted(raw.deed.at(), message, choice(possible));
        return None;
    }
    Some((What::Backend { backend, deed }, lasts(deed)))
}

const fn lasts(deed: BackendDeed) -> Lasts {
    match deed {
        BackendDeed::Restart => Lasts::Never("it is over when the backend is back"),
        BackendDeed::Flush => Lasts::Never("it is over as it strikes"),
        BackendDeed::PowerCut => Lasts::Free,
        BackendDeed::Kill
        | BackendDeed::Stop
        | BackendDeed::MaxMemory
        | BackendDeed::ReadOnly
        | BackendDeed::MaxConnections
        | BackendDeed::HoldSnapshot => Lasts::Needed,
    }
}

fn name(deed: BackendDeed) -> &'static str {
    DEEDS
        .iter()
        .find(|(known, _)| *known == deed)
        .map_or("this", |(_, name)| name)
}

const fn product(backend: Backend) -> &'static str {
    match backend {
        Backend::Redis => "Redis",
        Backend::Postgres => "PostgreSQL",
        Backend::Sqlite => "the SQLite file of `dev`; its process is hurt with `proc`",
    }
}
