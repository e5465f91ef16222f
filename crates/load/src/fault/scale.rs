//! More processes, or fewer.

use super::{Field, Struck, Undo, Undone};
use crate::scenario::Role;

/// Has so many of a role, and as many as before at the fault's end, where it has one.
pub(super) async fn processes(field: &Field, role: Role, wanted: usize) -> Result<Struck, String> {
    let stack = field.stack()?;
    let before = stack.members(role).len();
    let touched = stack.scale(role, wanted).await?;
    let mut struck = Struck::over(touched);
    if role == Role::Api && wanted > before {
        struck = struck.saying("clients keep to the APIs that were there at the start");
    }
    if field.lasts.is_some() {
        let field = field.clone();
        struck.undo = Some(Undo::new(async move {
            field.stack()?.scale(role, before).await?;
            Ok(Undone::default())
        }));
    }
    Ok(struck)
}
