//! How events are sent.

use std::time::Duration;

use super::phases::{positive, spot};
use crate::scenario::flaw::Flaws;
use crate::scenario::given::Given;
use crate::scenario::raw::{ModelName, RawLoad, RawRetry};
use crate::scenario::{Load, Model, Retry};

/// The most requests that may await their answer at once, and the most clients.
const MOST: u32 = 100_000;

/// The most repeats of one request.
const MOST_REPEATS: u32 = 100;

const IN_FLIGHT: u32 = 1_000;
const MAX_LATE: Duration = Duration::from_secs(10);
const TIMEOUT: Duration = Duration::from_secs(10);

/// What a client does of which nothing else is said: what a good one does.
const RETRY: Retry = Retry {
    max: 3,
    base: Duration::from_millis(100),
    cap: Duration::from_secs(2),
    reuse_key: true,
};

/// Checks how events are sent.
pub(super) fn load(raw: Option<&RawLoad>, flaws: &Flaws) -> Load {
    let absent = RawLoad::default();
    let raw = raw.unwrap_or(&absent);
    let span = |given, field, default| positive(given, field, flaws).unwrap_or(default);
    Load {
        model: model(raw, flaws),
        max_in_flight: whole(&raw.max_in_flight, "max_in_flight", IN_FLIGHT, flaws),
        max_late: span(&raw.max_late, "max_late", MAX_LATE),
        timeout: span(&raw.timeout, "timeout", TIMEOUT),
        retry: raw.retry.get().map_or(RETRY, |retry| self::retry(retry, flaws)),
    }
}

fn model(raw: &RawLoad, flaws: &Flaws) -> Model {
    if raw.model.get() != Some(&ModelName::Closed) {
        if raw.clients.stands() && (raw.model.get().is_some() || !raw.model.stands()) {
            flaws.hinted(
                raw.clients.at(),
                "`clients` has no meaning in an open model, which sends when its time has come",
                "write `model = \"closed\"`, or leave it away",
            );
        }
        return Model::Open;
    }
    for (field, at) in [
        ("max_in_flight", spot(&raw.max_in_flight)),
        ("max_late", spot(&raw.max_late)),
    ] {
        if let Some(at) = at {
            flaws.hinted(
                at,
                format!("`{field}` has no meaning in a closed model, in which nothing is late"),
                "how much is in flight is said by `clients`",
            );
        }
    }
    if !raw.clients.stands() {
        flaws.hinted(
            raw.model.at(),
            "a closed model needs to know how many clients there are",
            "write `clients = 50`",
        );
    }
    Model::Closed {
        clients: whole(&raw.clients, "clients", 1, flaws),
    }
}

fn whole(given: &Given<u32>, field: &str, default: u32, flaws: &Flaws) -> usize {
    let number = given.get().copied().unwrap_or(default);
    if number == 0 || number > MOST {
        flaws.add(
            given.at(),
            format!("`{field}` is a number from 1 to {MOST}, not {number}"),
        );
    }
    usize::try_from(number).unwrap_or(1)
}

fn retry(raw: &RawRetry, flaws: &Flaws) -> Retry {
    let max = raw.max.get().copied().unwrap_or(RETRY.max);
    if max > MOST_REPEATS {
        flaws.add(
            raw.max.at(),
            format!("`max` is a number up to {MOST_REPEATS}, not {max}"),
        );
    }
    let (base, cap) = raw
        .backoff
        .get()
        .map_or((RETRY.base, RETRY.cap), |backoff| (backoff.0.base, backoff.0.cap));
    Retry {
        max,
        base,
        cap,
        reuse_key: raw.reuse_key.get().copied().unwrap_or(RETRY.reuse_key),
    }
}
