//! Attributes and propagation of a mount, in the kernel's terms.

use palisade_sys::mount::MountChange;
use palisade_sys::mount::Reach as SysReach;
use rustix::mount::{MountAttrFlags, MountPropagationFlags};
use serde::ser::SerializeSeq;
use serde::{Serialize, Serializer};

/// Names the mounts that an operation reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reach {
    /// One mount.
    Mount,
    /// A mount and all below it.
    Tree,
}

impl From<Reach> for SysReach {
    fn from(reach: Reach) -> Self {
        match reach {
            Reach::Mount => Self::Mount,
            Reach::Tree => Self::Tree,
        }
    }
}

/// The propagation types of `mount_namespaces(7)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Events go both ways within the peer group.
    Shared,
    /// Events come in from the master and none go out.
    Slave,
    /// No events.
    Private,
    /// Private, and cannot be the source of a bind.
    Unbindable,
}

/// One change of propagation type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Propagation {
    /// The new type.
    pub kind: Kind,
    /// The mounts that get it.
    pub reach: Reach,
}

impl Propagation {
    /// Gives the option word that asks for this, `rslave`.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match (self.reach, self.kind) {
            (Reach::Mount, Kind::Shared) => "shared",
            (Reach::Mount, Kind::Slave) => "slave",
            (Reach::Mount, Kind::Private) => "private",
            (Reach::Mount, Kind::Unbindable) => "unbindable",
            (Reach::Tree, Kind::Shared) => "rshared",
            (Reach::Tree, Kind::Slave) => "rslave",
            (Reach::Tree, Kind::Private) => "rprivate",
            (Reach::Tree, Kind::Unbindable) => "runbindable",
        }
    }

    /// Reads a word of `linux.rootfsPropagation` or of a mount's options.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        let (reach, kind) = match word {
            "shared" => (Reach::Mount, Kind::Shared),
            "slave" => (Reach::Mount, Kind::Slave),
            "private" => (Reach::Mount, Kind::Private),
            "unbindable" => (Reach::Mount, Kind::Unbindable),
            "rshared" => (Reach::Tree, Kind::Shared),
            "rslave" => (Reach::Tree, Kind::Slave),
            "rprivate" => (Reach::Tree, Kind::Private),
            "runbindable" => (Reach::Tree, Kind::Unbindable),
            _ => return None,
        };
        Some(Self { kind, reach })
    }

    pub(crate) const fn flags(self) -> MountPropagationFlags {
        match self.kind {
            Kind::Shared => MountPropagationFlags::SHARED,
            Kind::Slave => MountPropagationFlags::DOWNSTREAM,
            Kind::Private => MountPropagationFlags::PRIVATE,
            Kind::Unbindable => MountPropagationFlags::UNBINDABLE,
        }
    }

    pub(crate) const fn change(self) -> MountChange {
        MountChange {
            set: MountAttrFlags::empty(),
            clear: MountAttrFlags::empty(),
            propagation: self.flags(),
        }
    }
}

/// The bits that a mount gets and the bits that it loses; everything else stays as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attributes {
    pub(crate) set: MountAttrFlags,
    pub(crate) clear: MountAttrFlags,
}

const ATIME: MountAttrFlags = MountAttrFlags::MOUNT_ATTR__ATIME;

