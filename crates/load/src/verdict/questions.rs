//! What the list alone does not answer: single events are asked for by key.

use std::future::Future;

use eventflow_core::EventKey;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};

use super::Row;
use super::attempts::Attempts;
use super::count::{Counter, Finished};

/// Questions that are kept before they are asked.
pub(super) const KEPT: usize = 256;
/// Questions that are asked at once.
const AT_ONCE: usize = 16;

/// A question about one event.
#[derive(Clone, Debug)]
pub(super) enum Question {
    /// It was acknowledged and is not on the list: is it anywhere? The list covers the ledger alone, and what was
    /// admitted while it was read may have been passed by.
    Missing(Attempts),
    /// Its row stands under a key that is not its own: is there another under its own?
    Misnamed(Row),
}

impl Question {
    fn key(&self) -> EventKey {
        match self {
            Self::Missing(attempts) => attempts.key,
            Self::Misnamed(row) => row.true_key(),
        }
    }
}

/// Asks all, in their order, and counts by the answers.
pub(super) async fn ask<E, F>(
    questions: &mut Vec<Question>,
    find: &impl Fn(EventKey) -> F,
    counter: &mut Counter<'_>,
    ended: &mut impl FnMut(&Finished),
) -> Result<(), E>
where
    F: Future<Output = Result<Option<Row>, E>>,
{
    let asked: Vec<_> = questions.iter().map(|question| find(question.key())).collect();
    let answers: Vec<Option<Row>> = stream::iter(asked).buffered(AT_ONCE).try_collect().await?;
    // What an answer makes doubtful has been looked up just now.
    let mut further = Vec::new();
    for (question, answer) in questions.drain(..).zip(answers) {
        match (question, answer) {
            (Question::Missing(attempts), None) => counter.tally.lost.add(attempts.key),
            (Question::Missing(attempts), Some(row)) => {
                if let Some(finished) = counter.there(Some(&attempts), &[row], &mut further) {
                    ended(&finished);
                }
            }
            (Question::Misnamed(row), twin) => counter.misnamed(&row, twin.is_some()),
        }
    }
    Ok(())
}
