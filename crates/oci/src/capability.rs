//! Capabilities, `capabilities(7)`.

use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};

use crate::json::Json;
use crate::read::{Content, Findings, Place};
use crate::record::records;

records! {
    /// The five sets of a process.
    pub struct Capabilities {
        /// What it can never exceed.
        optional bounding: CapabilitySet = "bounding",
        /// What the kernel checks.
        optional effective: CapabilitySet = "effective",
        /// What it keeps through an execution, given the file's consent.
        optional inheritable: CapabilitySet = "inheritable",
        /// What it may make effective.
        optional permitted: CapabilitySet = "permitted",
        /// What it keeps through an execution without the file's consent.
        optional ambient: CapabilitySet = "ambient",
    }
}

/// The names by number, `linux/capability.h`.
const NAMES: [&str; 41] = [
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_DAC_READ_SEARCH",
    "CAP_FOWNER",
    "CAP_FSETID",
    "CAP_KILL",
    "CAP_SETGID",
    "CAP_SETUID",
    "CAP_SETPCAP",
    "CAP_LINUX_IMMUTABLE",
    "CAP_NET_BIND_SERVICE",
    "CAP_NET_BROADCAST",
    "CAP_NET_ADMIN",
    "CAP_NET_RAW",
    "CAP_IPC_LOCK",
    "CAP_IPC_OWNER",
    "CAP_SYS_MODULE",
    "CAP_SYS_RAWIO",
    "CAP_SYS_CHROOT",
    "CAP_SYS_PTRACE",
    "CAP_SYS_PACCT",
    "CAP_SYS_ADMIN",
    "CAP_SYS_BOOT",
    "CAP_SYS_NICE",
    "CAP_SYS_RESOURCE",
    "CAP_SYS_TIME",
    "CAP_SYS_TTY_CONFIG",
    "CAP_MKNOD",
    "CAP_LEASE",
    "CAP_AUDIT_WRITE",
    "CAP_AUDIT_CONTROL",
    "CAP_SETFCAP",
    "CAP_MAC_OVERRIDE",
    "CAP_MAC_ADMIN",
    "CAP_SYSLOG",
    "CAP_WAKE_ALARM",
    "CAP_BLOCK_SUSPEND",
    "CAP_AUDIT_READ",
    "CAP_PERFMON",
    "CAP_BPF",
    "CAP_CHECKPOINT_RESTORE",
];

/// A capability that is known here: those up to Linux 5.9, after which none came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Capability(u8);

impl Capability {
    /// Returns all, by number.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..).map(Self).take(NAMES.len())
    }

    /// Returns the kernel's number.
    #[must_use]
    pub const fn number(self) -> u8 {
        self.0
    }

    /// Returns the name, as `CAP_SYS_ADMIN`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        NAMES[self.0 as usize]
    }
}

impl FromStr for Capability {
    type Err = String;

    /// Reads a name as `CAP_SYS_ADMIN`.
    fn from_str(name: &str) -> Result<Self, String> {
        Self::all()
            .find(|capability| capability.name() == name)
            .ok_or_else(|| format!("wanted a capability as CAP_SYS_ADMIN, found {name:?}"))
    }
}

impl fmt::Display for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl Serialize for Capability {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

/// A set of capabilities.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct CapabilitySet(u64);

impl CapabilitySet {
    /// Returns the set as a mask: bit n stands for number n.
    #[must_use]
    pub const fn bits(self) -> u64 {
        self.0
    }

    /// Makes a set of a mask; bits of capabilities that are not known here are left out.
    #[must_use]
    pub const fn from_bits(bits: u64) -> Self {
        Self(bits & ((1 << NAMES.len()) - 1))
    }

    /// Adds one.
    pub const fn insert(&mut self, capability: Capability) {
        self.0 |= 1 << capability.0;
    }

    /// Takes one out.
    pub const fn remove(&mut self, capability: Capability) {
        self.0 &= !(1 << capability.0);
    }

    /// Tells whether one is in it.
    #[must_use]
    pub const fn contains(self, capability: Capability) -> bool {
        self.0 & 1 << capability.0 != 0
    }

    /// Tells whether none is in it.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Returns those in it, by number.
    pub fn iter(self) -> impl Iterator<Item = Capability> {
        Capability::all().filter(move |capability| self.contains(*capability))
    }
}

impl Extend<Capability> for CapabilitySet {
    fn extend<T: IntoIterator<Item = Capability>>(&mut self, capabilities: T) {
        capabilities.into_iter().for_each(|capability| self.insert(capability));
    }
}

impl FromIterator<Capability> for CapabilitySet {
    fn from_iter<T: IntoIterator<Item = Capability>>(capabilities: T) -> Self {
        let mut set = Self::default();
        set.extend(capabilities);
        set
    }
}

impl Content for CapabilitySet {
    /// Reads names. One that is not known is left out and noted: a runtime warns about a capability that it cannot
    /// give and goes on (config.md, Linux process, `capabilities`).
    fn read(json: Json<'_>, place: &Place<'_>, findings: &mut Findings) -> Self {
        let mut set = Self::default();
        let Json::List(list) = json else {
            findings.unwanted(place, "an array", &json);
            return set;
        };
        for (index, json) in list.into_iter().enumerate() {
            let here = place.index(index);
            match json {
                Json::Text(name) => match name.parse() {
                    Ok(capability) => set.insert(capability),
                    Err(message) => findings.note(&here, &message),
                },
                other => findings.unwanted(&here, "a string", &other),
            }
        }
        set
    }

    fn is_empty(&self) -> bool {
        self.0 == 0
    }
}

impl Serialize for CapabilitySet {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}
