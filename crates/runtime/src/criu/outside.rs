//! What a container has of the world outside, which an image cannot hold: bound mounts, joined namespaces and the
//! standard streams.

use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use palisade_mount::mountinfo::{self, MountInfo};
use palisade_mount::{Op, OpenRoot, RootSource};
use palisade_oci::{NamespaceKind, Spec};
use rustix::fs::{CWD, Mode, OFlags};

use super::message::{ExternalMount, InheritedDescriptor};
use crate::error::{During, Error, Result};
use crate::plan::{InitOp, Plan};

/// The file in the directory of images that names the standard streams, as runc writes and reads it.
const DESCRIPTORS: &str = "descriptors.json";

/// Lists the mounts that come from the host, each by its place in the container, with what is bound there.
///
/// What covers a masked file is one of them where it is the host's `/dev/null`: the container had none of its own.
pub(super) fn mounts(plan: &Plan, is_covered: &dyn Fn(&str) -> bool) -> Result<Vec<ExternalMount>> {
    let mut mounts = Vec::new();
    for step in &plan.init {
        let InitOp::FileSystem(op) = &step.op else { continue };
        match op {
            Op::Bind(bind) => {
                mounts.push(ExternalMount { key: bind.target.to_string(), value: bind.source.to_string() });
            }
            Op::Mask { path, .. } if is_covered(&path.to_string()) => {
                mounts.push(ExternalMount { key: path.to_string(), value: "/dev/null".to_owned() });
            }
            Op::OpenRoot(OpenRoot { source: RootSource::Attached { .. }, .. }) => {
                return Err(Error::new("it has no mount namespace of its own"));
            }
            Op::OpenRoot(root) if !matches!(root.source, RootSource::Directory { .. }) => {
                return Err(Error::new("its root file system is put together of layers")
                    .hint("only a container with a directory for its root can be checkpointed"));
            }
            _ => {}
        }
    }
    Ok(mounts)
}

/// Reads the mounts that a process sees.
pub(super) fn read_mounts(pid: i32) -> Result<Vec<MountInfo>> {
    mountinfo::read_from(Path::new(&format!("/proc/{pid}/mountinfo")))
        .map_err(|error| Error::new(error.to_string()))
}

/// Tells whether the file at `path` is covered by a device node of a file system that is not the container's own.
pub(super) fn is_covered_from_outside(mounts: &[MountInfo], path: &str) -> bool {
    let at = mounts.iter().rev().find(|mount| mount.target == Path::new(path));
    at.is_some_and(|covering| {
        let is_whole = |mount: &MountInfo| mount.device == covering.device && mount.root == Path::new("/");
        covering.root != Path::new("/") && !mounts.iter().any(is_whole)
    })
}

/// The names by which criu knows the joined namespaces at a dump: `net[4026531840]:net`.
pub(super) fn namespaces(spec: &Spec) -> Result<Vec<String>> {
    let named = joined(spec).map(|(kind, path)| {
        let status = rustix::fs::stat(path).during(format_args!("stat {path}"))?;
        Ok(format!("{kind}[{}]:{}", status.st_ino, key(kind)))
    });
    named.collect()
}

/// Opens the namespaces that a restored container joins.
pub(super) fn open_namespaces(spec: &Spec) -> Result<Vec<(OwnedFd, String)>> {
    let opened = joined(spec).map(|(kind, path)| {
        let flags = OFlags::RDONLY | OFlags::CLOEXEC;
        let file = rustix::fs::openat(CWD, path, flags, Mode::empty()).during(format_args!("open {path}"))?;
        Ok((file, key(kind)))
    });
    opened.collect()
}

fn key(kind: &str) -> String {
    format!("palisade-{kind}")
}

/// The namespaces with a path of the kinds that criu can leave out of an image.
fn joined(spec: &Spec) -> impl Iterator<Item = (&'static str, &str)> {
    spec.linux.namespaces.iter().filter(|namespace| !namespace.path.is_empty()).filter_map(|namespace| {
        let kind = match namespace.kind {
            NamespaceKind::Network => "net",
            NamespaceKind::Pid => "pid",
            _ => return None,
        };
        Some((kind, namespace.path.as_str()))
    })
}

