//! Controllers of the v2 tree, mounted as v1 hierarchies for the time of the measurement.
//!
//! crun refuses a machine that has v1 hierarchies and at the same time controllers in the v2 tree. All subjects see
//! the hierarchies that are mounted here, the floor too.

use std::ffi::CString;
use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};

use crate::hierarchy::{self, Version};

/// A hierarchy ends some time after its unmount, and not at all when a group in it was not yet freed by then.
const UNMOUNTS: u32 = 10;
const LOOKS_PER_UNMOUNT: u32 = 20;
const BETWEEN_LOOKS: Duration = Duration::from_millis(20);

/// The controllers that are mounted as v1 until they are given back, or until this is dropped.
#[derive(Debug, Default)]
pub(crate) struct Borrowed {
    controllers: Vec<Controller>,
}

#[derive(Debug)]
struct Controller {
    name: String,
    directory: PathBuf,
}

impl Borrowed {
    /// Mounts each controller of the v2 tree as v1, if there are v1 hierarchies beside that tree.
    ///
    /// An error leaves those mounted that were before it.
    pub(crate) fn borrow_all(&mut self) -> Result<()> {
        let hierarchies = hierarchy::mounted()?;
        let Some(v1) = hierarchies.iter().find(|hierarchy| hierarchy.version == Version::V1) else {
            return Ok(());
        };
        let Some(v2) = hierarchies.iter().find(|hierarchy| hierarchy.version == Version::V2) else {
            return Ok(());
        };
        let parent = v1.path.parent().context("a hierarchy is mounted on /")?;
        let file = v2.path.join("cgroup.controllers");
        let text = fs::read_to_string(&file).with_context(|| format!("read {}", file.display()))?;
        for name in text.split_whitespace() {
            self.borrow(parent, if name == "io" { "blkio" } else { name })?;
        }
        Ok(())
    }

    fn borrow(&mut self, parent: &Path, name: &str) -> Result<()> {
        let directory = parent.join(name);
        fs::create_dir(&directory).with_context(|| format!("mkdir {}", directory.display()))?;
        if let Err(error) = mount_v1(name, &directory) {
            fs::remove_dir(&directory).with_context(|| format!("rmdir {}", directory.display()))?;
            return Err(error);
        }
        self.controllers.push(Controller { name: name.to_owned(), directory });
        Ok(())
    }

    /// Unmounts what was mounted and waits until the v2 tree has it back.
    pub(crate) fn give_back(mut self) -> Result<()> {
        self.return_all()
    }

    fn return_all(&mut self) -> Result<()> {
        let mut first_error = Ok(());
        for controller in self.controllers.drain(..) {
            first_error = first_error.and(controller.give_back());
        }
        first_error
    }
}

impl Drop for Borrowed {
    fn drop(&mut self) {
        if let Err(error) = self.return_all() {
            eprintln!("bench: {error:#}");
        }
    }
}

impl Controller {
    fn give_back(&self) -> Result<()> {
        self.unmount()?;
        for _ in 1..UNMOUNTS {
            if self.returns()? {
                break;
            }
            // Only another unmount ends a hierarchy that was not empty at the first.
            mount_v1(&self.name, &self.directory)?;
            self.unmount()?;
        }
        fs::remove_dir(&self.directory).with_context(|| format!("rmdir {}", self.directory.display()))?;
        if !self.returns()? {
            bail!("{} is not back in the v2 tree: mounted as v1 it has groups of somebody else", self.name);
        }
        Ok(())
    }

    fn unmount(&self) -> Result<()> {
        unmount(&self.directory, UnmountFlags::empty())
            .with_context(|| format!("umount {}", self.directory.display()))
    }

    /// Waits a while for the controller to return to the v2 tree.
    fn returns(&self) -> Result<bool> {
        for _ in 0..LOOKS_PER_UNMOUNT {
            if is_in_v2(&self.name)? {
                return Ok(true);
            }
            thread::sleep(BETWEEN_LOOKS);
        }
        Ok(false)
    }
}

fn mount_v1(name: &str, directory: &Path) -> Result<()> {
    let options = CString::new(name)?;
    let flags = MountFlags::NOSUID | MountFlags::NOEXEC | MountFlags::NODEV;
    mount("cgroup", directory, "cgroup", flags, options.as_c_str())
        .with_context(|| format!("mount cgroup on {} with option {name}", directory.display()))
}

/// Tells from /proc/cgroups whether no v1 hierarchy holds the controller.
fn is_in_v2(controller: &str) -> Result<bool> {
    let text = fs::read_to_string("/proc/cgroups").context("read /proc/cgroups")?;
    for line in text.lines() {
        let mut fields = line.split_whitespace();
        if fields.next() == Some(controller) {
            return Ok(fields.next() == Some("0"));
        }
    }
    bail!("/proc/cgroups has no {controller}")
}
