//! `linux.namespaces`, `linux.uidMappings`, `linux.gidMappings`.

use std::path::PathBuf;

use palisade_namespace::{
    Action, IdKind, IdMap, IdMaps, Kind, Kinds, Namespaces, Place, Source, Target, choose_method, steps,
};
use palisade_oci::{IdMapping, NamespaceKind, Spec};

use super::{Draft, Groups};
use crate::host::CAP_SYS_ADMIN;
use crate::plan::{HostOp, InitOp, Point, Step};

/// What init does about its namespaces.
pub(super) struct Moves {
    /// Before anything else.
    pub(super) early: Vec<Step<InitOp>>,
    /// Once it is in its cgroup.
    pub(super) in_group: Vec<Step<InitOp>>,
}

/// Reads which namespaces are new, joined or inherited.
pub(super) fn read(draft: &mut Draft<'_>, spec: &Spec) -> Namespaces {
    let mut named = Vec::new();
    for (index, namespace) in spec.linux.namespaces.iter().enumerate() {
        let pointer = format!("/linux/namespaces/{index}");
        let kind = kind_of(namespace.kind);
        if named.iter().any(|(other, _)| *other == kind) {
            draft.violations.add(pointer, format_args!("the {kind} namespace is listed twice"));
            continue;
        }
        let source = match namespace.path.as_str() {
            "" => Source::New,
            path if !path.starts_with('/') => {
                let message = format!("{path:?} is not an absolute path");
                draft.violations.add(format!("{pointer}/path"), message);
                continue;
            }
            path => Source::Join(Target::Path(path.into())),
        };
        named.push((kind, source));
    }
    check_rights(draft, &named);
    match Namespaces::new(named) {
        Ok(namespaces) => namespaces,
        Err(error) => {
            draft.violations.add("/linux/namespaces", error);
            Namespaces::default()
        }
    }
}

/// Without rights over the present user namespace all others can only be made inside a new one.
fn check_rights(draft: &mut Draft<'_>, named: &[(Kind, Source)]) {
    let has_user = named.iter().any(|(kind, _)| *kind == Kind::User);
    if !draft.host.holds(CAP_SYS_ADMIN) && !has_user {
        draft.violations.add(
            "/linux/namespaces",
            "an ordinary user needs a user namespace here: add {\"type\": \"user\"} with uidMappings and gidMappings \
             (palisade spec --rootless writes such a configuration)",
        );
    }
    // In that of the caller nobody may mount but who has rights over it.
    let needs_mount = has_user || !draft.host.holds(CAP_SYS_ADMIN);
    if needs_mount && !named.iter().any(|(kind, _)| *kind == Kind::Mount) {
        let message = "with a user namespace a mount namespace is needed, too: add {\"type\": \"mount\"}";
        draft.violations.add("/linux/namespaces", message);
    }
}

/// The kind of a name of the specification.
fn kind_of(named: NamespaceKind) -> Kind {
    match named {
        NamespaceKind::Mount => Kind::Mount,
        NamespaceKind::Cgroup => Kind::Cgroup,
        NamespaceKind::Uts => Kind::Uts,
        NamespaceKind::Ipc => Kind::Ipc,
        NamespaceKind::User => Kind::User,
        NamespaceKind::Pid => Kind::Pid,
        NamespaceKind::Network => Kind::Net,
        NamespaceKind::Time => Kind::Time,
    }
}

/// Spreads the ordered steps of the namespace library over host, clone and init.
pub(super) fn plan(draft: &mut Draft<'_>, spec: &Spec, namespaces: &Namespaces) -> Moves {
    let maps = read_maps(draft, spec, namespaces);
    let mut moves = Moves { early: Vec::new(), in_group: Vec::new() };
    let mut in_group = false;
    let groups = Groups::Configured.heeding(&spec.annotations).of_caller();
    for step in steps(namespaces, draft.host.rights()) {
        let op = match (step.place, step.action) {
            (Place::Clone, Action::Create(kinds)) => {
                draft.plan.clone = kinds;
                continue;
            }
            (Place::SecondClone, Action::Create(kinds)) => InitOp::Fork { kinds },
            (_, Action::Create(kinds)) => InitOp::Unshare { kinds },
            (_, Action::Join(kind)) => {
                let slot = open(draft, namespaces, kind);
                InitOp::Join { slot, kinds: Kinds::NONE.with(kind) }
            }
            (_, Action::AwaitMaps) => {
                plan_maps(draft, &mut moves.early, maps.as_ref());
                continue;
            }
            (_, Action::BecomeRoot) => InitOp::BecomeRoot { groups },
            (_, Action::AwaitCgroup) => {
                in_group = true;
                continue;
            }
        };
        let list = if in_group { &mut moves.in_group } else { &mut moves.early };
        list.push(Step::new("/linux/namespaces", op));
    }
    let announces = |step: &Step<InitOp>| matches!(step.op, InitOp::Announce { .. });
    if forks(&moves.early) && !moves.early.iter().any(announces) {
        tell_process(draft, &mut moves.early);
    }
    moves
}

