//! Owners and parents, and the namespaces that are there only because of those they own.

use std::fs::File;
use std::os::fd::OwnedFd;

use palisade_sys::nsfs;
use rustix::fs::fstat;
use rustix::io::Errno;

use super::table::Table;
use super::{Found, Keeper};
use crate::Kind;

/// Asks each namespace for its relations. What is found by that is asked in turn.
pub(super) fn find(table: &mut Table) {
    let mut place = 0;
    // What was found by its relation alone: nothing else leads to it.
    let mut open: Vec<(usize, OwnedFd)> = Vec::new();
    while place < table.found.len() {
        let by_relation = open.iter().position(|(of, _)| *of == place).map(|index| open.swap_remove(index).1);
        if let Some(file) = by_relation.or_else(|| reopen(&table.found[place])) {
            ask(table, place, &file, &mut open);
        }
        place += 1;
    }
}

fn ask(table: &mut Table, place: usize, file: &OwnedFd, open: &mut Vec<(usize, OwnedFd)>) {
    let Found { kind, number, .. } = table.found[place];
    let owner = relate(table, number, Kind::User, nsfs::owner(file), open);
    table.found[place].owner = owner;
    match kind {
        // Of a user namespace both are the same.
        Kind::User => {
            table.found[place].parent = owner;
            table.found[place].owner_uid = nsfs::owner_uid(file).ok();
        }
        Kind::Pid => table.found[place].parent = relate(table, number, Kind::Pid, nsfs::parent(file), open),
        _ => {}
    }
}

/// Enters the answer into the table. Above what the caller can see there is none.
fn relate(
    table: &mut Table,
    of: u64,
    kind: Kind,
    answer: Result<OwnedFd, Errno>,
    open: &mut Vec<(usize, OwnedFd)>,
) -> Option<u64> {
    let file = answer.ok()?;
    let number = fstat(&file).ok()?.st_ino;
    let before = table.found.len();
    let place = table.place(kind, number);
    let found = &mut table.found[place];
    if found.processes == 0 && !found.keepers.contains(&Keeper::Namespace(of)) {
        found.keepers.push(Keeper::Namespace(of));
    }
    if place == before {
        open.push((place, file));
    }
    Some(number)
}

/// Opens a namespace by what it was found by, and makes sure that it still is the same one.
fn reopen(found: &Found) -> Option<OwnedFd> {
    let by_process = found.first.map(|pid| format!("/proc/{pid}/ns/{}", found.kind.proc_name()).into());
    let by_keeper = found.keepers.iter().filter_map(|keeper| match keeper {
        Keeper::Mount { path, namespace: None } => Some(path.clone()),
        Keeper::Descriptor { pid, number } => Some(format!("/proc/{pid}/fd/{number}").into()),
        Keeper::Mount { .. } | Keeper::Namespace(_) => None,
    });
    by_process.into_iter().chain(by_keeper).find_map(|path| {
        let file = OwnedFd::from(File::open(path).ok()?);
        (fstat(&file).ok()?.st_ino == found.number).then_some(file)
    })
}
