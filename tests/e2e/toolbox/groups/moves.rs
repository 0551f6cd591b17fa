//! Processes and threads that move.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread::JoinHandle;

use palisade_tests::{Case, Privilege, case, skip};

use super::{Sleeper, can_make, home, json, pal, refused, v1, v2};

/// A thread of this process beside the test's own.
struct Second {
    tid: i32,
    end: mpsc::Sender<()>,
    handle: JoinHandle<()>,
}

impl Second {
    fn start() -> Self {
        let (tell, told) = mpsc::channel();
        let (end, ended) = mpsc::channel::<()>();
        let handle = std::thread::spawn(move || {
            tell.send(rustix::thread::gettid().as_raw_nonzero().get()).expect("somebody who listens");
            // Until the sender is gone.
            let _ended = ended.recv();
        });
        Self { tid: told.recv().expect("a number"), end, handle }
    }

    fn homes(&self) -> String {
        fs::read_to_string(format!("/proc/self/task/{}/cgroup", self.tid))
            .expect("read the groups of a thread")
    }

    fn end(self) {
        drop(self.end);
        self.handle.join().expect("a thread that ends");
    }
}

fn own() -> String {
    fs::read_to_string("/proc/self/cgroup").expect("read /proc/self/cgroup")
}

fn is_root(case: &Case) -> bool {
    case.tier().privilege() == Privilege::Root
}

#[test]
fn a3_a_process_is_in_one_group_for_cpu_and_in_another_for_memory() {
    let case = case!();
    if !is_root(&case) || v1("cpu").is_none() || v1("memory").is_none() {
        skip!(case, "cpu and memory are in no v1 hierarchies of root's");
    }
    let (a, b) = (case.id("a"), case.id("b"));
    pal(&case, &["create", &a, &b]).succeeded();
    let sleeper = Sleeper::start(&case, &a);
    let pid = sleeper.pid();
    pal(&case, &["attach", "-c", "memory", &b, &pid]).succeeded();
    let homes = sleeper.homes();
    assert_eq!(home(&homes, "cpu"), Some(format!("/{a}")), "{homes}");
    assert_eq!(home(&homes, "memory"), Some(format!("/{b}")), "{homes}");
    let drawn = pal(&case, &["procs", &b]).succeeded().stdout;
    assert!(drawn.contains("HIERARCHIES") && drawn.contains("memory"), "{drawn}");
    sleeper.end();
    pal(&case, &["rm", &a, &b]).succeeded();
}

#[test]
fn a4_tasks_moves_a_thread_and_procs_a_process() {
    let case = case!();
    if !is_root(&case) || v1("cpu").is_none() {
        skip!(case, "cpu is in no v1 hierarchy of root's");
    }
    let name = case.id("g");
    pal(&case, &["create", "-c", "cpu", &name]).succeeded();
    let before = home(&own(), "cpu").expect("a group");
    let second = Second::start();
    let tid = second.tid.to_string();
    pal(&case, &["attach", "-c", "cpu", "--thread", &name, &tid]).succeeded();
    assert_eq!(home(&second.homes(), "cpu"), Some(format!("/{name}")));
    assert_eq!(home(&own(), "cpu").as_ref(), Some(&before), "the other threads stay");
    let threads = json(&case, &["procs", "--threads", "-c", "cpu", &name]);
    assert_eq!(
        (threads.as_array().map(Vec::len), threads[0]["pid"].as_i64()),
        (Some(1), Some(second.tid.into()))
    );
    // The number of any thread stands for the process.
    pal(&case, &["attach", "-c", "cpu", &name, &tid]).succeeded();
    assert_eq!(home(&own(), "cpu"), Some(format!("/{name}")));
    pal(&case, &["attach", "-c", "cpu", &before, &std::process::id().to_string()]).succeeded();
    assert_eq!(home(&second.homes(), "cpu").as_ref(), Some(&before));
    second.end();
    pal(&case, &["rm", "-c", "cpu", &name]).succeeded();
}

#[test]
fn a4_a_child_begins_where_its_parent_is() {
    let case = case!();
    if !can_make(&case) {
        skip!(case, "this user may make no groups");
    }
    let name = case.id("g");
    pal(&case, &["create", &name]).succeeded();
    let script = "cat /proc/self/cgroup; echo; (cat /proc/self/cgroup)";
    let said = pal(&case, &["exec", &name, "--", "sh", "-c", script]).succeeded().stdout;
    let (first, second) = said.split_once("\n\n").expect("two lists");
    assert_eq!(first.trim(), second.trim());
    assert!(first.contains(&name), "{said}");
    pal(&case, &["rm", &name]).succeeded();
}

