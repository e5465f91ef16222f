//! Asking before something is changed.

use std::io::{self, IsTerminal as _, Write as _};

use tokio::sync::oneshot;

use crate::failure::Failure;
use crate::moment::count;

/// Lets the person type the number of things that will change. Asks nothing where `yes` was said on the command line.
///
/// # Errors
/// `Usage` without a terminal to ask on, `No` where another number is typed.
pub(crate) async fn confirm(n: usize, what_happens: &str, yes: bool) -> Result<(), Failure> {
    if yes {
        return Ok(());
    }
    if !io::stdin().is_terminal() || !io::stderr().is_terminal() {
        return Err(Failure::Usage(format!(
            "{what_happens}: there is no terminal to confirm it on, so nothing was changed. Say --yes to mean it"
        )));
    }
    let typed = ask(&format!("{what_happens}. Type {n} to go on: ")).await?;
    if is_consent(&typed, n) {
        Ok(())
    } else {
        Err(Failure::No("nothing was changed".into()))
    }
}

/// Whether what was typed is the number, with or without commas.
fn is_consent(typed: &str, n: usize) -> bool {
    let typed = typed.trim();
    typed == n.to_string() || typed == count(u64::try_from(n).unwrap_or(u64::MAX))
}

/// Reads a line on a thread of its own, so that ^C is heard meanwhile.
async fn ask(question: &str) -> Result<String, Failure> {
    let unheard = |e: io::Error| Failure::No(format!("cannot ask: {e}; nothing was changed"));
    let mut stderr = io::stderr();
    stderr
        .write_all(question.as_bytes())
        .and_then(|()| stderr.flush())
        .map_err(unheard)?;
    let (tx, rx) = oneshot::channel();
    std::thread::spawn(move || {
        let mut line = String::new();
        let read = io::stdin().read_line(&mut line).map(|_| line);
        // The asker is gone only when the process ends.
        let _ = tx.send(read);
    });
    match rx.await {
        Ok(read) => read.map_err(unheard),
        Err(_) => Err(Failure::No("nothing was changed".into())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_number_is_consent() {
        assert!(is_consent(" 38\n", 38));
        assert!(is_consent("1,234", 1234));
        assert!(!is_consent("", 0));
        assert!(!is_consent("y", 1));
        assert!(!is_consent("39", 38));
    }
}
