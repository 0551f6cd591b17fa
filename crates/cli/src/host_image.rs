//! `@host`: this machine's own system as the image of a container.
//!
//! What is shown is a list: the directories that programs come from, each as the read-only lower layer of an overlay
//! whose upper layer is in one private tmpfs. So nothing that is done inside lasts, and what nobody thought of, the
//! host's state, homes, other containers, is not there. What of /etc only root may read is left out too: root of the
//! container is not a reader of the host's secrets. Where a directory has mounts below it, or the kernel has no overlay
//! file system, an ordinary user cannot have an overlay of it; it is bound read-only then.

use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use palisade_mount::{
    Attributes, Entry, HostPath, Layer, LayerAccess, Layered, OpenRoot, Parameter, Parent, Propagation,
    RootSource, Text,
};
use palisade_namespace::Rights;
use palisade_runtime::{Error, Result};

/// Directories of the host that are shown, where they are there; links among them stay links.
const SHOWN: [&str; 17] = [
    "bin",
    "sbin",
    "lib",
    "lib32",
    "lib64",
    "libx32",
    "usr",
    "opt",
    "nix",
    "gnu",
    "etc",
    // What package managers know of the above.
    "var/lib/dpkg",
    "var/lib/apt",
    "var/lib/rpm",
    "var/lib/pacman",
    "var/lib/alternatives",
    "var/lib/ca-certificates",
];

/// Directories that are there and empty, with their permission bits.
const EMPTY: [(&str, u32); 23] = [
    ("dev", 0o755),
    ("home", 0o755),
    ("media", 0o755),
    ("mnt", 0o755),
    ("proc", 0o555),
    ("root", 0o700),
    ("run", 0o755),
    ("run/lock", 0o1777),
    ("srv", 0o755),
    ("sys", 0o555),
    ("tmp", 0o1777),
    ("var", 0o755),
    ("var/cache", 0o755),
    ("var/cache/apt", 0o755),
    ("var/cache/apt/archives", 0o755),
    ("var/lib", 0o755),
    ("var/log", 0o755),
    ("var/mail", 0o755),
    ("var/opt", 0o755),
    ("var/spool", 0o755),
    ("var/tmp", 0o1777),
    ("boot", 0o755),
    ("var/local", 0o755),
];

/// How deep /etc is looked through for what only some may read.
const DEPTH: u32 = 8;

/// The image as an operation, with what a user should know of it.
#[derive(Debug)]
pub(crate) struct HostImage {
    pub(crate) root: OpenRoot,
    /// The directories that could only be had read-only.
    pub(crate) read_only: Vec<String>,
}

/// Works out the image for a container whose state will be in `target`, which is where its tmpfs goes.
pub(crate) fn host_image(rights: Rights, target: &Path, hostname: &str) -> Result<HostImage> {
    let mounts = palisade_mount::mountinfo::read().map_err(|error| Error::new(error.to_string()))?;
    let mounts: Vec<PathBuf> = mounts.into_iter().map(|mount| mount.target).collect();
    let mut draft = Draft {
        rights,
        hostname,
        overlay: Overlay::find(),
        entries: Vec::new(),
        layers: Vec::new(),
        read_only: Vec::new(),
    };
    draft.directory("root", 0o755)?;
    for (path, mode) in EMPTY {
        draft.directory(&format!("root/{path}"), mode)?;
    }
    for (path, target) in [("var/run", "/run"), ("var/lock", "/run/lock")] {
        draft.link(path, Path::new(target))?;
    }
    for path in SHOWN {
        draft.show(path, &mounts)?;
    }
    let Draft { entries, layers, read_only, .. } = draft;
    let layered = Layered {
        target: host_path(target)?,
        parameters: [("mode", "755")].into_iter().map(parameter).collect::<Result<_>>()?,
        entries,
        layers,
    };
    let root = OpenRoot {
        source: RootSource::Layered(layered),
        parent: Parent::MakePrivate,
        attributes: Attributes::from_word("nodev").unwrap_or(Attributes::NONE),
        propagation: Propagation::from_word("rprivate"),
    };
    Ok(HostImage { root, read_only })
}

/// Whether the kernel lists the overlay file system. It may still load it for root.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Overlay {
    There,
    Missing,
}

impl Overlay {
    fn find() -> Self {
        Self::in_list(&std::fs::read_to_string("/proc/filesystems").unwrap_or_default())
    }

    /// Reads `proc_filesystems(5)`: the name is the last word of a line.
    fn in_list(list: &str) -> Self {
        let is_there = list.lines().any(|line| line.split_whitespace().last() == Some("overlay"));
        if is_there { Self::There } else { Self::Missing }
    }
}

