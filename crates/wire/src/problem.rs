//! Errors as RFC 9457 describes them.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The media type of every error.
pub const MEDIA_TYPE: &str = "application/problem+json";

/// What went wrong, and what to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// Stable: `/problems/<slug>`.
    #[serde(rename = "type")]
    #[schema(example = "/problems/malformed-json")]
    pub kind: String,
    /// The class of the problem, in a few words.
    pub title: String,
    /// The HTTP status.
    #[schema(example = 400)]
    pub status: u16,
    /// A sentence that says what to do. Never quotes what was sent.
    pub detail: String,
    /// Where in the request, if there is more to say than one sentence.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<ProblemItem>,
    /// The correlation id of the request, to find it in the logs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub correlation_id: Option<String>,
    /// Seconds after which to try again, as in the `Retry-After` header.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<u64>,
}

/// One place of a request that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProblemItem {
    /// The index of the event in its batch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub index: Option<usize>,
    /// A JSON pointer (RFC 6901) into the event, as far as it can be told without quoting its names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pointer: Option<String>,
    /// The slug of what is wrong there.
    pub code: String,
    /// A sentence that says what to do.
    pub detail: String,
}

impl Problem {
    /// The stable name behind `/problems/`.
    pub fn slug(&self) -> &str {
        self.kind.rsplit('/').next().unwrap_or(&self.kind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slug_is_the_end_of_the_type() {
        let problem: Problem = serde_json::from_str(
            r#"{"type":"/problems/too-deep","title":"Too deep","status":422,"detail":"Nest less.","extra":1}"#,
        )
        .expect("a problem");
        assert_eq!(problem.slug(), "too-deep");
        assert!(problem.errors.is_empty());
    }
}
