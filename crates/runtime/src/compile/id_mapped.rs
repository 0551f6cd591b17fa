//! `idmap`, `ridmap` and `mounts[].uidMappings` and `gidMappings`: binds that show their files with other owners.

use palisade_mount::{HostPath, IdMapping, Options, Reach};
use palisade_namespace::{IdKind, IdMap, IdMaps, Kind, Namespaces, Source, choose_method};
use palisade_oci::{Mount, Spec};

use super::{Draft, namespaces};
use crate::host::CAP_SYS_ADMIN;
use crate::plan::{HostOp, Owners, Slot};

/// What one bind needs to know of the configuration around it.
pub(super) struct Around<'a> {
    pub(super) spec: &'a Spec,
    pub(super) namespaces: &'a Namespaces,
    /// The source, absolute.
    pub(super) source: &'a str,
}

/// Has the host clone and map the tree of a bind that asks for it, because only there are the rights over the file
/// system. Takes the wish out of the options and gives the place of the tree.
pub(super) fn plan(
    draft: &mut Draft<'_>,
    pointer: &str,
    mount: &Mount,
    options: &mut Options,
    around: &Around<'_>,
) -> Option<Slot> {
    let wish = options.id_mapping.take();
    if wish.is_none() && mount.uid_mappings.is_empty() && mount.gid_mappings.is_empty() {
        return None;
    }
    if !draft.host.holds(CAP_SYS_ADMIN) {
        let message = "an id-mapped mount needs CAP_SYS_ADMIN over the file system of its source: root";
        draft.violations.add(format!("{pointer}/options"), message);
        return None;
    }
    let reach = wish.as_ref().map_or(Reach::Mount, |wish| wish.reach);
    let namespace = namespace(draft, pointer, mount, wish, around)?;
    let Ok(source) = HostPath::new(around.source) else {
        draft.violations.add(format!("{pointer}/source"), "it contains a NUL byte");
        return None;
    };
    let slot = draft.slot();
    let op = HostOp::CloneTree {
        slot,
        source,
        reach: options.bind.unwrap_or(Reach::Mount),
        link: options.source_link,
        owners: Some(Owners { namespace, reach }),
    };
    draft.before(pointer.to_owned(), op);
    Some(slot)
}

/// Finds the user namespace whose maps the mount gets: one for its own maps, or one like the container's.
fn namespace(
    draft: &mut Draft<'_>,
    pointer: &str,
    mount: &Mount,
    wish: Option<IdMapping>,
    around: &Around<'_>,
) -> Option<Slot> {
    let listed = !mount.uid_mappings.is_empty() || !mount.gid_mappings.is_empty();
    let maps = match (wish.and_then(|wish| wish.maps), listed) {
        (Some(_), true) => {
            let message = "idmap= names maps, and uidMappings and gidMappings do so, too";
            draft.violations.add(format!("{pointer}/options"), message);
            return None;
        }
        (Some(text), false) => read_words(draft, pointer, &text, around.spec)?,
        (None, true) => read_lists(draft, pointer, mount)?,
        (None, false) => match around.namespaces.get(Kind::User) {
            Source::New => namespaces::maps(around.spec),
            Source::Join(_) => return Some(namespaces::open(draft, around.namespaces, Kind::User)),
            Source::Inherit => {
                let message =
                    "idmap needs uidMappings and gidMappings, or a user namespace whose maps it takes";
                draft.violations.add(format!("{pointer}/options"), message);
                return None;
            }
        },
    };
    made(draft, pointer, maps)
}

/// Gives the namespace with these maps; mounts with the same ones share it.
fn made(draft: &mut Draft<'_>, pointer: &str, maps: IdMaps) -> Option<Slot> {
    let same = draft.plan.before.iter().find_map(|step| match &step.op {
        HostOp::MakeUserNamespace { slot, maps: made, .. } if *made == maps => Some(*slot),
        _ => None,
    });
    if same.is_some() {
        return same;
    }
    match choose_method(&draft.host.maps, &maps) {
        Ok(method) => {
            let slot = draft.slot();
            draft.before(pointer.to_owned(), HostOp::MakeUserNamespace { slot, maps, method });
            Some(slot)
        }
        Err(error) => {
            draft.violations.add(format!("{pointer}/uidMappings"), error);
            None
        }
    }
}

