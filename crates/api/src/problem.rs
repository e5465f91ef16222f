//! Every error that leaves the API: one enum, one match to status and words. Nothing that was sent is ever quoted.

use std::borrow::Cow;

use axum::response::{IntoResponse, Response};
use eventflow_core::{PortError, sanitize};
use eventflow_wire::{ItemError, PROBLEM_MEDIA_TYPE, Problem, ProblemItem};
use http::header::{ALLOW, CONNECTION, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};

/// The stable names of problems.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Slug {
    MalformedJson,
    InvalidUtf8,
    IncompleteBody,
    InvalidEvent,
    UnstorableText,
    NumberOutOfRange,
    DuplicateKey,
    TooDeep,
    TooComplex,
    InvalidAttribute,
    InvalidData,
    TimestampOutOfRange,
    UnsupportedMediaType,
    UnsupportedEncoding,
    BodyTooLarge,
    DataTooLarge,
    TooManyEvents,
    IdempotencyKey,
    BatchRejected,
    IdReused,
    Unstorable,
    BacklogFull,
    NoPlace,
    StoreUnreachable,
    Overloaded,
    NotFound,
    UnknownEvent,
    UnknownLetter,
    UnknownJob,
    UnknownHandler,
    HandlerCarried,
    JobNameTaken,
    MethodNotAllowed,
    NotAcceptable,
    InvalidQuery,
    InvalidKey,
    InvalidRequest,
    RequestTimeout,
    Unauthorized,
    Stalled,
    NotReady,
    Internal,
}

impl Slug {
    /// Every problem, in the order of the enum.
    pub(crate) const ALL: [Self; 42] = [
        Self::MalformedJson,
        Self::InvalidUtf8,
        Self::IncompleteBody,
        Self::InvalidEvent,
        Self::UnstorableText,
        Self::NumberOutOfRange,
        Self::DuplicateKey,
        Self::TooDeep,
        Self::TooComplex,
        Self::InvalidAttribute,
        Self::InvalidData,
        Self::TimestampOutOfRange,
        Self::UnsupportedMediaType,
        Self::UnsupportedEncoding,
        Self::BodyTooLarge,
        Self::DataTooLarge,
        Self::TooManyEvents,
        Self::IdempotencyKey,
        Self::BatchRejected,
        Self::IdReused,
        Self::Unstorable,
        Self::BacklogFull,
        Self::NoPlace,
        Self::StoreUnreachable,
        Self::Overloaded,
        Self::NotFound,
        Self::UnknownEvent,
        Self::UnknownLetter,
        Self::UnknownJob,
        Self::UnknownHandler,
        Self::HandlerCarried,
        Self::JobNameTaken,
        Self::MethodNotAllowed,
        Self::NotAcceptable,
        Self::InvalidQuery,
        Self::InvalidKey,
        Self::InvalidRequest,
        Self::RequestTimeout,
        Self::Unauthorized,
        Self::Stalled,
        Self::NotReady,
        Self::Internal,
    ];

