//! Places that a container's state cannot be kept in: full, read-only, not a directory, somebody else's.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use palisade_tests::{Bundle, Case, Container, Privilege, case, skip};
use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};

/// A tmpfs that is there as long as this is.
struct Tmpfs<'a>(&'a Path);

impl<'a> Tmpfs<'a> {
    fn mount(path: &'a Path, flags: MountFlags, options: &std::ffi::CStr) -> Self {
        fs::create_dir(path).expect("create a mount point");
        mount("tmpfs", path, "tmpfs", flags, Some(options)).expect("mount a tmpfs");
        Self(path)
    }
}

impl Drop for Tmpfs<'_> {
    fn drop(&mut self) {
        unmount(self.0, UnmountFlags::DETACH).expect("unmount a tmpfs");
    }
}

/// Runs a bundle with its state in `root` and demands that it is refused with nothing left but what `root` was.
fn refused_in(case: &Case, bundle: &Bundle, root: &Path) -> String {
    let mut call = case.program(case.palisade_path()).arg("--root").arg(root).args(["run", "--bundle"]);
    call = call.arg(bundle.path()).arg(case.unused_id());
    let said = call.run();
    assert!(!said.status.success() && said.stdout.is_empty(), "{said}");
    assert_eq!(said.stderr.lines().count(), 1, "{said}");
    let line = said.stderr.strip_prefix("palisade: ").unwrap_or_else(|| panic!("{said}")).trim_end();
    line.to_owned()
}

#[test]
fn a_full_disk_is_told_by_the_file_that_did_not_fit() {
    let case = case!();
    if case.tier().privilege() == Privilege::Ordinary {
        skip!(case, "mounting a small disk takes root");
    }
    let bundle = Bundle::script(&case, "echo runs");
    let root = case.scratch().join("small");
    // No room for a byte, no room for a file, and room for a directory only.
    for (options, filler) in
        [(c"size=4k,nr_inodes=20", 4096), (c"size=64k,nr_inodes=2", 0), (c"size=64k,nr_inodes=1", 0)]
    {
        let disk = Tmpfs::mount(&root, MountFlags::empty(), options);
        if filler > 0 {
            fs::write(root.join("filler"), vec![1; filler]).expect("fill the disk");
        }
        let before = fs::read_dir(&root).expect("read the disk").count();
        let line = refused_in(&case, &bundle, &root);
        assert!(
            line.contains("ENOSPC") && line.contains(root.to_str().expect("a path")),
            "{options:?}: {line}"
        );
        assert_eq!(fs::read_dir(&root).expect("read the disk").count(), before, "{options:?}: state is left");
        drop(disk);
        fs::remove_dir(&root).expect("remove the mount point");
        case.expect_nothing_left(&format_args!("run on a full disk, {options:?}"));
    }
}

#[test]
fn a_read_only_place_is_told() {
    let case = case!();
    if case.tier().privilege() == Privilege::Ordinary {
        skip!(case, "mounting a read-only disk takes root");
    }
    let bundle = Bundle::script(&case, "echo runs");
    let run = case.scratch().join("run");
    let _disk = Tmpfs::mount(&run, MountFlags::RDONLY, c"size=64k");
    for root in [run.clone(), run.join("palisade")] {
        let line = refused_in(&case, &bundle, &root);
        assert!(line.starts_with(&format!("mkdir {}", root.display())) && line.contains("EROFS"), "{line}");
    }
}

#[test]
fn a_place_that_is_no_directory_is_told() {
    let case = case!();
    let bundle = Bundle::script(&case, "echo runs");
    let file = case.scratch().join("file");
    fs::write(&file, "").expect("write a file");
    for root in [file.clone(), file.join("below")] {
        let line = refused_in(&case, &bundle, &root);
        assert!(line.contains(root.to_str().expect("a path")) && line.contains("ENOTDIR"), "{line}");
    }
    let list = case.program(case.palisade_path()).arg("--root").arg(&file).arg("list").run().failed(1);
    assert!(list.stderr.starts_with(&format!("palisade: read {}: ENOTDIR", file.display())), "{list}");
    let none =
        case.program(case.palisade_path()).arg("--root").arg("/no/such").args(["list", "--quiet"]).run();
    assert_eq!(none.succeeded().stdout, "", "a place that is not there has no containers");
}

#[test]
fn the_state_of_another_user_is_out_of_reach() {
    let case = case!();
    if case.tier().privilege() == Privilege::Root {
        skip!(case, "root may do anything");
    }
    let bundle = Bundle::script(&case, "echo runs");
    // Root's directory on every machine; whether it is there does not matter.
    for root in ["/root/palisade", "/run/palisade"] {
        let line = refused_in(&case, &bundle, Path::new(root));
        assert!(line.contains(root) && line.contains("EACCES"), "{line}");
    }
    let closed = case.scratch().join("closed");
    fs::create_dir(&closed).expect("create a directory");
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o500)).expect("chmod");
    let line = refused_in(&case, &bundle, &closed);
    assert!(line.starts_with(&format!("mkdir {}", closed.display())) && line.contains("EACCES"), "{line}");
}

#[test]
fn a_directory_of_somebody_else_in_the_place_is_no_container() {
    let case = case!();
    let bundle = Bundle::script(&case, "sleep 1000");
    let container = Container::start(&case, &bundle);
    let stranger = case.state().join("stranger");
    fs::create_dir(&stranger).expect("create a directory");
    fs::write(stranger.join("state.json"), "{\"not\": \"ours\"").expect("write a file");
    fs::write(case.state().join("file"), "").expect("write a file");
    let said = case.palisade().args(["list", "--quiet"]).run().succeeded();
    assert_eq!(said.stdout, format!("{}\n", container.id()));
    for name in ["stranger", "file"] {
        let line = case.palisade().args(["state", name]).run().failed(1).stderr;
        assert!(line.starts_with("palisade: ") && line.contains(name), "{line}");
    }
    fs::remove_file(case.state().join("file")).expect("remove a file");
    case.palisade().args(["delete", "--force", "stranger"]).run().succeeded();
    container.remove();
}

#[test]
fn the_log_names_errors_too() {
    let case = case!();
    let log = case.scratch().join("log");
    for (format, starts) in [("text", "time=\""), ("json", "{\"level\":\"error\"")] {
        let call = case.palisade().arg("--log").arg(&log).args(["--log-format", format, "state", "none"]);
        let said = call.run().failed(1);
        let text = fs::read_to_string(&log).expect("read the log");
        assert!(text.starts_with(starts) && text.contains("container none does not exist"), "{text} {said}");
        assert_eq!(text.lines().count(), 1, "{text}");
        fs::remove_file(&log).expect("remove the log");
    }
    let line = case.palisade().args(["--log", "/no/such/log", "list"]).run().failed(1).stderr;
    assert!(line.starts_with("palisade: --log /no/such/log: "), "{line}");
}
