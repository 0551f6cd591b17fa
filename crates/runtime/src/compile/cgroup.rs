//! Mounts of type cgroup.

use palisade_cgroup::{Recipe, Version};
use palisade_mount::{Existing, Op, Options, Parameter, RootPath, Symlink, Text};
use palisade_namespace::{Kind, Source};
use palisade_oci::Mount;

use super::Draft;
use super::filesystem::push;
use super::mounts::Around;

/// Plans a mount of type cgroup.
///
/// On a pure v2 machine that is the tree itself, where the container has a cgroup namespace for it, and otherwise the
/// container's own group. On other machines it is a tmpfs with the container's group of each hierarchy bound below
/// it, which looks the same with and without a cgroup namespace and needs no rights over the hierarchy; there type
/// cgroup2 is the v2 tree alone.
pub(super) fn plan_mount(draft: &mut Draft<'_>, pointer: &str, mount: &Mount, around: &Around<'_>) {
    let target = mount.destination.trim_end_matches('/');
    let words: Vec<&str> = mount.options.iter().map(String::as_str).collect();
    let layout = &draft.host.cgroups;
    let own_namespace = *around.namespaces.get(Kind::Cgroup) != Source::Inherit;
    let pure_v2 = layout.is_pure_v2() && !layout.hierarchies.is_empty();
    let is_v2 = pure_v2 || mount.kind == "cgroup2";
    let has_groups = if is_v2 { Version::V2 } else { Version::V1 };
    let group = draft.plan.group.clone().filter(|group| group.has_version(has_groups));
    match (is_v2, group) {
        (true, None) if !pure_v2 => {
            let message = "the container has no group in a v2 tree here; type cgroup shows those that it has";
            draft.violations.add(format!("{pointer}/type"), message);
        }
        (true, _) if own_namespace => {
            mount_words(draft, pointer, Some("cgroup2"), Some("cgroup"), target, &words);
        }
        (true, Some(group)) => plan_own_group(draft, pointer, &group, target, &words),
        (false, Some(group)) => plan_v1(draft, pointer, &group, target, (&words, around.label)),
        (_, None) => {
            // What is mounted below must be read-only, too: a user may have been given some of it (CVE-2023-25809).
            let anchor = layout.anchor().display().to_string();
            let words = [words.as_slice(), &["rbind", "ro", "rro"]].concat();
            mount_words(draft, pointer, None, Some(&anchor), target, &words);
        }
    }
}

/// Binds the group of a v2 tree. Read-only, because its limits are not the container's to change.
fn plan_own_group(draft: &mut Draft<'_>, pointer: &str, group: &Recipe, target: &str, words: &[&str]) {
    let words = [words, &["bind", "ro"]].concat();
    for directory in group.directories.iter().filter(|directory| directory.version == Version::V2) {
        let source = group.anchor.join(&directory.path).display().to_string();
        mount_words(draft, pointer, None, Some(&source), target, &words);
    }
}

/// Binds the groups of all hierarchies below a tmpfs.
fn plan_v1(
    draft: &mut Draft<'_>,
    pointer: &str,
    group: &Recipe,
    target: &str,
    (words, label): (&[&str], Option<&Parameter>),
) {
    let label = label.map(|Parameter { key, value }| match value {
        Some(value) => format!("{key}={value}"),
        None => key.to_string(),
    });
    let outer = words.iter().copied().filter(|word| *word != "ro");
    let outer: Vec<&str> = outer.chain(["mode=755"]).chain(label.as_deref()).collect();
    let mut fits = mount_words(draft, pointer, Some("tmpfs"), Some("cgroup"), target, &outer);
    let inner = [words, &["bind"]].concat();
    for directory in group.directories.iter().filter(|directory| !directory.base.is_empty()) {
        let source = group.anchor.join(&directory.path).display().to_string();
        let name = directory.base.rsplit('/').next().unwrap_or_default();
        // What is wrong with one of them is wrong with all; it is said once.
        fits = fits && mount_words(draft, pointer, None, Some(&source), &format!("{target}/{name}"), &inner);
        // Programs look for a controller by its own name, also where several share a hierarchy.
        for controller in name.split(',').filter(|controller| *controller != name) {
            link(draft, pointer, &format!("{target}/{controller}"), name);
        }
    }
    if words.contains(&"ro") {
        mount_words(draft, pointer, None, None, target, &["remount", "bind", "ro"]);
    }
}

fn link(draft: &mut Draft<'_>, pointer: &str, path: &str, target: &str) {
    match (RootPath::new(path), Text::new(target)) {
        (Ok(path), Ok(target)) => {
            let link = Symlink { target, path, existing: Existing::Replace };
            push(draft, pointer.to_owned(), Op::Symlink(link));
        }
        _ => draft.violations.add(pointer, "its destination contains a NUL byte"),
    }
}

/// Plans a mount by its option words; tells whether it can be.
fn mount_words(
    draft: &mut Draft<'_>,
    pointer: &str,
    fstype: Option<&str>,
    source: Option<&str>,
    target: &str,
    words: &[&str],
) -> bool {
    let op = Options::parse(words.iter().copied())
        .and_then(|options| Op::from_mount(fstype, source, target, &options));
    match op {
        Ok(op) => {
            push(draft, pointer.to_owned(), op);
            true
        }
        Err(error) => {
            draft.violations.add(pointer, error);
            false
        }
    }
}
