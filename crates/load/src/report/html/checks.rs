//! What was judged, the worst first, and what the faults did.

use super::rows;
use crate::report::Summary;
use crate::report::escape::{markup, markup_lines};
use crate::report::words::{count, moment, span};
use crate::verdict::{FaultReport, Stands};

/// Every check, with the word that it stands by.
pub(super) fn table(summary: &Summary) -> String {
    if summary.verdict.checks.is_empty() {
        return "<p class=\"nothing\">Nothing.</p>".into();
    }
    let checks = summary.worst_first();
    let lines: Vec<Vec<String>> = checks
        .into_iter()
        .map(|check| {
            let why = check.why.as_deref().map(markup_lines).unwrap_or_default();
            vec![
                stands(check.stands).to_owned(),
                format!("<code>{}</code>", markup(&check.name)),
                markup(&check.asked),
                markup(&check.found),
                format!("<span class=\"why\">{why}</span>"),
            ]
        })
        .collect();
    rows(&["", "check", "asked", "found", "why"], &[], &lines)
}

const fn stands(stands: Stands) -> &'static str {
    match stands {
        Stands::Met => "<b class=\"good\">met</b>",
        Stands::Missed => "<b class=\"poor\">missed</b>",
        Stands::Broken => "<b class=\"bad\">BROKEN</b>",
        Stands::Unknown => "<b class=\"open\">unknown</b>",
    }
}

/// The faults in their order; nothing where there were none.
pub(super) fn faults(summary: &Summary) -> String {
    let faults = &summary.facts.faults;
    if faults.is_empty() {
        return String::new();
    }
    let lines: Vec<Vec<String>> = faults.iter().map(fault).collect();
    rows(
        &["fault", "what", "struck", "for", "touched", "recovered in", "notes"],
        &[2, 3, 4, 5],
        &lines,
    )
}

fn fault(fault: &FaultReport) -> Vec<String> {
    let lasted = match (fault.struck_s, fault.ended_s) {
        (Some(struck), Some(ended)) if ended > struck => span(ended - struck),
        _ => "–".to_owned(),
    };
    let mut notes: Vec<String> = Vec::new();
    if let Some(why) = &fault.skipped {
        notes.push(format!("<b class=\"open\">skipped</b> {}", markup(why)));
    } else if fault.touched == 0 {
        notes.push("<b class=\"open\">it touched nothing</b>".into());
    }
    if fault.destroyed > 0 {
        notes.push(format!("{} events destroyed on purpose", count(fault.destroyed)));
    }
    notes.extend(fault.notes.iter().map(|note| markup(note)));
    vec![
        format!("<code>{}</code>", markup(&fault.id)),
        markup(&fault.title),
        fault.struck_s.map_or_else(|| "never".to_owned(), moment),
        lasted,
        count(fault.touched),
        fault.recovery_s.map_or_else(|| "–".to_owned(), span),
        notes.join("<br>"),
    ]
}

#[cfg(test)]
mod tests {
    use super::super::super::sample;
    use super::*;

    #[test]
    fn a_fault_that_did_nothing_says_so() {
        let mut summary = sample::summary();
        let html = faults(&summary);
        assert_eq!(html.matches("it touched nothing").count(), 1);
        summary.facts.faults[1].skipped = Some("no cc is installed".into());
        let html = faults(&summary);
        assert!(html.contains("skipped</b> no cc is installed") && !html.contains("it touched nothing"));
        summary.facts.faults.clear();
        assert_eq!(faults(&summary), "");
    }
}
