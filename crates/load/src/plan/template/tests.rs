//! What a template takes, and what it says of what it does not take.

use serde_json::{Value, json};

use super::*;

fn render(template: &Template, number: u64) -> String {
    let mut out = Vec::new();
    let occasion = Occasion {
        number,
        at: Duration::from_millis(1_500),
    };
    template.render(&mut out, &mut Dice::new(7, "data", number), occasion);
    String::from_utf8(out).expect("text")
}

fn rendered(text: &str) -> Value {
    let template = Template::parse(text).expect("a template");
    serde_json::from_str(&render(&template, 3)).expect("JSON")
}

#[test]
fn every_function_gives_what_it_says() {
    let value = rendered(
        r#"
        {
            "id": "{{uuid}}", "seq": {{seq}}, "customer": "c-{{zipf customers 1.1}}", "again": {{zipf customers 1.1}},
            "few": {{ zipf few 2 3 }}, "int": {{int -5 5}}, "one": {{int 9 9}}, "float": {{float 0.5 1.5}},
            "word": "{{pick red green}}", "number": {{pick 1 2}}, "at": "{{now}}", "hex": "{{hex 17}}"
        }
        "#,
    );
    assert_eq!(
        value["id"]
            .as_str()
            .and_then(|id| id.parse().ok())
            .map(|id: Uuid| id.get_version_num()),
        Some(4)
    );
    assert_eq!(value["seq"], 3);
    let again = value["again"].as_u64().expect("a whole number");
    assert!((1..=10_000).contains(&again));
    assert_eq!(
        value["customer"],
        format!("c-{again}"),
        "the same member throughout one event"
    );
    assert!((1..=3).contains(&value["few"].as_u64().expect("a whole number")));
    assert!((-5..=5).contains(&value["int"].as_i64().expect("a whole number")));
    assert_eq!(value["one"], 9);
    assert!((0.5..1.5).contains(&value["float"].as_f64().expect("a number")));
    assert!(["red", "green"].contains(&value["word"].as_str().expect("a word")));
    assert!([json!(1), json!(2)].contains(&value["number"]));
    assert_eq!(value["at"], "2025-01-01T00:00:01.500000Z");
    assert_eq!(value["hex"].as_str().map(str::len), Some(17));
}

#[test]
fn the_same_event_is_rendered_alike_and_another_is_not() {
    let template = Template::parse(r#"{"a":"{{uuid}}","b":{{int 1 1000000000}}}"#).expect("a template");
    assert_eq!(render(&template, 1), render(&template, 1));
    assert_ne!(render(&template, 1), render(&template, 2));
}

#[test]
fn text_without_functions_stays_byte_for_byte() {
    let template = Template::parse(" {\"a\" : 1,\n \"b\":{\"c\":{}}} \n").expect("a template");
    assert_eq!(render(&template, 1), "{\"a\" : 1,\n \"b\":{\"c\":{}}}");
}

#[test]
fn whole_numbers_reach_both_of_their_ends() {
    let template = Template::parse("{{int 1 3}}").expect("a template");
    let mut seen: Vec<String> = (0..100).map(|number| render(&template, number)).collect();
    seen.sort();
    seen.dedup();
    assert_eq!(seen, ["1", "2", "3"]);
    let all = Template::parse(&format!("{{{{int {} {}}}}}", i64::MIN, i64::MAX)).expect("a template");
    assert!(render(&all, 1).parse::<i64>().is_ok());
}

#[test]
fn strings_of_inline_data_are_templates() {
    let value = json!({
        "text": "n-{{seq}} of {{pick a}}", "number": "{{int 5 5}}", "zipf": " {{ zipf c 1.1 1 }} ", "word": "{{pick a}}",
        "two": "{{seq}}{{seq}}", "plain": "a \"quote\"", "list": [null, true, "{{seq}}", 1.5], "{{pick key}}": {},
    });
    let template = Template::of_json(&value).expect("a template");
    let given: Value = serde_json::from_str(&render(&template, 3)).expect("JSON");
    let wanted = json!({
        "text": "n-3 of a", "number": 5, "zipf": 1, "word": "a", "two": "33", "plain": "a \"quote\"",
        "list": [null, true, 3, 1.5], "key": {},
    });
    assert_eq!(given, wanted);
}

#[test]
fn what_is_wrong_is_said_with_its_place() {
    let cases = [
        (r#"{"a":{{int 1 2}"#, 5, "without its"),
        (r#"{"a":{{itn 1 2}}}"#, 5, "unknown function `itn`; known are uuid"),
        (r#"{"a":{{}}}"#, 5, "a function is missing"),
        (r#"{"a":{{int 1}}}"#, 5, "two whole numbers"),
        (r#"{"a":{{int 1 x}}}"#, 5, "`x` is not a whole number"),
        (r#"{"a":{{int 2 1}}}"#, 5, "2 is above 1"),
        (r#"{"a":{{float 0 inf}}}"#, 5, "`inf` is not a number"),
        (r#"{"a":{{float 1 0}}}"#, 5, "1 is above 0"),
        (r#"{"a":{{seq 1}}}"#, 5, "takes no arguments"),
        (r#"{"a":"{{pick}}"}"#, 6, "takes words"),
        (r#"{"a":"{{pick "x" y}}"}"#, 6, "a quote"),
        (r#"{"a":{{zipf a 0}}}"#, 5, "above 0"),
        (r#"{"a":{{zipf a 1 0}}}"#, 5, "no size"),
        (r#"{"a":{{zipf a}}}"#, 5, "a name, an exponent"),
        (r#"{"a":{{zipf a 1}},"b":{{zipf a 2}}}"#, 22, "in two ways"),
        (r#"{"a":"{{hex 0}}"}"#, 6, "1 to 1048576 digits"),
        (r#"{"a":"{{hex}}"}"#, 6, "the number of digits"),
        // What belongs into a string is no number, even where a draw might look like one.
        (r#"{"a":{{hex 1}}}"#, 5, "not JSON"),
        (r#"{"a":{{uuid}}}"#, 5, "not JSON"),
        (r#"{"a":{{now}}}"#, 5, "not JSON"),
        (r#"{"a":{{pick 1 red}}}"#, 5, "not JSON"),
        ("{\n \"a\": {{seq}},\n}", 18, "not JSON"),
        (r#"{"a": 1"#, 7, "not JSON"),
        ("", 0, "not JSON"),
        ("{} {}", 3, "not JSON"),
        ("{\"ä\":ö}", 6, "not JSON"),
    ];
    for (text, offset, message) in cases {
        let flaw = Template::parse(text).expect_err(text);
        assert!(flaw.message.contains(message), "{text}: {flaw}");
        assert!(flaw.offset.abs_diff(offset) <= 1, "{text}: {flaw:?}");
        assert!(text.is_char_boundary(flaw.offset), "{text}: {flaw:?}");
    }
}
