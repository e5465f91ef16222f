//! One batch, until each of its events is acknowledged or refused for good.

use std::sync::Arc;

use bytes::Bytes;
use eventflow_wire::{BatchResult, Client, ClientError, ItemStatus, Problem};
use tokio::time::Instant;

use super::feed::Item;
use super::patience::{Patience, Then};
use super::progress::Progress;
use super::report::Rejection;
use crate::failure::Failure;

/// What each delivery needs.
#[derive(Clone)]
pub(super) struct Sender {
    pub(super) client: Client,
    pub(super) patience: Arc<Patience>,
    pub(super) progress: Arc<Progress>,
}

/// A part of a batch that is still to be settled.
struct Part {
    items: Vec<Item>,
    /// Tries in a row that failed.
    failed: u32,
    /// Whether an earlier try may have been taken although its answer never came.
    maybe_taken: bool,
}

impl Sender {
    /// Sends a batch. Every event has an id, so that each try of it means the same event.
    ///
    /// # Errors
    /// Where the whole run is of no use any more; what is not settled by then stays counted as not acknowledged.
    pub(super) async fn deliver(self, items: Vec<Item>) -> Result<(), Failure> {
        let mut parts = vec![Part {
            items,
            failed: 0,
            maybe_taken: false,
        }];
        while let Some(part) = parts.pop() {
            let answer = self.client.send_array(array_of(&part.items), false, false).await;
            match answer {
                Ok(result) => parts.extend(self.settle(part, &result).await),
                Err(ClientError::Problem(problem)) if is_verdict(&problem) => {
                    parts.extend(self.sort_out(part, &problem));
                }
                Err(error) => parts.push(self.again(part, error).await?),
            }
            self.progress.refresh();
        }
        Ok(())
    }

    /// Takes the answer to a part; gives back what is to be sent again.
    async fn settle(&self, part: Part, result: &BatchResult) -> Option<Part> {
        let sent = part.items.len();
        let mut left = Vec::new();
        let mut last_refusals = Vec::new();
        let answers = answers_by_index(sent, result);
        for (item, answer) in part.items.into_iter().zip(answers) {
            match answer.map(|a| (a.status, a)) {
                Some((ItemStatus::Accepted, _)) => self.progress.accepted(&item),
                Some((ItemStatus::Duplicate, _)) => self.progress.duplicate(&item, part.maybe_taken),
                Some((ItemStatus::Rejected, a)) if a.retryable != Some(true) => {
                    self.progress.rejected(&item, rejection(&item, a));
                }
                Some((ItemStatus::Rejected, a)) => {
                    last_refusals.push(rejection(&item, a));
                    left.push(item);
                }
                // An event without an answer is not acknowledged.
                None => {
                    last_refusals.push(unanswered(&item));
                    left.push(item);
                }
            }
        }
        if left.len() < sent {
            self.patience.progressed(Instant::now());
        }
        if left.is_empty() {
            return None;
        }
        let failed = if left.len() < sent { 1 } else { part.failed + 1 };
        if self.may_try_again(failed, &last_refusals).await {
            return Some(Part {
                items: left,
                failed,
                maybe_taken: part.maybe_taken,
            });
        }
        for (item, refusal) in left.iter().zip(last_refusals) {
            self.progress.rejected(item, refusal);
        }
        None
    }

    /// Waits before what the API may take later is sent again. False where it has been waited for long enough.
    async fn may_try_again(&self, failed: u32, refusals: &[Rejection]) -> bool {
        let Then::Wait(wait) = self.patience.after_refusal(failed, Instant::now(), fastrand::f64()) else {
            return false;
        };
        if let Some(refusal) = refusals.first() {
            self.patience.tell(&self.progress, &refusal.reason());
        }
        self.progress.refresh();
        let rested = self.patience.rest(wait).await;
        if rested {
            self.progress.retrying();
        }
        rested
    }

