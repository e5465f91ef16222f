//! What the tests stand on: stacks of real processes, the events they are sent, and what is to be seen of them.

mod efctl;
mod events;
mod programs;
mod servers;
mod service;
mod stack;
mod tally;
mod traffic;
mod wait;

pub(crate) use efctl::efctl_send;
pub(crate) use events::{errand, event, failing, key, keys};
pub(crate) use programs::Program;
pub(crate) use service::Service;
pub(crate) use stack::{Plan, Stack};
pub(crate) use tally::Tally;
pub(crate) use traffic::{Log, Traffic};
pub(crate) use wait::{PATIENCE, eventually, number, run};

/// Which backends a stack has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// One process, one SQLite file.
    Embedded,
    /// PostgreSQL alone.
    Postgres,
    /// Redis in front of PostgreSQL.
    Pipeline,
}

/// Makes a `#[test]` for each mode of each test, so that a failure names its mode.
macro_rules! tests {
    ($modes:tt: $($test:ident)+) => {
        $( mod $test { $crate::rig::tests!(@modes $test $modes); } )+
    };
    (@modes $test:ident [$($mode:ident)+]) => {
        $( $crate::rig::tests!(@one $test $mode); )+
    };
    (@one $test:ident Embedded) => {
        #[test]
        fn embedded() {
            $crate::rig::run(super::$test($crate::rig::Mode::Embedded));
        }
    };
    (@one $test:ident Postgres) => {
        #[test]
        fn postgres() {
            $crate::rig::run(super::$test($crate::rig::Mode::Postgres));
        }
    };
    (@one $test:ident Pipeline) => {
        #[test]
        fn pipeline() {
            $crate::rig::run(super::$test($crate::rig::Mode::Pipeline));
        }
    };
}
pub(crate) use tests;
