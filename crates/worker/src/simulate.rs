//! A handler that fails as it is told: for trying things out, and for proving that nothing is lost.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use eventflow_core::{Event, EventKey};
use serde::Deserialize;
use tokio::time::Instant;

use crate::handler::{Context, Handler, Outcome};

/// The types that it takes.
pub const SIMULATED_PATTERN: &str = "efctl.sim.*";

/// What `crash` does to the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Crash {
    /// Ends it at once, as a fault in native code would.
    Abort,
    /// Panics: one process is all there is.
    Panic,
}

/// Handles `efctl.sim.*`: `data.fail` is `transient:N`, `permanent`, `unavailable:TIME`, `crash`, `hang:TIME` or `slow:TIME`;
/// without it the event is done. TIME is a number with `ms` or `s`; `slow` waits, `hang` blocks its thread, which no time-out
/// can cut.
#[derive(Debug)]
pub struct Simulated {
    crash: Crash,
    /// When each event that waits for its dependency was first seen; bounded, the oldest leave.
    away_since: Mutex<HashMap<EventKey, Instant>>,
}

/// How many events may wait for a dependency at once and be told apart.
const REMEMBERED: usize = 10_000;

#[derive(Deserialize)]
struct Data {
    #[serde(default)]
    fail: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Failure {
    None,
    Transient(u32),
    Permanent,
    Unavailable(Duration),
    Crash,
    /// Blocks its thread, so that no time-out can cut it.
    Hang(Duration),
    Slow(Duration),
}

impl Simulated {
    /// A handler whose `crash` does this.
    pub fn new(crash: Crash) -> Self {
        Self {
            crash,
            away_since: Mutex::default(),
        }
    }

    fn unavailable(&self, key: EventKey, time: Duration) -> Outcome {
        let mut seen = self.away_since.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.len() >= REMEMBERED
            && let Some(oldest) = seen.iter().min_by_key(|(_, since)| **since).map(|(key, _)| *key)
        {
            seen.remove(&oldest);
        }
        let away = seen.entry(key).or_insert_with(Instant::now).elapsed();
        if away >= time {
            seen.remove(&key);
            return Outcome::Done;
        }
        Outcome::unavailable("simulated: the dependency is away")
            .not_before(time.saturating_sub(away).min(Duration::from_secs(1)))
    }
}

#[async_trait]
impl Handler for Simulated {
    async fn handle(&self, event: &Event, context: &Context) -> Outcome {
        let failure = match parse(event.data.bytes()) {
            Ok(failure) => failure,
            Err(error) => return Outcome::dead(error),
        };
        match failure {
            Failure::Transient(failures) if context.attempt <= failures => Outcome::retry(format_args!(
                "simulated: attempt {} of {failures} that fail",
                context.attempt
            )),
            Failure::None | Failure::Transient(_) => Outcome::Done,
            Failure::Permanent => Outcome::dead("simulated: it can never succeed"),
            Failure::Unavailable(time) => self.unavailable(event.key, time),
            Failure::Crash => {
                tracing::error!(key = %event.key, "simulated: a crash");
                match self.crash {
                    Crash::Abort => std::process::abort(),
                    Crash::Panic => panic!("simulated: a crash"),
                }
            }
            Failure::Hang(time) => {
                tokio::task::block_in_place(|| std::thread::sleep(time));
                Outcome::Done
            }
            Failure::Slow(time) => {
                tokio::time::sleep(time).await;
                Outcome::Done
            }
        }
    }
}

fn parse(data: &[u8]) -> Result<Failure, String> {
    const EXPECTED: &str = "`fail` is one of transient:N, permanent, unavailable:5s, crash, hang:5s, slow:200ms";
    if data.is_empty() {
        return Ok(Failure::None);
    }
    let data: Data =
        serde_json::from_slice(data).map_err(|_| format!("simulated: the data is no object; {EXPECTED}"))?;
    let Some(fail) = data.fail else {
        return Ok(Failure::None);
    };
    let (kind, argument) = fail.split_once(':').unwrap_or((fail.as_str(), ""));
    let failure = match kind {
        "transient" => argument.parse().ok().map(Failure::Transient),
        "permanent" if argument.is_empty() => Some(Failure::Permanent),
        "crash" if argument.is_empty() => Some(Failure::Crash),
        "unavailable" => time(argument).map(Failure::Unavailable),
        "hang" => time(argument).map(Failure::Hang),
        "slow" => time(argument).map(Failure::Slow),
        _ => None,
    };
    failure.ok_or_else(|| format!("simulated: {EXPECTED}"))
}

fn time(text: &str) -> Option<Duration> {
    const LONGEST: u64 = 3_600_000;
    let (number, unit) = match text.strip_suffix("ms") {
        Some(number) => (number, 1),
        None => (text.strip_suffix('s')?, 1_000),
    };
    let millis = number.parse::<u64>().ok()?.checked_mul(unit)?;
    (millis <= LONGEST).then(|| Duration::from_millis(millis))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_is_understood_and_every_other_is_refused_with_the_list() {
        let parsed = |fail: &str| parse(format!(r#"{{"fail":"{fail}"}}"#).as_bytes());
        assert_eq!(parsed("transient:2"), Ok(Failure::Transient(2)));
        assert_eq!(parsed("permanent"), Ok(Failure::Permanent));
        assert_eq!(
            parsed("unavailable:5s"),
            Ok(Failure::Unavailable(Duration::from_secs(5)))
        );
        assert_eq!(parsed("crash"), Ok(Failure::Crash));
        assert_eq!(parsed("hang:5s"), Ok(Failure::Hang(Duration::from_secs(5))));
        assert_eq!(parsed("slow:200ms"), Ok(Failure::Slow(Duration::from_millis(200))));
        for bad in [
            "",
            "transient",
            "transient:x",
            "slow:200",
            "slow:99999999s",
            "crash:1",
            "nothing",
        ] {
            assert!(parsed(bad).expect_err("refused").contains("transient:N"), "{bad}");
        }
        assert_eq!(parse(b"{}"), Ok(Failure::None));
        assert_eq!(parse(b""), Ok(Failure::None));
        assert!(parse(b"3").is_err());
    }
}
