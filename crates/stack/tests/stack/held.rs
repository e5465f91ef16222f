//! What is held open, what is written down, and EventFlow's own process, with a program in its place.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use eventflow_stack::{
    Error, Eventflow, EventflowCommand, EventflowSettings, Folder, Postgres, PostgresSettings, Redis, RedisSettings,
    Reply,
};

use crate::support::{state, until};

#[test]
fn a_session_of_redis_stays_open_and_makes_transactions() {
    let redis = Redis::start(&RedisSettings::default()).expect("it starts");
    let mut session = redis.session().expect("it is let in");
    session
        .command(&["CONFIG", "SET", "maxclients", "1"])
        .expect("it is set");
    redis.command(&["PING"]).expect_err("nobody else is let in");
    let replies = session
        .transaction(&[&["SET", "a", "1"], &["INCR", "a"], &["DBSIZE"]])
        .expect("it is done");
    assert_eq!(
        replies,
        [Reply::Text("OK".to_owned()), Reply::Number(2), Reply::Number(1)]
    );
    let refusal = session
        .transaction(&[&["LPUSH", "a", "x"], &["SET", "b", "1"]])
        .expect_err("it is no list");
    assert!(matches!(refusal, Error::Refused { .. }), "{refusal}");
    session
        .command(&["CONFIG", "SET", "maxclients", "100"])
        .expect("it is set");
    redis.command(&["PING"]).expect("others are let in");
}

#[test]
fn a_session_of_postgres_holds_its_snapshot() {
    let postgres = Postgres::start(&PostgresSettings::default()).expect("it starts");
    let mut session = postgres.session("postgres", "postgres").expect("it is let in");
    session.sql("BEGIN ISOLATION LEVEL REPEATABLE READ").expect("it begins");
    session.sql("SELECT 1").expect("it has a snapshot");
    postgres.sql("postgres", "CREATE TABLE t (n int)").expect("it is made");
    postgres
        .sql("postgres", "INSERT INTO t VALUES (1)")
        .expect("it is written");
    let seen = session.sql("SELECT count(*) FROM t").expect("it answers");
    assert_eq!(seen, [[Some("0".to_owned())]]);
    let refusal = postgres
        .session("nobody_here", "postgres")
        .expect_err("there is no such role");
    assert!(
        matches!(&refusal, Error::Refused { message, .. } if message.starts_with("28000")),
        "{refusal}"
    );
}

/// A program that says that it is ready, as a server does, and prints what it was started with.
fn program(folder: &Folder) -> EventflowSettings {
    let path = folder.path().join("server");
    let script = "#!/bin/sh\nif [ \"$1\" = migrate ]; then echo \"cannot: $EVENTFLOW_STORE_URL\"; exit 78; fi\n\
        echo \"started as $1 in $PWD, data in $EVENTFLOW_DATA_DIR\"\n\
        exec perl -MIO::Socket::INET -e '\
        my $s = IO::Socket::INET->new(LocalAddr => $ENV{EVENTFLOW_WORKER_LISTEN}, Listen => 5, ReuseAddr => 1) or die; \
        while (my $c = $s->accept) { my $l = <$c>; print $c \"HTTP/1.1 200 OK\\r\\nconnection: close\\r\\n\\r\\n\"; close $c }'\n";
    std::fs::write(&path, script).expect("it is written");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).expect("it may be executed");
    EventflowSettings {
        program: path,
        command: EventflowCommand::Worker,
        name: "worker-0".to_owned(),
        parent: folder.path().to_owned(),
        settings: BTreeMap::from([("store_url".to_owned(), "postgres://nowhere/x".to_owned())]),
        env: BTreeMap::new(),
    }
}

#[test]
fn a_process_of_eventflow_keeps_its_port_and_its_folder() {
    let place = Folder::create("held").expect("a folder is made");
    let settings = program(&place);
    let server = Eventflow::start(&settings).expect("it becomes ready");
    let (port, folder, first) = (server.port(), server.folder().to_owned(), server.process());
    let said = first
        .wait_for_line("started as worker", Duration::from_secs(10))
        .expect("it says so")
        .text;
    assert!(
        said.contains(&format!("data in {}", folder.join("data").display())),
        "{said}"
    );
    assert!(server.is_ready());
    server.kill().expect("it is killed");
    assert!(!server.is_ready());
    server
        .wait_until_ready(Duration::from_secs(1))
        .expect_err("it has ended");
    server.launch().expect("it is started again");
    server.wait_until_ready(Duration::from_secs(30)).expect("it is ready");
    let second = server.process();
    assert_eq!((server.port(), server.folder() == folder), (port, true));
    assert_ne!(first.id(), second.id());
    server.launch().expect("one that runs is left alone");
    assert_eq!(server.process().id(), second.id());
    server.stop().expect("it is frozen");
    server
        .end_within(Duration::from_secs(10))
        .expect("it ends all the same");
    until("it has ended", || state(second.id()) == '-');
    drop(server);
    assert!(!folder.exists());
}

#[test]
fn a_schema_that_cannot_be_brought_up_to_date_says_why() {
    let place = Folder::create("held").expect("a folder is made");
    let settings = program(&place);
    let error = Eventflow::migrate(&settings.program, place.path(), &settings.settings).expect_err("it fails");
    let Error::Failed { status, said, .. } = error else {
        panic!("{error} says something else")
    };
    assert_eq!(
        (status.code(), said.as_str()),
        (Some(78), "cannot: postgres://nowhere/x")
    );
}
