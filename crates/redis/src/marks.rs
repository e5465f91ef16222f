//! Sweeps marks without expiry whose entry is gone: somebody destroyed it. In steps, and only when there is a reason.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use redis::Value;

use crate::error::QueueError;
use crate::keys;
use crate::queue::Inner;
use crate::script::MARKS;
use crate::value::{array, bytes, count, text, tuple};

/// Keys that Redis looks at in one step, roughly.
const STEP: usize = 256;
/// Steps of one turn.
const STEPS: usize = 32;
const BEGINNING: &str = "0";

/// How far the sweep is.
#[derive(Default)]
pub(crate) struct Sweep(Mutex<Progress>);

#[derive(Default)]
struct Progress {
    /// Where the pass goes on, while one is under way.
    cursor: Option<String>,
    /// Whether there is a reason for a whole pass since this one began.
    is_wanted: bool,
}

impl Sweep {
    /// There is a reason for a pass from the beginning.
    pub(crate) fn want(&self) {
        self.lock().is_wanted = true;
    }

    fn begin(&self) -> Option<String> {
        let mut progress = self.lock();
        if progress.cursor.is_none() && progress.is_wanted {
            progress.is_wanted = false;
            progress.cursor = Some(BEGINNING.to_owned());
        }
        progress.cursor.clone()
    }

    fn goes_on(&self, next: String) {
        self.lock().cursor = (next != BEGINNING).then_some(next);
    }

    fn lock(&self) -> MutexGuard<'_, Progress> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One turn of the sweep. Returns how many marks were removed.
pub(crate) async fn turn(queue: &Inner) -> Result<u64, QueueError> {
    let mut removed = 0;
    for _ in 0..STEPS {
        let Some(cursor) = queue.sweep.begin() else { break };
        let (next, marks) = scan(queue, &cursor).await?;
        for (partition, marks) in marks {
            removed += remove_stale(queue, partition, &marks).await?;
        }
        queue.sweep.goes_on(next);
    }
    Ok(removed)
}

async fn scan(queue: &Inner, cursor: &str) -> Result<(String, BTreeMap<u16, Vec<Vec<u8>>>), QueueError> {
    let mut call = redis::cmd("SCAN");
    call.arg(cursor)
        .arg("MATCH")
        .arg(keys::ALL_MARKS)
        .arg("COUNT")
        .arg(STEP);
    let [next, found] = tuple(queue.link.send(&call).await?)?;
    let mut marks: BTreeMap<u16, Vec<Vec<u8>>> = BTreeMap::new();
    for key in array(found)?.into_iter().map(bytes) {
        let key = key?;
        if let Some(partition) = keys::partition_of(&key) {
            marks.entry(partition).or_default().push(key);
        }
    }
    Ok((text(next)?, marks))
}

async fn remove_stale(queue: &Inner, partition: u16, marks: &[Vec<u8>]) -> Result<u64, QueueError> {
    let mut call = MARKS.call(1 + marks.len(), 0, 64 * marks.len());
    call.arg(keys::stream(partition));
    for mark in marks {
        call.arg(mark);
    }
    let answer: Value = MARKS.run(&queue.link, &call).await?;
    count(&answer)
}
