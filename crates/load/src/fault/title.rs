//! What faults are called.

use crate::scenario::{Backend, BackendDeed, Deed, Role, Toxic, What, Which, Who};

/// What a fault is, for people: `KILL worker[any]`, `reset on postgres, 50 % of connections`, `flush redis`.
pub fn title(what: &What) -> String {
    match what {
        What::Tcp {
            toxic, route, share, ..
        } => {
            let whole = format!("{} on {}", self::toxic(toxic), route.as_str());
            let of = match toxic {
                Toxic::DropReply => "replies",
                _ => "connections",
            };
            if *share < 1.0 {
                format!("{whole}, {} % of {of}", share * 100.0)
            } else {
                whole
            }
        }
        What::Process { who, deed } => match deed {
            Deed::Kill { .. } => format!("KILL {}", self::who(*who)),
            Deed::Term { .. } => format!("TERM {}", self::who(*who)),
            Deed::Stop => format!("STOP {}", self::who(*who)),
            Deed::Restart => format!("restart {}", self::who(*who)),
            Deed::Scale(count) => format!("scale {} to {count}", role(who.role)),
        },
        What::Backend { backend, deed } => format!("{} {}", self::deed(*deed), self::backend(*backend)),
    }
}

/// What a role is called.
pub(super) const fn role(role: Role) -> &'static str {
    match role {
        Role::Api => "api",
        Role::Worker => "worker",
    }
}

/// What a backend is called.
pub(super) const fn backend(backend: Backend) -> &'static str {
    match backend {
        Backend::Redis => "redis",
        Backend::Postgres => "postgres",
        Backend::Sqlite => "sqlite",
    }
}

fn who(who: Who) -> String {
    let role = role(who.role);
    match who.which {
        Which::Any => format!("{role}[any]"),
        Which::All => format!("{role}[all]"),
        Which::Nth(index) => format!("{role}[{index}]"),
    }
}

const fn toxic(toxic: &Toxic) -> &'static str {
    match toxic {
        Toxic::Latency { .. } => "latency",
        Toxic::Bandwidth { .. } => "bandwidth",
        Toxic::Slice { .. } => "slice",
        Toxic::SlowClose { .. } => "slow_close",
        Toxic::BlackHole => "black_hole",
        Toxic::Reset => "reset",
        Toxic::CutAfter { .. } => "cut_after",
        Toxic::Refuse => "refuse",
        Toxic::DropReply => "drop_reply",
    }
}

const fn deed(deed: BackendDeed) -> &'static str {
    match deed {
        BackendDeed::Kill => "KILL",
        BackendDeed::Stop => "STOP",
        BackendDeed::Restart => "restart",
        BackendDeed::Flush => "flush",
        BackendDeed::MaxMemory => "maxmemory",
        BackendDeed::ReadOnly => "read_only",
        BackendDeed::MaxConnections => "max_connections",
        BackendDeed::HoldSnapshot => "hold_snapshot",
        BackendDeed::PowerCut => "power_cut",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::{Route, Side};

    #[test]
    fn titles_are_short_and_say_all() {
        let reset = |share| What::Tcp {
            toxic: Toxic::Reset,
            route: Route::Postgres,
            side: Side::Down,
            share,
        };
        assert_eq!(title(&reset(0.5)), "reset on postgres, 50 % of connections");
        assert_eq!(title(&reset(1.0)), "reset on postgres");
        let kill = What::Process {
            who: Who {
                role: Role::Worker,
                which: Which::Any,
            },
            deed: Deed::Kill { respawn: None },
        };
        assert_eq!(title(&kill), "KILL worker[any]");
        let flush = What::Backend {
            backend: Backend::Redis,
            deed: BackendDeed::Flush,
        };
        assert_eq!(title(&flush), "flush redis");
    }
}
