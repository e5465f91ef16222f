//! One line of the table: both sides of a pair, their ratio, and where EventFlow must stand.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::text::figure;

/// One repetition: its figure, and what else was seen in it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Shot {
    /// The figure that is judged.
    pub(crate) value: f64,
    /// Further figures, each under a name with its unit.
    pub(crate) beside: Vec<(&'static str, f64)>,
}

impl Shot {
    pub(crate) const fn new(value: f64) -> Self {
        Self {
            value,
            beside: Vec::new(),
        }
    }

    /// Adds what is known; a system that does not tell has no figure.
    pub(crate) fn with(mut self, name: &'static str, value: Option<f64>) -> Self {
        self.beside.extend(value.map(|value| (name, value)));
        self
    }

    /// The figure of that name.
    pub(crate) fn get(&self, name: &str) -> Option<f64> {
        self.beside
            .iter()
            .find(|(other, _)| *other == name)
            .map(|(_, value)| *value)
    }
}

/// The repetitions of one side, in their order.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Side {
    /// What it is.
    pub(crate) name: String,
    /// One figure for each repetition.
    pub(crate) values: Vec<f64>,
    /// The median of each further figure.
    pub(crate) beside: BTreeMap<String, f64>,
}

impl Side {
    pub(crate) fn of(name: &str, shots: &[Shot]) -> Self {
        let mut beside: BTreeMap<String, Vec<f64>> = BTreeMap::new();
        for (name, value) in shots.iter().flat_map(|shot| &shot.beside) {
            beside.entry((*name).to_owned()).or_default().push(*value);
        }
        Self {
            name: name.to_owned(),
            values: shots.iter().map(|shot| shot.value).collect(),
            beside: beside
                .into_iter()
                .map(|(name, values)| (name, spread(&values).1))
                .collect(),
        }
    }
}

/// What is judged of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Judged {
    /// EventFlow's figure divided by the other side's, repetition by repetition.
    Ratio,
    /// EventFlow's figure itself.
    Value,
}

/// Where EventFlow stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Standing {
    /// The goal is met.
    Met,
    /// Not the goal, but what must hold from the first day.
    AtLeast,
    /// Not even that.
    Missed,
    /// There is nothing to hold it against.
    Stated,
}

/// The two columns of the table that a row is held against.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Bar {
    /// What it is to become.
    pub(crate) goal: f64,
    /// What must hold.
    pub(crate) least: f64,
    /// Whether less is better.
    pub(crate) less: bool,
}

impl Bar {
    pub(crate) const fn at_least(goal: f64, least: f64) -> Self {
        Self {
            goal,
            least,
            less: false,
        }
    }

    pub(crate) const fn at_most(goal: f64, least: f64) -> Self {
        Self {
            goal,
            least,
            less: true,
        }
    }

    fn judge(&self, value: f64) -> Standing {
        let holds = |bar: f64| if self.less { value <= bar } else { value >= bar };
        // Not a number: nothing was measured, which is no pass.
        match (holds(self.goal), holds(self.least)) {
            (true, _) => Standing::Met,
            (false, true) => Standing::AtLeast,
            (false, false) => Standing::Missed,
        }
    }
}

/// A line of the table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Row {
    /// Its short name.
    pub(crate) name: String,
    /// What is measured.
    pub(crate) what: String,
    /// The unit of both sides' figures.
    pub(crate) unit: String,
    /// What EventFlow is held against.
    pub(crate) limit: Option<Side>,
    /// EventFlow.
    pub(crate) flow: Side,
    /// What is judged.
    pub(crate) judged: Judged,
    /// Against what.
    pub(crate) bar: Option<Bar>,
    /// Where it stands.
    pub(crate) standing: Standing,
    /// The settings that were in force, read back from the servers.
    pub(crate) in_force: Vec<String>,
}

impl Row {
    /// A row that is judged by the ratio of its sides.
    pub(crate) fn ratio(name: &str, what: &str, unit: &str, limit: Side, flow: Side, bar: Option<Bar>) -> Self {
        Self::new(name, what, unit, Some(limit), flow, Judged::Ratio, bar)
    }

    /// A row that is judged by EventFlow's figure; a limit beside it is only shown.
    pub(crate) fn value(name: &str, what: &str, unit: &str, limit: Option<Side>, flow: Side, bar: Option<Bar>) -> Self {
        Self::new(name, what, unit, limit, flow, Judged::Value, bar)
    }

    fn new(
        name: &str,
        what: &str,
        unit: &str,
        limit: Option<Side>,
        flow: Side,
        judged: Judged,
        bar: Option<Bar>,
    ) -> Self {
        let mut row = Self {
            name: name.to_owned(),
            what: what.to_owned(),
            unit: unit.to_owned(),
            limit,
            flow,
            judged,
            bar,
            standing: Standing::Stated,
            in_force: Vec::new(),
        };
        if let Some(bar) = bar {
            row.standing = bar.judge(row.judgement());
        }
        row
    }

    /// Says under which settings it was measured.
    pub(crate) fn under(mut self, in_force: &[String]) -> Self {
        self.in_force = in_force.to_vec();
        self
    }

