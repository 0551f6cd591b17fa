//! `linux.cgroupsPath` where systemd makes the cgroup: `slice:prefix:name`.

use palisade_cgroup::{GroupPath, Limits};
use palisade_oci::Spec;
use palisade_systemd::{Property, Value, unit};

use super::{Draft, Request, properties};
use crate::scope::{Scope, Systemd, Unit, Whose};

/// The annotations that become properties of the scope, each its value in GLib's text format; runc has them.
const PROPERTY: &str = "org.systemd.property.";
/// The annotation that names a group below the scope's for the container's processes; crun has it.
const SUBGROUP: &str = "run.oci.systemd.subgroup";
const POINTER: &str = "/linux/cgroupsPath";

/// What cgroupsPath says.
struct Names {
    slice: String,
    unit: String,
}

/// Plans the scope and returns the path of the container's group.
pub(super) fn plan(
    draft: &mut Draft<'_>,
    spec: &Spec,
    request: &Request<'_>,
    limits: &Limits,
) -> Option<GroupPath> {
    let Some(systemd) = &draft.host.systemd else {
        draft.violations.add(POINTER, "nobody has asked systemd, which is to make the cgroup");
        return None;
    };
    if systemd.whose == Whose::User && !draft.host.cgroups.is_pure_v2() {
        let message = "a user's systemd is given no controllers where some are in v1 hierarchies: leave --systemd-cgroup out";
        draft.violations.add(POINTER, message);
        return None;
    }
    let annotated = annotated(draft, spec);
    let made = names(systemd, spec, request).and_then(|names| Ok((groups(systemd, &names, spec)?, names)));
    let ((scope, group), names) = match made {
        Ok(made) => made,
        Err(message) => {
            draft.violations.add(POINTER, message);
            return None;
        }
    };
    let mut list = describe(&names, request);
    list.extend(properties::accounting(&draft.host.cgroups));
    list.extend(properties::of_limits(limits, &draft.host.cgroups));
    list.extend(annotated);
    let unit = Unit { of: systemd.whose, name: names.unit, group: scope };
    draft.scope = Some(Scope { unit, properties: list });
    Some(group)
}

fn names(systemd: &Systemd, spec: &Spec, request: &Request<'_>) -> Result<Names, String> {
    let usual = if systemd.whose == Whose::User { "user.slice" } else { "system.slice" };
    let path = spec.linux.cgroups_path.as_str();
    if path.is_empty() {
        return Ok(Names { slice: usual.to_owned(), unit: unit::scope("palisade", request.id.as_str())? });
    }
    let parts: Vec<&str> = path.split(':').collect();
    let [slice, prefix, name] = parts.as_slice() else {
        return Err(format!(
            "{path:?} is not of systemd's form slice:prefix:name, as in system.slice:palisade:web"
        ));
    };
    if name.ends_with(".slice") {
        return Err(format!("{name:?} names a slice, and a container is in a scope"));
    }
    let slice = if slice.is_empty() { usual } else { slice };
    Ok(Names { slice: slice.to_owned(), unit: unit::scope(prefix, name)? })
}

/// Returns the scope's group, and the container's, which may be one below it.
fn groups(systemd: &Systemd, names: &Names, spec: &Spec) -> Result<(GroupPath, GroupPath), String> {
    let slices = unit::slice_path(&names.slice)?;
    let below = if slices.is_empty() { names.unit.clone() } else { format!("{slices}/{}", names.unit) };
    let scope = systemd.base.join(&below).map_err(|error| error.to_string())?;
    match spec.annotations.get(SUBGROUP).map(String::as_str) {
        None | Some("") => Ok((scope.clone(), scope)),
        Some(name) => {
            let group = scope.join(name).map_err(|error| format!("annotation {SUBGROUP}: {error}"))?;
            Ok((scope, group))
        }
    }
}

/// The scope lives as long as there are processes in it, and systemd leaves what is below it to the container.
fn describe(names: &Names, request: &Request<'_>) -> Vec<Property> {
    let text = |text: &str| Value::Text(text.to_owned());
    vec![
        Property::new("Description", text(&format!("container {}", request.id))),
        Property::new("Slice", text(&names.slice)),
        Property::new("Delegate", Value::Bool(true)),
        Property::new("DefaultDependencies", Value::Bool(false)),
        Property::new("CollectMode", text("inactive-or-failed")),
    ]
}

fn annotated(draft: &mut Draft<'_>, spec: &Spec) -> Vec<Property> {
    let mut list = Vec::new();
    for (key, text) in &spec.annotations {
        let Some(name) = key.strip_prefix(PROPERTY) else { continue };
        match property(name, text) {
            Ok(property) => list.push(property),
            Err(message) => draft.violations.add(format!("/annotations/{key}"), message),
        }
    }
    list
}

/// Reads a property. Over D-Bus times are in microseconds, so `TimeoutStopSec` becomes `TimeoutStopUSec`.
fn property(name: &str, text: &str) -> Result<Property, String> {
    if name.len() < 3 || !name.chars().all(|character| character.is_ascii_alphabetic()) {
        return Err(format!("{name:?} is no property of systemd's"));
    }
    let value = Value::parse(text).map_err(|error| format!("{text:?}: {error}"))?;
    let stem = name.strip_suffix("Sec").filter(|stem| stem.ends_with(|c: char| c.is_ascii_lowercase()));
    match stem {
        None => Ok(Property::new(name, value)),
        Some(stem) => {
            let time = microseconds(&value).ok_or_else(|| format!("{text:?} is no number of seconds"))?;
            Ok(Property::new(format!("{stem}USec"), Value::U64(time)))
        }
    }
}

fn microseconds(seconds: &Value) -> Option<u64> {
    let whole = match *seconds {
        Value::F64(seconds) => {
            let time = std::time::Duration::try_from_secs_f64(seconds).ok()?;
            return u64::try_from(time.as_micros()).ok();
        }
        Value::Byte(number) => u64::from(number),
        Value::U16(number) => u64::from(number),
        Value::U32(number) => u64::from(number),
        Value::U64(number) => number,
        Value::I16(number) => u64::try_from(number).ok()?,
        Value::I32(number) => u64::try_from(number).ok()?,
        Value::I64(number) => u64::try_from(number).ok()?,
        _ => return None,
    };
    whole.checked_mul(1_000_000)
}

#[cfg(test)]
mod tests {
    use super::property;

    #[test]
    fn annotations_become_properties() {
        for (name, text, told) in [
            ("TimeoutStopSec", "5", "TimeoutStopUSec t 5000000"),
            ("TimeoutStopUSec", "uint64 7", "TimeoutStopUSec t 7"),
            ("RuntimeMaxSec", "0.5", "RuntimeMaxUSec t 500000"),
            ("CollectMode", "'inactive'", "CollectMode s inactive"),
            ("After", "['a.service']", "After as 1 a.service"),
        ] {
            assert_eq!(property(name, text).map(|p| p.to_string()).as_deref(), Ok(told));
        }
        for (name, text) in
            [("", "1"), ("A1b", "1"), ("TimeoutStopSec", "'x'"), ("TimeoutStopSec", "-1"), ("Slice", "a b")]
        {
            assert!(property(name, text).is_err(), "{name} {text}");
        }
    }
}
