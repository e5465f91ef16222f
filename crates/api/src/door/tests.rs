//! What the door lets in, and what it refuses.

use bytes::Bytes;
use eventflow_core::{EventKey, Fingerprint, Payload, Timestamp};
use http::{HeaderMap, HeaderName, HeaderValue};

use super::body::Held;
use super::*;
use crate::correlation::Correlation;
use crate::problem::{Refusal, Slug};
use crate::settings::Settings;

fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
    pairs
        .iter()
        .map(|(name, value)| {
            let value = HeaderValue::from_bytes(value.as_bytes()).expect("a header value");
            (HeaderName::from_static(name), value)
        })
        .collect()
}

fn parse(pairs: &[(&'static str, &str)], body: &str) -> Result<Parsed, Refusal> {
    let headers = headers(pairs);
    let format = Format::of(&headers)?;
    let door = Door {
        settings: &Settings::default(),
        headers: &headers,
        correlation: &Correlation::of(&headers),
        received_at: Timestamp::from_micros(7),
    };
    door.parse(format, &Held::of(Bytes::copy_from_slice(body.as_bytes())))
}

fn one(pairs: &[(&'static str, &str)], body: &str) -> Item {
    match parse(pairs, body)? {
        Parsed::One(item) => item,
        Parsed::Batch(_) => panic!("a batch"),
    }
}

const JSON: (&str, &str) = ("content-type", "application/json");

#[test]
fn a_payload_is_kept_byte_for_byte() {
    let event = one(
        &[JSON],
        r#"{"data": { "big" : 18446744073709551616,"é":"\u00e9" } ,"type":"t","id":"a"}"#,
    )
    .expect("an event");
    let raw = r#"{ "big" : 18446744073709551616,"é":"\u00e9" }"#;
    assert_eq!(event.data, Payload::Json(Bytes::from_static(raw.as_bytes())));
    assert_eq!(event.fingerprint, Fingerprint::of("t", raw.as_bytes()));
    assert_eq!(event.key, EventKey::of("/", "a"));
    assert_eq!((event.source.as_str(), event.id_given), ("/", true));
    assert_eq!(
        (event.time, event.received_at),
        (Timestamp::from_micros(7), Timestamp::from_micros(7))
    );
}

#[test]
fn what_is_null_or_absent_is_unset() {
    let event = one(
        &[JSON],
        r#"{"type":"t","data":null,"subject":null,"id":null,"color":null,"data_base64":null}"#,
    );
    let event = event.expect("an event");
    assert_eq!(event.data, Payload::Empty);
    assert_eq!((event.subject.as_ref(), event.extensions.as_ref()), (None, None));
    assert!(!event.id_given);
    assert_eq!(event.id.len(), 36);
}

#[test]
fn further_attributes_are_extensions() {
    let body =
        r#"{"specversion":"1.0","type":"t","datacontenttype":"application/json","color":"r\u00e9d","n":1e2,"ok":true}"#;
    let event = one(&[("content-type", "application/cloudevents+json; charset=UTF-8")], body).expect("an event");
    let expected = r#"{"datacontenttype":"application/json","color":"r\u00e9d","n":1e2,"ok":true}"#;
    assert_eq!(event.extensions.as_deref(), Some(expected));
    for bad in [
        r#"{"type":"t","Color":1}"#,
        r#"{"type":"t","my_color":1}"#,
        r#"{"type":"t","c":[1]}"#,
        r#"{"type":"t","":1}"#,
    ] {
        assert_eq!(
            one(&[JSON], bad).err().map(|r| r.slug),
            Some(Slug::InvalidAttribute),
            "{bad}"
        );
    }
}

#[test]
fn bytes_come_in_base64() {
    let event = one(&[JSON], r#"{"type":"t","data_base64":"AP\/+"}"#).expect("an event");
    assert_eq!(event.data, Payload::Binary(Bytes::from_static(&[0, 255, 254])));
    for bad in [
        r#""data_base64":"A""#,
        r#""data_base64":"AAA""#,
        r#""data_base64":"AAAA","data":1"#,
    ] {
        let refusal = one(&[JSON], &format!(r#"{{"type":"t",{bad}}}"#)).err();
        assert_eq!(refusal.map(|r| r.slug), Some(Slug::InvalidData), "{bad}");
    }
}

#[test]
fn the_correlation_is_the_events_own_first() {
    const TRACE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let id = |pairs: &[(&'static str, &str)], body: &str| one(pairs, body).expect("an event").correlation_id.clone();
    let header = ("x-correlation-id", "header");
    assert_eq!(id(&[JSON, header], r#"{"type":"t","correlation_id":"own"}"#), "own");
    assert_eq!(
        id(&[JSON, header], r#"{"type":"t","correlation_id":"not visible"}"#),
        "header"
    );
    assert_eq!(id(&[JSON, header], r#"{"type":"t","correlation_id":7}"#), "header");
    let own_trace = format!(r#"{{"type":"t","traceparent":"{TRACE}"}}"#);
    assert_eq!(id(&[JSON, header], &own_trace), "header");
    assert_eq!(id(&[JSON], &own_trace), "4bf92f3577b34da6a3ce929d0e0e4736");
    let event = one(&[JSON, ("traceparent", TRACE)], r#"{"type":"t","traceparent":"bad"}"#).expect("an event");
    assert_eq!(event.traceparent.as_deref(), Some(TRACE));
}

#[test]
fn binary_mode_decodes_its_headers_once() {
    let pairs = [
        ("ce-specversion", "1.0"),
        ("ce-type", "order.created"),
        ("ce-source", "\"caf%C3%A9 \\\"x\\\"\""),
        ("ce-id", "a%2520b"),
        ("ce-color", "r\"ed"),
        ("content-type", "application/json"),
    ];
    let event = one(&pairs, " {\"a\": 1} ").expect("an event");
    assert_eq!(event.source, "café \"x\"");
    assert_eq!(event.id, "a%20b");
    assert_eq!(event.data, Payload::Json(Bytes::from_static(b"{\"a\": 1}")));
    assert_eq!(
        event.extensions.as_deref(),
        Some(r#"{"color":"r\"ed","datacontenttype":"application/json"}"#)
    );
    let plain = [
        ("ce-specversion", "1.0"),
        ("ce-type", "t"),
        ("content-type", "image/png"),
    ];
    assert_eq!(
        one(&plain, "\u{1}").expect("an event").data,
        Payload::Binary(Bytes::from_static(b"\x01"))
    );
    assert_eq!(one(&plain, "").expect("an event").data, Payload::Empty);
}

#[test]
fn binary_mode_refuses_what_is_no_text() {
    for bad in ["%C0%80", "%ED%A0%80", "%00", "%G0", "%C3", "\"open", "a\u{e9}"] {
        let pairs = [("ce-specversion", "1.0"), ("ce-type", "t"), ("ce-subject", bad)];
        assert_eq!(
            one(&pairs, "").err().map(|r| r.slug),
            Some(Slug::InvalidAttribute),
            "{bad}"
        );
    }
    let twice = [("ce-specversion", "1.0"), ("ce-type", "t"), ("ce-color", "a")];
    let mut headers = headers(&twice);
    headers.append("ce-color", HeaderValue::from_static("b"));
    let door = Door {
        settings: &Settings::default(),
        headers: &headers,
        correlation: &Correlation::of(&headers),
        received_at: Timestamp::default(),
    };
    let parsed = door
        .parse(Format::Binary { json: true }, &Held::of(Bytes::new()))
        .expect("a request");
    assert!(matches!(parsed, Parsed::One(Err(refusal)) if refusal.slug == Slug::InvalidAttribute));
}

#[test]
fn what_two_readers_may_read_differently_is_refused() {
    let mut twice = headers(&[JSON]);
    twice.append("content-type", HeaderValue::from_static("text/plain"));
    let refusal = Format::of(&twice).err();
    assert_eq!(refusal.map(|r| r.slug), Some(Slug::UnsupportedMediaType));

    let coded = |coding| Format::of(&headers(&[JSON, ("transfer-encoding", coding)])).map_err(|r| r.slug);
    assert_eq!(coded("chunked"), Ok(Format::Json));
    assert_eq!(coded("gzip, chunked"), Err(Slug::UnsupportedEncoding));
}

#[test]
fn a_charset_matters_where_the_body_is_read() {
    let format = |content_type: &str| {
        let binary = [("ce-specversion", "1.0"), ("content-type", content_type)];
        Format::of(&headers(&binary)).map_err(|r| r.slug)
    };
    assert_eq!(format("text/plain; charset=utf-16"), Ok(Format::Binary { json: false }));
    assert_eq!(
        format("application/json; charset=utf-8"),
        Ok(Format::Binary { json: true })
    );
    for read in ["application/json", "application/x+json", "application/cloudevents+json"] {
        let refused = format(&format!("{read}; charset=utf-16"));
        assert_eq!(refused, Err(Slug::UnsupportedMediaType), "{read}");
    }
}
