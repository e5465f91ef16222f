//! The fences between the rooms, as the design draws them.

use crate::graph::{Graph, Room};

/// What one room may know.
struct Fence {
    room: &'static str,
    /// The rooms that it may depend on.
    may: &'static [&'static str],
    /// The beginnings of names of packages that it must not link, not even through others.
    never: &'static [&'static str],
}

/// Client libraries and web frameworks, none of which belongs to a room that does not name one.
const SERVICES: &[&str] = &["redis", "sqlx", "axum", "hyper", "reqwest", "tokio"];
/// What only tests link.
const TESTKIT: &str = "eventflow-testkit";
/// The adapters: their tests may look at nothing but the model and servers of their own.
const ADAPTERS: [&str; 3] = ["eventflow-redis", "eventflow-postgres", "eventflow-sqlite"];
/// What the tests of an adapter may know.
const ADAPTER_TESTS: [&str; 3] = ["eventflow-core", "eventflow-stack", TESTKIT];

/// Every room has its line here: a new one is a decision.
const FENCES: &[Fence] = &[
    Fence {
        room: "eventflow-core",
        may: &[],
        never: SERVICES,
    },
    Fence {
        room: "eventflow-wire",
        may: &["eventflow-core"],
        never: &["redis", "sqlx", "axum"],
    },
    Fence {
        room: "eventflow-redis",
        may: &["eventflow-core"],
        never: &["sqlx", "axum", "reqwest"],
    },
    Fence {
        room: "eventflow-postgres",
        may: &["eventflow-core"],
        never: &["redis", "axum", "reqwest"],
    },
    Fence {
        room: "eventflow-sqlite",
        may: &["eventflow-core"],
        never: &["redis", "axum", "reqwest"],
    },
    Fence {
        room: "eventflow-worker",
        may: &["eventflow-core"],
        never: &["redis", "sqlx", "axum", "reqwest"],
    },
    Fence {
        room: "eventflow-api",
        may: &["eventflow-core", "eventflow-wire"],
        never: &["redis", "sqlx"],
    },
    Fence {
        room: "eventflow",
        may: &[
            "eventflow-core",
            "eventflow-redis",
            "eventflow-postgres",
            "eventflow-sqlite",
            "eventflow-worker",
            "eventflow-api",
        ],
        never: &["eventflow-load", "eventflow-stack"],
    },
    Fence {
        room: "eventflow-stack",
        may: &[],
        never: SERVICES,
    },
    Fence {
        room: "eventflow-load",
        may: &["eventflow-core", "eventflow-wire", "eventflow-stack"],
        never: &["redis", "sqlx", "axum", "indicatif", "ratatui", "crossterm"],
    },
    Fence {
        room: "efctl",
        may: &["eventflow-core", "eventflow-wire", "eventflow-load", "eventflow-stack"],
        never: &["redis", "sqlx", "axum"],
    },
    Fence {
        room: TESTKIT,
        may: &["eventflow-core"],
        never: &["redis", "sqlx", "axum", "reqwest"],
    },
    // Holds the rigs that EventFlow is measured against, and so speaks to what EventFlow's rooms speak to.
    Fence {
        room: "eventflow-bench",
        may: &["eventflow-core", "eventflow-wire", "eventflow-stack"],
        never: &[],
    },
    Fence {
        room: "eventflow-xtask",
        may: &["eventflow-stack"],
        never: &["redis", "sqlx", "axum"],
    },
];

/// Every violation of a fence, as a sentence.
pub(crate) fn violations(graph: &Graph) -> Vec<String> {
    graph
        .rooms
        .iter()
        .flat_map(|(name, room)| violations_of(name, room))
        .collect()
}

fn violations_of(name: &str, room: &Room) -> Vec<String> {
    let Some(fence) = FENCES.iter().find(|fence| fence.room == name) else {
        return vec![format!(
            "{name} is no room of the design: give it a line in crates/xtask/src/fences.rs"
        )];
    };
    let beyond = room.rooms.iter().filter(|other| !fence.may.contains(&other.as_str()));
    let beyond = beyond.map(|other| match other.as_str() {
        TESTKIT => format!("{name} depends on {TESTKIT}, which is for tests only"),
        other => format!("{name} must not depend on {other}"),
    });
    let linked = room
        .linked
        .iter()
        .filter(|package| fence.never.iter().any(|banned| is_of(package, banned)));
    let linked = linked.map(|package| format!("{name} must not link {package}, not even through others"));
    let tests = room
        .test_rooms
        .iter()
        .filter(|other| !ADAPTER_TESTS.contains(&other.as_str()));
    let tests = tests.filter(|_| ADAPTERS.contains(&name));
    let tests = tests.map(|other| format!("the tests of {name} must not depend on {other}: adapters know only core"));
    beyond.chain(linked).chain(tests).collect()
}

