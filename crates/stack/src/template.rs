//! Fresh data folders for PostgreSQL: `initdb` runs once for each version, every further one is a copy.

use std::fs;
use std::io;
use std::path::Path;
use std::time::Duration;

use crate::error::{Error, Result};
use crate::find::PostgresTools;
use crate::folder::lock;
use crate::process::Process;
use crate::runas::RunAs;

/// How long `initdb` may take, on the slowest of machines.
const INITDB_WAIT: Duration = Duration::from_mins(2);
/// How many of its lines an error quotes.
const QUOTED: usize = 30;

/// Makes the data folder `data`, whose template stands in `parent`, which is made too.
pub(crate) fn make_data(tools: &PostgresTools, run_as: RunAs, parent: &Path, data: &Path) -> Result<()> {
    fs::create_dir_all(parent).map_err(Error::os(format!("make the folder {}", parent.display())))?;
    let name = format!("template-postgres-{}-{}", tools.version, run_as.tag());
    let template = parent.join(&name);
    let making = lock(&parent.join("template.lock"))?;
    if !template.exists() {
        let part = parent.join(format!("{name}.part"));
        if part.exists() {
            fs::remove_dir_all(&part).map_err(Error::os(format!("remove {}", part.display())))?;
        }
        initdb(tools, run_as, &part)?;
        fs::rename(&part, &template).map_err(Error::os(format!("rename {}", part.display())))?;
    }
    drop(making);
    copy(&template, data, run_as).map_err(Error::os(format!("copy {}", template.display())))
}

fn initdb(tools: &PostgresTools, run_as: RunAs, data: &Path) -> Result<()> {
    fs::create_dir(data).map_err(Error::os(format!("make the folder {}", data.display())))?;
    run_as
        .give(data)
        .map_err(Error::os(format!("give away {}", data.display())))?;
    let program = tools.bin.join("initdb");
    let spec = run_as
        .spec(&program)
        .name("initdb")
        .args(["--username=postgres", "--auth=trust", "--encoding=UTF8", "--locale=C"])
        .args(["--no-sync", "--no-instructions", "-D"])
        .arg(data)
        .dir("/");
    let process = Process::start(&spec)?;
    let status = process.wait(INITDB_WAIT)?;
    if status.success() {
        return Ok(());
    }
    // Complete by now: the process has ended.
    drop(process.lines());
    Err(Error::Failed {
        program,
        status,
        said: process.tail(QUOTED),
    })
}

/// Copies a folder with all that is in it; the file system shares the blocks where it can.
fn copy(from: &Path, to: &Path, run_as: RunAs) -> io::Result<()> {
    fs::create_dir(to)?;
    fs::set_permissions(to, fs::metadata(from)?.permissions())?;
    run_as.give(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        if entry.file_type()?.is_dir() {
            copy(&source, &target, run_as)?;
        } else {
            fs::copy(&source, &target)?;
            run_as.give(&target)?;
        }
    }
    Ok(())
}
