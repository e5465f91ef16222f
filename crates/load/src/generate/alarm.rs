//! Wakes the pacer at a moment.
//!
//! Tokio's timers are right to a millisecond and never early, which at the response times of an idle API is as much as what
//! is to be measured. Where the system has finer ones that can be awaited, they are used.

use std::io;
use std::time::Duration;

use tokio::time::Instant;

/// Between two wakings at least so much passes, however many sends are due in it: what is woken for has its price.
const STEP: Duration = Duration::from_micros(250);

/// Wakes at moments.
pub(super) struct Alarm {
    fine: Option<fine::Timer>,
    woke: Instant,
}

impl Alarm {
    /// As fine as the system has it.
    pub(super) fn fine() -> Self {
        let fine = fine::Timer::new();
        if let Err(error) = &fine {
            tracing::debug!(%error, "sends are paced by the millisecond");
        }
        Self {
            fine: fine.ok(),
            woke: Instant::now(),
        }
    }

    /// To the millisecond, by the clock of tokio, which a test can move.
    #[cfg(test)]
    pub(super) fn coarse() -> Self {
        Self {
            fine: None,
            woke: Instant::now(),
        }
    }

    /// Returns at that moment or shortly after it, never before.
    pub(super) async fn wake_at(&mut self, at: Instant) {
        if let Some(fine) = &self.fine
            && let Err(error) = until(fine, at.max(self.woke + STEP)).await
        {
            tracing::debug!(%error, "sends are paced by the millisecond from now on");
            self.fine = None;
        }
        if self.fine.is_none() {
            tokio::time::sleep_until(at).await;
        }
        self.woke = Instant::now();
    }
}

async fn until(fine: &fine::Timer, at: Instant) -> io::Result<()> {
    loop {
        let left = at.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(());
        }
        fine.wait(left).await?;
    }
}

#[cfg(target_os = "linux")]
mod fine {
    use std::io;
    use std::os::fd::OwnedFd;
    use std::time::Duration;

    use rustix::time::{
        Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create, timerfd_settime,
    };
    use tokio::io::unix::AsyncFd;

    /// A timer of the kernel as a file, which becomes readable when it has run down.
    pub(super) struct Timer(AsyncFd<OwnedFd>);

    impl Timer {
        #[expect(
            deprecated,
            reason = "unsound only for a type whose descriptor changes, which that of an OwnedFd does not; \
                      what took its place is unsafe"
        )]
        pub(super) fn new() -> io::Result<Self> {
            let timer = timerfd_create(
                TimerfdClockId::Monotonic,
                TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC,
            )?;
            AsyncFd::new(timer).map(Self)
        }

        /// Waits so long. Whoever drops the wait leaves a timer that the next one sets anew.
        pub(super) async fn wait(&self, span: Duration) -> io::Result<()> {
            let none = Timespec { tv_sec: 0, tv_nsec: 0 };
            let once = Itimerspec {
                it_interval: none,
                it_value: Timespec::try_from(span).unwrap_or(Timespec {
                    tv_sec: i64::from(i32::MAX),
                    ..none
                }),
            };
            timerfd_settime(&self.0, TimerfdTimerFlags::empty(), &once)?;
            loop {
                let mut ready = self.0.readable().await?;
                let mut times = [0; 8];
                match ready.try_io(|timer| Ok(rustix::io::read(timer, &mut times)?)) {
                    Ok(read) => {
                        ready.clear_ready();
                        return read.map(drop);
                    }
                    Err(_not_yet) => {}
                }
            }
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod fine {
    use std::convert::Infallible;
    use std::io;
    use std::time::Duration;

    /// There is none.
    pub(super) struct Timer(Infallible);

    impl Timer {
        pub(super) fn new() -> io::Result<Self> {
            Err(io::ErrorKind::Unsupported.into())
        }

        pub(super) async fn wait(&self, _: Duration) -> io::Result<()> {
            match self.0 {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_fine_alarm_is_never_early() {
        let mut alarm = Alarm::fine();
        let begin = Instant::now();
        for tenth in [3, 4, 9, 9, 30, 5] {
            let at = begin + Duration::from_micros(100) * tenth;
            alarm.wake_at(at).await;
            assert!(Instant::now() >= at);
        }
    }

    #[tokio::test]
    async fn an_alarm_that_nobody_awaits_any_more_does_not_ring_for_the_next() {
        let mut alarm = Alarm::fine();
        let later = Instant::now() + Duration::from_mins(1);
        let dropped = tokio::time::timeout(Duration::from_millis(5), alarm.wake_at(later)).await;
        assert!(dropped.is_err());
        let at = Instant::now() + Duration::from_millis(3);
        alarm.wake_at(at).await;
        let woke = Instant::now();
        assert!(woke >= at && woke < later);
    }

    #[tokio::test(start_paused = true)]
    async fn a_coarse_alarm_goes_by_the_clock_of_tests() {
        let mut alarm = Alarm::coarse();
        let at = Instant::now() + Duration::from_hours(1);
        alarm.wake_at(at).await;
        assert_eq!(Instant::now(), at);
    }
}
