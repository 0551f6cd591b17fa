//! Compiled system call filters, kept in the state directory: a configuration says the same filter again and again, and
//! compiling one takes longer than reading it.
//!
//! A file begins with all that its filter was compiled from, which is compared; so another filter is never taken for it,
//! whoever wrote the configuration. What cannot be read or written is compiled anew, and nobody has to know.

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use palisade_oci::Seccomp;
use palisade_seccomp::{Filter, Instruction};
use rustix::fs::{CWD, Mode, OFlags, fstat, openat};

use crate::plan::{ExecOp, Plan};

/// Their directory below the state directory: no container has such an id.
const DIRECTORY: &str = "@filters";
/// How many are kept. When there are more, all go: those that are still in use come back.
const MOST: usize = 64;
/// The most bytes of a file: the longest filter, and a configuration far longer than any.
const LONGEST: u64 = 1 << 20;

/// What a filter is compiled from, as bytes that are equal only where all of it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Key {
    path: PathBuf,
    bytes: Vec<u8>,
}

impl Key {
    /// Of a section, and of the socket that an annotation names for its agent.
    pub(crate) fn of(state: &Path, section: &Seccomp, receiver: Option<&str>) -> Option<Self> {
        let mut bytes = Bytes(Vec::with_capacity(8 * 1024));
        program()?.hash(&mut bytes);
        section.hash(&mut bytes);
        receiver.hash(&mut bytes);
        let mut name = DefaultHasher::new();
        name.write(&bytes.0);
        let path = state.join(DIRECTORY).join(format!("{:016x}", name.finish()));
        Some(Self { path, bytes: bytes.0 })
    }

    /// Reads the filter; none where it is not kept.
    pub(crate) fn find(&self) -> Option<Filter> {
        let file =
            openat(CWD, &self.path, OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty());
        let file = file.ok()?;
        let status = fstat(&file).ok()?;
        let length = u64::try_from(status.st_size).ok().filter(|length| *length <= LONGEST)?;
        if status.st_uid != rustix::process::geteuid().as_raw() || status.st_mode & 0o022 != 0 {
            return None;
        }
        let mut text = vec![0; usize::try_from(length).ok()?];
        let count = rustix::io::read(&file, &mut text).ok()?;
        read(text.get(..count)?.strip_prefix(self.bytes.as_slice())?)
    }

    /// Keeps the filter of a plan. The state directory has to be there.
    pub(crate) fn keep(&self, plan: &Plan) {
        let filter = plan.exec.iter().find_map(|step| match &step.op {
            ExecOp::Seccomp { filter, .. } => Some(filter),
            _ => None,
        });
        if let Some(filter) = filter {
            // Without it the next start takes a little longer.
            let _kept = self.write(filter);
        }
    }

    fn write(&self, filter: &Filter) -> std::io::Result<()> {
        let Some(directory) = self.path.parent() else { return Ok(()) };
        match fs::DirBuilder::new().mode(0o700).create(directory) {
            Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => return Err(error),
            _ => make_room(directory)?,
        }
        let unfinished = self.path.with_extension(std::process::id().to_string());
        let text = [self.bytes.as_slice(), &written(filter)].concat();
        let mut options = fs::OpenOptions::new();
        let mut file = options.write(true).create_new(true).mode(0o600).open(&unfinished)?;
        std::io::Write::write_all(&mut file, &text)?;
        fs::rename(&unfinished, &self.path)
    }
}

/// Which program compiles: another version may do so in another way.
fn program() -> Option<[u64; 6]> {
    let file = fs::metadata("/proc/self/exe").ok()?;
    let seconds = [file.mtime(), file.ctime()].map(i64::cast_unsigned);
    let parts = i64::cast_unsigned(file.ctime_nsec());
    Some([file.dev(), file.ino(), file.size(), seconds[0], seconds[1], parts])
}

fn make_room(directory: &Path) -> std::io::Result<()> {
    let kept: Vec<_> = fs::read_dir(directory)?.collect::<std::io::Result<_>>()?;
    if kept.len() >= MOST {
        for file in kept {
            fs::remove_file(file.path())?;
        }
    }
    Ok(())
}

