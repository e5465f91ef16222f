//! Faults of the network.

use std::time::Duration;

use super::fields::{Fields, Lasts};
use crate::scenario::flaw::{Bytes, Flaws};
use crate::scenario::given::Given;
use crate::scenario::raw::{RawFault, ToxicName};
use crate::scenario::written::{Size, Span, Text};
use crate::scenario::{Side, Toxic, What};

/// What a fault with `tcp` does.
pub(super) fn what(raw: &RawFault, at: &Bytes, flaws: &Flaws) -> Option<(What, Lasts)> {
    let name = *raw.tcp.get()?;
    fields(name).check(&format!("tcp = \"{}\"", text(name)), raw, at, flaws);
    let share = share(raw, flaws);
    let what = What::Tcp {
        toxic: toxic(name, raw, flaws)?,
        route: *raw.route.get()?,
        side: raw.side.get().copied().unwrap_or(Side::Both),
        share: share?,
    };
    Some((what, Lasts::Needed))
}

fn toxic(name: ToxicName, raw: &RawFault, flaws: &Flaws) -> Option<Toxic> {
    Some(match name {
        ToxicName::Latency => {
            let (delay, jitter) = (span(&raw.delay)?, span(&raw.jitter).unwrap_or_default());
            if jitter > delay {
                flaws.hinted(
                    raw.jitter.at(),
                    "`jitter` is longer than `delay`",
                    "nothing arrives before it was sent",
                );
            }
            Toxic::Latency { delay, jitter }
        }
        ToxicName::Bandwidth => Toxic::Bandwidth {
            bytes_per_s: raw.rate.get()?.0.0,
        },
        ToxicName::Slice => Toxic::Slice {
            bytes: usize::try_from(bytes(&raw.bytes, flaws)?).ok()?,
            delay: span(&raw.delay).unwrap_or_default(),
        },
        ToxicName::SlowClose => Toxic::SlowClose {
            delay: span(&raw.delay)?,
        },
        ToxicName::BlackHole => Toxic::BlackHole,
        ToxicName::Reset => Toxic::Reset,
        ToxicName::CutAfter => Toxic::CutAfter {
            bytes: bytes(&raw.bytes, flaws)?,
        },
        ToxicName::Refuse => Toxic::Refuse,
        ToxicName::DropReply => Toxic::DropReply,
    })
}

fn span(given: &Given<Text<Span>>) -> Option<Duration> {
    given.get().map(|span| span.0.0)
}

fn bytes(given: &Given<Size>, flaws: &Flaws) -> Option<u64> {
    let bytes = given.get()?.0;
    if bytes == 0 {
        flaws.add(given.at(), "`bytes` must be at least 1");
        return None;
    }
    Some(bytes)
}

fn share(raw: &RawFault, flaws: &Flaws) -> Option<f64> {
    if !raw.share.stands() {
        return Some(1.0);
    }
    let share = raw.share.get()?.0;
    if share <= 0.0 {
        flaws.hinted(raw.share.at(), "a share of 0 touches nothing", "write one above 0");
        return None;
    }
    Some(share)
}

const fn fields(name: ToxicName) -> Fields {
    let (needed, free): (&'static [&'static str], &'static [&'static str]) = match name {
        ToxicName::Latency => (&["tcp", "route", "delay"], &["jitter", "side", "share"]),
        ToxicName::Bandwidth => (&["tcp", "route", "rate"], &["side", "share"]),
        ToxicName::Slice => (&["tcp", "route", "bytes"], &["delay", "side", "share"]),
        ToxicName::SlowClose => (&["tcp", "route", "delay"], &["side", "share"]),
        ToxicName::CutAfter => (&["tcp", "route", "bytes"], &["side", "share"]),
        ToxicName::BlackHole | ToxicName::Reset => (&["tcp", "route"], &["side", "share"]),
        ToxicName::Refuse | ToxicName::DropReply => (&["tcp", "route"], &["share"]),
    };
    Fields { needed, free }
}

const fn text(name: ToxicName) -> &'static str {
    match name {
        ToxicName::Latency => "latency",
        ToxicName::Bandwidth => "bandwidth",
        ToxicName::Slice => "slice",
        ToxicName::SlowClose => "slow_close",
        ToxicName::BlackHole => "black_hole",
        ToxicName::Reset => "reset",
        ToxicName::CutAfter => "cut_after",
        ToxicName::Refuse => "refuse",
        ToxicName::DropReply => "drop_reply",
    }
}
