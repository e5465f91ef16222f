//! As whom PostgreSQL runs: it refuses to be root, and to be somebody whom the system has no name for.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::error::{Error, Result};
use crate::find::on_path;
use crate::spec::Spec;

/// A user who is not root, by number, with the number of their group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct User {
    id: u32,
    group: u32,
}

/// A way to run PostgreSQL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RunAs {
    /// As whoever we are, since we are not root.
    Ourselves,
    /// As root who takes himself for another: the files stay root's, and shared memory goes with the last process.
    Namespace(User),
    /// As another, who must own the folder, and be able to reach it.
    Another(User),
}

impl RunAs {
    /// Finds a way that works here.
    pub(crate) fn find() -> Result<Self> {
        if !rustix::process::geteuid().is_root() {
            return Ok(Self::Ourselves);
        }
        let users = fs::read_to_string("/etc/passwd").map_err(Error::os("read /etc/passwd"))?;
        let user = anybody(&users).ok_or(Error::OnlyRoot)?;
        [Self::Namespace(user), Self::Another(user)]
            .into_iter()
            .find(|way| way.works())
            .ok_or(Error::OnlyRoot)
    }

    /// A word for the folders that can be used by this way only.
    pub(crate) fn tag(self) -> String {
        match self {
            Self::Ourselves | Self::Namespace(_) => "own".to_owned(),
            Self::Another(user) => format!("user-{}", user.id),
        }
    }

    /// The command that runs `program` this way; it becomes the program, under the same process id.
    pub(crate) fn spec(self, program: &Path) -> Spec {
        match self.wrapper() {
            None => Spec::new(program),
            Some((wrapper, args)) => Spec::new(on_path(wrapper).unwrap_or_else(|| PathBuf::from(wrapper)))
                .args(args)
                .arg(program),
        }
    }

    /// Makes a file or a folder the property of whoever runs.
    pub(crate) fn give(self, path: &Path) -> io::Result<()> {
        match self {
            Self::Ourselves | Self::Namespace(_) => Ok(()),
            Self::Another(user) => std::os::unix::fs::chown(path, Some(user.id), Some(user.group)),
        }
    }

    fn wrapper(self) -> Option<(&'static str, Vec<String>)> {
        match self {
            Self::Ourselves => None,
            Self::Namespace(user) => {
                let map = format!("--map-user={}", user.id);
                Some((
                    "unshare",
                    vec!["--user".to_owned(), map, "--ipc".to_owned(), "--".to_owned()],
                ))
            }
            Self::Another(user) => {
                let (id, group) = (format!("--reuid={}", user.id), format!("--regid={}", user.group));
                Some(("setpriv", vec![id, group, "--clear-groups".to_owned(), "--".to_owned()]))
            }
        }
    }

    fn works(self) -> bool {
        self.wrapper().is_none_or(|(wrapper, args)| {
            Command::new(wrapper)
                .args(args)
                .arg("true")
                .output()
                .is_ok_and(|said| said.status.success())
        })
    }
}

/// `nobody`, else whoever comes first in the list of users and is not root.
fn anybody(users: &str) -> Option<User> {
    let listed: Vec<(&str, User)> = users
        .lines()
        .filter_map(|line| {
            let mut fields = line.split(':');
            let name = fields.next()?;
            let (id, group) = (fields.nth(1)?.parse().ok()?, fields.next()?.parse().ok()?);
            (id != 0).then_some((name, User { id, group }))
        })
        .collect();
    listed
        .iter()
        .find(|(name, _)| *name == "nobody")
        .or(listed.first())
        .map(|(_, user)| *user)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_taken_before_others_and_root_never() {
        let users = "root:x:0:0::/root:/bin/sh\ndaemon:x:1:2::/:\nnobody:x:65534:65533::/:\n";
        assert_eq!(
            anybody(users),
            Some(User {
                id: 65_534,
                group: 65_533
            })
        );
        assert_eq!(
            anybody("root:x:0:0::/root:/bin/sh\ndaemon:x:1:2::/:\n"),
            Some(User { id: 1, group: 2 })
        );
        assert_eq!(anybody("root:x:0:0::/root:/bin/sh\n+\n"), None);
    }
}
