//! Attempts for the tests of this crate.

use std::time::Duration;

use bytes::Bytes;
use eventflow_core::EventKey;

use super::Head;
use crate::plan::Send;

/// The source of [`send`].
pub(crate) const SOURCE: &str = "efctl-load/s/r";

/// Of a run called `s`.
pub(crate) fn head() -> Head {
    Head {
        scenario: "s".into(),
        run: "r".into(),
        source: SOURCE.into(),
        seed: 7,
    }
}

/// An attempt, intended at `seq` milliseconds.
pub(crate) fn send(seq: u64, id: &str) -> Send {
    Send {
        seq,
        at: Duration::from_millis(seq),
        phase: 0,
        kind: 0,
        id: id.to_owned(),
        key: EventKey::of(SOURCE, id),
        body: Bytes::from_static(b"{}"),
        resend: false,
    }
}
