//! How long to go on trying, and how long to wait between two tries.

use std::sync::Mutex;
use std::time::Duration;

use eventflow_core::RetryPolicy;
use eventflow_wire::ClientError;
use tokio::sync::watch;
use tokio::time::Instant;

use super::progress::Progress;
use crate::failure::Failure;

/// Without progress for so long, sending is given up.
const DEFAULT: Duration = Duration::from_mins(2);
/// The same, as long as nothing has ever answered: then it is more likely not running, or another address.
const BEFORE_FIRST_ANSWER: Duration = Duration::from_secs(3);
/// Waits between two tries of one request, where the API asks for none.
const BACKOFF: RetryPolicy = RetryPolicy {
    attempts: u32::MAX,
    base: Duration::from_millis(200),
    cap: Duration::from_secs(5),
};

/// One budget for all requests of a run: the time since something went through.
pub(super) struct Patience {
    asked: Option<Duration>,
    state: Mutex<State>,
    ended: watch::Sender<bool>,
}

struct State {
    since: Instant,
    answered: bool,
    told: bool,
}

/// What to do after a failure that may pass.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Then {
    Wait(Duration),
    GiveUp,
}

impl Patience {
    /// A budget of `asked`, or the usual one.
    pub(super) fn new(asked: Option<Duration>) -> Self {
        Self {
            asked,
            state: Mutex::new(State {
                since: Instant::now(),
                answered: false,
                told: false,
            }),
            ended: watch::Sender::new(false),
        }
    }

    /// Something went through: the budget begins anew.
    pub(super) fn progressed(&self, now: Instant) {
        self.with(|state| {
            *state = State {
                since: now,
                answered: true,
                told: false,
            };
        });
    }

    /// Nothing is tried again from now on, and whoever waits to do so gives up.
    pub(super) fn end(&self) {
        self.ended.send_replace(true);
    }

    /// Waits. False where sending has been given up meanwhile.
    pub(super) async fn rest(&self, wait: Duration) -> bool {
        let mut ended = self.ended.subscribe();
        tokio::select! {
            () = tokio::time::sleep(wait) => true,
            _ = ended.wait_for(|ended| *ended) => false,
        }
    }

    /// What to do after the `failed`-th failure in a row of one request (from 1).
    fn after(&self, failed: u32, error: &ClientError, now: Instant, random: f64) -> Then {
        let asked = error.problem().and_then(|p| p.retry_after).map(Duration::from_secs);
        if error.problem().is_some() {
            self.with(|state| state.answered = true);
        }
        self.judge(BACKOFF.wait(failed, asked, random), now)
    }

    /// What to do after the `failed`-th try in a row in which the API took none of what it may take later.
    pub(super) fn after_refusal(&self, failed: u32, now: Instant, random: f64) -> Then {
        self.with(|state| state.answered = true);
        self.judge(BACKOFF.wait(failed, None, random), now)
    }

    fn judge(&self, wait: Duration, now: Instant) -> Then {
        self.with(|state| {
            let usual = if state.answered { DEFAULT } else { BEFORE_FIRST_ANSWER };
            let budget = self.asked.unwrap_or(usual);
            let left = budget.saturating_sub(now.duration_since(state.since));
            if *self.ended.borrow() || left.is_zero() || wait > left {
                Then::GiveUp
            } else {
                Then::Wait(wait)
            }
        })
    }

    /// Waits after a failed request, and says once per trouble that it does.
    ///
    /// # Errors
    /// The failure itself where it will not pass, or not in time.
    pub(super) async fn bear(&self, failed: u32, error: ClientError, progress: &Progress) -> Result<(), Failure> {
        if !error.is_transient() {
            return Err((&error).into());
        }
        match self.after(failed, &error, Instant::now(), fastrand::f64()) {
            Then::GiveUp => Err(given_up(&error)),
            Then::Wait(wait) => {
                self.tell(progress, &reason(&error));
                if !self.rest(wait).await {
                    return Err(given_up(&error));
                }
                progress.retrying();
                Ok(())
            }
        }
    }

