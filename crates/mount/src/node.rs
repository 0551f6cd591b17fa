//! Device nodes, FIFOs, links and the console.

use std::ffi::CStr;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{
    AtFlags, CWD, FileType, Gid, Mode, OFlags, StatxAttributes, StatxFlags, Uid, chownat, fstat, makedev,
    mknodat, open, readlinkat_raw, statx, symlinkat, unlinkat,
};
use rustix::io::Errno;

use crate::attributes::Reach;
use crate::bind::clone_at;
use crate::failure::{At, Failure, Step};
use crate::filesystem::attach;
use crate::op::{Existing, Node, NodeKind, NodeSource, Symlink};
use crate::perform::State;
use crate::resolve::{self, Links, Name};

/// The kind and number that a special file has to have.
#[derive(Clone, Copy)]
pub(crate) struct Device {
    pub(crate) kind: FileType,
    pub(crate) number: u64,
}

impl Device {
    /// `/dev/null`, `c 1:3`.
    pub(crate) fn null() -> Self {
        Self { kind: FileType::CharacterDevice, number: makedev(1, 3) }
    }

    fn of(node: &Node) -> Self {
        let kind = match node.kind {
            NodeKind::Character => FileType::CharacterDevice,
            NodeKind::Block => FileType::BlockDevice,
            NodeKind::Fifo => return Self { kind: FileType::Fifo, number: 0 },
        };
        Self { kind, number: makedev(node.major, node.minor) }
    }

    /// Looks at an open descriptor, so that nobody can change what was looked at.
    pub(crate) fn check(self, file: BorrowedFd<'_>) -> Result<(), Failure> {
        let stat = fstat(file).at(Step::Fstat)?;
        let same = FileType::from_raw_mode(stat.st_mode) == self.kind
            && (self.kind == FileType::Fifo || stat.st_rdev == self.number);
        if same { Ok(()) } else { Err(Failure::new(Step::CheckDevice, Errno::NODEV)) }
    }
}

/// The directory that the last node or link went to. Most of them go to `/dev`, one after the other.
#[derive(Debug)]
pub(crate) struct Place {
    parent: OwnedFd,
    above: [u8; Self::LONGEST],
    length: usize,
}

impl Place {
    const LONGEST: usize = 32;

    fn is(&self, above: &[u8]) -> bool {
        self.above.get(..self.length) == Some(above)
    }
}

/// Finds where a node or a link goes.
fn take_place(path: &CStr, state: &mut State<'_>) -> Result<(OwnedFd, Name), Failure> {
    let (above, name) = resolve::split(path.to_bytes())?;
    match state.place.take() {
        Some(place) if place.is(above) => Ok((place.parent, Name::new(name)?)),
        _ => resolve::locate(state.opened_root()?, path, Links::Follow),
    }
}

/// Keeps the directory for the operation that comes next.
fn keep_place(path: &CStr, parent: OwnedFd, state: &mut State<'_>) -> Result<(), Failure> {
    let (from, _) = resolve::split(path.to_bytes())?;
    let mut above = [0; Place::LONGEST];
    if from.len() <= above.len() {
        for (to, from) in above.iter_mut().zip(from) {
            *to = *from;
        }
        state.place = Some(Place { parent, above, length: from.len() });
    }
    Ok(())
}

/// Makes a node, or binds the host's.
pub(crate) fn node(op: &Node, state: &mut State<'_>) -> Result<(), Failure> {
    state.clear_umask();
    let (parent, name) = take_place(&op.path, state)?;
    node_at(op, &parent, &name, state)?;
    keep_place(&op.path, parent, state)
}

fn node_at(op: &Node, parent: &OwnedFd, name: &Name, state: &State<'_>) -> Result<(), Failure> {
    match &op.source {
        NodeSource::Make => make(op, parent.as_fd(), name),
        NodeSource::Bind(host) => bind_node(op, host, parent.as_fd(), name, state),
        NodeSource::MakeOrBind(host) => match make(op, parent.as_fd(), name) {
            Err(failure) if failure.step == Step::MknodAt && failure.errno == Errno::PERM => {
                bind_node(op, host, parent.as_fd(), name, state)
            }
            result => result,
        },
    }
}

