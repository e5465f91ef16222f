//! A file of events goes in at the API's speed, once and again.

use std::io::{BufWriter, Write as _};
use std::path::PathBuf;

use eventflow_stack::Reply;

use crate::rig::{Mode, Plan, Stack, Tally, efctl_send, number, tests};

tests!([Embedded Postgres Pipeline]: a_file_is_stored_once_however_often_it_is_sent);

async fn a_file_is_stored_once_however_often_it_is_sent(mode: Mode) {
    let events = u64::from(number("EVENTFLOW_TEST_EVENTS", 10_000));
    let stack = Plan::new(mode).workers(2).start().await;
    let file = write_file(&stack, events);

    let first = efctl_send(&stack.apis[0], &file);
    assert_eq!(
        (first.events, first.rejected, first.unknown),
        (events, 0, 0),
        "{first:?}"
    );
    assert_eq!(first.accepted + first.duplicates, events);
    assert_eq!(stack.settled(events).await, Tally::done(events));
    if let Some(database) = &stack.database {
        assert_eq!(
            database.number("SELECT count(*) FROM events WHERE state = 'done'"),
            events
        );
        assert_eq!(database.number("SELECT count(*) FROM work"), 0);
    }
    if mode == Mode::Pipeline {
        only_marks_are_left(&stack, events);
    }
    let stats = stack.client().stats().await.expect("an answer");
    assert_eq!(stats.intake.accepted + stats.intake.duplicates, events, "{stats:?}");

    let second = efctl_send(&stack.apis[0], &file);
    assert_eq!(
        (second.events, second.rejected, second.unknown),
        (events, 0, 0),
        "{second:?}"
    );
    assert_eq!(stack.settled(events).await, Tally::done(events));
    // What the door could not know was found to be a copy when it was admitted.
    let seen = match &stack.database {
        Some(database) => database.number("SELECT coalesce(sum(copies_seen), 0) FROM events"),
        None => second.duplicates,
    };
    let accounted = if mode == Mode::Pipeline {
        second.duplicates + seen
    } else {
        seen
    };
    assert_eq!(accounted, events, "{second:?}, copies seen {seen}");
    say_rates(mode, events, first.per_second, second.per_second);
}

fn write_file(stack: &Stack, events: u64) -> PathBuf {
    let path = stack.path("events.ndjson");
    let mut file = BufWriter::new(std::fs::File::create(&path).expect("a file"));
    for n in 0..events {
        writeln!(
            file,
            r#"{{"type":"order.created","source":"checkout","id":"order-{n}","data":{{"order":{n},"total":12.5}}}}"#
        )
        .expect("written");
    }
    file.flush().expect("written");
    path
}

/// No entry, nothing pending, and of each settled event nothing but its mark, which ends by itself.
fn only_marks_are_left(stack: &Stack, events: u64) {
    let stream = "ef:{events:0}:stream";
    assert_eq!(stack.redis_number(&["XLEN", stream]), 0);
    let Reply::List(pending) = stack.ask_redis(&["XPENDING", stream, "workers"]) else {
        panic!("a summary")
    };
    assert_eq!(pending.first(), Some(&Reply::Number(0)));
    let count = "local marks, endless = 0, 0 \
                 for _, key in ipairs(redis.call('KEYS', ARGV[1])) do \
                   marks = marks + 1 if redis.call('PTTL', key) < 0 then endless = endless + 1 end end \
                 return {marks, endless}";
    let Reply::List(counted) = stack.ask_redis(&["EVAL", count, "0", "ef:{events:*}:mark:*"]) else {
        panic!("two numbers")
    };
    let events = i64::try_from(events).expect("a number");
    assert_eq!(
        counted,
        [Reply::Number(events), Reply::Number(0)],
        "marks, and those without an end"
    );
    let others = stack.redis_number(&["DBSIZE"]) - events;
    assert_eq!(others, 2, "the stream and the number of partitions");
}

fn say_rates(mode: Mode, events: u64, first: f64, second: f64) {
    let mut out = std::io::stderr().lock();
    writeln!(out, "{mode:?}: {events} events at {first:.0}/s, again at {second:.0}/s").expect("written");
}
