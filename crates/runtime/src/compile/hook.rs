//! `hooks`: programs beside the container's.

use palisade_namespace::{Kind, Kinds};
use palisade_oci::{Hook, Spec};

use super::{Draft, Violations, exec};
use crate::host::Host;
use crate::plan::{CallersGroups, ExecOp, HookKind, InitOp, Missing, Plan, Step, Text};

/// Refuses hooks that could not be run, before anything is done.
pub(super) fn check(draft: &mut Draft<'_>, spec: &Spec) {
    for annotation in [crate::hooks::STDOUT, crate::hooks::STDERR] {
        if let Some(path) = spec.annotations.get(annotation).filter(|path| !path.starts_with('/')) {
            let message = format!("{path:?} is not an absolute path");
            draft.violations.add(format!("/annotations/{annotation}"), message);
        }
    }
    for kind in HookKind::ALL {
        for (index, hook) in crate::hooks::of_kind(spec, kind).iter().enumerate() {
            read(draft, &format!("/hooks/{}/{index}/", kind.name()), hook);
        }
    }
}

/// What a hook executes.
struct Program {
    path: Option<Text>,
    arguments: Vec<Text>,
    environment: Option<Vec<Text>>,
}

/// Reads a hook; `pointer` is in front of the names of its fields.
fn read(draft: &mut Draft<'_>, pointer: &str, hook: &Hook) -> Program {
    let path = &hook.path;
    if !path.starts_with('/') {
        draft.violations.add(format!("{pointer}path"), format_args!("{path:?} is not an absolute path"));
    }
    if hook.timeout.is_some_and(|seconds| seconds <= 0) {
        draft.violations.add(format!("{pointer}timeout"), "it is not above 0");
    }
    let arguments = if hook.args.is_empty() { std::slice::from_ref(path) } else { &hook.args };
    let mut texts = |name: &str, list: &[String]| -> Vec<Text> {
        let pointer = format!("{pointer}{name}");
        list.iter().filter_map(|entry| draft.text(&pointer, entry)).collect()
    };
    let arguments = texts("args", arguments);
    let environment = hook.env.as_ref().map(|environment| texts("env", environment));
    Program { path: draft.text(&format!("{pointer}path"), path), arguments, environment }
}

/// What a hook has that its configuration does not say; the specification is silent about both.
#[derive(Debug, Clone)]
pub struct Inherited {
    /// The environment of a hook that names none.
    pub environment: Vec<Text>,
    /// The directory that it begins in, where it is there; none for the caller's.
    pub directory: Option<Text>,
}

/// Works out how to run a hook, on the host or in the namespaces of a container's process.
///
/// # Errors
/// A path that is not absolute, an argument with a NUL byte, a negative timeout.
pub fn hook(
    host: &Host,
    hook: &Hook,
    inherited: &Inherited,
    container: Option<(i32, Kinds)>,
) -> Result<Plan, Violations> {
    let mut draft = Draft::new(host);
    if let Some((pid, kinds)) = container {
        exec::join(&mut draft, pid, kinds, CallersGroups::Drop);
    }
    let Program { path, arguments, environment } = read(&mut draft, "", hook);
    let environment = environment.unwrap_or_else(|| inherited.environment.clone());
    if let Some(path) = inherited.directory.clone() {
        draft.init("", InitOp::WorkingDirectory { path, missing: Missing::Stay });
    }
    let candidates: Vec<Text> = path.into_iter().collect();
    draft.init("", InitOp::FindProgram { candidates: candidates.clone() });
    draft.init("", InitOp::CloseDescriptors { preserve: 0 });
    draft.plan.exec.push(Step::new("", ExecOp::DefaultSignals));
    if container.is_some_and(|(_, kinds)| kinds.contains(Kind::Pid)) {
        draft.plan.exec.push(Step::new("", ExecOp::Fork));
    }
    draft.plan.exec.push(Step::new("", ExecOp::Execute { candidates, arguments, environment }));
    Ok(draft.finish(std::path::PathBuf::new(), None)?.plan)
}
