//! From the words for kinds to the kinds.

use palisade_namespace::{Kind, Kinds};

use crate::flags::KindName;

impl KindName {
    pub(super) fn kind(self) -> Kind {
        match self {
            Self::Mount => Kind::Mount,
            Self::Pid => Kind::Pid,
            Self::Net => Kind::Net,
            Self::Ipc => Kind::Ipc,
            Self::Uts => Kind::Uts,
            Self::User => Kind::User,
            Self::Cgroup => Kind::Cgroup,
            Self::Time => Kind::Time,
        }
    }
}

/// All eight kinds.
pub(super) fn every() -> Kinds {
    Kind::ALL.into_iter().collect()
}
