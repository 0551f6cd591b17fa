//! `root`, `linux.maskedPaths`, `linux.readonlyPaths`, `linux.rootfsPropagation`: all that happens to the
//! file system, from the new mount namespace to the entered root.

use std::path::{Path, PathBuf};

use palisade_mount::{
    Attributes, Existing, HostPath, Mkdir, MoveRoot, Op, OpenRoot, Parameter, Parent, Propagation, Reach,
    Remount, RootPath, RootSource, Symlink, Text, Versions,
};
use palisade_namespace::{Kind, Namespaces, Source};
use palisade_oci::{Mount, Spec};

use super::namespaces::Moves;
use super::{Draft, EnterRoot, Request, devices, hooks_before_root, mounts};
use crate::plan::{Control, HostOp, InitOp, Point};

/// The links that a container's /dev has, config-linux.md#dev-symbolic-links and the runtime's default devices.
const DEV_LINKS: [(&str, &str); 5] = [
    ("/dev/fd", "/proc/self/fd"),
    ("/dev/stdin", "/proc/self/fd/0"),
    ("/dev/stdout", "/proc/self/fd/1"),
    ("/dev/stderr", "/proc/self/fd/2"),
    ("/dev/ptmx", "pts/ptmx"),
];

/// Plans the file system and gives the root's path on the host.
pub(super) fn plan(
    draft: &mut Draft<'_>,
    spec: &Spec,
    request: &Request<'_>,
    namespaces: &Namespaces,
    moves: Moves,
) -> PathBuf {
    let root = root_path(draft, spec, request);
    let wanted = wanted_propagation(draft, spec);
    let host = match namespaces.get(Kind::Mount) {
        Source::Inherit => {
            attach_root(draft, &root);
            palisade_mount::Kind::Shared
        }
        Source::New | Source::Join(_) => {
            let first = first_propagation(wanted);
            push(draft, "/linux/rootfsPropagation", Op::Propagation(first));
            open_root(draft, &root, request, first.kind);
            first.kind
        }
    };
    let label = mounts::label(draft, spec, request);
    let around = mounts::Around { namespaces, host, label: label.as_ref() };
    mounts::plan(draft, spec, request, &around, moves);
    if !has_foreign_dev(spec) {
        devices::plan_nodes(draft, spec);
        plan_links(draft);
    } else if !spec.linux.devices.is_empty() {
        draft.warnings.push("/linux/devices: not made, because /dev is bound from elsewhere".to_owned());
    }
    make_working_directory(draft, spec);
    if !hooks_before_root(spec).is_empty() {
        draft.init("/hooks", InitOp::Announce { point: Point::Hooks });
        draft.init("/hooks", InitOp::Await { point: Point::Hooks });
    }
    enter_root(draft, spec, request, &around);
    plan_terminal(draft, spec);
    make_dev_read_only(draft, spec);
    protect(draft, spec, label.as_ref());
    // Last: what is unbindable cannot be bound over itself to be protected.
    if let Some(propagation) = wanted {
        push(draft, "/linux/rootfsPropagation", Op::RootPropagation(propagation));
    }
    root
}

pub(super) fn push(draft: &mut Draft<'_>, origin: impl Into<crate::plan::Origin>, op: Op) {
    draft.init(origin, InitOp::FileSystem(op));
}

fn root_path(draft: &mut Draft<'_>, spec: &Spec, request: &Request<'_>) -> PathBuf {
    match &spec.root {
        Some(root) if !root.path.is_empty() => request.bundle.join(&root.path),
        _ if request.root.is_some() => request.bundle.to_owned(),
        _ => {
            draft
                .violations
                .add("/root/path", "it is missing: the directory with the container's file system");
            PathBuf::new()
        }
    }
}

fn wanted_propagation(draft: &mut Draft<'_>, spec: &Spec) -> Option<Propagation> {
    let word = spec.linux.rootfs_propagation.as_str();
    if word.is_empty() {
        return None;
    }
    let propagation = Propagation::from_word(word);
    if propagation.is_none() {
        let message = format!("{word:?} is none of shared, slave, private, unbindable and their r… forms");
        draft.violations.add("/linux/rootfsPropagation", message);
    }
    propagation
}