fn make(op: &Node, parent: BorrowedFd<'_>, name: &Name) -> Result<(), Failure> {
    let device = Device::of(op);
    let mode = Mode::from_raw_mode(op.mode & 0o7777);
    let there = match mknodat(parent, name.as_c_str(), device.kind, mode, device.number) {
        Ok(()) => None,
        Err(Errno::EXIST) => Some(resolve::open_name(parent, name)?),
        Err(errno) => return Err(Failure::new(Step::MknodAt, errno)),
    };
    if let Some(file) = &there {
        // An image may bring its nodes along; any other file of that name is not what was asked for.
        device.check(file.as_fd())?;
    }
    // What is there may be the host's own node, bound: it keeps its owner where no other was asked for.
    if op.uid == 0 && op.gid == 0 {
        return Ok(());
    }
    let file = match there {
        Some(file) => file,
        None => resolve::open_name(parent, name)?,
    };
    device.check(file.as_fd())?;
    let owner = Some(Uid::from_raw(op.uid));
    let group = Some(Gid::from_raw(op.gid));
    chownat(&file, c"", owner, group, AtFlags::EMPTY_PATH).at(Step::FchownAt)
}

/// Binds the host's node onto an empty file, after a look at what it really is.
fn bind_node(
    op: &Node,
    host: &CStr,
    parent: BorrowedFd<'_>,
    name: &Name,
    state: &State<'_>,
) -> Result<(), Failure> {
    state.outside()?;
    let source = open(host, OFlags::PATH | OFlags::CLOEXEC, Mode::empty()).at(Step::OpenAt)?;
    Device::of(op).check(source.as_fd())?;
    let target = resolve::make_file(parent, name)?;
    let tree = clone_at(source.as_fd(), Reach::Mount)?;
    attach(tree.as_fd(), target.as_fd())
}

/// Makes a symbolic link.
pub(crate) fn symlink(op: &Symlink, state: &mut State<'_>) -> Result<(), Failure> {
    state.clear_umask();
    let (parent, name) = take_place(&op.path, state)?;
    link_at(&op.target, parent.as_fd(), &name, op.existing)?;
    keep_place(&op.path, parent, state)
}

/// Makes a link that says `target`.
pub(crate) fn link(
    target: &[u8],
    parent: BorrowedFd<'_>,
    name: &Name,
    existing: Existing,
) -> Result<(), Failure> {
    let mut buffer = [0_u8; 4097];
    for (to, from) in buffer.iter_mut().zip(target).take(4096) {
        *to = *from;
    }
    let target = CStr::from_bytes_until_nul(&buffer).unwrap_or_default();
    link_at(target, parent, name, existing)
}

fn link_at(target: &CStr, parent: BorrowedFd<'_>, name: &Name, existing: Existing) -> Result<(), Failure> {
    match symlinkat(target, parent, name.as_c_str()) {
        Err(Errno::EXIST) => {}
        result => return result.at(Step::SymlinkAt),
    }
    let mut text = [MaybeUninit::uninit(); 4096];
    if let Ok((text, _)) = readlinkat_raw(parent, name.as_c_str(), &mut text)
        && *text == *target.to_bytes()
    {
        return Ok(());
    }
    if existing == Existing::Keep {
        return Err(Failure::new(Step::SymlinkAt, Errno::EXIST));
    }
    match unlinkat(parent, name.as_c_str(), AtFlags::empty()) {
        Ok(()) => symlinkat(target, parent, name.as_c_str()).at(Step::SymlinkAt),
        // Somebody has mounted what he wants there.
        Err(Errno::BUSY) => Ok(()),
        // As it says of a directory that is mounted on.
        Err(Errno::ISDIR) if is_mount(parent, name) => Ok(()),
        Err(errno) => Err(Failure::new(Step::UnlinkAt, errno)),
    }
}

fn is_mount(parent: BorrowedFd<'_>, name: &Name) -> bool {
    let stat = statx(parent, name.as_c_str(), AtFlags::SYMLINK_NOFOLLOW, StatxFlags::empty());
    stat.is_ok_and(|stat| stat.stx_attributes.contains(StatxAttributes::MOUNT_ROOT))
}

/// Binds the slave that the runtime opened onto the console's name, which must not be a link.
pub(crate) fn console(path: &CStr, state: &mut State<'_>) -> Result<(), Failure> {
    state.clear_umask();
    let root = state.opened_root()?;
    let slave = state.console().ok_or(Failure::new(Step::CheckOrder, Errno::BADF))?;
    let (parent, name) = resolve::locate(root, path, Links::Refuse)?;
    let target = resolve::make_file(parent.as_fd(), &name)?;
    let tree = clone_at(slave, Reach::Mount)?;
    attach(tree.as_fd(), target.as_fd())
}

/// Opens the host's `/dev/null` and makes sure that it is one.
pub(crate) fn host_null() -> Result<OwnedFd, Failure> {
    let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let null = rustix::fs::openat(CWD, c"/dev/null", flags, Mode::empty()).at(Step::OpenAt)?;
    Device::null().check(null.as_fd())?;
    Ok(null)
}
