//! Load without a file: a scenario is written into the run's folder, where it can be run again.

use std::fs;
use std::path::Path;
use std::time::Duration;

use clap::Args;
use eventflow_load::scenario::{Overrides, Scenario};

use crate::failure::Failure;

/// The name of such a scenario.
pub(super) const NAME: &str = "ad-hoc";
/// The file of its data, beside it.
const DATA: &str = "data.json.tpl";
/// Events a second, unless told otherwise.
const RATE: f64 = 100.0;
/// The type of its events, unless told otherwise. Nobody handles it: they are stored.
const TYPE: &str = "efctl.load";
/// What they carry, unless told otherwise.
const CARRIES: &str = "{\"n\": {{seq}}}";
/// More of them would not be one load.
const LONGEST: Duration = Duration::from_hours(7 * 24);

/// The load in four flags.
#[derive(Debug, Args)]
pub(super) struct AdHocArgs {
    /// Without a file: send so many events
    #[arg(long, value_name = "N", conflicts_with = "file", value_parser = clap::value_parser!(u64).range(1..))]
    events: Option<u64>,
    /// So many of them a second (absent: 100)
    #[arg(long, value_name = "N", requires = "events")]
    rate: Option<f64>,
    /// Their type (absent: efctl.load, which nobody handles)
    #[arg(long = "type", value_name = "TYPE", requires = "events")]
    event_type: Option<String>,
    /// What they carry, as JSON; a template such as {"order": "{{uuid}}"} (absent: {"n": {{seq}}})
    #[arg(long, value_name = "JSON", requires = "events")]
    data: Option<String>,
}

impl AdHocArgs {
    /// The scenario of these flags, with its text, written into the folder.
    pub(super) fn scenario(&self, out: &Path, over: &Overrides) -> Result<(Scenario, String), Failure> {
        let Some(events) = self.events else {
            return Err(Failure::Usage(
                "what is to be run? Name a file, or write --events N".into(),
            ));
        };
        let text = self.text(events)?;
        let kept = fs::write(out.join(DATA), self.data.as_deref().unwrap_or(CARRIES));
        kept.map_err(|e| Failure::Usage(format!("cannot write into {}: {e}", out.display())))?;
        let scenario = Scenario::parse(&text, "the command line", out, over);
        let scenario = scenario.map_err(|invalid| Failure::Usage(invalid.to_string()))?;
        Ok((scenario, text))
    }

    fn text(&self, events: u64) -> Result<String, Failure> {
        let rate = self.rate.unwrap_or(RATE);
        #[expect(clippy::cast_precision_loss, reason = "a week of events is exact")]
        let lasts = Duration::try_from_secs_f64(events as f64 / rate);
        let lasts = lasts.ok().filter(|lasts| *lasts <= LONGEST && !lasts.is_zero());
        let Some(lasts) = lasts else {
            return Err(Failure::Usage(format!(
                "{events} events at {rate} a second are no load between a moment and a week"
            )));
        };
        // A string of JSON is one of TOML.
        let event_type = serde_json::to_string(self.event_type.as_deref().unwrap_or(TYPE));
        let event_type = event_type.map_err(|e| Failure::Usage(format!("--type: {e}")))?;
        Ok(format!(
            "# {events} events, {rate} a second, as the command line asked for.\n\
             schema = 1\n\
             name = \"{NAME}\"\n\
             phases = [\n  \
               {{ name = \"load\", for = \"{}.{:09}s\", rate = \"{rate}/s\" }},\n  \
               {{ name = \"drain\", until = \"drained\", at_most = \"2m\" }},\n\
             ]\n\
             mix = [{{ weight = 1, event = {event_type}, data = \"{DATA}\" }}]\n",
            lasts.as_secs(),
            lasts.subsec_nanos()
        ))
    }
}

#[cfg(test)]
mod tests {
    use eventflow_load::plan::{Plan, RunId};
    use eventflow_load::scenario::Place;

    use super::*;

    fn args(events: u64, rate: f64) -> AdHocArgs {
        AdHocArgs {
            events: Some(events),
            rate: Some(rate),
            event_type: Some("order.created".into()),
            data: Some("{\"order\": \"{{uuid}}\"}".into()),
        }
    }

    #[test]
    fn exactly_so_many_are_sent_and_the_file_can_be_run_again() {
        let folder = tempfile::tempdir().expect("a folder");
        for (events, rate) in [(1, 100.0), (1_000, 100.0), (1_000, 3_000.0), (10, 0.5), (7, 3.0)] {
            let made = args(events, rate).scenario(folder.path(), &Overrides::default());
            let (scenario, text) = made.expect("a scenario");
            let sends = Plan::new(&scenario, RunId::new()).sends().count();
            assert_eq!(u64::try_from(sends), Ok(events), "{text}");
            assert!(matches!(scenario.target.place, Place::Running { api: None, .. }));
            assert!(Scenario::parse(&text, "again.toml", folder.path(), &Overrides::default()).is_ok());
        }
    }

    #[test]
    fn what_is_no_load_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        for (events, rate) in [
            (10, 0.0),
            (10, -1.0),
            (10, f64::NAN),
            (10, f64::INFINITY),
            (1_000_000_000, 0.1),
        ] {
            let refused = args(events, rate).scenario(folder.path(), &Overrides::default());
            assert_eq!(refused.expect_err("no load").code(), 2, "{events} {rate}");
        }
        let bad = AdHocArgs {
            data: Some("{".into()),
            ..args(1, 1.0)
        };
        assert_eq!(
            bad.scenario(folder.path(), &Overrides::default())
                .expect_err("no JSON")
                .code(),
            2
        );
    }
}
