//! `efctl pause` and `efctl resume`: one handler, or all running.

use clap::Args;
use eventflow_core::{Pattern, sanitize};

use crate::context::Context;
use crate::failure::Failure;
use crate::output::say;

#[derive(Debug, Args)]
pub(crate) struct PauseArgs {
    /// One handler, as `efctl handlers` shows it; all running where absent
    handler: Option<Pattern>,
}

/// Which of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    Pause,
    Resume,
}

pub(crate) async fn run(context: &mut Context, args: PauseArgs, order: Order) -> Result<(), Failure> {
    let result = match order {
        Order::Pause => context.client.pause(args.handler).await?,
        Order::Resume => context.client.resume(args.handler).await?,
    };
    if context.out.json {
        return context.out.record(&result);
    }
    let what = match &result.handler {
        Some(pattern) => sanitize(pattern.as_str()).into_owned(),
        None => "all running".to_owned(),
    };
    let is = if result.paused { "paused" } else { "resumed" };
    context.out.text(&format!("{is}: {what}"))?;
    context.out.flush()?;
    match (order, &result.handler) {
        (Order::Pause, Some(_)) => say(&format!(
            "Its events wait, none is lost. To go on: efctl resume '{what}'"
        )),
        (Order::Pause, None) => say("Events are taken and wait, none is lost. To go on: efctl resume"),
        (Order::Resume, None) => say("Handlers that were paused by name stay paused: efctl handlers shows them"),
        (Order::Resume, Some(_)) => {}
    }
    Ok(())
}
