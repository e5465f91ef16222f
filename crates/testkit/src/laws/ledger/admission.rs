//! Law 1: a key has one row, and whoever admits it first decides.

use eventflow_core::{
    AdmitReply, Admitted, EventState, Fate, LeaseGrant, LeaseToken, Payload, Reason, RegistryVersion, Verdict,
};

use crate::build::{self, event, pattern};
use crate::laws::{LEASE, Stage};
use crate::rig::LedgerRig;

/// A new row is in the state that its fate says, and is all that was given.
pub async fn a_new_row_is_what_its_fate_says(rig: &dyn LedgerRig) {
    let s = Stage::new(rig);
    s.worker(&["h"]).await;
    let (done, due, dead) = (event("t", "1", "1"), event("h", "2", "2"), event("h", "3", "3"));
    let new = Admitted::New { started: false };
    assert_eq!(s.admit_one(done.clone(), Fate::Done).await, new);
    assert_eq!(s.admit_one(due.clone(), Fate::Due(pattern("h"))).await, new);
    let death = build::permanent("dead on arrival");
    assert_eq!(s.admit_one(dead.clone(), Fate::Dead(death.clone())).await, new);

    let done = s.get(done.build().key).await;
    assert_eq!((done.state, done.work, done.copies_seen), (EventState::Done, None, 0));
    let due = s.get(due.build().key).await;
    let work = due.work.expect("it waits");
    assert_eq!(
        (due.state, work.worker, work.handler),
        (EventState::Due, None, pattern("h"))
    );
    assert_eq!((work.attempt, work.base, work.crashes), (0, 0, 0));
    assert_eq!(work.due_at, due.admitted_at, "it is due when it was admitted");
    let dead = s.get(dead.build().key).await;
    let letter = dead.death.expect("it has a letter");
    assert_eq!((dead.state, dead.work), (EventState::Dead, None));
    assert_eq!(
        (letter.reason, letter.message),
        (Reason::Permanent, death.message.clone())
    );
    assert_eq!(
        (letter.handler, letter.attempt, letter.crashes, letter.requeues),
        (None, 0, 0, 0)
    );
    assert_eq!((letter.cause, letter.died_at), (death.cause(), dead.admitted_at));
}

