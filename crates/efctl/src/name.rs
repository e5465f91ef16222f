//! How an event is named: by its key, or by its id with its source.

use eventflow_core::{EventKey, sanitize};
use eventflow_wire::{Client, EventView};

use crate::failure::Failure;

/// The source of an event whose producer named none.
const NO_SOURCE: &str = "/";

/// The key of what was typed. A UUID of version 8 is a key, anything else an id; `--id` is an id whatever it looks like.
pub(crate) fn key_of(name: Option<&str>, id: Option<&str>, source: Option<&str>) -> Result<EventKey, Failure> {
    let source_or_none = source.unwrap_or(NO_SOURCE);
    match (name, id) {
        (_, Some(id)) => Ok(EventKey::of(source_or_none, id)),
        (Some(name), None) => match as_key(name) {
            Some(_) if source.is_some() => Err(Failure::Usage(
                "a key names an event alone: leave --source out, or write --id before an id".into(),
            )),
            Some(key) => Ok(key),
            None => Ok(EventKey::of(source_or_none, name)),
        },
        (None, None) => Err(Failure::Usage(
            "which event? Write its key, or its id with --source".into(),
        )),
    }
}

/// The key, where the text is one.
pub(crate) fn as_key(text: &str) -> Option<EventKey> {
    let key: EventKey = text.parse().ok()?;
    (key.uuid().get_version_num() == 8).then_some(key)
}

/// Reads a key from the command line.
pub(crate) fn parse_key(text: &str) -> Result<EventKey, String> {
    as_key(text).ok_or_else(|| "a key looks like 01890a5d-ac96-8f08-888d-d19a20827245".to_owned())
}

/// All about the event of that key.
///
/// # Errors
/// `No` where nobody knows it.
pub(crate) async fn event(client: &Client, key: EventKey, typed: Option<&str>) -> Result<EventView, Failure> {
    match client.event(key).await? {
        Some(view) => Ok(view),
        None => Err(Failure::No(unknown(key, typed))),
    }
}

fn unknown(key: EventKey, typed: Option<&str>) -> String {
    match typed {
        Some(name) if as_key(name).is_some() => {
            format!("no event has the key {key}. If that is an id, write it behind --id")
        }
        Some(name) => format!(
            "no event `{}` of that source (key {key}). Is --source what its producer sends?",
            sanitize(name)
        ),
        None => format!("no event of that id and source (key {key}). Is --source what its producer sends?"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "9d4eb02a-cf1e-88c7-9bb1-86cb54b80777";

    #[test]
    fn a_key_and_an_id_name_the_same_event() {
        let key = key_of(Some(KEY), None, None).expect("a key");
        assert_eq!(key_of(None, Some("a"), None).expect("an id"), key);
        assert_eq!(key_of(Some("a"), None, None).expect("an id"), key);
        assert_eq!(key_of(Some("a"), None, Some("/")).expect("an id"), key);
        assert_ne!(key_of(Some("a"), None, Some("shop")).expect("an id"), key);
    }

    #[test]
    fn a_uuid_v7_is_an_id() {
        let id = "01890a5d-ac96-774b-bcce-b302099a8057";
        assert_eq!(
            key_of(Some(id), None, Some("checkout")).expect("an id").to_string(),
            "01890a5d-ac96-8f08-888d-d19a20827245"
        );
    }

    #[test]
    fn nothing_and_a_key_with_a_source_are_usage_errors() {
        assert_eq!(key_of(None, None, Some("shop")).map_err(|e| e.code()), Err(2));
        assert_eq!(key_of(Some(KEY), None, Some("shop")).map_err(|e| e.code()), Err(2));
    }
}
