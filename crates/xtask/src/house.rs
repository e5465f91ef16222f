//! House rules that no lint of the compiler knows.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use cargo_metadata::Metadata;

/// A file longer than this, its tests apart, is usually two rooms.
const LONGEST_FILE: usize = 500;
/// What stands at the top of the project.
const TOP: [&str; 6] = [
    "LICENSE",
    "README.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "deny.toml",
    "docs/ARCHITECTURE.md",
];
/// Files that people write, by the ends of their names.
const WRITTEN: [&str; 7] = ["rs", "toml", "md", "sql", "sh", "lua", "run"];
/// How tests begin in a file of the code that they test.
const TESTS: &str = "#[cfg(test)]\nmod tests {";

/// Every breach of a house rule, as a sentence.
pub(crate) fn breaches(metadata: &Metadata) -> Result<Vec<String>> {
    let root = metadata.workspace_root.as_std_path();
    let mut said: Vec<String> = Vec::new();
    said.extend(
        TOP.iter()
            .filter(|name| !root.join(name).exists())
            .map(|name| format!("{name} is missing")),
    );
    for package in metadata.workspace_packages() {
        if package.description.as_deref().unwrap_or_default().is_empty() {
            said.push(format!("{} has no description", package.name));
        }
    }
    for path in written(root)? {
        let text = fs::read_to_string(root.join(&path)).with_context(|| format!("reading {}", path.display()))?;
        let name = path.to_string_lossy();
        if mentions(&text, root) {
            said.push(format!("{name} names a folder of this machine"));
        }
        if name.ends_with(".rs") {
            said.extend(breaches_in(&name, &text));
        }
    }
    Ok(said)
}

/// What is wrong with a file of Rust. `name` is its path from the top of the project.
fn breaches_in(name: &str, text: &str) -> Vec<String> {
    let all_tests = name.contains("/tests/") || name.ends_with("/tests.rs") || name.ends_with("_tests.rs");
    let (code, tests) = if all_tests {
        ("", text)
    } else {
        text.split_at(text.find(TESTS).unwrap_or(text.len()))
    };
    let mut said = Vec::new();
    let length = code.lines().count();
    if length > LONGEST_FILE {
        said.push(format!(
            "{name} has {length} lines without its tests; more than {LONGEST_FILE} are usually two rooms"
        ));
    }
    if !text.starts_with("//!") {
        said.push(format!("{name} does not begin by saying what it is for (//!)"));
    }
    let lines = text.lines().enumerate();
    let allows = lines.filter(|(_, line)| is_allow(line.trim_start()));
    said.extend(allows.map(|(at, _)| format!("{name}:{}: write #[expect(…, reason = \"…\")]", at + 1)));
    let first = code.lines().count();
    let sleeps = tests.lines().enumerate().filter(|(_, line)| is_sleep(line));
    said.extend(sleeps.map(|(at, _)| {
        format!(
            "{name}:{}: tests await signals or poll with a deadline, they never sleep",
            first + at + 1
        )
    }));
    said
}

fn is_allow(line: &str) -> bool {
    ["#[", "#!["]
        .iter()
        .any(|open| line.strip_prefix(open).is_some_and(|rest| rest.starts_with("allow(")))
}

/// Whether the line blocks its thread. Tokio's sleep may be one in simulated time, or the step of a poll.
fn is_sleep(line: &str) -> bool {
    line.split("//").next().unwrap_or_default().contains("thread::sleep")
}

/// Whether the text holds the path of this checkout, or of the home folder of whoever works on it.
fn mentions(text: &str, root: &Path) -> bool {
    let home = std::env::var_os("HOME").map(PathBuf::from);
    let folders = home.iter().map(PathBuf::as_path).chain([root]);
    // A path of one part, such as the root folder or `/root`, is too short to mean a machine.
    let mut telling = folders.filter(|folder| folder.components().count() > 2);
    telling.any(|folder| text.contains(&*folder.to_string_lossy()))
}

/// The files that people write, as paths from `root`.
fn written(root: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut open = vec![root.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(&folder).with_context(|| format!("listing {}", folder.display()))? {
            let path = entry?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let hidden = name.starts_with('.') && name != ".ci" && name != ".github" && name != ".cargo";
            if path.is_dir() && !hidden && name != "target" {
                open.push(path);
            } else if path.is_file() && WRITTEN.iter().any(|end| name.rsplit('.').next() == Some(end)) {
                found.push(path.strip_prefix(root).unwrap_or(&path).to_owned());
            }
        }
    }
    found.sort();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "//! What it is for.\n";

    /// Put together here, so that this file itself is clean.
    fn sleep() -> String {
        format!("std::{}::sleep(STEP);", "thread")
    }

    #[test]
    fn a_clean_file_passes() {
        let tests = format!(
            "{TESTS}\n    // no {}\n    tokio::time::sleep(STEP).await;\n}}\n",
            sleep()
        );
        let text = format!("{HEAD}fn code() {{ {} }}\n{tests}", sleep());
        assert_eq!(breaches_in("crates/a/src/b.rs", &text), Vec::<String>::new());
    }

    #[test]
    fn a_lint_is_expected_and_not_allowed() {
        let text = format!("{HEAD}#[{}dead_code)]\nfn code() {{}}\n", "allow(");
        let said = breaches_in("crates/a/src/b.rs", &text);
        assert!(
            said.len() == 1 && said[0].starts_with("crates/a/src/b.rs:2:"),
            "{said:?}"
        );
    }

    #[test]
    fn tests_do_not_sleep() {
        let inline = format!("{HEAD}fn code() {{}}\n{TESTS}\n    {}\n}}\n", sleep());
        let said = breaches_in("crates/a/src/b.rs", &inline);
        assert!(
            said.len() == 1 && said[0].starts_with("crates/a/src/b.rs:5:"),
            "{said:?}"
        );
        assert_eq!(
            breaches_in("crates/a/tests/b.rs", &format!("{HEAD}{}\n", sleep())).len(),
            1
        );
    }

    #[test]
    fn a_long_file_is_two_rooms_and_its_tests_do_not_count() {
        let code = format!("{HEAD}{}", "// a line\n".repeat(LONGEST_FILE));
        assert_eq!(breaches_in("crates/a/src/b.rs", &code).len(), 1);
        let tests = format!("{HEAD}{TESTS}\n{}}}\n", "// a line\n".repeat(LONGEST_FILE));
        assert!(breaches_in("crates/a/src/b.rs", &tests).is_empty());
    }

    #[test]
    fn every_file_says_what_it_is_for() {
        assert_eq!(breaches_in("crates/a/src/b.rs", "fn code() {}\n").len(), 1);
    }

    #[test]
    fn paths_of_this_machine_are_found() {
        assert!(mentions("see /some/checkout/crates", Path::new("/some/checkout")));
        assert!(!mentions("see crates/core", Path::new("/some/checkout")));
    }
}
