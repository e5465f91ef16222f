//! How a run goes, for those who watch it.

use std::sync::Arc;

use tokio::sync::watch;

use crate::measure::{self, Meter};
use crate::watch::Reading;

/// What is being done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Stage {
    /// The target is started, or looked for.
    #[default]
    Starting,
    /// It is awaited until it is steady.
    Steady,
    /// Events are sent, and faults strike.
    Loading,
    /// Nothing is sent until nothing is left to do.
    Draining,
    /// The store is read, and what was found is judged.
    Judging,
}

/// A glance at a run.
#[derive(Clone, Debug, Default)]
pub struct Glance {
    /// What is being done.
    pub stage: Stage,
    /// The load.
    pub meter: measure::Glance,
    /// The faults that are in force, by their ids.
    pub armed: Vec<String>,
    /// The target, as it was last seen.
    pub reading: Option<Reading>,
    /// What was chosen and stated about the target, a sentence each; it only grows.
    pub told: Vec<String>,
}

/// Tells those who watch.
pub(super) struct Teller {
    glances: watch::Sender<Glance>,
    meter: Arc<Meter>,
}

impl Teller {
    pub(super) fn new(glances: watch::Sender<Glance>, meter: Arc<Meter>) -> Self {
        Self { glances, meter }
    }

    /// Another stage begins.
    pub(super) fn stage(&self, stage: Stage) {
        let meter = self.meter.glance();
        self.glances.send_modify(|glance| {
            glance.stage = stage;
            glance.meter = meter;
        });
    }

    /// What is to be said aloud.
    pub(super) fn told(&self, words: &[String]) {
        self.glances.send_modify(|glance| glance.told.extend_from_slice(words));
    }

    /// How it stands now.
    pub(super) fn tick(&self, armed: &[String], reading: Option<Reading>) {
        let meter = self.meter.glance();
        self.glances.send_modify(|glance| {
            glance.meter = meter;
            armed.clone_into(&mut glance.armed);
            glance.reading = reading;
        });
    }
}