/// An event is read back as it was written, every member of it, whatever its payload is.
pub async fn an_event_is_read_back_byte_for_byte(rig: &dyn LedgerRig) {
    let s = Stage::new(rig);
    let events = [
        event(
            "t",
            "json",
            "{ \"n\": 1e0,\n \"n2\" : 12345678901234567890, \"ü\":\"\\u00e9\"}",
        )
        .source("checkout/ü")
        .subject("a subject")
        .traceparent("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
        .extensions("{\"dataschema\":\"https://example.org\", \"x\" :1}"),
        event("t", "empty", "").generated_id(),
        event("t", "scalar", "\"text\""),
        event("t", "bytes", "").binary(&[0, 255, 0, 13, 10, 128]),
        event("t", "no bytes", "").binary(&[]),
    ];
    for event in events {
        let event = event.build();
        s.admit_one(event.clone(), Fate::Done).await;
        let read = s.get(event.key).await.event;
        if event.data.bytes().is_empty() && event.data != Payload::Empty {
            assert_eq!(read.data.bytes(), event.data.bytes());
            continue;
        }
        assert_eq!(read, event);
    }
}

/// A later delivery of the same is a copy, whatever the row's state: counted, and nothing else changes.
pub async fn a_later_delivery_is_a_copy_in_every_state(rig: &dyn LedgerRig) {
    let s = Stage::new(rig);
    let worker = s.worker(&["h"]).await;
    let due = s.due("h", "due").await;
    let done = s.stored("done").await;
    let dead = s.dead(worker, "h", "dead").await;
    let discarded = s.dead(worker, "h", "discarded").await;
    s.change(eventflow_core::LetterAction::Discard, &[discarded]).await;
    let (running, _) = s.started(worker, "h", "running").await;
    for key in [due, done, dead, discarded, running] {
        let before = s.get(key).await;
        let mut row = build::row(before.event.clone(), Fate::Due(pattern("h")));
        row.copies = 2;
        assert_eq!(s.admit(vec![row], None).await, [Admitted::Copy], "{}", before.state);
        let mut after = s.get(key).await;
        assert_eq!(after.copies_seen, before.copies_seen + 3, "{}", before.state);
        after.copies_seen = before.copies_seen;
        assert_eq!(after, before);
    }
}

/// A copy is never run: neither its fate nor its lease means anything.
pub async fn a_copy_is_never_run(rig: &dyn LedgerRig) {
    let s = Stage::new(rig);
    let worker = s.worker(&["h"]).await;
    let (key, token) = s.started(worker, "h", "1").await;
    s.end(worker, key, token, Verdict::Done).await;
    let again = s.get(key).await.event;
    let grant = LeaseGrant {
        worker,
        token: LeaseToken::new(),
        lease_time: LEASE,
    };
    let rows = vec![build::row(again, Fate::Start(pattern("h")))];
    assert_eq!(s.admit(rows, Some(grant)).await, [Admitted::Copy]);
    s.expect(key, EventState::Done).await;
    assert!(s.lease(worker, &["h"]).await.leased.is_empty());
}

/// Copies within a batch are counted on the new row.
pub async fn copies_within_a_batch_are_counted(rig: &dyn LedgerRig) {
    let s = Stage::new(rig);
    let mut row = build::row(event("t", "1", "1"), Fate::Done);
    row.copies = 4;
    let key = row.event.key;
    assert_eq!(s.admit(vec![row], None).await, [Admitted::New { started: false }]);
    assert_eq!(s.get(key).await.copies_seen, 4);
}

/// An admission is safe to repeat: the same statement again finds only copies.
pub async fn an_admission_is_safe_to_repeat(rig: &dyn LedgerRig) {
    let s = Stage::new(rig);
    let worker = s.worker(&["h"]).await;
    let grant = LeaseGrant {
        worker,
        token: LeaseToken::new(),
        lease_time: LEASE,
    };
    let rows: Vec<_> = (0..20)
        .map(|i| {
            let fate = match i % 3 {
                0 => Fate::Done,
                1 => Fate::Due(pattern("h")),
                _ => Fate::Start(pattern("h")),
            };
            build::row(event("h", &i.to_string(), "{}"), fate)
        })
        .collect();
    let first = s.admit(rows.clone(), Some(grant)).await;
    assert!(first.iter().all(|said| matches!(said, Admitted::New { .. })));
    let states = |s: &Stage<'_>| {
        let archive = s.archive.clone();
        let keys: Vec<_> = rows.iter().map(|row| row.event.key).collect();
        async move {
            let mut states = Vec::new();
            for key in keys {
                let record = archive.get(key).await.expect("looked up").expect("there");
                states.push((record.state, record.work));
            }
            states
        }
    };
    let before = states(&s).await;
    assert!(
        s.admit(rows.clone(), Some(grant))
            .await
            .iter()
            .all(|said| *said == Admitted::Copy)
    );
    assert_eq!(states(&s).await, before);
}

/// A batch mixes new rows, copies and other payloads, and each is told apart in its place.
pub async fn a_batch_tells_its_rows_apart(rig: &dyn LedgerRig) {
    let s = Stage::new(rig);
    s.admit_one(event("t", "known", "1"), Fate::Done).await;
    s.admit_one(event("t", "taken", "1"), Fate::Done).await;
    let rows = vec![
        build::row(event("t", "known", "1"), Fate::Done),
        build::row(event("t", "taken", "2"), Fate::Done),
        build::row(event("t", "new", "1"), Fate::Done),
    ];
    let mut wanted = vec![
        (rows[0].event.key, Admitted::Copy),
        (rows[1].event.key, Admitted::Reused),
        (rows[2].event.key, Admitted::New { started: false }),
    ];
    wanted.sort_by_key(|(key, _)| *key);
    let wanted: Vec<_> = wanted.into_iter().map(|(_, said)| said).collect();
    assert_eq!(s.admit(rows, None).await, wanted);
}

