//! criu, which writes the processes of a container to files and makes them again from there.
//!
//! It is a program of its own, driven over its RPC. Nothing of it is looked for before a checkpoint or restore.

mod message;
mod outside;
mod session;

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use palisade_cgroup::{Controller, Group, GroupPath, Version};
use palisade_oci::Spec;
use rustix::fs::{AtFlags, FileType};
use rustix::process::Pid;

pub(crate) use message::Kind;
use message::{CgroupMode, CgroupRoot, Options, PageServer};
pub(crate) use session::{Notice, Session};

use crate::error::{During, Error, Result};
use crate::execute::open_directory;
use crate::host::{CAP_SYS_ADMIN, Host};
use crate::plan::Plan;

/// Refuses where criu would fail half way: it needs more rights than a user namespace gives.
///
/// # Errors
/// A caller without `CAP_SYS_ADMIN`.
pub(crate) fn check_rights(host: &Host) -> Result<()> {
    if host.holds(CAP_SYS_ADMIN) {
        return Ok(());
    }
    Err(Error::new("criu checkpoints and restores for root alone").hint("this process lacks CAP_SYS_ADMIN"))
}

/// What a checkpoint and a restore have in common; the names are those of criu's options.
#[derive(Debug, Clone, Default)]
pub struct ImageOptions {
    /// The directory of the images.
    pub images: PathBuf,
    /// The directory of criu's log; none for that of the images.
    pub work: Option<PathBuf>,
    /// Keeps open TCP connections.
    pub tcp_established: bool,
    /// Allows Unix sockets whose other end is outside.
    pub external_unix_sockets: bool,
    /// Allows a terminal that is not the container's own.
    pub shell_job: bool,
    /// Keeps file locks.
    pub file_locks: bool,
    /// What becomes of the cgroups.
    pub cgroups: CgroupHandling,
    /// The container gets a new and empty network namespace.
    pub empty_network: bool,
    /// Drops what was written already, or read.
    pub auto_dedup: bool,
    /// Memory is sent when it is first touched.
    pub lazy_pages: bool,
}

/// What only a checkpoint may be told.
#[derive(Debug, Clone, Default)]
pub struct DumpOptions {
    /// Writes memory alone, while the container runs; a later checkpoint writes what has changed since.
    pub pre_dump: bool,
    /// The images of an earlier checkpoint, relative to the directory of the images.
    pub parent: Option<String>,
    /// The container goes on afterwards.
    pub leave_running: bool,
    /// Skips TCP connections that are not established yet.
    pub tcp_skip_in_flight: bool,
    /// Links files that were unlinked back into the file system.
    pub link_remap: bool,
    /// Where memory is sent to.
    pub page_server: Option<PageServerAddress>,
    /// Gets a byte when the page server for `lazy_pages` is ready.
    pub status_descriptor: Option<i32>,
}

/// What takes the place of the security labels in the images; the names are those of criu's options.
#[derive(Debug, Clone, Copy, Default)]
pub struct RestoreLabels<'a> {
    /// The profile of AppArmor, or the SELinux context, of the processes: `TYPE:NAME`.
    pub lsm_profile: Option<&'a str>,
    /// The SELinux context of mounts that have one (criu 3.16).
    pub lsm_mount_context: Option<&'a str>,
}

/// What becomes of the cgroups, criu's `--manage-cgroups`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CgroupHandling {
    /// Groups and limits are restored where they are missing.
    #[default]
    Soft,
    /// Groups and limits are restored.
    Full,
    /// As full, and it is an error where one exists.
    Strict,
    /// They are those that the runtime makes.
    Ignore,
}

impl FromStr for CgroupHandling {
    type Err = Error;

    fn from_str(word: &str) -> Result<Self> {
        match word {
            "soft" => Ok(Self::Soft),
            "full" => Ok(Self::Full),
            "strict" => Ok(Self::Strict),
            "ignore" => Ok(Self::Ignore),
            _ => Err(Error::new(format!("{word:?} is not one of soft, full, strict, ignore"))),
        }
    }
}

/// Host and port of a page server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageServerAddress {
    host: String,
    port: u16,
}

