//! Decides whether something that failed may be tried again. Pure: time comes in as an argument.

use std::time::Duration;

use crate::retry::LONGEST_WAIT;

/// A circuit breaker: closed, open until a moment, then half open for one probe.
///
/// `T` is any monotonic point in time, so that the caller's clock is the caller's choice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Breaker<T> {
    state: State<T>,
    failures: u32,
    base: Duration,
    cap: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State<T> {
    Closed,
    Open { until: T },
    Probing { until: T },
}

/// What a breaker says to whoever wants to pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Passage<T> {
    /// All may pass.
    Free,
    /// This one, as the probe; its end must be reported.
    Probe,
    /// Nobody before that moment.
    Wait(T),
}

impl<T: Copy + Ord + std::ops::Add<Duration, Output = T>> Breaker<T> {
    /// A closed breaker whose pauses grow from `base` to `cap`.
    pub const fn new(base: Duration, cap: Duration) -> Self {
        Self {
            state: State::Closed,
            failures: 0,
            base,
            cap,
        }
    }

    /// Asks to pass. A probe that was not reported by the next pause's end is given up for lost.
    pub fn ask(&mut self, now: T) -> Passage<T> {
        match self.state {
            State::Closed => Passage::Free,
            State::Open { until } | State::Probing { until } if now < until => Passage::Wait(until),
            State::Open { .. } | State::Probing { .. } => {
                self.state = State::Probing {
                    until: now + self.pause(),
                };
                Passage::Probe
            }
        }
    }

    /// Whether who asks now would pass. Takes no probe.
    pub fn would_pass(&self, now: T) -> bool {
        match self.state {
            State::Closed => true,
            State::Open { until } | State::Probing { until } => now >= until,
        }
    }

    /// Reports a success: closed again. True where it had been open.
    pub fn succeeded(&mut self) -> bool {
        let was_open = self.is_open();
        self.state = State::Closed;
        self.failures = 0;
        was_open
    }

    /// Reports a failure: open for `asked`, at most a day, or for a pause that doubles with each failure in a row. Those who
    /// were under way as it opened do not make the pause longer, unless they ask for it. True where it had been closed.
    pub fn failed(&mut self, now: T, asked: Option<Duration>) -> bool {
        let asked = asked.map(|asked| asked.min(LONGEST_WAIT));
        if let State::Open { until } = self.state
            && now < until
        {
            let until = asked.map_or(until, |asked| until.max(now + asked));
            self.state = State::Open { until };
            return false;
        }
        let was_closed = !self.is_open();
        self.failures = self.failures.saturating_add(1);
        let pause = asked.unwrap_or_else(|| self.pause());
        self.state = State::Open { until: now + pause };
        was_closed
    }

    /// Whether it is not closed.
    pub const fn is_open(&self) -> bool {
        !matches!(self.state, State::Closed)
    }

    fn pause(&self) -> Duration {
        let doublings = self.failures.saturating_sub(1).min(20);
        self.base.saturating_mul(1 << doublings).min(self.cap)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn s(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    #[test]
    fn one_probes_while_the_others_wait() {
        let mut breaker = Breaker::new(s(1), s(4));
        assert_eq!(breaker.ask(s(0)), Passage::Free);
        assert!(breaker.failed(s(0), None));
        assert_eq!(breaker.ask(s(0)), Passage::Wait(s(1)));
        assert_eq!(breaker.ask(s(1)), Passage::Probe);
        assert_eq!(breaker.ask(s(1)), Passage::Wait(s(2)));
        assert!(breaker.succeeded());
        assert_eq!(breaker.ask(s(1)), Passage::Free);
    }

    #[test]
    fn pauses_double_up_to_the_cap_unless_asked_otherwise() {
        let mut breaker = Breaker::new(s(1), s(4));
        let mut now = 0;
        for pause in [1, 2, 4, 4] {
            breaker.failed(s(now), None);
            assert_eq!(breaker.ask(s(now)), Passage::Wait(s(now + pause)));
            now += pause;
            assert_eq!(breaker.ask(s(now)), Passage::Probe);
        }
        assert!(!breaker.failed(s(now), Some(s(9))));
        assert_eq!(breaker.ask(s(now)), Passage::Wait(s(now + 9)));
    }

    #[test]
    fn many_that_fail_at_once_are_one_failure() {
        let mut breaker = Breaker::new(s(1), s(60));
        assert!(breaker.failed(s(0), None));
        for _ in 0..64 {
            assert!(!breaker.failed(s(0), None));
        }
        assert_eq!(breaker.ask(s(0)), Passage::Wait(s(1)));
        breaker.failed(s(0), Some(s(5)));
        breaker.failed(s(0), Some(s(2)));
        assert_eq!(breaker.ask(s(0)), Passage::Wait(s(5)));
    }

    #[test]
    fn a_wait_without_end_is_a_day() {
        let mut breaker = Breaker::new(s(1), s(4));
        breaker.failed(s(u64::MAX - 86_400), Some(Duration::MAX));
        assert_eq!(breaker.ask(s(0)), Passage::Wait(s(u64::MAX)));
    }

    #[test]
    fn looking_takes_no_probe() {
        let mut breaker = Breaker::new(s(1), s(4));
        assert!(breaker.would_pass(s(0)));
        breaker.failed(s(0), None);
        assert!(!breaker.would_pass(s(0)));
        assert!(breaker.would_pass(s(1)));
        assert_eq!(breaker.ask(s(1)), Passage::Probe);
        assert!(!breaker.would_pass(s(1)));
    }

    #[test]
    fn a_lost_probe_does_not_shut_the_door_for_ever() {
        let mut breaker = Breaker::new(s(1), s(4));
        breaker.failed(s(0), None);
        assert_eq!(breaker.ask(s(1)), Passage::Probe);
        assert_eq!(breaker.ask(s(2)), Passage::Probe);
    }
}
