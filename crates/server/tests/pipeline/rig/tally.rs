//! What stands in the ledger, counted row by row.

use std::collections::BTreeMap;

use eventflow_core::EventState;
use eventflow_wire::EventQuery;
use futures_util::StreamExt as _;

use super::stack::Stack;
use super::wait::eventually;

/// Events by state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    /// Finished.
    pub(crate) done: u64,
    /// Dead letters.
    pub(crate) dead: u64,
    /// Discarded ones.
    pub(crate) discarded: u64,
    /// Due or running.
    pub(crate) unfinished: u64,
}

impl Tally {
    /// Only finished ones, so many.
    pub(crate) fn done(done: u64) -> Self {
        Self {
            done,
            ..Self::default()
        }
    }

    /// All of them.
    pub(crate) fn all(self) -> u64 {
        self.done + self.dead + self.discarded + self.unfinished
    }

    fn add(&mut self, state: EventState, events: u64) {
        match state {
            EventState::Done => self.done += events,
            EventState::Dead => self.dead += events,
            EventState::Discarded => self.discarded += events,
            EventState::Due | EventState::Running => self.unfinished += events,
            EventState::Queued => panic!("a row is not queued"),
        }
    }
}

impl Stack {
    /// What stands in the ledger: from SQL where there is a database.
    pub(crate) async fn tally(&self) -> Result<Tally, String> {
        let mut tally = Tally::default();
        match &self.database {
            Some(database) => {
                for row in database.try_sql("SELECT state, count(*) FROM event_states GROUP BY state")? {
                    let mut texts = row.into_iter().flatten();
                    let state = texts.next().as_deref().and_then(EventState::parse).expect("a state");
                    tally.add(state, texts.next().expect("a count").parse().expect("a number"));
                }
            }
            None => {
                for state in self.states().await?.into_values() {
                    tally.add(state, 1);
                }
            }
        }
        Ok(tally)
    }

    /// The state of each row, as the API lists it, by the event's id; before it the source, where that is not `/`.
    pub(crate) async fn states(&self) -> Result<BTreeMap<String, EventState>, String> {
        let query = EventQuery {
            fields: Some("source,id,state".to_owned()),
            ..EventQuery::default()
        };
        let mut lines = std::pin::pin!(self.client().stream_events(&query));
        let mut states = BTreeMap::new();
        while let Some(line) = lines.next().await {
            let line = line.map_err(|error| error.to_string())?;
            let (source, id) = (line.source.expect("asked for"), line.id.expect("asked for"));
            let name = if source == "/" { id } else { format!("{source} {id}") };
            let state = line.state.expect("asked for");
            assert_eq!(states.insert(name, state), None, "a name has one row");
        }
        Ok(states)
    }

    /// Waits until nothing is unfinished, in the queue or in the ledger, and `events` are there; what they are.
    pub(crate) async fn settled(&self, events: u64) -> Tally {
        eventually("settled", async || {
            if self.mode() == super::Mode::Embedded {
                for state in [EventState::Due, EventState::Running] {
                    self.none_is(state).await?;
                }
            }
            self.queue_is_empty()?;
            let tally = self.tally().await?;
            if tally.unfinished == 0 && tally.all() >= events {
                return Ok(tally);
            }
            Err(format!("{tally:?} of {events}"))
        })
        .await
    }

    /// Cheaper than to list them all.
    async fn none_is(&self, state: EventState) -> Result<(), String> {
        let query = EventQuery {
            state: Some(state),
            limit: Some(1),
            ..EventQuery::default()
        };
        let page = self.client().events(&query).await.map_err(|error| error.to_string())?;
        match page.events.first() {
            Some(event) => Err(format!("{state:?}: {event:?}")),
            None => Ok(()),
        }
    }

    fn queue_is_empty(&self) -> Result<(), String> {
        let Some(redis) = &self.redis else { return Ok(()) };
        let asked = tokio::task::block_in_place(|| redis.command(&["XLEN", super::stack::STREAM]));
        match asked.map_err(|error| error.to_string())? {
            eventflow_stack::Reply::Number(0) => Ok(()),
            other => Err(format!("in the queue: {other:?}")),
        }
    }

    /// Every handled event was done by exactly one run, and nothing else than `also` stands in the history.
    pub(crate) fn each_was_run_once(&self) {
        let not_once = self.database().column(
            "SELECT e.id || ': ' || count(a.key) FROM events e LEFT JOIN attempts a ON a.key = e.key AND a.result = 'done' \
             WHERE e.type LIKE 'efctl.sim.%' AND e.state = 'done' GROUP BY e.id HAVING count(a.key) <> 1",
        );
        assert_eq!(not_once, Vec::<String>::new(), "runs that ended done");
    }

    /// Attempts that failed, and crashes.
    pub(crate) fn history(&self) -> (u64, u64) {
        let count = |result: &str| {
            self.database()
                .number(&format!("SELECT count(*) FROM attempts WHERE result = '{result}'"))
        };
        (count("failed"), count("crashed"))
    }
}
