//! `mounts`.

use palisade_mount::{
    Bind, CopyUp, Kind as Propagated, Mode, Op, Options, Parameter, Propagation, Reach, SourceLink, Spare,
};
use palisade_namespace::{Kind, Namespaces, Source};
use palisade_oci::{Mount, Spec};

use super::filesystem::{is_dev, push};
use super::namespaces::Moves;
use super::{Draft, Request, cgroup, group, id_mapped, process};
use crate::host::CAP_SYS_ADMIN;
use crate::plan::{HostOp, InitOp, Point, Procfs};

/// What the mounts depend on beside their own fields.
pub(super) struct Around<'a> {
    pub(super) namespaces: &'a Namespaces,
    /// How the host's mounts stand to those of the container.
    pub(super) host: Propagated,
    /// The label of all new file systems.
    pub(super) label: Option<&'a Parameter>,
}

/// Plans the mounts in their order. Init is in its cgroup before the first mount that needs it there, and at the latest
/// after the last.
pub(super) fn plan(
    draft: &mut Draft<'_>,
    spec: &Spec,
    request: &Request<'_>,
    around: &Around<'_>,
    moves: Moves,
) {
    let mut moves = Some(moves);
    let procfs = spec.mounts.iter().position(shows_parameters);
    for (index, mount) in spec.mounts.iter().enumerate() {
        let pointer = format!("/mounts/{index}");
        let Some(options) = read_options(draft, &pointer, mount) else { continue };
        let has_maps = !mount.uid_mappings.is_empty() || !mount.gid_mappings.is_empty();
        if has_maps && !is_bind(mount, &options) {
            draft.violations.add(format!("{pointer}/uidMappings"), "only a bind mount can be id-mapped");
            continue;
        }
        match need(draft, mount, &options, around.namespaces) {
            Need::Directories if moves.is_some() => await_directories(draft),
            Need::Membership => {
                if let Some(moves) = moves.take() {
                    enter_group(draft, moves, around.namespaces);
                }
            }
            Need::Nothing | Need::Directories => {}
        }
        match shows_cgroups(mount, &options) {
            true => cgroup::plan_mount(draft, &pointer, mount, around),
            false => plan_mount(draft, spec, request, &pointer, mount, options, around),
        }
        if procfs == Some(index) {
            process::plan_sysctls(draft, spec, around.namespaces, Procfs::Containers);
        }
    }
    if let Some(moves) = moves {
        enter_group(draft, moves, around.namespaces);
    }
}

/// Tells whether a mount is a procfs by which kernel parameters can be set.
///
/// The host's could do as well, but the kernel keeps in one list what was looked up below its `/proc/sys/net` from all
/// network namespaces, and searches that: 2 ms with 1,000 containers.
pub(super) fn shows_parameters(mount: &Mount) -> bool {
    // A procfs of another kind may be read-only or have no parameters.
    const HARMLESS: [&str; 6] = ["nosuid", "noexec", "nodev", "rw", "relatime", "noatime"];
    mount.kind == "proc" && mount.options.iter().all(|option| HARMLESS.contains(&option.as_str()))
}

fn is_bind(mount: &Mount, options: &Options) -> bool {
    options.mode == Mode::New && (options.bind.is_some() || mount.kind == "bind")
}

fn shows_cgroups(mount: &Mount, options: &Options) -> bool {
    matches!(mount.kind.as_str(), "cgroup" | "cgroup2") && options.bind.is_none()
}

fn plan_mount(
    draft: &mut Draft<'_>,
    spec: &Spec,
    request: &Request<'_>,
    pointer: &str,
    mount: &Mount,
    mut options: Options,
    around: &Around<'_>,
) {
    let binds = is_bind(mount, &options);
    if binds && mount.source.is_empty() {
        draft.violations.add(format!("{pointer}/source"), "it is missing: what is to be bound");
        return;
    }
    let source = some(&mount.source).map(|source| match binds {
        true => request.bundle.join(source).display().to_string(),
        false => source.to_owned(),
    });
    if binds {
        leave_parameters_out(draft, pointer, &mut options);
    }
    let mut tree = None;
    if let (true, Some(source)) = (binds, &source) {
        let around = id_mapped::Around { spec, namespaces: around.namespaces, source };
        tree = id_mapped::plan(draft, pointer, mount, &mut options, &around);
    }
    match Op::from_mount(some(&mount.kind), source.as_deref(), &mount.destination, &options) {
        Ok(Op::Bind(mut bind)) => {
            let apart = apart_from_host(around.host);
            match tree {
                Some(tree) => {
                    bind.tree = Some(tree.0);
                    bind.propagation.splice(..0, apart);
                }
                None => bind.spare = plan_spare(draft, pointer, &bind, around, apart),
            }
            push(draft, pointer.to_owned(), Op::Bind(bind));
        }
        Ok(Op::Mount(mut file_system)) => {
            let after = match mount.kind.as_str() {
                // What the kernel itself keeps in these has the labels of its policy.
                "proc" | "sysfs" => None,
                // It came with the IPC namespace.
                "mqueue" => around.label.and_then(|label| label.value.clone()),
                _ => {
                    file_system.parameters.extend(around.label.cloned());
                    None
                }
            };
            let path = file_system.target.clone();
            push(draft, pointer.to_owned(), Op::Mount(file_system));
            if let Some(label) = after {
                push(draft, pointer.to_owned(), Op::Label { path, label });
            }
        }
        Ok(op) => push(draft, pointer.to_owned(), op),
        Err(error) => draft.violations.add(pointer, error),
    }
}

