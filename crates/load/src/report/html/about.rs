//! Where and how it ran, how the generator did, and how to run it again.

use super::pairs;
use crate::report::Summary;
use crate::report::escape::markup;
use crate::report::words::{count, moment, short, span_or_none};

/// Names and what they are.
pub(super) fn render(summary: &Summary) -> String {
    let generator = &summary.facts.measures.generator;
    let machine = &summary.machine;
    let versions: Vec<String> = machine
        .versions
        .iter()
        .map(|(name, version)| format!("{} {}", markup(name), markup(version)))
        .collect();
    let told: Vec<String> = summary.told.iter().map(|line| markup(line)).collect();
    let mut about = vec![
        ("target", format!("<code>{}</code>", markup(&summary.target))),
        ("durability", markup(&summary.durability)),
        ("began", summary.began.to_string()),
        ("lasted", moment(summary.lasted_s)),
        ("run", format!("<code>{}</code>", markup(&summary.run))),
        (
            "again",
            format!("<code>efctl load scenario.toml --seed {}</code>", summary.seed),
        ),
        (
            "machine",
            format!(
                "{} cores, {}, {}",
                machine.cores,
                markup(&machine.os),
                markup(&machine.arch)
            ),
        ),
        ("versions", versions.join(", ")),
        (
            "generator",
            format!(
                "p99 of its own lateness {}, {} of one processor, at most {} in flight",
                span_or_none(generator.lateness.p99),
                short(generator.cpu),
                count(generator.peak_in_flight)
            ),
        ),
    ];
    if let Some(why) = &generator.bottleneck {
        about.push(("bottleneck", format!("<b class=\"open\">{}</b>", markup(why))));
    }
    if !told.is_empty() {
        about.push(("said", told.join("<br>")));
    }
    pairs(&about)
}

#[cfg(test)]
mod tests {
    use super::super::super::sample;
    use super::*;

    #[test]
    fn a_generator_that_held_it_up_says_so() {
        let mut summary = sample::summary();
        assert!(!render(&summary).contains("bottleneck"));
        summary.facts.measures.generator.bottleneck = Some("its sends were 30 ms late".into());
        assert!(render(&summary).contains("its sends were 30 ms late"));
        assert!(render(&summary).contains("efctl load scenario.toml --seed 8"));
    }
}
