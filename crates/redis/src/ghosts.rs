//! Looks for entries that were given to somebody but that nobody holds, in bounded steps.

use std::sync::{Mutex, PoisonError};

use crate::error::QueueError;
use crate::keys;
use crate::queue::Inner;
use crate::script::GHOSTS;
use crate::value::{count, text, tuple};

/// Pending entries that one step looks at, and ghosts that it takes up at most.
const LOOK_AT: usize = 256;
const AT_MOST: usize = 64;
const BEGINNING: &str = "-";

/// Where each partition's next step begins.
pub(crate) struct Cursors(Mutex<Vec<String>>);

impl Cursors {
    pub(crate) fn new(partitions: u16) -> Self {
        Self(Mutex::new(vec![BEGINNING.to_owned(); usize::from(partitions)]))
    }

    fn get(&self, partition: u16) -> String {
        let cursors = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        cursors.get(usize::from(partition)).cloned().unwrap_or_default()
    }

    fn set(&self, partition: u16, next: String) {
        let mut cursors = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(cursor) = cursors.get_mut(usize::from(partition)) {
            *cursor = next;
        }
    }
}

/// One step in a partition. Returns how many ghosts were taken up; they are there for whoever takes over next.
pub(crate) async fn step(queue: &Inner, partition: u16) -> Result<u64, QueueError> {
    let mut call = GHOSTS.call(1, 5, 128);
    call.arg(keys::stream(partition)).arg(keys::GROUP).arg(keys::ADOPTER);
    call.arg(queue.ghosts.get(partition)).arg(LOOK_AT).arg(AT_MOST);
    let [next, ghosts] = tuple(GHOSTS.run(&queue.link, &call).await?)?;
    queue.ghosts.set(partition, text(next)?);
    count(&ghosts)
}
