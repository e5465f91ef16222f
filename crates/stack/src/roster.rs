//! Who belongs to a stack, written down, so that what is left of one can be named.
//!
//! The guards end the children of an owner that is gone, and hardly anything survives that. What does (somebody killed
//! the guards too) is found by this file: it lies beside the folders of stacks, names the owner and each process with its
//! process id and start time, and is removed by its owner at the end.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use rustix::process::Pid;

use crate::error::{Error, Result};
use crate::family;
use crate::folder::stack_dir;

/// What the names of these files begin and end with.
const PREFIX: &str = "roster-";
const SUFFIX: &str = ".txt";

/// The list of one stack's processes, kept in a file until this is dropped.
#[derive(Debug)]
pub struct Roster {
    file: PathBuf,
    head: String,
    members: Mutex<BTreeMap<String, Identity>>,
}

/// A process that cannot be taken for another that got its number later.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Identity {
    pid: u32,
    started: String,
}

/// A process of a stack whose owner is gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leftover {
    /// What the stack was for, as its owner put it.
    pub of: String,
    /// What the process is called there: `redis`, `worker-0`.
    pub name: String,
    /// Its process id.
    pub pid: u32,
    /// The process ids of its descendants.
    pub descendants: Vec<u32>,
}

impl Leftover {
    /// What to type to be rid of it.
    pub fn remedy(&self) -> String {
        let mut line = format!("kill -9 {}", self.pid);
        for pid in &self.descendants {
            let _ = write!(line, " {pid}");
        }
        line
    }
}

impl Roster {
    /// A list in [`stack_dir`]; `of` says what the stack is for, in a few words.
    pub fn open(of: &str) -> Result<Self> {
        Self::open_in(&stack_dir(), of)
    }

    fn open_in(parent: &Path, of: &str) -> Result<Self> {
        fs::create_dir_all(parent).map_err(Error::os(format!("make the folder {}", parent.display())))?;
        // Lists of those who are gone, with everything that belonged to them.
        leftovers_in(parent)?;
        let own = Identity::of(std::process::id()).unwrap_or(Identity {
            pid: std::process::id(),
            started: "?".to_owned(),
        });
        let file = tempfile::Builder::new()
            .prefix(PREFIX)
            .suffix(SUFFIX)
            .tempfile_in(parent)
            .and_then(|file| file.into_temp_path().keep().map_err(Into::into))
            .map_err(Error::os(format!("make a file in {}", parent.display())))?;
        let roster = Self {
            file,
            head: format!("owner {} {} {}\n", own.pid, own.started, of.replace('\n', " ")),
            members: Mutex::default(),
        };
        roster.write(&BTreeMap::new())?;
        Ok(roster)
    }

    /// Enters a process under this name, in place of the one that bore it before.
    pub fn enter(&self, name: &str, pid: u32) -> Result<()> {
        // One that has ended meanwhile is nobody to look after.
        let identity = Identity::of(pid);
        let mut members = self.members.lock().unwrap_or_else(PoisonError::into_inner);
        match identity {
            Some(identity) => members.insert(name.to_owned(), identity),
            None => members.remove(name),
        };
        self.write(&members)
    }

    /// Strikes a name from the list.
    pub fn leave(&self, name: &str) -> Result<()> {
        let mut members = self.members.lock().unwrap_or_else(PoisonError::into_inner);
        members.remove(name);
        self.write(&members)
    }

    fn write(&self, members: &BTreeMap<String, Identity>) -> Result<()> {
        let mut text = self.head.clone();
        for (name, identity) in members {
            let _ = writeln!(text, "process {} {} {name}", identity.pid, identity.started);
        }
        // Whole or not at all: somebody may read it at any time.
        let part = self.file.with_extension("part");
        fs::write(&part, text)
            .and_then(|()| fs::rename(&part, &self.file))
            .map_err(Error::os(format!("write {}", self.file.display())))
    }
}

impl Drop for Roster {
    fn drop(&mut self) {
        // One that stays is removed by the next: its owner will be gone then.
        drop(fs::remove_file(&self.file));
    }
}

impl Identity {
    fn of(pid: u32) -> Option<Self> {
        let started = family::started(Pid::from_raw(i32::try_from(pid).ok()?)?)?;
        Some(Self { pid, started })
    }

    fn lives(&self) -> bool {
        Self::of(self.pid).as_ref() == Some(self)
    }
}

/// What is left of stacks whose owners are gone, in [`stack_dir`]. Lists of which nothing is left are removed.
pub fn leftovers() -> Result<Vec<Leftover>> {
    leftovers_in(&stack_dir())
}

