//! Templates for the data of events: JSON with functions in double braces.
//!
//! | function | gives |
//! |---|---|
//! | `{{uuid}}` | a random UUID |
//! | `{{seq}}` | the number of the event within the run, from 1; in a closed model the phases lie far apart |
//! | `{{zipf NAME EXPONENT [SIZE]}}` | the number, from 1, of a member of a population of SIZE (10,000), few of whom come often |
//! | `{{int LOW HIGH}}` | a whole number, both ends among them |
//! | `{{float LOW HIGH}}` | a number, HIGH not among them |
//! | `{{pick A B …}}` | one of the words |
//! | `{{now}}` | when the event is to be sent, as RFC 3339 |
//! | `{{hex N}}` | N hexadecimal digits |
//!
//! What is drawn depends on the seed and on the event's number alone, so that the same seed gives the same bytes; that is
//! why `{{now}}` is no wall clock's: the load begins at [`EPOCH`](super::EPOCH) there. Within one event the same NAME is
//! the same member. A function stands within a string, or by itself where it gives a number; `\u007b{` is a way to write
//! two braces that are none.

mod parse;
mod zipf;

use std::num::NonZeroU64;
use std::sync::Arc;
use std::time::Duration;

use uuid::Uuid;

use super::EPOCH;
use super::dice::Dice;
use zipf::Zipf;

/// A checked template: whatever is drawn, it renders JSON.
#[derive(Clone, Debug, PartialEq)]
pub struct Template {
    pieces: Arc<[Piece]>,
    /// How many populations it names.
    populations: usize,
}

/// What is wrong with a template.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct TemplateFlaw {
    /// Where, in bytes from the beginning.
    pub offset: usize,
    /// What.
    pub message: String,
}

#[derive(Clone, Debug, PartialEq)]
struct Piece {
    /// Where it stands in the template.
    offset: usize,
    what: What,
}

#[derive(Clone, Debug, PartialEq)]
enum What {
    Text(Box<str>),
    Uuid,
    Seq,
    /// A draw from this population.
    Zipf(usize, Zipf),
    /// From this number, so many.
    Int(i64, Span),
    Float(f64, f64),
    /// Never empty.
    Pick(Box<[Box<str>]>),
    Now,
    Hex(usize),
}

/// How many whole numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Span {
    Some(NonZeroU64),
    /// As many as there are.
    All,
}

/// For which event a template is rendered.
#[derive(Clone, Copy, Debug)]
pub(super) struct Occasion {
    /// Its number, from 1.
    pub(super) number: u64,
    /// When it is to be sent.
    pub(super) at: Duration,
}

impl Template {
    /// Reads a template.
    ///
    /// # Errors
    /// Says what is wrong and where: an unknown function, arguments that do not fit, or text that is not JSON.
    pub fn parse(text: &str) -> Result<Self, TemplateFlaw> {
        parse::template(text)
    }

    /// A template of data that stands in a scenario. Its strings may hold functions; a string that is nothing but one
    /// `{{seq}}`, `{{zipf …}}`, `{{int …}}` or `{{float …}}` becomes the number.
    ///
    /// # Errors
    /// Says what is wrong; the offset is one into the data as JSON.
    pub fn of_json(value: &serde_json::Value) -> Result<Self, TemplateFlaw> {
        parse::template(&parse::text_of(value))
    }

    /// Appends what it gives for this event.
    pub(super) fn render(&self, out: &mut Vec<u8>, dice: &mut Dice, occasion: Occasion) {
        let mut drawn = vec![None; self.populations];
        for piece in &*self.pieces {
            match &piece.what {
                What::Text(text) => out.extend_from_slice(text.as_bytes()),
                What::Uuid => push(out, uuid(dice)),
                What::Seq => push(out, occasion.number),
                What::Zipf(population, zipf) => push(out, *drawn[*population].get_or_insert_with(|| zipf.draw(dice))),
                What::Int(low, span) => push(out, int(*low, *span, dice)),
                What::Float(low, high) => push(out, (high - low).mul_add(dice.share(), *low)),
                What::Pick(words) => out.extend_from_slice(pick(words, dice).as_bytes()),
                What::Now => push(out, EPOCH.plus(occasion.at)),
                What::Hex(digits) => dice.push_hex(out, *digits),
            }
        }
    }
}

fn push(out: &mut Vec<u8>, value: impl std::fmt::Display) {
    use std::io::Write as _;
    // Writing to memory does not fail.
    let _ = write!(out, "{value}");
}

fn uuid(dice: &mut Dice) -> Uuid {
    let mut bytes = [0; 16];
    dice.fill(&mut bytes);
    uuid::Builder::from_random_bytes(bytes).into_uuid()
}

fn int(low: i64, span: Span, dice: &mut Dice) -> i64 {
    let above = match span {
        Span::Some(span) => dice.below(span),
        Span::All => dice.roll(),
    };
    low.wrapping_add_unsigned(above)
}

fn pick<'a>(words: &'a [Box<str>], dice: &mut Dice) -> &'a str {
    let place = NonZeroU64::new(words.len() as u64).map_or(0, |end| dice.below(end));
    usize::try_from(place)
        .ok()
        .and_then(|place| words.get(place))
        .map_or("", |word| word)
}

#[cfg(test)]
mod tests;
