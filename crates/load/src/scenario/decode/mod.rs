//! TOML into the raw types, by serde, but without stopping at the first mistake.
//!
//! A [`Given`](super::given::Given) whose value cannot be read stays without one; an unknown field is skipped; both are
//! said to the collector, with where they stand. serde's own errors carry no place and end the reading, so this is the
//! small part of a deserializer that a scenario needs.

mod fields;
mod parts;
mod problem;

use std::fmt;
use std::slice;

use serde::de::value::StrDeserializer;
use serde::de::{Deserializer, Expected, IntoDeserializer, Visitor};
use serde::forward_to_deserialize_any;
use toml::Spanned;
use toml::de::{DeInteger, DeTable, DeValue};

use super::flaw::{Flaws, Problem};
use super::given::GIVEN;
use super::near::{choice, suggestion};
use fields::Fields;
use parts::{Items, Located};

/// The name by which the reader of a file knows that an array may be written as its only item.
pub(super) const LISTED: &str = "$listed";

/// A value of the file, to be read as whatever is asked for.
#[derive(Clone, Copy)]
pub(super) struct Node<'a> {
    spanned: &'a Spanned<DeValue<'a>>,
    flaws: &'a Flaws,
}

impl<'a> Node<'a> {
    /// This value; what is wrong with it goes to `flaws`.
    pub(super) const fn new(spanned: &'a Spanned<DeValue<'a>>, flaws: &'a Flaws) -> Self {
        Self { spanned, flaws }
    }

    fn value(&self) -> &'a DeValue<'a> {
        self.spanned.get_ref()
    }

    fn here(&self, message: String) -> Problem {
        Problem {
            at: Some(self.spanned.span()),
            message,
            hint: None,
        }
    }

    fn mismatch(&self, expected: &dyn Expected) -> Problem {
        self.here(format!("{expected} belongs here, not {}", told(self.value())))
    }

    fn table(&self, expected: &dyn Expected) -> Result<&'a DeTable<'a>, Problem> {
        self.value().as_table().ok_or_else(|| self.mismatch(expected))
    }

    fn text(&self, expected: &dyn Expected) -> Result<&'a str, Problem> {
        self.value().as_str().ok_or_else(|| self.mismatch(expected))
    }

    fn unsigned(&self, expected: &dyn Expected) -> Result<u64, Problem> {
        self.value()
            .as_integer()
            .and_then(|integer| u64::from_str_radix(integer.as_str(), integer.radix()).ok())
            .ok_or_else(|| self.mismatch(expected))
    }

    fn number(&self, expected: &dyn Expected) -> Result<f64, Problem> {
        let number = match self.value() {
            DeValue::Float(float) => float.as_str().parse().ok(),
            DeValue::Integer(integer) if integer.radix() == 10 => integer.as_str().parse().ok(),
            _ => None,
        };
        number
            .filter(|number: &f64| number.is_finite())
            .ok_or_else(|| self.mismatch(expected))
    }
}

/// What a value is, in words.
fn told(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(text) => format!("the text {text:?}"),
        DeValue::Integer(number) => format!("the number {number}"),
        DeValue::Float(number) => format!("the number {number}"),
        DeValue::Boolean(truth) => format!("{truth}"),
        DeValue::Datetime(moment) => format!("the date or time {moment}"),
        DeValue::Array(_) => "an array".to_owned(),
        DeValue::Table(_) => "a table".to_owned(),
    }
}

/// What `Visitor::expecting` says, in place of a visitor that is used up elsewhere.
struct Wanted(&'static str);

impl Expected for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

const WHOLE: Wanted = Wanted("a whole number, 0 or more,");
const NUMBER: Wanted = Wanted("a number");
const TRUTH: Wanted = Wanted("true or false");
const ARRAY: Wanted = Wanted("an array `[…]`");

impl<'de> Deserializer<'de> for Node<'_> {
    type Error = Problem;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        match self.value() {
            DeValue::String(text) => visitor.visit_str(text),
            DeValue::Integer(number) => {
                let number = signed(number).ok_or_else(|| self.here(format!("{number} is out of range")))?;
                visitor.visit_i64(number)
            }
            DeValue::Float(_) => visitor.visit_f64(self.number(&NUMBER)?),
            DeValue::Boolean(truth) => visitor.visit_bool(*truth),
            DeValue::Datetime(moment) => visitor.visit_string(moment.to_string()),
            DeValue::Array(_) => self.deserialize_seq(visitor),
            DeValue::Table(_) => self.deserialize_map(visitor),
        }
        .map_err(|problem| problem.or_at(self.spanned.span()))
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        let truth = self.value().as_bool().ok_or_else(|| self.mismatch(&TRUTH))?;
        visitor.visit_bool(truth)
    }

    fn deserialize_u32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        self.deserialize_u64(visitor)
    }

    fn deserialize_u64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        visitor
            .visit_u64(self.unsigned(&WHOLE)?)
            .map_err(|problem: Problem| problem.or_at(self.spanned.span()))
    }

    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        let number = self.number(&visitor)?;
        visitor
            .visit_f64(number)
            .map_err(|problem: Problem| problem.or_at(self.spanned.span()))
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        let text = self.text(&visitor)?;
        visitor
            .visit_str(text)
            .map_err(|problem: Problem| problem.or_at(self.spanned.span()))
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        let text = self.text(&Wanted("a text in quotes"))?;
        visitor.visit_str(text)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Problem> {
        let text = self.text(&Wanted(if variants.len() == 1 {
            "one word"
        } else {
            "one of several words"
        }));
        let text = text.map_err(|problem| problem.hinted(choice(variants.iter().copied())))?;
        if !variants.contains(&text) {
            let unknown = self.here(format!("`{text}` is not known here"));
            return Err(unknown.hinted(suggestion(text, variants.iter().copied())));
        }
        let word: StrDeserializer<'_, Problem> = text.into_deserializer();
        visitor.visit_enum(word)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, name: &'static str, visitor: V) -> Result<V::Value, Problem> {
        if name == GIVEN {
            visitor.visit_seq(Located { step: 0, node: self })
        } else if name == LISTED {
            let items = match self.value() {
                DeValue::Array(array) => array.iter(),
                DeValue::String(_) => slice::from_ref(self.spanned).iter(),
                _ => return Err(self.mismatch(&visitor)),
            };
            visitor.visit_seq(Items {
                items,
                flaws: self.flaws,
            })
        } else {
            visitor.visit_newtype_struct(self)
        }
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        let array = self.value().as_array().ok_or_else(|| self.mismatch(&ARRAY))?;
        visitor.visit_seq(Items {
            items: array.iter(),
            flaws: self.flaws,
        })
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        let table = self.table(&visitor)?;
        visitor.visit_map(Fields::new(table, self.flaws, None))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Problem> {
        let table = self.table(&visitor)?;
        visitor.visit_map(Fields::new(table, self.flaws, Some(fields)))
    }

    forward_to_deserialize_any! {
        i8 i16 i32 i64 i128 u8 u16 u128 f32 char bytes byte_buf option unit unit_struct tuple tuple_struct identifier
        ignored_any
    }
}

fn signed(integer: &DeInteger<'_>) -> Option<i64> {
    i64::from_str_radix(integer.as_str(), integer.radix()).ok()
}