#[test]
fn a15_each_v1_controller_inherits_in_its_own_way() {
    let case = case!();
    let (Some(cpu), Some(cpuset)) = (v1("cpu"), v1("cpuset")) else {
        skip!(case, "cpu and cpuset are in no v1 hierarchies");
    };
    if !is_root(&case) {
        skip!(case, "v1 hierarchies are root's");
    }
    let outer = case.id("g");
    let [plain, cloned, filled] = ["plain", "cloned", "filled"].map(|below| format!("{outer}/{below}"));
    pal(&case, &["create", "-c", "cpu,cpuset", &outer]).succeeded();
    let set = |top: &Path, group: &str, file: &str, value: &str| {
        fs::write(top.join(group).join(file), value)
            .unwrap_or_else(|error| panic!("{group}/{file}: {error}"));
    };
    let get = |top: &Path, group: &str, file: &str| {
        let text = fs::read_to_string(top.join(group).join(file));
        text.unwrap_or_else(|error| panic!("{group}/{file}: {error}")).trim().to_owned()
    };
    set(&cpu, &outer, "cpu.shares", "512");
    set(&cpuset, &outer, "cpuset.cpus", "0");
    for top in [&cpu, &cpuset] {
        fs::create_dir(top.join(&plain)).expect("mkdir");
    }
    assert_eq!(get(&cpu, &plain, "cpu.shares"), "1024", "shares are the default's");
    assert_eq!(get(&cpuset, &plain, "cpuset.cpus"), "", "a cpuset is empty at first");
    set(&cpuset, &outer, "cgroup.clone_children", "1");
    fs::create_dir(cpuset.join(&cloned)).expect("mkdir");
    assert_eq!(get(&cpuset, &cloned, "cpuset.cpus"), "0", "or a copy where that is asked for");
    set(&cpuset, &outer, "cgroup.clone_children", "0");
    pal(&case, &["create", "-c", "cpu,cpuset", &filled]).succeeded();
    assert_eq!(get(&cpuset, &filled, "cpuset.cpus"), "0", "pal fills it, so that a process can enter");
    assert_eq!(get(&cpu, &filled, "cpu.shares"), "1024");
    pal(&case, &["rm", "-r", "-c", "cpu,cpuset", &outer]).succeeded();
}

#[test]
fn a15_net_cls_copies_once() {
    let case = case!();
    if !is_root(&case) {
        skip!(case, "v1 hierarchies are root's");
    }
    let rows = json(&case, &["layout"]);
    let row = rows.as_array().expect("a list").iter().find(|row| row["controller"] == "net_cls");
    let home = row.and_then(|row| row["home"].as_str()).unwrap_or("absent");
    let point = case.scratch().join("net_cls");
    let words = ["-c", "net_cls", point.to_str().expect("a path")];
    let top: PathBuf = match home {
        "v1" => v1("net_cls").expect("a mount"),
        "not mounted" if row.is_some_and(|row| row["id"].is_null()) => {
            pal(&case, &[&["mount"], &words[..]].concat()).succeeded();
            point.clone()
        }
        _ => skip!(case, "net_cls is {home}"),
    };
    let (outer, inner) = (case.id("g"), format!("{}/a", case.id("g")));
    pal(&case, &["create", "-c", "net_cls", &outer]).succeeded();
    fs::write(top.join(&outer).join("net_cls.classid"), "0x10002").expect("set the class");
    pal(&case, &["create", "-c", "net_cls", &inner]).succeeded();
    fs::write(top.join(&outer).join("net_cls.classid"), "0x10003").expect("set the class");
    let class = fs::read_to_string(top.join(&inner).join("net_cls.classid")).expect("read the class");
    assert_eq!(class.trim(), 0x10002.to_string(), "what came later is not copied");
    pal(&case, &["rm", "-r", "-c", "net_cls", &outer]).succeeded();
    if top == point {
        pal(&case, &["umount", "--rmdir", words[2]]).succeeded();
    }
}

#[test]
fn b7_any_thread_stands_for_the_whole_process() {
    let case = case!();
    let Some(before) = home(&own(), "").filter(|_| can_make(&case) && v2().is_some()) else {
        skip!(case, "there is no v2 tree for this user");
    };
    let name = case.id("g");
    pal(&case, &["create", "-c", "v2", &name]).succeeded();
    let second = Second::start();
    let at = |group: &str| home(&own(), "").is_some_and(|path| path.ends_with(group));
    let attach =
        |group: &str| pal(&case, &["attach", "-c", "v2", group, &second.tid.to_string()]).succeeded();
    attach(&name);
    assert!(at(&name), "{}", own());
    assert_eq!(home(&second.homes(), ""), home(&own(), ""));
    attach(&before);
    assert!(!at(&name));
    second.end();
    pal(&case, &["rm", "-c", "v2", &name]).succeeded();
}

