//! Decorators that hurt what they wrap, at will and in a way that can be repeated. They pass all laws while they are idle.

mod faulty;
mod faulty_ledger;
mod faulty_queue;
mod slow;
mod slow_ledger;
mod slow_queue;

pub use faulty::{Faulty, Trouble};
pub use slow::{Side, Slow};

/// Which call of a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "each is named as the method of its port")]
pub enum Verb {
    Admit,
    Lease,
    LeaseSuspect,
    Renew,
    Record,
    Register,
    Leave,
    Registry,
    Pause,
    Retire,
    Rematch,
    Count,
    Get,
    List,
    Letters,
    LetterCounts,
    ChangeLetters,
    Job,
    Audit,
    Workers,
    Purge,
    Ensure,
    Append,
    Find,
    Settle,
    Depth,
    Tend,
    Claim,
    TakeOver,
}
