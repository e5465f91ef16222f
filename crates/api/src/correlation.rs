//! What follows a request and its events through the logs.

use http::HeaderMap;
use uuid::Uuid;

tokio::task_local! {
    static CURRENT: Correlation;
}

/// The correlation id of a request, and where its trace continues.
#[derive(Clone, Debug)]
pub(crate) struct Correlation {
    pub(crate) id: String,
    /// Whether the request's headers named it. Otherwise an event's own trace comes first.
    pub(crate) given: bool,
    pub(crate) traceparent: Option<String>,
}

impl Correlation {
    /// `X-Correlation-Id`, else the trace of `traceparent`, else a new one.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let text = |name: &str| headers.get(name).and_then(|v| v.to_str().ok());
        let traceparent = text("traceparent").filter(|t| trace_id(t).is_some());
        let given = text(eventflow_wire::CORRELATION_ID).filter(|id| is_valid(id));
        let id = match (given, traceparent.and_then(trace_id)) {
            (Some(id), _) | (None, Some(id)) => id.to_owned(),
            (None, None) => Uuid::now_v7().to_string(),
        };
        Self {
            id,
            given: given.is_some(),
            traceparent: traceparent.map(str::to_owned),
        }
    }

    /// Runs a request under this correlation.
    pub(crate) async fn scope<F: Future>(self, request: F) -> F::Output {
        CURRENT.scope(self, request).await
    }
}

/// The correlation id of the request that this task serves.
pub(crate) fn current() -> Option<String> {
    CURRENT.try_with(|c| c.id.clone()).ok()
}

/// At most 128 visible ASCII characters.
pub(crate) fn is_valid(id: &str) -> bool {
    (1..=128).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_graphic())
}

/// The trace id of a valid W3C `traceparent`.
pub(crate) fn trace_id(traceparent: &str) -> Option<&str> {
    let hex =
        |s: &str, len: usize| s.len() == len && s.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    let mut parts = traceparent.splitn(5, '-');
    let (version, trace, parent, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let is_whole = match parts.next() {
        None => true,
        Some(_) => version != "00" && traceparent.len() <= 256 && traceparent.bytes().all(|b| b.is_ascii_graphic()),
    };
    let is_zero = |s: &str| s.bytes().all(|b| b == b'0');
    let is_valid = hex(version, 2) && version != "ff" && hex(trace, 32) && hex(parent, 16) && hex(flags, 2);
    (is_valid && is_whole && !is_zero(trace) && !is_zero(parent)).then_some(trace)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    fn of(headers: &[(&'static str, &'static str)]) -> Correlation {
        let headers = headers
            .iter()
            .map(|(name, value)| {
                (
                    http::HeaderName::from_static(name),
                    http::HeaderValue::from_static(value),
                )
            })
            .collect();
        Correlation::of(&headers)
    }

    #[test]
    fn the_header_comes_before_the_trace_and_the_trace_before_a_new_one() {
        let both = of(&[("x-correlation-id", "abc"), ("traceparent", TRACE)]);
        assert_eq!((both.id.as_str(), both.given), ("abc", true));
        assert_eq!(both.traceparent.as_deref(), Some(TRACE));
        assert_eq!(of(&[("traceparent", TRACE)]).id, "4bf92f3577b34da6a3ce929d0e0e4736");
        assert_eq!(of(&[("x-correlation-id", "a b")]).id.len(), 36);
    }

    #[test]
    fn a_bad_traceparent_is_none() {
        assert!(trace_id(TRACE).is_some());
        for bad in [
            "",
            "00",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
        ] {
            assert_eq!(trace_id(bad), None, "{bad}");
        }
        assert!(trace_id("01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more").is_some());
    }
}
