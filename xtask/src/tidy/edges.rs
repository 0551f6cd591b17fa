//! Dependencies between the crates point down only.

use std::collections::BTreeSet;

use anyhow::Result;

use crate::workspace::{Package, Workspace};

/// What each crate stands on; whatever that stands on in turn is allowed too.
const STANDS_ON: &[(&str, &[&str])] = &[
    ("palisade-sys", &[]),
    ("palisade-oci", &[]),
    ("palisade-cgroup", &["palisade-sys"]),
    ("palisade-namespace", &["palisade-sys"]),
    ("palisade-mount", &["palisade-sys"]),
    ("palisade-seccomp", &["palisade-sys"]),
    ("palisade-systemd", &["palisade-sys"]),
    ("palisade-network", &["palisade-namespace"]),
    ("palisade-image", &["palisade-mount", "palisade-oci"]),
    (
        "palisade-runtime",
        &[
            "palisade-cgroup",
            "palisade-namespace",
            "palisade-network",
            "palisade-mount",
            "palisade-seccomp",
            "palisade-systemd",
            "palisade-oci",
        ],
    ),
    ("palisade-shim", &["palisade-runtime"]),
    ("palisade-engine", &["palisade-runtime", "palisade-image"]),
    ("palisade-cli", &["palisade-engine", "palisade-runtime"]),
    ("palisade-tests", &["palisade-cli", "palisade-shim"]),
    // These two look at the others from outside and so depend on none but the raw system calls.
    ("palisade-benches", &["palisade-sys"]),
    ("xtask", &["palisade-sys"]),
];

/// Names each dependency edge that points up or sideways, and each crate that has no place in the graph.
pub(super) fn breaches(workspace: &Workspace) -> Result<Vec<String>> {
    Ok(workspace.packages().iter().flat_map(breaches_of).collect())
}

fn breaches_of(package: &Package) -> Vec<String> {
    let Some(allowed) = below(&package.name) else {
        return vec![format!("{}: has no place in the crate graph of xtask/src/tidy/edges.rs", package.name)];
    };
    let inner = package.dependencies.iter().filter(|dependency| dependency.path.is_some());
    inner
        .filter(|dependency| !allowed.contains(dependency.name.as_str()))
        .map(|dependency| format!("{} depends on {}: not below it", package.name, dependency.name))
        .collect()
}

/// Lists all that `name` may depend on; `None` for a crate that the graph does not know.
fn below(name: &str) -> Option<BTreeSet<&'static str>> {
    let (_, direct) = STANDS_ON.iter().find(|(krate, _)| *krate == name)?;
    let mut all: BTreeSet<&'static str> = direct.iter().copied().collect();
    for lower in *direct {
        all.extend(below(lower)?);
    }
    Some(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_graph_is_closed_and_has_no_cycle() {
        for (name, _) in STANDS_ON {
            let lower = below(name).expect("every crate named is in the graph");
            assert!(!lower.contains(name), "{name} stands on itself");
        }
    }

    #[test]
    fn what_is_below_is_transitive() {
        let cli = below("palisade-cli").expect("in the graph");
        assert!(cli.contains("palisade-sys") && cli.contains("palisade-network"));
        let cgroup = below("palisade-cgroup").expect("in the graph");
        assert!(!cgroup.contains("palisade-oci") && !cgroup.contains("palisade-runtime"));
        assert!(below("serde").is_none());
    }
}
