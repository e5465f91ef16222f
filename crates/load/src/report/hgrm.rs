//! A histogram in the text format of `HdrHistogram`'s own tools, which draw it: a value in milliseconds, its percentile, the
//! count up to it, and 1/(1-percentile).

use std::fmt::Write as _;

use hdrhistogram::Histogram;

/// Steps between 0 and 50 %, and between that and half of what is left, and so on: as the other implementations have it.
const STEPS: u32 = 5;
/// µs of a ms: what is recorded in µs is shown in ms.
const SCALE: f64 = 1_000.0;

/// The text of one histogram of µs.
pub(super) fn render(histogram: &Histogram<u64>) -> String {
    let mut text = format!(
        "{:>12} {:>14} {:>10} {:>14}\n\n",
        "Value", "Percentile", "TotalCount", "1/(1-Percentile)"
    );
    let mut seen = 0;
    for step in histogram.iter_quantiles(STEPS) {
        seen += step.count_since_last_iteration();
        let value = milliseconds(step.value_iterated_to());
        let percentile = step.quantile_iterated_to();
        // The last line has no fourth column: it would be infinite.
        let _ = if percentile < 1.0 {
            let inverse = 1.0 / (1.0 - percentile);
            writeln!(text, "{value:>12.3} {percentile:>14.12} {seen:>10} {inverse:>14.2}")
        } else {
            writeln!(text, "{value:>12.3} {percentile:>14.12} {seen:>10}")
        };
    }
    let _ = writeln!(
        text,
        "#[Mean    = {:>12.3}, StdDeviation   = {:>12.3}]\n#[Max     = {:>12.3}, Total count    = {:>12}]\n\
         #[Buckets = {:>12}, SubBuckets     = {:>12}]",
        histogram.mean() / SCALE,
        histogram.stdev() / SCALE,
        milliseconds(histogram.max()),
        histogram.len(),
        histogram.buckets(),
        sub_buckets(histogram.sigfig())
    );
    text
}

#[expect(clippy::cast_precision_loss, reason = "at most an hour in µs")]
fn milliseconds(micros: u64) -> f64 {
    micros as f64 / SCALE
}

/// How many there are at so many significant digits: the next power of two of twice their resolution.
fn sub_buckets(digits: u8) -> u64 {
    (2 * 10_u64.pow(u32::from(digits))).next_power_of_two()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_what_the_other_tools_read() {
        let mut histogram = Histogram::<u64>::new_with_bounds(1, 3_600_000_000, 3).expect("bounds");
        for micros in 1..=1_000 {
            histogram.record(micros).expect("it fits");
        }
        let text = render(&histogram);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "       Value     Percentile TotalCount 1/(1-Percentile)");
        assert_eq!(lines[1], "");
        assert_eq!(lines[2], "       0.001 0.000000000000          1           1.00");
        let median = lines
            .iter()
            .find(|line| line.contains(" 0.500000000000 "))
            .expect("the median");
        assert_eq!(*median, "       0.500 0.500000000000        500           2.00");
        assert!(
            lines
                .iter()
                .any(|line| line.starts_with("       1.000 1.000000000000       1000")),
            "{text}"
        );
        assert!(
            text.contains("#[Max     =        1.000, Total count    =         1000]"),
            "{text}"
        );
        assert!(text.ends_with("SubBuckets     =         2048]\n"), "{text}");
    }

    #[test]
    fn an_empty_one_has_no_values() {
        let histogram = Histogram::<u64>::new_with_bounds(1, 3_600_000_000, 3).expect("bounds");
        let text = render(&histogram);
        assert!(text.contains("Total count    =            0]"), "{text}");
        assert_eq!(text.lines().count(), 5, "{text}");
    }
}
