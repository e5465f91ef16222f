//! What a body is, by its headers.

use http::HeaderMap;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE, TRANSFER_ENCODING};

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
        let media = Media::of(headers)?;
        let essence = media.as_ref().map(|media| media.essence.as_str());
        let format = match essence {
            Some("application/cloudevents+json") => Self::CloudEvent,
            Some("application/cloudevents-batch+json") => Self::CloudBatch,
            Some(other) if other.starts_with("application/cloudevents") => {
                return Err(Slug::UnsupportedMediaType.into());
            }
            other if headers.contains_key("ce-specversion") => Self::Binary {
                json: other.is_none_or(is_json),
            },
            Some("application/json") => Self::Json,
            _ => return Err(Slug::UnsupportedMediaType.into()),
        };
        match format {
            // Bytes that are only kept may be text in whichever charset.
            Self::Binary { json: false } => Ok(format),
            _ if media.is_none_or(|media| media.is_utf8) => Ok(format),
            _ => Err(Slug::UnsupportedMediaType.into()),
        }
    }
}

/// For the bodies of operators' requests.
pub(crate) fn require_json(headers: &HeaderMap) -> Result<(), Refusal> {
    require_identity(headers)?;
    match Media::of(headers)? {
        Some(media) if media.essence == "application/json" && media.is_utf8 => Ok(()),
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
    let only = |name, word: &str| {
        let mut values = headers.get_all(name).iter();
        values.all(|value| value.as_bytes().eq_ignore_ascii_case(word.as_bytes()))
    };
    if only(CONTENT_ENCODING, "identity") && only(TRANSFER_ENCODING, "chunked") {
        Ok(())
    } else {
        Err(Slug::UnsupportedEncoding.into())
    }
}

/// What a Content-Type says.
struct Media {
    /// Type and subtype in lower case.
    essence: String,
    /// Whether no other charset is named.
    is_utf8: bool,
}

impl Media {
    /// None without a Content-Type. A second one is refused: readers on the way may not agree on which of them counts.
    fn of(headers: &HeaderMap) -> Result<Option<Self>, Refusal> {
        let mut values = headers.get_all(CONTENT_TYPE).iter();
        let Some(value) = values.next() else {
            return Ok(None);
        };
        if values.next().is_some() {
            return Err(Slug::UnsupportedMediaType.into());
        }
        let value = value.to_str().map_err(|_| Slug::UnsupportedMediaType)?;
        let mut parts = value.split(';').map(str::trim);
        let essence = parts.next().unwrap_or_default().to_ascii_lowercase();
        let is_utf8 = parts.all(|parameter| {
            let (name, charset) = parameter.split_once('=').unwrap_or((parameter, ""));
            let charset = charset.trim().trim_matches('"');
            let is_utf8 = charset.eq_ignore_ascii_case("utf-8") || charset.eq_ignore_ascii_case("utf8");
            is_utf8 || !name.trim().eq_ignore_ascii_case("charset")
        });
        Ok(Some(Self { essence, is_utf8 }))
    }
}
