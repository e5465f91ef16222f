//! The JSON Schema of a scenario, for editors: made of the very types by which a file is read.

use schemars::generate::SchemaSettings;
use serde_json::{Map, Value};

use super::raw::RawScenario;

/// The schema, as the text of `scenarios/schema.json`, but for the line's end.
pub fn json_schema() -> String {
    let generator = SchemaSettings::draft07().into_generator();
    let schema = generator.into_root_schema_for::<RawScenario>();
    let schema = sorted(schema.to_value());
    format!("{schema:#}")
}

/// The same with the names of every object in their order, whatever `serde_json` was built to keep.
fn sorted(value: Value) -> Value {
    match value {
        Value::Array(items) => items.into_iter().map(sorted).collect(),
        Value::Object(fields) => {
            let mut fields: Vec<_> = fields.into_iter().map(|(name, value)| (name, sorted(value))).collect();
            fields.sort_by(|(a, _), (b, _)| a.cmp(b));
            Value::Object(fields.into_iter().collect::<Map<_, _>>())
        }
        other => other,
    }
}