/// An empty batch is decided, and says nothing.
pub async fn an_empty_batch_is_decided(rig: &dyn LedgerRig) {
    let s = Stage::new(rig);
    assert!(s.admit(Vec::new(), None).await.is_empty());
}

/// A batch of a thousand goes in at once.
pub async fn a_thousand_rows_go_in_at_once(rig: &dyn LedgerRig) {
    let s = Stage::new(rig);
    let rows = (0..1000).map(|i| build::row(event("t", &format!("{i}"), "{}"), Fate::Done));
    let said = s.admit(rows.collect(), None).await;
    assert_eq!(said, vec![Admitted::New { started: false }; 1000]);
}

/// A row whose fate is to start bears the admission's lease.
pub async fn a_started_row_bears_the_admissions_lease(rig: &dyn LedgerRig) {
    let s = Stage::new(rig);
    let worker = s.worker(&["h"]).await;
    let (key, token) = s.started(worker, "h", "1").await;
    let record = s.get(key).await;
    let work = record.work.expect("it runs");
    assert_eq!((record.state, work.worker), (EventState::Running, Some(worker)));
    assert_eq!(work.due_at, record.admitted_at.plus(LEASE));
    assert_eq!(work.attempt, 0);
    assert!(s.lease(worker, &["h"]).await.leased.is_empty(), "it is leased already");
    s.end(worker, key, token, Verdict::Done).await;
    s.expect(key, EventState::Done).await;
}

/// What would start is due where its handler, or all running, is paused.
pub async fn nothing_starts_while_paused(rig: &dyn LedgerRig) {
    let s = Stage::new(rig);
    let worker = s.worker(&["h", "i"]).await;
    let grant = LeaseGrant {
        worker,
        token: LeaseToken::new(),
        lease_time: LEASE,
    };
    let start = |handler: &str, id: &str| build::row(event(handler, id, "{}"), Fate::Start(pattern(handler)));
    assert!(s.pause(Some("h"), true).await);
    let (paused, other) = (start("h", "1"), start("i", "2"));
    let keys = [paused.event.key, other.event.key];
    s.admit(vec![paused, other], Some(grant)).await;
    s.expect(keys[0], EventState::Due).await;
    s.expect(keys[1], EventState::Running).await;
    s.pause(Some("h"), false).await;
    s.pause(None, true).await;
    let all = start("i", "3");
    let key = all.event.key;
    assert_eq!(
        s.admit(vec![all], Some(grant)).await,
        [Admitted::New { started: false }]
    );
    s.expect(key, EventState::Due).await;
}

/// An admission that decided by an older handler list is refused, and nothing of it is written.
pub async fn an_older_handler_list_is_refused(rig: &dyn LedgerRig) {
    let s = Stage::new(rig);
    s.worker(&["h"]).await;
    let known = s.stored("known").await;
    let version = s.version().await;
    s.worker(&["i"]).await;
    let new = event("i", "new", "{}").shared();
    let rows = vec![
        build::row(new.clone(), Fate::Done),
        build::row(s.get(known).await.event, Fate::Done),
    ];
    for version in [version, RegistryVersion(version.0 - 1)] {
        let reply = s.ledger.admit(build::admission(version, rows.clone(), None)).await;
        assert_eq!(reply.expect("an answer"), AdmitReply::StaleRegistry);
    }
    assert_eq!(s.archive.get(new.key).await.expect("looked up"), None);
    assert_eq!(s.get(known).await.copies_seen, 0);
}
