//! Groups below a container's own, and groups that are frozen.

use std::fs;
use std::path::{Path, PathBuf};

use palisade_tests::container::wait_until;
use palisade_tests::{Bundle, Case, Cgroups, Container, Privilege, Tier, case, group, skip};
use serde_json::json;

/// The directories of a process's group, one in each hierarchy.
fn directories(pid: i64) -> Vec<PathBuf> {
    let controllers =
        ["cpu", "cpuacct", "cpuset", "memory", "pids", "freezer", "blkio", "devices", "hugetlb"];
    let mut found: Vec<PathBuf> =
        controllers.iter().filter_map(|controller| group::of(pid, controller)).collect();
    found.sort();
    found.dedup();
    found
}

/// Makes a group below each of the directories, into which a process can go.
fn make_below(directories: &[PathBuf], name: &str) -> Vec<PathBuf> {
    let make = |above: &PathBuf| {
        let path = above.join(name);
        fs::create_dir(&path).unwrap_or_else(|error| panic!("create {}: {error}", path.display()));
        for file in ["cpuset.cpus", "cpuset.mems"] {
            if let Ok(all) = fs::read_to_string(above.join(file)) {
                // On v2 the group has what the one above it has.
                fs::write(path.join(file), all).ok();
            }
        }
        path
    };
    directories.iter().map(make).collect()
}

fn holds(directory: &Path, pid: &str) -> bool {
    let table = fs::read_to_string(directory.join("cgroup.procs")).unwrap_or_default();
    table.lines().any(|line| line == pid)
}

fn unfrozen_start<'a>(case: &'a Case) -> Option<Container<'a>> {
    group::can_make().then(|| Container::start(case, &Bundle::script(case, "sleep 1000")))
}

#[test]
fn exec_joins_a_group_below_the_containers() {
    let case = case!();
    let Some(container) = unfrozen_start(&case) else { skip!(case, "no cgroup") };
    let own = directories(container.pid());
    let below = make_below(&own, "below");
    let pid_file = case.scratch().join("pid");
    let exec = |options: &[&str]| {
        let call = case.palisade().arg("exec").args(options).arg("--detach").arg("--pid-file").arg(&pid_file);
        call.arg(container.id()).args(["sleep", "1000"]).run().succeeded();
        fs::read_to_string(&pid_file).expect("read the pid")
    };
    let pid = exec(&["--cgroup", "/below"]);
    for directory in &below {
        assert!(holds(directory, &pid), "{} is without {pid}", directory.display());
    }
    let plain = exec(&[]);
    assert!(own.iter().all(|directory| holds(directory, &plain)), "{own:?}");
    if !group::has_unified("pids") {
        let pid = exec(&["--cgroup=pids,memory:below"]);
        for directory in &below {
            let named = directory.to_string_lossy().contains("/pids/")
                || directory.to_string_lossy().contains("/memory/");
            assert_eq!(holds(directory, &pid), named, "{}", directory.display());
        }
    }
    container.remove();
}

#[test]
fn exec_stays_below_the_containers_group() {
    let case = case!();
    let Some(container) = unfrozen_start(&case) else { skip!(case, "no cgroup") };
    for (group, words) in [
        ("..", &["--cgroup", ".."][..]),
        ("/../..", &["--cgroup"]),
        ("a/../../b", &["--cgroup"]),
        ("/missing", &["there is no such group"]),
        ("luck:/a", &["\"luck\" is no controller"]),
    ] {
        let call =
            case.palisade().args(["exec", "--cgroup", group]).arg(container.id()).args(["echo", "ran"]);
        let said = call.run().failed(255);
        assert_eq!(said.stdout, "");
        assert!(words.iter().all(|word| said.stderr.contains(word)), "{said}");
    }
    if group::has_unified("pids") {
        let call = case.palisade().args(["exec", "--cgroup", "pids:/a"]).arg(container.id()).arg("true");
        let said = call.run().failed(255);
        assert!(said.stderr.contains("no v1 hierarchy here"), "{said}");
    }
    container.remove();
}

#[test]
fn exec_in_a_paused_container_waits_where_that_is_asked() {
    let case = case!();
    let Some(container) = unfrozen_start(&case) else { skip!(case, "no cgroup") };
    container.does("pause");
    let said = container.exec(&["true"]).run().failed(255);
    assert!(said.stderr.contains("it is paused") && said.stderr.contains("--ignore-paused"), "{said}");
    let call =
        |words: &[&str]| case.palisade().args(["exec", "--ignore-paused"]).arg(container.id()).args(words);
    let running = call(&["echo", "at last"]).spawn();
    std::thread::sleep(std::time::Duration::from_millis(300));
    assert_eq!(running.stdout(), "");
    container.does("resume");
    assert_eq!(running.wait().succeeded().stdout, "at last\n");
    container.does("pause");
    let given_up = call(&["echo", "never"]).spawn();
    std::thread::sleep(std::time::Duration::from_millis(300));
    given_up.signal(rustix::process::Signal::TERM);
    // On v1 nothing that is frozen dies, and nobody waits for that.
    let said = given_up.wait().failed(255);
    assert!(said.stderr.contains("interrupted by signal 15"), "{said}");
    container.does("resume");
    container.remove();
}