/// What the standard streams of a process are, as criu names them: `pipe:[7]` for a pipe, `file[1f:8a2]`, a mount's id
/// and an inode, for a file of a mount that the container does not see, and otherwise the path.
pub(super) fn streams(pid: i32, mounts: &[MountInfo]) -> Vec<String> {
    let name = |number: i32| {
        let path = format!("/proc/{pid}/fd/{number}");
        let link = std::fs::read_link(&path).map(|target| target.to_string_lossy().into_owned());
        let link = link.unwrap_or_default();
        let is_file = link.starts_with('/');
        let foreign =
            mount_of(pid, number).filter(|id| is_file && mounts.iter().all(|mount| mount.id != *id));
        match (foreign, rustix::fs::stat(path.as_str())) {
            (Some(mount), Ok(status)) => format!("file[{mount:x}:{:x}]", status.st_ino),
            _ => link,
        }
    };
    (0..3).map(name).collect()
}

/// Reads the id of the mount that a descriptor is of, `proc_pid_fdinfo(5)`.
fn mount_of(pid: i32, number: i32) -> Option<u32> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/fdinfo/{number}")).ok()?;
    text.lines().find_map(|line| line.strip_prefix("mnt_id:"))?.trim().parse().ok()
}

/// Those of the streams that criu has to leave out of the images: files that the container does not see.
pub(super) fn external_streams(streams: &[String]) -> impl Iterator<Item = String> {
    let mut foreign: Vec<String> =
        streams.iter().filter(|stream| stream.starts_with("file[")).cloned().collect();
    foreign.sort_unstable();
    foreign.dedup();
    foreign.into_iter()
}

/// Writes the streams beside the images.
pub(super) fn write_streams(images: &Path, streams: &[String]) -> Result<()> {
    let path = images.join(DESCRIPTORS);
    let text = serde_json::to_vec(streams).map_err(|error| Error::new(format!("write streams: {error}")))?;
    std::fs::write(&path, text).during(format_args!("write {}", path.display()))
}

/// Gives the restored process the caller's standard streams where the old ones were not the container's own.
pub(super) fn inherited_streams(images: &Path) -> Result<Vec<InheritedDescriptor>> {
    let path = images.join(DESCRIPTORS);
    let text = match std::fs::read(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(Error::new(format!("read {}: {error}", path.display()))),
    };
    let streams: Vec<String> = serde_json::from_slice(&text)
        .map_err(|error| Error::new(format!("{}: {error}", path.display())).hint("a list of three texts"))?;
    let numbered = (0..3).zip(streams);
    Ok(numbered
        .filter(|(_, stream)| ["pipe:[", "file["].iter().any(|outside| stream.starts_with(outside)))
        .map(|(descriptor, key)| InheritedDescriptor { key, descriptor })
        .collect())
}

/// Pairs namespaces with their numbers in this process and so in criu.
pub(super) fn inherited_namespaces(opened: &[(OwnedFd, String)]) -> Vec<InheritedDescriptor> {
    use std::os::fd::AsRawFd;
    let pair = |(file, key): &(OwnedFd, String)| InheritedDescriptor {
        key: key.clone(),
        descriptor: file.as_fd().as_raw_fd(),
    };
    opened.iter().map(pair).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mask_of_the_own_dev_is_not_from_outside() {
        let text = b"30 20 0:40 / / rw - ext4 /dev/vda rw\n31 30 0:41 / /dev rw - tmpfs tmpfs rw\n\
            32 30 0:41 /null /proc/keys rw - tmpfs tmpfs rw\n33 30 0:6 /null /proc/kcore rw - devtmpfs udev rw\n\
            34 30 0:50 / /proc/acpi ro - tmpfs tmpfs rw\n";
        let mounts = mountinfo::parse(text).unwrap();
        assert!(!is_covered_from_outside(&mounts, "/proc/keys"), "the container's own null");
        assert!(is_covered_from_outside(&mounts, "/proc/kcore"), "the host's null");
        assert!(!is_covered_from_outside(&mounts, "/proc/acpi"), "a tmpfs of its own");
        assert!(!is_covered_from_outside(&mounts, "/proc/none"), "no mount at all");
    }

    #[test]
    fn streams_from_outside_are_passed_on() {
        let directory = tempfile::tempdir().unwrap();
        assert!(inherited_streams(directory.path()).unwrap().is_empty(), "no list, no streams");
        let streams = ["/dev/null", "pipe:[12]", "file[1f:a]"].map(str::to_owned);
        write_streams(directory.path(), &streams).unwrap();
        let inherited = inherited_streams(directory.path()).unwrap();
        let pairs: Vec<(&str, i32)> = inherited.iter().map(|i| (i.key.as_str(), i.descriptor)).collect();
        assert_eq!(pairs, [("pipe:[12]", 1), ("file[1f:a]", 2)]);
        assert_eq!(external_streams(&streams).collect::<Vec<_>>(), ["file[1f:a]"]);
    }
}
