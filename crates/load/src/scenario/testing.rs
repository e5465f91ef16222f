//! A scenario that tests make others of.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::scenario::{
    Arrivals, Behaviour, Expect, Fate, Kind, Load, Model, Phase, Place, Retry, Scenario, StackKind, Stretch, Target,
};

/// A second of ten events on a private `dev`, without faults.
pub(crate) fn scenario() -> Scenario {
    Scenario {
        name: "small".into(),
        purpose: String::new(),
        seed: 7,
        phases: vec![Phase {
            name: "steady".into(),
            begins: Duration::ZERO,
            what: Stretch::Send {
                lasts: Duration::from_secs(1),
                from: 10.0,
                to: 10.0,
                arrivals: Arrivals::Constant,
            },
            measure: true,
        }],
        mix: vec![Kind {
            name: "order".into(),
            weight: 1.0,
            event_type: "order".into(),
            data: None,
            size: None,
            resend: 0.0,
            client: Behaviour::Normal,
            expect: Fate::Stored,
        }],
        faults: Vec::new(),
        target: Target {
            place: Place::Private(StackKind::Dev),
            server: None,
            workers: 1,
            apis: 1,
            settings: BTreeMap::new(),
            durability: "disk".into(),
        },
        load: Load {
            model: Model::Open,
            max_in_flight: 100,
            max_late: Duration::from_secs(10),
            timeout: Duration::from_secs(10),
            retry: Retry {
                max: 3,
                base: Duration::from_millis(100),
                cap: Duration::from_secs(2),
                reuse_key: true,
            },
        },
        expect: Expect::default(),
    }
}
