//! One direction of a connection: reads while it has room, and passes on what may go.

use std::io::ErrorKind;

use bytes::BytesMut;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::time::Instant;

use super::exchange::Exchange;
use super::grip::{Grips, Step};
use super::line::{Line, Load, Tail};
use super::link::End;
use super::way::Way;

/// What is made ready for reads at once.
const READ: usize = 32 * 1024;
/// No read is asked for with less room than this.
const LEAST: usize = 8 * 1024;

/// How far a direction has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// More may come.
    Open,
    /// Nothing more comes from the source, and its end stands in the line.
    Ended,
    /// Its end has been passed on, or has vanished.
    Over,
    /// The destination is gone, and what came could not be passed on.
    Torn,
}

/// One direction.
#[derive(Debug)]
pub(super) struct Flow {
    way: Way,
    line: Line,
    buffer: BytesMut,
    /// Bytes that may be on the way at once.
    room: usize,
    state: State,
    /// Something has vanished: the stream has a hole.
    lost: bool,
    /// The destination takes no more at this moment.
    blocked: bool,
    /// When the oldest of the line may go on.
    due: Option<Instant>,
}

impl Flow {
    pub(super) fn new(way: Way) -> Self {
        Self {
            way,
            line: Line::default(),
            buffer: BytesMut::new(),
            room: 0,
            state: State::Open,
            lost: false,
            blocked: false,
            due: None,
        }
    }

    /// Whether there is room for more of the source.
    pub(super) const fn is_hungry(&self) -> bool {
        matches!(self.state, State::Open) && !self.blocked && self.line.held() < self.room
    }

    /// Whether it only waits for the destination to take more.
    pub(super) const fn is_blocked(&self) -> bool {
        self.blocked
    }

    /// Whether nothing is left to do.
    pub(super) const fn is_over(&self) -> bool {
        matches!(self.state, State::Over | State::Torn)
    }

    /// Whether its destination was gone when something was to be passed on.
    pub(super) const fn is_torn(&self) -> bool {
        matches!(self.state, State::Torn)
    }

    /// When the oldest may go on, where that is in the future.
    pub(super) const fn due(&self) -> Option<Instant> {
        self.due
    }

    /// Whether it has lost bytes, and goes on losing no more: it can only be reset.
    pub(super) fn is_broken(&self, grips: &Grips) -> bool {
        self.lost && !grips.swallows(self.way)
    }

    /// Reads once, where there is room. `torn`: the source did not take what was for it, so that its end is a reset.
    pub(super) fn take_in(&mut self, source: &TcpStream, torn: bool, grips: &Grips, now: Instant) {
        self.room = grips.room(self.way);
        // What the destination could not take a moment ago is tried again before more is read.
        if !self.is_hungry() {
            return;
        }
        if self.buffer.capacity() < LEAST {
            self.buffer.reserve(READ);
        }
        match source.try_read_buf(&mut self.buffer) {
            Ok(0) => self.end(if torn { Tail::Reset } else { Tail::Fin }, now),
            Ok(_) => self.line.push(Load::Bytes(self.buffer.split().freeze()), now),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(_) => self.end(Tail::Reset, now),
        }
    }

    fn end(&mut self, tail: Tail, now: Instant) {
        self.state = State::Ended;
        self.line.push(Load::End(tail), now);
    }

    /// Passes on what may go at this moment.
    ///
    /// # Errors
    /// The end of the connection, where it ends by what passes.
    pub(super) async fn let_out(
        &mut self,
        destination: &mut TcpStream,
        grips: &mut Grips,
        exchange: &mut Exchange,
        now: Instant,
    ) -> Result<(), End> {
        self.blocked = false;
        self.due = None;
        while let Some(head) = self.line.head() {
            match grips.step(self.way, head, exchange.answers(self.way), now) {
                Step::Break(end) => return Err(end),
                Step::Wait(due) => {
                    self.due = Some(due);
                    return Ok(());
                }
                Step::Vanish => {
                    self.lost = true;
                    self.finish();
                }
                Step::Pass(bytes) => match &head.load {
                    Load::End(Tail::Reset) => return Err(End::Reset(self.way.side())),
                    Load::End(Tail::Fin) => {
                        // It fails only where the destination is gone, which the other direction reads.
                        let _ = destination.shutdown().await;
                        self.finish();
                    }
                    Load::Bytes(load) => match destination.try_write(&load[..bytes]) {
                        Ok(written) => {
                            exchange.passed(self.way);
                            grips.passed(self.way, head, written, now)?;
                            self.line.advance(written);
                        }
                        Err(error) if error.kind() == ErrorKind::WouldBlock => {
                            self.blocked = true;
                            return Ok(());
                        }
                        Err(_) => self.tear(),
                    },
                },
            }
        }
        Ok(())
    }

    /// All that stood in the line is done with, also the end if there was one.
    fn finish(&mut self) {
        self.line.clear();
        if self.state == State::Ended {
            self.state = State::Over;
        }
    }

    /// The destination is gone. The other direction still delivers what it had sent, and then ends the connection.
    fn tear(&mut self) {
        self.line.clear();
        self.state = State::Torn;
    }
}