    /// Says why it waits, once until something goes through again.
    pub(super) fn tell(&self, progress: &Progress, why: &str) {
        if self.with(|state| !std::mem::replace(&mut state.told, true)) {
            progress.say(&format!("{why}; trying again"));
        }
    }

    fn with<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        // Nothing panics while it is held; if something did, the times in it are still good.
        let mut state = self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        change(&mut state)
    }
}

/// The first line of what went wrong: what to do about it is for the end.
fn reason(error: &ClientError) -> String {
    let said = Failure::from(error).to_string();
    said.lines().next().unwrap_or_default().to_owned()
}

/// Whatever the trouble was, it lasted: the API is not there to be used.
fn given_up(error: &ClientError) -> Failure {
    let asked = error.problem().and_then(|p| p.retry_after);
    let said = Failure::from(error).to_string();
    let wait = asked.map_or_else(String::new, |s| format!("\nIt asks to come again in {s} s"));
    Failure::Unreachable(format!("{said}{wait}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use eventflow_wire::Problem;

    fn unreachable() -> ClientError {
        ClientError::Unreachable {
            address: "http://127.0.0.1:1/".into(),
            why: "connection refused".into(),
            before_sending: true,
        }
    }

    fn busy(retry_after: Option<u64>) -> ClientError {
        ClientError::Problem(Box::new(Problem {
            kind: "/problems/backlog-full".into(),
            title: "Full".into(),
            status: 503,
            detail: "Try later.".into(),
            errors: Vec::new(),
            correlation_id: None,
            retry_after,
        }))
    }

    fn waits(then: &Then) -> bool {
        matches!(then, Then::Wait(_))
    }

    #[test]
    fn who_never_answered_is_given_up_soon_and_who_did_is_waited_for() {
        let patience = Patience::new(None);
        let start = Instant::now();
        let at = |s| start + Duration::from_secs(s);
        assert!(waits(&patience.after(1, &unreachable(), at(1), 0.5)));
        assert_eq!(patience.after(2, &unreachable(), at(4), 0.5), Then::GiveUp);
        patience.progressed(at(4));
        assert!(waits(&patience.after(1, &unreachable(), at(100), 0.5)));
        assert_eq!(patience.after(2, &unreachable(), at(125), 0.5), Then::GiveUp);
    }

    #[test]
    fn a_refusal_is_an_answer_and_its_wait_is_honoured_within_the_budget() {
        let patience = Patience::new(None);
        let now = Instant::now();
        assert_eq!(
            patience.after(1, &busy(Some(7)), now, 0.5),
            Then::Wait(Duration::from_secs(7))
        );
        assert_eq!(patience.after(1, &busy(Some(3600)), now, 0.5), Then::GiveUp);
    }

    #[test]
    fn the_budget_can_be_chosen() {
        let patience = Patience::new(Some(Duration::ZERO));
        assert_eq!(patience.after(1, &busy(None), Instant::now(), 0.0), Then::GiveUp);
        let patience = Patience::new(Some(Duration::from_secs(10)));
        let later = Instant::now() + Duration::from_secs(9);
        assert!(waits(&patience.after(1, &unreachable(), later, 0.5)));
    }

    #[test]
    fn giving_up_on_trouble_is_the_code_for_unreachable() {
        assert_eq!(given_up(&busy(Some(3600))).code(), 69);
        assert_eq!(given_up(&unreachable()).code(), 69);
    }

    #[tokio::test]
    async fn who_waits_hears_that_it_is_over() {
        let patience = Patience::new(None);
        let (rested, ()) = tokio::join!(patience.rest(Duration::from_hours(1)), async { patience.end() });
        assert!(!rested);
        assert!(!patience.rest(Duration::from_hours(1)).await);
        assert_eq!(patience.after(1, &busy(None), Instant::now(), 0.0), Then::GiveUp);
    }
}
