//! How what is armed takes hold of one connection: each toxic has a [`Grip`] on it, and [`Grips`] asks all of them what may
//! go on, when, and what becomes of the connection. It decides without waiting and without sockets.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::arms::{Arm, Eye};
use super::line::Head;
use super::link::End;
use super::toxic;
use super::way::Way;

/// What one direction of one connection may hold back at once, in bytes.
const ROOM: usize = 64 * 1024;
/// A moment that never comes, for sums that no clock can hold.
const NEVER: Duration = Duration::from_hours(24 * 365);

/// What a toxic is asked about: some bytes that come next in one direction, or its end.
#[derive(Clone, Copy, Debug)]
pub(super) struct Piece {
    /// In which direction.
    pub(super) way: Way,
    /// Which read of the direction it is from, counted from 0.
    pub(super) number: u64,
    /// When it was read.
    pub(super) arrived: Instant,
    /// How many bytes; 0 is the end of the direction.
    pub(super) bytes: usize,
    /// Which request of the connection it is the first answer to, if it is one.
    pub(super) answers: Option<u64>,
}

/// What one toxic does to one connection. Only the directions of its side are asked about. Every answer but that of
/// [`Grip::passed`] may be asked for again before anything happens.
pub(super) trait Grip: Send {
    /// The end of the connection, where it ends as it is gripped.
    fn strike(&self) -> Option<End> {
        None
    }

    /// Whether a new connection is turned away.
    fn refuses(&self) -> bool {
        false
    }

    /// Whether what is read vanishes.
    fn swallows(&self) -> bool {
        false
    }

    /// Bytes that one direction may have on the way at once.
    fn room(&self) -> usize {
        ROOM
    }

    /// Bytes of one piece at most, at least 1.
    fn piece(&self) -> usize {
        usize::MAX
    }

    /// Before when the piece may not go on.
    fn due(&self, _piece: &Piece) -> Option<Instant> {
        None
    }

    /// The end of the connection, where it ends in the place of the piece.
    fn cuts(&self, _piece: &Piece) -> Option<End> {
        None
    }

    /// The piece has gone on, and perhaps the connection ends after it.
    fn passed(&mut self, _piece: &Piece, _now: Instant) -> Option<End> {
        None
    }
}

/// What happens next in one direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// The oldest of the line vanishes.
    Vanish,
    /// Nothing, until then.
    Wait(Instant),
    /// So many bytes of the oldest may go on; all of an end.
    Pass(usize),
    /// The connection ends.
    Break(End),
}

/// One toxic's hold on one connection.
struct Hold {
    arm: Arc<Arm>,
    grip: Box<dyn Grip>,
    touched: bool,
}

impl Hold {
    fn new(arm: &Arc<Arm>, link: u64) -> Self {
        Self {
            arm: Arc::clone(arm),
            grip: toxic::grip(arm, link),
            touched: false,
        }
    }

    fn acts_on(&self, way: Way) -> bool {
        way.is_in(self.arm.side)
    }

    /// A connection counts once for each toxic.
    fn touch(&mut self) {
        if !std::mem::replace(&mut self.touched, true) {
            self.arm.touch();
        }
    }
}

/// All toxics that have hold of one connection.
pub(super) struct Grips {
    eye: Eye,
    holds: Vec<Hold>,
}

impl fmt::Debug for Grips {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let toxics: Vec<_> = self.holds.iter().map(|hold| &hold.arm.toxic).collect();
        formatter
            .debug_struct("Grips")
            .field("link", &self.eye.link())
            .field("toxics", &toxics)
            .finish_non_exhaustive()
    }
}

impl Grips {
    /// Nothing has hold of the connection before the first [`Grips::refresh`].
    pub(super) const fn new(eye: Eye) -> Self {
        Self { eye, holds: Vec::new() }
    }

    /// Returns when something else is armed than at the last [`Grips::refresh`].
    pub(super) async fn changed(&mut self) {
        self.eye.changed().await;
    }

