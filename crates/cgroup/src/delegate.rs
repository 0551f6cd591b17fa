//! Giving a group to a user.

use crate::recipe::{Directory, join};
use crate::{Error, Group, Version, file};
use rustix::fs::{AtFlags, Gid, Uid};
use rustix::io::Errno;

/// Where the kernel lists the files that a v2 delegation takes; kernel 4.15.
pub(crate) const LIST: &str = "/sys/kernel/cgroup/delegate";
/// What that file lists at the least.
pub(crate) const V2_FILES: &str = "cgroup.procs\ncgroup.threads\ncgroup.subtree_control";
pub(crate) const V1_FILES: &str = "cgroup.procs\ntasks";

impl Group {
    /// Gives the group to a user, who may then make groups below it and move own processes within, in every
    /// hierarchy; its limits stay out of the user's reach.
    ///
    /// See "Delegation" in cgroup-v2.rst of the kernel.
    ///
    /// # Errors
    /// Names the file whose owner could not be changed.
    pub fn delegate(&self, uid: Uid, gid: Gid) -> Result<(), Error> {
        let v2_files = file::read_path_text(LIST).unwrap_or_else(|_| V2_FILES.to_owned());
        for directory in self.directories() {
            let files = if directory.version == Version::V1 { V1_FILES } else { &v2_files };
            self.give(directory, "", uid, gid)?;
            files.lines().try_for_each(|name| self.give(directory, name, uid, gid))?;
        }
        Ok(())
    }

    /// Changes the owner of a file of the group, or of its directory if `name` is empty.
    fn give(&self, directory: &Directory, name: &str, uid: Uid, gid: Gid) -> Result<(), Error> {
        let path = if name.is_empty() { directory.path.clone() } else { join(&directory.path, name) };
        match rustix::fs::chownat(
            &self.anchor,
            path.as_str(),
            Some(uid),
            Some(gid),
            AtFlags::SYMLINK_NOFOLLOW,
        ) {
            // The list is the kernel's and the file a controller's that is not enabled here.
            Err(Errno::NOENT) if !name.is_empty() => Ok(()),
            Err(errno) => {
                let operation = format!("chown to {}:{}", uid.as_raw(), gid.as_raw());
                Err(Error::call(operation, self.full(&path), errno))
            }
            Ok(()) => Ok(()),
        }
    }
}
