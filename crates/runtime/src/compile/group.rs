//! `linux.cgroupsPath`: where the container's cgroup is.

use palisade_cgroup::{GroupPath, Limits, Recipe, Version};
use palisade_namespace::{Kind, Namespaces, Source};
use palisade_oci::Spec;

use super::{Draft, Driver, Request, limits, scope};
use crate::host::{CAP_SYS_ADMIN, Delegation};
use crate::scope::Whose;

/// Plans the cgroup. Where this user may make none, a container without limits goes without one.
pub(super) fn plan(draft: &mut Draft<'_>, spec: &Spec, request: &Request<'_>) -> Option<GroupPath> {
    let mut limits = limits::read(draft, spec);
    drop_device_rules(draft, &mut limits);
    if request.driver == Driver::Disabled {
        refuse_limits(draft, limits);
        return None;
    }
    let by_systemd = request.driver == Driver::Systemd;
    if draft.host.delegation == Delegation::Nowhere && !by_systemd {
        if limits != Limits::default() {
            draft.violations.add(
                "/linux/resources",
                "limits need a cgroup, and this user may make none here: run as root, or in a group of a v2 tree that \
                 was delegated to the user (systemd-run --user --scope -p Delegate=yes)",
            );
        }
        return None;
    }
    let path = match request.driver {
        Driver::Systemd => scope::plan(draft, spec, request, &limits)?,
        _ => path(draft, spec, request)?,
    };
    match Recipe::new(&draft.host.cgroups, &path, &limits) {
        Ok(recipe) if matches!(draft.host.delegation, Delegation::Group(_)) && !by_systemd => {
            // What was given to this user is in the v2 tree.
            draft.plan.group = Some(recipe.without_optional(Version::V1));
        }
        Ok(recipe) => draft.plan.group = Some(recipe),
        Err(refusals) => {
            draft.violations.refuse(&refusals);
        }
    }
    Some(path)
}

/// Leaves out the device rules of a user, who could not attach a program; such a user's container is not root's either.
pub(super) fn drop_device_rules(draft: &mut Draft<'_>, limits: &mut Limits) {
    let of_user = draft.host.systemd.as_ref().is_some_and(|systemd| systemd.whose == Whose::User);
    if (of_user || !draft.host.holds(CAP_SYS_ADMIN)) && limits.devices.take().is_some() {
        let message =
            "only root can set device rules; a user's container reaches the devices that the user does";
        draft.warnings.push(format!("/linux/resources/devices: not set, {message}"));
    }
}

/// Without a group nothing can be limited. Device rules are in every usual configuration, and so no reason to refuse it.
fn refuse_limits(draft: &mut Draft<'_>, mut limits: Limits) {
    if limits.devices.take().is_some() {
        draft.warnings.push("/linux/resources/devices: not set, as the container gets no cgroup".to_owned());
    }
    if limits != Limits::default() {
        let message = "limits need a cgroup, and with the cgroup manager disabled none is made";
        draft.violations.add("/linux/resources", message);
    }
}

fn path(draft: &mut Draft<'_>, spec: &Spec, request: &Request<'_>) -> Option<GroupPath> {
    const POINTER: &str = "/linux/cgroupsPath";
    let base = base(draft);
    let path = match spec.linux.cgroups_path.as_str() {
        "" => base.join(&format!("palisade-{}", request.id)),
        path if path.contains(':') && !path.starts_with('/') => {
            // containerd writes it so where only the kubelet asks systemd; other runtimes take it, too.
            let message =
                "it has systemd's form slice:prefix:name, and without --systemd-cgroup is a plain path";
            draft.warnings.push(format!("{POINTER}: {message}"));
            base.join(path)
        }
        path if path.starts_with('/') => GroupPath::new(path),
        path => base.join(path),
    };
    match path {
        Ok(path) if path.is_root() => {
            draft.violations.add(POINTER, "the root group is the whole machine's; name one below it");
            None
        }
        Ok(path) => Some(path),
        Err(error) => {
            draft.violations.add(POINTER, error);
            None
        }
    }
}

/// Relative paths begin at the root for those who may write there, and at the group that was given to others.
fn base(draft: &Draft<'_>) -> GroupPath {
    match &draft.host.delegation {
        Delegation::Everywhere | Delegation::Nowhere => GroupPath::root(),
        Delegation::Group(group) => group.clone(),
    }
}

/// Tells whether init joins groups in v1 hierarchies; where systemd makes them, it is moved.
pub(super) fn joins_v1(draft: &Draft<'_>) -> bool {
    draft.scope.is_none() && draft.plan.group.as_ref().is_some_and(|group| group.has_version(Version::V1))
}

/// Tells whether init joins them when its mounts need that, or after these, as they are made beside it.
pub(super) fn joins_late(draft: &Draft<'_>, namespaces: &Namespaces) -> bool {
    joins_v1(draft) && !joins_at_once(namespaces)
}

/// Tells whether init joins the v1 groups before it does anything else. In a user namespace it becomes a user who may
/// not open their `tasks`.
pub(super) fn joins_at_once(namespaces: &Namespaces) -> bool {
    *namespaces.get(Kind::User) != Source::Inherit
}
