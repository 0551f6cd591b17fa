//! Every option word by its effect: on a bind, on all the mounts of a tree, on a file system.

use std::fs::{self, File, FileTimes};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use palisade_tests::{Bundle, Case, Privilege, case, skip};
use rustix::fs::{CWD, FileType, Mode, makedev, mknodat};
use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};
use serde_json::{Value, json};

use super::{expect_refusal, with_mount};

/// What a program can do below a directory, a word for each: see [`prepare`].
const PROBE: &str = r#"
probe() {
    (: > $1/new) 2> /dev/null && echo write
    $1/busybox true 2> /dev/null && echo exec
    $1/suid/busybox crontab -l 2>&1 | grep -qE 'must be suid|ermission' || echo suid
    head -c 1 $1/zero > /dev/null 2>&1 && echo dev
    cat $1/link > /dev/null 2>&1 && echo link
    cat $1/old $1/ahead; ls $1/directory
    [ $(stat -c %X $1/old) -gt 1500000000 ] && echo old
    [ $(stat -c %X $1/ahead) -lt 2000000000 ] && echo ahead
    [ $(stat -c %X $1/directory) -gt 1500000000 ] && echo directory
}
"#;

/// What it says of a mount without options on this machine. `old` is a file that was last read long before it was
/// written and `ahead` one that was read long after: the first reading of each is noted by relatime and by strictatime.
const USUAL: &str = "write exec suid dev link old directory";

fn prepare(path: &Path, privilege: Privilege) {
    fs::set_permissions(path, fs::Permissions::from_mode(0o777)).expect("chmod a directory");
    fs::copy(palisade_tests::bundle::busybox(), path.join("busybox")).expect("copy a program");
    for directory in ["suid", "directory"] {
        fs::create_dir(path.join(directory)).expect("create a directory");
    }
    let suid = path.join("suid/busybox");
    fs::copy(palisade_tests::bundle::busybox(), &suid).expect("copy a program");
    fs::set_permissions(&suid, fs::Permissions::from_mode(0o4755)).expect("chmod a program");
    if privilege == Privilege::Root {
        let mode = Mode::from_raw_mode(0o666);
        mknodat(CWD, path.join("zero"), FileType::CharacterDevice, mode, makedev(1, 5)).expect("mknod");
    }
    fs::write(path.join("file"), "").expect("write a file");
    symlink("file", path.join("link")).expect("make a link");
    for (name, seconds) in [("old", 1_000_000_000), ("ahead", 2_100_000_000), ("directory", 1_000_000_000)] {
        let place = path.join(name);
        if name != "directory" {
            fs::write(&place, "").expect("write a file");
        }
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        let file = File::open(&place).expect("open a file");
        file.set_times(FileTimes::new().set_accessed(time)).expect("set the time of the last reading");
    }
}

/// A directory on the host with a mount below it that has its own flags.
struct Tree {
    path: PathBuf,
    below: Option<PathBuf>,
}

impl Tree {
    fn new(case: &Case) -> Self {
        let path = case.scratch().join(case.unused("tree"));
        fs::create_dir(&path).expect("create a directory");
        prepare(&path, case.tier().privilege());
        Self { path, below: None }
    }

    fn with_mount_below(case: &Case, flags: MountFlags) -> Self {
        let mut tree = Self::new(case);
        let below = tree.path.join("below");
        fs::create_dir(&below).expect("create a directory");
        mount("tmpfs", &below, "tmpfs", flags - MountFlags::RDONLY, None).expect("mount a tmpfs");
        prepare(&below, case.tier().privilege());
        if flags.contains(MountFlags::RDONLY) {
            rustix::mount::mount_remount(&below, MountFlags::BIND | flags, "").expect("remount a tmpfs");
        }
        tree.below = Some(below);
        tree
    }
}

impl Drop for Tree {
    fn drop(&mut self) {
        if let Some(below) = &self.below {
            unmount(below, UnmountFlags::DETACH).expect("unmount a tmpfs");
        }
    }
}

/// Binds a tree on /data and probes places below.
fn probe(case: &Case, tree: &Tree, options: &[&str], places: &[&str]) -> Vec<String> {
    let script = places.iter().fold(PROBE.to_owned(), |script, place| script + "probe " + place + "; echo; ");
    let bundle = Bundle::script(case, &script).with(|config| {
        let mount =
            json!({ "destination": "/data", "type": "none", "source": tree.path, "options": options });
        config["mounts"].as_array_mut().expect("a list").push(mount);
        config["process"]["noNewPrivileges"] = json!(false);
        if case.tier().privilege() == Privilege::Root {
            // Whoever has no rights of its own gets some by a set-id program.
            config["process"]["user"] = json!({ "uid": 1000, "gid": 1000 });
        }
    });
    let said = bundle.output(case) + "\n";
    let blocks = said.split("\n\n").map(|block| seen(block, case.tier().privilege()));
    blocks.take(places.len()).collect()
}