/// What all mounts become before the root is opened. It has to be recursive, or what is mounted above the root stays
/// shared, and an unbindable root could not be opened; only a shared root needs shared mounts around it.
fn first_propagation(wanted: Option<Propagation>) -> Propagation {
    use palisade_mount::Kind::{Private, Shared, Slave};
    match wanted {
        Some(wanted) if wanted.kind == Shared => wanted,
        Some(wanted) if wanted.kind == Private => Propagation { kind: Private, reach: Reach::Tree },
        _ => Propagation { kind: Slave, reach: Reach::Tree },
    }
}

/// Plans the root. Where everything was just made slave or private nothing of it can spread; only where the host's
/// mounts stay shared must the root be parted from them, as `pivot_root(2)` wants it.
fn open_root(draft: &mut Draft<'_>, root: &Path, request: &Request<'_>, around: palisade_mount::Kind) {
    let is_shared = around == palisade_mount::Kind::Shared;
    let private = Propagation { kind: palisade_mount::Kind::Private, reach: Reach::Tree };
    let op = match &request.root {
        Some(root) => root.clone(),
        None => {
            let Some(path) = host_path(draft, root) else { return };
            OpenRoot {
                source: RootSource::Directory { path, reach: Reach::Tree },
                parent: if is_shared { Parent::MakePrivate } else { Parent::Keep },
                attributes: Attributes::NONE,
                propagation: is_shared.then_some(private),
            }
        }
    };
    push(draft, "/root", Op::OpenRoot(op));
}

/// Plans a root in the mount namespace of the caller, whose mounts are left as they are.
fn attach_root(draft: &mut Draft<'_>, root: &Path) {
    let Some(source) = host_path(draft, root) else { return };
    draft.warnings.push(
        "/linux/namespaces: without a mount namespace of its own the container mounts for the whole system, and a \
         process with CAP_SYS_CHROOT can leave its root"
            .to_owned(),
    );
    let slot = draft.slot();
    draft.before("/root", HostOp::AttachRoot { slot, source });
    let root = OpenRoot {
        source: RootSource::Attached { tree: slot.0 },
        parent: Parent::Keep,
        attributes: Attributes::NONE,
        propagation: None,
    };
    push(draft, "/root", Op::OpenRoot(root));
}

fn host_path(draft: &mut Draft<'_>, root: &Path) -> Option<HostPath> {
    let path = HostPath::new(root.as_os_str().as_encoded_bytes());
    if path.is_err() {
        draft.violations.add("/root/path", "it contains a NUL byte");
    }
    path.ok()
}

pub(super) fn is_dev(mount: &Mount) -> bool {
    Path::new(&mount.destination).components().eq(Path::new("/dev").components())
}

/// A /dev that is bound from elsewhere is used as it is.
fn has_foreign_dev(spec: &Spec) -> bool {
    let is_bind = |mount: &Mount| {
        let words = mount.options.iter();
        mount.kind == "bind" || words.into_iter().any(|word| word == "bind" || word == "rbind")
    };
    spec.mounts.iter().any(|mount| is_dev(mount) && is_bind(mount))
}

fn plan_links(draft: &mut Draft<'_>) {
    for (path, target) in DEV_LINKS {
        if let (Ok(path), Ok(target)) = (RootPath::new(path), Text::new(target)) {
            push(draft, "default link", Op::Symlink(Symlink { target, path, existing: Existing::Replace }));
        }
    }
}

/// Makes /dev read-only where its mount asked for that, now that its nodes and the console are made.
fn make_dev_read_only(draft: &mut Draft<'_>, spec: &Spec) {
    for (index, mount) in spec.mounts.iter().enumerate() {
        let read_only = mount.options.iter().any(|word| word == "ro");
        if let (true, true, Ok(target)) = (is_dev(mount), read_only, RootPath::new("/dev")) {
            let remount = Remount {
                target,
                attributes: Attributes::READ_ONLY,
                recursive: Attributes::NONE,
                parameters: Vec::new(),
                versions: Versions::Left,
                propagation: Vec::new(),
            };
            push(draft, format!("/mounts/{index}"), Op::Remount(remount));
        }
    }
}

