//! A small scenario, and sends for it.

use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use eventflow_core::EventKey;

use crate::plan::Send;
use crate::scenario::{Overrides, Scenario};

pub(crate) const SECOND: Duration = Duration::from_secs(1);

/// Ten seconds of warm-up, twenty that are measured, two kinds, and two faults: `F1` from 20 s to 25 s, and `kill` at 24 s.
const TEXT: &str = r#"
schema = 1
name = "measured"
seed = 7
phases = [
  { name = "warmup", for = "10s", rate = "10/s", measure = false },
  { name = "steady", for = "20s", rate = "10/s" },
  { name = "drain", until = "drained", at_most = "1m" },
]
mix = [
  { weight = 9, event = "order" },
  { weight = 1, event = "efctl.sim.poison", name = "poison", data = { fail = "permanent" }, expect = "dlq" },
]
faults = [
  { at = "steady+10s", for = "5s", tcp = "reset", route = "postgres" },
  { id = "kill", at = "24s", proc = "worker[any]", signal = "KILL" },
]
[target]
stack = "postgres"
"#;

pub(crate) fn scenario() -> Scenario {
    Scenario::parse(TEXT, "measured.toml", Path::new("."), &Overrides::default()).expect("a scenario")
}

/// A send of that number. Its body is as good as any.
pub(crate) fn send(seq: u64, at: Duration, phase: u16, kind: u16) -> Send {
    let id = format!("01890a5d-ac96-774b-bcce-{seq:012x}");
    let body = format!(r#"{{"type":"order","source":"test","id":"{id}","data":{{"n":{seq}}}}}"#);
    Send {
        seq,
        at,
        phase,
        kind,
        key: EventKey::of("test", &id),
        id,
        body: Bytes::from(body),
        resend: false,
    }
}
