//! `linux.devices` and `linux.resources.devices`: nodes, and who may use them.

use palisade_cgroup::device::{Access, DeviceKind as CgroupKind, DevicePolicy, DeviceRule, Verdict};
use palisade_mount::{HostPath, Node, NodeKind, NodeSource, Op, RootPath};
use palisade_oci::{Device, DeviceKind, DeviceRule as Rule, NamespaceKind, Spec};

use super::Draft;
use crate::plan::InitOp;

/// The devices that every container has, config-linux.md#default-devices: path, major and minor number.
const DEFAULT: [(&str, u32, u32); 6] = [
    ("/dev/null", 1, 3),
    ("/dev/zero", 1, 5),
    ("/dev/full", 1, 7),
    ("/dev/random", 1, 8),
    ("/dev/urandom", 1, 9),
    ("/dev/tty", 5, 0),
];

/// What every container may use beside its rules: the default devices, terminals, and making any node without using it.
/// /dev/console, which is one of the terminals here, is not the host's (5:1). /dev/net/tun (10:200) gives nothing to whoever
/// lacks `CAP_NET_ADMIN`, and Kubernetes has no rules to ask for it by.
const DEFAULT_RULES: [(CgroupKind, Option<u32>, Option<u32>, Access); 5] = [
    (CgroupKind::Char, None, None, Access::MKNOD),
    (CgroupKind::Block, None, None, Access::MKNOD),
    (CgroupKind::Char, Some(136), None, Access::ALL),
    (CgroupKind::Char, Some(5), Some(2), Access::ALL),
    (CgroupKind::Char, Some(10), Some(200), Access::ALL),
];

/// Reads the device rules. Without any the container may use whatever its group's parent may.
pub(super) fn policy(draft: &mut Draft<'_>, rules: &[Rule]) -> Option<DevicePolicy> {
    if rules.is_empty() {
        return None;
    }
    let mut policy = DevicePolicy { default: Verdict::Deny, rules: Vec::new() };
    for (index, rule) in rules.iter().enumerate() {
        let pointer = format!("/linux/resources/devices/{index}");
        policy.rules.extend(read_rule(draft, &pointer, rule));
    }
    let allow =
        |kind, major, minor, access| DeviceRule { verdict: Verdict::Allow, kind, major, minor, access };
    let defaults =
        DEFAULT_RULES.iter().map(|(kind, major, minor, access)| allow(*kind, *major, *minor, *access));
    policy.rules.extend(defaults);
    for (_, major, minor) in DEFAULT {
        policy.rules.push(allow(CgroupKind::Char, Some(major), Some(minor), Access::ALL));
    }
    Some(policy)
}

fn read_rule(draft: &mut Draft<'_>, pointer: &str, rule: &Rule) -> Option<DeviceRule> {
    let kind = match rule.kind {
        None | Some(DeviceKind::All) => CgroupKind::All,
        Some(DeviceKind::Block) => CgroupKind::Block,
        Some(DeviceKind::Char | DeviceKind::Unbuffered) => CgroupKind::Char,
        Some(DeviceKind::Fifo) => {
            draft.violations.add(format!("{pointer}/type"), "a FIFO is no device; a, b, c or u are");
            return None;
        }
    };
    let mut number = |name: &str, value: Option<i64>| match value {
        None | Some(-1) => Some(None),
        Some(value) => match u32::try_from(value) {
            Ok(value) => Some(Some(value)),
            Err(_) => {
                let message = format!("{value} is no device number; leave it out for all");
                draft.violations.add(format!("{pointer}/{name}"), message);
                None
            }
        },
    };
    let (major, minor) = (number("major", rule.major)?, number("minor", rule.minor)?);
    let access = match rule.access.as_str() {
        "" => Access::ALL,
        letters => match letters.parse() {
            Ok(access) => access,
            Err(error) => {
                draft.violations.add(format!("{pointer}/access"), error);
                return None;
            }
        },
    };
    let verdict = if rule.allow { Verdict::Allow } else { Verdict::Deny };
    Some(DeviceRule { verdict, kind, major, minor, access })
}

