//! What became of the events, and the names of those that should not have.

use super::{pairs, rows};
use crate::report::Summary;
use crate::report::escape::markup;
use crate::report::words::{count, span_or_none};
use crate::verdict::{Class, Tally};

/// The tally, or why there is none.
pub(super) fn render(summary: &Summary) -> String {
    let facts = &summary.facts;
    let Some(tally) = &facts.tally else {
        let why = facts.unread.as_deref().unwrap_or("the run did not come to that");
        return format!(
            "<p class=\"nothing\"><b class=\"open\">unknown</b> The store was not read: {}</p>",
            markup(why)
        );
    };
    let mut html = pairs(&counts(tally));
    html.push_str(&classes(tally));
    html.push_str(&pairs(&around(summary)));
    html
}

fn counts(tally: &Tally) -> Vec<(&'static str, String)> {
    vec![
        ("attempted", count(tally.attempted)),
        ("acknowledged", count(tally.acked)),
        ("refused", count(tally.rejected)),
        (
            "unknown to the client",
            format!(
                "{}, of which {} are stored or dead",
                count(tally.unknown),
                count(tally.recovered)
            ),
        ),
        ("stored", count(tally.stored)),
        ("dead", count(tally.dead)),
        ("unfinished", count(tally.unfinished)),
        ("destroyed on purpose", count(tally.destroyed)),
    ]
}

/// What must not be; each with what it means.
fn classes(tally: &Tally) -> String {
    let classes = [
        ("lost", "acknowledged, and nowhere", &tally.lost),
        ("duplicate", "a second row of one source and id", &tally.duplicate),
        ("both", "stored and dead", &tally.both),
        ("unexpected", "never sent, or only as refused", &tally.unexpected),
        ("run twice", "run to its end more than once", &tally.run_twice),
        ("dead unasked", "dead, and was to be stored", &tally.dead_unasked),
        ("alive unasked", "stored, and was to be dead", &tally.alive_unasked),
        (
            "taken unasked",
            "acknowledged, and was to be refused",
            &tally.taken_unasked,
        ),
    ];
    let lines: Vec<Vec<String>> = classes
        .into_iter()
        .map(|(name, meaning, class)| vec![name.to_owned(), number(class), meaning.to_owned(), keys(class)])
        .collect();
    rows(&["events", "", "which are", "their keys"], &[1], &lines)
}

fn number(class: &Class) -> String {
    match class.count {
        0 => "0".into(),
        n => format!("<b class=\"bad\">{}</b>", count(n)),
    }
}

fn keys(class: &Class) -> String {
    let mut keys: Vec<String> = class.keys.iter().map(|key| format!("<code>{key}</code>")).collect();
    let named = u64::try_from(keys.len()).unwrap_or(u64::MAX);
    if class.count > named {
        keys.push(format!("and {} more", count(class.count - named)));
    }
    keys.join(" ")
}

fn around(summary: &Summary) -> Vec<(&'static str, String)> {
    let facts = &summary.facts;
    let steady = |readings: &[crate::verdict::SteadyReading]| {
        let said: Vec<String> = readings
            .iter()
            .map(|r| {
                format!(
                    "{} {}",
                    markup(&r.metric),
                    r.value.map_or_else(|| "?".to_owned(), |v| v.to_string())
                )
            })
            .collect();
        if said.is_empty() {
            "not asked for".to_owned()
        } else {
            said.join(", ")
        }
    };
    vec![
        (
            "drained",
            if facts.drained {
                "yes".into()
            } else {
                "<b class=\"open\">no</b>".into()
            },
        ),
        ("longest standstill", span_or_none(facts.longest_standstill_s)),
        ("steady before", steady(&facts.steady_before)),
        ("steady after", steady(&facts.steady_after)),
        (
            "deadlocks",
            facts.deadlocks.map_or_else(|| "not counted".to_owned(), count),
        ),
        ("processes that ended unasked", count(facts.died_unasked)),
    ]
}

#[cfg(test)]
mod tests {
    use super::super::super::sample;
    use super::*;

    #[test]
    fn what_is_lost_is_named() {
        let mut summary = sample::summary();
        let html = render(&summary);
        assert!(html.contains("<b class=\"bad\">3</b>"), "{html}");
        assert!(html.contains("<code>9d4eb02a-cf1e-88c7-9bb1-86cb54b80777</code>"));
        if let Some(tally) = &mut summary.facts.tally {
            tally.lost.count = 1_003;
        }
        assert!(render(&summary).contains("and 1,000 more"));
    }

    #[test]
    fn a_store_that_was_not_read_is_no_zero() {
        let mut summary = sample::summary();
        summary.facts.tally = None;
        summary.facts.unread = Some("the API answered 503".into());
        let html = render(&summary);
        assert!(
            html.contains("the API answered 503") && !html.contains("lost"),
            "{html}"
        );
    }
}
