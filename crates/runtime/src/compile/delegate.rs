//! `run.oci.delegate-cgroup`, an annotation of crun's: a group below the container's own, for its processes to manage.

use palisade_cgroup::GroupPath;
use palisade_namespace::{Kind, Namespaces, Source};
use palisade_oci::{IdMapping, Spec};

use super::Draft;
use super::namespaces::Moves;
use crate::plan::{HostOp, InitOp, Point, Step};

/// The annotation; its value is the group's path from the container's own.
pub(crate) const ANNOTATION: &str = "run.oci.delegate-cgroup";

/// Has init wait, once its cgroup namespace is there, until the host has moved it one group down: so the namespace
/// shows the container's own group as the root, and that holds no process that would keep controllers from being
/// handed on. Gives what the host does.
pub(super) fn plan(
    draft: &mut Draft<'_>,
    spec: &Spec,
    namespaces: &Namespaces,
    moves: &mut Moves,
) -> Option<HostOp> {
    let below = spec.annotations.get(ANNOTATION).filter(|path| !path.is_empty())?;
    let pointer = format!("/annotations/{ANNOTATION}");
    let unified = draft.host.cgroups.is_pure_v2();
    if !unified {
        let message = "cgroup v1 has no safe delegation, and this machine has v1 hierarchies";
        draft.violations.add(pointer, message);
        return None;
    }
    if draft.plan.group.is_none() {
        draft.violations.add(pointer, "the container has no cgroup");
        return None;
    }
    let absolute = if below.starts_with('/') { below.clone() } else { format!("/{below}") };
    let path = match GroupPath::new(&absolute) {
        Ok(path) if !path.is_root() => path,
        Ok(_) => {
            draft.violations.add(pointer, "it names the container's own group; name one below it");
            return None;
        }
        Err(error) => {
            draft.violations.add(pointer, error);
            return None;
        }
    };
    let point = Point::Delegation;
    moves.in_group.push(Step::new(pointer.clone(), InitOp::Announce { point }));
    moves.in_group.push(Step::new(pointer, InitOp::Await { point }));
    let owner = match namespaces.get(Kind::User) {
        Source::New => root_of(&spec.linux.uid_mappings).zip(root_of(&spec.linux.gid_mappings)),
        Source::Inherit | Source::Join(_) => None,
    };
    Some(HostOp::Delegate { path, owner })
}

/// Has the host do it when init has come there.
pub(super) fn plan_host(draft: &mut Draft<'_>, delegation: Option<HostOp>) {
    let Some(delegation) = delegation else { return };
    let (point, origin) = (Point::Delegation, format!("/annotations/{ANNOTATION}"));
    draft.beside("", HostOp::Await { point });
    draft.beside(origin, delegation);
    draft.beside("", HostOp::Release { point });
}

/// The id that the container's root has on the host.
fn root_of(maps: &[IdMapping]) -> Option<u32> {
    maps.iter().find(|map| map.container_id == 0 && map.size > 0).map(|map| map.host_id)
}
