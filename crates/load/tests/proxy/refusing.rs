//! Refuse: no new connection is taken.

use eventflow_load::scenario::{Side, Toxic};
use futures_util::FutureExt as _;

use crate::rig::{Rig, disarm, passes};

#[tokio::test]
async fn new_connections_are_turned_away_and_live_ones_go_on() {
    let rig = Rig::start().await;
    let (mut client, mut server) = rig.pair().await;
    let armed = rig.proxy.arm(Toxic::Refuse, Side::Both, 1.0, 7);
    for _ in 0..3 {
        assert!(rig.turns_away().await);
    }
    assert!(rig.upstream.accept().now_or_never().is_none(), "nobody gets there");
    passes(&mut client, &mut server).await;
    assert_eq!(disarm(armed).await, 3, "the live one was not touched");
    let (mut client, mut server) = rig.pair().await;
    passes(&mut client, &mut server).await;
}
