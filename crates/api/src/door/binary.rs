//! `CloudEvents` in binary mode: attributes in `ce-` headers, the body is the data.

use std::borrow::Cow;

use bytes::Bytes;
use eventflow_core::{Event, Payload};
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue};

use super::attributes::Attributes;
use super::parse::Context;
use crate::problem::{Refusal, Slug};
use crate::scan::Scanner;

/// The event of a request in binary mode. The outer error is the body's.
pub(super) fn event(
    headers: &HeaderMap,
    body: &Bytes,
    json: bool,
    context: &Context<'_>,
) -> Result<Result<Event, Refusal>, Refusal> {
    let data = match data(body, json)? {
        Ok(data) => data,
        Err(slug) => return Ok(Err(Refusal::at(slug, "/data"))),
    };
    Ok(attributes(headers).and_then(|mut attributes| {
        attributes.data = data;
        attributes.into_event(context)
    }))
}

fn data(body: &Bytes, json: bool) -> Result<Result<Option<Payload>, Slug>, Refusal> {
    if body.is_empty() {
        return Ok(Ok(None));
    }
    if !json {
        return Ok(Ok(Some(Payload::Binary(body.clone()))));
    }
    let text = std::str::from_utf8(body).map_err(|_| Slug::InvalidUtf8)?;
    let (range, findings) = Scanner::payload(text).map_err(|_| Slug::MalformedJson)?;
    if let Some(fault) = findings.fault {
        return Ok(Err(fault));
    }
    let is_null = &text[range.clone()] == "null";
    Ok(Ok((!is_null).then(|| Payload::Json(body.slice(range)))))
}

fn attributes(headers: &HeaderMap) -> Result<Attributes<'static>, Refusal> {
    let mut attributes = Attributes::default();
    for header in headers.keys() {
        let Some(name) = header.as_str().strip_prefix("ce-") else {
            continue;
        };
        let mut values = headers.get_all(header).iter();
        let value = values.next().and_then(decode).ok_or(Slug::InvalidAttribute)?;
        if values.next().is_some() {
            return Err(Slug::InvalidAttribute.into());
        }
        match name {
            "correlationid" => attributes.correlation_id = Some(Cow::Owned(value)),
            "traceparent" => attributes.traceparent = Some(Cow::Owned(value)),
            "data" | "data_base64" | "datacontenttype" => return Err(Slug::InvalidAttribute.into()),
            name => match attributes.slot(name) {
                Some((_, slot)) => *slot = Some(Cow::Owned(value)),
                None => attributes.extend(name, &quoted(&value))?,
            },
        }
    }
    if let Some(media_type) = headers.get(CONTENT_TYPE).and_then(|v| v.to_str().ok()) {
        attributes.extend("datacontenttype", &quoted(media_type))?;
    }
    Ok(attributes)
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// A header value as the HTTP binding writes it: quotes around it with backslashes inside, then percent-coding of UTF-8,
/// decoded once. None where that is no text that every store keeps.
fn decode(value: &HeaderValue) -> Option<String> {
    let text = value.to_str().ok()?.trim();
    let text = match text.strip_prefix('"') {
        Some(rest) => unquote(rest.strip_suffix('"')?)?,
        None => text.to_owned(),
    };
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        if *byte == b'%' {
            let digits = bytes.get(at + 1..at + 3)?;
            let high = char::from(digits[0]).to_digit(16)?;
            let low = char::from(digits[1]).to_digit(16)?;
            decoded.push(u8::try_from(high << 4 | low).ok()?);
            at += 3;
        } else {
            decoded.push(*byte);
            at += 1;
        }
    }
    // Overlong sequences and surrogates are no UTF-8 either; a NUL no store keeps.
    String::from_utf8(decoded).ok().filter(|text| !text.contains('\0'))
}

fn unquote(inside: &str) -> Option<String> {
    let mut text = String::with_capacity(inside.len());
    let mut chars = inside.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => text.push(chars.next()?),
            '"' => return None,
            c => text.push(c),
        }
    }
    Some(text)
}