#[test]
fn a_frozen_group_below_is_looked_at_before_it_is_joined() {
    let case = case!();
    let Some(container) = unfrozen_start(&case) else { skip!(case, "no cgroup") };
    make_below(&directories(container.pid()), "cold");
    let own = group::of(container.pid(), "freezer").or_else(|| group::of(container.pid(), "pids"));
    let cold = Frozen::freeze(&own.expect("a freezer").join("cold"));
    let call = || case.palisade().arg("exec").arg("--cgroup=cold").arg(container.id()).args(["echo", "ran"]);
    let said = call().run().failed(255);
    assert!(said.stderr.contains("it is paused"), "{said}");
    drop(cold);
    assert_eq!(call().run().succeeded().stdout, "ran\n");
    container.remove();
}

/// A group that is frozen as long as this is held.
struct Frozen(PathBuf);

impl Frozen {
    fn freeze(group: &Path) -> Self {
        let frozen = Self(group.to_owned());
        frozen.set("FROZEN", "1");
        frozen
    }

    fn set(&self, v1: &str, v2: &str) {
        let (file, value) = match self.0.join("freezer.state").exists() {
            true => ("freezer.state", v1),
            false => ("cgroup.freeze", v2),
        };
        fs::write(self.0.join(file), value)
            .unwrap_or_else(|error| panic!("write {value} to {file}: {error}"));
    }
}

impl Drop for Frozen {
    fn drop(&mut self) {
        self.set("THAWED", "0");
    }
}

#[test]
fn a_container_is_not_made_in_a_frozen_group() {
    let case = case!();
    if case.tier().privilege() == Privilege::Ordinary {
        skip!(case, "a group at the top takes root");
    }
    let own = i64::from(std::process::id());
    let root = group::of(own, "freezer").or_else(|| group::of(own, "pids")).expect("a freezer");
    // The group of this process may be any; the hierarchy's root is where it has no parent of its kind.
    let root =
        root.ancestors().take_while(|path| path.join("cgroup.procs").exists()).last().expect("a mount");
    let name = case.id("cold");
    let directory = root.join(&name);
    fs::create_dir(&directory).expect("create a group");
    let bundle = Bundle::script(&case, "echo runs");
    let cold = Frozen::freeze(&directory);
    for path in [format!("/{name}"), format!("/{name}/below")] {
        let bundle = bundle.variant(&case, |config| config["linux"]["cgroupsPath"] = json!(path));
        let id = case.unused_id();
        let said = case.palisade().args(["run", "--bundle"]).arg(bundle.path()).arg(&id).run();
        let line = said.refusal_line().unwrap_or_else(|fault| panic!("{fault}: {said}"));
        assert!(line.starts_with("/linux/cgroupsPath: ") && line.contains("it is frozen"), "{line}");
    }
    drop(cold);
    let bundle = bundle.variant(&case, |config| config["linux"]["cgroupsPath"] = json!(format!("/{name}")));
    assert_eq!(bundle.output(&case), "runs");
    wait_until("the group is empty", || !directory.exists() || fs::remove_dir(&directory).is_ok());
}

#[test]
fn exec_follows_a_container_that_has_moved_for_its_controllers() {
    let case = case!();
    if !matches!(case.tier(), Tier::Vm(Cgroups::V2, Privilege::Root)) {
        skip!(case, "only the root of a v2 tree can hand controllers on");
    }
    let script = "mkdir /sys/fs/cgroup/init && echo 1 > /sys/fs/cgroup/init/cgroup.procs && \
                  echo +pids > /sys/fs/cgroup/cgroup.subtree_control && : > /ready; sleep 1000";
    let bundle = Bundle::script(&case, script).with(|config| {
        let mounts = config["mounts"].as_array_mut().expect("a list");
        mounts.push(json!({ "destination": "/sys/fs/cgroup", "type": "cgroup", "source": "cgroup", "options": ["rw"] }));
    });
    let container = Container::start(&case, &bundle);
    let ready = bundle.rootfs().join("ready");
    wait_until("the container has moved", || ready.exists());
    assert_eq!(container.shell("cat /proc/self/cgroup"), "0::/init");
    container.remove();
}

#[test]
fn a_delegated_group_holds_the_containers_processes() {
    let case = case!();
    let script = "cat /proc/self/cgroup && mkdir /sys/fs/cgroup/payload/own && \
                  echo $$ > /sys/fs/cgroup/payload/own/cgroup.procs && cat /proc/self/cgroup; : > /ready; sleep 1000";
    let bundle = Bundle::script(&case, script).with(|config| {
        config["annotations"] = json!({ "run.oci.delegate-cgroup": "payload" });
        let mounts = config["mounts"].as_array_mut().expect("a list");
        mounts.push(json!({ "destination": "/sys/fs/cgroup", "type": "cgroup", "source": "cgroup", "options": ["rw"] }));
    });
    if !matches!(case.tier(), Tier::Vm(Cgroups::V2, _)) {
        let line = bundle.refusal(&case);
        assert!(line.starts_with("config.json: /annotations/run.oci.delegate-cgroup: "), "{line}");
        return;
    }
    if !group::can_make() {
        skip!(case, "no cgroup");
    }
    let container = Container::start(&case, &bundle);
    let ready = bundle.rootfs().join("ready");
    wait_until("the container has looked", || ready.exists());
    assert_eq!(container.shell("cat /proc/self/cgroup"), "0::/payload/own");
    let own = group::of(container.pid(), "pids").expect("the pids controller");
    assert!(own.ends_with("payload/own"), "{}", own.display());
    container.remove();
    for wrong in ["..", "/", "a/../../b"] {
        let bundle = bundle.variant(&case, |config| {
            config["annotations"] = json!({ "run.oci.delegate-cgroup": wrong });
        });
        let line = bundle.refusal(&case);
        assert!(line.starts_with("config.json: /annotations/run.oci.delegate-cgroup: "), "{wrong}: {line}");
    }
}
