//! Faults of the network, made by the proxies of a route.

use super::{Field, Struck, Undo, Undone};
use crate::proxy::Armed;
use crate::scenario::{Route, Side, Toxic};

/// Arms it on every proxy of the route. What it touched is known at its end.
#[expect(clippy::unused_async, reason = "it looks as every fault does")]
pub(super) async fn strike(
    field: &Field,
    toxic: &Toxic,
    route: Route,
    side: Side,
    share: f64,
) -> Result<Struck, String> {
    let proxies = field.running.proxies.get(&route).filter(|proxies| !proxies.is_empty());
    let proxies = proxies.ok_or_else(|| format!("the target has no route `{}`", route.as_str()))?;
    let armed: Vec<Armed> = proxies
        .iter()
        .map(|proxy| proxy.arm(toxic.clone(), side, share, field.seed))
        .collect();
    let undo = Undo::new(async move {
        let mut touched = 0;
        for armed in armed {
            touched += armed.disarm().await;
        }
        Ok(Undone::touching(touched))
    });
    Ok(Struck::until(0, undo))
}