/// Whether a package is the banned one or one of its family: `sqlx` bans `sqlx-core`.
fn is_of(package: &str, banned: &str) -> bool {
    package
        .strip_prefix(banned)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(names: &[&str]) -> std::collections::BTreeSet<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    fn judge(name: &str, rooms: &[&str], test_rooms: &[&str], linked: &[&str]) -> Vec<String> {
        let room = Room {
            rooms: words(rooms),
            test_rooms: words(test_rooms),
            linked: words(linked),
        };
        violations(&Graph {
            rooms: [(name.to_owned(), room)].into(),
        })
    }

    #[test]
    fn what_the_design_draws_passes() {
        let core = &["eventflow-core"];
        assert!(judge("eventflow-core", &[], &[], &["serde", "bytes"]).is_empty());
        assert!(
            judge(
                "eventflow-api",
                &["eventflow-core", "eventflow-wire"],
                &[TESTKIT],
                &["axum", "tokio"]
            )
            .is_empty()
        );
        assert!(
            judge(
                "eventflow-redis",
                core,
                &[TESTKIT, "eventflow-stack"],
                &["redis", "tokio"]
            )
            .is_empty()
        );
        assert!(
            judge(
                "eventflow",
                &["eventflow-redis", "eventflow-api"],
                &["eventflow-stack"],
                &["sqlx"]
            )
            .is_empty()
        );
    }

    #[test]
    fn core_knows_nobody_and_does_no_io() {
        assert_eq!(judge("eventflow-core", &["eventflow-wire"], &[], &[]).len(), 1);
        assert_eq!(judge("eventflow-core", &[], &[], &["tokio"]).len(), 1);
    }

    #[test]
    fn adapters_know_only_core() {
        for adapter in ADAPTERS {
            assert_eq!(
                judge(adapter, &["eventflow-core", "eventflow-worker"], &[], &[]).len(),
                1
            );
            assert_eq!(judge(adapter, &[], &["eventflow-api"], &[]).len(), 1);
        }
        assert_eq!(
            judge("eventflow-redis", &["eventflow-postgres"], &[], &["sqlx", "sqlx-core"]).len(),
            3
        );
    }

    #[test]
    fn only_the_server_names_adapters() {
        for room in ["eventflow-worker", "eventflow-api", "efctl", TESTKIT, "eventflow-xtask"] {
            assert_eq!(judge(room, &["eventflow-sqlite"], &[], &[]).len(), 1, "{room}");
        }
    }

    #[test]
    fn the_server_never_links_load() {
        assert_eq!(
            judge("eventflow", &["eventflow-load"], &[], &["eventflow-load"]).len(),
            2
        );
        assert_eq!(judge("eventflow", &[], &[], &["eventflow-load"]).len(), 1);
    }

    #[test]
    fn efctl_links_no_backend_even_through_others() {
        for package in ["redis", "sqlx", "sqlx-postgres", "axum", "axum-core"] {
            assert_eq!(
                judge("efctl", &["eventflow-wire"], &[], &[package]).len(),
                1,
                "{package}"
            );
        }
        assert!(judge("efctl", &[], &[], &["sqlxy", "axumatic", "reqwest"]).is_empty());
    }

    #[test]
    fn the_testkit_is_for_tests() {
        let said = judge("eventflow-worker", &["eventflow-core", TESTKIT], &[], &[]);
        assert_eq!(
            said,
            [format!(
                "eventflow-worker depends on {TESTKIT}, which is for tests only"
            )]
        );
        assert!(judge("eventflow-worker", &["eventflow-core"], &[TESTKIT], &[]).is_empty());
    }

    #[test]
    fn the_stack_has_no_client_library_and_no_runtime() {
        assert_eq!(
            judge("eventflow-stack", &[], &[], &["redis", "tokio", "rustix"]).len(),
            2
        );
    }

    #[test]
    fn the_benchmark_measures_from_outside() {
        let linked = &["axum", "redis", "sqlx", "tokio"];
        let rooms = &["eventflow-core", "eventflow-stack"];
        assert!(judge("eventflow-bench", rooms, &[], linked).is_empty());
        assert_eq!(judge("eventflow-bench", &["eventflow-worker"], &[], linked).len(), 1);
    }

    #[test]
    fn a_new_room_is_a_decision() {
        assert_eq!(judge("eventflow-helpers", &[], &[], &[]).len(), 1);
    }
}
