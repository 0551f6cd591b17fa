//! `linux.timeOffsets`: what the host puts into new namespaces before anybody uses them.

use palisade_namespace::{Kind, Namespaces, Source};
use palisade_oci::Spec;

use super::Draft;
use super::namespaces::Moves;
use crate::plan::{HostOp, InitOp, Point, Step};

/// The kernel that first lets a program enter its new time namespace by its exec.
const ENTERS_BY_EXEC: (u32, u32) = (6, 1);

/// Has init wait, once its namespaces are there, until the host has furnished them. Where there is nothing to do it
/// does not wait.
pub(super) fn plan(draft: &mut Draft<'_>, spec: &Spec, namespaces: &Namespaces, moves: &mut Moves) {
    let point = Point::Namespaces;
    let work: Vec<Step<HostOp>> = plan_clocks(draft, spec, namespaces).into_iter().collect();
    if work.is_empty() {
        return;
    }
    moves.early.push(Step::new("", InitOp::Announce { point }));
    moves.early.push(Step::new("", InitOp::Await { point }));
    draft.beside("", HostOp::Await { point });
    draft.plan.beside.extend(work);
    draft.beside("", HostOp::Release { point });
}

/// Reads the offsets. The host writes them, as `/proc/PID/timens_offsets` may belong to a user whom init is not.
fn plan_clocks(draft: &mut Draft<'_>, spec: &Spec, namespaces: &Namespaces) -> Option<Step<HostOp>> {
    const POINTER: &str = "/linux/timeOffsets";
    let is_new = *namespaces.get(Kind::Time) == Source::New;
    if is_new && draft.host.kernel < ENTERS_BY_EXEC {
        let (major, minor) = ENTERS_BY_EXEC;
        let message = format!("a new time namespace is entered by an exec since Linux {major}.{minor} only");
        draft.violations.add("/linux/namespaces (time)", message);
    }
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
