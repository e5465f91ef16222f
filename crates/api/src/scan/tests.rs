//! The scan against the grammar, our own rules, and `serde_json`.

use proptest::prelude::*;
use serde_json::Value;
use serde_json::value::RawValue;

use super::*;

fn scan(text: &str) -> Result<Vec<RawEvent<'_>>, Malformed> {
    let mut scanner = Scanner::new(text);
    let mut events = Vec::new();
    while let Some(event) = scanner.event()? {
        events.push(event);
    }
    Ok(events)
}

fn fault(text: &str) -> Option<Slug> {
    let events = scan(text).expect("JSON");
    events[0].fault.map(|(slug, _)| slug)
}

#[test]
fn members_are_found_where_they_stand() {
    let text = r#" {"type" : "a\"b" ,"d\u0061ta":{"x":[1,2,{}]} , "n":-1.5e3}  "#;
    let events = scan(text).expect("JSON");
    let found: Vec<_> = events[0]
        .members
        .iter()
        .map(|(name, range)| (name.as_ref(), &text[range.clone()]))
        .collect();
    assert_eq!(
        found,
        [("type", r#""a\"b""#), ("data", r#"{"x":[1,2,{}]}"#), ("n", "-1.5e3")]
    );
}

#[test]
fn a_batch_goes_on_behind_a_bad_event() {
    let events = scan(r#"[{"a":1},{"a":1,"a":2},7,{"b":"\u0000"},{"b":2}]"#).expect("JSON");
    let faults: Vec<_> = events.iter().map(|event| event.fault.map(|(slug, _)| slug)).collect();
    assert_eq!(
        faults,
        [
            None,
            Some(Slug::DuplicateKey),
            Some(Slug::InvalidEvent),
            Some(Slug::UnstorableText),
            None
        ]
    );
}

#[test]
fn depth_counts_the_event_itself() {
    let nested = |depth: usize| format!(r#"{{"data":{}{}}}"#, "[".repeat(depth - 1), "]".repeat(depth - 1));
    assert_eq!(fault(&nested(64)), None);
    assert_eq!(fault(&nested(65)), Some(Slug::TooDeep));
    assert_eq!(fault(&nested(100_000)), Some(Slug::TooDeep));
}

#[test]
fn members_are_counted_over_the_whole_event() {
    let wide = |count: usize| {
        let members: Vec<String> = (0..count).map(|i| format!("\"k{i}\":0")).collect();
        format!(r#"{{"data":{{{}}}}}"#, members.join(","))
    };
    assert_eq!(fault(&wide(9_999)), None);
    assert_eq!(fault(&wide(10_000)), Some(Slug::TooComplex));
}

#[test]
fn names_are_compared_as_what_they_stand_for() {
    assert_eq!(fault(r#"{"data":{"a":1,"\u0061":2}}"#), Some(Slug::DuplicateKey));
    assert_eq!(fault(r#"{"data":[{"a":1},{"a":2}],"a":{"a":{"a":1}}}"#), None);
    let many: Vec<String> = (0..40).map(|i| format!("\"k{}\":0", i % 39)).collect();
    assert_eq!(
        fault(&format!(r#"{{"data":{{{}}}}}"#, many.join(","))),
        Some(Slug::DuplicateKey)
    );
}

#[test]
fn surrogates_come_in_pairs() {
    for lone in [
        r"\ud800",
        r"\udc00",
        r"\ud83dx",
        r"\ud83d\ud83d",
        r"\ud83d\n",
        r"\ude00\ud83d",
    ] {
        assert_eq!(
            fault(&format!(r#"{{"a":"{lone}"}}"#)),
            Some(Slug::UnstorableText),
            "{lone}"
        );
        assert_eq!(
            fault(&format!(r#"{{"{lone}":1}}"#)),
            Some(Slug::UnstorableText),
            "{lone}"
        );
    }
    assert_eq!(fault(r#"{"a":"\ud83d\ude00"}"#), None);
    assert_eq!(decode(r"\ud83d\ude00\u00e9\/\t"), "😀é/\t");
}

#[test]
fn numbers_are_those_that_a_float_can_hold() {
    let long = "9".repeat(400);
    let tiny = format!("0.{}1", "0".repeat(400));
    for bad in [
        "1e400",
        "-1e400",
        "1e131071",
        "1e-20000",
        "1e99999999999999999999",
        &long,
        &tiny,
    ] {
        assert_eq!(
            fault(&format!(r#"{{"a":{bad}}}"#)),
            Some(Slug::NumberOutOfRange),
            "{bad}"
        );
    }
    let zeros = format!("0.{}", "0".repeat(400));
    for good in ["0e400", "-0", "1e308", "5e-324", "18446744073709551616", "0.0", &zeros] {
        assert_eq!(fault(&format!(r#"{{"a":{good}}}"#)), None, "{good}");
    }
}

/// JSON values with names and texts that need escapes.
fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (-1e300..1e300f64).prop_map(Value::from),
        "[a-z\"\\\\/\n\t\u{1}é😀]{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 40, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::btree_map("[a-z\"\\\\\né]{0,4}", inner, 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// Pieces of JSON in any order: mostly no JSON, and never far from it.
fn nearly_json() -> impl Strategy<Value = String> {
    let pieces = [
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "\"a\"",
        "\"b\"",
        "\"type\":",
        "\"\\u0000\"",
        "\"\\ud83d\\ude00\"",
        "\"\\uD8",
        "\"\\x\"",
        "\"",
        "1",
        "-0",
        "01",
        "1.",
        ".5",
        "1e5",
        "1E+",
        "-",
        "true",
        "nul",
        "null",
        " ",
        "\n",
        "\u{1}",
        "é",
        "{\"a\":1}",
        "[]",
    ];
    prop::collection::vec(prop::sample::select(pieces.to_vec()), 0..14).prop_map(|parts| parts.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_json_is_read_and_cut_at_its_members(members in prop::collection::btree_map("[a-z\"\\\\é]{1,4}", json(), 0..8), pretty: bool) {
        let value = Value::Object(members.into_iter().collect());
        let text = if pretty { serde_json::to_string_pretty(&value) } else { serde_json::to_string(&value) }.expect("a text");
        let events = scan(&text).expect("JSON");
        prop_assert_eq!(events.len(), 1);
        prop_assert_eq!(events[0].fault, None);
        let read: serde_json::Map<String, Value> = events[0].members.iter()
            .map(|(name, range)| (name.to_string(), serde_json::from_str(&text[range.clone()]).expect("a value")))
            .collect();
        prop_assert_eq!(Value::Object(read), serde_json::from_str::<Value>(&text).expect("JSON"));
    }

    #[test]
    fn the_scan_takes_what_a_json_parser_takes(text in nearly_json()) {
        let takes = serde_json::from_str::<&RawValue>(&text).is_ok();
        prop_assert_eq!(scan(&text).is_ok(), takes, "{}", text);
        prop_assert_eq!(Scanner::payload(&text).is_ok(), takes, "{}", text);
    }

    #[test]
    fn a_cut_document_is_refused(value in json(), at in any::<prop::sample::Index>()) {
        let text = serde_json::json!({ "data": value }).to_string();
        let cut = (0..at.index(text.len())).rev().find(|i| text.is_char_boundary(*i)).unwrap_or(0);
        prop_assert_eq!(scan(&text[..cut]).err(), Some(Malformed));
    }
}
