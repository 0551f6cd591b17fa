//! The config.json that the `spec` verb writes, equal in content to runc's but for the host name.

use serde::ser::{Serialize, SerializeMap, Serializer};

use crate::VERSION;
use Json::{List, Map, Number, Text, Yes};

/// Who will run the container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    /// The host's root.
    Root,
    /// An ordinary user, whose ids become 0 in a new user namespace: `spec --rootless`.
    Rootless {
        /// The effective user id.
        uid: u32,
        /// The effective group id.
        gid: u32,
    },
}

/// How the host's cgroups are laid out, which decides about a cgroup namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CgroupTree {
    /// Version 2 alone: the container gets a cgroup namespace.
    Unified,
    /// Version 1, or both: it gets none, as with runc.
    Legacy,
}

/// Returns the text, indented with tabs and without a newline at its end.
#[must_use]
pub fn example(owner: Owner, tree: CgroupTree) -> String {
    let mut text = Vec::with_capacity(4096);
    let indent = serde_json::ser::PrettyFormatter::with_indent(b"\t");
    let mut serializer = serde_json::Serializer::with_formatter(&mut text, indent);
    // Neither a tree of texts nor a Vec can fail to be written.
    document(owner, tree).serialize(&mut serializer).ok();
    String::from_utf8(text).unwrap_or_default()
}