struct Draft<'a> {
    rights: Rights,
    hostname: &'a str,
    overlay: Overlay,
    entries: Vec<Entry>,
    layers: Vec<Layer>,
    read_only: Vec<String>,
}

impl Draft<'_> {
    fn directory(&mut self, path: &str, mode: u32) -> Result<()> {
        self.entries.push(Entry::Directory { path: text(path)?, mode });
        Ok(())
    }

    fn link(&mut self, path: &str, target: &Path) -> Result<()> {
        let target = text(target.as_os_str().as_bytes())?;
        self.entries.push(Entry::Symlink { path: text(format!("root/{path}"))?, target });
        Ok(())
    }

    /// Shows a directory of the host, or the link that it is.
    fn show(&mut self, path: &str, mounts: &[PathBuf]) -> Result<()> {
        let source = Path::new("/").join(path);
        let Ok(metadata) = source.symlink_metadata() else { return Ok(()) };
        if metadata.is_symlink() {
            return match source.read_link() {
                Ok(target) => self.link(path, &target),
                Err(_) => Ok(()),
            };
        }
        // A directory that this user may not enter has nothing for the container either.
        if !metadata.is_dir() || source.read_dir().is_err() {
            return Ok(());
        }
        self.directory(&format!("root/{path}"), 0o755)?;
        let has_mounts_below = || mounts.iter().any(|mount| mount.starts_with(&source) && mount != &source);
        let barred =
            self.rights == Rights::OwnUser && (self.overlay == Overlay::Missing || has_mounts_below());
        let access = if barred {
            self.read_only.push(source.display().to_string());
            LayerAccess::ReadOnly
        } else {
            self.overlay(path, &source)?
        };
        self.layers.push(Layer { source: host_path(&source)?, place: text(path)?, access });
        Ok(())
    }

    fn overlay(&mut self, path: &str, source: &Path) -> Result<LayerAccess> {
        let number = self.layers.len();
        let (upper, work) = (format!("upper{number}"), format!("work{number}"));
        self.directory(&upper, 0o755)?;
        self.directory(&work, 0o700)?;
        if path == "etc" {
            self.fill_etc(&upper, source)?;
        }
        let parameters = match self.rights {
            Rights::Full => Vec::new(),
            Rights::OwnUser => vec![Parameter::flag("userxattr").map_err(wrong)?],
        };
        Ok(LayerAccess::Overlay { upper: text(upper)?, work: text(work)?, parameters })
    }

    /// Gives /etc the container's own names, and hides what is not for everybody.
    fn fill_etc(&mut self, upper: &str, etc: &Path) -> Result<()> {
        let mut files = vec![
            ("hostname", format!("{}\n", self.hostname)),
            (
                "hosts",
                format!(
                    "127.0.0.1\tlocalhost\n127.0.1.1\t{}\n::1\tlocalhost ip6-localhost ip6-loopback\n",
                    self.hostname
                ),
            ),
        ];
        // Often a link into /run, which the container does not see.
        if let Ok(resolver) = std::fs::read(etc.join("resolv.conf"))
            && let Ok(resolver) = String::from_utf8(resolver)
        {
            files.push(("resolv.conf", resolver));
        }
        for (name, content) in files {
            let (path, content) = (text(format!("{upper}/{name}"))?, text(content.replace('\0', ""))?);
            self.entries.push(Entry::File { path, content, mode: 0o644 });
        }
        if self.rights == Rights::Full {
            self.hide_private(upper, etc, DEPTH)?;
        }
        Ok(())
    }

    /// Hides what others than its owner and group may not read. For an ordinary user the kernel sees to that.
    fn hide_private(&mut self, upper: &str, directory: &Path, depth: u32) -> Result<()> {
        let mut below = Vec::new();
        let mut hidden = Vec::new();
        let listed = directory.read_dir();
        for entry in
            listed.map_err(|error| Error::new(format!("read {}: {error}", directory.display())))?.flatten()
        {
            let Ok(metadata) = entry.metadata() else { continue };
            let wanted = if metadata.is_dir() { 0o005 } else { 0o004 };
            let is_private = !metadata.is_symlink() && metadata.mode() & wanted != wanted;
            let too_deep = metadata.is_dir() && depth == 0;
            if is_private || too_deep {
                hidden.push(entry.file_name());
            } else if metadata.is_dir() {
                below.push(entry.path());
            }
        }
        for name in hidden {
            let path = [upper.as_bytes(), b"/", name.as_bytes()].concat();
            self.entries.push(Entry::Whiteout { path: text(path)? });
        }
        for path in below {
            let mark = self.entries.len();
            let name = path.file_name().unwrap_or_default();
            let Some(name) = name.to_str() else { continue };
            let inner = format!("{upper}/{name}");
            let mode = path.metadata().map_or(0o755, |metadata| metadata.mode() & 0o7777);
            self.directory(&inner, mode)?;
            self.hide_private(&inner, &path, depth - 1)?;
            if self.entries.len() == mark + 1 {
                // Nothing to hide in it: the upper layer needs no such directory.
                self.entries.truncate(mark);
            }
        }
        Ok(())
    }
}

