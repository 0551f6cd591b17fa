//! Paths inside the root: resolved by the kernel, created by descriptor.

use std::ffi::CStr;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{Mode, OFlags, ResolveFlags, mkdirat, openat, openat2, readlinkat_raw};
use rustix::io::Errno;

use crate::failure::{At, Failure, Step};

/// Says whether symbolic links on the way are followed (inside the root) or refused.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Links {
    Follow,
    Refuse,
}

/// `PATH_MAX`, the NUL included.
const PATH: usize = 4096;
/// `NAME_MAX` and the NUL.
const NAME: usize = 256;
/// As many links as the kernel itself follows in one path.
const MAX_LINKS: u32 = 40;
/// A rename or a mount elsewhere makes the kernel give up with `EAGAIN`; it passes.
const MAX_TRIES: u32 = 128;

const DIRECTORY: OFlags = OFlags::PATH.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

/// A path on the stack, always NUL-terminated.
struct Buffer<const SIZE: usize = PATH> {
    bytes: [u8; SIZE],
    length: usize,
}

impl<const SIZE: usize> Buffer<SIZE> {
    const fn new() -> Self {
        Self { bytes: [0; SIZE], length: 0 }
    }

    fn of(parts: &[&[u8]]) -> Result<Self, Failure> {
        let mut buffer = Self::new();
        for byte in parts.iter().flat_map(|part| part.iter()) {
            // The last place is the NUL's.
            match buffer.bytes.get_mut(buffer.length) {
                Some(place) if buffer.length < SIZE - 1 => *place = *byte,
                _ => return Err(Failure::new(Step::CheckPath, Errno::NAMETOOLONG)),
            }
            buffer.length += 1;
        }
        Ok(buffer)
    }

    fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }

    fn as_c_str(&self) -> &CStr {
        CStr::from_bytes_until_nul(&self.bytes).unwrap_or_default()
    }
}

/// One component of a path.
pub(crate) struct Name(Buffer<NAME>);

impl Name {
    pub(crate) fn new(bytes: &[u8]) -> Result<Self, Failure> {
        Ok(Self(Buffer::of(&[bytes])?))
    }

    pub(crate) fn as_c_str(&self) -> &CStr {
        self.0.as_c_str()
    }
}

/// Opens what a path inside the root leads to.
///
/// `/`, `..` and absolute links stay inside the root; magic links of procfs are refused.
/// See `openat2(2)`, Linux 5.6.
pub(crate) fn open(
    root: BorrowedFd<'_>,
    path: &CStr,
    flags: OFlags,
    links: Links,
) -> Result<OwnedFd, Failure> {
    let mut resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
    if links == Links::Refuse {
        resolve |= ResolveFlags::NO_SYMLINKS;
    }
    let mut tries = 0;
    loop {
        match openat2(root, path, flags | OFlags::CLOEXEC, Mode::empty(), resolve) {
            Err(Errno::AGAIN) if tries < MAX_TRIES => tries += 1,
            result => return result.at(Step::OpenAt2),
        }
    }
}

/// Opens a path, or says that there is nothing, also where something on the way is no directory.
pub(crate) fn open_if_present(
    root: BorrowedFd<'_>,
    path: &CStr,
    flags: OFlags,
) -> Result<Option<OwnedFd>, Failure> {
    match open(root, path, flags, Links::Follow) {
        Ok(fd) => Ok(Some(fd)),
        Err(failure) if matches!(failure.errno, Errno::NOENT | Errno::NOTDIR) => Ok(None),
        Err(failure) => Err(failure),
    }
}

/// Opens a directory, making it and what is missing above it.
pub(crate) fn directory(
    root: BorrowedFd<'_>,
    path: &CStr,
    mode: Mode,
    links: Links,
) -> Result<OwnedFd, Failure> {
    match existing_directory(root, path, links)? {
        Some(directory) => Ok(directory),
        None => missing_directory(root, path, mode, links),
    }
}

/// Opens a directory, or says that there is nothing.
pub(crate) fn existing_directory(
    root: BorrowedFd<'_>,
    path: &CStr,
    links: Links,
) -> Result<Option<OwnedFd>, Failure> {
    match open(root, path, DIRECTORY, links) {
        Ok(directory) => Ok(Some(directory)),
        Err(failure) if failure.errno == Errno::NOENT => Ok(None),
        Err(failure) => Err(failure),
    }
}