    pub(crate) const fn as_str(self) -> &'static str {
        self.row().0
    }

    pub(crate) const fn status(self) -> u16 {
        self.row().1
    }

    const fn title(self) -> &'static str {
        self.row().2
    }

    /// What to do, where nothing more precise is known.
    const fn detail(self) -> &'static str {
        self.row().3
    }

    /// The one match: name, status, title, and what to do.
    #[rustfmt::skip]
    const fn row(self) -> (&'static str, u16, &'static str, &'static str) {
        match self {
            Self::MalformedJson => ("malformed-json", 400, "Malformed JSON", "Send one JSON document as RFC 8259 defines it: one event, or an array of events."),
            Self::InvalidUtf8 => ("invalid-utf8", 400, "Not UTF-8", "Send the body in UTF-8."),
            Self::IncompleteBody => ("incomplete-body", 400, "Incomplete body", "The body broke off: send it again, whole."),
            Self::InvalidEvent => ("invalid-event", 422, "Not an event", "Send an object with a non-empty `type`; with `specversion` it has to be \"1.0\"."),
            Self::UnstorableText => ("unstorable-text", 422, "Text that no store keeps", "Leave out \\u0000 and lone surrogates: databases and other readers cannot hold them."),
            Self::NumberOutOfRange => ("number-out-of-range", 422, "Number out of range", "Send numbers that a 64-bit float can hold, or send them as strings."),
            Self::DuplicateKey => ("duplicate-key", 422, "Duplicate key", "Give each member of an object a name of its own."),
            Self::TooDeep => ("too-deep", 422, "Nested too deep", "Nest at most 64 levels, the event itself being the first."),
            Self::TooComplex => ("too-complex", 422, "Too many members", "Send at most 10,000 object members in one event."),
            Self::InvalidAttribute => ("invalid-attribute", 422, "Invalid attribute", "Attributes are strings without control characters: `id` of 1 to 255 bytes, `type`, `source` and `subject` of 1 to 1,024; extensions are named with lower-case letters and digits and hold a string, a number or a boolean."),
            Self::InvalidData => ("invalid-data", 422, "Invalid data", "Send either `data`, or `data_base64` in standard base64 with padding."),
            Self::TimestampOutOfRange => ("timestamp-out-of-range", 422, "Time out of range", "Send `time` as RFC 3339 with an offset, between the years 1970 and 2200."),
            Self::UnsupportedMediaType => ("unsupported-media-type", 415, "Unsupported media type", "Send application/json, application/cloudevents+json or application/cloudevents-batch+json in UTF-8, or a CloudEvent in binary mode with its ce- headers."),
            Self::UnsupportedEncoding => ("unsupported-encoding", 415, "Unsupported content encoding", "Send the body without Content-Encoding."),
            Self::BodyTooLarge => ("body-too-large", 413, "Body too large", "Send smaller requests."),
            Self::DataTooLarge => ("data-too-large", 413, "Data too large", "Send less `data` in one event, or store it elsewhere and send a reference."),
            Self::TooManyEvents => ("too-many-events", 413, "Too many events", "Send smaller batches."),
            Self::IdempotencyKey => ("idempotency-key", 422, "Idempotency-Key not usable", "Send Idempotency-Key with a single event only, with 1 to 255 visible ASCII characters, equal to `id` where both are given."),
            Self::BatchRejected => ("batch-rejected", 422, "No event of the batch was taken", "Mend the events listed under `errors` and send them again."),
            Self::IdReused => ("id-reused", 422, "Id used for another payload", "This source and id name another event already: send what has changed under a new id."),
            Self::Unstorable => ("unstorable", 422, "The store refuses this event", "The store cannot keep what this event contains: change it."),
            Self::BacklogFull => ("backlog-full", 503, "Backlog full", "Too much waits to be processed: send again after the time in Retry-After."),
            Self::NoPlace => ("no-place", 503, "No place to write", "No place can take events durably now, and nothing was acknowledged: send again after the time in Retry-After; with an id that is safe."),
            Self::StoreUnreachable => ("store-unreachable", 503, "Store unreachable", "This cannot be answered while the store or the queue is away: ask again after the time in Retry-After."),
            Self::Overloaded => ("overloaded", 503, "Overloaded", "Too many bytes are being received at once: send again after the time in Retry-After."),
            Self::NotFound => ("not-found", 404, "No such route", "See /docs for what there is."),
            Self::UnknownEvent => ("unknown-event", 404, "No such event", "Nobody knows an event of this key: it was never taken, or its retention is over."),
            Self::UnknownLetter => ("unknown-letter", 404, "No such dead letter", "No event of this key is dead or discarded."),
            Self::UnknownJob => ("unknown-job", 404, "No such job", "No job over dead letters bears this name."),
            Self::UnknownHandler => ("unknown-handler", 404, "No such handler", "No handler of this name is on the list: see GET /handlers."),
            Self::HandlerCarried => ("handler-carried", 409, "Handler still carried", "Living workers carry this handler: stop or redeploy them first."),
            Self::JobNameTaken => ("job-name-taken", 422, "Job name taken", "This Idempotency-Key names a job that did something else: choose another."),
            Self::MethodNotAllowed => ("method-not-allowed", 405, "Method not allowed", "Use one of the methods in the Allow header."),
            Self::NotAcceptable => ("not-acceptable", 406, "Not acceptable", "This route answers in application/json, lists in application/x-ndjson as well, /health in application/health+json."),
            Self::InvalidQuery => ("invalid-query", 400, "Query not understood", "See /docs for the parameters of this route."),
            Self::InvalidKey => ("invalid-key", 400, "Not a key", "Write the key as a UUID, as it stands in the answer to the event."),
            Self::InvalidRequest => ("invalid-request", 422, "Request not understood", "See /docs for the body of this route."),
            Self::RequestTimeout => ("request-timeout", 408, "Body too slow", "The body took too long to arrive: send it faster, or in smaller parts."),
            Self::Unauthorized => ("unauthorized", 401, "Not authenticated", "Send Authorization: Bearer with a token that is valid here."),
            Self::Stalled => ("stalled", 503, "Stalled", "A loop of this process has made no progress for too long: restart it."),
            Self::NotReady => ("not-ready", 503, "Not ready", "No event can be taken durably now: see /health."),
            Self::Internal => ("internal", 500, "Internal error", "This is a fault of EventFlow: the logs tell more under the correlation id."),
        }
    }
}

/// A request, or one event of it, that is not served.
#[derive(Clone, Debug)]
pub(crate) struct Refusal {
    pub(crate) slug: Slug,
    pub(crate) pointer: Option<&'static str>,
    detail: Cow<'static, str>,
    errors: Vec<ProblemItem>,
    retry_after: Option<u64>,
    closes: bool,
}

