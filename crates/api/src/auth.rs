//! Who calls: static tokens, each with a name and every scope.

use std::fmt;
use std::sync::Arc;

use http::HeaderMap;
use http::header::AUTHORIZATION;
use subtle::{Choice, ConstantTimeEq as _};

use crate::problem::{Refusal, Slug};

/// Who is named in the audit where no tokens are asked for.
pub(crate) const ANONYMOUS: &str = "anonymous";

/// The tokens that are valid. Never shown.
#[derive(Clone)]
pub struct Tokens(Arc<[Token]>);

struct Token {
    name: Arc<str>,
    secret: Box<[u8]>,
}

/// Why a tokens file is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokensError {
    /// A line without a name, or without a token of visible ASCII.
    #[error("line {0} is not `name:token`, with a token of visible ASCII characters")]
    Line(usize),
    /// A name that an earlier line has.
    #[error("line {0} bears the name of an earlier line")]
    Twice(usize),
    /// No line at all.
    #[error("there is no token in it")]
    Empty,
}

impl Tokens {
    /// Reads `name:token` lines; empty lines and those that begin with `#` are left out.
    pub fn parse(text: &str) -> Result<Self, TokensError> {
        let mut tokens: Vec<Token> = Vec::new();
        for (i, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let (name, secret) = line.split_once(':').ok_or(TokensError::Line(i + 1))?;
            let (name, secret) = (name.trim(), secret.trim());
            let is_name = !name.is_empty() && name.len() <= 128 && !name.chars().any(char::is_control);
            if !is_name || secret.is_empty() || !secret.bytes().all(|b| b.is_ascii_graphic()) {
                return Err(TokensError::Line(i + 1));
            }
            if tokens.iter().any(|token| *token.name == *name) {
                return Err(TokensError::Twice(i + 1));
            }
            tokens.push(Token {
                name: name.into(),
                secret: secret.as_bytes().into(),
            });
        }
        if tokens.is_empty() {
            return Err(TokensError::Empty);
        }
        Ok(Self(tokens.into()))
    }

    /// The name of the token in `Authorization`. Looks at every token, whichever fits.
    pub(crate) fn who(&self, headers: &HeaderMap) -> Result<Arc<str>, Refusal> {
        let presented = headers.get(AUTHORIZATION).and_then(bearer).unwrap_or_default();
        let mut found: Option<&Token> = None;
        for token in self.0.iter() {
            let same: Choice = token.secret.ct_eq(presented);
            if bool::from(same) {
                found = Some(token);
            }
        }
        found
            .map(|token| Arc::clone(&token.name))
            .ok_or_else(|| Slug::Unauthorized.into())
    }
}

fn bearer(value: &http::HeaderValue) -> Option<&[u8]> {
    let (scheme, token) = value.as_bytes().split_at_checked(7)?;
    scheme.eq_ignore_ascii_case(b"bearer ").then(|| token.trim_ascii())
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} tokens", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn with(value: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(AUTHORIZATION, HeaderValue::from_static(value))])
    }

    #[test]
    fn a_token_names_its_bearer() {
        let tokens = Tokens::parse("# producers\nshop:s3cret:x\n\nops:other\n").expect("tokens");
        let who = |value| tokens.who(&with(value)).ok().map(|name| name.to_string());
        assert_eq!(who("Bearer s3cret:x").as_deref(), Some("shop"));
        assert_eq!(who("bearer other").as_deref(), Some("ops"));
        assert_eq!(who("Bearer s3cret"), None);
        assert_eq!(who("Basic other"), None);
        assert_eq!(who("Bearer "), None);
        assert!(tokens.who(&HeaderMap::new()).is_err());
        assert_eq!(format!("{tokens:?}"), "2 tokens");
    }

    #[test]
    fn a_bad_file_says_which_line() {
        let error = |text| Tokens::parse(text).err();
        assert_eq!(error("a:b\nc"), Some(TokensError::Line(2)));
        assert_eq!(error("a:b\na:c"), Some(TokensError::Twice(2)));
        assert_eq!(error("a: "), Some(TokensError::Line(1)));
        assert_eq!(error("# nothing"), Some(TokensError::Empty));
    }
}
