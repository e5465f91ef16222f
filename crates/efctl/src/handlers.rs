//! `efctl handlers`: what takes which events; `retire` ends a handler that nobody carries any more.

use clap::{Args, Subcommand};
use eventflow_core::{Clock as _, Pattern, SystemClock, Timestamp, sanitize};
use eventflow_wire::{HandlerView, Handlers};

use crate::context::Context;
use crate::failure::Failure;
use crate::listing::table;
use crate::look::Look;
use crate::moment::{count_or_unknown, span};
use crate::output::say;

pub(crate) const EXAMPLES: &str = "\
Examples:
  efctl handlers
  efctl handlers --json | jq 'select(.carriers == 0)'
  efctl handlers retire 'order.*'";

const RETIRE_EXAMPLES: &str = "\
What waits for it is matched anew; what then matches nothing becomes a dead letter (no-handler), never stored unrun.
Refused while a living worker carries the handler.

Examples:
  efctl handlers retire 'order.*'";

#[derive(Debug, Args)]
pub(crate) struct HandlersArgs {
    #[command(subcommand)]
    command: Option<HandlersCommand>,
}

#[derive(Debug, Subcommand)]
enum HandlersCommand {
    /// Take a handler that no living worker carries off the list
    #[command(after_help = RETIRE_EXAMPLES)]
    Retire {
        /// Its pattern, as `efctl handlers` shows it
        handler: Pattern,
    },
}

pub(crate) async fn run(context: &mut Context, args: HandlersArgs) -> Result<(), Failure> {
    match args.command {
        None => list(context).await,
        Some(HandlersCommand::Retire { handler }) => retire(context, handler).await,
    }
}

async fn list(context: &mut Context) -> Result<(), Failure> {
    let list = context.client.handlers().await?;
    if context.out.json {
        return list.handlers.iter().try_for_each(|handler| context.out.record(handler));
    }
    if list.handlers.is_empty() {
        say("No handlers are on the list: every event is stored, and that is all");
    } else {
        let look = context.out.look;
        context.out.text(&render(&list, SystemClock.now(), look))?;
        context.out.flush()?;
        say("Counts are estimates, made every 5 s");
    }
    if list.paused {
        say("All running is paused: efctl resume");
    }
    Ok(())
}

fn render(list: &Handlers, now: Timestamp, look: Look) -> String {
    let rows = list
        .handlers
        .iter()
        .map(|handler| {
            vec![
                handler.pattern.to_string(),
                handler.carriers.to_string(),
                count_or_unknown(handler.due),
                count_or_unknown(handler.running),
                handler
                    .oldest_due
                    .map_or_else(|| "-".to_owned(), |due| span(now.since(due))),
                state(handler, list.paused).to_owned(),
            ]
        })
        .collect();
    table(
        look,
        &["HANDLER", "WORKERS", "DUE", "RUNNING", "OLDEST", "STATE"],
        &[1, 2, 3],
        rows,
    )
}

fn state(handler: &HandlerView, all_paused: bool) -> &'static str {
    match handler {
        HandlerView { carriers: 0, .. } => "NOBODY CARRIES IT",
        HandlerView { paused: true, .. } => "paused",
        _ if all_paused => "paused with all",
        _ => "running",
    }
}

async fn retire(context: &mut Context, handler: Pattern) -> Result<(), Failure> {
    let result = context.client.retire(handler).await?;
    if context.out.json {
        return context.out.record(&result);
    }
    let name = sanitize(result.handler.as_str()).into_owned();
    context.out.text(&format!("retired {name}"))?;
    context.out.flush()?;
    say("What waited for it is matched anew, in steps; see efctl dlq list --reason no-handler");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::look_80;

    #[test]
    fn the_table_names_what_nobody_carries() {
        let list: Handlers = serde_json::from_str(
            r#"{"version":3,"paused":false,"handlers":[
              {"pattern":"order.*","paused":false,"carriers":2,"due":512,"running":41,
               "oldest_due":"2026-05-01T12:59:00Z","counted_at":"2026-05-01T13:00:00Z"},
              {"pattern":"user.created","paused":true,"carriers":1},
              {"pattern":"old.*","paused":false,"carriers":0,"due":1234,"running":0}]}"#,
        )
        .expect("handlers");
        let now = "2026-05-01T13:00:00Z".parse().expect("a time");
        assert_eq!(
            render(&list, now, look_80()),
            "\
HANDLER       WORKERS    DUE  RUNNING  OLDEST  STATE
order.*             2    512       41  1m 0s   running
user.created        1      ?        ?  -       paused
old.*               0  1,234        0  -       NOBODY CARRIES IT
"
        );
    }
}
