//! What ends a start, with which exit code, and what is said about it.

use std::net::TcpListener;

use eventflow_core::Durability;
use eventflow_wire::{HealthStatus, Stats};

use crate::rig::{Mode, Plan, Service, Stack, run, tests};

tests!([Postgres Pipeline]:
    a_store_without_its_schema_is_refused_with_what_to_type
    a_store_below_the_level_is_refused_with_three_ways_out
);
tests!([Pipeline]:
    a_queue_below_the_level_is_refused_with_three_ways_out
    a_queue_that_evicts_is_refused
    another_number_of_partitions_is_refused
);

/// `EX_CONFIG` of sysexits.h.
const CONFIG: Option<i32> = Some(78);

fn refused(stack: &Stack, args: &[&str], settings: &[(&str, &str)], parts: &[&str]) {
    let (code, said) = stack.command(args, settings);
    assert_eq!(code, CONFIG, "{args:?} {settings:?}: {said}");
    for part in parts {
        assert!(said.contains(part), "{args:?} {settings:?}: {part}: {said}");
    }
}

#[test]
fn a_wrong_key_or_value_is_named() {
    run(async {
        let stack = Plan::new(Mode::Embedded).prepare();
        refused(
            &stack,
            &["dev"],
            &[("laese", "3s")],
            &["laese", "`lease`", "EVENTFLOW_LAESE"],
        );
        refused(&stack, &["dev", "--lease", "15"], &[], &["lease", "--lease", "15s"]);
        refused(
            &stack,
            &["solo"],
            &[("attempts", "many")],
            &["attempts", "EVENTFLOW_ATTEMPTS"],
        );
        refused(
            &stack,
            &["dev", "--durability", "always"],
            &[],
            &["durability", "process"],
        );
        refused(&stack, &["dev", "--durability", "memory"], &[], &["--allow-volatile"]);
        refused(&stack, &["dev", "--log", "no=such=filter"], &[], &["log"]);
        refused(&stack, &["dev", "--log-format", "xml"], &[], &["log_format"]);
        refused(&stack, &["dev", "--config", "nowhere.toml"], &[], &["nowhere.toml"]);
        refused(&stack, &["dev", "--tokens-file", "nowhere"], &[], &["tokens_file"]);
        std::fs::write(stack.path("eventflow.toml"), "retentoin = \"3d\"\n").expect("a file");
        refused(&stack, &["dev"], &[], &["retentoin", "eventflow.toml", "`retention`"]);
    });
}

#[test]
fn urls_that_do_not_go_together_are_refused() {
    run(async {
        let stack = Plan::new(Mode::Embedded).prepare();
        for role in ["api", "worker"] {
            refused(&stack, &[role], &[], &["SQLite", "solo"]);
        }
        refused(
            &stack,
            &["solo"],
            &[("queue_url", "redis://127.0.0.1:1")],
            &["queue_url", "store_url"],
        );
        refused(
            &stack,
            &["solo"],
            &[("store_url", "mysql://127.0.0.1/x")],
            &["store_url", "postgres://"],
        );
        refused(
            &stack,
            &["solo"],
            &[
                ("store_url", "postgres://u:hushhush@127.0.0.1/x"),
                ("queue_url", "amqp://:hushhush@h"),
            ],
            &["queue_url"],
        );
        let (_, said) = stack.command(&["config"], &[("store_url", "postgres://u:hushhush@127.0.0.1/x")]);
        assert!(
            said.contains("postgres://u:****@127.0.0.1/x") && !said.contains("hushhush"),
            "{said}"
        );
    });
}

#[test]
fn a_door_to_the_world_needs_tokens_or_a_word() {
    run(async {
        let stack = Plan::new(Mode::Embedded).prepare();
        refused(
            &stack,
            &["dev", "--listen", "0.0.0.0:0"],
            &[],
            &["listen", "tokens_file", "--insecure"],
        );
        let (code, said) = stack.command(&["config", "--for", "dev", "--listen", "0.0.0.0:0", "--insecure"], &[]);
        assert_eq!(code, Some(0), "{said}");
    });
}

#[test]
fn a_busy_port_names_the_flag() {
    run(async {
        let stack = Plan::new(Mode::Embedded).prepare();
        let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = taken.local_addr().expect("an address").to_string();
        let (code, said) = stack.command(&["dev", "--listen", &address], &[]);
        assert!(code.is_some_and(|code| code != 0), "{code:?}: {said}");
        assert!(said.contains("--listen") && said.contains(&address), "{said}");
    });
}

async fn a_store_without_its_schema_is_refused_with_what_to_type(mode: Mode) {
    let stack = Plan::new(mode).prepare();
    // As an older version left it, and as a newer one would.
    for (version, parts) in [(0, ["older", "eventflow migrate"]), (9_999, ["newer", "a newer one"])] {
        stack
            .database()
            .sql(&format!("UPDATE _sqlx_migrations SET version = {version}"));
        for role in ["api", "worker", "solo"] {
            refused(&stack, &[role], &[("listen", "127.0.0.1:0")], &parts);
        }
    }
    stack.database().sql("DROP SCHEMA public CASCADE; CREATE SCHEMA public");
    for role in ["api", "worker", "solo"] {
        refused(&stack, &[role], &[("listen", "127.0.0.1:0")], &["eventflow migrate"]);
    }
    // `dev` migrates by itself.
    let dev = Service::start(stack.starting("dev")).await;
    assert_eq!(dev.terminate(), Some(0));
    let (code, said) = stack.command(&["migrate"], &[]);
    assert_eq!(code, Some(0), "{said}");
}

