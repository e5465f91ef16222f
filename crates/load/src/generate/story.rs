//! What the tries of one id say together.

use crate::journal::Answer;

use super::answer::{Doubt, Tried};

/// The tries so far.
#[derive(Debug, Default)]
pub(super) struct Story {
    last: Option<Tried>,
    /// A try of which nobody knows what it left behind.
    open: Option<Tried>,
    /// A try that was answered that it failed.
    failed: Option<Tried>,
}

impl Story {
    /// One more try.
    pub(super) fn add(&mut self, tried: Tried) {
        match tried.doubt() {
            Doubt::None => {}
            Doubt::Failed => self.failed = Some(tried.clone()),
            Doubt::Open => self.open = Some(tried.clone()),
        }
        self.last = Some(tried);
    }

    /// What the journal has to say of the id. A refusal ends no doubt: where an earlier try may have left the event behind,
    /// that one is told.
    pub(super) fn answer(self) -> Answer {
        let told = match (self.last, self.open) {
            (Some(acked @ Tried::Acked { .. }), _) => acked,
            (_, Some(open)) => return Answer::Unknown { why: open.words() },
            (Some(answered @ Tried::Answered { .. }), None) => self.failed.unwrap_or(answered),
            (Some(lost @ Tried::Lost(_)), None) => lost,
            (None, None) => return Answer::NotSent,
        };
        match told {
            Tried::Acked { duplicate } => Answer::Acked { duplicate },
            Tried::Answered { status, slug, .. } => Answer::Rejected { status, slug },
            Tried::Lost(_) => Answer::Unknown { why: told.words() },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::answer::Loss;
    use super::*;

    fn answered(status: u16, slug: &str) -> Tried {
        Tried::Answered {
            status,
            slug: slug.into(),
            retry_after: None,
        }
    }

    fn told(tries: impl IntoIterator<Item = Tried>) -> Answer {
        let mut story = Story::default();
        tries.into_iter().for_each(|tried| story.add(tried));
        story.answer()
    }

    fn unknown(why: &str) -> Answer {
        Answer::Unknown { why: why.into() }
    }

    fn rejected(status: u16, slug: &str) -> Answer {
        Answer::Rejected {
            status,
            slug: slug.into(),
        }
    }

    #[test]
    fn an_acknowledgement_ends_all_doubt() {
        let acked = || Tried::Acked { duplicate: true };
        assert_eq!(told([acked()]), Answer::Acked { duplicate: true });
        assert_eq!(
            told([Tried::Lost(Loss::Timeout), acked()]),
            Answer::Acked { duplicate: true }
        );
        assert_eq!(
            told([answered(503, "no-place"), acked()]),
            Answer::Acked { duplicate: true }
        );
    }

    #[test]
    fn a_refusal_is_sure_only_where_no_try_is_in_doubt() {
        let quota = || answered(429, "quota");
        let lost = Tried::Lost;
        assert_eq!(told([quota()]), rejected(429, "quota"));
        assert_eq!(told([lost(Loss::Refused), quota()]), rejected(429, "quota"));
        assert_eq!(told([answered(503, "backlog-full"), quota()]), rejected(429, "quota"));
        assert_eq!(told([lost(Loss::Timeout), quota()]), unknown("timeout"));
        assert_eq!(told([answered(503, "no-place"), quota()]), rejected(503, "no-place"));
        assert_eq!(
            told([lost(Loss::Closed), answered(503, "no-place"), quota()]),
            unknown("closed")
        );
        assert_eq!(told([answered(301, "")]), unknown("301"));
    }

    #[test]
    fn what_nobody_answered_is_unknown() {
        assert_eq!(told([Tried::Lost(Loss::Refused)]), unknown("refused"));
        assert_eq!(
            told([Tried::Lost(Loss::Reset), Tried::Lost(Loss::Refused)]),
            unknown("reset")
        );
        assert_eq!(
            told([answered(429, "quota"), Tried::Lost(Loss::Refused)]),
            unknown("refused")
        );
        assert_eq!(told([]), Answer::NotSent);
    }
}
