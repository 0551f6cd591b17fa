//! What runtime-spec 1.3 has and this version does not do: refused by name.

use palisade_oci::{Presence, Spec};

use super::{Draft, Violations};

/// Notes every field that asks for something that is not done.
pub(super) fn check(draft: &mut Draft<'_>, spec: &Spec) {
    let violations = &mut draft.violations;
    check_version(violations, &spec.version);
    for (presence, name) in
        [(spec.vm, "vm"), (spec.windows, "windows"), (spec.solaris, "solaris"), (spec.zos, "zos")]
    {
        if presence == Presence::Present {
            violations.unsupported(format!("/{name}"), "a container of another platform");
        }
    }
}

/// The specification promises that all 1.x versions are compatible.
fn check_version(violations: &mut Violations, version: &str) {
    let mut numbers = version.split(['.', '-', '+']);
    match (numbers.next(), numbers.next().map(str::parse::<u32>)) {
        (Some("1"), Some(Ok(_))) => {}
        _ if version.is_empty() => {
            violations.add("/ociVersion", "it is missing; 1.0.0 to 1.3.0 are understood")
        }
        _ => violations.add("/ociVersion", format_args!("{version:?} is not 1.0.0 to 1.3.0")),
    }
}
