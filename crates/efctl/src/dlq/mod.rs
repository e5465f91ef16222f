//! `efctl dlq`: dead letters, and what is done to them.

mod change;
mod list;

use clap::{Args, Subcommand};
use eventflow_core::{EventKey, LetterAction};

use crate::context::Context;
use crate::failure::Failure;
use crate::name::parse_key;
use crate::why;

pub(crate) const EXAMPLES: &str = "\
Examples:
  efctl dlq list --reason attempts-spent
  efctl dlq inspect 01890a5d-ac96-8f08-888d-d19a20827245
  efctl dlq requeue 01890a5d-ac96-8f08-888d-d19a20827245
  efctl dlq list --all --json | jq -r .key | xargs efctl dlq requeue --yes";

const INSPECT_EXAMPLES: &str = "\
Examples:
  efctl dlq inspect 01890a5d-ac96-8f08-888d-d19a20827245
  efctl dlq inspect 01890a5d-ac96-8f08-888d-d19a20827245 --json | jq .data";
const REQUEUE_EXAMPLES: &str = "\
Each type is matched anew. Requeued twice, an event still runs once.

Examples:
  efctl dlq requeue 01890a5d-ac96-8f08-888d-d19a20827245
  efctl dlq list --type order.created --all --json | jq -r .key | xargs efctl dlq requeue --yes";
const DISCARD_EXAMPLES: &str = "\
The payload stays until its retention ends, and `efctl dlq restore` takes a discard back.

Examples:
  efctl dlq discard 01890a5d-ac96-8f08-888d-d19a20827245
  efctl dlq discard --yes KEY KEY KEY";
const RESTORE_EXAMPLES: &str = "\
Examples:
  efctl dlq restore 01890a5d-ac96-8f08-888d-d19a20827245
  efctl dlq list --discarded --all --json | jq -r .key | xargs efctl dlq restore --yes";

#[derive(Debug, Args)]
pub(crate) struct DlqArgs {
    #[command(subcommand)]
    command: DlqCommand,
}

#[derive(Debug, Subcommand)]
enum DlqCommand {
    /// List dead letters, in key order
    #[command(after_help = list::EXAMPLES)]
    List(list::ListArgs),
    /// Show one dead letter: why it died, its whole history, and what it carries
    #[command(after_help = INSPECT_EXAMPLES)]
    Inspect {
        /// Its key
        #[arg(value_parser = parse_key)]
        key: EventKey,
    },
    /// Run dead letters again, with a new budget of attempts
    #[command(after_help = REQUEUE_EXAMPLES)]
    Requeue(KeysArgs),
    /// Give dead letters up
    #[command(after_help = DISCARD_EXAMPLES)]
    Discard(KeysArgs),
    /// Make discarded letters dead letters again
    #[command(after_help = RESTORE_EXAMPLES)]
    Restore(KeysArgs),
}

#[derive(Debug, Args)]
struct KeysArgs {
    /// Their keys
    #[arg(required = true, value_name = "KEY", value_parser = parse_key)]
    keys: Vec<EventKey>,
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
}

pub(crate) async fn run(context: &mut Context, args: DlqArgs) -> Result<(), Failure> {
    let (action, args) = match args.command {
        DlqCommand::List(args) => return list::run(context, args).await,
        DlqCommand::Inspect { key } => return inspect(context, key).await,
        DlqCommand::Requeue(args) => (LetterAction::Requeue, args),
        DlqCommand::Discard(args) => (LetterAction::Discard, args),
        DlqCommand::Restore(args) => (LetterAction::Restore, args),
    };
    change::run(context, action, args.keys, args.yes).await
}

async fn inspect(context: &mut Context, key: EventKey) -> Result<(), Failure> {
    match context.client.letter(key).await? {
        Some(view) => why::show(context, &view, why::Payload::Whole).await,
        None => Err(Failure::No(format!(
            "no dead letter has the key {key}; efctl why {key} says where that event is"
        ))),
    }
}
