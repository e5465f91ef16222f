//! Who depends on whom, as far as the fences ask.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};
use cargo_metadata::{DependencyKind, Metadata, PackageId};

/// The packages of the workspace.
#[derive(Debug, Default)]
pub(crate) struct Graph {
    /// By name.
    pub(crate) rooms: BTreeMap<String, Room>,
}

/// A package of the workspace. Dependencies of build scripts count as normal ones.
#[derive(Debug, Default)]
pub(crate) struct Room {
    /// The rooms that it names as dependencies.
    pub(crate) rooms: BTreeSet<String>,
    /// The rooms that only its tests need.
    pub(crate) test_rooms: BTreeSet<String>,
    /// Everything that it links, directly or not, without what only tests need.
    pub(crate) linked: BTreeSet<String>,
}

impl Graph {
    /// Reads it from cargo's own metadata.
    pub(crate) fn of(metadata: &Metadata) -> Result<Self> {
        let members: BTreeSet<String> = metadata
            .workspace_packages()
            .iter()
            .map(|package| package.name.to_string())
            .collect();
        let mut rooms = BTreeMap::new();
        for package in metadata.workspace_packages() {
            let of_kind = |test: bool| {
                let declared = package.dependencies.iter();
                declared
                    .filter(|dependency| (dependency.kind == DependencyKind::Development) == test)
                    .map(|dependency| dependency.name.clone())
                    .filter(|name| members.contains(name))
                    .collect()
            };
            let room = Room {
                rooms: of_kind(false),
                test_rooms: of_kind(true),
                linked: linked(metadata, &package.id)?,
            };
            rooms.insert(package.name.to_string(), room);
        }
        Ok(Self { rooms })
    }
}

/// The names of all packages that `root` links.
fn linked(metadata: &Metadata, root: &PackageId) -> Result<BTreeSet<String>> {
    let resolve = metadata
        .resolve
        .as_ref()
        .context("cargo metadata has no resolved dependencies")?;
    let nodes: BTreeMap<_, _> = resolve.nodes.iter().map(|node| (&node.id, node)).collect();
    let mut found = BTreeSet::from([root]);
    let mut open = vec![root];
    while let Some(id) = open.pop() {
        let node = nodes
            .get(id)
            .with_context(|| format!("cargo metadata does not resolve {id}"))?;
        for dependency in &node.deps {
            let needed = dependency
                .dep_kinds
                .iter()
                .any(|how| how.kind != DependencyKind::Development);
            if needed && found.insert(&dependency.pkg) {
                open.push(&dependency.pkg);
            }
        }
    }
    found.remove(root);
    Ok(found.into_iter().map(|id| metadata[id].name.to_string()).collect())
}
