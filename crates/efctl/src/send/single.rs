//! One event from flags: its key on stdout, what to type next on stderr.

use eventflow_core::sanitize;
use eventflow_wire::{Acceptance, Accepted, Client, NewEvent};
use uuid::Uuid;

use super::feed::Size;
use super::patience::Patience;
use super::progress::Progress;
use crate::context::{Context, interrupted};
use crate::failure::Failure;
use crate::output::say;

pub(super) async fn run(
    context: &mut Context,
    client: &Client,
    mut event: NewEvent,
    patience: &Patience,
) -> Result<(), Failure> {
    event.id.get_or_insert_with(|| Uuid::now_v7().to_string());
    let accepted = tokio::select! {
        accepted = send(client, &event, patience) => accepted?,
        () = interrupted() => return Err(Failure::Interrupted),
    };
    if context.out.json {
        context.out.record(&accepted)?;
        return context.out.flush();
    }
    context.out.text(&render(&accepted))?;
    context.out.flush()?;
    say(&format!("Next: efctl why {}", accepted.key));
    Ok(())
}

/// Sends it until it is durable. It bears an id, so that every try means the same event.
async fn send(client: &Client, event: &NewEvent, patience: &Patience) -> Result<Accepted, Failure> {
    let progress = Progress::new(Size::Unknown);
    let mut failed = 0;
    loop {
        match client.send(event.clone()).await {
            Ok(accepted) => return Ok(accepted),
            Err(error) => {
                failed += 1;
                patience.bear(failed, error, &progress).await?;
            }
        }
    }
}

fn render(accepted: &Accepted) -> String {
    let status = match accepted.status {
        Acceptance::Accepted => "accepted",
        Acceptance::Duplicate => "duplicate (it was there already, with this very payload)",
    };
    format!("{}  {status}  id {}", accepted.key, sanitize(&accepted.id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_comes_first() {
        let accepted: Accepted = serde_json::from_str(
            r#"{"id":"a\u001b","source":"/","key":"9d4eb02a-cf1e-88c7-9bb1-86cb54b80777",
                "status":"accepted","correlation_id":"c"}"#,
        )
        .expect("an answer");
        assert_eq!(
            render(&accepted),
            "9d4eb02a-cf1e-88c7-9bb1-86cb54b80777  accepted  id a\\u{1b}"
        );
    }
}
