//! `efctl why`: one event's life on a screen, and where it is now.

mod history;
mod verdict;

use std::collections::HashMap;

use clap::Args;
use eventflow_core::{Clock as _, EventState, SystemClock, Timestamp, WorkerId, sanitize};
use eventflow_wire::{EventView, Handlers, Workers};

use crate::context::Context;
use crate::failure::Failure;
use crate::look::{Ink, Look, of_state};
use crate::name;
use crate::output::say;

pub(crate) const EXAMPLES: &str = "\
Examples:
  efctl why 01890a5d-ac96-8f08-888d-d19a20827245
  efctl why 4711 --source checkout
  efctl why --id 4711 --source checkout --json | jq .attempts";

#[derive(Debug, Args)]
pub(crate) struct WhyArgs {
    /// The event's key, or its id
    #[arg(value_name = "KEY|ID")]
    name: Option<String>,
    /// Its id, whatever it looks like
    #[arg(long, conflicts_with = "name")]
    id: Option<String>,
    /// The source that the id is of (absent: /)
    #[arg(long)]
    source: Option<String>,
}

/// How much of what the event carries is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Payload {
    /// The beginning.
    Glance,
    /// All of it.
    Whole,
}

/// What stands around an event and explains its waiting.
#[derive(Debug, Default)]
pub(crate) struct Around {
    /// Names of workers; who is not on the list any more is shown by its id.
    pub(crate) workers: HashMap<WorkerId, String>,
    /// The handler list, where it could be asked for.
    pub(crate) handlers: Option<Handlers>,
    /// Now, by this machine's clock.
    pub(crate) now: Timestamp,
}

pub(crate) async fn run(context: &mut Context, args: &WhyArgs) -> Result<(), Failure> {
    let key = name::key_of(args.name.as_deref(), args.id.as_deref(), args.source.as_deref())?;
    let view = name::event(&context.client, key, args.name.as_deref()).await?;
    show(context, &view, Payload::Glance).await
}

/// Shows an event in the form that was asked for.
pub(crate) async fn show(context: &mut Context, view: &EventView, payload: Payload) -> Result<(), Failure> {
    if context.out.json {
        return context.out.record(view);
    }
    let around = look_around(context, view).await;
    let screen = render(view, &around, context.out.look, payload);
    context.out.text(&screen)?;
    context.out.flush()?;
    if let Some(next) = verdict::next(view) {
        say(&format!("\n  Next: {next}"));
    }
    Ok(())
}

/// Asks for names and pauses. They only explain: without them the screen says less, and nothing wrong.
async fn look_around(context: &Context, view: &EventView) -> Around {
    let workers = async {
        let wanted = !view.attempts.is_empty() || view.state == EventState::Running;
        if wanted {
            context.client.workers().await.ok()
        } else {
            None
        }
    };
    let handlers = async {
        let wanted = matches!(view.state, EventState::Due | EventState::Running);
        if wanted {
            context.client.handlers().await.ok()
        } else {
            None
        }
    };
    let (workers, handlers) = tokio::join!(workers, handlers);
    Around {
        workers: workers.map(names).unwrap_or_default(),
        handlers,
        now: SystemClock.now(),
    }
}

fn names(workers: Workers) -> HashMap<WorkerId, String> {
    workers.workers.into_iter().map(|w| (w.id, w.name)).collect()
}

impl Around {
    /// What a person calls that worker.
    fn worker(&self, id: WorkerId) -> String {
        self.workers
            .get(&id)
            .map_or_else(|| id.to_string(), |name| sanitize(name).into_owned())
    }
}

/// The screen: the verdict, what the event is, and what has happened to it.
pub(crate) fn render(view: &EventView, around: &Around, look: Look, payload: Payload) -> String {
    let mut lines = headline(view, around, look);
    lines.push(String::new());
    facts(view, look, payload, &mut lines);
    lines.push(String::new());
    history::write(view, around, look, &mut lines);
    reused(view, look, &mut lines);
    lines.join("\n")
}

fn headline(view: &EventView, around: &Around, look: Look) -> Vec<String> {
    let state = view.state.as_str().to_uppercase();
    let margin = state.len() + 2;
    let said = verdict::of(view, around);
    look.wrap(margin, &said)
        .into_iter()
        .enumerate()
        .map(|(i, line)| match i {
            0 => format!("{}  {line}", look.ink(of_state(view.state), &state)),
            _ => format!("{}{line}", " ".repeat(margin)),
        })
        .collect()
}

fn facts(view: &EventView, look: Look, payload: Payload, lines: &mut Vec<String>) {
    let mut fact = |name: &str, value: &str| {
        let label = look.ink(Ink::Dim, &format!("{name:<8}"));
        lines.push(format!("  {label} {}", look.fit(11, &sanitize(value))));
    };
    fact("type", &view.event_type);
    fact("source", &view.source);
    fact("id", &view.id);
    if let Some(subject) = &view.subject {
        fact("subject", subject);
    }
    fact("key", &view.key.to_string());
    fact("in logs", &view.correlation_id);
    if payload == Payload::Whole {
        fact("time", &view.time.to_string());
        if let Some(trace) = &view.traceparent {
            fact("trace", trace);
        }
        if let Some(extensions) = &view.extensions {
            fact("more", extensions.get());
        }
    }
    match (&view.data, &view.data_base64) {
        (Some(json), _) => {
            let bytes = json.get().len();
            match payload {
                Payload::Glance => fact("data", &format!("{bytes} B  {}", first_line(json.get()))),
                Payload::Whole => {
                    fact("data", &format!("{bytes} B of JSON"));
                    // Valid JSON has line breaks between its tokens only.
                    lines.extend(json.get().lines().map(|line| format!("    {}", sanitize(line))));
                }
            }
        }
        (None, Some(base64)) => {
            fact("data", "no JSON; in base64:");
            match payload {
                Payload::Glance => lines.push(format!("    {}", look.fit(4, &sanitize(base64)))),
                Payload::Whole => lines.push(format!("    {}", sanitize(base64))),
            }
        }
        (None, None) => fact("data", "none"),
    }
}

/// The beginning of a JSON text as one line.
fn first_line(json: &str) -> String {
    const GLANCE: usize = 200;
    let words: Vec<&str> = json.split(['\n', '\r', '\t']).map(str::trim).collect();
    let line = words.join(" ");
    match line.char_indices().nth(GLANCE) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

fn reused(view: &EventView, look: Look, lines: &mut Vec<String>) {
    if view.id_reused.is_empty() {
        return;
    }
    lines.push(String::new());
    let words = "Under this id came other payloads, kept as dead letters of their own:";
    lines.push(format!("  {}", look.ink(Ink::Yellow, words)));
    lines.extend(view.id_reused.iter().map(|key| format!("    efctl why {key}")));
}

#[cfg(test)]
mod tests;
