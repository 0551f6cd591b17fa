//! `linux.timeOffsets`, `linux.netDevices`: what the host puts into new namespaces before anybody uses them.

use palisade_namespace::{Kind, Namespaces, Source};
use palisade_oci::Spec;

use super::Draft;
use super::namespaces::Moves;
use crate::host::CAP_NET_ADMIN;
use crate::plan::{DeviceMove, HostOp, InitOp, Point, Step};

/// Has init wait, once its namespaces are there, until the host has furnished them. Where there is nothing to do it
/// does not wait.
pub(super) fn plan(draft: &mut Draft<'_>, spec: &Spec, namespaces: &Namespaces, moves: &mut Moves) {
    let point = Point::Namespaces;
    let mut work: Vec<Step<HostOp>> = plan_clocks(draft, spec, namespaces).into_iter().collect();
    work.extend(plan_devices(draft, spec, namespaces));
    if !work.is_empty() {
        moves.early.push(Step::new("", InitOp::Announce { point }));
        moves.early.push(Step::new("", InitOp::Await { point }));
        draft.beside("", HostOp::Await { point });
        draft.plan.beside.extend(work);
        draft.beside("", HostOp::Release { point });
    }
    if *namespaces.get(Kind::Time) == Source::New {
        moves.early.push(Step::new("/linux/namespaces (time)", InitOp::EnterTimeNamespace));
    }
}

/// Reads the offsets. The host writes them, as `/proc/PID/timens_offsets` may belong to a user whom init is not.
fn plan_clocks(draft: &mut Draft<'_>, spec: &Spec, namespaces: &Namespaces) -> Option<Step<HostOp>> {
    const POINTER: &str = "/linux/timeOffsets";
    let is_new = *namespaces.get(Kind::Time) == Source::New;
    let offsets = &spec.linux.time_offsets;
    if offsets.is_empty() {
        return None;
    }
    if !is_new {
        draft.violations.add(POINTER, "it needs a new time namespace in /linux/namespaces");
        return None;
    }
    let mut lines = String::new();
    for (clock, offset) in offsets {
        if !matches!(clock.as_str(), "monotonic" | "boottime") {
            let message = format!("{clock:?} is neither monotonic nor boottime");
            draft.violations.add(POINTER, message);
        } else if offset.nanosecs >= 1_000_000_000 {
            let message = format!("{} are a second or more", offset.nanosecs);
            draft.violations.add(format!("{POINTER}/{clock}/nanosecs"), message);
        }
        lines.push_str(&format!("{clock} {} {}\n", offset.secs, offset.nanosecs));
    }
    Some(Step::new(POINTER, HostOp::OffsetClocks { lines }))
}

/// Reads which network devices are moved in. What becomes of them when the container ends is the kernel's: hardware
/// goes back to the initial namespace, the rest goes with the namespace.
fn plan_devices(draft: &mut Draft<'_>, spec: &Spec, namespaces: &Namespaces) -> Option<Step<HostOp>> {
    const POINTER: &str = "/linux/netDevices";
    let listed = &spec.linux.net_devices;
    if listed.is_empty() {
        return None;
    }
    if *namespaces.get(Kind::Net) == Source::Inherit {
        draft.violations.add(POINTER, "it needs a network namespace in /linux/namespaces");
    } else if !draft.host.holds(CAP_NET_ADMIN) {
        draft.violations.add(POINTER, "only who has CAP_NET_ADMIN on the host can take devices from it");
    }
    let mut devices: Vec<DeviceMove> = Vec::with_capacity(listed.len());
    for (name, device) in listed {
        let inside = if device.name.is_empty() { name } else { &device.name };
        let pointer = format!("{POINTER}/{}", name.replace('~', "~0").replace('/', "~1"));
        let stem = inside.strip_suffix("%d").unwrap_or(inside);
        if let Some(wrong) = [name.as_str(), stem].into_iter().find(|name| !is_name(name)) {
            draft.violations.add(&pointer, format_args!("{wrong:?} is no name of a network device"));
        } else if stem == inside && devices.iter().any(|other| other.inside == *inside) {
            draft.violations.add(&pointer, format_args!("two devices are to be called {inside}"));
        }
        devices.push(DeviceMove { name: name.clone(), inside: inside.clone() });
    }
    Some(Step::new(POINTER, HostOp::MoveDevices { devices }))
}

/// Tells whether the kernel takes a name for a device: up to 15 bytes without slash, colon, percent sign and blanks.
fn is_name(name: &str) -> bool {
    let is_forbidden = |c: char| c.is_whitespace() || c.is_control() || "/:%".contains(c);
    (1..16).contains(&name.len()) && ![".", ".."].contains(&name) && !name.contains(is_forbidden)
}
