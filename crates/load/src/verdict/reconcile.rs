//! Lays the journal beside what the store lists: both come in key order, and are read once.

use std::error::Error;
use std::future::Future;
use std::path::Path;
use std::pin::Pin;
use std::time::Duration;

use eventflow_core::EventKey;
use futures_util::{Stream, StreamExt as _};

use super::attempts::{Attempts, Keys};
use super::count::{Counter, Finished};
use super::questions::{KEPT, ask};
use super::{Row, Tally};
use crate::journal::{self, JournalError, Sorted};
use crate::scenario::Scenario;

/// What became of the events.
#[derive(Clone, Debug, PartialEq)]
pub struct Reconciled {
    /// Counted.
    pub tally: Tally,
    /// How long each fault was felt, in seconds, for each of the moments asked for; none where that never ended or cannot
    /// be told.
    pub recovery: Vec<Option<f64>>,
}

/// Why nobody can say what became of the events.
#[derive(Debug, thiserror::Error)]
pub enum Unread<E: Error + 'static> {
    /// The journal.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The store.
    #[error("the store cannot be read to its end: {0}")]
    Store(#[source] E),
    /// The list is not what it should be.
    #[error("the store lists {key} behind {before}, which is not in key order")]
    Disorder {
        /// A key.
        key: EventKey,
        /// The one before it.
        before: EventKey,
    },
    /// The journal's sorting ended without a result.
    #[error("sorting the journal broke off: {0}")]
    Sorting(#[from] tokio::task::JoinError),
}

/// Counts what became of every event of the run whose journal is at `journal`.
///
/// `rows` is all that the store lists of the run's source, in key order; `find` asks for one event wherever it is: an
/// acknowledged event that is not listed is lost only if nobody knows its key. So a loss is certain, even where not all
/// was done in time. `moments` are those of faults, see [`moments`](super::moments); `ended` hears of each event that is
/// stored or dead. Memory does not grow with the number of events.
///
/// # Errors
/// [`Unread`]: then nobody can say.
pub async fn reconcile<E, F>(
    journal: &Path,
    scenario: &Scenario,
    moments: &[Option<Duration>],
    rows: impl Stream<Item = Result<Row, E>>,
    find: impl Fn(EventKey) -> F,
    ended: impl FnMut(&Finished),
) -> Result<Reconciled, Unread<E>>
where
    E: Error + 'static,
    F: Future<Output = Result<Option<Row>, E>>,
{
    let path = journal.to_owned();
    let sorted = tokio::task::spawn_blocking(move || journal::sort(&path)).await??;
    compare(sorted, scenario, moments, rows, find, ended).await
}

async fn compare<E, F>(
    sorted: Sorted,
    scenario: &Scenario,
    moments: &[Option<Duration>],
    rows: impl Stream<Item = Result<Row, E>>,
    find: impl Fn(EventKey) -> F,
    mut ended: impl FnMut(&Finished),
) -> Result<Reconciled, Unread<E>>
where
    E: Error + 'static,
    F: Future<Output = Result<Option<Row>, E>>,
{
    let mut counter = Counter::new(scenario, sorted.begin(), moments);
    let mut questions = Vec::new();
    let mut keys = Keys::new(sorted);
    let mut rows = std::pin::pin!(rows.fuse());
    let mut groups = Groups::new(rows.as_mut());
    let (mut attempts, mut there) = (keys.next()?, groups.next().await?);
    while let Some((is_sent, is_there)) = next_key(attempts.as_ref(), &there) {
        tokio::task::coop::consume_budget().await;
        let sent = attempts.as_ref().filter(|_| is_sent);
        if let Some(sent) = sent {
            questions.extend(counter.sent(sent, is_there));
        }
        if is_there && let Some(finished) = counter.there(sent, &there, &mut questions) {
            ended(&finished);
        }
        if questions.len() >= KEPT {
            ask(&mut questions, &find, &mut counter, &mut ended)
                .await
                .map_err(Unread::Store)?;
        }
        if is_sent {
            attempts = keys.next()?;
        }
        if is_there {
            there = groups.next().await?;
        }
    }
    ask(&mut questions, &find, &mut counter, &mut ended)
        .await
        .map_err(Unread::Store)?;
    Ok(Reconciled {
        recovery: counter.recovery.seconds(),
        tally: counter.tally,
    })
}

/// On which sides the smaller of the two next keys stands: whether it was sent, and whether it is listed.
fn next_key(attempts: Option<&Attempts>, there: &[Row]) -> Option<(bool, bool)> {
    let (sent, listed) = (attempts.map(|attempts| attempts.key), there.first().map(|row| row.key));
    let key = sent.into_iter().chain(listed).min();
    key.map(|_| (sent == key, listed == key))
}

/// Puts rows of one key together, and holds that they come in key order.
struct Groups<'a, S> {
    rows: Pin<&'a mut S>,
    ahead: Option<Row>,
}

impl<'a, S, E> Groups<'a, S>
where
    S: Stream<Item = Result<Row, E>>,
    E: Error + 'static,
{
    fn new(rows: Pin<&'a mut S>) -> Self {
        Self { rows, ahead: None }
    }

    /// The rows of the next key; none at the end.
    async fn next(&mut self) -> Result<Vec<Row>, Unread<E>> {
        let mut group: Vec<Row> = self.ahead.take().into_iter().collect();
        while let Some(row) = self.rows.next().await.transpose().map_err(Unread::Store)? {
            match group.first().map(|first| first.key) {
                Some(before) if row.key < before => return Err(Unread::Disorder { key: row.key, before }),
                Some(same) if row.key > same => {
                    self.ahead = Some(row);
                    break;
                }
                _ => group.push(row),
            }
        }
        Ok(group)
    }
}

#[cfg(test)]
#[path = "reconcile_tests.rs"]
mod tests;
