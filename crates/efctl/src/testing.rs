//! Values for tests.

use eventflow_wire::{EventView, Stats};
use serde_json::{Map, Value};

use crate::look::Look;

/// A terminal of 80 columns without colour.
pub(crate) const fn look_80() -> Look {
    Look {
        colour: false,
        width: Some(80),
    }
}

/// A pipe.
pub(crate) const fn look_pipe() -> Look {
    Look {
        colour: false,
        width: None,
    }
}

/// An event as the API shows one, with these members set. Its data has a space and a line break between tokens.
pub(crate) fn event(members: &str) -> EventView {
    let base = r#"{"key":"9d4eb02a-cf1e-88c7-9bb1-86cb54b80777","source":"checkout","id":"4711","id_given":true,
        "type":"order.created","state":"done","time":"2026-05-01T12:00:00.000000Z",
        "received_at":"2026-05-01T12:00:00.123456Z","correlation_id":"corr-1","copies_seen":0}"#;
    let mut event: Map<String, Value> = serde_json::from_str(base).expect("a JSON object");
    let more: Map<String, Value> = serde_json::from_str(members).expect("a JSON object");
    event.extend(more);
    let json = serde_json::to_string(&event).expect("JSON");
    let fixed = format!("{},\"data\":{{\"total\": 7\n}}}}", &json[..json.len() - 1]);
    serde_json::from_str(&fixed).expect("an event")
}

/// The numbers of a healthy pipeline, with these members set; a member set to null is absent.
pub(crate) fn stats(members: &str) -> Stats {
    let base = r#"{"version":"0.1.0","at":"2026-05-01T12:00:00.000000Z","uptime_s":11520.0,"durability":"disk",
        "intake":{"accepted":1234567,"direct":12,"duplicates":5,"rejected":{"too-deep":3},"in_flight":4,"accepted_per_s":1998.0},
        "backlog":{"events":4673,"cap":1000000,"estimate":true},
        "queue":{"bypassed":false,"age_s":0.2,"partitions":[{"partition":0,"entries":4120,"pending":120,"lag":4000,
            "oldest":"2026-05-01T11:59:57.900000Z"}]},
        "ledger":{"due":512,"running":41,"counted_at":"2026-05-01T11:59:57.000000Z","age_s":0.5,"estimate":true},
        "letters":{"dead":38,"discarded":2},"workers":{"living":4,"gone":0},
        "handlers":[{"pattern":"order.*","paused":false,"carriers":2,"due":512,"running":41,
            "oldest_due":"2026-05-01T11:59:48.000000Z","counted_at":"2026-05-01T11:59:57.000000Z"}],
        "paused":false,
        "backends":[{"name":"Redis","reachable":true,"version":"Redis 7.0.15","level_asked":"disk","level_in_force":"disk",
            "assumed":false,"round_trip_us":300,"findings":[],"facts":{},"age_s":1.0},
          {"name":"PostgreSQL","reachable":true,"version":"PostgreSQL 15.8","level_asked":"disk","level_in_force":"disk",
            "assumed":false,"round_trip_us":1234,"findings":[],"facts":{"oldest_transaction_seconds":"0.2","work_dead_rows":"12"},"age_s":1.0}]}"#;
    let mut stats: Map<String, Value> = serde_json::from_str(base).expect("a JSON object");
    let more: Map<String, Value> = serde_json::from_str(members).expect("a JSON object");
    stats.extend(more);
    serde_json::from_value(Value::Object(stats)).expect("stats")
}