fn enter_root(draft: &mut Draft<'_>, spec: &Spec, request: &Request<'_>, around: &mounts::Around<'_>) {
    let op = match request.enter_root {
        _ if *around.namespaces.get(Kind::Mount) == Source::Inherit => Op::ChangeRoot,
        EnterRoot::Pivot if can_replace(spec, around) => Op::ReplaceRoot,
        EnterRoot::Pivot => Op::PivotRoot,
        EnterRoot::Move => {
            let cover = ["/proc", "/sys"].into_iter().filter_map(|path| HostPath::new(path).ok()).collect();
            Op::MoveRoot(MoveRoot { cover })
        }
    };
    push(draft, "/root", op);
}

/// Tells whether a copy of the root's mounts can take the place of the old root.
fn can_replace(spec: &Spec, around: &mounts::Around<'_>) -> bool {
    let has_own = *around.namespaces.get(Kind::Mount) == Source::New;
    // There all mounts that came with it are locked.
    let has_user = *around.namespaces.get(Kind::User) != Source::Inherit;
    // What a hook leaves in the namespace would stay in the old root.
    let has_hooks = !hooks_before_root(spec).is_empty();
    // What is unbindable is not copied, and what the host mounts below a volume in that moment does not arrive.
    let spreads = |word: &String| {
        Propagation::from_word(word).is_some_and(|word| word.kind != palisade_mount::Kind::Private)
    };
    let of_root = std::iter::once(&spec.linux.rootfs_propagation);
    let mut words = spec.mounts.iter().flat_map(|mount| &mount.options).chain(of_root);
    has_own && !has_user && !has_hooks && !words.any(spreads)
}

fn plan_terminal(draft: &mut Draft<'_>, spec: &Spec) {
    draft.init("", InitOp::Session);
    let Some(process) = &spec.process else { return };
    let size = super::process::console_size(draft, process);
    if process.terminal {
        draft.init("/process/terminal", InitOp::Terminal { size, control: Control::AtOnce });
        if let Ok(path) = RootPath::new("/dev/console") {
            push(draft, "/process/terminal", Op::Console { path });
        }
    }
}

fn protect(draft: &mut Draft<'_>, spec: &Spec, label: Option<&Parameter>) {
    for (index, path) in spec.linux.readonly_paths.iter().enumerate() {
        if let Some(path) = protected_path(draft, &format!("/linux/readonlyPaths/{index}"), path) {
            push(draft, format!("/linux/readonlyPaths/{index}"), Op::ReadOnly { path });
        }
    }
    let masked = &spec.linux.masked_paths;
    for (index, path) in masked.iter().enumerate() {
        // A second mask would lie over the first.
        if masked.iter().take(index).any(|other| other == path) {
            continue;
        }
        if let Some(path) = protected_path(draft, &format!("/linux/maskedPaths/{index}"), path) {
            push(draft, format!("/linux/maskedPaths/{index}"), Op::Mask { path, label: label.cloned() });
        }
    }
    if spec.root.as_ref().is_some_and(|root| root.read_only) {
        push(draft, "/root/readonly", Op::RootReadOnly);
    }
}

/// Makes it where the root becomes read-only, after which it is too late.
fn make_working_directory(draft: &mut Draft<'_>, spec: &Spec) {
    if !spec.root.as_ref().is_some_and(|root| root.read_only) {
        return;
    }
    let directory = spec.process.as_ref().map(|process| process.cwd.as_str());
    if let Some(path) = directory.filter(|path| path.starts_with('/') && path.len() > 1)
        && let Ok(path) = RootPath::new(path)
    {
        push(draft, "/process/cwd", Op::Mkdir(Mkdir { path, mode: 0o755 }));
    }
}

fn protected_path(draft: &mut Draft<'_>, pointer: &str, path: &str) -> Option<RootPath> {
    if !path.starts_with('/') {
        draft.violations.add(pointer, format_args!("{path:?} is not an absolute path"));
        return None;
    }
    match RootPath::new(path) {
        Ok(path) => Some(path),
        Err(error) => {
            draft.violations.add(pointer, error);
            None
        }
    }
}
