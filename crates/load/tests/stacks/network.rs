//! Faults of the network, through the proxies of a stack.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use eventflow_load::scenario::Route;

use crate::rig::{Heard, Rig};

#[tokio::test(flavor = "multi_thread")]
async fn every_connection_goes_through_a_proxy_and_is_hurt_there() {
    let faults = r#"
        { id = "reset", at = "1s", for = "500ms", tcp = "reset", route = "postgres" },
        { id = "lost", at = "3s", for = "1s", tcp = "drop_reply", route = "api", share = 0.5 },
        { id = "slow", at = "6s", for = "1s", tcp = "latency", route = "postgres", delay = "20ms" },
        { id = "hole", at = "9s", for = "1s", tcp = "black_hole", route = "postgres" },
    "#;
    let rig = Rig::start("postgres", "workers = 1\napis = 2", faults).await;
    assert_eq!((rig.running.apis.len(), rig.running.directs.len()), (2, 2));
    assert_eq!(rig.running.proxies[&Route::Api].len(), 2);
    assert!(!rig.running.proxies.contains_key(&Route::Redis));
    assert!(
        rig.running.proxies[&Route::Postgres][0].live() > 0,
        "its processes come through it"
    );
    let heard = Arc::<Heard>::default();
    rig.strike(&heard).await;
    assert!(heard.failed.load(Relaxed) > 0, "replies were lost");
    rig.drain().await;
    assert!(rig.stored().await >= heard.acked.load(Relaxed), "{heard:?}");
    rig.stop().await;
}