/// What is left of [`USUAL`] by an attribute word, which may add one.
fn effect(word: &str) -> String {
    let without = |gone: &[&str]| {
        let kept: Vec<&str> = USUAL.split(' ').filter(|one| !gone.contains(one)).collect();
        kept.join(" ")
    };
    match word {
        // Nobody notes on a read-only mount what was read.
        "ro" => without(&["write", "old", "directory"]),
        "noexec" => without(&["exec", "suid"]),
        "nosuid" => without(&["suid"]),
        "nodev" => without(&["dev"]),
        "nosymfollow" => without(&["link"]),
        "noatime" => without(&["old", "directory"]),
        "nodiratime" => without(&["directory"]),
        "strictatime" => USUAL.replace("old", "old ahead"),
        _ => USUAL.to_owned(),
    }
}

/// What of it tells something of an ordinary user's container: a user makes no devices, and has no second id that a
/// set-id program would lead to root from.
fn seen(effect: &str, privilege: Privilege) -> String {
    let hidden = |word: &&str| privilege == Privilege::Ordinary && matches!(*word, "dev" | "suid");
    let kept: Vec<&str> = effect.split_whitespace().filter(|word| !hidden(word)).collect();
    kept.join(" ")
}

/// Each word that sets something, with those that take it back.
const ATTRIBUTES: [(&str, &[&str]); 8] = [
    ("ro", &["rw"]),
    ("noexec", &["exec"]),
    ("nosuid", &["suid"]),
    ("nodev", &["dev"]),
    ("nosymfollow", &["symfollow"]),
    ("noatime", &["atime", "relatime", "norelatime", "nostrictatime"]),
    ("nodiratime", &["diratime"]),
    ("strictatime", &["nostrictatime", "norelatime", "atime", "relatime"]),
];

/// How the host's mount notes access times is locked in a user namespace.
fn is_locked(word: &str, privilege: Privilege) -> bool {
    privilege == Privilege::Ordinary && matches!(word, "noatime" | "nodiratime" | "strictatime")
}

#[test]
fn attributes_of_a_bind() {
    let case = case!();
    let privilege = case.tier().privilege();
    let check = |options: &[&str], expected: &str| {
        let tree = Tree::new(&case);
        let said = probe(&case, &tree, options, &["/data"]);
        assert_eq!(said, [seen(expected, privilege)], "{options:?}");
    };
    for word in ["defaults", "silent", "loud"] {
        check(&["bind", word], USUAL);
    }
    for (word, opposites) in ATTRIBUTES {
        if is_locked(word, privilege) {
            let tree = Tree::new(&case);
            let mount = json!({ "destination": "/data", "source": tree.path, "options": ["bind", word] });
            let bundle = Bundle::script(&case, "true")
                .with(|config| config["mounts"].as_array_mut().expect("a list").push(mount));
            let said = bundle.refusal(&case);
            let expected = "mount_setattr: EPERM (a mount of the host keeps";
            assert!(said.contains("/mounts/6: ") && said.contains(expected), "{word}: {said}");
        } else {
            check(&["bind", word], &effect(word));
        }
        for opposite in opposites {
            check(&["bind", word, opposite], USUAL);
        }
        if !is_locked(word, privilege) {
            check(&["bind", opposites[0], word], &effect(word));
        }
    }
}

#[test]
fn attributes_of_all_mounts_of_a_tree() {
    let case = case!();
    if case.tier().privilege() == Privilege::Ordinary {
        skip!(case, "mounts on the host take root");
    }
    let places = ["/data", "/data/below"];
    for (word, opposites) in ATTRIBUTES {
        let tree = Tree::with_mount_below(&case, MountFlags::empty());
        let said = probe(&case, &tree, &["rbind", word], &places);
        assert_eq!(said, [effect(word), USUAL.to_owned()], "{word} is of the one mount");
        drop(tree);
        let tree = Tree::with_mount_below(&case, MountFlags::empty());
        let recursive = format!("r{word}");
        let said = probe(&case, &tree, &["rbind", &recursive], &places);
        assert_eq!(said, [effect(word), effect(word)], "{recursive} is of all mounts");
        drop(tree);
        for opposite in opposites {
            let flag = flag(word);
            let tree = Tree::with_mount_below(&case, flag);
            let said = probe(&case, &tree, &["rbind"], &places);
            assert_eq!(said, [USUAL.to_owned(), effect(word)], "the host's own {word} stays");
            drop(tree);
            let tree = Tree::with_mount_below(&case, flag);
            let recursive = format!("r{opposite}");
            let said = probe(&case, &tree, &["rbind", &recursive], &places);
            assert_eq!(said, [USUAL, USUAL], "{recursive} takes {word} back");
        }
    }
}

