//! Which names an open object has already.

use std::borrow::Cow;
use std::collections::HashSet;

/// From so many names on a set is faster than looking at each.
const FEW: usize = 16;

/// The names of all open objects, one stack for all levels.
#[derive(Debug, Default)]
pub(super) struct Keys<'a> {
    names: Vec<Cow<'a, str>>,
    levels: Vec<Level<'a>>,
}

#[derive(Debug)]
struct Level<'a> {
    first: usize,
    many: Option<HashSet<Cow<'a, str>>>,
}

impl<'a> Keys<'a> {
    pub(super) fn open(&mut self) {
        self.levels.push(Level {
            first: self.names.len(),
            many: None,
        });
    }

    pub(super) fn close(&mut self) {
        if let Some(level) = self.levels.pop() {
            self.names.truncate(level.first);
        }
    }

    /// Adds a name to the innermost object. False where it has it already.
    pub(super) fn add(&mut self, name: Cow<'a, str>) -> bool {
        let Some(level) = self.levels.last_mut() else {
            return true;
        };
        if let Some(many) = &mut level.many {
            return many.insert(name);
        }
        let here = &self.names[level.first..];
        if here.contains(&name) {
            return false;
        }
        if here.len() + 1 < FEW {
            self.names.push(name);
        } else {
            level.many = Some(self.names.drain(level.first..).chain([name]).collect());
        }
        true
    }
}
