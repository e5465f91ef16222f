//! Makes an event of an entry, or says why that cannot be. Entries are outside input: anybody with access to Redis can
//! write one, and what no store could keep must not get past here as an event.

use std::str::FromStr;
use std::sync::Arc;

use bytes::Bytes;
use eventflow_core::{EntryBody, Event, EventKey, Fingerprint, Payload, Timestamp};

use crate::encode::{VERSION, field};

/// 2200-01-01T00:00:00Z in microseconds: where the times end that an event can bear.
const END_OF_TIME: i64 = 7_258_118_400_000_000;
/// More fields than any entry has.
const MOST_FIELDS: usize = 64;
/// The longest correlation id, in bytes.
const LONGEST_CORRELATION: usize = 128;

/// The fields of an entry, in order.
pub(crate) type Fields = Vec<(Vec<u8>, Bytes)>;

enum Defect {
    Newer(u32),
    Broken(String),
}

fn broken(why: impl Into<String>) -> Defect {
    Defect::Broken(why.into())
}

/// What stands in an entry with these fields.
pub(crate) fn body(fields: &Fields) -> EntryBody {
    match event(fields) {
        Ok(event) => EntryBody::Event(Arc::new(event)),
        Err(Defect::Newer(version)) => EntryBody::Newer { version },
        Err(Defect::Broken(why)) => EntryBody::Unreadable {
            key: key(fields).ok(),
            bytes: canonical(fields),
            why,
        },
    }
}

/// All fields as netstrings, name and value in turn: readable, and apart whatever they contain.
fn canonical(fields: &Fields) -> Bytes {
    let mut out = Vec::new();
    for part in fields.iter().flat_map(|(name, value)| [name.as_slice(), value]) {
        out.extend_from_slice(part.len().to_string().as_bytes());
        out.push(b':');
        out.extend_from_slice(part);
        out.push(b',');
    }
    out.into()
}

fn event(fields: &Fields) -> Result<Event, Defect> {
    check_version(fields)?;
    check_names(fields)?;
    let source = storable(field::SOURCE, text(fields, field::SOURCE)?)?;
    let id = not_empty(field::ID, storable(field::ID, text(fields, field::ID)?)?)?;
    let event_type = not_empty(field::TYPE, storable(field::TYPE, text(fields, field::TYPE)?)?)?;
    let key = key(fields)?;
    if key != EventKey::of(&source, &id) {
        return Err(broken("`key` is not the key of `source` and `id`"));
    }
    let data = data(fields)?;
    let fingerprint = Fingerprint::of(&event_type, data.bytes());
    let received_at = time(fields, field::RECEIVED)?;
    Ok(Event {
        key,
        source,
        id,
        id_given: flag(fields, field::GIVEN)?,
        event_type,
        subject: optional(fields, field::SUBJECT)?,
        time: find(fields, field::TIME).map_or(Ok(received_at), |_| time(fields, field::TIME))?,
        received_at,
        correlation_id: correlation_id(fields)?,
        traceparent: optional(fields, field::TRACEPARENT)?,
        extensions: extensions(fields)?,
        fingerprint,
        data,
    })
}

fn check_version(fields: &Fields) -> Result<(), Defect> {
    let version = parsed::<u32>(fields, field::VERSION)?;
    match version {
        VERSION => Ok(()),
        0 => Err(broken("there is no version 0")),
        newer => Err(Defect::Newer(newer)),
    }
}

fn check_names(fields: &Fields) -> Result<(), Defect> {
    const KNOWN: [&str; 14] = [
        field::VERSION,
        field::KEY,
        field::SOURCE,
        field::ID,
        field::GIVEN,
        field::TYPE,
        field::TIME,
        field::RECEIVED,
        field::CORRELATION,
        field::SUBJECT,
        field::TRACEPARENT,
        field::EXTENSIONS,
        field::BINARY,
        field::DATA,
    ];
    if fields.len() > MOST_FIELDS {
        return Err(broken("there are too many fields"));
    }
    for (i, (name, _)) in fields.iter().enumerate() {
        if !KNOWN.iter().any(|known| known.as_bytes() == name.as_slice()) {
            return Err(broken("there is a field that this version does not have"));
        }
        if fields[..i].iter().any(|(earlier, _)| earlier == name) {
            return Err(broken(format!(
                "`{}` stands there twice",
                String::from_utf8_lossy(name)
            )));
        }
    }
    Ok(())
}

fn find<'a>(fields: &'a Fields, name: &str) -> Option<&'a Bytes> {
    let (_, value) = fields.iter().find(|(known, _)| known == name.as_bytes())?;
    Some(value)
}

