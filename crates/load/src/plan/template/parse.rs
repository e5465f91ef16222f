//! Reads templates, and tries what they give: a template that was read renders JSON whatever is drawn.

use std::num::NonZeroU64;

use serde::de::IgnoredAny;
use serde_json::Value;

use super::zipf::Zipf;
use super::{Piece, Span, Template, TemplateFlaw, What};

const KNOWN: &str = "uuid, seq, zipf, int, float, pick, now, hex";
const USUAL_SIZE: u32 = 10_000;
const MOST_DIGITS: usize = 1 << 20;

/// Reads a template.
pub(super) fn template(text: &str) -> Result<Template, TemplateFlaw> {
    let mut reader = Reader::default();
    let begin = text.len() - text.trim_start().len();
    let text = text.trim_end();
    let mut at = begin;
    while let Some(opening) = text[at..].find("{{") {
        let opening = at + opening;
        reader.text(at, &text[at..opening]);
        let inner = opening + 2;
        let Some(closing) = text[inner..].find("}}") else {
            return Err(flaw(opening, "`{{` without its `}}`"));
        };
        reader.function(opening, &text[inner..inner + closing])?;
        at = inner + closing + 2;
    }
    reader.text(at, &text[at..]);
    let template = Template {
        pieces: reader.pieces.into(),
        populations: reader.populations.len(),
    };
    match try_out(&template) {
        Ok(()) => Ok(template),
        Err(found) => Err(flaw(text.floor_char_boundary(found.offset), found.message)),
    }
}

fn flaw(offset: usize, message: impl Into<String>) -> TemplateFlaw {
    TemplateFlaw {
        offset,
        message: message.into(),
    }
}

#[derive(Default)]
struct Reader {
    pieces: Vec<Piece>,
    populations: Vec<(String, Zipf)>,
}

impl Reader {
    fn text(&mut self, offset: usize, text: &str) {
        if !text.is_empty() {
            self.pieces.push(Piece {
                offset,
                what: What::Text(text.into()),
            });
        }
    }

    fn function(&mut self, offset: usize, inner: &str) -> Result<(), TemplateFlaw> {
        let mut words = inner.split_whitespace();
        let name = words.next().unwrap_or_default();
        let arguments: Vec<&str> = words.collect();
        let what = self.read(name, &arguments).map_err(|message| flaw(offset, message))?;
        self.pieces.push(Piece { offset, what });
        Ok(())
    }

    fn read(&mut self, name: &str, arguments: &[&str]) -> Result<What, String> {
        match (name, arguments) {
            ("uuid", []) => Ok(What::Uuid),
            ("seq", []) => Ok(What::Seq),
            ("now", []) => Ok(What::Now),
            ("uuid" | "seq" | "now", _) => Err(format!("`{name}` takes no arguments")),
            ("zipf", [population, exponent]) => self.zipf(population, exponent, None),
            ("zipf", [population, exponent, size]) => self.zipf(population, exponent, Some(size)),
            ("zipf", _) => {
                Err("`zipf` takes a name, an exponent and at will a size: `zipf customers 1.1 10000`".into())
            }
            ("int", [low, high]) => int(low, high),
            ("int", _) => Err("`int` takes two whole numbers: `int 1 100`".into()),
            ("float", [low, high]) => float(low, high),
            ("float", _) => Err("`float` takes two numbers: `float 0 1`".into()),
            ("pick", []) => Err("`pick` takes words: `pick red green blue`".into()),
            ("pick", words) => pick(words),
            ("hex", [digits]) => hex(digits),
            ("hex", _) => Err("`hex` takes the number of digits: `hex 16`".into()),
            ("", _) => Err(format!("a function is missing between the braces; known are {KNOWN}")),
            (name, _) => Err(format!("unknown function `{name}`; known are {KNOWN}")),
        }
    }

    fn zipf(&mut self, population: &str, exponent: &str, size: Option<&&str>) -> Result<What, String> {
        let exponent: f64 = number(exponent)?;
        if exponent <= 0.0 || exponent > 100.0 {
            return Err("the exponent of `zipf` is above 0, and 100 at most".into());
        }
        let size = match size {
            None => USUAL_SIZE,
            Some(size) => match size.parse() {
                Ok(size) if size > 0 => size,
                _ => return Err(format!("`{size}` is no size of a population")),
            },
        };
        let zipf = Zipf::new(exponent, size);
        if let Some(place) = self.populations.iter().position(|(name, _)| name == population) {
            return if self.populations[place].1 == zipf {
                Ok(What::Zipf(place, zipf))
            } else {
                Err(format!(
                    "`{population}` is drawn from in two ways; one population has one exponent and one size"
                ))
            };
        }
        self.populations.push((population.to_owned(), zipf));
        Ok(What::Zipf(self.populations.len() - 1, zipf))
    }
}

fn number(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(number) if number.is_finite() => Ok(number),
        _ => Err(format!("`{text}` is not a number")),
    }
}