    /// Lets go of what is disarmed, and lets what is newly armed take hold.
    ///
    /// # Errors
    /// The end of the connection, where one of them ends it at once.
    pub(super) fn refresh(&mut self) -> Result<(), End> {
        let Self { eye, holds } = self;
        let link = eye.link();
        eye.act(|armed| {
            holds.retain(|hold| armed.iter().any(|arm| Arc::ptr_eq(arm, &hold.arm)));
            for arm in armed.iter().filter(|arm| arm.takes(link)) {
                if holds.iter().any(|hold| Arc::ptr_eq(arm, &hold.arm)) {
                    continue;
                }
                let mut hold = Hold::new(arm, link);
                if let Some(end) = hold.grip.strike() {
                    hold.touch();
                    return Err(end);
                }
                holds.push(hold);
            }
            Ok(())
        })
    }

    /// Whether a new connection is turned away; that touches it.
    pub(super) fn refuse(&mut self) -> bool {
        let mut refused = false;
        for hold in self.holds.iter_mut().filter(|hold| hold.grip.refuses()) {
            hold.touch();
            refused = true;
        }
        refused
    }

    /// Whether what is read in this direction vanishes.
    pub(super) fn swallows(&self, way: Way) -> bool {
        self.holds.iter().any(|hold| hold.acts_on(way) && hold.grip.swallows())
    }

    /// Something has vanished.
    pub(super) fn swallowed(&mut self, way: Way) {
        for hold in &mut self.holds {
            if hold.acts_on(way) && hold.grip.swallows() {
                hold.touch();
            }
        }
    }

    /// Bytes that this direction may have on the way at once.
    pub(super) fn room(&self, way: Way) -> usize {
        let holds = self.holds.iter().filter(|hold| hold.acts_on(way));
        holds.map(|hold| hold.grip.room()).fold(ROOM, usize::max)
    }

    /// What happens next to the oldest of a line. `answers` as in [`Piece`].
    pub(super) fn step(&mut self, way: Way, head: &Head, answers: Option<u64>, now: Instant) -> Step {
        if self.holds.is_empty() {
            return Step::Pass(head.load.len());
        }
        if self.swallows(way) {
            self.swallowed(way);
            return Step::Vanish;
        }
        let piece = self.piece(way, head, answers);
        let mut due = now;
        for hold in &mut self.holds {
            if !hold.acts_on(way) {
                continue;
            }
            if let Some(end) = hold.grip.cuts(&piece) {
                hold.touch();
                return Step::Break(end);
            }
            if let Some(later) = hold.grip.due(&piece).filter(|later| *later > now) {
                hold.touch();
                due = due.max(later);
            }
        }
        if due > now {
            return Step::Wait(due);
        }
        self.cut(way, head.load.len());
        Step::Pass(piece.bytes)
    }

    /// The largest piece of the oldest that all allow.
    fn piece(&self, way: Way, head: &Head, answers: Option<u64>) -> Piece {
        let holds = self.holds.iter().filter(|hold| hold.acts_on(way));
        let largest = holds.map(|hold| hold.grip.piece().max(1)).fold(usize::MAX, usize::min);
        Piece {
            way,
            number: head.number,
            arrived: head.arrived,
            bytes: head.load.len().min(largest),
            answers,
        }
    }

    /// So much goes on in pieces, because of those that allow no larger ones.
    fn cut(&mut self, way: Way, bytes: usize) {
        for hold in &mut self.holds {
            if hold.acts_on(way) && hold.grip.piece() < bytes {
                hold.touch();
            }
        }
    }

    /// So many bytes of the oldest have gone on.
    ///
    /// # Errors
    /// The end of the connection, where one of them ends it after these bytes.
    pub(super) fn passed(&mut self, way: Way, head: &Head, bytes: usize, now: Instant) -> Result<(), End> {
        let piece = Piece {
            way,
            number: head.number,
            arrived: head.arrived,
            bytes,
            answers: None,
        };
        for hold in &mut self.holds {
            if !hold.acts_on(way) {
                continue;
            }
            if let Some(end) = hold.grip.passed(&piece, now) {
                hold.touch();
                return Err(end);
            }
        }
        Ok(())
    }
}

