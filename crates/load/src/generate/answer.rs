//! What a try came to, as far as its answer tells.

use std::time::Duration;

use eventflow_wire::{Acceptance, Problem};
use serde::Deserialize;

/// The longest name of a problem that is believed.
const LONGEST_SLUG: usize = 64;
/// The problems with a status of 5xx by which the API says that it has not even tried to keep the event. After any other
/// it may be there: a write whose reply was lost is answered so, too.
const NOT_KEPT: [&str; 2] = ["backlog-full", "overloaded"];

/// What a try came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Tried {
    /// The event is durable.
    Acked {
        /// Whether the API said that it was there already.
        duplicate: bool,
    },
    /// An answer that is no acknowledgement.
    Answered {
        /// Its status.
        status: u16,
        /// The name of the problem; empty where there is none.
        slug: String,
        /// How long the API wants to be left alone.
        retry_after: Option<Duration>,
    },
    /// No answer.
    Lost(Loss),
}

/// Why there is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Loss {
    /// Not in time.
    Timeout,
    /// The connection was reset.
    Reset,
    /// The connection ended before the answer was whole.
    Closed,
    /// Nobody listens there.
    Refused,
    /// No connection, for another reason.
    Unconnected,
    /// This process may open no further file, or the machine.
    Descriptors,
    /// The client went away, as it was to.
    Abandoned,
}

/// What a try that was not acknowledged leaves open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Doubt {
    /// Nothing: the event is not there on its account.
    None,
    /// It was answered that it failed, and the event may have been kept before it did.
    Failed,
    /// All.
    Open,
}

impl Tried {
    /// Reads an answer that is whole.
    pub(super) fn read(status: u16, retry_after: Option<&str>, body: &[u8]) -> Self {
        #[derive(Deserialize)]
        struct Brief {
            status: Acceptance,
        }
        if status == 202 {
            let brief: Option<Brief> = serde_json::from_slice(body).ok();
            return Self::Acked {
                duplicate: brief.is_some_and(|brief| brief.status == Acceptance::Duplicate),
            };
        }
        let problem: Option<Problem> = serde_json::from_slice(body).ok();
        let asked = retry_after.and_then(|seconds| seconds.trim().parse().ok());
        let asked = asked.or(problem.as_ref().and_then(|problem| problem.retry_after));
        Self::Answered {
            status,
            slug: problem.map(|problem| believed(problem.slug())).unwrap_or_default(),
            retry_after: asked.map(Duration::from_secs),
        }
    }

    /// Whether somebody answered.
    pub(super) const fn has_answer(&self) -> bool {
        !matches!(self, Self::Lost(_))
    }

    /// Whether the same request may be taken later.
    pub(super) const fn may_pass(&self) -> bool {
        match self {
            Self::Acked { .. } | Self::Lost(Loss::Abandoned) => false,
            Self::Answered { status, .. } => matches!(status, 408 | 429 | 500 | 502..=504),
            Self::Lost(_) => true,
        }
    }

    /// What it leaves open.
    pub(super) fn doubt(&self) -> Doubt {
        match self {
            Self::Acked { .. } | Self::Lost(Loss::Refused | Loss::Unconnected | Loss::Descriptors) => Doubt::None,
            Self::Answered { status, slug, .. } => match status {
                400..=499 => Doubt::None,
                500..=599 if NOT_KEPT.contains(&slug.as_str()) => Doubt::None,
                500..=599 => Doubt::Failed,
                _ => Doubt::Open,
            },
            Self::Lost(_) => Doubt::Open,
        }
    }

    /// In a word or two.
    pub(super) fn words(&self) -> String {
        match self {
            Self::Acked { .. } => "202".to_owned(),
            Self::Answered { status, slug, .. } => format!("{status} {slug}").trim_end().to_owned(),
            Self::Lost(loss) => loss.as_str().to_owned(),
        }
    }
}

impl Loss {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Timeout => "timeout",
            Self::Reset => "reset",
            Self::Closed => "closed",
            Self::Refused => "refused",
            Self::Unconnected => "unconnected",
            Self::Descriptors => "descriptors",
            Self::Abandoned => "abandoned",
        }
    }
}