/// A JSON document that keeps the order of its keys.
enum Json {
    Yes(bool),
    Number(u32),
    Text(&'static str),
    List(Vec<Self>),
    Map(Vec<(&'static str, Self)>),
}

impl Serialize for Json {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Yes(value) => serializer.serialize_bool(*value),
            Number(value) => serializer.serialize_u32(*value),
            Text(value) => serializer.serialize_str(value),
            List(values) => serializer.collect_seq(values),
            Map(fields) => {
                let mut map = serializer.serialize_map(Some(fields.len()))?;
                for (key, value) in fields {
                    map.serialize_entry(key, value)?;
                }
                map.end()
            }
        }
    }
}

const PATH: &str = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

const CAPABILITIES: [&str; 3] = ["CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"];

const MASKED: [&str; 10] = [
    "/proc/acpi",
    "/proc/asound",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/proc/sched_debug",
    "/sys/firmware",
    "/proc/scsi",
];

const READ_ONLY: [&str; 5] = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"];

/// Destination, type, source, options separated by commas.
type MountRow = (&'static str, &'static str, &'static str, &'static str);

const MOUNTS: [MountRow; 7] = [
    ("/proc", "proc", "proc", ""),
    ("/dev", "tmpfs", "tmpfs", "nosuid,strictatime,mode=755,size=65536k"),
    ("/dev/pts", "devpts", "devpts", "nosuid,noexec,newinstance,ptmxmode=0666,mode=0620,gid=5"),
    ("/dev/shm", "tmpfs", "shm", "nosuid,noexec,nodev,mode=1777,size=65536k"),
    ("/dev/mqueue", "mqueue", "mqueue", "nosuid,noexec,nodev"),
    ("/sys", "sysfs", "sysfs", "nosuid,noexec,nodev,ro"),
    ("/sys/fs/cgroup", "cgroup", "cgroup", "nosuid,noexec,nodev,relatime,ro"),
];

/// A new sysfs needs rights over the network namespace, which an ordinary user's container shares with the host.
const ROOTLESS_SYS: MountRow = ("/sys", "none", "/sys", "rbind,nosuid,noexec,nodev,ro");

fn document(owner: Owner, tree: CgroupTree) -> Json {
    let root = Map(vec![("path", Text("rootfs")), ("readonly", Yes(true))]);
    Map(vec![
        ("ociVersion", Text(VERSION)),
        ("process", process()),
        ("root", root),
        ("hostname", Text("palisade")),
        ("mounts", List(MOUNTS.into_iter().map(|row| mount(row, owner)).collect())),
        ("linux", linux(owner, tree)),
    ])
}

fn process() -> Json {
    // An ambient capability has to be inheritable too, and none is by default.
    let sets = ["bounding", "effective", "permitted"].map(|set| (set, texts(&CAPABILITIES)));
    let files = vec![("type", Text("RLIMIT_NOFILE")), ("hard", Number(1024)), ("soft", Number(1024))];
    Map(vec![
        ("terminal", Yes(true)),
        ("user", Map(vec![("uid", Number(0)), ("gid", Number(0))])),
        ("args", texts(&["sh"])),
        ("env", texts(&[PATH, "TERM=xterm"])),
        ("cwd", Text("/")),
        ("capabilities", Map(sets.into())),
        ("rlimits", List(vec![Map(files)])),
        ("noNewPrivileges", Yes(true)),
    ])
}

fn mount(row: MountRow, owner: Owner) -> Json {
    let is_rootless = owner != Owner::Root;
    let row = if is_rootless && row.0 == ROOTLESS_SYS.0 { ROOTLESS_SYS } else { row };
    let (destination, kind, source, options) = row;
    // A group id of the host has no meaning where only one id is mapped.
    let options = options.split(',').filter(|option| !(is_rootless && option.starts_with("gid=")));
    let options: Vec<Json> = options.filter(|option| !option.is_empty()).map(Text).collect();
    let mut fields = vec![("destination", Text(destination)), ("type", Text(kind)), ("source", Text(source))];
    if !options.is_empty() {
        fields.push(("options", List(options)));
    }
    Map(fields)
}

fn linux(owner: Owner, tree: CgroupTree) -> Json {
    let mut fields = Vec::new();
    let mut kinds = vec!["pid"];
    match owner {
        Owner::Root => {
            let deny = Map(vec![("allow", Yes(false)), ("access", Text("rwm"))]);
            fields.push(("resources", Map(vec![("devices", List(vec![deny]))])));
            kinds.push("network");
        }
        Owner::Rootless { uid, gid } => {
            fields.push(("uidMappings", mapping(uid)));
            fields.push(("gidMappings", mapping(gid)));
        }
    }
    kinds.extend(["ipc", "uts", "mount"]);
    if tree == CgroupTree::Unified {
        kinds.push("cgroup");
    }
    if owner != Owner::Root {
        kinds.push("user");
    }
    let namespaces = kinds.into_iter().map(|kind| Map(vec![("type", Text(kind))])).collect();
    fields.push(("namespaces", List(namespaces)));
    fields.push(("maskedPaths", texts(&MASKED)));
    fields.push(("readonlyPaths", texts(&READ_ONLY)));
    Map(fields)
}

fn mapping(outside: u32) -> Json {
    let fields = vec![("containerID", Number(0)), ("hostID", Number(outside)), ("size", Number(1))];
    List(vec![Map(fields)])
}

fn texts(values: &[&'static str]) -> Json {
    List(values.iter().map(|value| Text(value)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{IdMapping, NamespaceKind, parse};

    const ROOTLESS: Owner = Owner::Rootless { uid: 1000, gid: 100 };

    fn kinds(owner: Owner, tree: CgroupTree) -> Vec<NamespaceKind> {
        let spec = parse("config.json", example(owner, tree).as_bytes()).unwrap();
        spec.linux.namespaces.iter().map(|namespace| namespace.kind).collect()
    }

    #[test]
    fn each_variant_is_read_back_with_its_namespaces() {
        use NamespaceKind::{Cgroup, Ipc, Mount, Network, Pid, User, Uts};
        assert_eq!(kinds(Owner::Root, CgroupTree::Legacy), [Pid, Network, Ipc, Uts, Mount]);
        assert_eq!(kinds(Owner::Root, CgroupTree::Unified), [Pid, Network, Ipc, Uts, Mount, Cgroup]);
        assert_eq!(kinds(ROOTLESS, CgroupTree::Legacy), [Pid, Ipc, Uts, Mount, User]);
        assert_eq!(kinds(ROOTLESS, CgroupTree::Unified), [Pid, Ipc, Uts, Mount, Cgroup, User]);
    }

    #[test]
    fn keys_come_in_the_order_of_runc_with_tabs() {
        let text = example(Owner::Root, CgroupTree::Legacy);
        let start = "{\n\t\"ociVersion\": \"1.3.0\",\n\t\"process\": {\n\t\t\"terminal\": true,\n\t\t\"user\": {\n\t\t\t\"uid\": 0,";
        assert!(text.starts_with(start), "{text}");
        assert!(text.ends_with("\n\t}\n}"));
    }

    #[test]
    fn the_rootless_variant_maps_the_own_ids_and_mounts_nothing_it_may_not() {
        let spec = parse("config.json", example(ROOTLESS, CgroupTree::Legacy).as_bytes()).unwrap();
        let map = |host_id| [IdMapping { container_id: 0, host_id, size: 1 }];
        assert_eq!(spec.linux.uid_mappings, map(1000));
        assert_eq!(spec.linux.gid_mappings, map(100));
        assert!(spec.linux.resources.devices.is_empty());
        assert!(spec.mounts.iter().all(|mount| mount.kind != "sysfs"));
        let mut options = spec.mounts.iter().flat_map(|mount| &mount.options);
        assert!(!options.any(|option| option.starts_with("gid=")));
    }
}
