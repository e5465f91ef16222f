//! `efctl events`: one event, or a list of those that match.

use clap::Args;
use eventflow_core::{Clock as _, EventState, SystemClock, Timestamp};
use eventflow_wire::{EventLine, EventQuery};

use crate::context::Context;
use crate::failure::Failure;
use crate::moment::ago;
use crate::output::say;
use crate::records::Records;
use crate::{name, why};

pub(crate) const EXAMPLES: &str = "\
Lists cover the ledger; an event that is still in the queue is found by its key, or by its id and source.

Examples:
  efctl events --state dead --limit 20
  efctl events --type order.created --source checkout --from 2026-05-01T00:00:00Z
  efctl events 01890a5d-ac96-8f08-888d-d19a20827245
  efctl events --id 4711 --source checkout
  efctl events --all --json > events.ndjson";

/// The most that the API gives at once.
pub(crate) const MAX_PAGE: u32 = 1000;

#[derive(Debug, Args)]
pub(crate) struct EventsArgs {
    /// Show this one event
    #[arg(value_name = "KEY", conflicts_with_all = ["event_type", "state", "from", "until", "limit", "all"])]
    key: Option<String>,
    /// Show the one event of this id, and of --source (absent: /)
    #[arg(long, conflicts_with_all = ["key", "event_type", "state", "from", "until", "limit", "all"])]
    id: Option<String>,
    /// Exactly this source
    #[arg(long)]
    source: Option<String>,
    /// Exactly this type
    #[arg(long = "type", value_name = "TYPE")]
    event_type: Option<String>,
    /// due, running, done, dead or discarded
    #[arg(long, value_parser = parse_state)]
    state: Option<EventState>,
    /// Received at or after this RFC 3339 time
    #[arg(long, value_name = "TIME")]
    from: Option<Timestamp>,
    /// Received before this RFC 3339 time
    #[arg(long, value_name = "TIME")]
    until: Option<Timestamp>,
    /// At most so many
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..), conflicts_with = "all")]
    limit: u32,
    /// All that match, as a stream
    #[arg(long)]
    all: bool,
}

fn parse_state(text: &str) -> Result<EventState, String> {
    match EventState::parse(text) {
        Some(EventState::Queued) => Err("lists cover the ledger, which has no queued events".into()),
        Some(state) => Ok(state),
        None => Err("a state is due, running, done, dead or discarded".into()),
    }
}

pub(crate) async fn run(context: &mut Context, args: EventsArgs) -> Result<(), Failure> {
    if args.key.is_some() || args.id.is_some() {
        return one(context, &args).await;
    }
    let query = EventQuery {
        source: args.source,
        event_type: args.event_type,
        state: args.state,
        from: args.from,
        until: args.until,
        ..EventQuery::default()
    };
    if args.all {
        every(context, &query).await
    } else {
        some(context, query, args.limit).await
    }
}

async fn one(context: &mut Context, args: &EventsArgs) -> Result<(), Failure> {
    let key = name::key_of(args.key.as_deref(), args.id.as_deref(), args.source.as_deref())?;
    let typed = args.key.as_deref();
    let view = name::event(&context.client, key, typed).await?;
    why::show(context, &view, why::Payload::Whole).await
}

async fn some(context: &mut Context, mut query: EventQuery, limit: u32) -> Result<(), Failure> {
    let mut left = limit;
    let mut list = records(context);
    loop {
        query.limit = Some(left.min(MAX_PAGE));
        let page = context.client.events(&query).await?;
        list.add(&mut context.out, &page.events)?;
        left = left.saturating_sub(u32::try_from(page.events.len()).unwrap_or(u32::MAX));
        query.cursor = page.next;
        if query.cursor.is_none() || left == 0 {
            break;
        }
    }
    end(context, &list)?;
    if query.cursor.is_some() && !context.out.json {
        say(&format!("There are more than these {limit}: --limit N, or --all"));
    }
    Ok(())
}

async fn every(context: &mut Context, query: &EventQuery) -> Result<(), Failure> {
    let mut list = records(context);
    let stream = context.client.stream_events(query);
    list.drain(&mut context.out, stream).await?;
    end(context, &list)
}

fn records(context: &Context) -> Records<EventLine> {
    let header = &["KEY", "STATE", "RECEIVED", "TYPE", "SOURCE AND ID"];
    Records::new(&context.out, header, &[], row).spilling()
}

fn end(context: &mut Context, list: &Records<EventLine>) -> Result<(), Failure> {
    context.out.flush()?;
    if !list.shown() && !context.out.json {
        say("No events match");
    }
    Ok(())
}

fn row(line: &EventLine) -> Vec<String> {
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    vec![
        line.key.to_string(),
        line.state.map_or_else(String::new, |state| state.to_string()),
        line.received_at
            .map_or_else(String::new, |at| ago(SystemClock.now(), at)),
        text(&line.event_type),
        format!("{} {}", text(&line.source), text(&line.id)),
    ]
}