fn text(bytes: impl Into<Vec<u8>>) -> Result<Text> {
    Text::new(bytes).map_err(wrong)
}

fn host_path(path: &Path) -> Result<HostPath> {
    HostPath::new(path.as_os_str().as_bytes()).map_err(wrong)
}

fn parameter((key, value): (&str, &str)) -> Result<Parameter> {
    Parameter::string(key, value).map_err(wrong)
}

fn wrong(error: palisade_mount::Error) -> Error {
    Error::new(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn draft(rights: Rights) -> Draft<'static> {
        let (entries, layers, read_only) = (Vec::new(), Vec::new(), Vec::new());
        Draft { rights, hostname: "web", overlay: Overlay::There, entries, layers, read_only }
    }

    fn whiteouts(draft: &Draft<'_>) -> Vec<String> {
        let paths = draft.entries.iter().filter_map(|entry| match entry {
            Entry::Whiteout { path } => Some(path.to_string()),
            _ => None,
        });
        let mut paths: Vec<String> = paths.collect();
        paths.sort();
        paths
    }

    #[test]
    fn private_files_are_hidden_from_root() {
        let etc = tempfile::tempdir().unwrap();
        let make = |path: &str, mode: u32| {
            let path = etc.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, "x").unwrap();
            std::fs::set_permissions(&path, PermissionsExt::from_mode(mode)).unwrap();
        };
        make("passwd", 0o644);
        make("shadow", 0o640);
        make("ssh/key", 0o600);
        make("ssh/config", 0o644);
        make("open/file", 0o644);
        make("closed/file", 0o644);
        std::fs::set_permissions(etc.path().join("closed"), PermissionsExt::from_mode(0o700)).unwrap();
        let mut draft = draft(Rights::Full);
        draft.fill_etc("u", etc.path()).unwrap();
        assert_eq!(whiteouts(&draft), ["u/closed", "u/shadow", "u/ssh/key"]);
        let made: Vec<String> = draft
            .entries
            .iter()
            .filter_map(|entry| match entry {
                Entry::Directory { path, .. } => Some(path.to_string()),
                _ => None,
            })
            .collect();
        assert_eq!(made, ["u/ssh"]);
    }

    #[test]
    fn without_overlay_a_user_gets_what_there_is_read_only() {
        assert_eq!(Overlay::in_list("nodev\ttmpfs\nnodev\toverlay\n\text4\n"), Overlay::There);
        assert_eq!(Overlay::in_list("nodev\ttmpfs\n\text4\n"), Overlay::Missing);
        let mut draft = draft(Rights::OwnUser);
        draft.overlay = Overlay::Missing;
        draft.show("usr", &[]).unwrap();
        assert_eq!(draft.read_only, ["/usr"]);
        assert_eq!(draft.layers[0].access, LayerAccess::ReadOnly);
    }

    #[test]
    fn mounts_below_bar_an_overlay_for_a_user_only() {
        let mounts = [PathBuf::from("/"), PathBuf::from("/usr/share/x")];
        for (rights, read_only) in [(Rights::Full, 0), (Rights::OwnUser, 1)] {
            let mut draft = draft(rights);
            draft.show("usr", &mounts).unwrap();
            assert_eq!(draft.read_only.len(), read_only);
            assert_eq!(draft.layers.len(), 1);
        }
    }

    #[test]
    fn secrets_and_state_are_not_on_the_list() {
        let image = host_image(Rights::Full, Path::new("/run/palisade/web"), "web").unwrap();
        let RootSource::Layered(layered) = &image.root.source else { panic!("not layered") };
        for layer in &layered.layers {
            let source = layer.source.to_string();
            for secret in [
                "/root",
                "/home",
                "/run",
                "/tmp",
                "/boot",
                "/srv",
                "/var/lib/palisade",
                "/var/lib/docker",
                "/",
            ] {
                assert!(
                    source != secret && !format!("{secret}/").starts_with(&format!("{source}/")),
                    "{source}"
                );
            }
        }
    }
}