/// Leaves out of a bind's options what can only be a parameter of a file system, as `mount(2)` does, by which other
/// runtimes bind. A single word stays an error: it may be an attribute that was mistyped, `readonly`.
fn leave_parameters_out(draft: &mut Draft<'_>, pointer: &str, options: &mut Options) {
    let (lost, kept) = options.data.drain(..).partition(|parameter| parameter.value.is_some());
    options.data = kept;
    let lost: Vec<Parameter> = lost;
    if !lost.is_empty() {
        let words: Vec<String> = lost.iter().map(|parameter| parameter.key.to_string()).collect();
        let words = words.join(", ");
        draft.warnings.push(format!(
            "{pointer}/options: without effect: {words} (a bind mount shows the file system of its source as it is)"
        ));
    }
}

/// Reads which label the files of new file systems get, as a parameter of SELinux. Binds keep the labels of their files.
pub(super) fn label(draft: &mut Draft<'_>, spec: &Spec, request: &Request<'_>) -> Option<Parameter> {
    const POINTER: &str = "/linux/mountLabel";
    const CONTEXTS: [&str; 4] = ["context", "fscontext", "defcontext", "rootcontext"];
    let label = spec.linux.mount_label.as_str();
    if label.is_empty() {
        return None;
    }
    if !request.modules.selinux {
        draft.violations.add(POINTER, "this kernel runs without SELinux: leave it out here");
    }
    let kind = spec.annotations.get("run.oci.mount_context_type").map_or("context", String::as_str);
    if !CONTEXTS.contains(&kind) {
        let message = format!("{kind:?} is none of {}", CONTEXTS.join(", "));
        draft.violations.add("/annotations/run.oci.mount_context_type", message);
    }
    match Parameter::string(kind, label) {
        Ok(parameter) => Some(parameter),
        Err(error) => {
            draft.violations.add(POINTER, error);
            None
        }
    }
}

/// What the host has cloned stands to its source as a peer, where what init clones stands to it as all mounts of the
/// container do.
fn apart_from_host(host: Propagated) -> Option<Propagation> {
    (host != Propagated::Shared).then_some(Propagation { kind: host, reach: Reach::Tree })
}

/// Has the host clone what the root of a user namespace may find no way to: a volume below a directory that is closed to
/// all but the host's root. What init can clone itself it does, as then what the host has made read-only stays so.
fn plan_spare(
    draft: &mut Draft<'_>,
    pointer: &str,
    bind: &Bind,
    around: &Around<'_>,
    propagation: Option<Propagation>,
) -> Option<Spare> {
    let has_user = *around.namespaces.get(Kind::User) != Source::Inherit;
    if !has_user || !draft.host.holds(CAP_SYS_ADMIN) || bind.source_link == SourceLink::Copy {
        return None;
    }
    let slot = draft.slot();
    let (source, reach, link) = (bind.source.clone(), bind.reach, bind.source_link);
    draft.before(pointer.to_owned(), HostOp::CloneTree { slot, source, reach, link, owners: None });
    Some(Spare { tree: slot.0, propagation })
}

fn some(text: &str) -> Option<&str> {
    (!text.is_empty()).then_some(text)
}

fn read_options(draft: &mut Draft<'_>, pointer: &str, mount: &Mount) -> Option<Options> {
    let target = &mount.destination;
    if !target.starts_with('/') {
        // The specification asks for absolute ones; runc takes these as below the root, and so do engines.
        draft.warnings.push(format!("{pointer}/destination: {target} is taken as below /"));
    }
    // /dev has to be writable until its nodes are made.
    let words = mount.options.iter().map(String::as_str);
    let words: Vec<&str> = words.filter(|word| !(is_dev(mount) && *word == "ro")).collect();
    match Options::parse(words) {
        Ok(options) => Some(options),
        Err(error) => {
            draft.violations.add(format!("{pointer}/options"), error);
            None
        }
    }
}

/// What a mount takes of the container's cgroup.
enum Need {
    Nothing,
    /// The directories of v1 are bound.
    Directories,
    /// A cgroup namespace takes the present group as its root, and what is copied is memory that the group pays for.
    Membership,
}

fn need(draft: &Draft<'_>, mount: &Mount, options: &Options, namespaces: &Namespaces) -> Need {
    let shows_namespace = mount.kind == "cgroup2" && *namespaces.get(Kind::Cgroup) != Source::Inherit;
    match shows_cgroups(mount, options) {
        _ if options.copy_up == CopyUp::Yes => Need::Membership,
        false => Need::Nothing,
        true if group::joins_late(draft, namespaces) && !shows_namespace => Need::Directories,
        true => Need::Membership,
    }
}

/// The host writes the limits while init mounts on: that of cpuset takes the kernel the longer the more groups there are.
fn await_directories(draft: &mut Draft<'_>) {
    let point = Point::Directories;
    if !draft.awaits(point) {
        draft.init("/linux/cgroupsPath", InitOp::Await { point });
    }
}

fn enter_group(draft: &mut Draft<'_>, moves: Moves, namespaces: &Namespaces) {
    draft.init("/linux/cgroupsPath", InitOp::Await { point: Point::Group });
    if group::joins_late(draft, namespaces) {
        draft.init("/linux/cgroupsPath", InitOp::JoinGroup);
    }
    draft.init.extend(moves.in_group);
}
