//! The page: one file that needs no network, the verdict on top, then charts and tables. It reads light and dark, and
//! without its script only the values under the pointer are missing.

mod about;
mod axis;
mod chart;
mod charts;
mod checks;
mod events;
mod frame;
mod measured;

use std::fmt::Write as _;

use super::Summary;
use super::escape::{markup, markup_lines};
use crate::verdict::Outcome;

const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("hover.js");
/// Nothing is fetched, whatever a text from outside may hold.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'";

/// The whole page.
pub(super) fn render(summary: &Summary, scenario_text: &str) -> String {
    let sections = [
        verdict(summary),
        section("What was asked for", &checks::table(summary)),
        section("Over time", &charts::render(summary)),
        section("Faults", &checks::faults(summary)),
        section("What users would have felt", &measured::table(summary)),
        section("What became of the events", &events::render(summary)),
        section("The run", &about::render(summary)),
        format!(
            "<section><details><summary>The scenario</summary><pre>{}</pre></details></section>",
            markup_lines(scenario_text)
        ),
    ];
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"{POLICY}\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <title>{}: {}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n{}\n</main>\n\
         <script>\n{SCRIPT}</script>\n</body>\n</html>\n",
        summary.word(),
        markup(&summary.scenario),
        sections.concat()
    )
}

fn verdict(summary: &Summary) -> String {
    let class = match summary.verdict.outcome {
        Outcome::Pass => "good",
        Outcome::Broken => "bad",
        Outcome::Missed | Outcome::NotSteady => "poor",
        Outcome::Inconclusive | Outcome::Interrupted => "open",
    };
    format!(
        "<header class=\"verdict {class}\"><p class=\"word\">{}</p><div><h1>{}</h1><p>{}</p></div></header>\
         <p class=\"purpose\">{}</p>{}",
        summary.word(),
        markup(&summary.scenario),
        markup(&summary.sentence()),
        markup(&summary.purpose.replace('\n', " ")),
        measured::tiles(summary)
    )
}

fn section(title: &str, content: &str) -> String {
    if content.is_empty() {
        return String::new();
    }
    format!("<section><h2>{title}</h2>{content}</section>\n")
}

/// A table; `right` are the columns of numbers. Its cells are markup already.
fn rows(head: &[&str], right: &[usize], rows: &[Vec<String>]) -> String {
    let class = |i: usize| if right.contains(&i) { " class=\"n\"" } else { "" };
    let mut html = String::from("<div class=\"wide\"><table><thead><tr>");
    for (i, cell) in head.iter().enumerate() {
        let _ = write!(html, "<th{}>{cell}</th>", class(i));
    }
    html.push_str("</tr></thead><tbody>");
    for row in rows {
        html.push_str("<tr>");
        for (i, cell) in row.iter().enumerate() {
            let _ = write!(html, "<td{}>{cell}</td>", class(i));
        }
        html.push_str("</tr>");
    }
    html.push_str("</tbody></table></div>");
    html
}

/// Pairs of a name and what it is. Both are markup already.
fn pairs(pairs: &[(&str, String)]) -> String {
    let mut html = String::from("<dl>");
    for (name, value) in pairs {
        let _ = write!(html, "<dt>{name}</dt><dd>{value}</dd>");
    }
    html.push_str("</dl>");
    html
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    #[test]
    fn the_page_needs_nothing_from_outside() {
        let page = render(&sample::summary(), "schema = 1");
        for fetched in ["http://", "https://", "src=", "href=", "@import", "url("] {
            assert!(!page.contains(fetched), "{fetched}");
        }
        assert!(page.contains("default-src 'none'"));
    }

    #[test]
    fn the_verdict_is_on_top_and_everything_is_there() {
        let page = render(&sample::summary(), "schema = 1\nname = \"<b>\"");
        let at = |text: &str| page.find(text).unwrap_or_else(|| panic!("{text} is missing"));
        let order = [
            "class=\"word\">BROKEN",
            "What was asked for",
            "Over time",
            "Faults",
            "What users would have felt",
            "What became of the events",
            "The run</h2>",
            "The scenario",
        ];
        assert!(order.map(at).is_sorted());
        assert!(page.contains("name = &quot;&lt;b&gt;&quot;"));
        assert!(page.contains("@media (prefers-color-scheme: dark)"));
    }

    #[test]
    fn every_element_that_is_opened_is_closed() {
        let page = render(&sample::summary(), "");
        for element in [
            "main",
            "section",
            "header",
            "figure",
            "figcaption",
            "table",
            "tr",
            "td",
            "dl",
            "svg",
            "g",
            "text",
            "details",
        ] {
            let open = page.matches(&format!("<{element}>")).count() + page.matches(&format!("<{element} ")).count();
            assert_eq!(open, page.matches(&format!("</{element}>")).count(), "{element}");
        }
    }

    #[test]
    fn nothing_from_outside_is_markup() {
        let mut summary = sample::summary();
        let evil = "<script>alert(1)</script>\u{202e}\"'";
        summary.scenario = evil.into();
        summary.purpose = evil.into();
        summary.run = evil.into();
        summary.target = evil.into();
        summary.told = vec![evil.into()];
        summary.durability = evil.into();
        summary.machine.os = evil.into();
        summary.machine.versions.insert(evil.into(), evil.into());
        for phase in &mut summary.phases {
            phase.name = evil.into();
        }
        for check in &mut summary.verdict.checks {
            (check.name, check.asked, check.found) = (evil.into(), evil.into(), evil.into());
            check.why = Some(evil.into());
        }
        for fault in &mut summary.facts.faults {
            (fault.id, fault.title) = (evil.into(), evil.into());
            fault.notes = vec![evil.into()];
            fault.skipped = Some(evil.into());
        }
        let scope = summary.facts.measures.scopes["run"].clone();
        summary.facts.measures.scopes.insert(format!("kind:{evil}"), scope);
        for scope in summary.facts.measures.scopes.values_mut() {
            scope.rejected.insert(evil.into(), 1);
            scope.unknown.insert(evil.into(), 1);
        }
        summary.facts.measures.generator.bottleneck = Some(evil.into());
        summary.facts.unread = Some(evil.into());
        summary.facts.steady_before[0].metric = evil.into();
        let page = render(&summary, evil);
        assert!(!page.contains("<script>alert"));
        assert!(!page.contains('\u{202e}'));
        assert_eq!(page.matches("<script").count(), 2);
    }
}
