//! Whether the generator itself was the bottleneck.

use hdrhistogram::Histogram;

use super::{GeneratorReport, Percentiles};

/// Later than this, in seconds, a generator does not measure others but itself.
const LATE: f64 = 0.010;
/// The part of one processor from which on a generator has none left to be on time with.
const BUSY: f64 = 0.9;

/// How the generator did. `lateness` is of sends that nothing held back; `cpu` is a part of one processor.
pub(super) fn report(lateness: &Histogram<u64>, cpu: f64, peak_in_flight: u64) -> GeneratorReport {
    let lateness = Percentiles::of(lateness);
    let bottleneck = bottleneck(lateness.p99, cpu);
    GeneratorReport {
        lateness,
        cpu,
        peak_in_flight,
        bottleneck,
    }
}

fn bottleneck(lateness_p99: Option<f64>, cpu: f64) -> Option<String> {
    let late = lateness_p99.filter(|late| *late > LATE).map(|late| {
        format!(
            "one send in a hundred left {:.0} ms late or later though nothing held it back, and response times contain that",
            late * 1_000.0
        )
    });
    let busy = (cpu > BUSY)
        .then(|| format!("this process used {cpu:.2} processors, so that little was left to be on time with"));
    let reasons: Vec<String> = late.into_iter().chain(busy).collect();
    (!reasons.is_empty()).then(|| reasons.join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_generator_on_time_is_no_bottleneck() {
        assert_eq!(bottleneck(None, 0.0), None);
        assert_eq!(bottleneck(Some(0.010), 0.9), None);
    }

    #[test]
    fn a_late_or_busy_generator_says_so() {
        let late = bottleneck(Some(0.023), 0.2).expect("a bottleneck");
        assert!(late.contains("23 ms") && !late.contains("processors"), "{late}");
        let busy = bottleneck(Some(0.001), 1.25).expect("a bottleneck");
        assert!(busy.contains("1.25 processors") && !busy.contains("ms"), "{busy}");
        let both = bottleneck(Some(0.5), 1.0).expect("a bottleneck");
        assert!(both.contains("500 ms") && both.contains("1.00 processors"), "{both}");
    }
}
