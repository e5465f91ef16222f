//! How full it is, exactly.

use eventflow_core::{Clock as _, Queue as _, SystemClock};
use std::time::Duration;

use crate::rig::{Rig, claim, events};

#[tokio::test(flavor = "multi_thread")]
async fn depth_is_exact_by_partition_through_a_whole_life() {
    let rig = Rig::with_partitions(3).await;
    for of in rig.queue.depth().await.expect("measured") {
        assert_eq!((of.entries, of.pending, of.oldest), (0, 0, None));
    }
    let before = SystemClock.now().minus(Duration::from_millis(1));
    rig.append_new(&events(0..90)).await;
    let after = SystemClock.now();
    let depth = rig.queue.depth().await.expect("measured");
    assert_eq!(depth.iter().map(|of| of.partition).collect::<Vec<_>>(), [0, 1, 2]);
    for of in &depth {
        let oldest = of.oldest.expect("something is there");
        assert!(before <= oldest && oldest <= after);
    }
    assert_eq!(rig.depth().await, (90, 0));
    let mut reader = rig.reader();
    let entries = claim(&mut reader, 90).await.entries;
    assert_eq!(rig.depth().await, (90, 90));
    rig.settle(&entries[..30]).await;
    assert_eq!(rig.depth().await, (60, 60));
    rig.settle(&entries).await;
    assert_eq!(rig.depth().await, (0, 0));
}