/// A name as it may stand in reports: what is no name of a problem is none.
fn believed(slug: &str) -> String {
    let is_name = slug.len() <= LONGEST_SLUG
        && slug
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    if is_name { slug.to_owned() } else { String::new() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(status: u16, kind: &str, retry_after: Option<u64>) -> Vec<u8> {
        let problem = Problem {
            kind: kind.into(),
            title: "A problem".into(),
            status,
            detail: "Do something.".into(),
            errors: Vec::new(),
            correlation_id: None,
            retry_after,
        };
        serde_json::to_vec(&problem).expect("JSON")
    }

    fn answered(status: u16, slug: &str, seconds: Option<u64>) -> Tried {
        Tried::Answered {
            status,
            slug: slug.into(),
            retry_after: seconds.map(Duration::from_secs),
        }
    }

    #[test]
    fn an_acknowledgement_tells_whether_the_event_was_there() {
        let read = |body: &str| Tried::read(202, None, body.as_bytes());
        assert_eq!(
            read(r#"{"id":"a","status":"accepted"}"#),
            Tried::Acked { duplicate: false }
        );
        assert_eq!(
            read(r#"{"id":"a","status":"duplicate"}"#),
            Tried::Acked { duplicate: true }
        );
        assert_eq!(
            read("anything"),
            Tried::Acked { duplicate: false },
            "202 is a promise without its words, too"
        );
    }

    #[test]
    fn a_problem_is_known_by_its_name() {
        let full = problem(503, "/problems/backlog-full", Some(4));
        assert_eq!(
            Tried::read(503, Some("2"), &full),
            answered(503, "backlog-full", Some(2))
        );
        assert_eq!(Tried::read(503, None, &full), answered(503, "backlog-full", Some(4)));
        assert_eq!(Tried::read(502, Some("soon"), b"<html>"), answered(502, "", None));
        let hostile = problem(400, "/problems/<script>", None);
        assert_eq!(Tried::read(400, None, &hostile), answered(400, "", None));
        let endless = problem(400, &"a".repeat(LONGEST_SLUG + 1), None);
        assert_eq!(Tried::read(400, None, &endless), answered(400, "", None));
    }

    #[test]
    fn only_a_refusal_that_is_sure_leaves_no_doubt() {
        for sure in [
            answered(422, "invalid-event", None),
            answered(429, "quota", None),
            answered(404, "", None),
            answered(503, "backlog-full", None),
            answered(503, "overloaded", None),
            Tried::Lost(Loss::Refused),
            Tried::Acked { duplicate: false },
        ] {
            assert_eq!(sure.doubt(), Doubt::None, "{sure:?}");
        }
        for failed in [
            answered(503, "no-place", None),
            answered(500, "internal", None),
            answered(502, "", None),
        ] {
            assert_eq!(failed.doubt(), Doubt::Failed, "{failed:?}");
        }
        for open in [
            answered(200, "", None),
            answered(301, "", None),
            Tried::Lost(Loss::Timeout),
            Tried::Lost(Loss::Reset),
            Tried::Lost(Loss::Closed),
            Tried::Lost(Loss::Abandoned),
        ] {
            assert_eq!(open.doubt(), Doubt::Open, "{open:?}");
        }
    }

    #[test]
    fn what_may_pass_is_worth_a_repeat() {
        for passing in [408, 429, 500, 502, 503, 504] {
            assert!(answered(passing, "", None).may_pass(), "{passing}");
        }
        for lasting in [200, 301, 400, 401, 413, 422, 501] {
            assert!(!answered(lasting, "", None).may_pass(), "{lasting}");
        }
        assert!(Tried::Lost(Loss::Timeout).may_pass());
        assert!(!Tried::Lost(Loss::Abandoned).may_pass());
        assert!(!Tried::Acked { duplicate: false }.may_pass());
    }

    #[test]
    fn words_are_short() {
        assert_eq!(answered(503, "no-place", None).words(), "503 no-place");
        assert_eq!(answered(404, "", None).words(), "404");
        assert_eq!(Tried::Lost(Loss::Closed).words(), "closed");
    }
}
