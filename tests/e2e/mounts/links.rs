//! Symbolic links as sources and targets of binds, and targets that are not there.

use std::fs;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use palisade_tests::{Bundle, Case, case};
use rustix::fs::{CWD, Mode, mkfifoat};
use serde_json::json;

fn bundle(case: &Case, script: &str, mounts: &[(&Path, &str, &[&str])]) -> Bundle {
    Bundle::script(case, script).with(|config| {
        let list = config["mounts"].as_array_mut().expect("a list");
        for (source, target, options) in mounts {
            list.push(json!({ "destination": target, "source": source, "options": options }));
        }
    })
}

/// A directory with a file, a directory, and links to both.
fn sources(case: &Case) -> PathBuf {
    let path = case.scratch().join(case.unused("sources"));
    fs::create_dir_all(path.join("directory")).expect("create a directory");
    fs::write(path.join("file"), "of the host\n").expect("write a file");
    symlink("file", path.join("to-file")).expect("make a link");
    symlink("directory", path.join("to-directory")).expect("make a link");
    symlink("/nowhere/at/all", path.join("to-nothing")).expect("make a link");
    path
}

#[test]
fn a_link_is_followed_bound_or_copied() {
    let case = case!();
    let path = sources(&case);
    let script = "cd /; cat followed; readlink bound; readlink covered; cat target; readlink copied; readlink copied-too; \
                  cat plain; [ -L followed ] || echo no link; grep -c copied /proc/self/mounts; true";
    let bundle = bundle(
        &case,
        script,
        &[
            (&path.join("to-file"), "/followed", &["bind"]),
            (&path.join("to-directory"), "/bound", &["bind", "src-nofollow"]),
            (&path.join("to-file"), "/covered", &["bind", "src-nofollow", "dest-nofollow"]),
            (&path.join("to-nothing"), "/copied", &["bind", "copy-symlink"]),
            (&path.join("to-file"), "/made/copied-too", &["rbind", "copy-symlink"]),
            // Neither is a link.
            (&path.join("file"), "/plain", &["bind", "copy-symlink", "src-nofollow", "dest-nofollow"]),
        ],
    );
    let root = bundle.rootfs();
    fs::write(root.join("target"), "of the image\n").expect("write a file");
    symlink("target", root.join("covered")).expect("make a link");
    symlink("made/copied-too", root.join("copied-too")).expect("make a link");
    let said = bundle.output(&case);
    assert_eq!(
        said,
        "of the host\ndirectory\nfile\nof the image\n/nowhere/at/all\nmade/copied-too\nof the host\nno link\n0"
    );
    assert_eq!(fs::read_link(root.join("made/copied-too")).expect("the copy"), Path::new("file"));
    assert_eq!(fs::read_link(root.join("covered")).expect("the link below"), Path::new("target"));
}

#[test]
fn a_copied_link_replaces_nothing() {
    let case = case!();
    let path = sources(&case);
    let copy = |target: &str| {
        bundle(&case, "readlink /there", &[(&path.join("to-file"), target, &["bind", "copy-symlink"])])
    };
    let same = copy("/there");
    symlink("file", same.rootfs().join("there")).expect("make a link");
    assert_eq!(same.output(&case), "file", "the same link may be there");
    for other in ["link", "file"] {
        let bundle = copy("/there");
        let place = bundle.rootfs().join("there");
        match other {
            "link" => symlink("elsewhere", &place).expect("make a link"),
            _ => fs::write(&place, "content").expect("write a file"),
        }
        let said = bundle.refusal(&case);
        assert!(said.contains("/mounts/6: ") && said.contains("something else of the name"), "{said}");
    }
}

/// A link of the image as target leads to a place below the root, or is covered itself.
#[test]
fn a_link_of_the_image_does_not_lead_out() {
    let case = case!();
    let path = sources(&case);
    let outside = case.scratch().join("outside");
    fs::create_dir(&outside).expect("create a directory");
    for (options, found) in [(&["bind"][..], "of the host"), (&["bind", "dest-nofollow"], "")] {
        let script = format!("cat {}/target 2> /dev/null; cat /link; true", outside.display());
        let bundle = bundle(&case, &script, &[(&path.join("file"), "/link", options)]);
        symlink(outside.join("target"), bundle.rootfs().join("link")).expect("make a link");
        let said = bundle.output(&case);
        assert_eq!(said, format!("{found}\nof the host").trim_start(), "{options:?}");
        assert!(fs::read_dir(&outside).expect("a directory").next().is_none(), "nothing is made outside");
    }
}

#[test]
fn files_of_every_kind_are_bound_and_their_places_made() {
    let case = case!();
    let path = sources(&case);
    let _socket = UnixListener::bind(path.join("socket")).expect("make a socket");
    mkfifoat(CWD, path.join("fifo"), Mode::from_raw_mode(0o644)).expect("make a FIFO");
    let script = "for f in file directory fifo socket null; do stat -c '%n %F' /a/b/$f; done; \
                  (echo through > /a/b/fifo &) ; cat /a/b/fifo; echo gone > /a/b/null; cat /a/b/null";
    let places: Vec<(PathBuf, String)> = ["file", "directory", "fifo", "socket"]
        .into_iter()
        .map(|name| (path.join(name), format!("/a/b/{name}")))
        .chain([(PathBuf::from("/dev/null"), "/a/b/null".to_owned())])
        .collect();
    let mounts: Vec<(&Path, &str, &[&str])> =
        places.iter().map(|(from, to)| (from.as_path(), to.as_str(), &["bind"][..])).collect();
    let said = bundle(&case, script, &mounts).output(&case);
    assert_eq!(
        said,
        "/a/b/file regular file\n/a/b/directory directory\n/a/b/fifo fifo\n/a/b/socket socket\n\
         /a/b/null character special file\nthrough"
    );
}

#[test]
fn what_cannot_be_bound_is_told() {
    let case = case!();
    let path = sources(&case);
    for (source, target, cause) in [
        ("absent", "/x", "open_tree: ENOENT (the source does not exist)"),
        ("to-nothing", "/x", "open_tree: ENOENT (the source does not exist)"),
        ("file", "/etc", "one of source and target is a directory and the other is not"),
        ("directory", "/etc/passwd", "one of source and target is a directory and the other is not"),
        ("file", "/etc/passwd/x", "ENOTDIR"),
        ("file", "/proc/version", "a bind mount may not cover procfs"),
    ] {
        let said = bundle(&case, "true", &[(&path.join(source), target, &["bind"])]).refusal(&case);
        assert!(said.contains("/mounts/6: bind of ") && said.contains(cause), "{source} on {target}: {said}");
    }
}
