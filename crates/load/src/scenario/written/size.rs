//! Sizes in bytes.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserialize, Deserializer, Error, Visitor};

use super::span::{cut, scaled};
use super::{Misread, Written};

/// A size in bytes: a text with a unit, or a plain number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::scenario) struct Size(pub(in crate::scenario) u64);

impl<'de> Deserialize<'de> for Size {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ReadingSize)
    }
}

struct ReadingSize;

impl Visitor<'_> for ReadingSize {
    type Value = Size;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a size such as \"300KiB\" or 512")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Size, E> {
        bytes(text).map(Size).map_err(E::custom)
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Size, E> {
        u64::try_from(number)
            .map(Size)
            .map_err(|_| E::custom(format!("{number} is no size")))
    }
}

impl JsonSchema for Size {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Size".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": ["string", "integer"],
            "pattern": r"^[0-9]+(\.[0-9]{1,9})?([kKmMgG]i?)?[bB]?$",
            "minimum": 0,
            "examples": ["300KiB", "64B", 512],
        })
    }
}

/// Bytes a second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::scenario) struct Throughput(pub(in crate::scenario) u64);

impl Written for Throughput {
    const WHAT: &'static str = "bytes a second such as \"64KiB/s\"";
    const PATTERN: &'static str = r"^[0-9]+(\.[0-9]{1,9})?([kKmMgG]i?)?[bB](/s)?$";
    const EXAMPLES: &'static [&'static str] = &["64KiB/s", "1MiB/s"];
}

impl FromStr for Throughput {
    type Err = Misread;

    fn from_str(text: &str) -> Result<Self, Misread> {
        match bytes(text.strip_suffix("/s").unwrap_or(text)) {
            Ok(0) => Err(Misread(format!("`{text}` lets nothing through; that is `black_hole`"))),
            Ok(bytes) => Ok(Self(bytes)),
            Err(_) => Err(Misread(format!(
                "`{text}` is not so many bytes a second, which are written as `64KiB/s`"
            ))),
        }
    }
}

/// Reads `300KiB`.
fn bytes(text: &str) -> Result<u64, Misread> {
    let wrong = || {
        Misread(format!(
            "`{text}` is no size, which is written as `512B`, `300KiB` or `1.5MiB`"
        ))
    };
    let (number, unit) = cut(text, |c| c.is_ascii_digit() || c == '.');
    let unit: u128 = match unit.to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "kb" => 1_000,
        "mb" => 1_000_000,
        "gb" => 1_000_000_000,
        "kib" => 1 << 10,
        "mib" => 1 << 20,
        "gib" => 1 << 30,
        _ => return Err(wrong()),
    };
    scaled(number, unit)
        .and_then(|bytes| u64::try_from(bytes).ok())
        .ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_units() {
        assert_eq!(bytes("300KiB"), Ok(300 * 1_024));
        assert_eq!(bytes("64B"), Ok(64));
        assert_eq!(bytes("512"), Ok(512));
        assert_eq!(bytes("1.5MiB"), Ok(1_572_864));
        assert_eq!(bytes("2kB"), Ok(2_000));
        for text in ["", "KiB", "3 KiB", "3K", "-1B", "99999999999999999999B"] {
            assert!(bytes(text).is_err(), "{text}");
        }
        assert_eq!("256KiB".parse(), Ok(Throughput(262_144)));
        assert_eq!("64KiB/s".parse(), Ok(Throughput(65_536)));
        assert!("0B/s".parse::<Throughput>().is_err());
        assert!("64KiB/m".parse::<Throughput>().is_err());
    }
}
