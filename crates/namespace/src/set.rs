use std::path::{Path, PathBuf};

use crate::{Error, Kind, Kinds};

/// What happens to one kind of namespace when a process is started.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Source {
    /// The process stays where its parent is.
    #[default]
    Inherit,
    /// A namespace is made.
    New,
    /// A namespace that exists is joined.
    Join(Target),
}

/// Where to find a namespace that exists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// A path, as `/proc/1/ns/net` or a bind mount as `/run/netns/a`.
    Path(PathBuf),
    /// The namespace that the process of this id, in the caller's pid namespace, is in.
    ///
    /// The number may have a new owner by the time it is used: who holds a pidfd asks it afterwards.
    Pid(u32),
    /// The number of a descriptor that is open in this process; opening makes a new one and leaves it alone.
    Fd(u32),
}

impl Target {
    /// Returns the path that opens the namespace of `kind`.
    #[must_use]
    pub fn path(&self, kind: Kind) -> PathBuf {
        match self {
            Self::Path(path) => path.clone(),
            Self::Pid(pid) => PathBuf::from(format!("/proc/{pid}/ns/{}", kind.proc_name())),
            Self::Fd(number) => PathBuf::from(format!("/proc/self/fd/{number}")),
        }
    }
}

impl From<&Path> for Target {
    fn from(path: &Path) -> Self {
        Self::Path(path.to_path_buf())
    }
}

/// What happens to each of the eight kinds; what was not named is inherited.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Namespaces {
    sources: [Source; 8],
}

impl Namespaces {
    /// Collects what the caller names.
    ///
    /// # Errors
    /// A kind named twice, a relative or empty path.
    pub fn new(named: impl IntoIterator<Item = (Kind, Source)>) -> Result<Self, Error> {
        let mut set = Self::default();
        let mut seen = Kinds::NONE;
        for (kind, source) in named {
            if seen.contains(kind) {
                return Err(Error::rule(format!("namespace {kind}"), "named twice"));
            }
            if let Source::Join(Target::Path(path)) = &source
                && !path.is_absolute()
            {
                let object = format!("namespace {kind}");
                return Err(Error::rule(object, format!("path {} is not absolute", path.display())));
            }
            seen = seen.with(kind);
            set.sources[kind.index()] = source;
        }
        Ok(set)
    }

    /// Returns what happens to `kind`.
    #[must_use]
    pub const fn get(&self, kind: Kind) -> &Source {
        &self.sources[kind.index()]
    }

    /// Returns the kinds that are made.
    #[must_use]
    pub fn created(&self) -> Kinds {
        Kind::ALL.into_iter().filter(|kind| *self.get(*kind) == Source::New).collect()
    }

    /// Returns the kinds that are joined.
    #[must_use]
    pub fn joined(&self) -> Kinds {
        Kind::ALL.into_iter().filter(|kind| matches!(self.get(*kind), Source::Join(_))).collect()
    }

    /// Visits the joined kinds with where to find each, in the order of [`Kind::ALL`].
    pub fn targets(&self) -> impl Iterator<Item = (Kind, &Target)> {
        Kind::ALL.into_iter().filter_map(|kind| match self.get(kind) {
            Source::Join(target) => Some((kind, target)),
            Source::New | Source::Inherit => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn collects_and_refuses() {
        let net = Source::Join(Target::Path("/run/netns/a".into()));
        let set = Namespaces::new([(Kind::Net, net.clone()), (Kind::Pid, Source::New)]).unwrap();
        assert_eq!(set.get(Kind::Net), &net);
        assert_eq!(set.get(Kind::Uts), &Source::Inherit);
        assert_eq!(set.created(), Kinds::NONE.with(Kind::Pid));
        assert_eq!(set.joined(), Kinds::NONE.with(Kind::Net));
        assert_eq!(set.targets().count(), 1);

        let twice = Namespaces::new([(Kind::Pid, Source::New), (Kind::Pid, Source::Inherit)]).unwrap_err();
        assert_eq!(twice.to_string(), "namespace pid: named twice");
        let relative = Source::Join(Target::Path("netns/a".into()));
        let relative = Namespaces::new([(Kind::Net, relative)]).unwrap_err();
        assert_eq!(relative.to_string(), "namespace network: path netns/a is not absolute");
    }

    #[test]
    fn a_target_has_a_path() {
        for (target, path) in [
            (Target::Path("/run/netns/a".into()), "/run/netns/a"),
            (Target::Pid(7), "/proc/7/ns/net"),
            (Target::Fd(3), "/proc/self/fd/3"),
        ] {
            assert_eq!(target.path(Kind::Net), Path::new(path));
        }
    }
}