    /// What is judged, as one figure: the median.
    pub(crate) fn judgement(&self) -> f64 {
        match self.judged {
            Judged::Ratio => spread(&self.ratios()).1,
            Judged::Value => spread(&self.flow.values).1,
        }
    }

    /// EventFlow's figures divided by the other side's of the same repetition.
    pub(crate) fn ratios(&self) -> Vec<f64> {
        let limits = self.limit.iter().flat_map(|limit| &limit.values);
        self.flow
            .values
            .iter()
            .zip(limits)
            .map(|(flow, limit)| flow / limit)
            .collect()
    }

    /// The bar as the table has it.
    pub(crate) fn bars(&self) -> (String, String) {
        let Some(bar) = &self.bar else {
            return ("stated".into(), String::new());
        };
        let sign = if bar.less { "≤" } else { "≥" };
        let unit = match self.judged {
            Judged::Ratio => "×".to_owned(),
            Judged::Value => format!(" {}", self.unit),
        };
        let text = |value: f64| format!("{sign} {}{unit}", figure(value));
        (text(bar.goal), text(bar.least))
    }

    /// A block for people.
    pub(crate) fn show(&self) -> String {
        let mut text = format!("\n{}: {}\n", self.name, self.what);
        for setting in &self.in_force {
            let _ = writeln!(text, "    {setting}");
        }
        let width = self.limit.iter().chain([&self.flow]).map(|side| side.name.len()).max();
        let width = width.unwrap_or(0).max(22);
        for side in self.limit.iter().chain([&self.flow]) {
            let (min, median, max) = spread(&side.values);
            let beside: Vec<String> = side
                .beside
                .iter()
                .map(|(name, value)| format!("{name} {}", figure(*value)))
                .collect();
            let _ = writeln!(
                text,
                "  {:width$} {:>10} {:>10} {:>10} {}   {}",
                side.name,
                figure(min),
                figure(median),
                figure(max),
                self.unit,
                beside.join(", ")
            );
        }
        if self.limit.is_some() {
            let (min, median, max) = spread(&self.ratios());
            let _ = writeln!(
                text,
                "  {:width$} {:>10} {:>10} {:>10} ×",
                "ratio",
                figure(min),
                figure(median),
                figure(max)
            );
        }
        let (goal, least) = self.bars();
        let _ = write!(text, "  goal {goal}, at least {least}: {}", self.standing.word());
        text
    }
}

impl Standing {
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Met => "met",
            Self::AtLeast => "at least",
            Self::Missed => "MISSED",
            Self::Stated => "stated",
        }
    }
}

/// A count as a figure.
#[expect(clippy::cast_precision_loss, reason = "nothing that is counted here comes near 2^52")]
pub(crate) const fn float(count: u64) -> f64 {
    count as f64
}

/// So many a second.
pub(crate) fn per_second(count: u64, time: Duration) -> f64 {
    float(count) / time.as_secs_f64()
}

/// Minimum, median, maximum; not a number where there is none.
pub(crate) fn spread(values: &[f64]) -> (f64, f64, f64) {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let (Some(min), Some(max)) = (sorted.first(), sorted.last()) else {
        return (f64::NAN, f64::NAN, f64::NAN);
    };
    let middle = sorted.len() / 2;
    let median = if sorted.len().is_multiple_of(2) {
        f64::midpoint(sorted[middle - 1], sorted[middle])
    } else {
        sorted[middle]
    };
    (*min, median, *max)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn side(values: &[f64]) -> Side {
        Side::of("x", &values.iter().map(|value| Shot::new(*value)).collect::<Vec<_>>())
    }

    fn standing(limit: &[f64], flow: &[f64]) -> Standing {
        let bar = Some(Bar::at_least(1.0, 0.7));
        Row::ratio("a", "b", "c", side(limit), side(flow), bar).standing
    }

    #[test]
    fn the_median_of_the_ratios_is_held_against_the_bar() {
        assert_eq!(standing(&[10.0, 20.0, 10.0], &[10.0, 10.0, 11.0]), Standing::Met);
        assert_eq!(standing(&[10.0, 10.0, 10.0], &[6.0, 8.0, 9.0]), Standing::AtLeast);
        assert_eq!(standing(&[10.0, 10.0, 10.0], &[6.0, 6.9, 9.0]), Standing::Missed);
        assert_eq!(standing(&[], &[]), Standing::Missed);
    }

    #[test]
    fn less_is_better_where_the_bar_says_so() {
        let bar = Some(Bar::at_most(10.0, 50.0));
        let row = |values: &[f64]| Row::value("a", "b", "ms", None, side(values), bar).standing;
        assert_eq!(row(&[9.0]), Standing::Met);
        assert_eq!(row(&[49.0]), Standing::AtLeast);
        assert_eq!(row(&[51.0]), Standing::Missed);
    }

    #[test]
    fn the_spread_of_an_even_number_has_its_median_between() {
        assert_eq!(spread(&[4.0, 1.0, 2.0, 3.0]), (1.0, 2.5, 4.0));
        assert!(spread(&[]).1.is_nan());
    }
}
