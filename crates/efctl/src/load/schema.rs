//! `efctl load schema`: the JSON Schema of scenarios, made from the types that read them.

use eventflow_load::scenario::json_schema;

use crate::context::Context;
use crate::failure::Failure;

pub(super) const EXAMPLES: &str = "\
Examples:
  efctl load schema > scenario.schema.json
  efctl load schema | jq '.properties | keys'";

pub(super) fn run(context: &mut Context) -> Result<(), Failure> {
    context.out.text(&json_schema())
}