/// Makes a directory that is not there, and what is missing above it.
pub(crate) fn missing_directory(
    root: BorrowedFd<'_>,
    path: &CStr,
    mode: Mode,
    links: Links,
) -> Result<OwnedFd, Failure> {
    let make = |parent: BorrowedFd<'_>, name: &CStr| mkdirat(parent, name, mode);
    let (parent, name) = make_at(root, path, links, Step::MkdirAt, make)?;
    openat(&parent, name.as_c_str(), DIRECTORY | OFlags::NOFOLLOW, Mode::empty()).at(Step::OpenAt)
}

/// Opens anything that is there, or makes an empty file and what is missing above it.
pub(crate) fn file(root: BorrowedFd<'_>, path: &CStr) -> Result<OwnedFd, Failure> {
    match open(root, path, OFlags::PATH, Links::Follow) {
        Err(failure) if failure.errno == Errno::NOENT => {}
        result => return result,
    }
    let (parent, name) = make_at(root, path, Links::Follow, Step::OpenAt, create)?;
    open_name(parent.as_fd(), &name)
}

/// Makes an empty file, or opens what has the name, if that is no link.
pub(crate) fn make_file(parent: BorrowedFd<'_>, name: &Name) -> Result<OwnedFd, Failure> {
    match create(parent, name.as_c_str()) {
        Ok(()) | Err(Errno::EXIST) => open_name(parent, name),
        Err(errno) => Err(Failure::new(Step::OpenAt, errno)),
    }
}

/// Makes an empty file. Its descriptor could be written to and is not kept: others only stand on it.
fn create(parent: BorrowedFd<'_>, name: &CStr) -> Result<(), Errno> {
    let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    openat(parent, name, flags, Mode::from_raw_mode(0o644)).map(drop)
}

/// Opens a directory's entry that is no link (`ELOOP`).
pub(crate) fn open_name(parent: BorrowedFd<'_>, name: &Name) -> Result<OwnedFd, Failure> {
    // Without O_NOFOLLOW: together with O_PATH it would open the link itself.
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS;
    openat2(parent, name.as_c_str(), OFlags::PATH | OFlags::CLOEXEC, Mode::empty(), resolve).at(Step::OpenAt2)
}

/// Finds the directory that a path's last component belongs in, making what is missing, and that component,
/// which is not followed.
pub(crate) fn locate(root: BorrowedFd<'_>, path: &CStr, links: Links) -> Result<(OwnedFd, Name), Failure> {
    let mut full: Buffer = Buffer::of(&[path.to_bytes()])?;
    for _ in 0..MAX_LINKS {
        match locate_once(root, &full, links)? {
            Found::Place { parent, name, .. } => return Ok((parent, name)),
            Found::Link(next) => full = next,
        }
    }
    Err(Failure::new(Step::ReadlinkAt, Errno::LOOP))
}