impl FromStr for PageServerAddress {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let parts = text.rsplit_once(':').and_then(|(host, port)| Some((host, port.parse().ok()?)));
        match parts {
            Some((host, port)) if !host.is_empty() => {
                Ok(Self { host: host.trim_matches(['[', ']']).to_owned(), port })
            }
            _ => Err(Error::new(format!("{text:?} is not of the form ADDRESS:PORT"))),
        }
    }
}

/// The directories of one dump or restore, open.
#[derive(Debug)]
pub(crate) struct Directories {
    images: OwnedFd,
    work: OwnedFd,
    log: PathBuf,
    log_name: &'static str,
}

impl Directories {
    pub(crate) fn open(options: &ImageOptions, log_name: &'static str) -> Result<Self> {
        if let Some(work) = &options.work {
            make_private(work).map_err(|error| error.context("--work-path"))?;
        }
        let work = options.work.as_ref().unwrap_or(&options.images);
        let open = |name: &str, path: &Path| open_directory(path).map_err(|error| error.context(name));
        Ok(Self {
            images: open("--image-path", &options.images)?,
            work: open("--work-path", work)?,
            log: work.join(log_name),
            log_name,
        })
    }

    /// Refuses earlier images that are not where images can lead to wherever they are moved.
    fn check_parent(&self, parent: &str) -> Result<()> {
        if parent.starts_with('/') {
            return Err(Error::new(format!("--parent-path: {parent} is not relative to --image-path")));
        }
        let what = format!("--parent-path: stat {parent} in --image-path");
        let status = rustix::fs::statat(&self.images, parent, AtFlags::empty()).during(what)?;
        match FileType::from_raw_mode(status.st_mode) {
            FileType::Directory => Ok(()),
            _ => Err(Error::new(format!("--parent-path: {parent} in --image-path is not a directory"))),
        }
    }

    /// criu's log.
    pub(crate) fn log(&self) -> &Path {
        &self.log
    }
}

/// Makes a directory where it is missing, and those above it: what is in the memory of processes is nobody else's.
pub(crate) fn make_private(path: &Path) -> Result<()> {
    let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path);
    made.during(format_args!("create {}", path.display()))
}

/// `CLONE_NEWNET`, in the width that criu takes it.
const CLONE_NEWNET: u32 = 0x4000_0000;

/// Words what dump and restore have in common.
fn common(directories: &Directories, options: &ImageOptions, root: &Path) -> Options {
    /// All that criu says: its log is read by people when it fails.
    const DEBUG: i32 = 4;
    let mode = match options.cgroups {
        CgroupHandling::Soft => CgroupMode::Soft,
        CgroupHandling::Full => CgroupMode::Full,
        CgroupHandling::Strict => CgroupMode::Strict,
        CgroupHandling::Ignore => CgroupMode::Ignore,
    };
    Options {
        images_directory: directories.images.as_raw_fd(),
        work_directory: Some(directories.work.as_raw_fd()),
        log_level: Some(DEBUG),
        log_file: Some(directories.log_name.to_owned()),
        root: Some(root.display().to_string()),
        notify: Some(true),
        manage_cgroups: Some(mode != CgroupMode::Ignore),
        cgroup_mode: Some(mode as i32),
        tcp_established: Some(options.tcp_established),
        external_unix_sockets: Some(options.external_unix_sockets),
        shell_job: Some(options.shell_job),
        file_locks: Some(options.file_locks),
        empty_namespaces: options.empty_network.then_some(CLONE_NEWNET),
        auto_dedup: Some(options.auto_dedup),
        lazy_pages: options.lazy_pages.then_some(true),
        orphan_pts_master: Some(true),
        ..Options::default()
    }
}

/// A container whose processes are written.
pub(crate) struct Dump<'a> {
    pub(crate) spec: &'a Spec,
    pub(crate) plan: &'a Plan,
    pub(crate) root: &'a Path,
    pub(crate) pid: Pid,
    pub(crate) group: Option<&'a Group>,
}

