//! Namespaces that bind mounts keep: mounts of type nsfs in `/proc/PID/mountinfo`.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

use palisade_sys::mountinfo::unescape;

use super::Keeper;
use super::table::{Table, parse};
use crate::{Error, Kind};

/// Looks through the caller's own mounts.
pub(super) fn own(table: &mut Table) -> Result<(), Error> {
    let path = "/proc/self/mountinfo";
    let text = std::fs::read(path).map_err(|error| Error::io(format!("read {path}"), &error))?;
    add(table, &text, None);
    Ok(())
}

/// Looks through the mounts of each other mount namespace that a process is in.
pub(super) fn others(table: &mut Table) {
    let own = super::number_of(std::process::id(), Kind::Mount.proc_name()).ok();
    let is_other = |found: &&super::Found| found.kind == Kind::Mount && Some(found.number) != own;
    let others: Vec<(u64, u32)> = table
        .found
        .iter()
        .filter(is_other)
        .filter_map(|found| found.first.map(|first| (found.number, first)))
        .collect();
    for (number, first) in others {
        // The process may have ended.
        if let Ok(text) = std::fs::read(format!("/proc/{first}/mountinfo")) {
            add(table, &text, Some(number));
        }
    }
}

fn add(table: &mut Table, text: &[u8], namespace: Option<u64>) {
    for line in text.split(|byte| *byte == b'\n') {
        if let Some((link, path)) = read(line)
            && let Some((kind, number)) = parse(link)
        {
            table.keep(kind, number, Keeper::Mount { path, namespace });
        }
    }
}

/// Reads what is mounted and where, from a line of a mount of type nsfs.
fn read(line: &[u8]) -> Option<(&[u8], PathBuf)> {
    let mut fields = line.split(|byte| *byte == b' ');
    let root = fields.nth(3)?;
    let target = fields.next()?;
    let mut after = fields.skip_while(|field| *field != b"-");
    (after.nth(1)? == b"nsfs").then(|| (root, PathBuf::from(OsString::from_vec(unescape(target)))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mounts_of_namespaces_are_told_from_others() {
        let line = br"50 25 0:4 net:[4026532290] /run/netns/a\040b rw shared:3 - nsfs nsfs rw";
        assert_eq!(read(line), Some((&b"net:[4026532290]"[..], PathBuf::from("/run/netns/a b"))));
        for other in
            [&b"36 35 98:0 / /mnt rw - ext3 /dev/root rw"[..], b"", b"1 2 3", b"1 2 0:4 / /x rw shared:1"]
        {
            assert_eq!(read(other), None);
        }
        let mut table = Table::default();
        add(&mut table, line, Some(7));
        let keeper = Keeper::Mount { path: "/run/netns/a b".into(), namespace: Some(7) };
        assert_eq!(
            (table.found[0].number, table.found[0].keepers.as_slice()),
            (4_026_532_290, &[keeper][..])
        );
    }
}
