//! What a person reads first: where it listens, where things are stored, and what to type next.

use std::io::{self, IsTerminal as _, Write as _};

use tokio::net::TcpListener;

use crate::config::{Config, Role};

/// Prints it, on stdout in `dev`; every role logs the same as fields.
pub(crate) fn print(config: &Config, role: Role, listener: Option<&TcpListener>, places: &[String]) -> io::Result<()> {
    let address = listener.map(TcpListener::local_addr).transpose()?;
    let listens = address.map(|address| format!("http://{address}"));
    tracing::info!(
        ?role,
        listens = listens.as_deref().unwrap_or("nowhere"),
        durability = %config.durability,
        "starting: {}",
        places.join(", ")
    );
    let (Role::Dev, Some(url)) = (role, listens) else {
        return Ok(());
    };
    let efctl = if io::stdout().is_terminal() {
        "cargo run --release --bin efctl --"
    } else {
        "efctl"
    };
    let mut out = io::stdout().lock();
    let text = format!(
        "EventFlow listens on {url} (interactive documentation: {url}/docs)\n{}\n\nTry:\n  \
         curl -s {url}/events -H 'content-type: application/json' -d '{{\"type\":\"order.created\",\"data\":{{\"total\":12.5}}}}'\n  \
         {efctl} send --type efctl.sim.order --data '{{\"fail\":\"permanent\"}}'\n  \
         {efctl} status\n\n^C drains and stops.\n",
        capitalised(&places.join("; "))
    );
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        // Whoever started it does not read what it says; it works all the same.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}

fn capitalised(text: &str) -> String {
    let mut chars = text.chars();
    chars
        .next()
        .map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}