fn read_lists(draft: &mut Draft<'_>, pointer: &str, mount: &Mount) -> Option<IdMaps> {
    let (uids, gids) = (format!("{pointer}/uidMappings"), format!("{pointer}/gidMappings"));
    let uid = namespaces::read_map(draft, &uids, IdKind::Uid, &mount.uid_mappings);
    let gid = namespaces::read_map(draft, &gids, IdKind::Gid, &mount.gid_mappings);
    Some(IdMaps { uid: uid?, gid: gid? })
}

/// Reads the maps of crun's option: `uids=0-1-10#10-11-10;gids=@0-100-10`. A range is the first id that is stored, the
/// first that is shown, and their number; with `@` the second is one of the container's user namespace.
fn read_words(draft: &mut Draft<'_>, pointer: &str, text: &str, spec: &Spec) -> Option<IdMaps> {
    let own = namespaces::maps(spec);
    let mut maps = IdMaps::default();
    for part in text.split(';') {
        let outcome = match part.split_once('=') {
            Some(("uids", ranges)) => read_ranges(IdKind::Uid, ranges, &own).map(|list| maps.uid = list),
            Some(("gids", ranges)) => read_ranges(IdKind::Gid, ranges, &own).map(|list| maps.gid = list),
            _ => Err(format!("{part:?} is neither uids=… nor gids=…")),
        };
        if let Err(message) = outcome {
            draft.violations.add(format!("{pointer}/options"), format_args!("idmap={text}: {message}"));
            return None;
        }
    }
    match IdMaps::new(maps.uid, maps.gid) {
        Ok(maps) => Some(maps),
        Err(error) => {
            draft.violations.add(format!("{pointer}/options"), format_args!("idmap={text}: {error}"));
            None
        }
    }
}

fn read_ranges(kind: IdKind, text: &str, own: &IdMaps) -> Result<Vec<IdMap>, String> {
    text.split('#').map(|range| read_range(kind, range, own)).collect()
}

fn read_range(kind: IdKind, text: &str, own: &IdMaps) -> Result<IdMap, String> {
    let (relative, numbers) = match text.strip_prefix('@') {
        Some(numbers) => (true, numbers),
        None => (false, text),
    };
    let numbers: Result<Vec<u32>, _> = numbers.split('-').map(str::parse).collect();
    let Ok([inside, outside, size]) = numbers.as_deref() else {
        return Err(format!("{text:?} is not of the form stored-shown-number"));
    };
    let outside = match relative {
        false => *outside,
        true => own
            .outside_of(kind, *outside)
            .ok_or_else(|| format!("{outside} is no id of the container's user namespace"))?,
    };
    IdMap::new(*inside, outside, *size).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_of_the_option() {
        let map = |inside, outside, size| IdMap { inside, outside, size };
        let own = IdMaps { uid: vec![map(0, 0, 1), map(1, 2, 1000)], gid: Vec::new() };
        let read = |text| read_ranges(IdKind::Uid, text, &own);
        assert_eq!(read("0-1-10#10-11-10"), Ok(vec![map(0, 1, 10), map(10, 11, 10)]));
        assert_eq!(read("@1-3-10"), Ok(vec![map(1, 4, 10)]));
        for (text, cause) in [
            ("", "not of the form"),
            ("1-2", "not of the form"),
            ("1-2-3-4", "not of the form"),
            ("1--3", "not of the form"),
            ("4294967296-0-1", "not of the form"),
            ("@0-1001-1", "no id of the container's"),
            ("0-0-0", "0 0 0"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains(cause), "{text}: {error}");
        }
    }
}
