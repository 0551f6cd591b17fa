//! `linux.devices` and `linux.resources.devices`: nodes, and who may use them.

use oci_spec::runtime::{LinuxDevice, LinuxDeviceCgroup, LinuxDeviceType};
use palisade_cgroup::device::{Access, DeviceKind, DevicePolicy, DeviceRule, Verdict};
use palisade_mount::{HostPath, Node, NodeKind, NodeSource, Op, RootPath};
use palisade_oci::Spec;

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
const DEFAULT_RULES: [(DeviceKind, Option<u32>, Option<u32>, Access); 5] = [
    (DeviceKind::Char, None, None, Access::MKNOD),
    (DeviceKind::Block, None, None, Access::MKNOD),
    (DeviceKind::Char, Some(5), Some(1), Access::ALL),
    (DeviceKind::Char, Some(136), None, Access::ALL),
    (DeviceKind::Char, Some(5), Some(2), Access::ALL),
];

/// Reads the device rules. Without any the container may use whatever its group's parent may.
pub(super) fn policy(draft: &mut Draft<'_>, rules: &[LinuxDeviceCgroup]) -> Option<DevicePolicy> {
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
        policy.rules.push(allow(DeviceKind::Char, Some(major), Some(minor), Access::ALL));
    }
    Some(policy)
}

fn read_rule(draft: &mut Draft<'_>, pointer: &str, rule: &LinuxDeviceCgroup) -> Option<DeviceRule> {
    let kind = match rule.typ() {
        None | Some(LinuxDeviceType::A) => DeviceKind::All,
        Some(LinuxDeviceType::B) => DeviceKind::Block,
        Some(LinuxDeviceType::C | LinuxDeviceType::U) => DeviceKind::Char,
        Some(LinuxDeviceType::P) => {
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
    let (major, minor) = (number("major", rule.major())?, number("minor", rule.minor())?);
    let access = match rule.access().as_deref() {
        None | Some("") => Access::ALL,
        Some(letters) => match letters.parse() {
            Ok(access) => access,
            Err(error) => {
                draft.violations.add(format!("{pointer}/access"), error);
                return None;
            }
        },
    };
    let verdict = if rule.allow() { Verdict::Allow } else { Verdict::Deny };
    Some(DeviceRule { verdict, kind, major, minor, access })
}

/// Plans the nodes: the default ones that the configuration does not list itself, then those listed.
pub(super) fn plan_nodes(draft: &mut Draft<'_>, spec: &Spec) {
    let listed = spec.linux().as_ref().and_then(|linux| linux.devices().as_deref()).unwrap_or_default();
    for (path, major, minor) in DEFAULT {
        if !listed.iter().any(|device| device.path().to_str() == Some(path)) {
            let node = node(draft, path, NodeKind::Character, (major, minor), (0o666, 0, 0));
            push(draft, "default device", node);
        }
    }
    for (index, device) in listed.iter().enumerate() {
        let pointer = format!("/linux/devices/{index}");
        let node = read_node(draft, &pointer, device);
        push(draft, &pointer, node);
    }
}

fn push(draft: &mut Draft<'_>, origin: &str, node: Option<Node>) {
    if let Some(node) = node {
        draft.init(origin.to_owned(), InitOp::FileSystem(Op::Node(node)));
    }
}

fn read_node(draft: &mut Draft<'_>, pointer: &str, device: &LinuxDevice) -> Option<Node> {
    let kind = match device.typ() {
        LinuxDeviceType::C | LinuxDeviceType::U => NodeKind::Character,
        LinuxDeviceType::B => NodeKind::Block,
        LinuxDeviceType::P => NodeKind::Fifo,
        LinuxDeviceType::A => {
            draft
                .violations
                .add(format!("{pointer}/type"), "\"a\" stands for all kinds; a node is b, c, u or p");
            return None;
        }
    };
    let path = device.path();
    if !path.is_absolute() {
        let message = format!("{:?} is not an absolute path", path.display().to_string());
        draft.violations.add(format!("{pointer}/path"), message);
        return None;
    }
    let numbers = match (kind, u32::try_from(device.major()), u32::try_from(device.minor())) {
        (NodeKind::Fifo, _, _) => (0, 0),
        (_, Ok(major), Ok(minor)) => (major, minor),
        _ => {
            let message = format!("{}:{} is no device number", device.major(), device.minor());
            draft.violations.add(pointer, message);
            return None;
        }
    };
    let owner =
        (device.file_mode().unwrap_or(0o666) & 0o7777, device.uid().unwrap_or(0), device.gid().unwrap_or(0));
    node(draft, &path.display().to_string(), kind, numbers, owner)
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
