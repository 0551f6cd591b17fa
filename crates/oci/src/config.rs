//! The configuration as a whole: config.md.

use std::collections::BTreeMap;

use serde::{Serialize, Serializer};

use crate::json::Json;
use crate::read::{Content, Findings, Place};
use crate::record::records;
use crate::{IdMapping, Linux, Process};

records! {
    /// A container's configuration, config.json.
    pub struct Spec {
        /// The version of the specification that it follows, as `1.3.0`.
        filled version: String = "ociVersion",
        /// The container's program.
        optional process: Option<Process> = "process",
        /// The root file system.
        optional root: Option<Root> = "root",
        /// The host name.
        optional hostname: String = "hostname",
        /// The NIS domain name.
        optional domainname: String = "domainname",
        /// What is mounted below the root, in this order.
        optional mounts: Vec<Mount> = "mounts",
        /// Programs that run at six moments of the container's life.
        optional hooks: Hooks = "hooks",
        /// What is Linux's own.
        optional linux: Linux = "linux",
        /// Arbitrary data.
        optional annotations: BTreeMap<String, String> = "annotations",
        /// A section for a hypervisor.
        optional vm: Presence = "vm",
        /// A section for Windows.
        optional windows: Presence = "windows",
        /// A section for Solaris.
        optional solaris: Presence = "solaris",
        /// A section for z/OS.
        optional zos: Presence = "zos",
    }

    /// The root file system.
    pub struct Root {
        /// Its directory; relative ones begin at the bundle.
        filled path: String = "path",
        /// Whether the container may not write to it.
        optional read_only: bool = "readonly",
    }

    /// One mount.
    pub struct Mount {
        /// Where it is in the container.
        filled destination: String = "destination",
        /// The type of file system.
        optional kind: String = "type",
        /// A device, a name, or for a bind a path of the host.
        optional source: String = "source",
        /// Options, as of `mount(8)`.
        optional options: Vec<String> = "options",
        /// The user ids of an id-mapped mount.
        optional uid_mappings: Vec<IdMapping> = "uidMappings",
        /// The group ids of an id-mapped mount.
        optional gid_mappings: Vec<IdMapping> = "gidMappings",
    }

    /// Programs that run at six moments of the container's life.
    pub struct Hooks {
        /// On the host, once the namespaces are made; the old name of `create_runtime`.
        optional prestart: Vec<Hook> = "prestart",
        /// On the host, once the namespaces are made.
        optional create_runtime: Vec<Hook> = "createRuntime",
        /// In the container's namespaces, before its root is entered.
        optional create_container: Vec<Hook> = "createContainer",
        /// In the container, before its program begins.
        optional start_container: Vec<Hook> = "startContainer",
        /// On the host, after the program has begun.
        optional poststart: Vec<Hook> = "poststart",
        /// On the host, after the container was removed.
        optional poststop: Vec<Hook> = "poststop",
    }

    /// One program of a hook.
    pub struct Hook {
        /// Its absolute path.
        filled path: String = "path",
        /// Its arguments, the first being its own name.
        optional args: Vec<String> = "args",
        /// Its environment; where absent, that of whoever runs it.
        optional env: Option<Vec<String>> = "env",
        /// The seconds after which it is killed.
        optional timeout: Option<i64> = "timeout",
    }
}

/// Whether a section of another platform is there; what is in it is not read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Presence {
    /// It is not.
    #[default]
    Absent,
    /// It is.
    Present,
}

impl Content for Presence {
    fn read(_: Json<'_>, _: &Place<'_>, _: &mut Findings) -> Self {
        Self::Present
    }

    fn is_empty(&self) -> bool {
        *self == Self::Absent
    }
}

impl Serialize for Presence {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map::<&str, (), _>([])
    }
}
