//! Names.

use std::str::FromStr;

use super::{Misread, Written};

/// A name that can be part of `phase/metric` and of a file's name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::scenario) struct Name(pub(in crate::scenario) String);

/// The longest name, in characters.
const LONGEST_NAME: usize = 64;

impl Written for Name {
    const WHAT: &'static str = "a name such as \"steady\"";
    const PATTERN: &'static str = r"^[A-Za-z][A-Za-z0-9_.-]{0,63}$";
    const EXAMPLES: &'static [&'static str] = &[];
}

impl FromStr for Name {
    type Err = Misread;

    fn from_str(text: &str) -> Result<Self, Misread> {
        let fits = text.starts_with(|c: char| c.is_ascii_alphabetic())
            && text.len() <= LONGEST_NAME
            && text.chars().all(|c| c.is_ascii_alphanumeric() || "_.-".contains(c));
        if fits {
            return Ok(Self(text.to_owned()));
        }
        Err(Misread(format!(
            "`{text}` cannot be a name, which begins with a letter and has at most {LONGEST_NAME} letters, digits, `_`, `-` \
             and `.`"
        )))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_fit_into_file_names() {
        for name in ["steady", "F1", "crash-and-recover", "a.b_c"] {
            assert_eq!(name.parse(), Ok(Name(name.to_owned())));
        }
        for name in ["", "1st", "a/b", "a b", "../x", "é", "a+b", &"x".repeat(65)] {
            assert!(name.parse::<Name>().is_err(), "{name}");
        }
    }
}