fn flag(word: &str) -> MountFlags {
    match word {
        "ro" => MountFlags::RDONLY,
        "noexec" => MountFlags::NOEXEC,
        "nosuid" => MountFlags::NOSUID,
        "nodev" => MountFlags::NODEV,
        // MS_NOSYMFOLLOW has no name there.
        "nosymfollow" => MountFlags::from_bits_retain(1 << 8),
        "noatime" => MountFlags::NOATIME,
        "nodiratime" => MountFlags::NODIRATIME,
        _ => MountFlags::STRICTATIME,
    }
}

/// Mounts a file system on /data and gives its options and those of its superblock.
fn listed(case: &Case, mounts: Value) -> (Vec<String>, Vec<String>) {
    let script = "grep ' /data ' /proc/self/mountinfo | tail -1 | sed 's/^[^/]* [^ ]* [^ ]* \\([^ ]*\\).* - [^ ]* [^ ]* /\\1 /'";
    let bundle = Bundle::script(case, script).with(|config| {
        let list = config["mounts"].as_array_mut().expect("a list");
        list.extend(mounts.as_array().expect("a list").iter().cloned());
    });
    let said = bundle.output(case);
    let (own, superblock) = said.split_once(' ').unwrap_or_else(|| panic!("{said}"));
    let words = |text: &str| text.split(',').map(str::to_owned).collect();
    (words(own), words(superblock))
}

#[test]
fn words_of_a_superblock() {
    let case = case!();
    for (options, has, has_not) in [
        (&["sync"][..], "sync", ""),
        (&["sync", "async"], "", "sync"),
        (&["dirsync"], "dirsync", "sync"),
        (&["lazytime"], "lazytime", ""),
        (&["lazytime", "nolazytime"], "", "lazytime"),
        (&["mand"], "mand", ""),
        (&["mand", "nomand"], "", "mand"),
        (&["iversion", "size=64k", "sync"], "size=64k sync", "ro"),
        (&["iversion", "noiversion", "ro"], "ro", "rw"),
        (&["silent", "loud", "defaults"], "rw", "ro"),
        (&["nr_inodes=77", "uid=0", "mode=0700", "size=1m"], "nr_inodes=77 mode=700 size=1024k", ""),
    ] {
        let mount = json!({ "destination": "/data", "type": "tmpfs", "source": "tmpfs", "options": options });
        let (_, words) = listed(&case, json!([mount]));
        for word in has.split_whitespace() {
            assert!(words.iter().any(|one| one == word), "{options:?}: {word} is not in {words:?}");
        }
        assert!(!words.iter().any(|one| one == has_not), "{options:?}: {has_not} is in {words:?}");
    }
}

#[test]
fn attributes_of_a_file_system() {
    let case = case!();
    for (options, expected) in [
        (&["ro", "nosuid"][..], "ro nosuid relatime"),
        (&["nodev", "noexec", "nosymfollow", "noatime"], "rw nodev noexec nosymfollow noatime"),
        (&["rro", "rnosuid", "rnodiratime"], "ro nosuid nodiratime relatime"),
        (&["strictatime"], "rw"),
        (
            &["iversion", "noatime", "nodiratime", "nosuid", "nosymfollow"],
            "rw nosuid nosymfollow noatime nodiratime",
        ),
        (&["iversion", "strictatime", "noexec"], "rw noexec"),
        (&["iversion", "ro"], "ro relatime"),
        (&["tmpcopyup", "ro", "nodev"], "ro nodev relatime"),
    ] {
        let mount = json!({ "destination": "/data", "type": "tmpfs", "source": "tmpfs", "options": options });
        let (mut words, _) = listed(&case, json!([mount]));
        words.sort();
        let mut expected: Vec<&str> = expected.split(' ').collect();
        expected.sort_unstable();
        assert_eq!(words, expected, "{options:?}");
    }
}

