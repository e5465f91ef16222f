//! Writing it all into the run's folder.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use hdrhistogram::Histogram;

use super::{Summary, escape, hgrm, html, junit, tables};

/// The name of the file that a summary stands in.
pub const SUMMARY: &str = "summary.json";

/// Writes `summary.json`, `report.html`, `series.csv`, `scopes.csv`, `junit.xml`, the scenario and a `.hgrm` for each
/// histogram (in µs, by its name) that has values. The folder is made where it is not there; files of an earlier run in it
/// are written over. Returns what was written, the page first.
///
/// # Errors
/// What the system says about the first file that could not be written.
pub fn write(
    dir: &Path,
    summary: &Summary,
    histograms: &[(String, Histogram<u64>)],
    scenario_text: &str,
) -> io::Result<Vec<PathBuf>> {
    fs::create_dir_all(dir)?;
    let mut json = serde_json::to_string_pretty(summary)?;
    json.push('\n');
    let mut texts = vec![
        ("report.html".to_owned(), html::render(summary, scenario_text)),
        (SUMMARY.to_owned(), json),
        ("series.csv".to_owned(), tables::series(summary)),
        ("scopes.csv".to_owned(), tables::scopes(summary)),
        ("junit.xml".to_owned(), junit::render(summary)),
        ("scenario.toml".to_owned(), scenario_text.to_owned()),
    ];
    let mut taken = BTreeSet::new();
    let with_values = histograms.iter().filter(|(_, histogram)| !histogram.is_empty());
    texts.extend(with_values.map(|(name, histogram)| (free_name(name, &mut taken), hgrm::render(histogram))));
    texts.into_iter().map(|(name, text)| whole(dir, &name, &text)).collect()
}

/// Two names that differ only in characters which no file name has get different ones.
fn free_name(name: &str, taken: &mut BTreeSet<String>) -> String {
    let base = escape::file_name(name);
    let numbered = (2..).map(|n| format!("{base}-{n}"));
    let free = std::iter::once(base.clone())
        .chain(numbered)
        .find(|name| taken.insert(name.clone()));
    format!("{}.hgrm", free.unwrap_or(base))
}

/// A file appears under its name only when all of it is there.
fn whole(dir: &Path, name: &str, text: &str) -> io::Result<PathBuf> {
    let path = dir.join(name);
    let named = |e: io::Error| io::Error::new(e.kind(), format!("{}: {e}", path.display()));
    let unfinished = dir.join(format!(".{name}.new"));
    fs::write(&unfinished, text).map_err(named)?;
    fs::rename(&unfinished, &path).map_err(named)?;
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    fn histogram(values: &[u64]) -> Histogram<u64> {
        let mut histogram = Histogram::new_with_bounds(1, 3_600_000_000, 3).expect("bounds");
        for value in values {
            histogram.record(*value).expect("it fits");
        }
        histogram
    }

    #[test]
    fn everything_is_written_and_nothing_else_is_left() {
        let folder = tempfile::tempdir().expect("a folder");
        let dir = folder.path().join("deep/er");
        let histograms = [
            ("phase:steady/accept".to_owned(), histogram(&[1, 2, 3])),
            ("phase-steady/accept".to_owned(), histogram(&[4])),
            ("fault:F1/accept".to_owned(), histogram(&[])),
        ];
        for _ in 0..2 {
            let files = write(&dir, &sample::summary(), &histograms, "schema = 1\n").expect("it is written");
            let names: Vec<String> = files
                .iter()
                .map(|path| path.file_name().expect("a name").to_string_lossy().into_owned())
                .collect();
            assert_eq!(
                names,
                [
                    "report.html",
                    "summary.json",
                    "series.csv",
                    "scopes.csv",
                    "junit.xml",
                    "scenario.toml",
                    "phase-steady-accept.hgrm",
                    "phase-steady-accept-2.hgrm"
                ]
            );
            assert_eq!(fs::read_dir(&dir).expect("the folder").count(), names.len());
        }
        assert_eq!(Summary::read(&dir).expect("a summary"), sample::summary());
    }

    #[test]
    fn what_cannot_be_written_is_named() {
        let folder = tempfile::tempdir().expect("a folder");
        fs::create_dir(folder.path().join("report.html")).expect("a folder in the way");
        let error = write(folder.path(), &sample::summary(), &[], "").expect_err("it is in the way");
        assert!(error.to_string().contains("report.html"), "{error}");
    }
}
