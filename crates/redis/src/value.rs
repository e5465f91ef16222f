//! Takes answers of Redis apart. What does not look as expected is an error, never a guess.

use redis::Value;

use crate::error::QueueError;

pub(crate) fn array(value: Value) -> Result<Vec<Value>, QueueError> {
    match value {
        Value::Array(items) => Ok(items),
        _ => Err(QueueError::Reply("a list was expected")),
    }
}

pub(crate) fn bytes(value: Value) -> Result<Vec<u8>, QueueError> {
    match value {
        Value::BulkString(bytes) => Ok(bytes),
        Value::SimpleString(text) => Ok(text.into_bytes()),
        _ => Err(QueueError::Reply("a string was expected")),
    }
}

pub(crate) fn text(value: Value) -> Result<String, QueueError> {
    String::from_utf8(bytes(value)?).map_err(|_| QueueError::Reply("a text was expected"))
}

pub(crate) fn count(value: &Value) -> Result<u64, QueueError> {
    match value {
        Value::Int(n) => u64::try_from(*n).map_err(|_| QueueError::Reply("a count was expected")),
        _ => Err(QueueError::Reply("a number was expected")),
    }
}

/// A list of exactly `N` things.
pub(crate) fn tuple<const N: usize>(value: Value) -> Result<[Value; N], QueueError> {
    array(value)?
        .try_into()
        .map_err(|_| QueueError::Reply("a list has another length than expected"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_is_an_error() {
        assert!(array(Value::Nil).is_err());
        assert!(bytes(Value::Int(1)).is_err());
        assert!(text(Value::BulkString(vec![0xff])).is_err());
        assert!(count(&Value::Int(-1)).is_err());
        assert!(tuple::<2>(Value::Array(vec![Value::Nil])).is_err());
        assert_eq!(text(Value::SimpleString("OK".into())).expect("a text"), "OK");
    }
}