fn missing(name: &str) -> Defect {
    broken(format!("`{name}` is missing"))
}

fn required<'a>(fields: &'a Fields, name: &str) -> Result<&'a Bytes, Defect> {
    find(fields, name).ok_or_else(|| missing(name))
}

fn utf8<'a>(name: &str, value: &'a Bytes) -> Result<&'a str, Defect> {
    std::str::from_utf8(value).map_err(|_| broken(format!("`{name}` is not UTF-8")))
}

fn text(fields: &Fields, name: &str) -> Result<String, Defect> {
    Ok(utf8(name, required(fields, name)?)?.to_owned())
}

fn parsed<T: FromStr>(fields: &Fields, name: &str) -> Result<T, Defect> {
    let text = utf8(name, required(fields, name)?)?;
    text.parse()
        .map_err(|_| broken(format!("`{name}` is not what belongs there")))
}

fn key(fields: &Fields) -> Result<EventKey, Defect> {
    parsed(fields, field::KEY)
}

fn optional(fields: &Fields, name: &str) -> Result<Option<String>, Defect> {
    match find(fields, name) {
        None => Ok(None),
        Some(value) => storable(name, utf8(name, value)?.to_owned()).map(Some),
    }
}

/// What all stores keep alike and every terminal may show: no controls, no non-characters.
fn storable(name: &str, value: String) -> Result<String, Defect> {
    let is_bad = |c: char| c.is_control() || matches!(c, '\u{fdd0}'..='\u{fdef}') || u32::from(c) & 0xfffe == 0xfffe;
    if value.chars().any(is_bad) {
        return Err(broken(format!("`{name}` has a character that cannot be stored")));
    }
    Ok(value)
}

fn not_empty(name: &str, value: String) -> Result<String, Defect> {
    if value.is_empty() {
        return Err(broken(format!("`{name}` is empty")));
    }
    Ok(value)
}

fn flag(fields: &Fields, name: &str) -> Result<bool, Defect> {
    match find(fields, name).map(AsRef::as_ref) {
        None | Some(b"0") => Ok(false),
        Some(b"1") => Ok(true),
        Some(_) => Err(broken(format!("`{name}` is neither 0 nor 1"))),
    }
}

fn time(fields: &Fields, name: &str) -> Result<Timestamp, Defect> {
    let micros = parsed::<i64>(fields, name)?;
    if !(0..END_OF_TIME).contains(&micros) {
        return Err(broken(format!("`{name}` lies outside the years 1970 to 2200")));
    }
    Ok(Timestamp::from_micros(micros))
}

fn correlation_id(fields: &Fields) -> Result<String, Defect> {
    let id = text(fields, field::CORRELATION)?;
    if id.len() > LONGEST_CORRELATION || !id.bytes().all(|b| b == b' ' || b.is_ascii_graphic()) {
        return Err(broken("`correlation` is not at most 128 printable ASCII characters"));
    }
    Ok(id)
}

fn extensions(fields: &Fields) -> Result<Option<String>, Defect> {
    let Some(value) = find(fields, field::EXTENSIONS) else {
        return Ok(None);
    };
    Ok(Some(json_text(field::EXTENSIONS, value)?.to_owned()))
}

fn data(fields: &Fields) -> Result<Payload, Defect> {
    let is_binary = flag(fields, field::BINARY)?;
    match find(fields, field::DATA) {
        None if is_binary => Err(missing(field::DATA)),
        None => Ok(Payload::Empty),
        Some(bytes) if is_binary => Ok(Payload::Binary(bytes.clone())),
        Some(bytes) => {
            json_text(field::DATA, bytes)?;
            Ok(Payload::Json(bytes.clone()))
        }
    }
}

