//! A root of a private tmpfs with directories of the host laid into it.

use std::fs;
use std::path::Path;

use palisade_mount::{
    Entry, Kind, Layer, LayerAccess, Layered, Op, OpenRoot, Parameter, Propagation, Reach, RootSource, Text,
};
use rustix::fs::{Mode, OFlags, openat};
use rustix::io::Errno;

use crate::sandbox::{Sandbox, host, isolated, rootless};

fn text(text: &str) -> Text {
    Text::new(text).unwrap()
}

/// Two directories of the host, one with a secret, under an overlay and read-only.
fn prepare(directory: &Path) {
    for (name, file) in [("lower", "shown"), ("lower", "secret"), ("fixed", "file")] {
        fs::create_dir_all(directory.join(name)).unwrap();
        fs::write(directory.join(name).join(file), file).unwrap();
    }
}

fn enter(sandbox: &mut Sandbox, parameters: Vec<Parameter>) {
    let directory = |path: &str| Entry::Directory { path: text(path), mode: 0o755 };
    let mut entries: Vec<Entry> = ["root", "root/a", "root/b", "upper", "work"].map(directory).into();
    entries.push(Entry::Whiteout { path: text("upper/secret") });
    entries.push(Entry::File { path: text("upper/name"), content: text("web\n"), mode: 0o644 });
    entries.push(Entry::Symlink { path: text("root/link"), target: text("a/shown") });
    let overlay = LayerAccess::Overlay { upper: text("upper"), work: text("work"), parameters };
    let layer = |name: &str, place: &str, access| Layer {
        source: host(&sandbox.directory.join(name)),
        place: text(place),
        access,
    };
    let layers = vec![layer("lower", "a", overlay), layer("fixed", "b", LayerAccess::ReadOnly)];
    let layered = Layered { target: host(&sandbox.rootfs), parameters: Vec::new(), entries, layers };
    sandbox.perform(&Op::Propagation(Propagation { kind: Kind::Private, reach: Reach::Tree }));
    let root = OpenRoot { source: RootSource::Layered(layered), ..sandbox.root_op() };
    sandbox.perform(&Op::OpenRoot(root));
    sandbox.perform(&Op::PivotRoot);
}

fn check() {
    assert_eq!(fs::read_to_string("/link").unwrap(), "shown");
    assert_eq!(fs::read_to_string("/a/name").unwrap(), "web\n");
    assert!(!Path::new("/a/secret").exists() && !Path::new("/upper").exists());
    fs::write("/a/shown", "changed").unwrap();
    fs::write("/new", "new").unwrap();
    let refused = fs::write("/b/file", "changed").unwrap_err();
    assert_eq!(refused.raw_os_error(), Some(Errno::ROFS.raw_os_error()));
    assert_eq!(fs::read_to_string("/b/file").unwrap(), "file");
}

#[test]
fn directories_over_a_private_tmpfs() {
    isolated("layered::directories_over_a_private_tmpfs", |sandbox| {
        prepare(&sandbox.directory);
        let lower = fs::File::open(sandbox.directory.join("lower")).unwrap();
        enter(sandbox, Vec::new());
        check();
        let below = openat(&lower, "shown", OFlags::RDONLY, Mode::empty());
        let mut file = fs::File::from(below.unwrap());
        // The host's own file is as it was.
        assert_eq!(std::io::read_to_string(&mut file).unwrap(), "shown");
    });
}

#[test]
fn directories_over_a_private_tmpfs_for_a_user() {
    rootless("layered::directories_over_a_private_tmpfs_for_a_user", prepare, |sandbox| {
        enter(sandbox, vec![Parameter::flag("userxattr").unwrap()]);
        check();
    });
}
