//! Binds that show their files with other owners.

use std::fs;
use std::os::unix::fs::{MetadataExt, chown};
use std::path::PathBuf;

use palisade_tests::{Bundle, Case, Privilege, case, skip};
use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};
use serde_json::{Value, json};

use super::expect_refusal;

/// Makes a directory with a file of each of some owners.
fn owned(case: &Case, owners: &[u32]) -> PathBuf {
    let path = case.scratch().join(case.unused("owned"));
    fs::create_dir(&path).expect("create a directory");
    for owner in owners {
        let file = path.join(owner.to_string());
        fs::write(&file, "").expect("write a file");
        chown(&file, Some(*owner), Some(*owner + 10)).expect("chown a file");
    }
    path
}

fn maps(ranges: &[[u32; 3]]) -> Value {
    let one = |[inside, outside, size]: &[u32; 3]| json!({ "containerID": inside, "hostID": outside, "size": size });
    ranges.iter().map(one).collect()
}

/// Runs a script in a container with a mount on /data, and without one in a user namespace if `own` has maps.
fn output(case: &Case, script: &str, own: &[[u32; 3]], mount: Value) -> String {
    let bundle = Bundle::script(case, script).with(|config| {
        let mut mount = mount;
        mount["destination"] = json!("/data");
        config["mounts"].as_array_mut().expect("a list").push(mount);
        with_user_namespace(config, own);
    });
    // The container's root is somebody else on the host.
    for path in [bundle.path().to_owned(), bundle.rootfs()] {
        let owner = own.first().map_or(0, |[_, outside, _]| *outside);
        chown(path, Some(owner), Some(owner)).expect("chown the bundle");
    }
    bundle.output(case)
}

pub(crate) fn with_user_namespace(config: &mut Value, own: &[[u32; 3]]) {
    if own.is_empty() {
        return;
    }
    config["linux"]["uidMappings"] = maps(own);
    config["linux"]["gidMappings"] = maps(own);
    config["linux"]["namespaces"].as_array_mut().expect("a list").push(json!({ "type": "user" }));
}

/// Says why the test's files cannot be in an id-mapped mount, where they cannot.
fn obstacle(case: &Case) -> Option<&'static str> {
    /// `TMPFS_MAGIC` of `statfs(2)`.
    const TMPFS: u64 = 0x0102_1994;
    let magic = rustix::fs::statfs(case.scratch()).map(|status| status.f_type.cast_unsigned());
    let release = rustix::system::uname().release().to_string_lossy().into_owned();
    let mut numbers = release.split('.').map_while(|number| number.parse::<u32>().ok());
    let kernel = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    (magic == Ok(TMPFS) && kernel < (6, 3)).then_some("a tmpfs can be mapped since Linux 6.3 only")
}

const LIST: &str = "cd /data; for f in *; do echo $f $(stat -c %u:%g $f); done";

#[test]
fn a_mount_has_owners_of_its_own() {
    let case = case!();
    if case.tier().privilege() == Privilege::Ordinary {
        let mount =
            json!({ "type": "bind", "source": "/tmp", "destination": "/data", "options": ["bind", "idmap"] });
        let bundle = Bundle::script(&case, "true")
            .with(|config| config["mounts"].as_array_mut().expect("a list").push(mount));
        let said = bundle.refusal(&case);
        assert!(said.contains("/mounts/6/options: an id-mapped mount needs CAP_SYS_ADMIN"), "{said}");
        return;
    }
    if let Some(why) = obstacle(&case) {
        skip!(case, "{why}");
    }
    let source = owned(&case, &[0, 1000]);
    let lists = |options: Value| {
        json!({ "type": "bind", "source": source, "options": options, "uidMappings": maps(&[[0, 7, 1], [1000, 5, 1]]),
                "gidMappings": maps(&[[0, 0, 2000]]) })
    };
    for options in [json!(["bind"]), json!(["bind", "idmap"]), json!(["rbind", "ridmap", "ro"])] {
        let said = output(&case, LIST, &[], lists(options.clone()));
        assert_eq!(said, "0 7:10\n1000 5:1010", "{options}");
    }
    // The option of crun, and ids that the maps leave out.
    let options = json!(["bind", "idmap=uids=1000-5-1;gids=0-20-1#10-30-1"]);
    let said = output(&case, LIST, &[], json!({ "type": "bind", "source": source, "options": options }));
    assert_eq!(said, "0 65534:30\n1000 5:65534");
}