async fn a_store_below_the_level_is_refused_with_three_ways_out(mode: Mode) {
    let mut stack = Plan::new(mode).own_server().prepare();
    let database = stack.database();
    database.sql("ALTER SYSTEM SET fsync = off");
    database.sql("SELECT pg_reload_conf()");
    for role in ["api", "worker", "solo"] {
        refused(
            &stack,
            &[role],
            &[("listen", "127.0.0.1:0")],
            &["fsync", "ALTER SYSTEM", "--durability process", "--assume-durability"],
        );
    }
    // Neither is this enough for `process`.
    refused(
        &stack,
        &["solo"],
        &[("listen", "127.0.0.1:0"), ("durability", "process")],
        &["fsync"],
    );
    stack.set("assume_durability", "true");
    let stats = started(&stack).await;
    let store = backend(&stats, "PostgreSQL");
    assert!(
        store.assumed && store.level_in_force != Some(Durability::Disk),
        "{store:?}"
    );
    stack.set("assume_durability", "false");

    let database = stack.database();
    database.sql("ALTER SYSTEM SET fsync = on");
    database.sql("ALTER SYSTEM SET synchronous_commit = off");
    database.sql("SELECT pg_reload_conf()");
    refused(
        &stack,
        &["solo"],
        &[("listen", "127.0.0.1:0")],
        &["synchronous_commit", "--durability process", "--assume-durability"],
    );
    stack.set("durability", "process");
    let stats = started(&stack).await;
    assert_eq!(stats.durability, Durability::Process);
    let store = backend(&stats, "PostgreSQL");
    assert!(
        !store.assumed && store.level_in_force == Some(Durability::Process),
        "{store:?}"
    );
}

async fn a_queue_below_the_level_is_refused_with_three_ways_out(mode: Mode) {
    let mut stack = Plan::new(mode).prepare();
    stack.ask_redis(&["CONFIG", "SET", "appendfsync", "everysec"]);
    for role in ["api", "worker", "solo"] {
        refused(
            &stack,
            &[role],
            &[("listen", "127.0.0.1:0")],
            &[
                "appendfsync",
                "CONFIG SET appendfsync always",
                "CONFIG REWRITE",
                "--durability process",
                "--assume-durability",
            ],
        );
    }
    stack.set("durability", "process");
    let stats = started(&stack).await;
    let queue = backend(&stats, "Redis");
    assert!(
        !queue.assumed && queue.level_in_force == Some(Durability::Process),
        "{queue:?}"
    );
    stack.set("durability", "disk");
    stack.set("assume_durability", "true");
    let stats = started(&stack).await;
    let queue = backend(&stats, "Redis");
    assert!(queue.assumed && queue.level_asked == Durability::Disk, "{queue:?}");
    assert_eq!(queue.level_in_force, Some(Durability::Process), "{queue:?}");
}

async fn a_queue_that_evicts_is_refused(mode: Mode) {
    let stack = Plan::new(mode).prepare();
    stack.ask_redis(&["CONFIG", "SET", "maxmemory-policy", "allkeys-lru"]);
    let parts = ["maxmemory-policy", "noeviction"];
    refused(&stack, &["api"], &[("listen", "127.0.0.1:0")], &parts);
    refused(&stack, &["worker"], &[], &parts);
}

async fn another_number_of_partitions_is_refused(mode: Mode) {
    let stack = Plan::new(mode).start().await;
    for role in ["api", "worker", "solo"] {
        refused(
            &stack,
            &[role],
            &[("listen", "127.0.0.1:0"), ("partitions", "2")],
            &["partitions"],
        );
    }
    assert!(stack.client().ready().await.is_ok());
}

/// What `/stats` of an API on these backends says; `/health` shows the same levels, and does not fail.
async fn started(stack: &Stack) -> Stats {
    let api = Service::start(stack.starting("api")).await;
    let stats = api.client().stats().await.expect("an answer");
    let health = api.client().health().await.expect("an answer");
    assert_ne!(health.status, HealthStatus::Fail, "{health:?}");
    for backend in &stats.backends {
        let check = &health.checks[&format!("{}:durability", backend.name)][0];
        assert_eq!(check.level_asked, Some(backend.level_asked), "{health:?}");
        assert_eq!(check.level_in_force, backend.level_in_force, "{health:?}");
        assert_eq!(check.assumed, Some(backend.assumed), "{health:?}");
    }
    stats
}

fn backend<'a>(stats: &'a Stats, name: &str) -> &'a eventflow_wire::BackendView {
    stats
        .backends
        .iter()
        .find(|backend| backend.name == name)
        .expect("it is shown")
}
