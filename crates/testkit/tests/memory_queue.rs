//! The queue in memory keeps the laws.

mod one_partition {
    use std::num::NonZeroU16;

    use eventflow_testkit::{MemoryQueueRig, queue_laws};

    queue_laws!(Some(MemoryQueueRig::new(NonZeroU16::MIN)));
}

mod seven_partitions {
    use std::num::NonZeroU16;

    use eventflow_testkit::{MemoryQueueRig, queue_laws};

    queue_laws!(NonZeroU16::new(7).map(MemoryQueueRig::new));
}
