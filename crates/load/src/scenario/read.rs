//! A scenario from its file.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use eventflow_core::sanitize;
use serde::Deserialize as _;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::check::check;
use super::decode::Node;
use super::flaw::{Flaw, Flaws, Invalid, position};
use super::given::Given;
use super::raw::RawScenario;
use super::{Place, Scenario};

/// What the command line says in place of the file.
#[derive(Clone, Debug, Default)]
pub struct Overrides {
    /// Another seed.
    pub seed: Option<u64>,
    /// Another target. Faults are checked against this one.
    pub place: Option<Place>,
    /// The server's binary.
    pub server: Option<PathBuf>,
    /// Workers of a private stack.
    pub workers: Option<usize>,
    /// APIs of a private stack.
    pub apis: Option<usize>,
    /// The level of durability of a private stack: disk, process or memory.
    pub durability: Option<String>,
}

/// The longest file that is read, in bytes.
const LONGEST: u64 = 1 << 20;

impl Scenario {
    /// Reads and checks a file.
    ///
    /// # Errors
    /// Says all that is wrong with it, each with its place.
    pub fn read(path: &Path, over: &Overrides) -> Result<Self, Invalid> {
        let name = path.display().to_string();
        let text = text(path).map_err(|error| unreadable(&name, &error))?;
        let folder = path.parent().unwrap_or_else(|| Path::new(""));
        Self::parse(&text, &name, folder, over)
    }

    /// Checks the text of a file of that name; templates are looked for in `folder`.
    ///
    /// # Errors
    /// Says all that is wrong with it, each with its place.
    pub fn parse(text: &str, name_of_file: &str, folder: &Path, over: &Overrides) -> Result<Self, Invalid> {
        let flaws = Flaws::default();
        let scenario = document(text, &flaws)
            .and_then(|document| decoded(&document, &flaws))
            .map(|raw| check(&raw, purpose(text), folder, over, &flaws));
        flaws.verdict(name_of_file, text)?;
        scenario.ok_or_else(|| {
            let nothing = io::Error::other("there is no scenario in it");
            unreadable(name_of_file, &nothing)
        })
    }
}

fn text(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    File::open(path)?.take(LONGEST + 1).read_to_string(&mut text)?;
    if text.len() as u64 > LONGEST {
        return Err(io::Error::other("it is longer than 1 MiB"));
    }
    Ok(text)
}

fn unreadable(file: &str, error: &io::Error) -> Invalid {
    Invalid {
        problems: vec![Flaw {
            file: sanitize(file).into_owned(),
            line: 0,
            column: 0,
            message: sanitize(&format!("the scenario cannot be read: {error}")).into_owned(),
            hint: None,
        }],
    }
}

/// The file as TOML. Where it is none, nothing but that is said.
fn document<'a>(text: &'a str, flaws: &Flaws) -> Option<Spanned<DeValue<'a>>> {
    let (table, errors) = DeTable::parse_recoverable(text);
    let mut spans: Vec<_> = errors
        .iter()
        .map(|error| (error.span().unwrap_or_default(), error))
        .collect();
    spans.sort_by_key(|(at, _)| at.start);
    let mut last = None;
    for (at, error) in spans {
        // What follows on the same line is mostly the parser's own confusion.
        let line = position(text, at.start).0;
        if last.replace(line) != Some(line) {
            flaws.add(at, format!("this is no TOML: {}", error.message()));
        }
    }
    let span = table.span();
    errors
        .is_empty()
        .then(|| Spanned::new(span, DeValue::Table(table.into_inner())))
}

fn decoded<'a>(document: &'a Spanned<DeValue<'a>>, flaws: &'a Flaws) -> Option<RawScenario> {
    let decoded = Given::<RawScenario>::deserialize(Node::new(document, flaws));
    match decoded {
        Ok(given) => given.into_inner(),
        Err(problem) => {
            flaws.push(problem);
            None
        }
    }
}

/// The comment at the head of the file, without directives for editors.
fn purpose(text: &str) -> String {
    let lines = text
        .trim_start_matches('\u{feff}')
        .lines()
        .map(str::trim)
        .take_while(|line| line.starts_with('#'))
        .filter(|line| !line.starts_with("#:") && !line.starts_with("#!"))
        .map(|line| line.trim_start_matches('#').trim());
    lines.collect::<Vec<_>>().join("\n").trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_purpose_is_the_comment_at_the_head() {
        let text = "#:schema ./schema.json\n# Proves that it\n# can be read.\n#\n# And more.\nschema = 1\n# not this\n";
        assert_eq!(purpose(text), "Proves that it\ncan be read.\n\nAnd more.");
        assert_eq!(purpose("schema = 1 # nor this\n"), "");
        assert_eq!(purpose(""), "");
    }
}
