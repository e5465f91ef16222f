//! The one table of settings. Flags, environment, file, `eventflow config` and the README are all read off it.

/// One setting: `lease` in `eventflow.toml` = `EVENTFLOW_LEASE` = `--lease`.
#[derive(Debug)]
pub struct Setting {
    /// Its flat name.
    pub name: &'static str,
    /// What stands for its value in help texts; empty for a switch.
    pub value: &'static str,
    /// What it is where nobody says anything; empty for unset.
    pub default: &'static str,
    /// What it does.
    pub help: &'static str,
}

impl Setting {
    /// The environment variable.
    pub fn env(&self) -> String {
        format!("EVENTFLOW_{}", self.name.to_ascii_uppercase())
    }

    /// The flag, without its dashes.
    pub fn flag(&self) -> String {
        self.name.replace('_', "-")
    }

    /// Whether it is on or off.
    pub const fn is_switch(&self) -> bool {
        self.value.is_empty()
    }
}

const fn setting(name: &'static str, value: &'static str, default: &'static str, help: &'static str) -> Setting {
    Setting {
        name,
        value,
        default,
        help,
    }
}

/// Every setting, in the order in which a person meets them.
pub const SETTINGS: &[Setting] = &[
    setting(
        "queue_url",
        "URL",
        "",
        "Redis in front of the ledger: redis://host:6379 or rediss://…; unset: none",
    ),
    setting(
        "store_url",
        "URL",
        "",
        "The ledger: postgres://user@host/db or sqlite://path; unset: a SQLite file in data_dir",
    ),
    setting("data_dir", "DIR", ".eventflow", "Where the embedded ledger lives"),
    setting("listen", "ADDR", "127.0.0.1:8000", "Where the API listens"),
    setting(
        "worker_listen",
        "ADDR",
        "",
        "Where a worker process answers /livez and /readyz; unset: nowhere",
    ),
    setting(
        "insecure",
        "",
        "false",
        "Listen beyond loopback although no tokens are set",
    ),
    setting(
        "tokens_file",
        "FILE",
        "",
        "API tokens, a line `name:token` each, # for comments",
    ),
    setting(
        "durability",
        "LEVEL",
        "disk",
        "What a 202 survives: disk (a power cut), process (a kill), memory (nothing)",
    ),
    setting(
        "assume_durability",
        "",
        "false",
        "Take the level for given where a backend does not tell, or tells less",
    ),
    setting("allow_volatile", "", "false", "Allow durability = memory"),
    setting(
        "lease",
        "TIME",
        "15s",
        "How long a worker holds an event without renewing",
    ),
    setting(
        "claim_idle",
        "TIME",
        "15s",
        "After how long a queue entry given to a worker is taken over",
    ),
    setting("attempts", "N", "5", "Attempts before an event is a dead letter"),
    setting(
        "backoff_base",
        "TIME",
        "1s",
        "The longest wait after the first failed attempt; doubles with each",
    ),
    setting("backoff_cap", "TIME", "5min", "The longest wait between two attempts"),
    setting(
        "handler_timeout",
        "TIME",
        "30s",
        "How long a handler may take for one attempt",
    ),
    setting("concurrency", "N", "64", "Events that one worker process runs at once"),
    setting(
        "grace",
        "TIME",
        "20s",
        "How long running handlers may go on after SIGTERM",
    ),
    setting(
        "partitions",
        "N",
        "1",
        "Streams the queue is spread over; fixed at the first start",
    ),
    setting(
        "dedup_window",
        "TIME",
        "10min",
        "How long the queue remembers ids of settled events",
    ),
    setting("dedup_marks", "N", "2000000", "How many of them at most"),
    setting(
        "retention",
        "TIME",
        "30d",
        "How long done and discarded events are kept",
    ),
    setting(
        "backlog_cap",
        "N",
        "1000000",
        "Unfinished events beyond which the API answers 503",
    ),
    setting("max_body", "SIZE", "1MiB", "The longest request body"),
    setting("max_data", "SIZE", "256KiB", "The longest data of one event"),
    setting("max_batch", "N", "1000", "Events in one request"),
    setting(
        "simulate",
        "",
        "",
        "Run efctl.sim.* events by the simulated handler; unset: in dev only",
    ),
    setting(
        "log",
        "FILTER",
        "info",
        "What to log: error, warn, info, debug, trace, or a tracing filter",
    ),
    setting(
        "log_format",
        "FORMAT",
        "auto",
        "pretty, json, or auto: pretty on a terminal",
    ),
];

/// The setting of that name.
pub(super) fn find(name: &str) -> Option<&'static Setting> {
    SETTINGS.iter().find(|setting| setting.name == name)
}

/// The name closest to one that does not exist, if any is close.
pub(super) fn closest(name: &str) -> Option<&'static str> {
    SETTINGS
        .iter()
        .map(|setting| (distance(name, setting.name), setting.name))
        .min()
        .filter(|(distance, _)| *distance <= 3)
        .map(|(_, name)| name)
}

/// Levenshtein's edit distance (V. Levenshtein, 1966), in bytes.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.bytes().enumerate() {
            let substituted = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_pen_is_understood() {
        assert_eq!(closest("laese"), Some("lease"));
        assert_eq!(closest("store-url"), Some("store_url"));
        assert_eq!(closest("frobnicate"), None);
        assert_eq!(distance("kitten", "sitting"), 3);
    }

    #[test]
    fn the_readme_shows_this_table() {
        let readme = include_str!("../../../../README.md");
        let shown = readme
            .split_once("<!-- settings -->\n")
            .and_then(|(_, rest)| rest.split_once("<!-- /settings -->"))
            .map(|(table, _)| table)
            .expect("the README has the two marks around its table of settings");
        let quoted = |default: &str| {
            if default.is_empty() {
                String::new()
            } else {
                format!("`{default}`")
            }
        };
        let row = |setting: &Setting| {
            format!(
                "| `{}` | {} | {} |\n",
                setting.name,
                quoted(setting.default),
                setting.help
            )
        };
        let rows = SETTINGS.iter().map(row).collect::<Vec<_>>().concat();
        let table = format!("| setting | default | what it does |\n|---|---|---|\n{rows}");
        assert_eq!(shown, table, "the README's table of settings has to be\n{table}");
    }

    #[test]
    fn names_are_unique() {
        let mut names: Vec<_> = SETTINGS.iter().map(|setting| setting.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), SETTINGS.len());
    }
}
