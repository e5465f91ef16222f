//! Bodies as good clients send them, and as others do.

use std::convert::Infallible;
use std::io;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{Stream, stream};

/// A slow client sends its body in so many dribbles.
const DRIBBLES: usize = 16;
/// How long a slow client takes for its body, where the deadline of the request leaves it so long.
const SLOW: Duration = Duration::from_secs(2);
/// How long a client that goes away stays after half of its body, so that the other side has that half.
const STAY: Duration = Duration::from_millis(50);

/// The body in dribbles, over two seconds or half the deadline, whichever is shorter.
pub(super) fn dribbled(
    body: &Bytes,
    deadline: Duration,
) -> impl Stream<Item = Result<Bytes, Infallible>> + Send + use<> {
    let pause = SLOW.min(deadline / 2) / u32::try_from(DRIBBLES).unwrap_or(u32::MAX);
    let size = body.len().div_ceil(DRIBBLES).max(1);
    stream::unfold((body.clone(), false), move |(mut rest, waits)| async move {
        if rest.is_empty() {
            return None;
        }
        if waits {
            tokio::time::sleep(pause).await;
        }
        let dribble = rest.split_to(size.min(rest.len()));
        Some((Ok(dribble), (rest, true)))
    })
}

/// Half of the body, and then the client is gone.
pub(super) fn abandoned(body: &Bytes) -> impl Stream<Item = Result<Bytes, io::Error>> + Send + use<> {
    let half = body.slice(..body.len() / 2);
    stream::unfold(Some(half), |half| async move {
        if let Some(half) = half {
            return Some((Ok(half), None));
        }
        tokio::time::sleep(STAY).await;
        Some((Err(io::Error::other("the client went away, as it was to")), None))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::StreamExt as _;
    use tokio::time::Instant;

    #[tokio::test(start_paused = true)]
    async fn a_slow_body_is_whole_and_takes_its_time() {
        let body = Bytes::from(vec![b'x'; 1_000]);
        let began = Instant::now();
        let dribbles: Vec<_> = dribbled(&body, Duration::from_secs(30)).collect().await;
        assert_eq!(dribbles.len(), DRIBBLES);
        assert_eq!(
            dribbles
                .into_iter()
                .map(|d| d.expect("bytes"))
                .collect::<Vec<_>>()
                .concat(),
            body
        );
        assert_eq!(began.elapsed(), SLOW / 16 * 15);
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_body_leaves_time_for_its_answer() {
        let began = Instant::now();
        let body = Bytes::from_static(b"{}");
        let dribbles: Vec<_> = dribbled(&body, Duration::from_secs(1)).collect().await;
        assert_eq!(dribbles.len(), 2);
        assert!(began.elapsed() < Duration::from_millis(500));
    }

    #[tokio::test(start_paused = true)]
    async fn who_goes_away_leaves_half_a_body() {
        let parts: Vec<_> = abandoned(&Bytes::from_static(b"0123456789")).take(2).collect().await;
        assert_eq!(parts[0].as_ref().expect("half"), "01234");
        assert!(parts[1].is_err());
    }
}
