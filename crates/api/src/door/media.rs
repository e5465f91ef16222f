//! What a body is, by its headers.

use http::HeaderMap;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};

use crate::problem::{Refusal, Slug};

/// In which form events come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// One event, or an array of them.
    Json,
    /// `application/cloudevents+json`: one event.
    CloudEvent,
    /// `application/cloudevents-batch+json`: an array.
    CloudBatch,
    /// Attributes in `ce-` headers, the body is the data. Whether that is JSON.
    Binary {
        /// Whether the body is JSON.
        json: bool,
    },
}

impl Format {
    /// The format that the headers name.
    pub(crate) fn of(headers: &HeaderMap) -> Result<Self, Refusal> {
        require_identity(headers)?;
        let essence = essence(headers)?;
        match essence.as_deref() {
            Some("application/cloudevents+json") => Ok(Self::CloudEvent),
            Some("application/cloudevents-batch+json") => Ok(Self::CloudBatch),
            Some(other) if other.starts_with("application/cloudevents") => Err(Slug::UnsupportedMediaType.into()),
            other if headers.contains_key("ce-specversion") => Ok(Self::Binary {
                json: other.is_none_or(is_json),
            }),
            Some("application/json") => Ok(Self::Json),
            _ => Err(Slug::UnsupportedMediaType.into()),
        }
    }
}

/// For the bodies of operators' requests.
pub(crate) fn require_json(headers: &HeaderMap) -> Result<(), Refusal> {
    require_identity(headers)?;
    match essence(headers)?.as_deref() {
        Some("application/json") => Ok(()),
        _ => Err(Refusal::saying(
            Slug::UnsupportedMediaType,
            "Send the body as application/json in UTF-8.",
        )),
    }
}

fn is_json(essence: &str) -> bool {
    essence == "application/json" || essence.ends_with("+json")
}

fn require_identity(headers: &HeaderMap) -> Result<(), Refusal> {
    let plain = headers
        .get_all(CONTENT_ENCODING)
        .iter()
        .all(|value| value.as_bytes().eq_ignore_ascii_case(b"identity"));
    if plain {
        Ok(())
    } else {
        Err(Slug::UnsupportedEncoding.into())
    }
}

/// Type and subtype in lower case. A charset other than UTF-8 is refused.
fn essence(headers: &HeaderMap) -> Result<Option<String>, Refusal> {
    let Some(value) = headers.get(CONTENT_TYPE) else {
        return Ok(None);
    };
    let value = value.to_str().map_err(|_| Slug::UnsupportedMediaType)?;
    let mut parts = value.split(';').map(str::trim);
    let essence = parts.next().unwrap_or_default().to_ascii_lowercase();
    for parameter in parts {
        let (name, charset) = parameter.split_once('=').unwrap_or((parameter, ""));
        let charset = charset.trim().trim_matches('"');
        let is_utf8 = charset.eq_ignore_ascii_case("utf-8") || charset.eq_ignore_ascii_case("utf8");
        if name.trim().eq_ignore_ascii_case("charset") && !is_utf8 {
            return Err(Slug::UnsupportedMediaType.into());
        }
    }
    Ok(Some(essence))
}
