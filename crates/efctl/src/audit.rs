//! `efctl audit`: what people have changed, oldest first.

use std::collections::VecDeque;

use clap::Args;
use eventflow_wire::{AuditQuery, AuditView};

use crate::context::Context;
use crate::events::MAX_PAGE;
use crate::failure::Failure;
use crate::moment::to_the_second;
use crate::output::say;
use crate::records::Records;

pub(crate) const EXAMPLES: &str = "\
Examples:
  efctl audit
  efctl audit --limit 10
  efctl audit --after 1200 --json
  efctl audit --all --json > audit.ndjson";

#[derive(Debug, Args)]
pub(crate) struct AuditArgs {
    /// Changes behind this number, from there on
    #[arg(long, value_name = "SEQ", allow_negative_numbers = false)]
    after: Option<i64>,
    /// The last so many; with --after, the first so many behind it
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..), conflicts_with = "all")]
    limit: u32,
    /// Every change
    #[arg(long)]
    all: bool,
}

/// Which part of the list is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    All,
    First(usize),
    Last(usize),
}

impl AuditArgs {
    fn part(&self) -> Part {
        let limit = usize::try_from(self.limit).unwrap_or(usize::MAX);
        match (self.all, self.after) {
            (true, _) => Part::All,
            (false, Some(_)) => Part::First(limit),
            (false, None) => Part::Last(limit),
        }
    }
}

pub(crate) async fn run(context: &mut Context, args: &AuditArgs) -> Result<(), Failure> {
    let part = args.part();
    let mut query = AuditQuery {
        after: args.after,
        limit: Some(MAX_PAGE),
    };
    let header = &["SEQ", "AT", "WHO", "DID", "TO", "IN JOB"];
    let mut list = Records::new(&context.out, header, &[0], row);
    let mut held: VecDeque<AuditView> = VecDeque::new();
    let mut seen = 0;
    loop {
        let page = context.client.audit(&query).await?;
        let mut entries = page.entries;
        match part {
            Part::All => list.add(&mut context.out, &entries)?,
            Part::First(limit) => {
                entries.truncate(limit - seen);
                seen += entries.len();
                list.add(&mut context.out, &entries)?;
            }
            // The API gives the oldest first: what is wanted are the last of all pages.
            Part::Last(limit) => {
                held.extend(entries);
                held.drain(..held.len().saturating_sub(limit));
            }
        }
        query.after = page.next;
        if query.after.is_none() || part == Part::First(seen) {
            break;
        }
    }
    list.add(&mut context.out, held.make_contiguous())?;
    context.out.flush()?;
    if !list.shown() && !context.out.json {
        say("Nobody has changed anything");
    }
    Ok(())
}

fn row(entry: &AuditView) -> Vec<String> {
    let subject = match entry.subject.as_str() {
        "*" => "all running",
        subject => subject,
    };
    vec![
        entry.seq.to_string(),
        to_the_second(entry.at),
        entry.actor.clone(),
        entry.action.clone(),
        subject.to_owned(),
        entry.job.map_or_else(String::new, |job| job.to_string()),
    ]
}