fn int(low: &str, high: &str) -> Result<What, String> {
    let whole = |text: &str| {
        text.parse::<i64>()
            .map_err(|_| format!("`{text}` is not a whole number"))
    };
    let (low, high) = (whole(low)?, whole(high)?);
    if low > high {
        return Err(format!("{low} is above {high}"));
    }
    // One more than their distance, which is 0 where that are all numbers there are.
    let span = NonZeroU64::new(high.abs_diff(low).wrapping_add(1)).map_or(Span::All, Span::Some);
    Ok(What::Int(low, span))
}

fn float(low: &str, high: &str) -> Result<What, String> {
    let (low, high) = (number(low)?, number(high)?);
    if low > high {
        return Err(format!("{low} is above {high}"));
    }
    if !(high - low).is_finite() {
        return Err(format!("{low} and {high} are too far apart"));
    }
    Ok(What::Float(low, high))
}

fn pick(words: &[&str]) -> Result<What, String> {
    match words.iter().find(|word| word.contains(['"', '\\'])) {
        Some(word) => Err(format!(
            "`{word}` has a quote or a backslash, which `pick` does not take"
        )),
        None => Ok(What::Pick(words.iter().map(|&word| word.into()).collect())),
    }
}

fn hex(digits: &str) -> Result<What, String> {
    match digits.parse() {
        Ok(digits) if (1..=MOST_DIGITS).contains(&digits) => Ok(What::Hex(digits)),
        _ => Err(format!("`hex` gives 1 to {MOST_DIGITS} digits, not `{digits}`")),
    }
}

/// Whether it gives JSON. Of all that can be drawn, only the words of `pick` may differ in kind: each has its turn.
fn try_out(template: &Template) -> Result<(), TemplateFlaw> {
    let words = |piece: &Piece| match &piece.what {
        What::Pick(words) => words.len(),
        _ => 1,
    };
    let turns = template.pieces.iter().map(words).max().unwrap_or(1);
    (0..turns).try_for_each(|turn| {
        let rendered: Vec<(usize, &str)> = template
            .pieces
            .iter()
            .map(|piece| (piece.offset, sample(&piece.what, turn)))
            .collect();
        let text: String = rendered.iter().map(|(_, text)| *text).collect();
        let Err(error) = serde_json::from_str::<IgnoredAny>(&text) else {
            return Ok(());
        };
        let offset = place(&rendered, offset_of(&text, &error), template);
        Err(flaw(offset, format!("what it gives is not JSON: {}", said(&error))))
    })
}

/// One thing that this may give. What belongs into a string is no number in any case.
fn sample(what: &What, turn: usize) -> &str {
    match what {
        What::Text(text) => text,
        What::Uuid => "aaaaaaaa-aaaa-4aaa-aaaa-aaaaaaaaaaaa",
        What::Seq | What::Zipf(..) | What::Int(..) | What::Float(..) => "1",
        What::Pick(words) => &words[turn % words.len()],
        What::Now => "2025-01-01T00:00:00.000000Z",
        What::Hex(_) => "a",
    }
}

/// Where a JSON error lies, in bytes from the beginning.
fn offset_of(text: &str, error: &serde_json::Error) -> usize {
    let before: usize = text
        .split_inclusive('\n')
        .take(error.line().saturating_sub(1))
        .map(str::len)
        .sum();
    before + error.column().saturating_sub(1)
}

/// Where in the template it lies.
fn place(rendered: &[(usize, &str)], offset: usize, template: &Template) -> usize {
    let mut begins = 0;
    for ((origin, text), piece) in rendered.iter().zip(&*template.pieces) {
        if offset < begins + text.len() {
            let within = if matches!(piece.what, What::Text(_)) {
                offset - begins
            } else {
                0
            };
            return origin + within;
        }
        begins += text.len();
    }
    // At its end: behind the last text, or at the function that stands there.
    match rendered.last().zip(template.pieces.last()) {
        Some((
            (origin, text),
            Piece {
                what: What::Text(_), ..
            },
        )) => origin + text.len(),
        Some(((origin, _), _)) => *origin,
        None => 0,
    }
}

/// What a JSON error says, without its place in what was rendered.
fn said(error: &serde_json::Error) -> String {
    let said = error.to_string();
    match said.rfind(" at line ") {
        Some(end) => said[..end].to_owned(),
        None => said,
    }
}

/// Data as the text of a template: JSON in which a string that is nothing but a function that gives a number stands
/// without its quotes.
pub(super) fn text_of(value: &Value) -> String {
    match value {
        Value::String(text) if is_number(text) => text.trim().to_owned(),
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(text_of).collect();
            format!("[{}]", items.join(","))
        }
        Value::Object(members) => {
            let members: Vec<String> = members
                .iter()
                .map(|(name, value)| format!("{}:{}", Value::from(name.as_str()), text_of(value)))
                .collect();
            format!("{{{}}}", members.join(","))
        }
        plain => plain.to_string(),
    }
}

fn is_number(text: &str) -> bool {
    let inner = text.trim().strip_prefix("{{").and_then(|rest| rest.strip_suffix("}}"));
    inner.is_some_and(|inner| {
        let name = inner.split_whitespace().next();
        !inner.contains("}}") && matches!(name, Some("seq" | "zipf" | "int" | "float"))
    })
}
