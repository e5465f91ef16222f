//! Power cuts. At the level `disk` nothing is lost by them.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use crate::rig::{Heard, Rig};

async fn loses_nothing(stack: &str, faults: &str) {
    let rig = Rig::start(stack, "workers = 1", faults).await;
    let heard = Arc::<Heard>::default();
    let reports = rig.strike(&heard).await;
    // Where every write is synced at once, there may be nothing to take away.
    assert!(
        reports
            .iter()
            .all(|report| report.touched > 0 && report.skipped.is_none()),
        "{reports:?}"
    );
    rig.drain().await;
    assert!(rig.stored().await >= heard.acked.load(Relaxed), "{heard:?}");
    assert_eq!(rig.running.died_unasked(), 0, "{:?}", rig.running.deaths());
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_and_postgres_keep_what_they_acknowledged() {
    loses_nothing(
        "local",
        r#"
        { id = "redis", at = "2s", for = "1s", backend = "redis", do = "power_cut" },
        { id = "postgres", at = "9s", for = "1s", backend = "postgres", do = "power_cut" },
    "#,
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_embedded_store_keeps_what_it_acknowledged() {
    loses_nothing(
        "dev",
        r#"{ id = "cut", at = "2s", for = "1s", backend = "sqlite", do = "power_cut" }"#,
    )
    .await;
}