fn leftovers_in(parent: &Path) -> Result<Vec<Leftover>> {
    let entries = match fs::read_dir(parent) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(Error::os(format!("list {}", parent.display()))(error)),
    };
    let mut found = Vec::new();
    for path in entries.flatten().map(|entry| entry.path()) {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if !(name.starts_with(PREFIX) && name.ends_with(SUFFIX)) {
            continue;
        }
        // Its owner may remove it at this moment.
        let Ok(text) = fs::read_to_string(&path) else { continue };
        let Some(left) = left(&text) else { continue };
        if left.is_empty() {
            drop(fs::remove_file(&path));
        }
        found.extend(left);
    }
    found.sort_by(|one, other| (&one.of, &one.name).cmp(&(&other.of, &other.name)));
    Ok(found)
}

/// Who of this list is left; none while its owner lives, and where the list cannot be read.
fn left(text: &str) -> Option<Vec<Leftover>> {
    let mut lines = text.lines();
    let (owner, of) = entry(lines.next()?, "owner")?;
    if owner.lives() {
        return None;
    }
    let members = lines.filter_map(|line| entry(line, "process"));
    let living = members.filter(|(identity, _)| identity.lives());
    Some(
        living
            .map(|(identity, name)| Leftover {
                of: of.clone(),
                name,
                pid: identity.pid,
                descendants: descendants(identity.pid),
            })
            .collect(),
    )
}

/// `KIND PID STARTED REST`
fn entry(line: &str, kind: &str) -> Option<(Identity, String)> {
    let rest = line.strip_prefix(kind)?.strip_prefix(' ')?;
    let (pid, rest) = rest.split_once(' ')?;
    let (started, rest) = rest.split_once(' ')?;
    let identity = Identity {
        pid: pid.parse().ok()?,
        started: started.to_owned(),
    };
    Some((identity, rest.to_owned()))
}

fn descendants(pid: u32) -> Vec<u32> {
    let Some(root) = i32::try_from(pid).ok().and_then(Pid::from_raw) else {
        return Vec::new();
    };
    let members = family::family(root).unwrap_or_default();
    let mut pids: Vec<u32> = members
        .into_iter()
        .map(|member| member.as_raw_nonzero().get().unsigned_abs())
        .filter(|member| *member != pid)
        .collect();
    pids.sort_unstable();
    pids
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::folder::Folder;
    use crate::process::Process;
    use crate::spec::Spec;

    fn place() -> Folder {
        Folder::create("roster").expect("a folder is made")
    }

    fn lists(place: &Path) -> usize {
        let entries = fs::read_dir(place).expect("the folder is there").flatten();
        entries
            .filter(|entry| entry.file_name().to_string_lossy().starts_with(PREFIX))
            .count()
    }

    #[test]
    fn what_a_living_owner_has_is_not_left() {
        let place = place();
        let roster = Roster::open_in(place.path(), "a test").expect("it is made");
        let process = Process::start(&Spec::new("/bin/sleep").arg("1000")).expect("it starts");
        roster.enter("sleeper", process.id()).expect("it is written");
        let text = fs::read_to_string(&roster.file).expect("it is there");
        assert!(text.contains(&format!("process {} ", process.id())), "{text}");
        assert_eq!(leftovers_in(place.path()).expect("it is read"), []);
        roster.leave("sleeper").expect("it is written");
        drop(roster);
        assert_eq!(lists(place.path()), 0);
    }

    #[test]
    fn what_a_dead_owner_left_is_named_with_what_to_type() {
        let place = place();
        let script = "sleep 1000 & echo $!; wait";
        let process = Process::start(&Spec::new("/bin/sh").args(["-c", script])).expect("it starts");
        let child: u32 = process
            .wait_for("named its child", std::time::Duration::from_secs(30), |_| true)
            .expect("it has one")
            .text
            .parse()
            .expect("it is a number");
        let identity = Identity::of(process.id()).expect("it lives");
        let text = format!(
            "owner 4194305 1 efctl load x\nprocess {} {} shell\nprocess {} 1 another\n",
            identity.pid,
            identity.started,
            process.id(),
        );
        fs::write(place.path().join("roster-x.txt"), text).expect("it is written");
        let left = leftovers_in(place.path()).expect("it is read");
        assert_eq!(left.len(), 1, "{left:?}");
        assert_eq!((left[0].of.as_str(), left[0].name.as_str()), ("efctl load x", "shell"));
        assert_eq!(left[0].remedy(), format!("kill -9 {} {child}", process.id()));
        drop(process);
        assert_eq!(leftovers_in(place.path()).expect("it is read"), []);
        assert_eq!(lists(place.path()), 0);
    }

    #[test]
    fn a_list_that_cannot_be_read_is_left_alone() {
        assert_eq!(left(""), None);
        assert_eq!(left("owner x y z"), None);
        assert_eq!(left("something else"), None);
    }
}