/// Plans the nodes: the default ones that the configuration does not list itself, then those listed.
pub(super) fn plan_nodes(draft: &mut Draft<'_>, spec: &Spec) {
    let listed = &spec.linux.devices;
    let makes_no_devices =
        spec.linux.namespaces.iter().any(|namespace| namespace.kind == NamespaceKind::User);
    for (path, major, minor) in DEFAULT {
        if !listed.iter().any(|device| device.path == path) {
            let node = node(draft, path, NodeKind::Character, (major, minor), (0o666, 0, 0));
            push(draft, "default device", node);
        }
    }
    let mut differing = Vec::new();
    for (index, device) in listed.iter().enumerate() {
        // That of the container's own devpts is linked there.
        if device.path == "/dev/ptmx" {
            continue;
        }
        let pointer = format!("/linux/devices/{index}");
        let node = read_node(draft, &pointer, device);
        if makes_no_devices && let Some(Node { kind: NodeKind::Character | NodeKind::Block, .. }) = node {
            let asked = asked_of_node(device);
            differing.extend((!asked.is_empty()).then(|| format!("{pointer}: {asked}")));
        }
        push(draft, &pointer, node);
    }
    warn_of_binds(draft, &differing);
}

/// Names what is asked of a node besides being there.
fn asked_of_node(device: &Device) -> String {
    let asked = [
        ("fileMode", device.file_mode.is_some()),
        ("uid", device.uid.is_some()),
        ("gid", device.gid.is_some()),
    ];
    asked.into_iter().filter(|(_, is_asked)| *is_asked).map(|(name, _)| name).collect::<Vec<_>>().join(", ")
}

/// What is bound has the mode and owner of the host's node. One line for all: some engines list every device there is.
fn warn_of_binds(draft: &mut Draft<'_>, asked: &[String]) {
    let Some((first, others)) = asked.split_first() else { return };
    let others = match others.len() {
        0 => String::new(),
        1 => ", and one other".to_owned(),
        count => format!(", and {count} others"),
    };
    draft.warnings.push(format!(
        "{first}{others}: left as the host's node has it, which is bound: no device is made in a user namespace"
    ));
}

fn push(draft: &mut Draft<'_>, origin: &str, node: Option<Node>) {
    if let Some(node) = node {
        draft.init(origin.to_owned(), InitOp::FileSystem(Op::Node(node)));
    }
}

fn read_node(draft: &mut Draft<'_>, pointer: &str, device: &Device) -> Option<Node> {
    let kind = match device.kind {
        DeviceKind::Char | DeviceKind::Unbuffered => NodeKind::Character,
        DeviceKind::Block => NodeKind::Block,
        DeviceKind::Fifo => NodeKind::Fifo,
        DeviceKind::All => {
            draft
                .violations
                .add(format!("{pointer}/type"), "\"a\" stands for all kinds; a node is b, c, u or p");
            return None;
        }
    };
    let path = &device.path;
    if !path.starts_with('/') {
        let message = format!("{path:?} is not an absolute path");
        draft.violations.add(format!("{pointer}/path"), message);
        return None;
    }
    let numbers = match kind {
        NodeKind::Fifo => (0, 0),
        _ => read_numbers(draft, pointer, device)?,
    };
    let owner =
        (device.file_mode.unwrap_or(0o666) & 0o7777, device.uid.unwrap_or(0), device.gid.unwrap_or(0));
    node(draft, path, kind, numbers, owner)
}

fn read_numbers(draft: &mut Draft<'_>, pointer: &str, device: &Device) -> Option<(u32, u32)> {
    for (number, name) in [(device.major, "major"), (device.minor, "minor")] {
        if number.is_none() {
            draft.violations.add(format!("{pointer}/{name}"), "required, but missing");
        }
    }
    let (major, minor) = (device.major?, device.minor?);
    match (u32::try_from(major), u32::try_from(minor)) {
        (Ok(major), Ok(minor)) => Some((major, minor)),
        _ => {
            draft.violations.add(pointer, format_args!("{major}:{minor} is no device number"));
            None
        }
    }
}

fn node(
    draft: &mut Draft<'_>,
    path: &str,
    kind: NodeKind,
    (major, minor): (u32, u32),
    (mode, uid, gid): (u32, u32, u32),
) -> Option<Node> {
    let (inside, outside) = (RootPath::new(path), HostPath::new(path));
    let (Ok(inside), Ok(outside)) = (inside, outside) else {
        draft.violations.add("/linux/devices", format_args!("{path:?} contains a NUL byte"));
        return None;
    };
    // A user namespace may make no device nodes, FIFOs only; the host's are bound instead.
    let source = if kind == NodeKind::Fifo { NodeSource::Make } else { NodeSource::MakeOrBind(outside) };
    Some(Node { path: inside, kind, major, minor, mode, uid, gid, source })
}
