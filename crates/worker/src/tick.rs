//! How long a loop waits at most before it shows that it is alive.

use std::time::Duration;

/// One turn of a loop that has nothing to do.
pub(crate) const TICK: Duration = Duration::from_secs(1);
/// How often due rows are looked for without a notice.
pub(crate) const POLL: Duration = Duration::from_millis(250);
