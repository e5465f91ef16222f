//! Requests and replies as one sees them without knowing the protocol: bytes to the server ask, and the first bytes that
//! come back after them answer.

use super::way::Way;

/// How a connection's conversation stands.
#[derive(Debug, Default)]
pub(super) struct Exchange {
    asked: bool,
    requests: u64,
}

impl Exchange {
    /// Which request, counted from 1, the next bytes of this direction are the first answer to, if they are one.
    pub(super) fn answers(&self, way: Way) -> Option<u64> {
        (self.asked && way == Way::Down).then_some(self.requests)
    }

    /// Bytes have gone on.
    pub(super) const fn passed(&mut self, way: Way) {
        match way {
            Way::Up if self.asked => {}
            Way::Up => {
                self.asked = true;
                self.requests += 1;
            }
            Way::Down => self.asked = false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_bytes_back_are_the_answer_and_later_ones_belong_to_it() {
        let mut exchange = Exchange::default();
        assert_eq!(exchange.answers(Way::Down), None, "nothing was asked");
        exchange.passed(Way::Up);
        exchange.passed(Way::Up);
        assert_eq!(exchange.answers(Way::Up), None);
        assert_eq!(exchange.answers(Way::Down), Some(1));
        exchange.passed(Way::Down);
        assert_eq!(exchange.answers(Way::Down), None, "the rest of the same answer");
        exchange.passed(Way::Up);
        assert_eq!(exchange.answers(Way::Down), Some(2));
    }
}
