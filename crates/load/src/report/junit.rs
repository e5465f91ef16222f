//! The verdict for a build server: `JUnit`'s XML, a test case for each thing that was judged.

use std::fmt::Write as _;

use super::Summary;
use super::escape::markup;
use crate::verdict::{Check, Stands};

/// The document. What is broken or missed is a failure; what nobody can say is an error.
pub(super) fn render(summary: &Summary) -> String {
    let checks = &summary.verdict.checks;
    let of = |wanted: &[Stands]| checks.iter().filter(|check| wanted.contains(&check.stands)).count();
    let counts = format!(
        "tests=\"{}\" failures=\"{}\" errors=\"{}\" time=\"{:.3}\"",
        checks.len(),
        of(&[Stands::Broken, Stands::Missed]),
        of(&[Stands::Unknown]),
        summary.lasted_s
    );
    let name = markup(&summary.scenario);
    let mut xml = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let _ = writeln!(xml, "<testsuites name=\"efctl load\" {counts}>");
    let _ = writeln!(
        xml,
        "  <testsuite name=\"{name}\" {counts} timestamp=\"{}\">",
        summary.began
    );
    xml.push_str("    <properties>\n");
    for (key, value) in [
        ("run", summary.run.clone()),
        ("seed", summary.seed.to_string()),
        ("target", summary.target.clone()),
        ("durability", summary.durability.clone()),
    ] {
        let _ = writeln!(xml, "      <property name=\"{key}\" value=\"{}\"/>", markup(&value));
    }
    xml.push_str("    </properties>\n");
    for check in checks {
        case(&mut xml, &name, check);
    }
    xml.push_str("  </testsuite>\n</testsuites>\n");
    xml
}

fn case(xml: &mut String, scenario: &str, check: &Check) {
    let _ = write!(
        xml,
        "    <testcase classname=\"efctl.load.{scenario}\" name=\"{}\"",
        markup(&check.name)
    );
    let (element, kind) = match check.stands {
        Stands::Met => {
            xml.push_str("/>\n");
            return;
        }
        Stands::Broken => ("failure", "broken"),
        Stands::Missed => ("failure", "missed"),
        Stands::Unknown => ("error", "unknown"),
    };
    let said = format!("asked {}, found {}", check.asked, check.found);
    let _ = write!(
        xml,
        ">\n      <{element} type=\"{kind}\" message=\"{}\">",
        markup(&said)
    );
    if let Some(why) = &check.why {
        xml.push_str(&markup(why));
    }
    let _ = writeln!(xml, "</{element}>\n    </testcase>");
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    #[test]
    fn a_case_for_each_check() {
        let summary = sample::summary();
        let xml = render(&summary);
        assert_eq!(xml.matches("<testcase ").count(), summary.verdict.checks.len());
        assert!(
            xml.contains("tests=\"6\" failures=\"2\" errors=\"1\" time=\"40.000\""),
            "{xml}"
        );
        assert!(
            xml.contains("<failure type=\"broken\" message=\"asked 0, found 3\">"),
            "{xml}"
        );
        assert!(xml.contains("message=\"asked &lt; 150ms, found 187 ms\""), "{xml}");
        assert!(xml.contains("<error type=\"unknown\""), "{xml}");
        for element in ["testcase", "failure", "error", "properties", "testsuite", "testsuites"] {
            let open = xml.matches(&format!("<{element}>")).count() + xml.matches(&format!("<{element} ")).count();
            let shut = xml.matches(&format!("</{element}>")).count();
            let alone = if element == "testcase" {
                xml.matches("\"/>\n    <testcase").count() + 1
            } else {
                0
            };
            assert!(open == shut || open == shut + alone, "{element}: {open} {shut}\n{xml}");
        }
    }

    #[test]
    fn outside_text_stays_text() {
        let mut summary = sample::summary();
        summary.verdict.checks[0].why = Some("<x>\u{1b}]\n\"&".into());
        let xml = render(&summary);
        assert!(xml.contains(">&lt;x&gt;\\u{1b}]\\u{a}&quot;&amp;</failure>"), "{xml}");
    }
}
