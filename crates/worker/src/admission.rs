//! Admits events: chooses each one's fate by the handler list, finds the culprit of a refused batch, buries what cannot live.

use std::sync::Arc;

use eventflow_core::{
    Admission, AdmitReply, AdmitRow, Admitted, Bug, Death, Event, EventKey, Fate, Fault, LeaseGrant, LeaseToken,
    Payload, PortError, Reason, planted, reduce,
};

use crate::run::{self, Run};
use crate::shared::Shared;
use crate::slots::Slot;
use crate::status::{Loop, add};

/// What may be done with the delivery of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The ledger has committed it, or has it already: settle.
    Committed,
    /// Nobody knows: leave it in the queue, it comes round again.
    Left,
}

/// A row on its way: an event, and how many deliveries beside the first it stands for.
type Row = (Arc<Event>, u32);

/// What came of a row.
enum Answer {
    Admitted(Admitted),
    /// The store refuses it for what it contains.
    Refused(PortError),
    /// It failed alone, and nobody knows why.
    Unknown(PortError),
}

/// How often the handler list may move on under one admission.
const LIST_CHANGES: usize = 100;

/// Admits deliveries. Aligned with them. Waits while the ledger is away.
pub(crate) async fn admit(shared: &Arc<Shared>, deliveries: &[Arc<Event>]) -> Vec<Verdict> {
    let reduced = reduce(deliveries);
    let answers = bisect(shared, reduced.rows.clone()).await;
    let any_succeeded = answers.iter().any(|answer| matches!(answer, Answer::Admitted(_)));
    let mut verdicts = Vec::with_capacity(answers.len());
    for ((event, copies), answer) in reduced.rows.iter().zip(&answers) {
        verdicts.push(conclude(shared, event, *copies, answer, any_succeeded).await);
    }
    let mut out = Vec::with_capacity(deliveries.len());
    for (event, row) in deliveries.iter().zip(reduced.row_of) {
        out.push(match row {
            Some(row) => verdicts[row],
            None => bury_reused(shared, event).await,
        });
    }
    out
}

/// Admits an event as a dead letter.
pub(crate) async fn bury(shared: &Arc<Shared>, event: Event, death: Death) -> Verdict {
    let row = AdmitRow {
        event: Arc::new(event),
        fate: Fate::Dead(death),
        copies: 0,
    };
    let mut changes = 0;
    while changes < LIST_CHANGES {
        let admission = Admission {
            registry: shared.list.current().version,
            rows: vec![row.clone()],
            lease: None,
        };
        let ledger = shared.ledger(Loop::Admitter).await;
        let answer = shared.patiently(Loop::Admitter, ledger.admit(admission)).await;
        match shared.store.report(answer) {
            Ok(AdmitReply::Decided(admitted)) => {
                if matches!(admitted[..], [Admitted::New { .. }]) {
                    add(&shared.status.counters().dead_at_admission, 1);
                }
                return Verdict::Committed;
            }
            Ok(AdmitReply::StaleRegistry) => {
                changes += 1;
                refresh(shared).await;
            }
            Err(error) if error.is_transient() => {}
            Err(error) => {
                tracing::error!(%error, key = %row.event.key, "a dead letter cannot be stored; it stays in the queue");
                return Verdict::Left;
            }
        }
    }
    Verdict::Left
}

async fn conclude(
    shared: &Arc<Shared>,
    event: &Arc<Event>,
    copies: u32,
    answer: &Answer,
    any_succeeded: bool,
) -> Verdict {
    let counters = shared.status.counters();
    match answer {
        Answer::Admitted(Admitted::New { .. }) => {
            add(&counters.admitted, 1);
            add(&counters.copies, copies as usize);
            Verdict::Committed
        }
        Answer::Admitted(Admitted::Copy) => {
            add(&counters.copies, copies as usize + 1);
            tracing::debug!(key = %event.key, correlation_id = %event.correlation_id, "a copy: counted, not run");
            Verdict::Committed
        }
        Answer::Admitted(Admitted::Reused) => bury_reused(shared, event).await,
        Answer::Refused(error) => bury_unstorable(shared, event, error).await,
        Answer::Unknown(error) if any_succeeded => bury_unstorable(shared, event, error).await,
        Answer::Unknown(error) => {
            tracing::error!(%error, key = %event.key, correlation_id = %event.correlation_id, "not admitted, and nobody knows why; it stays in the queue");
            Verdict::Left
        }
    }
}

async fn bury_reused(shared: &Arc<Shared>, event: &Event) -> Verdict {
    tracing::warn!(key = %event.key, correlation_id = %event.correlation_id, "another payload under an id that is taken: a dead letter of its own");
    let death = Death {
        original: Some(event.key),
        ..Death::new(
            Reason::IdReused,
            "another event was accepted first under this source and id",
        )
    };
    let other = Event {
        key: EventKey::of_reused(&event.source, &event.id, &event.fingerprint),
        ..event.clone()
    };
    bury(shared, other, death).await
}

async fn bury_unstorable(shared: &Arc<Shared>, event: &Event, error: &PortError) -> Verdict {
    tracing::warn!(%error, key = %event.key, correlation_id = %event.correlation_id, "the store refuses it: a dead letter, its payload kept as bytes");
    let data = match &event.data {
        Payload::Json(bytes) => Payload::Binary(bytes.clone()),
        other => other.clone(),
    };
    let kept = Event { data, ..event.clone() };
    bury(shared, kept, Death::new(Reason::Unstorable, error.to_string())).await
}

