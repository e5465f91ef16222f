//! `efctl workers`: who runs events, and whether each of them does.

use eventflow_core::{Beat, Clock as _, Pattern, SystemClock, Timestamp};
use eventflow_wire::{WorkerView, Workers};

use crate::context::Context;
use crate::failure::Failure;
use crate::listing::table;
use crate::look::Look;
use crate::moment::{ago, count};
use crate::output::say;

pub(crate) async fn run(context: &mut Context) -> Result<(), Failure> {
    let list = context.client.workers().await?;
    if context.out.json {
        return list.workers.iter().try_for_each(|worker| context.out.record(worker));
    }
    if list.workers.is_empty() {
        say("No workers have joined: `eventflow worker` starts one, `eventflow dev` has one in it");
        return Ok(());
    }
    let look = context.out.look;
    context.out.text(&render(&list, SystemClock.now(), look))
}

/// The table. Renewals are by the store's clock, and shown against this machine's.
fn render(list: &Workers, now: Timestamp, look: Look) -> String {
    let rows = list
        .workers
        .iter()
        .map(|worker| {
            let beat = beat_of(worker);
            vec![
                worker.name.clone(),
                state(worker, beat.as_ref()),
                count(worker.running),
                ago(now, worker.renewed_at),
                version(beat.as_ref()),
                carried(&worker.patterns, beat.as_ref()),
            ]
        })
        .collect();
    table(
        look,
        &["WORKER", "STATE", "RUNNING", "RENEWED", "VERSION", "HANDLERS"],
        &[2],
        rows,
    )
}

fn state(worker: &WorkerView, beat: Option<&Beat>) -> String {
    match (worker.living, beat) {
        (false, _) => "gone".to_owned(),
        (true, Some(beat)) if !beat.stalled.is_empty() => format!("STALLED ({})", beat.stalled.join(", ")),
        (true, Some(beat)) if !beat.store_up => "living, store away".to_owned(),
        (true, _) => "living".to_owned(),
    }
}

/// The version in a beat; `?` where there is none.
pub(crate) fn version(beat: Option<&Beat>) -> String {
    beat.map(|beat| beat.version.clone())
        .filter(|version| !version.is_empty())
        .unwrap_or_else(|| "?".to_owned())
}

/// What a worker carries, with what it holds up because its dependency is away.
fn carried(patterns: &[Pattern], beat: Option<&Beat>) -> String {
    let open = |pattern: &Pattern| {
        let handlers = beat.map_or(&[][..], |beat| &beat.handlers);
        handlers.iter().any(|h| h.pattern == *pattern && h.breaker_open)
    };
    let each: Vec<String> = patterns
        .iter()
        .map(|pattern| {
            let mark = if open(pattern) { " (UNAVAILABLE)" } else { "" };
            format!("{pattern}{mark}")
        })
        .collect();
    match each.as_slice() {
        [] => "none".to_owned(),
        _ => each.join(" "),
    }
}

/// The worker's last heartbeat; none where it has none, or one of another version that cannot be read.
pub(crate) fn beat_of(worker: &WorkerView) -> Option<Beat> {
    let raw = worker.beat.as_ref()?;
    serde_json::from_str(raw.get()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::look_80;

    #[test]
    fn the_table_says_who_lives_and_who_is_stalled() {
        let list: Workers = serde_json::from_str(
            r#"{"workers":[
              {"id":"0190a5d0-0000-7000-8000-000000000001","name":"web-1/4711","patterns":["order.*","user.*"],
               "joined_at":"2026-05-01T12:00:00Z","renewed_at":"2026-05-01T12:59:58Z","living":true,"running":3,
               "beat":{"version":"0.1.0","store_up":true,"stalled":[],
                "handlers":[{"pattern":"user.*","running":0,"breaker_open":true}]}},
              {"id":"0190a5d0-0000-7000-8000-000000000002","name":"web-2/12","patterns":[],
               "joined_at":"2026-05-01T12:00:00Z","renewed_at":"2026-05-01T12:59:57Z","living":true,"running":0,
               "beat":{"version":"0.1.0","store_up":true,"stalled":["reader"]}},
              {"id":"0190a5d0-0000-7000-8000-000000000003","name":"old\u001b/1","patterns":[],
               "joined_at":"2026-05-01T12:00:00Z","renewed_at":"2026-05-01T12:10:00Z","living":false,"running":0}]}"#,
        )
        .expect("workers");
        let now = "2026-05-01T13:00:00Z".parse().expect("a time");
        assert_eq!(
            render(&list, now, look_80()),
            "\
WORKER       STATE             RUNNING  RENEWED  VERSION  HANDLERS
web-1/4711   living                  3  2s ago   0.1.0    order.* user.* (UNAVA…
web-2/12     STALLED (reader)        0  3s ago   0.1.0    none
old\\u{1b}/1  gone                    0  50m ago  ?        none
"
        );
    }
}
