//! A cpio archive in the "newc" format, the one that the kernel unpacks (its `buffer-format.rst` describes it).

use anyhow::{Context, Result};

/// The bits of a mode that say what a file is.
const DIRECTORY: u32 = 0o040_000;
const REGULAR: u32 = 0o100_000;
const SYMLINK: u32 = 0o120_000;
const CHARACTER_DEVICE: u32 = 0o020_000;

/// An archive that grows; every file in it belongs to root.
#[derive(Debug, Default)]
pub(super) struct Archive {
    bytes: Vec<u8>,
    inode: u32,
}

/// Major and minor number of a device.
type Device = (u32, u32);

impl Archive {
    /// Adds a directory; its parents have to be there before.
    pub(super) fn directory(&mut self, path: &str, permissions: u32) -> Result<()> {
        self.entry(path, DIRECTORY | permissions, (0, 0), &[])
    }

    /// Adds a file with its content.
    pub(super) fn file(&mut self, path: &str, permissions: u32, content: &[u8]) -> Result<()> {
        self.entry(path, REGULAR | permissions, (0, 0), content)
    }

    /// Adds a symbolic link.
    pub(super) fn symlink(&mut self, path: &str, target: &str) -> Result<()> {
        self.entry(path, SYMLINK | 0o777, (0, 0), target.as_bytes())
    }

    /// Adds a character device.
    pub(super) fn character_device(&mut self, path: &str, permissions: u32, device: Device) -> Result<()> {
        self.entry(path, CHARACTER_DEVICE | permissions, device, &[])
    }

    /// Ends the archive.
    pub(super) fn finish(mut self) -> Result<Vec<u8>> {
        self.entry("TRAILER!!!", 0, (0, 0), &[])?;
        Ok(self.bytes)
    }

    fn entry(&mut self, path: &str, mode: u32, device: Device, content: &[u8]) -> Result<()> {
        let size =
            u32::try_from(content.len()).with_context(|| format!("{path}: too large for an archive"))?;
        let name_size = u32::try_from(path.len() + 1).with_context(|| format!("{path}: name too long"))?;
        self.inode += 1;
        self.bytes.extend_from_slice(b"070701");
        // inode, mode, uid, gid, links, time, size, device, device of a node, length of the name, checksum
        let fields = [self.inode, mode, 0, 0, 1, 0, size, 0, 0, device.0, device.1, name_size, 0];
        for field in fields {
            self.bytes.extend_from_slice(format!("{field:08x}").as_bytes());
        }
        self.bytes.extend_from_slice(path.as_bytes());
        self.bytes.push(0);
        self.pad();
        self.bytes.extend_from_slice(content);
        self.pad();
        Ok(())
    }

    fn pad(&mut self) {
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_laid_out_as_the_kernel_reads_them() {
        let mut archive = Archive::default();
        archive.file("a", 0o644, b"hello").expect("small");
        let bytes = archive.finish().expect("small");
        let header = concat!(
            "070701",
            "00000001000081a4000000000000000000000001000000000000000500000000000000000000000000000000",
            "0000000200000000"
        );
        assert_eq!(&bytes[..110], header.as_bytes());
        assert_eq!(&bytes[110..112], b"a\0");
        assert_eq!(&bytes[112..120], b"hello\0\0\0");
        assert_eq!(bytes.len() % 4, 0);
        assert!(bytes.windows(11).any(|window| window == b"TRAILER!!!\0"));
    }
}
