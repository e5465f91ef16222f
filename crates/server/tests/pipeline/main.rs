//! The real binaries, end to end: embedded, on PostgreSQL, and on Redis + PostgreSQL.
//!
//! Every test has a stack of its own: its processes, its database, its Redis; whoever hurts PostgreSQL has a server of its
//! own, too. Nothing is proved by the time it takes: a condition is asked for until it holds or the patience is over.
//!
//! `EVENTFLOW_TEST_EVENTS` (10,000): how many events the tests of volume send. `EVENTFLOW_TEST_OUTAGE` (6) and
//! `EVENTFLOW_TEST_STALL` (8): for how many seconds a server is away, and a worker stands still.

mod accepting;
mod crashing;
mod crowding;
mod dev;
mod failing;
mod freezing;
mod inputs;
mod joining;
mod operating;
mod outages;
mod refusing;
mod rig;
mod stopping;
mod volume;
