//! Deadlines on real time: what is waited for here are other processes, which no simulated clock moves.

use std::time::{Duration, Instant};

/// How long a poll rests between two looks.
const STEP: Duration = Duration::from_millis(4);

/// A point in monotonic time after which a wait gives up.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Deadline(Instant);

impl Deadline {
    /// The deadline that lies `wait` from now.
    #[expect(
        clippy::disallowed_methods,
        reason = "the waits of this crate are for other processes, in real time, without a runtime"
    )]
    pub(crate) fn after(wait: Duration) -> Self {
        Self(Instant::now() + wait)
    }

    /// What is left of it; zero once it has passed.
    pub(crate) fn left(self) -> Duration {
        self.0.saturating_duration_since(Self::after(Duration::ZERO).0)
    }

    /// Looks again and again until `look` finds something; `None` when the deadline passes first.
    pub(crate) fn poll<T, E>(self, mut look: impl FnMut() -> Result<Option<T>, E>) -> Result<Option<T>, E> {
        loop {
            if let Some(found) = look()? {
                return Ok(Some(found));
            }
            let left = self.left();
            if left.is_zero() {
                return Ok(None);
            }
            std::thread::sleep(STEP.min(left));
        }
    }
}
