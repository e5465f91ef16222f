//! One step of a run, and what a ledger answers to it.

use std::fmt;
use std::time::Duration;

use eventflow_core::{
    AdmitReply, AdmitRow, EventKey, Finished, Job, LeaseGrant, LeaseReply, LeaseRequest, Leased, LetterOrder,
    PauseOrder, Recorded, Registered, Registration, Renewal, Renewed, RetireOrder, Retired, WorkerId,
};

/// The unit of time of a run: so long that a real clock below a store does not matter beside it.
pub(super) const UNIT: Duration = Duration::from_secs(1000);

/// The lease time. What is added to a moment has a fraction of its own, so that no two due times of different kinds
/// ever meet, and none meets a moment at which something is asked.
pub(super) const LEASE: Duration = Duration::from_secs(12_500);

/// The retention.
pub(super) const RETENTION: Duration = Duration::from_secs(100_350);

#[derive(Clone, Debug)]
pub(super) enum Step {
    Advance(Duration),
    Admit {
        rows: Vec<AdmitRow>,
        /// How many versions older the handler list is by which the fates were chosen.
        behind: i64,
        lease: Option<LeaseGrant>,
    },
    Lease(LeaseRequest),
    LeaseSuspect(LeaseRequest),
    Renew(Renewal),
    Record(Vec<Finished>),
    Register(Registration),
    Leave(WorkerId),
    Pause(PauseOrder),
    Retire(RetireOrder),
    Rematch(Option<WorkerId>),
    Count,
    Letters(LetterOrder),
    Purge(u32),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Reply {
    Nothing,
    Admitted(AdmitReply),
    Leased(LeaseReply),
    Suspect(Option<Box<Leased>>),
    Renewed(Renewed),
    Recorded(Vec<Recorded>),
    Registered(Registered),
    Paused(bool),
    Retired(Retired),
    Rematched(u64),
    Counted(bool),
    Changed(Job),
    Purged(u64),
}

impl Step {
    /// The keys that it names.
    pub(super) fn keys(&self) -> Vec<EventKey> {
        match self {
            Self::Admit { rows, .. } => rows.iter().map(|row| row.event.key).collect(),
            Self::Renew(renewal) => renewal.running.iter().map(|(key, _)| *key).collect(),
            Self::Record(finished) => finished.iter().map(|one| one.key).collect(),
            Self::Letters(order) => order.keys.clone(),
            _ => Vec::new(),
        }
    }
}

impl Reply {
    /// The rows that it grants.
    pub(super) fn leased(&self) -> &[Leased] {
        match self {
            Self::Leased(reply) => &reply.leased,
            Self::Suspect(Some(leased)) => std::slice::from_ref(leased.as_ref()),
            _ => &[],
        }
    }
}

/// The head of a UUID that tells it from its neighbours: those of a run are random.
fn short(id: impl fmt::Display) -> String {
    id.to_string().chars().take(8).collect()
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Advance(by) => write!(f, "advance {} units", by.as_secs_f64() / UNIT.as_secs_f64()),
            Self::Admit { rows, behind, lease } => {
                write!(f, "admit")?;
                for row in rows {
                    let (key, data) = (short(row.event.key), row.event.data.bytes().len());
                    write!(
                        f,
                        " [{key} {} +{} {data} B: {:?}]",
                        row.event.event_type, row.copies, row.fate
                    )?;
                }
                if let Some(grant) = lease {
                    write!(f, " for {} under {}", short(grant.worker), short(grant.token.0))?;
                }
                write!(f, ", {behind} versions behind")
            }
            Self::Lease(request) => write!(f, "lease {}", asked(request)),
            Self::LeaseSuspect(request) => write!(f, "lease a suspect {}", asked(request)),
            Self::Renew(renewal) => {
                let running = renewal.running.iter().map(|(key, token)| (short(key), short(token.0)));
                let awaited = renewal.awaited.iter().map(|token| short(token.0));
                let (running, awaited) = (running.collect::<Vec<_>>(), awaited.collect::<Vec<_>>());
                write!(f, "renew {} runs {running:?} awaits {awaited:?}", short(renewal.worker))
            }
            Self::Record(finished) => {
                write!(f, "record")?;
                finished.iter().try_for_each(|one| {
                    let alone = if one.alone { " alone" } else { "" };
                    write!(
                        f,
                        " [{} under {} by {}: ",
                        short(one.key),
                        short(one.lease.0),
                        short(one.worker)
                    )?;
                    write!(f, "{:?}{alone}]", one.verdict)
                })
            }
            Self::Register(one) => write!(f, "register {} with {:?}", short(one.worker), one.patterns),
            Self::Leave(worker) => write!(f, "leave {}", short(worker)),
            Self::Pause(order) => write!(f, "pause {:?}: {}", order.handler, order.paused),
            Self::Retire(order) => write!(f, "retire {}", order.handler),
            Self::Rematch(worker) => write!(f, "rematch for {:?}", worker.map(short)),
            Self::Count => write!(f, "count"),
            Self::Letters(order) => {
                let keys: Vec<_> = order.keys.iter().map(short).collect();
                write!(f, "{} {keys:?} as job {}", order.action.as_str(), short(order.job))
            }
            Self::Purge(limit) => write!(f, "purge up to {limit}"),
        }
    }
}

fn asked(request: &LeaseRequest) -> String {
    let bounded = if request.max_bytes == usize::MAX {
        ""
    } else {
        " bounded by weight"
    };
    let (worker, token) = (short(request.worker), short(request.token.0));
    format!("{:?}{bounded} for {worker} under {token}", request.wants)
}
