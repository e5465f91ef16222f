//! One pass over the raw bytes of a body: is it JSON, where are the members of its events, and does anything in it break
//! a rule. Payloads are measured, never built.
//!
//! What makes a body no JSON at all ends the scan. What only one event must not contain is noted on that event, and the
//! scan goes on, so that the others of its batch are found.

mod keys;
mod number;
mod text;

use std::borrow::Cow;
use std::ops::Range;

use crate::problem::Slug;
use keys::Keys;

pub(crate) use text::decode;

/// The event object itself is level 1.
const MAX_DEPTH: usize = 64;
/// Members of objects, those of the event among them.
const MAX_MEMBERS: u32 = 10_000;

/// The body is not JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Malformed;

/// What an event must not contain: the first that was found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Findings {
    pub(crate) fault: Option<Slug>,
    members: u32,
}

impl Findings {
    fn note(&mut self, fault: Slug) {
        self.fault.get_or_insert(fault);
    }

    fn count_member(&mut self) {
        self.members = self.members.saturating_add(1);
        if self.members > MAX_MEMBERS {
            self.note(Slug::TooComplex);
        }
    }
}

/// The members of one event object, by where their values stand in the body.
#[derive(Debug, Default)]
pub(crate) struct RawEvent<'a> {
    pub(crate) members: Vec<(Cow<'a, str>, Range<usize>)>,
    /// The first broken rule, and the index of the member it is in.
    pub(crate) fault: Option<(Slug, Option<usize>)>,
}

/// Walks over a body.
pub(crate) struct Scanner<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
    in_batch: bool,
    ended: bool,
}

impl<'a> Scanner<'a> {
    /// Begins: is it a batch?
    pub(crate) fn new(text: &'a str) -> Self {
        let mut scanner = Self {
            text,
            bytes: text.as_bytes(),
            at: 0,
            in_batch: false,
            ended: false,
        };
        scanner.space();
        if scanner.next() == Some(b'[') {
            scanner.at += 1;
            scanner.in_batch = true;
            scanner.space();
        }
        scanner
    }

    /// Whether the document is an array.
    pub(crate) const fn is_batch(&self) -> bool {
        self.in_batch
    }

