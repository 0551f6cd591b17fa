//! The interpreter: one operation at a time, in the container's init.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::Mode;
use rustix::io::Errno;
use rustix::process::umask;

use crate::failure::{Failure, Step};
use crate::{Op, bind, enter, filesystem, mask, node, resolve, root};

/// Where the process stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// In the host's tree: host paths mean what they say.
    Outside,
    /// In the container's root: they would be resolved in it.
    Inside,
}

/// Says whether mounts of the old root may have peers outside this namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OldRoot {
    Shared,
    Separate,
}

/// Says whether the process's umask still takes part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Umask {
    Inherited,
    Cleared,
}

/// What the operations leave for those that follow: descriptors, no memory.
///
/// The umask is 0 once something was made; the runtime sets the container's before the last exec.
#[derive(Debug)]
pub struct State<'a> {
    trees: &'a [OwnedFd],
    pub(crate) root: Option<OwnedFd>,
    pub(crate) console: Option<OwnedFd>,
    pub(crate) null: Option<OwnedFd>,
    pub(crate) empty: Option<OwnedFd>,
    pub(crate) procfs: Option<OwnedFd>,
    pub(crate) place: Option<node::Place>,
    pub(crate) phase: Phase,
    pub(crate) old_root: OldRoot,
    umask: Umask,
}

impl Default for State<'_> {
    fn default() -> Self {
        Self::new()
    }
}

impl<'a> State<'a> {
    /// Starts in a new mount namespace, with nothing done.
    #[must_use]
    pub const fn new() -> Self {
        Self::with_trees(&[])
    }

    /// Starts with mounts of the host that the root and binds may ask for, by their places in `trees`; those of binds are
    /// detached.
    #[must_use]
    pub const fn with_trees(trees: &'a [OwnedFd]) -> Self {
        Self {
            trees,
            root: None,
            console: None,
            null: None,
            empty: None,
            procfs: None,
            place: None,
            phase: Phase::Outside,
            old_root: OldRoot::Shared,
            umask: Umask::Inherited,
        }
    }

    /// Gives the root's descriptor (`O_PATH`), once [`Op::OpenRoot`] is done.
    #[must_use]
    pub fn root(&self) -> Option<BorrowedFd<'_>> {
        self.root.as_ref().map(AsFd::as_fd)
    }

    /// Gives the root of a procfs that was mounted just now, until something else is done: nothing lies on it yet.
    #[must_use]
    pub fn procfs(&self) -> Option<BorrowedFd<'_>> {
        self.procfs.as_ref().map(AsFd::as_fd)
    }

    /// Hands over the pseudo-terminal's slave that [`Op::Console`] binds; it has to be of a devpts of
    /// this mount namespace.
    pub fn set_console(&mut self, slave: OwnedFd) {
        self.console = Some(slave);
    }

    /// Gives the slave back, for the standard streams.
    #[must_use]
    pub fn console(&self) -> Option<BorrowedFd<'_>> {
        self.console.as_ref().map(AsFd::as_fd)
    }

    pub(crate) fn tree(&self, index: usize) -> Result<BorrowedFd<'a>, Failure> {
        self.trees.get(index).map(AsFd::as_fd).ok_or(Failure::new(Step::CheckOrder, Errno::BADF))
    }

    pub(crate) fn opened_root(&self) -> Result<BorrowedFd<'_>, Failure> {
        self.root().ok_or(Failure::new(Step::CheckOrder, Errno::BADF))
    }

    pub(crate) fn outside(&self) -> Result<(), Failure> {
        match self.phase {
            Phase::Outside => Ok(()),
            Phase::Inside => Err(Failure::new(Step::CheckOrder, Errno::XDEV)),
        }
    }

    /// Takes the umask out of the way: modes are the configuration's.
    pub(crate) fn clear_umask(&mut self) {
        if self.umask == Umask::Inherited {
            umask(Mode::empty());
            self.umask = Umask::Cleared;
        }
    }
}

/// Carries out one operation.
///
/// Allocates nothing, takes no lock and does not panic. A failure leaves what was already attached: the
/// mount namespace is the container's own and goes with it.
pub fn perform(op: &Op, state: &mut State<'_>) -> Result<(), Failure> {
    if !matches!(op, Op::Node(_) | Op::Symlink(_)) {
        // Anything else may change where the path leads.
        state.place = None;
    }
    if !matches!(op, Op::Label { .. } | Op::Remount(_)) {
        // A descriptor that stayed would be one more that a container's working directory could be.
        state.procfs = None;
    }
    match op {
        Op::Propagation(propagation) => root::change_old(*propagation, state),
        Op::OpenRoot(open) => root::open(open, state),
        Op::Mount(mount) => filesystem::mount(mount, state),
        Op::Bind(op) => bind::bind(op, state),
        Op::Remount(remount) => filesystem::remount(remount, state),
        Op::Node(op) => node::node(op, state),
        Op::Symlink(link) => node::symlink(link, state),
        Op::Mkdir(mkdir) => {
            state.clear_umask();
            let mode = Mode::from_raw_mode(mkdir.mode);
            resolve::directory(state.opened_root()?, &mkdir.path, mode, resolve::Links::Follow).map(drop)
        }
        Op::Console { path } => node::console(path, state),
        Op::Mask { path, label } => mask::mask(path, label.as_ref(), state),
        Op::Label { path, label } => filesystem::label(path, label, state),
        Op::ReadOnly { path } => mask::read_only(path, state),
        Op::PivotRoot => enter::pivot(state),
        Op::ReplaceRoot => enter::replace(state),
        Op::MoveRoot(op) => enter::move_over(op, state),
        Op::ChangeRoot => enter::change(state),
        Op::RootReadOnly => root::read_only(state),
        Op::RootPropagation(propagation) => root::change(*propagation, state),
    }
}