    /// Takes a refusal of the whole part: what it names is rejected; what it does not name is sent in halves, so that
    /// one bad event never stops its neighbours.
    fn sort_out(&self, part: Part, problem: &Problem) -> Vec<Part> {
        self.patience.progressed(Instant::now());
        let named = |i: usize| problem.errors.iter().find(|e| e.index == Some(i));
        let alone = part.items.len() == 1;
        let mut left = Vec::new();
        for (i, item) in part.items.into_iter().enumerate() {
            match named(i) {
                Some(error) => {
                    let refusal = Rejection {
                        line: item.line,
                        code: error.code.clone(),
                        detail: error.detail.clone(),
                    };
                    self.progress.rejected(&item, refusal);
                }
                None if alone => {
                    let refusal = Rejection {
                        line: item.line,
                        code: problem.slug().to_owned(),
                        detail: problem.detail.clone(),
                    };
                    self.progress.rejected(&item, refusal);
                }
                None => left.push(item),
            }
        }
        halves(left)
            .into_iter()
            .map(|items| Part {
                items,
                failed: 0,
                maybe_taken: part.maybe_taken,
            })
            .collect()
    }

    /// Waits before a part is sent again that has no answer, or that the API cannot take now.
    async fn again(&self, part: Part, error: ClientError) -> Result<Part, Failure> {
        let failed = part.failed + 1;
        // Any other failure may come after the commit.
        let surely_not = matches!(
            error,
            ClientError::NotAllowed(_)
                | ClientError::Unreachable {
                    before_sending: true,
                    ..
                }
        );
        let maybe_taken = part.maybe_taken || !surely_not;
        let borne = self.patience.bear(failed, error, &self.progress).await;
        if borne.is_err() && !maybe_taken {
            self.progress.never_taken(&part.items);
        }
        borne.map(|()| Part {
            failed,
            maybe_taken,
            ..part
        })
    }
}

/// Whether the API has judged what was sent: malformed, too large, or refused. Anything else would be the same for every
/// part of it.
fn is_verdict(problem: &Problem) -> bool {
    matches!(problem.status, 400 | 413 | 422)
}

fn answers_by_index(sent: usize, result: &BatchResult) -> Vec<Option<&eventflow_wire::ItemResult>> {
    let mut answers = vec![None; sent];
    for answer in &result.results {
        if let Some(place) = answers.get_mut(answer.index) {
            *place = Some(answer);
        }
    }
    answers
}

fn rejection(item: &Item, answer: &eventflow_wire::ItemResult) -> Rejection {
    match &answer.error {
        Some(error) => Rejection {
            line: item.line,
            code: error.code.clone(),
            detail: error.detail.clone(),
        },
        None => unanswered(item),
    }
}

fn unanswered(item: &Item) -> Rejection {
    Rejection {
        line: item.line,
        code: "unanswered".to_owned(),
        detail: "the API did not say what became of it".to_owned(),
    }
}

fn halves(mut items: Vec<Item>) -> Vec<Vec<Item>> {
    match items.len() {
        0 => Vec::new(),
        1 => vec![items],
        n => {
            let second = items.split_off(n / 2);
            vec![second, items]
        }
    }
}

fn array_of(items: &[Item]) -> Bytes {
    let bytes: usize = items.iter().map(|item| item.json.len() + 1).sum();
    let mut array = Vec::with_capacity(bytes + 1);
    array.push(b'[');
    for (i, item) in items.iter().enumerate() {
        if i > 0 {
            array.push(b',');
        }
        array.extend_from_slice(item.json.as_bytes());
    }
    array.push(b']');
    array.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn items(n: u64) -> Vec<Item> {
        (1..=n)
            .map(|line| Item {
                line,
                json: format!("{{\"id\":\"{line}\"}}"),
                id_assigned: false,
            })
            .collect()
    }

    #[test]
    fn a_batch_is_a_json_array_of_the_lines() {
        assert_eq!(
            array_of(&items(2)),
            Bytes::from_static(b"[{\"id\":\"1\"},{\"id\":\"2\"}]")
        );
    }

    #[test]
    fn halving_ends() {
        assert!(halves(Vec::new()).is_empty());
        assert_eq!(halves(items(1)), vec![items(1)]);
        let [second, first] = halves(items(5)).try_into().expect("two halves");
        assert_eq!((first.len(), second.len()), (2, 3));
    }

    #[test]
    fn an_answer_beyond_the_batch_is_nobodys() {
        let result: BatchResult = serde_json::from_str(
            r#"{"accepted":1,"duplicates":0,"rejected":0,"results":[{"index":9,"status":"accepted"},{"index":1,"status":"accepted"}]}"#,
        )
        .expect("a result");
        let answers = answers_by_index(2, &result);
        assert!(answers[0].is_none() && answers[1].is_some());
    }
}
