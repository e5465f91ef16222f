//! Events whose handler does nothing, against events that are only stored: each passes `work` too.

use anyhow::Result;

use super::through::{self, Shape};
use crate::bench::Bench;
use crate::event::Kind;
use crate::row::{Bar, Row, Side};

const BAR: Bar = Bar::at_least(0.55, 0.35);
const EVENTS: u64 = 120_000;

pub(super) fn run(bench: &Bench) -> Result<Vec<Row>> {
    let shape = |kind| Shape {
        kind,
        batch: 100,
        events: bench.events(EVENTS),
    };
    let (mut stored, mut handled) = (Vec::new(), Vec::new());
    let (limits, flows) = bench.pair(
        || through::flow(bench, shape(Kind::Stored), &mut stored),
        || through::flow(bench, shape(Kind::Handled), &mut handled),
    )?;
    let what = format!(
        "a handler that does nothing, batches of 100 from POST to the recorded outcome, one worker with {} slots",
        through::CONCURRENCY
    );
    let (limit, flow) = (Side::of("stored only", &limits), Side::of("handled", &flows));
    let row = Row::ratio("handled", &what, "events/s", limit, flow, Some(BAR));
    Ok(vec![row.under(&handled)])
}