#[test]
fn a_mount_that_is_there_is_changed() {
    let case = case!();
    let first = json!({ "destination": "/data", "type": "tmpfs", "source": "tmpfs", "options": ["size=64k", "nosuid"] });
    for (options, own, superblock) in [
        (&["remount", "size=128k"][..], "rw nosuid", "size=128k rw"),
        (&["remount", "ro", "noexec"], "ro nosuid noexec", "size=64k ro"),
        (&["remount", "bind", "ro"], "ro nosuid", "size=64k rw"),
        (&["remount", "sync", "lazytime"], "rw", "sync lazytime"),
        (&["remount", "iversion", "lazytime"], "rw nosuid", "lazytime size=64k"),
        (&["remount", "noiversion"], "rw nosuid", "size=64k"),
        (&["remount", "suid", "rnodev"], "rw nodev", "rw"),
    ] {
        let second = json!({ "destination": "/data", "options": options });
        let (words, of_superblock) = listed(&case, json!([first.clone(), second]));
        for (wanted, found) in [(own, &words), (superblock, &of_superblock)] {
            for word in wanted.split(' ') {
                assert!(found.iter().any(|one| one == word), "{options:?}: {word} is not in {found:?}");
            }
        }
        assert_eq!(
            words.iter().any(|word| word == "nosuid"),
            !options.contains(&"suid"),
            "{options:?}: {words:?}"
        );
    }
}

#[test]
fn words_that_make_no_sense_are_refused() {
    let case = case!();
    for (mount, place, cause) in [
        (json!({ "type": "tmpfs", "options": ["ro", ""] }), "/options", "it is empty"),
        (json!({ "type": "tmpfs", "options": ["nonsense"] }), "", "Unknown parameter 'nonsense'"),
        (json!({ "type": "tmpfs", "options": ["size=much"] }), "", "Bad value for 'size'"),
        (json!({ "type": "proc", "options": ["tmpcopyup"] }), "", "tmpcopyup is an option of tmpfs"),
        (json!({ "options": ["bind", "readonly"] }), "", "\"readonly\" is one of a file system"),
        (json!({ "options": ["bind", "lazytime"] }), "", "\"lazytime\" is one of a file system"),
        (json!({ "type": "tmpfs", "options": ["dest-nofollow"] }), "", "is an option of a bind mount"),
        (json!({ "type": "no-such-fs" }), "", "does not know this type"),
        (json!({ "options": ["ro"] }), "", "it has no type and is no bind mount"),
    ] {
        expect_refusal(&case, mount, place, cause);
    }
}

/// `mount(2)` does not look at them where it binds, and so engines and users leave them in.
#[test]
fn parameters_of_a_file_system_are_without_effect_on_a_bind() {
    let case = case!();
    let mount =
        json!({ "type": "bind", "source": "/tmp", "options": ["mode=700", "rbind", "ro", "size=1k"] });
    let finished = with_mount(&case, "stat -c %a /data; touch /data/x 2>&1", mount).run(&case);
    assert!(finished.stdout.starts_with("1777\n"), "{finished}");
    assert!(finished.stdout.contains("Read-only file system"), "the others have theirs: {finished}");
    assert!(finished.stderr.contains("/mounts/6/options: without effect: mode, size"), "{finished}");
}

/// Whatever `features` lists is understood, and nothing else than that is not data of the file system.
#[test]
fn features_list_every_word() {
    let case = case!();
    let said = case.palisade().arg("features").run().succeeded().stdout;
    let features: Value = serde_json::from_str(&said).expect("features are JSON");
    let listed: Vec<&str> =
        features["mountOptions"].as_array().expect("a list").iter().filter_map(Value::as_str).collect();
    let mut words: Vec<String> =
        ["defaults", "silent", "loud", "sync", "async", "dirsync", "lazytime", "nolazytime"]
            .into_iter()
            .chain([
                "mand",
                "nomand",
                "iversion",
                "noiversion",
                "bind",
                "rbind",
                "remount",
                "tmpcopyup",
                "idmap",
                "ridmap",
            ])
            .chain(["copy-symlink", "src-nofollow", "dest-nofollow"])
            .map(str::to_owned)
            .collect();
    for kind in ["shared", "slave", "private", "unbindable"] {
        words.extend([kind.to_owned(), format!("r{kind}")]);
    }
    let attributes = ATTRIBUTES.iter().flat_map(|(word, opposites)| [&[*word][..], opposites].concat());
    for word in attributes {
        words.extend([word.to_owned(), format!("r{word}")]);
    }
    words.sort();
    words.dedup();
    assert_eq!(listed, words);
    assert_eq!(features["linux"]["mountExtensions"]["idmap"]["enabled"], json!(true));
}