#[test]
fn b7_threads_are_apart_in_threaded_mode_alone() {
    let case = case!();
    let Some(before) = home(&own(), "").filter(|_| can_make(&case) && v2().is_some()) else {
        skip!(case, "there is no v2 tree for this user");
    };
    let (outer, inner) = (case.id("g"), format!("{}/t", case.id("g")));
    pal(&case, &["create", "-c", "v2", &outer]).succeeded();
    let second = Second::start();
    let tid = second.tid.to_string();
    let said = refused(&pal(&case, &["attach", "-c", "v2", "--thread", &outer, &tid]));
    assert!(
        said.contains("EOPNOTSUPP (single threads go into groups whose cgroup.type is threaded"),
        "{said}"
    );
    pal(&case, &["create", "-c", "v2", "--threaded", &inner]).succeeded();
    pal(&case, &["attach", "-c", "v2", &outer, &std::process::id().to_string()]).succeeded();
    pal(&case, &["attach", "-c", "v2", "--thread", &inner, &tid]).succeeded();
    assert!(home(&second.homes(), "").is_some_and(|path| path.ends_with(&inner)), "{}", second.homes());
    assert!(home(&own(), "").is_some_and(|path| path.ends_with(&outer)), "{}", own());
    let shown = json(&case, &["show", &inner]);
    let rows = shown["hierarchies"].as_array().expect("a list");
    let row = rows.iter().find(|row| row["hierarchy"] == "v2").expect("a row of the v2 tree");
    assert_eq!((row["type"].as_str(), row["threads"].as_u64()), (Some("threaded"), Some(1)), "{row}");
    pal(&case, &["attach", "-c", "v2", "--thread", &outer, &tid]).succeeded();
    pal(&case, &["attach", "-c", "v2", &before, &tid]).succeeded();
    second.end();
    pal(&case, &["rm", "-r", "-c", "v2", &outer]).succeeded();
}

#[test]
fn b8_enabling_a_controller_loses_no_process_of_the_groups_below() {
    let case = case!();
    let Some(tree) = v2().filter(|_| is_root(&case)) else {
        skip!(case, "the root of the v2 tree is root's");
    };
    let offered = fs::read_to_string(tree.join("cgroup.controllers")).expect("read cgroup.controllers");
    let Some(controller) =
        ["pids", "hugetlb"].into_iter().find(|one| offered.split_whitespace().any(|o| o == *one))
    else {
        skip!(case, "the v2 tree has neither pids nor hugetlb");
    };
    let root = tree.join("cgroup.subtree_control");
    let was_on = fs::read_to_string(&root).expect("read").split_whitespace().any(|one| one == controller);
    let outer = case.id("g");
    let (a, c) = (format!("{outer}/a"), format!("{outer}/b/c"));
    pal(&case, &["create", "-c", "v2", &a, &c]).succeeded();
    let sleepers = [&a, &a, &c].map(|group| start_in_v2(&case, group));
    // What is enabled for a new group is enabled for all beside it, and their processes migrate at once.
    let told =
        pal(&case, &["create", "--explain", "-c", controller, &format!("{outer}/d/e")]).succeeded().stderr;
    assert!(told.contains(&format!("+{controller} > ")), "{told}");
    for (sleeper, group) in sleepers.iter().zip([&a, &a, &c]) {
        assert_eq!(home(&sleeper.homes(), ""), Some(format!("/{group}")));
    }
    for (group, count) in [(&a, 2), (&c, 1)] {
        let rows = json(&case, &["procs", "-c", "v2", group]);
        assert_eq!(rows.as_array().map(Vec::len), Some(count), "{group}: {rows}");
    }
    if controller == "pids" {
        let current = fs::read_to_string(tree.join(&a).join("pids.current")).expect("read pids.current");
        assert_eq!(current.trim(), "2");
        // No limit keeps a process that is there from entering.
        fs::write(tree.join(&a).join("pids.max"), "1").expect("limit pids");
        let pid = sleepers[2].pid();
        pal(&case, &["attach", "-c", "v2", &a, &pid]).succeeded();
    }
    sleepers.into_iter().for_each(Sleeper::end);
    pal(&case, &["rm", "-r", "-c", "v2", &outer]).succeeded();
    if !was_on {
        fs::write(&root, format!("-{controller}")).expect("disable it again");
    }
}

/// Starts a program that sleeps in a group of the v2 tree, and elsewhere stays where this process is.
fn start_in_v2(case: &Case, group: &str) -> Sleeper {
    Sleeper::start_by(case, &["-c", "v2", group])
}
