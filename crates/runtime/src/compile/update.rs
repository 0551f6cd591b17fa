//! New limits for a container that is there: `update`.

use palisade_cgroup::Limits;
use palisade_oci::Spec;

use super::{Draft, Violations, group, limits};
use crate::host::Host;

/// Reads the resources of a configuration as limits of a group that runs.
///
/// # Errors
/// All that is wrong with them, and all that this machine cannot give.
pub fn update(host: &Host, spec: &Spec) -> Result<(Limits, Vec<String>), Violations> {
    let mut draft = Draft::new(host);
    let mut limits = limits::read(&mut draft, spec);
    group::drop_device_rules(&mut draft, &mut limits);
    if draft.violations.0.is_empty() { Ok((limits, draft.warnings)) } else { Err(draft.violations) }
}
