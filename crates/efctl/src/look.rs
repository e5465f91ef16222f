//! How text may look: colour and width. Never colour alone, always a word too.

use std::io::IsTerminal as _;

use comfy_table::Table;
use eventflow_core::EventState;

/// What the reader of stdout can see.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Look {
    /// Whether colour is wanted.
    pub(crate) colour: bool,
    /// Columns of the terminal; none where a program reads, which wants whole lines.
    pub(crate) width: Option<usize>,
}

/// One of the 16 colours of the user's palette.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ink {
    Bold,
    Dim,
    Red,
    Green,
    Yellow,
    Cyan,
}

impl Look {
    /// That of the process's stdout. `NO_COLOR` set to anything but nothing ends colour.
    pub(crate) fn of_stdout() -> Self {
        let terminal = std::io::stdout().is_terminal();
        let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Self {
            colour: terminal && !refused,
            width: terminal.then(|| Table::new().width().map_or(80, usize::from)),
        }
    }

    /// The text in that ink.
    pub(crate) fn ink(self, ink: Ink, text: &str) -> String {
        if !self.colour || text.is_empty() {
            return text.to_owned();
        }
        let code = match ink {
            Ink::Bold => "1",
            Ink::Dim => "2",
            Ink::Red => "31",
            Ink::Green => "32",
            Ink::Yellow => "33",
            Ink::Cyan => "36",
        };
        format!("\u{1b}[{code}m{text}\u{1b}[0m")
    }

    /// Cuts safe text to the room behind a margin; whole where a program reads.
    pub(crate) fn fit(self, margin: usize, text: &str) -> String {
        let Some(width) = self.width else {
            return text.to_owned();
        };
        cut(text, width.saturating_sub(margin).max(16))
    }

    /// Breaks safe text into lines that fit behind a margin, at spaces where there are some.
    pub(crate) fn wrap(self, margin: usize, text: &str) -> Vec<String> {
        let Some(width) = self.width else {
            return vec![text.to_owned()];
        };
        let room = width.saturating_sub(margin).max(16);
        let mut lines = vec![String::new()];
        let mut used = 0;
        for word in text.split(' ') {
            let mut word: Vec<char> = word.chars().collect();
            loop {
                let gap = usize::from(used > 0);
                if used + gap + word.len() <= room {
                    push(&mut lines, gap, &word);
                    used += gap + word.len();
                    break;
                }
                if used == 0 {
                    let rest = word.split_off(room);
                    push(&mut lines, 0, &word);
                    word = rest;
                }
                lines.push(String::new());
                used = 0;
            }
        }
        lines
    }
}

/// Cuts safe text to that many characters, of which the last says so.
pub(crate) fn cut(text: &str, room: usize) -> String {
    if text.chars().count() <= room {
        return text.to_owned();
    }
    let mut cut: String = text.chars().take(room.saturating_sub(1)).collect();
    cut.push('…');
    cut
}

fn push(lines: &mut [String], gap: usize, word: &[char]) {
    if let Some(line) = lines.last_mut() {
        line.push_str(&" ".repeat(gap));
        line.extend(word);
    }
}

/// The ink of a state.
pub(crate) const fn of_state(state: EventState) -> Ink {
    match state {
        EventState::Queued | EventState::Due => Ink::Yellow,
        EventState::Running => Ink::Cyan,
        EventState::Done => Ink::Green,
        EventState::Dead => Ink::Red,
        EventState::Discarded => Ink::Dim,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NARROW: Look = Look {
        colour: false,
        width: Some(24),
    };
    const PIPE: Look = Look {
        colour: false,
        width: None,
    };

    #[test]
    fn long_text_is_broken_at_spaces_and_long_words_anywhere() {
        assert_eq!(
            NARROW.wrap(4, "the webhook answered 503 again"),
            ["the webhook answered", "503 again"]
        );
        assert_eq!(
            NARROW.wrap(4, &"x".repeat(45)),
            ["x".repeat(20), "x".repeat(20), "x".repeat(5)]
        );
        assert_eq!(NARROW.wrap(4, ""), [""]);
        assert_eq!(PIPE.wrap(4, &"x ".repeat(99)).len(), 1);
    }

    #[test]
    fn what_is_cut_says_so() {
        assert_eq!(NARROW.fit(4, &"x".repeat(21)), format!("{}…", "x".repeat(19)));
        assert_eq!(NARROW.fit(4, &"x".repeat(20)), "x".repeat(20));
        assert_eq!(PIPE.fit(4, &"x".repeat(99)), "x".repeat(99));
    }

    #[test]
    fn without_colour_there_are_no_escapes() {
        assert_eq!(PIPE.ink(Ink::Red, "dead"), "dead");
        let colour = Look { colour: true, ..PIPE };
        assert_eq!(colour.ink(Ink::Red, "dead"), "\u{1b}[31mdead\u{1b}[0m");
    }
}
