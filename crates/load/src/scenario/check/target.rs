//! The target: a private stack, or an API that runs.

use std::collections::BTreeMap;
use std::path::PathBuf;

use eventflow_core::Durability;
use url::Url;

use super::phases::spot;
use crate::scenario::flaw::Flaws;
use crate::scenario::given::{Entries, Given};
use crate::scenario::near::suggestion;
use crate::scenario::raw::{Level, RawRoutes, RawScenario, RawTarget, RawThrough, Setting, StackName};
use crate::scenario::{Overrides, Place, Route, StackKind, Target, Through};

/// The most processes of one role.
pub(super) const MOST: usize = 64;

/// Settings that the stack makes itself, with where a scenario says such a thing.
const TAKEN: [(&str, &str); 8] = [
    ("queue_url", "which backends there are is said by `stack`"),
    ("store_url", "which backends there are is said by `stack`"),
    ("data_dir", "a private stack has a folder of its own"),
    ("listen", "a private stack takes free ports"),
    ("worker_listen", "a private stack takes free ports"),
    ("admin_listen", "a private stack takes free ports"),
    ("tokens_file", "a private stack listens on this machine alone"),
    ("durability", "write `durability` in `[target]` itself"),
];

/// Checks the target. What the command line says of it goes before the file.
pub(super) fn target(raw: &RawScenario, over: &Overrides, flaws: &Flaws) -> Target {
    let absent = RawTarget::default();
    let target = raw.target.get().unwrap_or(&absent);
    let has_faults = raw
        .faults
        .get()
        .map_or_else(|| raw.faults.stands(), |faults| !faults.is_empty());
    let written = place(target, has_faults, flaws);
    Target {
        place: over.place.clone().unwrap_or(written),
        server: over.server.clone().or_else(|| target.server.get().map(PathBuf::from)),
        workers: count(over.workers, &target.workers, "workers", flaws),
        apis: count(over.apis, &target.apis, "apis", flaws),
        settings: target
            .settings
            .get()
            .map_or_else(BTreeMap::new, |settings| self::settings(settings, flaws)),
        durability: durability(over.durability.as_deref(), &target.durability, flaws)
            .as_str()
            .to_owned(),
    }
}

fn place(target: &RawTarget, has_faults: bool, flaws: &Flaws) -> Place {
    if target.api.stands() {
        return running(target, flaws);
    }
    if target.routes.stands() {
        flaws.hinted(
            target.routes.at(),
            "`routes` are those of an API that runs",
            "write `api = \"http://…\"`, or leave them away: a private stack has its own",
        );
    }
    match target.stack.get() {
        Some(StackName::Auto) => Place::Auto,
        Some(StackName::Dev) => Place::Private(StackKind::Dev),
        Some(StackName::Postgres) => Place::Private(StackKind::Postgres),
        Some(StackName::Local) => Place::Private(StackKind::Local),
        None if has_faults || target.stack.stands() => Place::Auto,
        None => Place::Running {
            api: None,
            routes: BTreeMap::new(),
        },
    }
}

fn running(target: &RawTarget, flaws: &Flaws) -> Place {
    let of_stacks = [
        ("stack", spot(&target.stack)),
        ("server", spot(&target.server)),
        ("workers", spot(&target.workers)),
        ("apis", spot(&target.apis)),
        ("settings", spot(&target.settings)),
        ("durability", spot(&target.durability)),
    ];
    for (field, at) in of_stacks {
        if let Some(at) = at {
            flaws.hinted(
                at,
                format!("`{field}` has no meaning with `api`, which runs already"),
                "leave one of the two away",
            );
        }
    }
    let api = target.api.get().and_then(|api| address(api, target, flaws));
    let routes = target
        .routes
        .get()
        .map_or_else(BTreeMap::new, |routes| self::routes(routes, flaws));
    Place::Running { api, routes }
}

fn address(api: &str, target: &RawTarget, flaws: &Flaws) -> Option<String> {
    let problem = match Url::parse(api) {
        Ok(url) if !matches!(url.scheme(), "http" | "https") => "it is neither http nor https".to_owned(),
        Ok(url) if !url.has_host() => "it has no host".to_owned(),
        Ok(_) => return Some(api.to_owned()),
        Err(error) => error.to_string(),
    };
    flaws.hinted(
        target.api.at(),
        format!("`{api}` is no address of an API: {problem}"),
        "write one such as `http://127.0.0.1:8000`",
    );
    None
}

fn routes(raw: &RawRoutes, flaws: &Flaws) -> BTreeMap<Route, Through> {
    let all = [
        (Route::Api, &raw.api),
        (Route::Redis, &raw.redis),
        (Route::Postgres, &raw.postgres),
    ];
    all.into_iter()
        .filter_map(|(route, given)| Some((route, through(given, flaws)?)))
        .collect()
}

fn through(given: &Given<RawThrough>, flaws: &Flaws) -> Option<Through> {
    let raw = given.get()?;
    let mut ends = [("listen", &raw.listen), ("upstream", &raw.upstream)].map(|(field, end)| {
        if !end.stands() {
            flaws.add(
                given.at(),
                format!("the route needs `{field}`, such as \"127.0.0.1:15432\""),
            );
        }
        let end_text = end.get()?;
        let is_address = end_text
            .rsplit_once(':')
            .is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok_and(|port| port > 0));
        if !is_address {
            flaws.hinted(
                end.at(),
                format!("`{end_text}` is no host and port"),
                "write them as `127.0.0.1:15432`",
            );
        }
        is_address.then(|| end_text.clone())
    });
    Some(Through {
        listen: ends[0].take()?,
        upstream: ends[1].take()?,
    })
}

fn count(over: Option<usize>, given: &Given<u32>, field: &str, flaws: &Flaws) -> usize {
    let written = given
        .get()
        .map_or(1, |count| usize::try_from(*count).unwrap_or(usize::MAX));
    let count = over.unwrap_or(written);
    if count == 0 || count > MOST {
        flaws.add(
            given.at(),
            format!("`{field}` is a number from 1 to {MOST}, not {count}"),
        );
    }
    count
}

fn durability(over: Option<&str>, given: &Given<Level>, flaws: &Flaws) -> Durability {
    const LEVELS: [Durability; 3] = [Durability::Disk, Durability::Process, Durability::Memory];
    if let Some(name) = over {
        return LEVELS
            .into_iter()
            .find(|level| level.as_str() == name)
            .unwrap_or_else(|| {
                let hint = suggestion(name, LEVELS.map(Durability::as_str));
                flaws.hinted(given.at(), format!("there is no level of durability `{name}`"), hint);
                Durability::Disk
            });
    }
    given.get().map_or(Durability::Disk, |level| match level {
        Level::Disk => Durability::Disk,
        Level::Process => Durability::Process,
        Level::Memory => Durability::Memory,
    })
}

fn settings(entries: &Entries<Setting>, flaws: &Flaws) -> BTreeMap<String, String> {
    let mut settings = BTreeMap::new();
    for (name, value) in &entries.0 {
        let (Some(text), Some(value)) = (name.get(), value.get()) else {
            continue;
        };
        let is_name = !text.is_empty()
            && text
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
        if let Some((_, why)) = TAKEN.iter().find(|(taken, _)| taken == text) {
            flaws.hinted(name.at(), format!("`{text}` is not for a scenario to set"), *why);
        } else if !is_name {
            flaws.hinted(
                name.at(),
                format!("`{text}` is no setting of the server"),
                "their names are written as in `eventflow config`: `claim_idle`",
            );
        }
        settings.insert(text.clone(), value.0.clone());
    }
    settings
}
