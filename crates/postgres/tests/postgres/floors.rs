//! What a lease query may skip, and what it may not.

use std::time::Duration;

use eventflow_core::{Fate, WorkerId};
use eventflow_testkit::build::{admission, lease_request, pattern, registration, renewal, row};
use eventflow_testkit::{LedgerRig, event};
use sqlx::{AssertSqlSafe, Executor};

use crate::rig::Rig;

const LEASE_TIME: Duration = Duration::from_secs(15);

#[tokio::test]
async fn a_row_whose_commit_comes_late_is_leased_all_the_same() {
    let rig = Rig::new().await;
    let ledger = rig.ledger();
    let worker = WorkerId::new();
    ledger.register(registration(worker, &["h"])).await.expect("it joins");
    for _ in 0..8 {
        rig.advance(LEASE_TIME / 5).await;
        ledger.renew(renewal(worker, LEASE_TIME, &[])).await.expect("it lives");
    }
    let version = ledger.registry(LEASE_TIME).await.expect("the list").version;
    let late = event("h", "late", "1").build();
    let mut writer = rig.database().session().await;
    let begin = format!(
        "SET search_path = clock, public, pg_catalog; BEGIN; \
         INSERT INTO events (key, source, id, id_given, type, time, received_at, admitted_at, correlation_id, fingerprint, \
           data, state, copies_seen) \
         VALUES ('{key}', '/', 'late', true, 'h', now(), now(), now(), 'c', decode('{fingerprint:?}', 'hex'), '1', 'done', 0); \
         INSERT INTO work (key, handler, due_at, attempt, base, crashes, requeues, weight, reopened) \
         VALUES ('{key}', 'h', now(), 0, 0, 0, 0, 300, false)",
        key = late.key,
        fingerprint = late.fingerprint,
    );
    writer.execute(AssertSqlSafe(begin)).await.expect("it writes");
    for id in ["a", "b"] {
        rig.advance(Duration::from_millis(10)).await;
        let rows = vec![row(event("h", id, "1"), Fate::Due(pattern("h")))];
        ledger.admit(admission(version, rows, None)).await.expect("admitted");
        let leased = ledger
            .lease(lease_request(worker, &["h"], LEASE_TIME))
            .await
            .expect("leased");
        assert_eq!(leased.leased.len(), 1);
    }
    writer.execute("COMMIT").await.expect("it commits at last");
    rig.advance(Duration::from_secs(6)).await;
    let leased = ledger
        .lease(lease_request(worker, &["h"], LEASE_TIME))
        .await
        .expect("leased");
    let ids: Vec<_> = leased.leased.iter().map(|one| one.event.id.as_str()).collect();
    assert_eq!(ids, ["late"]);
}
