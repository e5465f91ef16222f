//! The laws of every queue, on one partition and on several.

use crate::rig::Rig;

mod one_partition {
    use super::Rig;

    eventflow_testkit::queue_laws!(rig().await);

    async fn rig() -> Option<Rig> {
        Some(Rig::start().await)
    }
}

mod seven_partitions {
    use super::Rig;

    eventflow_testkit::queue_laws!(rig().await);

    async fn rig() -> Option<Rig> {
        Some(Rig::with_partitions(7).await)
    }
}
