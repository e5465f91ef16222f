//! The folder that a run's outputs go to.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use eventflow_core::Timestamp;

use crate::failure::Failure;

/// Where runs go unless told otherwise.
const RUNS: &str = ".eventflow/load";
/// Runs of one name that may begin in one second.
const TRIES: u32 = 1_000;

/// The folder that was asked for, made where it is not there; else a new one that names the scenario and the moment.
pub(super) fn make(asked: Option<&Path>, scenario: &str, now: Timestamp) -> Result<PathBuf, Failure> {
    match asked {
        Some(folder) => {
            fs::create_dir_all(folder).map_err(|e| cannot(folder, &e))?;
            Ok(folder.to_owned())
        }
        None => fresh(Path::new(RUNS), scenario, now),
    }
}

fn fresh(runs: &Path, scenario: &str, now: Timestamp) -> Result<PathBuf, Failure> {
    fs::create_dir_all(runs).map_err(|e| cannot(runs, &e))?;
    let name = format!("{scenario}-{}", stamp(now));
    for n in 1..=TRIES {
        let folder = runs.join(if n == 1 { name.clone() } else { format!("{name}-{n}") });
        match fs::create_dir(&folder) {
            Ok(()) => return Ok(folder),
            Err(e) if e.kind() == ErrorKind::AlreadyExists => {}
            Err(e) => return Err(cannot(&folder, &e)),
        }
    }
    Err(Failure::Usage(format!(
        "{} is full of runs of this second",
        runs.display()
    )))
}

/// `20260501T120000Z`.
fn stamp(now: Timestamp) -> String {
    let text = now.to_string();
    let second = text.get(..19).unwrap_or(&text);
    let digits: String = second.chars().filter(char::is_ascii_alphanumeric).collect();
    format!("{digits}Z")
}

fn cannot(folder: &Path, error: &std::io::Error) -> Failure {
    Failure::Usage(format!(
        "cannot make the folder {}: {error}; --out names another",
        folder.display()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_run_has_a_folder_of_its_own() {
        let place = tempfile::tempdir().expect("a folder");
        let runs = place.path().join("runs");
        let now = "2026-05-01T12:00:00.5Z".parse().expect("a time");
        let name = |path: PathBuf| path.file_name().expect("a name").to_string_lossy().into_owned();
        let first = fresh(&runs, "smoke", now).expect("a folder");
        let second = fresh(&runs, "smoke", now).expect("a folder");
        assert_eq!(name(first), "smoke-20260501T120000Z");
        assert_eq!(name(second), "smoke-20260501T120000Z-2");
    }

    #[test]
    fn the_one_that_is_asked_for_is_made_and_may_be_there() {
        let place = tempfile::tempdir().expect("a folder");
        let asked = place.path().join("a/b");
        for _ in 0..2 {
            let made = make(Some(&asked), "smoke", Timestamp::default()).expect("a folder");
            assert!(made == asked && asked.is_dir());
        }
        let file = place.path().join("file");
        fs::write(&file, "").expect("a file");
        let refused = make(Some(&file), "smoke", Timestamp::default()).expect_err("it is a file");
        assert!(refused.to_string().contains("--out"));
    }
}
