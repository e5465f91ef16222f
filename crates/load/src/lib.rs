//! Load and faults from one file, and a verdict: is every acknowledged event stored once, or dead with its reason?
//!
//! A [`scenario`] is read and checked; a [`plan`] is made of it, purely, from its seed; the [`target`] is started or found;
//! [`generate`] sends at the planned moments and [`measure`]s what users would have felt, while [`fault`]s strike on
//! schedule, those of the network through the [`proxy`]; what is sent and answered stands in the [`journal`]; when nothing
//! is left to do, the store is read through the API and compared with it, and the [`verdict`] is a pure function of what
//! was found. [`report`] writes it down. [`run`] is the whole of it. There is no terminal in here.

mod chance;
pub mod fault;
pub mod generate;
pub mod journal;
pub mod measure;
pub mod plan;
pub mod proxy;
pub mod report;
pub mod run;
pub mod scenario;
pub mod target;
pub mod verdict;
pub mod watch;