fn forks(init: &[Step<InitOp>]) -> bool {
    init.iter().any(|step| matches!(step.op, InitOp::Fork { .. }))
}

/// Has the host learn which process goes on after a fork, before it does anything about that process.
fn tell_process(draft: &mut Draft<'_>, init: &mut Vec<Step<InitOp>>) {
    let point = Point::IdMaps;
    init.push(Step::new("", InitOp::Announce { point }));
    draft.beside("", HostOp::Await { point });
}

pub(super) fn open(draft: &mut Draft<'_>, namespaces: &Namespaces, kind: Kind) -> crate::plan::Slot {
    let path = match namespaces.get(kind) {
        Source::Join(target) => target.path(kind),
        Source::New | Source::Inherit => PathBuf::new(),
    };
    let slot = draft.slot();
    let path = path.display().to_string();
    draft.before(format!("/linux/namespaces ({kind})"), HostOp::OpenNamespace { slot, kind, path });
    slot
}

/// Has the host write the maps while init waits. Where init has forked, the host must first learn which process it is.
fn plan_maps(draft: &mut Draft<'_>, early: &mut Vec<Step<InitOp>>, maps: Option<&IdMaps>) {
    let point = Point::IdMaps;
    if forks(early) {
        tell_process(draft, early);
    }
    early.push(Step::new("/linux/uidMappings", InitOp::Await { point }));
    let Some(maps) = maps else { return };
    match choose_method(&draft.host.maps, maps) {
        Ok(method) => draft.beside("/linux/uidMappings", HostOp::MapIds { maps: maps.clone(), method }),
        Err(error) => draft.violations.add("/linux/uidMappings", error),
    }
    draft.beside("", HostOp::Release { point });
}

fn read_maps(draft: &mut Draft<'_>, spec: &Spec, namespaces: &Namespaces) -> Option<IdMaps> {
    let (uids, gids) = (&spec.linux.uid_mappings, &spec.linux.gid_mappings);
    if *namespaces.get(Kind::User) != Source::New {
        if *namespaces.get(Kind::User) == Source::Inherit && !(uids.is_empty() && gids.is_empty()) {
            draft
                .violations
                .add("/linux/uidMappings", "id maps need a new user namespace in /linux/namespaces");
        }
        return None;
    }
    let uid = read_own_map(draft, "/linux/uidMappings", IdKind::Uid, uids);
    let gid = read_own_map(draft, "/linux/gidMappings", IdKind::Gid, gids);
    Some(IdMaps { uid: uid?, gid: gid? })
}

fn read_own_map(
    draft: &mut Draft<'_>,
    pointer: &str,
    kind: IdKind,
    listed: &[IdMapping],
) -> Option<Vec<IdMap>> {
    let maps = read_map(draft, pointer, kind, listed)?;
    if !maps.iter().any(|map| map.outside_of(0).is_some()) {
        draft.violations.add(pointer, "no range holds the container's id 0, which is to set it up");
    }
    Some(maps)
}

/// Reads id maps by the rules of the kernel.
pub(super) fn read_map(
    draft: &mut Draft<'_>,
    pointer: &str,
    kind: IdKind,
    listed: &[IdMapping],
) -> Option<Vec<IdMap>> {
    let mut maps = Vec::with_capacity(listed.len());
    for (index, map) in listed.iter().enumerate() {
        match IdMap::new(map.container_id, map.host_id, map.size) {
            Ok(map) => maps.push(map),
            Err(error) => draft.violations.add(format!("{pointer}/{index}"), error),
        }
    }
    if maps.len() < listed.len() {
        return None;
    }
    if let Err(error) = IdMaps::check(kind, &maps) {
        draft.violations.add(pointer, error);
        return None;
    }
    Some(maps)
}

/// The id maps of the configuration as they are, for checks of single ids.
pub(super) fn maps(spec: &Spec) -> IdMaps {
    let read = |listed: &[IdMapping]| {
        let restate =
            |map: &IdMapping| IdMap { inside: map.container_id, outside: map.host_id, size: map.size };
        listed.iter().map(restate).collect()
    };
    IdMaps { uid: read(&spec.linux.uid_mappings), gid: read(&spec.linux.gid_mappings) }
}