/// Writes a filter: its flags and its instructions as the kernel has them. The names that it does not know were for
/// whoever compiled it.
fn written(filter: &Filter) -> Vec<u8> {
    let mut text = filter.flags.to_le_bytes().to_vec();
    for Instruction { code, jt, jf, k } in &filter.instructions {
        text.extend_from_slice(&code.to_le_bytes());
        text.extend_from_slice(&[*jt, *jf]);
        text.extend_from_slice(&k.to_le_bytes());
    }
    text
}

fn read(text: &[u8]) -> Option<Filter> {
    let (flags, instructions) = text.split_first_chunk()?;
    let (instructions, rest) = instructions.as_chunks::<8>();
    let instruction = |[c0, c1, jt, jf, k @ ..]: &[u8; 8]| Instruction {
        code: u16::from_le_bytes([*c0, *c1]),
        jt: *jt,
        jf: *jf,
        k: u32::from_le_bytes(*k),
    };
    (rest.is_empty() && !instructions.is_empty()).then(|| Filter {
        instructions: instructions.iter().map(instruction).collect(),
        flags: u32::from_le_bytes(*flags),
        unknown: Vec::new(),
    })
}

/// Takes what would be hashed as it is.
struct Bytes(Vec<u8>);

impl Hasher for Bytes {
    fn write(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    fn finish(&self) -> u64 {
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn section(name: &str) -> Seccomp {
        let text = format!(
            r#"{{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{{"names": ["{name}"], "action": "SCMP_ACT_ERRNO"}}]}}"#
        );
        palisade_oci::parse_as("test", text.as_bytes()).unwrap()
    }

    fn key(state: &Path, name: &str) -> Key {
        Key::of(state, &section(name), None).unwrap()
    }

    fn filter(value: u32) -> Filter {
        let instruction = Instruction { code: 6, jt: 1, jf: 2, k: value };
        Filter { instructions: vec![instruction; 3], flags: value, unknown: Vec::new() }
    }

    #[test]
    fn a_filter_is_found_by_all_that_it_was_compiled_from() {
        let state = tempfile::tempdir().unwrap();
        let of_mkdir = key(state.path(), "mkdir");
        assert_eq!(of_mkdir.find(), None);
        of_mkdir.write(&filter(7)).unwrap();
        assert_eq!(of_mkdir.find(), Some(filter(7)));
        assert_eq!(key(state.path(), "rmdir").find(), None);
        let with_agent = Key::of(state.path(), &section("mkdir"), Some("/agent")).unwrap();
        assert_eq!(with_agent.find(), None);
        // What a wrong name leads to is no filter of it.
        let same_name = Key { path: of_mkdir.path, bytes: with_agent.bytes };
        assert_eq!(same_name.find(), None);
    }

    #[test]
    fn what_is_damaged_or_of_somebody_else_is_left() {
        use std::os::unix::fs::{PermissionsExt, symlink};
        let state = tempfile::tempdir().unwrap();
        let key = key(state.path(), "mkdir");
        key.write(&filter(7)).unwrap();
        let text = fs::read(&key.path).unwrap();
        for length in [0, 5, key.bytes.len(), key.bytes.len() + 4, text.len() - 1] {
            fs::write(&key.path, &text[..length]).unwrap();
            assert_eq!(key.find(), None, "{length}");
        }
        fs::write(&key.path, &text).unwrap();
        fs::set_permissions(&key.path, fs::Permissions::from_mode(0o620)).unwrap();
        assert_eq!(key.find(), None);
        fs::set_permissions(&key.path, fs::Permissions::from_mode(0o600)).unwrap();
        assert_eq!(key.find(), Some(filter(7)));
        let elsewhere = state.path().join("elsewhere");
        fs::rename(&key.path, &elsewhere).unwrap();
        symlink(&elsewhere, &key.path).unwrap();
        assert_eq!(key.find(), None);
    }

    #[test]
    fn there_is_an_end_to_how_many_are_kept() {
        let state = tempfile::tempdir().unwrap();
        for number in 0..MOST + 3 {
            key(state.path(), &format!("call{number}")).write(&filter(1)).unwrap();
        }
        let kept = fs::read_dir(state.path().join(DIRECTORY)).unwrap().count();
        assert_eq!(kept, 3);
        let gone = state.path().join("gone");
        assert!(key(&gone, "mkdir").write(&filter(1)).is_err());
        assert!(!gone.exists());
    }
}