/// A moment later by so much.
pub(super) fn later(moment: Instant, by: Duration) -> Instant {
    moment.checked_add(by).unwrap_or_else(|| moment + NEVER)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::proxy::armed::Armed;
    use crate::proxy::arms::Arms;
    use crate::proxy::line::{Load, Tail};
    use crate::scenario::{Side, Toxic};

    /// All bytes of a chunk are passed on by simulated time: the sizes of the pieces, and when each went.
    fn passed(grips: &mut Grips, way: Way, bytes: usize, begin: Instant) -> Vec<(usize, Duration)> {
        let mut now = begin;
        let mut left = bytes;
        let mut pieces = Vec::new();
        while left > 0 {
            let head = Head {
                number: 0,
                arrived: begin,
                load: Load::Bytes(Bytes::from(vec![0; left])),
            };
            match grips.step(way, &head, None, now) {
                Step::Wait(due) => {
                    assert!(due > now, "it waits for something to come");
                    now = due;
                }
                Step::Pass(piece) => {
                    grips.passed(way, &head, piece, now).expect("nothing cuts");
                    left -= piece;
                    pieces.push((piece, now - begin));
                }
                step => panic!("{step:?}"),
            }
        }
        pieces
    }

    fn end(arrived: Instant) -> Head {
        Head {
            number: 1,
            arrived,
            load: Load::End(Tail::Fin),
        }
    }

    fn armed(arms: &Arc<Arms>, toxic: Toxic, side: Side) -> Armed {
        Armed::new(arms, toxic, side, 1.0, 7)
    }

    #[test]
    fn with_nothing_armed_all_passes_at_once() {
        let arms = Arc::new(Arms::default());
        let mut grips = Grips::new(arms.watch(0));
        grips.refresh().expect("nothing strikes");
        let pieces = passed(&mut grips, Way::Up, 100_000, Instant::now());
        assert_eq!(pieces, [(100_000, Duration::ZERO)]);
    }

    #[test]
    fn the_longest_delay_and_the_smallest_piece_rule() {
        let arms = Arc::new(Arms::default());
        let ms = Duration::from_millis;
        let latency = |delay| Toxic::Latency {
            delay,
            jitter: Duration::ZERO,
        };
        let slice = Toxic::Slice { bytes: 4, delay: ms(2) };
        let all = [
            armed(&arms, latency(ms(50)), Side::Both),
            armed(&arms, latency(ms(20)), Side::Both),
            armed(&arms, slice, Side::Both),
        ];
        let mut grips = Grips::new(arms.watch(0));
        grips.refresh().expect("nothing strikes");
        let pieces = passed(&mut grips, Way::Down, 10, Instant::now());
        assert_eq!(pieces, [(4, ms(50)), (4, ms(52)), (2, ms(54))]);
        assert!(all.iter().all(|armed| armed.touched() == 1), "each has held it back");
    }

    #[test]
    fn a_side_leaves_the_other_alone() {
        let arms = Arc::new(Arms::default());
        let hole = armed(&arms, Toxic::BlackHole, Side::Up);
        let mut grips = Grips::new(arms.watch(0));
        grips.refresh().expect("nothing strikes");
        let now = Instant::now();
        assert_eq!(passed(&mut grips, Way::Down, 5, now), [(5, Duration::ZERO)]);
        assert_eq!(hole.touched(), 0, "nothing has vanished yet");
        assert_eq!(grips.step(Way::Up, &end(now), None, now), Step::Vanish);
        assert_eq!(hole.touched(), 1);
    }

    #[test]
    fn a_connection_counts_once_however_often_it_is_held_back() {
        let arms = Arc::new(Arms::default());
        let narrow = armed(&arms, Toxic::Bandwidth { bytes_per_s: 1_000 }, Side::Both);
        let mut grips = Grips::new(arms.watch(0));
        grips.refresh().expect("nothing strikes");
        let pieces = passed(&mut grips, Way::Up, 1_000, Instant::now());
        assert_eq!(pieces.last().map(|(_, at)| *at), Some(Duration::from_secs(1)));
        assert_eq!(narrow.touched(), 1);
    }

    #[test]
    fn only_latency_makes_room() {
        let arms = Arc::new(Arms::default());
        let mut grips = Grips::new(arms.watch(0));
        let narrow = armed(&arms, Toxic::Bandwidth { bytes_per_s: 1_000 }, Side::Both);
        grips.refresh().expect("nothing strikes");
        assert_eq!(grips.room(Way::Up), ROOM);
        let slow = Toxic::Latency {
            delay: Duration::from_millis(50),
            jitter: Duration::ZERO,
        };
        let slow = armed(&arms, slow, Side::Up);
        grips.refresh().expect("nothing strikes");
        assert!(grips.room(Way::Up) > ROOM);
        assert_eq!(grips.room(Way::Down), ROOM);
        drop((narrow, slow));
    }
}
