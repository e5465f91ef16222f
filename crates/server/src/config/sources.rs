//! Where values come from: flag, environment, file, default, in this order. Each value remembers its origin.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use super::ConfigError;
use super::table::{self, SETTINGS, Setting};

/// Where a value was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Nobody said anything.
    Default,
    /// In this file.
    File(PathBuf),
    /// In this environment variable.
    Environment(String),
    /// On the command line.
    Flag(String),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Environment(name) => f.write_str(name),
            Self::Flag(name) => write!(f, "--{name}"),
        }
    }
}

/// A value and its origin. Its `Debug` masks passwords.
#[derive(Clone, PartialEq, Eq)]
pub struct Found {
    /// As written.
    pub text: String,
    /// By whom.
    pub origin: Origin,
}

/// All values, merged.
#[derive(Clone, Debug)]
pub struct Values(BTreeMap<&'static str, Found>);

/// What the surroundings of the process say. Its `Debug` shows no values.
#[derive(Default)]
pub struct Sources {
    /// Flags by setting name.
    pub flags: Vec<(String, String)>,
    /// The environment.
    pub environment: Vec<(String, String)>,
    /// The file that was asked for.
    pub file: Option<PathBuf>,
}

/// Read by others, or before there is a configuration; the server ignores them.
const NOT_SETTINGS: [&str; 5] = [
    "EVENTFLOW_API",
    "EVENTFLOW_ADMIN",
    "EVENTFLOW_TOKEN",
    "EVENTFLOW_CONFIG",
    "EVENTFLOW_STACK_DIR",
];

/// The file that is read where none is named and this one is there.
const DEFAULT_FILE: &str = "eventflow.toml";

impl Values {
    /// Merges all sources.
    pub fn gather(sources: &Sources) -> Result<Self, ConfigError> {
        let mut values = Self(
            SETTINGS
                .iter()
                .map(|setting| (setting.name, found(setting.default, Origin::Default)))
                .collect(),
        );
        values.read_file(sources.file.as_deref())?;
        values.read_environment(&sources.environment)?;
        for (name, text) in &sources.flags {
            let setting = known(name, "the command line")?;
            values.put(setting, text, Origin::Flag(setting.flag()));
        }
        Ok(values)
    }

    /// The value of a setting of the table.
    pub fn get(&self, name: &str) -> &Found {
        &self.0[name]
    }

    /// Every value, in the order of the table.
    pub fn iter(&self) -> impl Iterator<Item = (&'static Setting, &Found)> {
        SETTINGS.iter().map(|setting| (setting, self.get(setting.name)))
    }

    fn put(&mut self, setting: &'static Setting, text: &str, origin: Origin) {
        self.0.insert(setting.name, found(text, origin));
    }

    fn read_file(&mut self, asked: Option<&Path>) -> Result<(), ConfigError> {
        let path = asked.unwrap_or(Path::new(DEFAULT_FILE));
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if asked.is_none() && error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(unreadable(path, error.to_string())),
        };
        let table: toml::Table = text
            .parse()
            .map_err(|error: toml::de::Error| unreadable(path, place(&text, &error)))?;
        for (name, value) in table {
            let setting = known(&name, &path.display().to_string())?;
            let text = match value {
                toml::Value::String(text) => text,
                toml::Value::Integer(number) => number.to_string(),
                toml::Value::Boolean(switch) => switch.to_string(),
                other => {
                    return Err(ConfigError::Value {
                        name: setting.name,
                        origin: Origin::File(path.to_owned()),
                        problem: format!(
                            "a {} is no value for it; write a text, a number or true",
                            other.type_str()
                        ),
                    });
                }
            };
            self.put(setting, &text, Origin::File(path.to_owned()));
        }
        Ok(())
    }

    fn read_environment(&mut self, environment: &[(String, String)]) -> Result<(), ConfigError> {
        for (variable, text) in environment {
            let Some(name) = variable.strip_prefix("EVENTFLOW_") else {
                continue;
            };
            let chooses_a_bug = cfg!(feature = "planted") && variable == eventflow_core::PLANTED;
            if NOT_SETTINGS.contains(&variable.as_str()) || name.starts_with("TEST_") || chooses_a_bug {
                continue;
            }
            let setting = known(&name.to_ascii_lowercase(), &format!("the environment ({variable})"))?;
            self.put(setting, text, Origin::Environment(variable.clone()));
        }
        Ok(())
    }
}

fn found(text: &str, origin: Origin) -> Found {
    Found {
        text: text.to_owned(),
        origin,
    }
}

fn known(name: &str, whence: &str) -> Result<&'static Setting, ConfigError> {
    table::find(name).ok_or_else(|| ConfigError::Unknown {
        name: name.to_owned(),
        whence: whence.to_owned(),
        closest: table::closest(name),
    })
}

/// The line and what is wrong there. The parser's own text quotes the line, in which a password may stand.
fn place(text: &str, error: &toml::de::Error) -> String {
    let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
    let line = before.matches('\n').count() + 1;
    format!("line {line}: {}", error.message())
}

fn unreadable(path: &Path, problem: String) -> ConfigError {
    ConfigError::File {
        path: path.to_owned(),
        problem,
    }
}
