//! Whether anything outlives the tests.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Result, bail};

/// How often is looked, with a rest between two looks: 15 s in all, three times what a guard needs.
const LOOKS: u32 = 150;
const REST: Duration = Duration::from_millis(100);

/// Waits until no process works in `place`, and no folder of a server is left there.
pub(crate) fn none_in(place: &Path) -> Result<()> {
    let mut left = Vec::new();
    for _ in 0..LOOKS {
        left = in_place(place)?;
        if left.is_empty() {
            return Ok(());
        }
        std::thread::sleep(REST);
    }
    bail!("the tests have left behind:\n  {}", left.join("\n  "))
}

fn in_place(place: &Path) -> Result<Vec<String>> {
    let folders = fs::read_dir(place)?.flatten().map(|entry| entry.path());
    let folders = folders.filter(|path| {
        path.file_name()
            .is_some_and(|name| name.to_string_lossy().starts_with("run-"))
    });
    let mut left: Vec<String> = folders.map(|path| format!("the folder {}", path.display())).collect();
    // Only Linux shows where a process works; elsewhere the folders have to do.
    let processes = fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path());
    left.extend(
        processes
            .filter(|process| works_in(process, place))
            .map(|process| describe(&process)),
    );
    Ok(left)
}

/// Whether the process stands in the folder, or was given it as an argument.
fn works_in(process: &Path, place: &Path) -> bool {
    let numbered = process
        .file_name()
        .is_some_and(|name| name.as_encoded_bytes().iter().all(u8::is_ascii_digit));
    let stands = || fs::read_link(process.join("cwd")).is_ok_and(|folder| folder.starts_with(place));
    let told = || {
        let command = fs::read(process.join("cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&command).contains(&*place.to_string_lossy())
    };
    numbered && (stands() || told())
}

fn describe(process: &Path) -> String {
    let command = fs::read(process.join("cmdline")).unwrap_or_default();
    let words = String::from_utf8_lossy(&command).replace('\0', " ");
    let pid = process.file_name().unwrap_or_default().to_string_lossy();
    format!(
        "process {pid}: {}",
        words.chars().take(120).collect::<String>().replace('\n', " ")
    )
}

#[cfg(test)]
mod tests {
    use eventflow_stack::{Folder, Process, Spec};

    use super::*;

    #[test]
    fn a_process_and_a_folder_that_are_left_are_seen() {
        let place = Folder::create("left").expect("a folder is made");
        assert_eq!(in_place(place.path()).expect("it is readable"), Vec::<String>::new());
        let folder = Folder::create_in(place.path(), "redis").expect("a folder is made");
        let process = Process::start(&Spec::new("sleep").arg("1000").dir(folder.path())).expect("it starts");
        let left = in_place(place.path()).expect("it is readable");
        assert!(left.iter().any(|line| line.contains("run-redis")));
        if cfg!(target_os = "linux") {
            assert!(
                left.iter()
                    .any(|line| line.starts_with(&format!("process {}", process.id()))),
                "{left:?}"
            );
        }
        drop(process);
        drop(folder);
        none_in(place.path()).expect("nothing is left");
    }
}