impl Dump<'_> {
    /// Words the request, and notes the standard streams beside the images.
    pub(crate) fn options(
        &self,
        directories: &Directories,
        images: &ImageOptions,
        dump: &DumpOptions,
    ) -> Result<Options> {
        let pid = self.pid.as_raw_nonzero().get();
        if let Some(parent) = &dump.parent {
            directories.check_parent(parent)?;
        }
        let mut options = common(directories, images, self.root);
        options.pid = Some(pid);
        options.leave_running = Some(dump.leave_running);
        options.track_memory = Some(dump.pre_dump || dump.parent.is_some());
        options.parent_images.clone_from(&dump.parent);
        options.tcp_skip_in_flight = Some(dump.tcp_skip_in_flight);
        options.link_remap = Some(dump.link_remap);
        options.status_descriptor = dump.status_descriptor;
        options.page_server = dump.page_server.as_ref().map(|server| PageServer {
            address: Some(server.host.clone()),
            port: Some(i32::from(server.port)),
        });
        options.freezer = self.group.and_then(freezer);
        options.external = outside::namespaces(self.spec)?;
        // A pre-dump looks at memory alone.
        if !dump.pre_dump {
            let mounts = outside::read_mounts(pid)?;
            let is_covered = |path: &str| outside::is_covered_from_outside(&mounts, path);
            // Inside, a mount is known by its place alone.
            let named = outside::mounts(self.plan, &is_covered)?.into_iter().map(|mut mount| {
                mount.value.clone_from(&mount.key);
                mount
            });
            options.external_mounts = named.collect();
            let streams = outside::streams(pid, &mounts);
            options.external.extend(outside::external_streams(&streams));
            outside::write_streams(&images.images, &streams)?;
        }
        Ok(options)
    }
}

/// The directory by which the kernel freezes the group: of the v1 freezer where there is one, because a v2 tree beside
/// it may have no processes.
fn freezer(group: &Group) -> Option<String> {
    let freezes_v1 = |version, controllers: &[Controller]| {
        version == Version::V1 && controllers.contains(&Controller::Freezer)
    };
    let v1 = group.directories().find(|directory| freezes_v1(directory.version, &directory.controllers));
    let directory = v1.or_else(|| group.directories().find(|directory| directory.version == Version::V2))?;
    Some(group.anchor().join(&directory.path).display().to_string())
}

/// A container whose processes are made again.
pub(crate) struct Restore<'a> {
    pub(crate) spec: &'a Spec,
    pub(crate) plan: &'a Plan,
    pub(crate) root: &'a Path,
    pub(crate) group: Option<&'a GroupPath>,
    pub(crate) labels: RestoreLabels<'a>,
}

/// A restore that is ready to begin.
pub(crate) struct Prepared {
    pub(crate) options: Options,
    namespaces: Vec<(OwnedFd, String)>,
}

impl Prepared {
    /// The descriptors that criu has to have.
    pub(crate) fn descriptors(&self) -> Vec<BorrowedFd<'_>> {
        self.namespaces.iter().map(|(file, _)| file.as_fd()).collect()
    }
}

impl Restore<'_> {
    /// Words the request.
    pub(crate) fn prepare(&self, directories: &Directories, images: &ImageOptions) -> Result<Prepared> {
        let namespaces = outside::open_namespaces(self.spec)?;
        let mut options = common(directories, images, self.root);
        options.as_sibling = Some(true);
        options.lsm_profile = self.labels.lsm_profile.map(ToOwned::to_owned);
        options.lsm_mount_context = self.labels.lsm_mount_context.map(ToOwned::to_owned);
        // Those that the image does not name are left alone by criu.
        options.external_mounts = outside::mounts(self.plan, &|_| true)?;
        options.inherited = outside::inherited_streams(&images.images)?;
        options.inherited.extend(outside::inherited_namespaces(&namespaces));
        if let Some(group) = self.group.filter(|_| images.cgroups != CgroupHandling::Ignore) {
            // Without a controller: in all hierarchies this group takes the place of the one that the images name.
            options.cgroup_roots = vec![CgroupRoot { controller: None, path: group.as_str().to_owned() }];
        }
        Ok(Prepared { options, namespaces })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_page_servers() {
        for (text, host, port) in [("10.0.0.1:9000", "10.0.0.1", 9000), ("[::1]:5", "::1", 5)] {
            let address: PageServerAddress = text.parse().unwrap();
            assert_eq!((address.host.as_str(), address.port), (host, port));
        }
        for text in ["", "9000", ":9000", "host:", "host:99999"] {
            assert!(text.parse::<PageServerAddress>().is_err(), "{text}");
        }
    }
}
