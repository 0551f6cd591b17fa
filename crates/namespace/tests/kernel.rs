//! What the order of the steps relies on, asked of the kernel. Needs root.
#![forbid(unsafe_code)]
#![expect(clippy::unwrap_used, reason = "a test")]

use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};

use palisade_namespace::{Handle, IdMap, IdMaps, Kind, Kinds, MapMethod, Target, open, write_maps};
use palisade_sys::clone::{setns, spawn};
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{WaitId, WaitIdOptions, geteuid, waitid};

/// A process in new namespaces that ends when it is dropped.
struct Holder {
    pid: u32,
    pidfd: OwnedFd,
    wake: OwnedFd,
}

impl Holder {
    fn new(kinds: &[Kind]) -> Self {
        let (read, wake) = pipe_with(PipeFlags::CLOEXEC).unwrap();
        let flags = kinds.iter().copied().collect::<Kinds>().flags();
        let mut wait = || u8::from(rustix::io::read(&read, &mut [0_u8; 1]) != Ok(1));
        let spawned = spawn(flags, None, &mut wait).unwrap();
        Self { pid: spawned.pid.as_raw_nonzero().get().unsigned_abs(), pidfd: spawned.pidfd, wake }
    }

    fn open(&self, kind: Kind) -> Handle {
        open(kind, &Target::Pid(self.pid)).unwrap()
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        assert_eq!(rustix::io::write(&self.wake, b"x"), Ok(1));
        assert_eq!(exit_status(&self.pidfd), 0);
    }
}

fn exit_status(pidfd: &OwnedFd) -> i32 {
    let status = waitid(WaitId::PidFd(pidfd.as_fd()), WaitIdOptions::EXITED).unwrap().unwrap();
    status.exit_status().unwrap()
}

/// Joins the handles in their order in a child and returns how many it could join before it was refused.
fn joined_in_order(handles: &[&Handle]) -> usize {
    let mut join = || {
        let refused = handles.iter().position(|handle| setns(handle.as_fd(), handle.kind().flag()).is_err());
        u8::try_from(refused.unwrap_or(handles.len())).unwrap_or(u8::MAX)
    };
    let spawned = spawn(0, None, &mut join).unwrap();
    usize::try_from(exit_status(&spawned.pidfd)).unwrap()
}

fn is_root(test: &str) -> bool {
    if !geteuid().is_root() {
        eprintln!("SKIPPED {test}: needs root");
    }
    geteuid().is_root()
}

#[test]
fn with_full_rights_the_user_namespace_has_to_be_joined_last() {
    if !is_root("with_full_rights_the_user_namespace_has_to_be_joined_last") {
        return;
    }
    let container = Holder::new(&[Kind::User, Kind::Net]);
    let range = vec![IdMap::new(0, 100_000, 10).unwrap()];
    let maps = IdMaps::new(range.clone(), range).unwrap();
    write_maps(File::open("/proc").unwrap(), container.pid, &maps, &MapMethod::Direct).unwrap();
    let of_host = Holder::new(&[Kind::Uts]);
    let (user, net, uts) = (container.open(Kind::User), container.open(Kind::Net), of_host.open(Kind::Uts));
    assert!(net.owner().unwrap().same(&user).unwrap());

    assert_eq!(joined_in_order(&[&uts, &net, &user]), 3);
    assert_eq!(joined_in_order(&[&user, &net, &uts]), 2);
}

#[test]
fn a_thread_joins_a_pid_namespace_around_a_clone_and_comes_back() {
    if !is_root("a_thread_joins_a_pid_namespace_around_a_clone_and_comes_back") {
        return;
    }
    let container = Holder::new(&[Kind::Pid]);
    let (own, target) = (Handle::current(Kind::Pid).unwrap(), container.open(Kind::Pid));
    target.enter().unwrap();
    let inside = Holder::new(&[]);
    own.enter().unwrap();
    let outside = Holder::new(&[]);
    assert!(inside.open(Kind::Pid).same(&target).unwrap());
    assert!(outside.open(Kind::Pid).same(&own).unwrap());
    assert!(target.parent().unwrap().same(&own).unwrap());
    // The first process of a pid namespace takes the others with it, so it has to end after them.
    drop(inside);
}
