//! SIGTERM, as an operator or a scheduler ends it.

use std::time::Duration;

use super::{Field, Struck, all};
use crate::scenario::Who;
use crate::target::{Down, USUAL_REST};

/// Ends processes in order, all at once; each is started again so long after its end, by default after the usual second.
pub(super) async fn processes(field: &Field, who: Who, respawn: Option<Duration>) -> Result<Struck, String> {
    let down = Down::For(respawn.unwrap_or(USUAL_REST));
    let members = field.members(who)?;
    let ends = members.iter().map(|member| member.terminate(down));
    Ok(Struck::over(all(ends).await?))
}
