//! Where `oci-spec` 0.10 and version 1.3 of the runtime specification disagree.

use serde_json::Value;

use crate::{Capability, Spec};

/// A field's JSON pointer and what is wrong with it.
pub(crate) type Finding = (String, String);

/// Drops what the specification says to drop and renames what `oci-spec` misnames; `None` when there is neither.
///
/// The findings name the capabilities that were dropped: a runtime warns about one that it cannot give and goes on
/// (config.md, Linux process, `capabilities`).
pub(crate) fn repair(config: &mut Value) -> Option<Vec<Finding>> {
    let renamed = rename_overrun(config);
    let mut dropped = Vec::new();
    if let Some(sets) = config.pointer_mut("/process/capabilities").and_then(Value::as_object_mut) {
        for (set, list) in sets {
            let Some(list) = list.as_array_mut() else { continue };
            let mut index = 0;
            list.retain(|name| {
                let unknown = unknown_capability(name);
                let pointer = format!("/process/capabilities/{set}/{index}");
                index += 1;
                dropped.extend(unknown.map(|name| (pointer, wanted_capability(name))));
                unknown.is_none()
            });
        }
    }
    (renamed || !dropped.is_empty()).then_some(dropped)
}

fn wanted_capability(found: &str) -> String {
    format!("wanted a capability as CAP_SYS_ADMIN, found \"{found}\"")
}

/// Finds the first capability that is not known, with its pointer.
pub(crate) fn first_unknown_capability(config: &Value) -> Option<Finding> {
    let sets = config.pointer("/process/capabilities").or_else(|| config.pointer("/capabilities"))?;
    let prefix = if config.pointer("/process").is_some() { "/process/capabilities" } else { "/capabilities" };
    sets.as_object()?.iter().find_map(|(set, list)| {
        list.as_array()?.iter().enumerate().find_map(|(index, name)| {
            Some((format!("{prefix}/{set}/{index}"), wanted_capability(unknown_capability(name)?)))
        })
    })
}

fn unknown_capability(name: &Value) -> Option<&str> {
    let text = name.as_str()?;
    serde_json::from_value::<Capability>(name.clone()).is_err().then_some(text)
}

/// `oci-spec` derives the name SCHED_FLAG_D_L_OVERRUN for what the specification calls SCHED_FLAG_DL_OVERRUN.
fn rename_overrun(config: &mut Value) -> bool {
    let Some(flags) = config.pointer_mut("/process/scheduler/flags").and_then(Value::as_array_mut) else {
        return false;
    };
    let mut renamed = false;
    for flag in flags.iter_mut().filter(|flag| *flag == "SCHED_FLAG_DL_OVERRUN") {
        *flag = Value::from("SCHED_FLAG_D_L_OVERRUN");
        renamed = true;
    }
    renamed
}

/// Takes `pids` away where it has no limit: `oci-spec` reads that as 0, which would forbid every process.
pub(crate) fn pids_without_limit(spec: &mut Spec, text: &[u8]) {
    let resources = spec.linux_mut().as_mut().and_then(|linux| linux.resources_mut().as_mut());
    let Some(resources) =
        resources.filter(|resources| resources.pids().is_some_and(|pids| pids.limit() == 0))
    else {
        return;
    };
    // A zero is rare enough to read the text again for it.
    let given = serde_json::from_slice::<Value>(text)
        .is_ok_and(|config| config.pointer("/linux/resources/pids/limit").is_some());
    if !given {
        resources.set_pids(None);
    }
}
