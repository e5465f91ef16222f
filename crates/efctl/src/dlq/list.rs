//! `efctl dlq list`.

use clap::Args;
use eventflow_core::{Clock as _, Reason, SystemClock, Timestamp};
use eventflow_wire::{LetterQuery, LetterView};

use crate::context::Context;
use crate::events::MAX_PAGE;
use crate::failure::Failure;
use crate::moment::ago;
use crate::output::say;
use crate::records::Records;

pub(super) const EXAMPLES: &str = "\
Examples:
  efctl dlq list
  efctl dlq list --reason permanent --type order.created
  efctl dlq list --discarded
  efctl dlq list --all --data --json > letters.ndjson";

#[derive(Debug, Args)]
pub(super) struct ListArgs {
    /// Exactly this type
    #[arg(long = "type", value_name = "TYPE")]
    event_type: Option<String>,
    /// Exactly this source
    #[arg(long)]
    source: Option<String>,
    /// permanent, attempts-spent, crashed, id-reused, unstorable, unreadable or no-handler
    #[arg(long, value_parser = parse_reason)]
    reason: Option<Reason>,
    /// The cause that `efctl why` shows: it groups deaths that are alike
    #[arg(long)]
    cause: Option<String>,
    /// Died at or after this RFC 3339 time
    #[arg(long, value_name = "TIME")]
    from: Option<Timestamp>,
    /// Died before this RFC 3339 time
    #[arg(long, value_name = "TIME")]
    until: Option<Timestamp>,
    /// Those that were discarded, instead of those that are dead
    #[arg(long)]
    discarded: bool,
    /// With what they carry; needs --json
    #[arg(long, requires = "json")]
    data: bool,
    /// At most so many
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..), conflicts_with = "all")]
    limit: u32,
    /// All that match, as a stream
    #[arg(long)]
    all: bool,
}

fn parse_reason(text: &str) -> Result<Reason, String> {
    Reason::parse(text).ok_or_else(|| {
        let names: Vec<&str> = Reason::ALL.iter().map(|reason| reason.as_str()).collect();
        format!("a reason is one of {}", names.join(", "))
    })
}

pub(super) async fn run(context: &mut Context, args: ListArgs) -> Result<(), Failure> {
    let query = LetterQuery {
        event_type: args.event_type,
        source: args.source,
        reason: args.reason,
        cause: args.cause,
        from: args.from,
        until: args.until,
        discarded: args.discarded,
        data: args.data,
        cursor: None,
        limit: None,
    };
    if args.all {
        every(context, &query).await
    } else {
        some(context, query, args.limit).await
    }
}

async fn some(context: &mut Context, mut query: LetterQuery, limit: u32) -> Result<(), Failure> {
    let mut left = limit;
    let mut list = records(context);
    loop {
        query.limit = Some(left.min(MAX_PAGE));
        let page = context.client.letters(&query).await?;
        list.add(&mut context.out, &page.letters)?;
        left = left.saturating_sub(u32::try_from(page.letters.len()).unwrap_or(u32::MAX));
        query.cursor = page.next;
        if query.cursor.is_none() || left == 0 {
            break;
        }
    }
    end(context, &list, query.discarded)?;
    if query.cursor.is_some() && !context.out.json {
        say(&format!("There are more than these {limit}: --limit N, or --all"));
    }
    Ok(())
}

async fn every(context: &mut Context, query: &LetterQuery) -> Result<(), Failure> {
    let mut list = records(context);
    let stream = context.client.stream_letters(query);
    list.drain(&mut context.out, stream).await?;
    end(context, &list, query.discarded)
}

fn records(context: &Context) -> Records<LetterView> {
    let header = &["KEY", "REASON", "DIED", "TYPE", "MESSAGE"];
    Records::new(&context.out, header, &[], row).spilling()
}

fn end(context: &mut Context, list: &Records<LetterView>, discarded: bool) -> Result<(), Failure> {
    context.out.flush()?;
    match (context.out.json, list.shown(), discarded) {
        (true, ..) => {}
        (false, false, _) => say("No dead letters match"),
        (false, true, false) => say("More about one: efctl dlq inspect KEY. Run it again: efctl dlq requeue KEY"),
        (false, true, true) => say("More about one: efctl dlq inspect KEY. Take it back: efctl dlq restore KEY"),
    }
    Ok(())
}

fn row(letter: &LetterView) -> Vec<String> {
    vec![
        letter.key.to_string(),
        letter.death.reason.to_string(),
        ago(SystemClock.now(), letter.death.died_at),
        letter.event_type.clone(),
        letter.death.message.clone(),
    ]
}
