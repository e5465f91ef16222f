//! What the system says of a process: memory and processor time. Linux tells; elsewhere there are no figures.

use std::fs;
use std::time::Duration;

/// Ticks of the processor times in /proc, a second: fixed in Linux' interface to programs.
const TICKS: u64 = 100;

/// The most memory that the process has had resident, in MB of 1,000,000 bytes.
pub(crate) fn peak_memory(pid: u32) -> Option<f64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    let kib: f64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kib * 1_024.0 / 1_000_000.0)
}

/// The processor time that the process has used, and its children, both those that live and those that it has reaped.
pub(crate) fn cpu(pid: u32) -> Option<Duration> {
    let own = stat(pid)?;
    let children: u64 = fs::read_dir("/proc")
        .ok()?
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter_map(stat)
        .filter(|other| other.parent == pid)
        .map(|child| child.ticks)
        .sum();
    Some(Duration::from_millis(
        (own.ticks + own.reaped + children) * 1_000 / TICKS,
    ))
}

#[derive(Debug, PartialEq, Eq)]
struct Stat {
    parent: u32,
    ticks: u64,
    reaped: u64,
}

fn stat(pid: u32) -> Option<Stat> {
    read(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
}

/// Fields 4 and 14 to 17; the name before them may hold anything, its last bracket ends it.
fn read(stat: &str) -> Option<Stat> {
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks = |at: usize| fields.get(at)?.parse::<u64>().ok();
    Some(Stat {
        parent: fields.get(1)?.parse().ok()?,
        ticks: ticks(11)? + ticks(12)?,
        reaped: ticks(13)? + ticks(14)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processor_time_is_read_behind_any_name() {
        let text = "7 (a) b) S 1 7 7 0 -1 4194304 1 0 0 0 120 30 2 1 20 0 1 0 5 6 7";
        let expected = Stat {
            parent: 1,
            ticks: 150,
            reaped: 3,
        };
        assert_eq!(read(text), Some(expected));
        assert_eq!(read("7"), None);
    }
}
