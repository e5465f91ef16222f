//! A process and its descendants, as signals must reach them.
//!
//! A process group is not enough: every backend of PostgreSQL makes a session of its own. So the table of processes is
//! walked; the root is stopped first, so that it cannot have new children meanwhile.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::deadline::Deadline;

/// How long a process may take to stop; one that waits for a slow disk stops when the disk has answered.
const STOP_WAIT: Duration = Duration::from_secs(10);

/// A line of the table of processes, without those that have ended and only wait to be reaped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Row {
    pid: Pid,
    parent: Option<Pid>,
    stopped: bool,
}

/// Stops the whole family of `root`, and says who they are. None of them runs on when this returns.
pub(crate) fn freeze(root: Pid) -> io::Result<HashSet<Pid>> {
    let mut told = HashSet::new();
    let stopped = Deadline::after(STOP_WAIT).poll(|| {
        let rows = family_rows(root)?;
        for row in &rows {
            if told.insert(row.pid) {
                send(row.pid, Signal::STOP)?;
            }
        }
        // Who was told stops a moment later, and may have had a child in between.
        let still = rows.iter().all(|row| row.stopped);
        Ok::<_, io::Error>(still.then(|| rows.iter().map(|row| row.pid).collect()))
    })?;
    stopped.ok_or_else(|| io::ErrorKind::TimedOut.into())
}

/// Sends a signal to each of them; that one is gone already is fine.
pub(crate) fn send_all(members: &HashSet<Pid>, signal: Signal) -> io::Result<()> {
    members.iter().try_for_each(|pid| send(*pid, signal))
}

/// Sends a signal; that the process is gone already is fine.
pub(crate) fn send(pid: Pid, signal: Signal) -> io::Result<()> {
    match kill_process(pid, signal) {
        Ok(()) | Err(rustix::io::Errno::SRCH) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Those of `members` that still run.
pub(crate) fn living(members: &HashSet<Pid>) -> io::Result<HashSet<Pid>> {
    Ok(table()?
        .into_iter()
        .map(|row| row.pid)
        .filter(|pid| members.contains(pid))
        .collect())
}

/// When a process began, in words of the system that hold no blank; none where it runs no more. Together with its number
/// it is nobody else's.
pub(crate) fn started(pid: Pid) -> Option<String> {
    let number = pid.as_raw_nonzero();
    if Path::new("/proc/self/stat").exists() {
        return started_in(&String::from_utf8_lossy(
            &fs::read(format!("/proc/{number}/stat")).ok()?,
        ));
    }
    let number = number.to_string();
    let listed = Command::new("ps")
        .args(["-o", "stat=", "-o", "lstart=", "-p", &number])
        .output()
        .ok()?;
    let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
    let mut words = listed.split_whitespace();
    words.next().filter(|state| !state.starts_with('Z'))?;
    Some(words.collect::<Vec<_>>().join("_")).filter(|started| !started.is_empty())
}

/// The 22nd field, in ticks since the machine began.
fn started_in(stat: &str) -> Option<String> {
    let (_, rest) = stat.rsplit_once(") ")?;
    let mut words = rest.split(' ');
    words.next().filter(|state| !matches!(*state, "Z" | "X"))?;
    words.nth(18).map(str::to_owned)
}

/// The process and all its descendants that run.
pub(crate) fn family(root: Pid) -> io::Result<HashSet<Pid>> {
    Ok(family_rows(root)?.into_iter().map(|row| row.pid).collect())
}

fn family_rows(root: Pid) -> io::Result<Vec<Row>> {
    let table = table()?;
    let mut known = HashSet::from([root]);
    loop {
        let before = known.len();
        let children = table
            .iter()
            .filter(|row| row.parent.is_some_and(|parent| known.contains(&parent)));
        let children: Vec<Pid> = children.map(|row| row.pid).collect();
        known.extend(children);
        if known.len() == before {
            return Ok(table.into_iter().filter(|row| known.contains(&row.pid)).collect());
        }
    }
}

fn table() -> io::Result<Vec<Row>> {
    if Path::new("/proc/self/stat").exists() {
        table_of_proc()
    } else {
        table_of_ps()
    }
}

fn table_of_proc() -> io::Result<Vec<Row>> {
    let mut rows = Vec::new();
    for entry in fs::read_dir("/proc")? {
        let path = entry?.path();
        let numbered = path
            .file_name()
            .is_some_and(|name| name.as_encoded_bytes().iter().all(u8::is_ascii_digit));
        // A process may end between the two looks.
        let Some(stat) = numbered.then(|| fs::read(path.join("stat")).ok()).flatten() else {
            continue;
        };
        rows.extend(row_of_stat(&String::from_utf8_lossy(&stat)));
    }
    Ok(rows)
}

/// `PID (NAME) STATE PARENT …`, where a name may hold anything, brackets too.
fn row_of_stat(stat: &str) -> Option<Row> {
    let (pid, _) = stat.split_once(" (")?;
    let (_, rest) = stat.rsplit_once(") ")?;
    let mut words = rest.split(' ');
    row(pid, words.next()?, words.next()?)
}

fn table_of_ps() -> io::Result<Vec<Row>> {
    let listed = Command::new("ps")
        .args(["-A", "-o", "pid=", "-o", "stat=", "-o", "ppid="])
        .output()?;
    let rows = String::from_utf8_lossy(&listed.stdout)
        .lines()
        .filter_map(|line| {
            let mut words = line.split_whitespace();
            row(words.next()?, words.next()?, words.next()?)
        })
        .collect();
    Ok(rows)
}

fn row(pid: &str, state: &str, parent: &str) -> Option<Row> {
    if state.starts_with(['Z', 'X']) {
        return None;
    }
    Some(Row {
        pid: Pid::from_raw(pid.parse().ok()?)?,
        parent: parent.parse().ok().and_then(Pid::from_raw),
        stopped: state.starts_with(['T', 't']),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_told_from_a_later_one_by_its_beginning() {
        let stat = "42 (a) b) S 7 42 42 0 -1 4194304 1 2 3 4 5 6 7 8 20 0 1 0 987654 1 2 3";
        assert_eq!(started_in(stat).as_deref(), Some("987654"));
        assert_eq!(
            started_in("42 (a) Z 7 42 42 0 -1 4194304 1 2 3 4 5 6 7 8 20 0 1 0 987654 1"),
            None
        );
        let own = Pid::from_raw(i32::try_from(std::process::id()).expect("it is small")).expect("it is not 0");
        assert!(started(own).is_some());
        assert_eq!(started(own), started(own));
    }

    #[test]
    fn a_line_of_the_table_is_read_whatever_the_name_is() {
        let read = row_of_stat("42 (a) b (c) S 7 42 42 0").expect("it is a line");
        assert_eq!(read.pid.as_raw_nonzero().get(), 42);
        assert_eq!(read.parent.map(|pid| pid.as_raw_nonzero().get()), Some(7));
    }

    #[test]
    fn who_has_ended_is_left_out() {
        assert_eq!(row_of_stat("42 (redis-server) Z 7 42 42 0"), None);
    }

    #[test]
    fn this_process_is_in_both_tables() {
        let me = rustix::process::getpid();
        assert!(family(me).expect("the table is readable").contains(&me));
        if let Ok(rows) = table_of_ps() {
            assert!(rows.iter().any(|row| row.pid == me));
        }
    }
}