/// Admits rows; where they are refused, by halves, until the culprits stand alone.
async fn bisect(shared: &Arc<Shared>, rows: Vec<Row>) -> Vec<Answer> {
    let mut answers: Vec<Option<Answer>> = rows.iter().map(|_| None).collect();
    let mut open = Vec::new();
    if !rows.is_empty() {
        open.push(0..rows.len());
    }
    while let Some(range) = open.pop() {
        match once(shared, &rows[range.clone()]).await {
            Ok(admitted) => {
                for (i, admitted) in range.zip(admitted) {
                    answers[i] = Some(Answer::Admitted(admitted));
                }
            }
            Err(error) if planted(Bug::DeadLetterOnOutage) && error.is_transient() => {
                for i in range {
                    let why = PortError::new(Fault::Event, "admitting a batch", error.to_string());
                    answers[i] = Some(Answer::Refused(why));
                }
            }
            Err(error) if range.len() == 1 => {
                answers[range.start] = Some(match error.fault() {
                    Fault::Event => Answer::Refused(error),
                    Fault::Infrastructure | Fault::Unknown => Answer::Unknown(error),
                });
            }
            Err(_) => {
                let middle = range.start + range.len() / 2;
                open.push(middle..range.end);
                open.push(range.start..middle);
            }
        }
    }
    answers.into_iter().flatten().collect()
}

/// One batch: again while the ledger is away or the handler list moves on.
async fn once(shared: &Arc<Shared>, rows: &[Row]) -> Result<Vec<Admitted>, PortError> {
    let mut changes = 0;
    loop {
        let attempt = Attempt::prepare(shared, rows);
        let ledger = shared.ledger(Loop::Admitter).await;
        let admit = ledger.admit(attempt.admission.clone());
        let answer = shared.patiently(Loop::Admitter, admit).await;
        match shared.store.report(answer) {
            Ok(AdmitReply::Decided(admitted)) => {
                attempt.start(shared, rows, &admitted);
                return Ok(admitted);
            }
            Ok(AdmitReply::StaleRegistry) => {
                attempt.give_up(shared);
                changes += 1;
                if changes > LIST_CHANGES {
                    return Err(PortError::new(
                        Fault::Unknown,
                        "admitting a batch",
                        "the handler list does not come to rest",
                    ));
                }
                refresh(shared).await;
            }
            Err(error) => {
                attempt.give_up(shared);
                if !error.is_transient() || planted(Bug::DeadLetterOnOutage) {
                    return Err(error);
                }
            }
        }
    }
}

async fn refresh(shared: &Shared) {
    if let Err(error) = shared.list.refresh(shared, Loop::Admitter).await {
        tracing::debug!(%error, "the handler list cannot be read");
    }
}

/// One admission with the slots that it has reserved.
struct Attempt {
    admission: Admission,
    slots: Vec<Option<Slot>>,
    token: Option<LeaseToken>,
}

impl Attempt {
    fn prepare(shared: &Arc<Shared>, rows: &[Row]) -> Self {
        let registry = shared.list.current();
        let mut slots = Vec::with_capacity(rows.len());
        let mut admitted = Vec::with_capacity(rows.len());
        for (event, copies) in rows {
            let handler = registry.handler_of(&event.event_type);
            let lane = handler.and_then(|pattern| shared.lane(pattern));
            let slot = lane.and_then(|lane| shared.slots.reserve(lane, &registry));
            let fate = match handler {
                None => Fate::Done,
                Some(pattern) if slot.is_some() => Fate::Start(pattern.clone()),
                Some(pattern) => Fate::Due(pattern.clone()),
            };
            slots.push(slot);
            admitted.push(AdmitRow {
                event: Arc::clone(event),
                fate,
                copies: *copies,
            });
        }
        let token = slots.iter().any(Option::is_some).then(|| shared.held.expect());
        let lease = token.map(|token| LeaseGrant {
            worker: shared.id,
            token,
            lease_time: shared.settings.lease,
        });
        Self {
            admission: Admission {
                registry: registry.version,
                rows: admitted,
                lease,
            },
            slots,
            token,
        }
    }

    /// The batch is committed: starts what bears the lease; the other slots are free again.
    fn start(self, shared: &Arc<Shared>, rows: &[Row], admitted: &[Admitted]) {
        for (row, admitted) in self.admission.rows.iter().zip(admitted) {
            let waits = matches!((&row.fate, admitted), (Fate::Due(_), Admitted::New { .. }));
            if waits
                && let Fate::Due(pattern) = &row.fate
                && let Some(lane) = shared.lane(pattern)
            {
                shared.slots.expect_more(lane);
            }
        }
        let Some(token) = self.token else { return };
        let started: Vec<_> = rows
            .iter()
            .zip(self.slots)
            .zip(admitted)
            .filter(|(_, admitted)| matches!(admitted, Admitted::New { started: true }))
            .filter_map(|(((event, _), slot), _)| Some((Arc::clone(event), slot?)))
            .collect();
        let lost = shared.held.take(token, started.iter().map(|(event, _)| event.key));
        for ((event, slot), lost) in started.into_iter().zip(lost) {
            let run = Run {
                event,
                slot,
                token,
                lost,
                attempt: 0,
                base: 0,
                alone: false,
            };
            run::start(shared, run);
        }
    }

    /// No answer: what may have been leased after all is handed back by the next renewal.
    fn give_up(self, shared: &Shared) {
        if let Some(token) = self.token {
            shared.held.give_up(token);
        }
    }
}
