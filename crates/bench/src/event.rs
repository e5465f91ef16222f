//! The events that are sent: the order of 316 bytes of which every figure speaks, as requests that are ready to go.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};

use eventflow_core::Timestamp;

/// The order, 316 bytes.
const ORDER: &str = concat!(
    r#"{"type":"order.created","source":"checkout","time":"2026-01-01T00:00:00.000000Z","correlation_id":"c-0123456789","#,
    r#""data":{"order_id":"o-10000001","customer":{"id":"c-4711","country":"DE"},"items":[{"sku":"A-100","quantity":1,"#,
    r#""price":99.95},{"sku":"B-200","quantity":2,"price":15.00}],"total":129.95,"currency":"EUR"}}"#
);
/// What stands before its time.
const TIME: &str = r#""time":""#;
/// What stands before the id of an event that has one.
const ID: &str = r#""id":""#;
/// Digits of an id: as many as a UUID without its hyphens has.
const ID_DIGITS: usize = 32;

/// What becomes of the events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Their type has no handler: they are stored.
    Stored,
    /// Stored, and each bears an id that its producer chose at random.
    RandomId,
    /// The simulated handler takes them and does nothing. Their type is as long as the other's.
    Handled,
    /// The simulated handler waits 10 ms.
    Slow,
}

impl Kind {
    fn body(self) -> String {
        match self {
            Self::Stored => ORDER.to_owned(),
            Self::RandomId => {
                let id = format!(r#""source":"checkout","id":"{}""#, "0".repeat(ID_DIGITS));
                ORDER.replacen(r#""source":"checkout""#, &id, 1)
            }
            Self::Handled => ORDER.replacen("order.created", "efctl.sim.nop", 1),
            Self::Slow => ORDER.replacen("order.created", "efctl.sim.slow", 1).replacen(
                r#""data":{"#,
                r#""data":{"fail":"slow:10ms","#,
                1,
            ),
        }
    }
}

/// A request as it goes over the wire, with the places where times and ids are written into it.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    bytes: Vec<u8>,
    head: usize,
    times: Vec<usize>,
    ids: Vec<usize>,
    /// Events in it.
    pub(crate) events: u64,
}

impl Request {
    /// One event.
    pub(crate) fn single(kind: Kind, to: SocketAddr) -> Self {
        Self::of(&kind.body(), 1, to)
    }

    /// An array of so many.
    pub(crate) fn batch(kind: Kind, events: u32, to: SocketAddr) -> Self {
        Self::of(
            &format!("[{}]", vec![kind.body(); events as usize].join(",")),
            events.into(),
            to,
        )
    }

    fn of(body: &str, events: u64, to: SocketAddr) -> Self {
        let head = format!(
            "POST /events HTTP/1.1\r\nhost: {to}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        let places = |name: &str| {
            body.match_indices(name)
                .map(|(at, _)| head.len() + at + name.len())
                .collect()
        };
        let (times, mut ids): (Vec<usize>, Vec<usize>) = (places(TIME), places(ID));
        // A customer has an `id` too, which is shorter.
        ids.retain(|at| {
            body.as_bytes()[at - head.len()..]
                .iter()
                .take(ID_DIGITS)
                .all(u8::is_ascii_digit)
        });
        Self {
            head: head.len(),
            bytes: (head + body).into_bytes(),
            times,
            ids,
            events,
        }
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// What stands behind the head.
    pub(crate) fn body(&self) -> &[u8] {
        &self.bytes[self.head..]
    }

    /// Writes a time into every event.
    pub(crate) fn set_time(&mut self, time: Timestamp) {
        let text = time.to_string();
        for at in &self.times {
            self.bytes[*at..*at + text.len()].copy_from_slice(text.as_bytes());
        }
    }

    /// Gives every event that bears an id a new one. They do not sort by time.
    pub(crate) fn set_ids(&mut self) {
        for at in &self.ids {
            let id = format!("{:032x}", next_id());
            self.bytes[*at..*at + ID_DIGITS].copy_from_slice(id.as_bytes());
        }
    }
}

/// Bytes of the order, and of the `data` in it.
pub(crate) fn order_bytes() -> (u64, u64) {
    let data = ORDER
        .find(r#""data":"#)
        .map_or(0, |at| ORDER.len() - 1 - (at + r#""data":"#.len()));
    (ORDER.len() as u64, data as u64)
}

/// An id that this process gives once, and no other is likely to give.
fn next_id() -> u128 {
    static TAKEN: AtomicU64 = AtomicU64::new(0);
    /// Odd, so that no two products are the same.
    const SCATTER: u128 = 0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835;
    let number = u128::from(TAKEN.fetch_add(1, Ordering::Relaxed));
    (number << 32 | u128::from(std::process::id())).wrapping_mul(SCATTER)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn to() -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], 80))
    }

    #[test]
    fn the_order_has_the_size_that_figures_speak_of() {
        assert_eq!(order_bytes().0, 316);
        assert_eq!(Kind::Handled.body().len(), 316);
        assert!(order_bytes().1 < 216);
    }

    #[test]
    fn times_and_ids_go_into_every_event() {
        let mut request = Request::batch(Kind::RandomId, 3, to());
        request.set_time(Timestamp::from_micros(1_700_000_000_000_001));
        request.set_ids();
        let text = String::from_utf8(request.bytes().to_vec()).expect("text");
        assert_eq!(text.matches("2023-11-14T22:13:20.000001Z").count(), 3);
        assert!(!text.contains(&"0".repeat(ID_DIGITS)));
        let body = text.split_once("\r\n\r\n").expect("a body").1;
        let events: Vec<serde_json::Value> = serde_json::from_str(body).expect("JSON");
        assert_ne!(events[0]["id"], events[1]["id"]);
        assert!(text.contains(&format!("content-length: {}\r\n", body.len())));
    }

    #[test]
    fn an_event_without_an_id_keeps_its_customer() {
        let mut request = Request::single(Kind::Slow, to());
        let before = request.bytes().to_vec();
        request.set_ids();
        assert_eq!(request.bytes(), before);
    }
}
