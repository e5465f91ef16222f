//! Schemas of the domain's words for `OpenAPI`, of which they know nothing themselves.

use eventflow_core::{AttemptResult, Durability, EventState, LetterAction, Reason};
use utoipa::openapi::schema::{ArrayBuilder, Schema, SchemaType, Type};
use utoipa::openapi::{KnownFormat, ObjectBuilder, RefOr, SchemaFormat};

/// An event's key.
pub fn key() -> ObjectBuilder {
    text(SchemaFormat::Custom("uuid".into())).description(Some("An event's key, a UUID of version 8"))
}

/// A list of keys.
pub fn keys() -> ArrayBuilder {
    ArrayBuilder::new().items(RefOr::T(Schema::Object(key().build())))
}

/// The keys of one order.
pub fn ordered_keys() -> ArrayBuilder {
    keys().min_items(Some(1)).max_items(Some(1000))
}

/// A moment.
pub fn time() -> ObjectBuilder {
    text(SchemaFormat::KnownFormat(KnownFormat::DateTime)).description(Some("RFC 3339 in UTC, to the microsecond"))
}

/// A UUID that is no key.
pub fn uuid() -> ObjectBuilder {
    text(SchemaFormat::Custom("uuid".into()))
}

/// A handler's pattern.
pub fn pattern() -> ObjectBuilder {
    ObjectBuilder::new()
        .schema_type(SchemaType::new(Type::String))
        .pattern(Some(
            r"^(\*|[^.*\x00-\x1f\x7f-\x9f]+)(\.(\*|[^.*\x00-\x1f\x7f-\x9f]+))*$",
        ))
        .description(Some("A pattern over event types, such as `order.*`"))
}

/// A handler's pattern, or null for none.
pub fn pattern_or_null() -> ObjectBuilder {
    pattern().schema_type(SchemaType::from_iter([Type::String, Type::Null]))
}

/// A list of patterns.
pub fn patterns() -> ArrayBuilder {
    ArrayBuilder::new().items(RefOr::T(Schema::Object(pattern().build())))
}

/// The one version of `CloudEvents`.
pub fn specversion() -> ObjectBuilder {
    names(["1.0"])
}

/// Any JSON value.
pub fn json() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(SchemaType::AnyValue)
}

/// Where an event is in its life.
pub fn state() -> ObjectBuilder {
    names(EventState::ALL.map(EventState::as_str))
}

/// Why an event is dead.
pub fn reason() -> ObjectBuilder {
    names(Reason::ALL.map(Reason::as_str))
}

/// How an attempt ended.
pub fn attempt_result() -> ObjectBuilder {
    names([AttemptResult::Done, AttemptResult::Failed, AttemptResult::Crashed].map(AttemptResult::as_str))
}

/// What is done to dead letters.
pub fn letter_action() -> ObjectBuilder {
    names([LetterAction::Requeue, LetterAction::Discard, LetterAction::Restore].map(LetterAction::as_str))
}

/// Why a dead letter did not change.
pub fn refusal() -> ObjectBuilder {
    names(["unknown", "not-dead", "no-handler", "never-runs"])
}

/// What an acknowledged event survives.
pub fn durability() -> ObjectBuilder {
    names([Durability::Memory, Durability::Process, Durability::Disk].map(Durability::as_str))
}

fn text(format: SchemaFormat) -> ObjectBuilder {
    ObjectBuilder::new()
        .schema_type(SchemaType::new(Type::String))
        .format(Some(format))
}

fn names<const N: usize>(values: [&'static str; N]) -> ObjectBuilder {
    ObjectBuilder::new()
        .schema_type(SchemaType::new(Type::String))
        .enum_values(Some(values))
}