/// Left in a response, so that the edge counts it once.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Counted(pub(crate) Slug);

impl From<Slug> for Refusal {
    fn from(slug: Slug) -> Self {
        Self {
            slug,
            pointer: None,
            detail: Cow::Borrowed(slug.detail()),
            errors: Vec::new(),
            retry_after: (slug.status() == 503).then_some(2),
            closes: false,
        }
    }
}

impl Refusal {
    pub(crate) fn at(slug: Slug, pointer: &'static str) -> Self {
        Self {
            pointer: Some(pointer),
            ..slug.into()
        }
    }

    /// With a sentence of its own, which must not quote what was sent.
    pub(crate) fn saying(slug: Slug, detail: impl Into<Cow<'static, str>>) -> Self {
        Self {
            detail: detail.into(),
            ..slug.into()
        }
    }

    pub(crate) fn pointing(self, pointer: Option<&'static str>) -> Self {
        Self { pointer, ..self }
    }

    pub(crate) fn with_errors(self, errors: Vec<ProblemItem>) -> Self {
        Self { errors, ..self }
    }

    /// Says that the connection closes, where something of the request's body was left unread.
    pub(crate) fn closing_unless(self, drained: bool) -> Self {
        Self {
            closes: !drained,
            ..self
        }
    }

    /// Whether the same request may be served later.
    pub(crate) const fn is_retryable(&self) -> bool {
        self.slug.status() == 503
    }

    pub(crate) fn item(&self) -> ItemError {
        ItemError {
            code: self.slug.as_str().to_owned(),
            pointer: self.pointer.map(str::to_owned),
            detail: self.detail.clone().into_owned(),
        }
    }

    pub(crate) fn problem_item(&self, index: Option<usize>) -> ProblemItem {
        ProblemItem {
            index,
            pointer: self.pointer.map(str::to_owned),
            code: self.slug.as_str().to_owned(),
            detail: self.detail.clone().into_owned(),
        }
    }

    fn problem(self) -> Problem {
        let mut errors = self.errors;
        if let (true, Some(pointer)) = (errors.is_empty(), self.pointer) {
            errors.push(ProblemItem {
                index: None,
                pointer: Some(pointer.to_owned()),
                code: self.slug.as_str().to_owned(),
                detail: self.detail.clone().into_owned(),
            });
        }
        Problem {
            kind: format!("/problems/{}", self.slug.as_str()),
            title: self.slug.title().to_owned(),
            status: self.slug.status(),
            detail: self.detail.into_owned(),
            errors,
            correlation_id: crate::correlation::current(),
            retry_after: self.retry_after,
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let slug = self.slug;
        let (retry_after, closes) = (self.retry_after, self.closes);
        let status = StatusCode::from_u16(slug.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let body = serde_json::to_vec(&self.problem()).unwrap_or_default();
        let mut response = (status, body).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(PROBLEM_MEDIA_TYPE));
        if let Some(seconds) = retry_after {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        if closes {
            headers.insert(CONNECTION, HeaderValue::from_static("close"));
        }
        if slug == Slug::Unauthorized {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"eventflow\""));
        }
        response.extensions_mut().insert(Counted(slug));
        response
    }
}

/// A read or an operator's change that a backend did not answer.
pub(crate) fn unanswered(error: &PortError) -> Refusal {
    if error.is_transient() {
        tracing::warn!(%error, "a backend did not answer");
        Slug::StoreUnreachable.into()
    } else {
        tracing::error!(%error, "a backend refused what the API asked");
        Slug::Internal.into()
    }
}

/// The words for 405, whose Allow header axum has written.
pub(crate) fn method_not_allowed(from: &Response) -> Response {
    let mut response = Refusal::from(Slug::MethodNotAllowed).into_response();
    if let Some(allow) = from.headers().get(ALLOW) {
        response.headers_mut().insert(ALLOW, allow.clone());
    }
    response
}

/// What to say of loops that stand still.
pub(crate) fn stalled_words(stalled: &[String]) -> String {
    format!(
        "These loops have made no progress for too long: {}. Restart this process.",
        sanitize(&stalled.join(", "))
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn every_problem_has_a_name_of_its_own_and_a_sentence() {
        let names: HashSet<_> = Slug::ALL.map(Slug::as_str).into_iter().collect();
        assert_eq!(names.len(), Slug::ALL.len());
        for (place, slug) in Slug::ALL.into_iter().enumerate() {
            assert_eq!(slug as usize, place, "the counters are indexed by it");
            assert!(slug.detail().ends_with('.'), "{}", slug.as_str());
            assert!(StatusCode::from_u16(slug.status()).is_ok_and(|s| s.is_client_error() || s.is_server_error()));
        }
    }
}