/// Each attribute word with what it sets and clears; the recursive form has an `r` in front.
pub(crate) const ATTRIBUTE_WORDS: [(&str, Attributes); 18] = [
    ("ro", Attributes::setting(MountAttrFlags::MOUNT_ATTR_RDONLY)),
    ("rw", Attributes::clearing(MountAttrFlags::MOUNT_ATTR_RDONLY)),
    ("nosuid", Attributes::setting(MountAttrFlags::MOUNT_ATTR_NOSUID)),
    ("suid", Attributes::clearing(MountAttrFlags::MOUNT_ATTR_NOSUID)),
    ("nodev", Attributes::setting(MountAttrFlags::MOUNT_ATTR_NODEV)),
    ("dev", Attributes::clearing(MountAttrFlags::MOUNT_ATTR_NODEV)),
    ("noexec", Attributes::setting(MountAttrFlags::MOUNT_ATTR_NOEXEC)),
    ("exec", Attributes::clearing(MountAttrFlags::MOUNT_ATTR_NOEXEC)),
    ("nodiratime", Attributes::setting(MountAttrFlags::MOUNT_ATTR_NODIRATIME)),
    ("diratime", Attributes::clearing(MountAttrFlags::MOUNT_ATTR_NODIRATIME)),
    ("nosymfollow", Attributes::setting(MountAttrFlags::MOUNT_ATTR_NOSYMFOLLOW)),
    ("symfollow", Attributes::clearing(MountAttrFlags::MOUNT_ATTR_NOSYMFOLLOW)),
    ("noatime", Attributes::access_time(MountAttrFlags::MOUNT_ATTR_NOATIME)),
    ("strictatime", Attributes::access_time(MountAttrFlags::MOUNT_ATTR_STRICTATIME)),
    ("relatime", Attributes::access_time(MountAttrFlags::MOUNT_ATTR_RELATIME)),
    // The kernel's own default is relatime, so that taking a mode back means relatime.
    ("atime", Attributes::access_time(MountAttrFlags::MOUNT_ATTR_RELATIME)),
    ("nostrictatime", Attributes::access_time(MountAttrFlags::MOUNT_ATTR_RELATIME)),
    ("norelatime", Attributes::access_time(MountAttrFlags::MOUNT_ATTR_RELATIME)),
];

impl Attributes {
    /// No change.
    pub const NONE: Self = Self { set: MountAttrFlags::empty(), clear: MountAttrFlags::empty() };
    /// Read-only.
    pub const READ_ONLY: Self = Self::setting(MountAttrFlags::MOUNT_ATTR_RDONLY);

    pub(crate) const fn setting(bits: MountAttrFlags) -> Self {
        Self { set: bits, clear: MountAttrFlags::empty() }
    }

    const fn clearing(bits: MountAttrFlags) -> Self {
        Self { set: MountAttrFlags::empty(), clear: bits }
    }

    const fn access_time(mode: MountAttrFlags) -> Self {
        Self { set: mode, clear: ATIME }
    }

    /// Reads an attribute word without the recursive `r`, `nosuid`.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        ATTRIBUTE_WORDS.iter().find(|(name, _)| *name == word).map(|(_, attributes)| *attributes)
    }

    /// Says whether nothing changes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.set.is_empty() && self.clear.is_empty()
    }

    /// Says whether the mount becomes read-only.
    #[must_use]
    pub fn read_only(&self) -> bool {
        self.set.contains(MountAttrFlags::MOUNT_ATTR_RDONLY)
    }

    /// Adds a later change, which wins where the two contradict each other.
    #[must_use]
    pub fn then(self, later: Self) -> Self {
        let set = (self.set & !later.clear) | later.set;
        // The access-time mask stays in `clear` whole: the kernel wants it beside the mode that is set.
        let clear = (self.clear & !(later.set & !ATIME)) | later.clear;
        Self { set, clear }
    }

    pub(crate) const fn change(self) -> MountChange {
        MountChange { set: self.set, clear: self.clear, propagation: MountPropagationFlags::empty() }
    }

    /// Lists the words that ask for this, in the order of the table.
    #[must_use]
    pub fn words(&self) -> Vec<&'static str> {
        let mut words = Vec::new();
        for (word, attributes) in &ATTRIBUTE_WORDS[..12] {
            let sets = !attributes.set.is_empty() && self.set.contains(attributes.set);
            let clears = !attributes.clear.is_empty() && self.clear.contains(attributes.clear);
            if sets || clears {
                words.push(*word);
            }
        }
        let mode = self.set & ATIME;
        if mode == MountAttrFlags::MOUNT_ATTR_NOATIME {
            words.push("noatime");
        } else if mode == MountAttrFlags::MOUNT_ATTR_STRICTATIME {
            words.push("strictatime");
        } else if self.clear.contains(ATIME) {
            words.push("relatime");
        }
        words
    }
}

impl Default for Attributes {
    fn default() -> Self {
        Self::NONE
    }
}

impl Serialize for Attributes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let words = self.words();
        let mut list = serializer.serialize_seq(Some(words.len()))?;
        for word in words {
            list.serialize_element(word)?;
        }
        list.end()
    }
}