/// The payload is not parsed again. JSON has no raw control characters but white space, and no store takes a NUL.
fn json_text<'a>(name: &str, value: &'a Bytes) -> Result<&'a str, Defect> {
    let text = utf8(name, value)?;
    let is_control = |b: u8| b < 0x20 && !matches!(b, b'\t' | b'\n' | b'\r');
    if text.is_empty() || text.bytes().any(is_control) {
        return Err(broken(format!("`{name}` is not JSON")));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use redis::{Arg, Cmd};

    use super::*;

    fn event(data: Payload) -> Event {
        Event {
            key: EventKey::of("shop", "a-1"),
            source: "shop".into(),
            id: "a-1".into(),
            id_given: true,
            event_type: "order.created".into(),
            subject: Some("é 漢".into()),
            time: Timestamp::from_micros(1),
            received_at: Timestamp::from_micros(2),
            correlation_id: "c-1".into(),
            traceparent: None,
            extensions: Some(r#"{"region":"eu"}"#.into()),
            fingerprint: Fingerprint::of("order.created", data.bytes()),
            data,
        }
    }

    /// The fields that an event is written as.
    fn fields(event: &Event) -> Fields {
        let mut command = Cmd::new();
        crate::encode::write(event, &mut command);
        let arguments: Vec<Vec<u8>> = command
            .args_iter()
            .map(|argument| match argument {
                Arg::Simple(bytes) => bytes.to_vec(),
                _ => Vec::new(),
            })
            .collect();
        assert!(arguments.len() <= crate::encode::ARGUMENTS);
        assert_eq!(arguments[1], (arguments.len() - 2).to_string().into_bytes());
        arguments[2..]
            .chunks(2)
            .map(|pair| (pair[0].clone(), Bytes::from(pair[1].clone())))
            .collect()
    }

    fn with(name: &str, value: &[u8]) -> Fields {
        let mut fields = fields(&event(Payload::Json(Bytes::from_static(b"{}"))));
        fields.retain(|(known, _)| known != name.as_bytes());
        fields.push((name.into(), Bytes::copy_from_slice(value)));
        fields
    }

    fn why(fields: &Fields) -> String {
        match body(fields) {
            EntryBody::Unreadable { why, .. } => why,
            other => panic!("not unreadable: {other:?}"),
        }
    }

    #[test]
    fn what_is_written_is_read_back() {
        let mut assigned = event(Payload::Json(Bytes::from_static(b" {\"a\" : 1}\n")));
        assigned.id_given = false;
        assigned.time = assigned.received_at;
        assigned.subject = None;
        assigned.extensions = None;
        assigned.traceparent = Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".into());
        for event in [
            assigned,
            event(Payload::Empty),
            event(Payload::Binary(Bytes::from_static(&[0, 255, 10]))),
            event(Payload::Binary(Bytes::new())),
        ] {
            assert_eq!(body(&fields(&event)), EntryBody::Event(Arc::new(event)));
        }
    }

    #[test]
    fn a_newer_version_is_left_to_those_who_know_it_whatever_else_it_says() {
        let mut fields = with("v", b"2");
        fields.push((b"new".to_vec(), Bytes::from_static(b"x")));
        assert_eq!(body(&fields), EntryBody::Newer { version: 2 });
    }

    #[test]
    fn what_no_store_keeps_alike_is_unreadable() {
        for (name, value) in [
            ("v", "0".as_bytes()),
            ("v", b"one"),
            ("source", b"a\0b"),
            ("id", b"a\x1b[31m"),
            ("id", b""),
            ("type", b""),
            ("type", "a\u{85}".as_bytes()),
            ("subject", b"\xff"),
            ("subject", "\u{ffff}".as_bytes()),
            ("given", b"yes"),
            ("time", b"-1"),
            ("time", b"7258118400000000"),
            ("received", b"soon"),
            ("correlation", b"a\tb"),
            ("correlation", "é".as_bytes()),
            ("traceparent", b"a\nb"),
            ("extensions", b"\0"),
            ("key", b"9d4eb02a-cf1e-88c7-9bb1-86cb54b80777"),
            ("key", b"no key"),
            ("data", b"\xff"),
            ("data", b""),
            ("unknown", b"1"),
        ] {
            assert!(!why(&with(name, value)).is_empty(), "{name}");
        }
    }

    #[test]
    fn an_unreadable_entry_keeps_all_its_bytes_and_its_key_if_it_has_one() {
        let fields: Fields = vec![
            (b"a".to_vec(), Bytes::from_static(b"\xff,")),
            (b"key".to_vec(), Bytes::new()),
        ];
        let EntryBody::Unreadable { key, bytes, .. } = body(&fields) else {
            panic!("it cannot be read");
        };
        assert_eq!(key, None);
        assert_eq!(bytes.as_ref(), b"1:a,2:\xff,,3:key,0:,");
        let EntryBody::Unreadable { key, .. } = body(&with("time", b"x")) else {
            panic!("it cannot be read");
        };
        assert_eq!(key, Some(EventKey::of("shop", "a-1")));
    }

    #[test]
    fn a_field_that_stands_there_twice_is_no_event() {
        let mut fields = with("subject", b"s");
        fields.push((b"subject".to_vec(), Bytes::from_static(b"t")));
        assert!(why(&fields).contains("twice"));
        fields.extend((0..100).map(|_| (b"v".to_vec(), Bytes::new())));
        assert!(why(&fields).contains("too many"));
    }
}
