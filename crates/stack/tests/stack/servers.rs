//! Real servers: started, hurt, mended, ended.

use std::net::TcpListener;
use std::time::Duration;

use eventflow_stack::{Error, Postgres, PostgresSettings, Redis, RedisSettings, Reply};

use crate::support::state;

fn redis() -> Redis {
    Redis::start(&RedisSettings::default()).expect("redis-server starts")
}

fn postgres() -> Postgres {
    Postgres::start(&PostgresSettings::default()).expect("PostgreSQL starts")
}

fn text(reply: Reply) -> String {
    match reply {
        Reply::Text(text) => text,
        other => panic!("{other:?} is not a text"),
    }
}

#[test]
fn redis_keeps_what_it_has_over_a_kill_and_a_restart() {
    let redis = redis();
    redis.command(&["SET", "key", "one"]).expect("it takes a write");
    let (port, first) = (redis.port(), redis.process().id());
    redis.kill().expect("it is killed");
    redis.command(&["PING"]).expect_err("it is gone");
    redis.restart().expect("it starts again");
    assert_eq!((redis.port(), redis.process().id() == first), (port, false));
    assert_eq!(text(redis.command(&["GET", "key"]).expect("it answers")), "one");
    redis.restart().expect("a running one is restarted too");
    assert_eq!(text(redis.command(&["GET", "key"]).expect("it answers")), "one");
}

#[test]
fn redis_is_durable_by_default_and_its_configuration_can_be_rewritten() {
    let redis = redis();
    let config = |name: &str| match redis.command(&["CONFIG", "GET", name]).expect("it answers") {
        Reply::List(words) => text(words.last().expect("there is a value").clone()),
        other => panic!("{other:?} is not a list"),
    };
    assert_eq!(
        (config("appendonly"), config("appendfsync")),
        ("yes".to_owned(), "always".to_owned())
    );
    redis
        .command(&["CONFIG", "SET", "appendfsync", "everysec"])
        .expect("it is set");
    redis.command(&["CONFIG", "REWRITE"]).expect("it is written");
    redis.restart().expect("it starts again");
    assert_eq!(config("appendfsync"), "everysec");
    assert!(redis.socket().is_none_or(|socket| socket.exists()));
}

#[test]
fn redis_says_why_it_does_not_start_and_why_it_refuses() {
    let settings = RedisSettings::default().set("maxmemory-policy", "no-such-policy");
    let error = Redis::start(&settings).expect_err("the setting is wrong");
    assert!(
        matches!(&error, Error::Ended { said, .. } if said.contains("maxmemory-policy")),
        "{error}"
    );
    let refusal = redis()
        .command(&["NO-SUCH-COMMAND"])
        .expect_err("there is no such command");
    assert!(matches!(refusal, Error::Refused { .. }), "{refusal}");
}

#[test]
fn a_frozen_redis_answers_only_after_it_runs_on() {
    let redis = redis();
    redis.stop().expect("it is stopped");
    assert_eq!(state(redis.process().id()), 'T');
    redis.cont().expect("it runs on");
    assert_eq!(text(redis.command(&["PING"]).expect("it answers")), "PONG");
}

#[test]
fn postgres_keeps_what_is_committed_over_a_kill_and_a_restart() {
    let postgres = postgres();
    let url = postgres.create_database("orders").expect("a database is made");
    assert_eq!(url, format!("postgres://postgres@127.0.0.1:{}/orders", postgres.port()));
    postgres
        .sql("orders", "CREATE TABLE t (n int); INSERT INTO t VALUES (7), (NULL)")
        .expect("it takes a write");
    postgres.kill().expect("it is killed");
    postgres.sql("orders", "SELECT 1").expect_err("it is gone");
    postgres.restart().expect("it recovers");
    let rows = postgres
        .sql("orders", "SELECT n FROM t ORDER BY n")
        .expect("it answers");
    assert_eq!(rows, [[Some("7".to_owned())], [None]]);
    postgres.restart().expect("a running one is restarted too");
    let settings = "SELECT current_setting('fsync'), current_setting('synchronous_commit')";
    let rows = postgres.sql("orders", settings).expect("it answers");
    assert_eq!(rows, [[Some("on".to_owned()), Some("on".to_owned())]]);
    let refusal = postgres
        .sql("orders", "SELECT * FROM nothing")
        .expect_err("there is no such table");
    assert!(
        matches!(&refusal, Error::Refused { message, .. } if message.starts_with("42P01")),
        "{refusal}"
    );
}

#[test]
fn freezing_and_killing_postgres_reach_its_backends() {
    let postgres = postgres();
    let servants: Vec<u32> = postgres
        .sql(
            "postgres",
            "SELECT pid FROM pg_stat_activity WHERE backend_type IN ('checkpointer', 'walwriter', 'background writer')",
        )
        .expect("it answers")
        .into_iter()
        .map(|row| {
            row[0]
                .as_deref()
                .expect("there is a pid")
                .parse()
                .expect("it is a number")
        })
        .collect();
    assert!(servants.len() == 3, "the checkpointer and the writers");
    postgres.stop().expect("it is stopped");
    for pid in &servants {
        assert_eq!(state(*pid), 'T');
    }
    postgres.cont().expect("it runs on");
    postgres.sql("postgres", "SELECT 1").expect("it answers");
    postgres.stop().expect("it is stopped");
    postgres.kill().expect("it is killed");
    for pid in &servants {
        assert_eq!(state(*pid), '-');
    }
}

#[test]
fn two_stacks_live_side_by_side_and_leave_nothing() {
    let (one, two) = (redis(), redis());
    let (three, four) = (postgres(), postgres());
    one.command(&["SET", "key", "one"]).expect("it takes a write");
    assert_eq!(two.command(&["GET", "key"]).expect("it answers"), Reply::Nil);
    three.create_database("only_here").expect("a database is made");
    four.sql("only_here", "SELECT 1")
        .expect_err("the other has no such database");

    let ports = [one.port(), two.port(), three.port(), four.port()];
    let folders = [one.folder(), two.folder(), three.folder(), four.folder()].map(std::path::Path::to_owned);
    let pids = [
        one.process().id(),
        two.process().id(),
        three.process().id(),
        four.process().id(),
    ];
    // Whoever holds the process holds up nobody, and a frozen server ends as well.
    let held = one.process();
    two.stop().expect("it is stopped");
    three.stop().expect("it is stopped");
    drop((one, two, three, four));
    assert!(!held.is_running());
    assert!(folders.iter().all(|folder| !folder.exists()));
    for pid in pids {
        assert_eq!(state(pid), '-');
    }
    for port in ports {
        TcpListener::bind(("127.0.0.1", port)).expect("the port is free");
    }
}

#[test]
fn ended_in_order_they_stay_away_until_they_are_restarted() {
    let (redis, postgres) = (redis(), postgres());
    redis.terminate().expect("it ends");
    postgres.terminate().expect("it ends");
    assert!(!redis.process().is_running() && !postgres.process().is_running());
    postgres
        .process()
        .wait_for_line("database system is shut down", Duration::from_secs(10))
        .expect("it says so");
    redis.restart().expect("it starts again");
    postgres.restart().expect("it starts again");
}
