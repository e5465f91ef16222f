//! How a run is made: which binaries, how often, how large.

use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};

use crate::Cli;
use crate::row::{Shot, float};
use crate::text::{figure, say};

/// Repetitions of each side, where nobody says how many.
const REPEAT: usize = 5;
const REPEAT_QUICK: usize = 3;
/// By how much a look is smaller.
const QUICK: u64 = 4;

/// A run.
#[derive(Debug)]
pub(crate) struct Bench {
    /// EventFlow's binary.
    pub(crate) eventflow: PathBuf,
    /// This binary, for the rigs.
    pub(crate) own: PathBuf,
    pub(crate) quick: bool,
    pub(crate) repeat: usize,
    pub(crate) scale: f64,
}

impl Bench {
    pub(crate) fn new(cli: &Cli) -> Result<Self> {
        let own = std::env::current_exe().context("this program cannot find itself")?;
        let eventflow = cli.eventflow.clone().unwrap_or_else(|| own.with_file_name("eventflow"));
        let eventflow = eventflow.canonicalize().with_context(|| {
            let path = eventflow.display();
            format!("there is no {path}: `cargo build --release -p eventflow`, or start `cargo xtask bench`")
        })?;
        if !(cli.scale > 0.0 && cli.scale <= 1.0) {
            bail!("`--scale` is a part of the full size: above 0, at most 1");
        }
        let usual = if cli.quick { REPEAT_QUICK } else { REPEAT };
        Ok(Self {
            eventflow,
            own,
            quick: cli.quick,
            repeat: cli.repeat.map_or(usual, |repeat| repeat as usize),
            scale: cli.scale,
        })
    }

    /// How many events a repetition sends.
    pub(crate) const fn events(&self, full: u64) -> u64 {
        if self.quick { full / QUICK } else { full }
    }

    /// The size of a long measurement.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a part of a size, which is far below 2^52"
    )]
    pub(crate) fn scaled(&self, full: u64) -> u64 {
        ((float(full) * self.scale) as u64).max(1)
    }

    /// Measures two sides by turns, so that whatever else happens on the machine happens to both.
    pub(crate) fn pair(
        &self,
        mut limit: impl FnMut() -> Result<Shot>,
        mut flow: impl FnMut() -> Result<Shot>,
    ) -> Result<(Vec<Shot>, Vec<Shot>)> {
        let (mut limits, mut flows) = (Vec::new(), Vec::new());
        for number in 1..=self.repeat {
            limits.push(limit().context("the limit's side")?);
            flows.push(flow().context("EventFlow's side")?);
            if let (Some(limit), Some(flow)) = (limits.last(), flows.last()) {
                say(&format!(
                    "    {number} of {}: {} and {}",
                    self.repeat,
                    figure(limit.value),
                    figure(flow.value)
                ));
            }
        }
        Ok((limits, flows))
    }
}
