//! Against what a scenario runs, as it is written.

use schemars::JsonSchema;
use serde::Deserialize;

use super::Setting;
use crate::scenario::given::{Entries, Given};

/// Against what a scenario runs: a private stack, or an API that runs.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, expecting = "a table")]
#[schemars(rename = "Target")]
pub(in crate::scenario) struct RawTarget {
    /// A private stack, started and removed by the run.
    pub(in crate::scenario) stack: Given<StackName>,
    /// An API that runs: faults that need ownership are refused then.
    pub(in crate::scenario) api: Given<String>,
    /// Which way the connections of that API go, for faults of the network.
    pub(in crate::scenario) routes: Given<RawRoutes>,
    /// The server's binary, from the working directory. Default: `eventflow` beside efctl.
    pub(in crate::scenario) server: Given<String>,
    /// Workers of a private stack. Default: 1.
    pub(in crate::scenario) workers: Given<u32>,
    /// APIs of a private stack. Default: 1.
    pub(in crate::scenario) apis: Given<u32>,
    /// Settings of the server by their names, such as { lease = "5s" }.
    pub(in crate::scenario) settings: Given<Entries<Setting>>,
    /// What an acknowledged event survives, and how the backends are set. Default: disk.
    pub(in crate::scenario) durability: Given<Level>,
}

/// A private stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::scenario) enum StackName {
    /// The best of the others that this machine and the file's faults allow.
    Auto,
    /// Embedded: one process on one file.
    Dev,
    /// PostgreSQL, APIs and workers.
    Postgres,
    /// Redis too.
    Local,
}

/// What an acknowledged event survives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::scenario) enum Level {
    /// A kill and a power cut of the machine.
    Disk,
    /// A kill of the process.
    Process,
    /// Nothing is promised.
    Memory,
}

/// The routes of a running API.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(
    default,
    deny_unknown_fields,
    expecting = "a table such as { postgres = { listen = \"…\", upstream = \"…\" } }"
)]
#[schemars(rename = "Routes")]
pub(in crate::scenario) struct RawRoutes {
    /// Between clients and API; not needed for an `http://` address.
    pub(in crate::scenario) api: Given<RawThrough>,
    /// Between EventFlow and Redis.
    pub(in crate::scenario) redis: Given<RawThrough>,
    /// Between EventFlow and PostgreSQL.
    pub(in crate::scenario) postgres: Given<RawThrough>,
}

/// One route: EventFlow was started with the address on which the proxy will listen.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(
    default,
    deny_unknown_fields,
    expecting = "a table such as { listen = \"127.0.0.1:15432\", upstream = \"127.0.0.1:5432\" }"
)]
#[schemars(rename = "Through", extend("required" = ["listen", "upstream"]))]
pub(in crate::scenario) struct RawThrough {
    /// Where the proxy listens: host and port.
    pub(in crate::scenario) listen: Given<String>,
    /// Where it connects to: host and port.
    pub(in crate::scenario) upstream: Given<String>,
}