/// Makes a path's last component with `make`, and what is missing above it.
///
/// A link that leads to something that does not exist yet is followed inside the root: images have
/// such links (`/etc/resolv.conf`), and what they lead to is what has to be made. Something else of that
/// name, made in the meantime, is left to whoever opens it.
fn make_at(
    root: BorrowedFd<'_>,
    path: &CStr,
    links: Links,
    step: Step,
    make: impl Fn(BorrowedFd<'_>, &CStr) -> Result<(), Errno>,
) -> Result<(OwnedFd, Name), Failure> {
    let mut full: Buffer = Buffer::of(&[path.to_bytes()])?;
    for _ in 0..MAX_LINKS {
        let (parent, name, start) = match locate_once(root, &full, links)? {
            Found::Place { parent, name, start } => (parent, name, start),
            Found::Link(next) => {
                full = next;
                continue;
            }
        };
        match make(parent.as_fd(), name.as_c_str()) {
            Ok(()) => return Ok((parent, name)),
            Err(Errno::EXIST) => {}
            Err(errno) => return Err(Failure::new(step, errno)),
        }
        match read_link(parent.as_fd(), &name)? {
            None => return Ok((parent, name)),
            Some(_) if links == Links::Refuse => break,
            Some(link) => full = substitute(full.as_bytes().get(..start).unwrap_or_default(), &link, b"")?,
        }
    }
    Err(Failure::new(Step::ReadlinkAt, Errno::LOOP))
}

/// Takes a path apart before its last component, which has to be a name.
pub(crate) fn split(path: &[u8]) -> Result<(&[u8], &[u8]), Failure> {
    let end = path.iter().rposition(|byte| *byte != b'/').map_or(0, |at| at + 1);
    let (path, _) = path.split_at(end);
    let start = path.iter().rposition(|byte| *byte == b'/').map_or(0, |at| at + 1);
    let (above, name) = path.split_at(start);
    if matches!(name, b"" | b"." | b"..") {
        return Err(Failure::new(Step::CheckPath, Errno::INVAL));
    }
    Ok((above, name))
}

#[expect(clippy::large_enum_variant, reason = "there is no heap to box it on")]
enum Found {
    /// The directory, the component, and where in the path the component begins.
    Place { parent: OwnedFd, name: Name, start: usize },
    /// A link was in the way: the path with the link's text in its place.
    Link(Buffer),
}

fn locate_once(root: BorrowedFd<'_>, full: &Buffer, links: Links) -> Result<Found, Failure> {
    let (above, name) = split(full.as_bytes())?;
    let parent = match open_or_walk(root, above, name, links)? {
        Walked::Directory(parent) => parent,
        Walked::Link(rest) => return Ok(Found::Link(rest)),
    };
    Ok(Found::Place { parent, name: Name::new(name)?, start: above.len() })
}

#[expect(clippy::large_enum_variant, reason = "there is no heap to box it on")]
enum Walked {
    Directory(OwnedFd),
    Link(Buffer),
}

/// Opens the directory `above`, or walks down to it and makes what is missing.
fn open_or_walk(root: BorrowedFd<'_>, above: &[u8], name: &[u8], links: Links) -> Result<Walked, Failure> {
    // An empty path would be no path at all.
    let whole: Buffer = if above.is_empty() { Buffer::of(&[b"/"])? } else { Buffer::of(&[above])? };
    match open(root, whole.as_c_str(), DIRECTORY, links) {
        Err(failure) if failure.errno == Errno::NOENT => {}
        result => return result.map(Walked::Directory),
    }
    let mut here = open(root, c"/", DIRECTORY, links)?;
    let mut start = 0;
    for component in above.split(|byte| *byte == b'/') {
        let end = start + component.len();
        if !component.is_empty() {
            let (upto, rest) = above.split_at(end);
            match open(root, Buffer::<PATH>::of(&[upto])?.as_c_str(), DIRECTORY, links) {
                Ok(next) => here = next,
                Err(failure) if failure.errno == Errno::NOENT => {
                    let missing = Name::new(component)?;
                    if let Some(link) = make_directory(here.as_fd(), &missing)? {
                        if links == Links::Refuse {
                            return Err(Failure::new(Step::ReadlinkAt, Errno::LOOP));
                        }
                        let (before, _) = above.split_at(start);
                        let tail: Buffer = Buffer::of(&[rest, name])?;
                        return Ok(Walked::Link(substitute(before, &link, tail.as_bytes())?));
                    }
                    let flags = DIRECTORY | OFlags::NOFOLLOW;
                    here = openat(&here, missing.as_c_str(), flags, Mode::empty()).at(Step::OpenAt)?;
                }
                Err(failure) => return Err(failure),
            }
        }
        start = end + 1;
    }
    Ok(Walked::Directory(here))
}

/// Makes one directory; gives the text of the link that has its name, if one has.
fn make_directory(parent: BorrowedFd<'_>, name: &Name) -> Result<Option<Buffer>, Failure> {
    match mkdirat(parent, name.as_c_str(), Mode::from_raw_mode(0o755)) {
        Ok(()) => Ok(None),
        Err(Errno::EXIST) => read_link(parent, name),
        Err(errno) => Err(Failure::new(Step::MkdirAt, errno)),
    }
}

/// Reads a link; `None` if there is nothing or something else.
fn read_link(parent: BorrowedFd<'_>, name: &Name) -> Result<Option<Buffer>, Failure> {
    let mut text = [MaybeUninit::uninit(); PATH];
    match readlinkat_raw(parent, name.as_c_str(), &mut text) {
        Ok((text, _)) => Buffer::of(&[text]).map(Some),
        Err(Errno::INVAL | Errno::NOENT) => Ok(None),
        Err(errno) => Err(Failure::new(Step::ReadlinkAt, errno)),
    }
}

/// Puts a link's text in the place of the link.
fn substitute(before: &[u8], link: &Buffer, after: &[u8]) -> Result<Buffer, Failure> {
    if link.as_bytes().first() == Some(&b'/') {
        Buffer::of(&[link.as_bytes(), after])
    } else {
        Buffer::of(&[before, link.as_bytes(), after])
    }
}
