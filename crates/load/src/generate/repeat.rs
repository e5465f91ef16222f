//! Whether a try is repeated, and when.

use std::time::Duration;

use crate::scenario::Retry;

use super::answer::Tried;

/// Repeats of a send are counted in a byte, where each is a new event.
const MOST: u32 = 255;

/// The wait before the next try, after so many of a send, the last of which came to `tried`. None where it was the last.
/// `draw` is anything from 0 to 1.
///
/// The API's own wish is honoured up to the longest wait. Otherwise the wait is drawn between the shortest one and a bound
/// that doubles with each try up to the longest.
pub(super) fn wait(retry: &Retry, made: u32, tried: &Tried, draw: f64) -> Option<Duration> {
    if made > retry.max.min(MOST) || !tried.may_pass() {
        return None;
    }
    if let Tried::Answered {
        retry_after: Some(asked),
        ..
    } = tried
    {
        return Some((*asked).min(retry.cap));
    }
    let bound = retry
        .base
        .saturating_mul(1_u32.checked_shl(made).unwrap_or(u32::MAX))
        .min(retry.cap);
    let spread = bound.saturating_sub(retry.base);
    Some(retry.base.min(retry.cap) + spread.mul_f64(draw.clamp(0.0, 1.0)))
}

#[cfg(test)]
mod tests {
    use super::super::answer::Loss;
    use super::*;
    use proptest::prelude::*;

    const RETRY: Retry = Retry {
        max: 3,
        base: Duration::from_millis(100),
        cap: Duration::from_secs(2),
        reuse_key: true,
    };
    const LOST: Tried = Tried::Lost(Loss::Timeout);

    fn asked(seconds: u64) -> Tried {
        Tried::Answered {
            status: 503,
            slug: "no-place".into(),
            retry_after: Some(Duration::from_secs(seconds)),
        }
    }

    #[test]
    fn so_many_tries_and_no_more() {
        assert!(wait(&RETRY, 1, &LOST, 0.5).is_some());
        assert!(wait(&RETRY, 3, &LOST, 0.5).is_some());
        assert_eq!(wait(&RETRY, 4, &LOST, 0.5), None);
        assert_eq!(wait(&Retry { max: 0, ..RETRY }, 1, &LOST, 0.5), None);
        assert_eq!(wait(&Retry { max: u32::MAX, ..RETRY }, MOST + 1, &LOST, 0.5), None);
    }

    #[test]
    fn what_lasts_is_not_repeated() {
        let refused = Tried::Answered {
            status: 422,
            slug: "invalid-event".into(),
            retry_after: None,
        };
        assert_eq!(wait(&RETRY, 1, &refused, 0.5), None);
        assert_eq!(wait(&RETRY, 1, &Tried::Acked { duplicate: false }, 0.5), None);
        assert_eq!(wait(&RETRY, 1, &Tried::Lost(Loss::Abandoned), 0.5), None);
    }

    #[test]
    fn the_apis_wish_is_honoured_up_to_the_longest_wait() {
        assert_eq!(wait(&RETRY, 1, &asked(1), 0.9), Some(Duration::from_secs(1)));
        assert_eq!(wait(&RETRY, 1, &asked(0), 0.9), Some(Duration::ZERO));
        assert_eq!(wait(&RETRY, 1, &asked(3_600), 0.9), Some(RETRY.cap));
    }

    #[test]
    fn the_bound_doubles_up_to_the_longest_wait() {
        let retry = Retry { max: 100, ..RETRY };
        let bounds: Vec<u128> = [1, 2, 3, 4, 5, 6, 90]
            .into_iter()
            .filter_map(|tries| wait(&retry, tries, &LOST, 1.0))
            .map(|wait| wait.as_millis())
            .collect();
        assert_eq!(bounds, [200, 400, 800, 1_600, 2_000, 2_000, 2_000]);
        assert_eq!(wait(&retry, 90, &LOST, 0.0), Some(RETRY.base));
    }

    proptest! {
        #[test]
        fn a_wait_is_within_its_bounds(tries in 1..=MOST, draw in 0.0..1.0, base in 0_u64..10_000, cap in 0_u64..100_000) {
            let retry = Retry { max: u32::MAX, base: Duration::from_millis(base), cap: Duration::from_millis(cap), reuse_key: true };
            let wait = wait(&retry, tries, &LOST, draw).expect("a repeat");
            prop_assert!(wait <= retry.cap);
            prop_assert!(wait >= retry.base.min(retry.cap));
        }
    }
}
