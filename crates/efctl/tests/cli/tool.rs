//! Running the binary.

use std::io::Write as _;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

/// The binary with those arguments, and nothing from the environment that would speak to it.
pub(crate) fn efctl(api: &str, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_efctl"));
    command
        .args(["--api", api])
        .args(args)
        .env_remove("EVENTFLOW_API")
        .env_remove("EVENTFLOW_TOKEN")
        .env_remove("NO_COLOR")
        .stdin(Stdio::null());
    command
}

/// How a run ended.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ran {
    /// stdout as JSON, a value a line.
    pub(crate) fn json_lines(&self) -> Vec<Value> {
        self.stdout
            .lines()
            .map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}")))
            .collect()
    }
}

/// Runs it to its end.
pub(crate) fn run(api: &str, args: &[&str]) -> Ran {
    ended(efctl(api, args).output().expect("it runs"))
}

/// Runs it to its end with that on stdin.
pub(crate) fn run_with(api: &str, args: &[&str], input: &str) -> Ran {
    let mut child = efctl(api, args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it runs");
    let mut stdin = child.stdin.take().expect("a pipe");
    let input = input.to_owned();
    let writer = std::thread::spawn(move || stdin.write_all(input.as_bytes()));
    let ran = ended(child.wait_with_output().expect("it ends"));
    // It may have stopped reading, which its exit code tells about.
    let _ = writer.join().expect("the writer");
    ran
}

/// How a child ended.
pub(crate) fn ended(output: Output) -> Ran {
    let ran = Ran {
        code: output.status.code().expect("an exit code"),
        stdout: String::from_utf8(output.stdout).expect("UTF-8 on stdout"),
        stderr: String::from_utf8(output.stderr).expect("UTF-8 on stderr"),
    };
    assert!(!ran.stderr.contains("panicked"), "{ran:?}");
    ran
}
