//! Reads `/proc/PID/mountinfo`.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use crate::Error;

/// One line of `mountinfo`: see `proc_pid_mountinfo(5)`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MountInfo {
    /// The mount's id.
    pub id: u32,
    /// The id of the mount it is on.
    pub parent: u32,
    /// Major and minor number of the file system's device.
    pub device: (u32, u32),
    /// The piece of the file system that is mounted.
    pub root: PathBuf,
    /// Where, as seen from the reader's root.
    pub target: PathBuf,
    /// Options of the mount, `rw,nosuid`.
    pub options: String,
    /// Optional fields, `shared:12`.
    pub propagation: Vec<String>,
    /// The type, with a subtype after a dot.
    pub fstype: String,
    /// What is mounted, as the file system calls it.
    pub source: OsString,
    /// Options of the superblock.
    pub super_options: String,
}

impl MountInfo {
    /// Reads one line.
    pub fn parse(line: &[u8]) -> Result<Self, Error> {
        Self::fields(line).ok_or_else(|| {
            Error::new(
                "read mountinfo line",
                String::from_utf8_lossy(line),
                "it is not of the form in proc(5)",
            )
        })
    }

    fn fields(line: &[u8]) -> Option<Self> {
        // A single space separates; an empty source leaves two of them.
        let mut fields = line.split(|byte| *byte == b' ');
        let id = number(fields.next()?)?;
        let parent = number(fields.next()?)?;
        let (major, minor) = std::str::from_utf8(fields.next()?).ok()?.split_once(':')?;
        let device = (major.parse().ok()?, minor.parse().ok()?);
        let root = PathBuf::from(unescape(fields.next()?));
        let target = PathBuf::from(unescape(fields.next()?));
        let options = text(fields.next()?);
        let mut propagation = Vec::new();
        loop {
            match fields.next()? {
                b"-" => break,
                field => propagation.push(text(field)),
            }
        }
        let fstype = text(fields.next()?);
        let source = unescape(fields.next()?);
        let super_options = text(fields.next()?);
        let info =
            Self { id, parent, device, root, target, options, propagation, fstype, source, super_options };
        Some(info)
    }

    /// Says whether the mount has an option, `ro`.
    #[must_use]
    pub fn has(&self, option: &str) -> bool {
        self.options.split(',').any(|one| one == option)
    }

    /// Says whether the superblock has an option; v1 cgroup hierarchies name their controllers so.
    #[must_use]
    pub fn super_has(&self, option: &str) -> bool {
        self.super_options.split(',').any(|one| one == option)
    }

    /// Gives the peer group, if the mount is shared.
    #[must_use]
    pub fn peer_group(&self) -> Option<u32> {
        self.tag("shared:")
    }

    /// Gives the peer group that events come from, if the mount is a slave.
    #[must_use]
    pub fn master(&self) -> Option<u32> {
        self.tag("master:")
    }

    fn tag(&self, name: &str) -> Option<u32> {
        self.propagation.iter().find_map(|field| field.strip_prefix(name)?.parse().ok())
    }
}

/// Reads a whole file, in its order: later mounts on the same target cover earlier ones.
pub fn parse(content: &[u8]) -> Result<Vec<MountInfo>, Error> {
    content.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).map(MountInfo::parse).collect()
}

/// Reads the calling process's mounts.
pub fn read() -> Result<Vec<MountInfo>, Error> {
    read_from(Path::new("/proc/self/mountinfo"))
}

/// Reads the mounts of another process, or a copy.
pub fn read_from(path: &Path) -> Result<Vec<MountInfo>, Error> {
    let content =
        std::fs::read(path).map_err(|error| Error::new("read", path.to_string_lossy(), error.to_string()))?;
    parse(&content)
}

fn number(field: &[u8]) -> Option<u32> {
    std::str::from_utf8(field).ok()?.parse().ok()
}

fn text(field: &[u8]) -> String {
    unescape(field).to_string_lossy().into_owned()
}

fn unescape(field: &[u8]) -> OsString {
    OsString::from_vec(palisade_sys::mountinfo::unescape(field))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_all_fields() {
        let line = br"36 35 98:0 /mnt1 /mnt\0402 rw,noatime shared:1 master:7 - ext3.sub /dev/a\134b rw,errors=continue";
        let info = MountInfo::parse(line).unwrap();
        assert_eq!((info.id, info.parent, info.device), (36, 35, (98, 0)));
        assert_eq!(info.root, Path::new("/mnt1"));
        assert_eq!(info.target, Path::new("/mnt 2"));
        assert!(info.has("noatime") && !info.has("atime"));
        assert_eq!(info.peer_group(), Some(1));
        assert_eq!(info.master(), Some(7));
        assert_eq!(info.fstype, "ext3.sub");
        assert_eq!(info.source, r"/dev/a\b");
        assert!(info.super_has("errors=continue"));
    }

    #[test]
    fn takes_odd_lines() {
        let empty_source = b"1 2 0:3 / /x rw -  tmpfs  rw";
        assert!(MountInfo::parse(empty_source).is_ok());
        let private = MountInfo::parse(b"1 2 0:3 / /x ro - tmpfs  rw").unwrap();
        assert_eq!(private.source, "");
        assert_eq!(private.peer_group(), None);
        let not_octal = MountInfo::parse(br"1 2 0:3 / /a\9\12 rw - tmpfs a\777 rw").unwrap();
        assert_eq!(not_octal.target, Path::new(r"/a\9\12"));
        assert_eq!(not_octal.source, r"a\777");
    }

    #[test]
    fn refuses_what_is_not_mountinfo() {
        for line in [&b""[..], b"1 2 3", b"a 2 0:3 / /x rw - t s rw", b"1 2 0:3 / /x rw shared:1 t s rw"] {
            assert!(MountInfo::parse(line).is_err(), "{}", String::from_utf8_lossy(line));
        }
        assert!(parse(b"1 2 0:3 / / rw - t s rw\n\nx\n").is_err());
    }

    #[test]
    fn reads_this_machine() {
        assert!(read().unwrap().iter().any(|info| info.target == Path::new("/proc")));
    }
}