    /// The next event, or none at the end of the document.
    pub(crate) fn event(&mut self) -> Result<Option<RawEvent<'a>>, Malformed> {
        if self.ended {
            return Ok(None);
        }
        if self.in_batch && self.next() == Some(b']') {
            self.at += 1;
            return self.end().map(|()| None);
        }
        let event = self.item()?;
        self.space();
        if !self.in_batch {
            self.end()?;
            return Ok(Some(event));
        }
        match self.next() {
            Some(b',') => {
                self.at += 1;
                self.space();
                if self.next() == Some(b']') {
                    return Err(Malformed);
                }
            }
            Some(b']') => {}
            _ => return Err(Malformed),
        }
        Ok(Some(event))
    }

    /// Checks that the document is one value, for a body that is a payload alone.
    pub(crate) fn payload(text: &'a str) -> Result<(Range<usize>, Findings), Malformed> {
        let mut scanner = Self {
            text,
            bytes: text.as_bytes(),
            at: 0,
            in_batch: false,
            ended: false,
        };
        let mut findings = Findings::default();
        scanner.space();
        let range = scanner.value(&mut findings, 1)?;
        scanner.end()?;
        Ok((range, findings))
    }

    fn end(&mut self) -> Result<(), Malformed> {
        self.space();
        self.ended = true;
        if self.at == self.bytes.len() {
            Ok(())
        } else {
            Err(Malformed)
        }
    }

    fn item(&mut self) -> Result<RawEvent<'a>, Malformed> {
        if self.next() != Some(b'{') {
            self.value(&mut Findings::default(), 0)?;
            return Ok(RawEvent {
                members: Vec::new(),
                fault: Some((Slug::InvalidEvent, None)),
            });
        }
        self.at += 1;
        self.space();
        let mut event = RawEvent {
            members: Vec::with_capacity(8),
            fault: None,
        };
        let mut findings = Findings::default();
        let mut keys = Keys::default();
        keys.open();
        if self.next() == Some(b'}') {
            self.at += 1;
            return Ok(event);
        }
        loop {
            let name = self.member(&mut findings, &mut keys)?;
            let is_kept = findings.members <= MAX_MEMBERS;
            let value = self.value(&mut findings, 1)?;
            if is_kept {
                event.members.push((name, value));
            }
            if let (None, Some(fault)) = (event.fault, findings.fault) {
                event.fault = Some((fault, Some(event.members.len().saturating_sub(1))));
            }
            self.space();
            match self.next() {
                Some(b',') => self.at += 1,
                Some(b'}') => break,
                _ => return Err(Malformed),
            }
            self.space();
        }
        self.at += 1;
        Ok(event)
    }

    /// One value of any kind, `outer` levels deep already. Iterative: depth costs bytes, not stack.
    fn value(&mut self, findings: &mut Findings, outer: usize) -> Result<Range<usize>, Malformed> {
        let start = self.at;
        let mut open: Vec<u8> = Vec::new();
        let mut keys = Keys::default();
        loop {
            match self.next().ok_or(Malformed)? {
                opening @ (b'{' | b'[') => {
                    self.at += 1;
                    self.space();
                    if outer + open.len() + 1 > MAX_DEPTH {
                        findings.note(Slug::TooDeep);
                    }
                    // In ASCII each closing bracket stands two behind its opening one.
                    open.push(opening + 2);
                    if opening == b'{' {
                        keys.open();
                    }
                    if self.next() != Some(opening + 2) {
                        if opening == b'{' {
                            self.member(findings, &mut keys)?;
                        }
                        continue;
                    }
                }
                b'"' => {
                    self.string(findings)?;
                }
                b'-' | b'0'..=b'9' => self.number(findings)?,
                b't' => self.literal(b"true")?,
                b'f' => self.literal(b"false")?,
                b'n' => self.literal(b"null")?,
                _ => return Err(Malformed),
            }
            if self.close(findings, &mut open, &mut keys)? {
                return Ok(start..self.at);
            }
        }
    }

    /// Behind a value: leaves what ends here. True where nothing is open any more; otherwise a value must follow.
    fn close(&mut self, findings: &mut Findings, open: &mut Vec<u8>, keys: &mut Keys<'a>) -> Result<bool, Malformed> {
        while let Some(closing) = open.last().copied() {
            self.space();
            match self.next() {
                Some(b',') => {
                    self.at += 1;
                    self.space();
                    if closing == b'}' {
                        self.member(findings, keys)?;
                    }
                    return Ok(false);
                }
                Some(found) if found == closing => {
                    self.at += 1;
                    open.pop();
                    if closing == b'}' {
                        keys.close();
                    }
                }
                _ => return Err(Malformed),
            }
        }
        Ok(true)
    }

    /// The name of a member, and the colon behind it.
    fn member(&mut self, findings: &mut Findings, keys: &mut Keys<'a>) -> Result<Cow<'a, str>, Malformed> {
        if self.next() != Some(b'"') {
            return Err(Malformed);
        }
        let name = self.string(findings)?;
        self.space();
        if self.next() != Some(b':') {
            return Err(Malformed);
        }
        self.at += 1;
        self.space();
        findings.count_member();
        let name = decode(&self.text[name]);
        // An event that is refused already needs no further bookkeeping.
        if findings.fault.is_none() && !keys.add(name.clone()) {
            findings.note(Slug::DuplicateKey);
        }
        Ok(name)
    }

    fn literal(&mut self, word: &[u8]) -> Result<(), Malformed> {
        if !self.bytes[self.at..].starts_with(word) {
            return Err(Malformed);
        }
        self.at += word.len();
        Ok(())
    }

    fn next(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn space(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.next() {
            self.at += 1;
        }
    }
}

#[cfg(test)]
mod tests;
