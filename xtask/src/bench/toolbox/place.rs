//! What the compared commands are about: a group, a network namespace with a name, a process with namespaces of its own.

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result};

use crate::child::words;
use crate::hierarchy;

/// All that was made for the comparison.
#[derive(Debug)]
pub(super) struct Place {
    /// The name of the group and of the network namespace.
    pub(super) name: String,
    groups: Vec<PathBuf>,
    /// A process in a uts, an ipc and a network namespace of its own.
    sleeper: Child,
}

impl Place {
    pub(super) fn make() -> Result<Self> {
        let name = format!("palisade-bench-{}", std::process::id());
        let sleeper = Command::new("unshare")
            .args(["--uts", "--ipc", "--net", "sleep", "100000"])
            .stdin(Stdio::null())
            .spawn()
            .context("execute unshare")?;
        let mut place = Self { name, groups: Vec::new(), sleeper };
        match place.fill() {
            Ok(()) => Ok(place),
            Err(error) => place.remove().and(Err(error)),
        }
    }

    fn fill(&mut self) -> Result<()> {
        for hierarchy in hierarchy::mounted()? {
            let group = hierarchy.path.join(&self.name);
            for path in [group.clone(), group.join("a"), group.join("b")] {
                fs::create_dir(&path).with_context(|| format!("make {}", path.display()))?;
                self.groups.push(path);
            }
        }
        self.ip("add")
    }

    /// The process with namespaces of its own.
    pub(super) fn pid(&self) -> String {
        self.sleeper.id().to_string()
    }

    /// Removes all of it; what cannot be removed does not keep the rest.
    pub(super) fn remove(mut self) -> Result<()> {
        let killed = self.sleeper.kill().and_then(|()| self.sleeper.wait()).context("end a sleeper");
        let mut result = killed.map(drop).and(self.ip("del"));
        for path in self.groups.iter().rev() {
            let removed = fs::remove_dir(path).with_context(|| format!("remove {}", path.display()));
            result = result.and(removed);
        }
        result
    }

    fn ip(&self, verb: &str) -> Result<()> {
        let mut command = Command::new("ip");
        command.args(["netns", verb, &self.name]);
        let status = command.status().with_context(|| words(&command))?;
        anyhow::ensure!(status.success(), "{}: {status}", words(&command));
        Ok(())
    }
}
