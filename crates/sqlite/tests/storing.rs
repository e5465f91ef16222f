//! What is kept, byte for byte, and what a refused row does to its neighbours.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use eventflow_core::{
    AdmitReply, Admitted, Archive, Durability, Event, EventFilter, Fate, Fault, Fingerprint, Ledger, Page, Payload,
    Pulse, RegistryVersion,
};
use eventflow_sqlite::{Sqlite, SqliteOptions};
use eventflow_testkit::build::{admission, row};
use eventflow_testkit::{ManualClock, event};
use sqlx::{Connection as _, Row as _, SqliteConnection};

async fn open(path: &Path) -> Arc<Sqlite> {
    let options = SqliteOptions {
        path: path.to_owned(),
        durability: Durability::Disk,
        clock: ManualClock::new(),
    };
    Arc::new(Sqlite::open(options).await.expect("the ledger opens"))
}

async fn beside(path: &Path) -> SqliteConnection {
    let url = format!("sqlite://{}", path.display());
    SqliteConnection::connect(&url).await.expect("a second connection")
}

fn bearing(id: &str, data: Payload) -> Event {
    let mut event = event("kept", id, "").build();
    event.fingerprint = Fingerprint::of(&event.event_type, data.bytes());
    event.data = data;
    event
}

#[tokio::test]
async fn every_payload_comes_back_byte_for_byte() {
    let folder = tempfile::tempdir().expect("a folder");
    let ledger = open(&folder.path().join("ledger.db")).await;
    let json = |text: &'static str| Payload::Json(Bytes::from_static(text.as_bytes()));
    let all_bytes: Vec<u8> = (0..=255).cycle().take(70_000).collect();
    let payloads = [
        Payload::Empty,
        json("null"),
        json(r#"{ "a" : 1.0e2,"b":"\u0000 \ud800 \n\t",  "a":[ ] }"#),
        json("\"caf\u{e9} \u{1f600}\""),
        json("18446744073709551616.000"),
        json("  1  "),
        Payload::Binary(Bytes::new()),
        Payload::Binary(Bytes::from_static(b"{\"looks\":\"like json\"}")),
        Payload::Binary(Bytes::from_static(&[0, 159, 146, 150, 0])),
        Payload::Binary(Bytes::from(all_bytes)),
    ];
    let events: Vec<Event> = payloads
        .into_iter()
        .enumerate()
        .map(|(n, data)| bearing(&n.to_string(), data))
        .collect();
    let rows = events.iter().map(|event| row(event.clone(), Fate::Done)).collect();
    ledger
        .admit(admission(RegistryVersion(0), rows, None))
        .await
        .expect("all are admitted");
    for event in events {
        let found = ledger.get(event.key).await.expect("it answers").expect("it is there");
        assert_eq!(found.event, event);
    }
}

#[tokio::test]
async fn texts_come_back_as_they_were() {
    let folder = tempfile::tempdir().expect("a folder");
    let ledger = open(&folder.path().join("ledger.db")).await;
    let odd = event("kept.\u{0}.type", "id\u{0}with nul", "{}")
        .source("quote ' and \" and \u{fffd}")
        .subject("")
        .traceparent("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
        .extensions(r#"{"datacontenttype":"application/json"}"#)
        .generated_id()
        .build();
    let rows = vec![row(odd.clone(), Fate::Done)];
    ledger
        .admit(admission(RegistryVersion(0), rows, None))
        .await
        .expect("it is admitted");
    let found = ledger.get(odd.key).await.expect("it answers").expect("it is there");
    assert_eq!(found.event, odd);
}

#[tokio::test]
async fn data_can_be_asked_for_by_sql() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("ledger.db");
    let ledger = open(&path).await;
    let rows = vec![
        row(event("order", "1", r#"{"total":129.95}"#).build(), Fate::Done),
        row(event("order", "2", "").binary(b"\xff").build(), Fate::Done),
    ];
    ledger
        .admit(admission(RegistryVersion(0), rows, None))
        .await
        .expect("both are admitted");
    let mut asking = beside(&path).await;
    let rows = sqlx::query(
        "SELECT s.state, e.data ->> '$.total' FROM event_states s JOIN events e ON e.key = s.key ORDER BY s.id",
    )
    .fetch_all(&mut asking)
    .await
    .expect("it can be asked");
    let read: Vec<(String, Option<f64>)> = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
    assert_eq!(read, [("done".to_owned(), Some(129.95)), ("done".to_owned(), None)]);
}

#[tokio::test]
async fn a_payload_that_is_no_text_is_the_events_fault() {
    let folder = tempfile::tempdir().expect("a folder");
    let ledger = open(&folder.path().join("ledger.db")).await;
    let bad = bearing("bad", Payload::Json(Bytes::from_static(b"\"\xff\"")));
    let rows = vec![
        row(event("kept", "good", "{}").build(), Fate::Done),
        row(bad, Fate::Done),
    ];
    let refused = ledger
        .admit(admission(RegistryVersion(0), rows, None))
        .await
        .expect_err("it is refused");
    assert_eq!(refused.fault(), Fault::Event);
    assert!(everything(&ledger).await.is_empty(), "all or nothing");
}

#[tokio::test]
async fn a_refused_row_fails_its_admission_and_no_other() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("ledger.db");
    let ledger = open(&path).await;
    sqlx::query(
        "CREATE TRIGGER refuse BEFORE INSERT ON events WHEN new.type = 'bad' \
         BEGIN SELECT RAISE(ABORT, 'not with me'); END",
    )
    .execute(&mut beside(&path).await)
    .await
    .expect("a trigger");
    let admissions = (0..40).map(|n| {
        let kind = if n % 10 == 7 { "bad" } else { "good" };
        let rows = vec![
            row(event("good", &format!("{n}-a"), "{}").build(), Fate::Done),
            row(event(kind, &format!("{n}-b"), "{}").build(), Fate::Done),
        ];
        let ledger = Arc::clone(&ledger);
        async move { (n, ledger.admit(admission(RegistryVersion(0), rows, None)).await) }
    });
    let mut asked = tokio::task::JoinSet::new();
    admissions.for_each(|admission| {
        asked.spawn(admission);
    });
    for (n, reply) in asked.join_all().await {
        match reply {
            Ok(reply) => {
                assert_ne!(n % 10, 7);
                assert_eq!(reply, AdmitReply::Decided(vec![Admitted::New { started: false }; 2]));
            }
            Err(refused) => {
                assert_eq!(n % 10, 7, "{refused}");
                assert_eq!(refused.fault(), Fault::Event);
            }
        }
    }
    assert_eq!(everything(&ledger).await.len(), 72);
}

async fn everything(ledger: &Sqlite) -> Vec<eventflow_core::EventLine> {
    let page = Page {
        after: None,
        limit: 1_000,
        with_data: false,
        with_runs: false,
    };
    ledger.list(&EventFilter::default(), page).await.expect("a list")
}

#[tokio::test]
async fn a_locked_file_is_the_infrastructures_fault_and_nothing_is_lost() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("ledger.db");
    let ledger = open(&path).await;
    let mut stranger = beside(&path).await;
    sqlx::query("BEGIN IMMEDIATE")
        .execute(&mut stranger)
        .await
        .expect("a stranger writes");
    let rows = || vec![row(event("kept", "1", "{}").build(), Fate::Done)];
    let refused = ledger
        .admit(admission(RegistryVersion(0), rows(), None))
        .await
        .expect_err("it is locked");
    assert_eq!(refused.fault(), Fault::Infrastructure, "{refused}");
    assert!(everything(&ledger).await.is_empty(), "readers never wait");
    sqlx::query("ROLLBACK")
        .execute(&mut stranger)
        .await
        .expect("the stranger goes");
    let reply = ledger
        .admit(admission(RegistryVersion(0), rows(), None))
        .await
        .expect("it is free");
    assert_eq!(reply, AdmitReply::Decided(vec![Admitted::New { started: false }]));
}

#[tokio::test]
async fn a_notice_wakes_who_waits_and_who_is_about_to() {
    let folder = tempfile::tempdir().expect("a folder");
    let ledger = open(&folder.path().join("ledger.db")).await;
    ledger.notify().await.expect("it rings");
    tokio::time::timeout(Duration::from_secs(30), ledger.noticed())
        .await
        .expect("it was heard");
}