#[test]
fn a_mount_takes_the_maps_of_the_container() {
    let case = case!();
    if case.tier().privilege() == Privilege::Ordinary {
        skip!(case, "an id-mapped mount takes root");
    }
    if let Some(why) = obstacle(&case) {
        skip!(case, "{why}");
    }
    let source = owned(&case, &[0, 1000]);
    let own = [[0, 100_000, 65_536]];
    let script = format!("{LIST}; : > /data/new; stat -c %u:%g /data/new");
    let bind = |options: Value| json!({ "type": "bind", "source": source, "options": options });
    let said = output(&case, &script, &own, bind(json!(["bind", "idmap"])));
    assert_eq!(said, "0 0:10\n1000 1000:1010\n0:0");
    let stored = fs::metadata(source.join("new")).expect("the new file");
    assert_eq!((stored.uid(), stored.gid()), (0, 0), "what the container writes is stored as it sees it");
    let said = output(&case, LIST, &own, bind(json!(["bind"])));
    assert!(said.contains("0 65534:65534"), "without a map they are nobody's: {said}");
    // Relative to the container's maps.
    let said = output(&case, LIST, &own, bind(json!(["bind", "idmap=uids=@0-1-2000;gids=@0-2-2000"])));
    assert_eq!(said, "0 1:12\n1000 1001:1012\nnew 1:2");
}

#[test]
fn the_mounts_below_are_mapped_on_request() {
    let case = case!();
    if case.tier().privilege() == Privilege::Ordinary {
        skip!(case, "an id-mapped mount takes root");
    }
    if let Some(why) = obstacle(&case) {
        skip!(case, "{why}");
    }
    let source = owned(&case, &[0]);
    let below = source.join("below");
    fs::create_dir(&below).expect("create a directory");
    mount("tmpfs", &below, "tmpfs", MountFlags::empty(), None).expect("mount a tmpfs");
    fs::write(below.join("file"), "").expect("write a file");
    let mut said = Vec::new();
    for option in ["idmap", "ridmap"] {
        let mount = json!({ "type": "bind", "source": source, "options": ["rbind", option],
                            "uidMappings": maps(&[[0, 7, 1]]), "gidMappings": maps(&[[0, 7, 20]]) });
        said.push(output(&case, "stat -c %u /data/0 /data/below/file | tr '\\n' ' '", &[], mount));
    }
    unmount(&below, UnmountFlags::DETACH).expect("unmount a tmpfs");
    assert_eq!(said, ["7 0", "7 7"]);
}

#[test]
fn maps_that_make_no_sense_are_refused() {
    let case = case!();
    if case.tier().privilege() == Privilege::Ordinary {
        skip!(case, "an id-mapped mount takes root");
    }
    let range = maps(&[[0, 7, 1]]);
    for (mount, place, cause) in [
        (json!({ "options": ["bind", "idmap"] }), "/options", "or a user namespace whose maps it takes"),
        (json!({ "options": ["bind"], "uidMappings": range }), "/gidMappings", "no ids are mapped"),
        (json!({ "options": ["bind"], "gidMappings": range }), "/uidMappings", "no ids are mapped"),
        (json!({ "options": ["bind", "idmap=uids=0-1"] }), "/options", "not of the form"),
        (json!({ "options": ["bind", "idmap=uids=0-1-1"] }), "/options", "gid_map: no ids are mapped"),
        (
            json!({ "options": ["bind", "idmap=x"], "uidMappings": range, "gidMappings": range }),
            "/options",
            "uidMappings and gidMappings do so, too",
        ),
        (
            json!({ "type": "tmpfs", "uidMappings": range, "gidMappings": range }),
            "/uidMappings",
            "only a bind mount",
        ),
        (json!({ "type": "tmpfs", "options": ["idmap"] }), "", "options of a bind mount"),
        (json!({ "type": "cgroup", "options": ["idmap"] }), "", "options of a bind mount"),
    ] {
        expect_refusal(&case, mount, place, cause);
    }
    // What the kernel alone knows.
    let mount = json!({ "destination": "/data", "source": "/proc", "options": ["bind", "idmap"],
                        "uidMappings": range, "gidMappings": range });
    let bundle = Bundle::script(&case, "true")
        .with(|config| config["mounts"].as_array_mut().expect("a list").push(mount));
    let said = bundle.refusal(&case);
    assert!(said.contains("/mounts/6: ") && said.contains("allows no id-mapped mounts"), "{said}");
}
