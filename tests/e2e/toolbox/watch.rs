//! `pal cgroup watch`: what happens in groups, as it happens.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use palisade_tests::container::wait_until;
use palisade_tests::invocation::Running;
use palisade_tests::{Case, Privilege, case, group, skip};
use rustix::process::Signal;
use serde_json::{Value, json};

/// A group of this test's own, with a directory in each hierarchy.
struct Made<'a> {
    case: &'a Case,
    name: String,
}

impl<'a> Made<'a> {
    /// Makes it, with the controllers memory and pids.
    fn new(case: &'a Case) -> Self {
        let name = case.id("g");
        let create = case.pal().args(["cgroup", "create", &name]);
        let create = if group::has_unified("memory") { create.args(["-c", "memory,pids"]) } else { create };
        let _made = create.run().succeeded();
        Self { case, name }
    }

    /// Starts a program in the group, or in one below it.
    fn run(&self, below: &str, words: &[&str]) -> Running {
        let name = format!("{}{below}", self.name);
        self.case.pal().args(["cgroup", "exec", &name, "--"]).args(words).spawn()
    }

    /// Starts a program in the group and finds the group's directory for a controller.
    fn directory(&self, controller: &str) -> Option<PathBuf> {
        let sleeper = self.sleeper();
        let pid = i64::from(sleeper.pid().as_raw_nonzero().get());
        let directory = group::of(pid, controller);
        end(sleeper);
        directory
    }

    /// Starts a process that does nothing, and waits until it is in the group.
    fn sleeper(&self) -> Running {
        let sleeper = self.run("", &["sleep", "1000"]);
        let status = format!("/proc/{}/comm", sleeper.pid().as_raw_nonzero());
        wait_until("the sleeper sleeps", || fs::read_to_string(&status).is_ok_and(|name| name == "sleep\n"));
        sleeper
    }

    /// Begins to watch, and waits until the watch has told how things are.
    fn watch(&self, words: &[&str]) -> Watching {
        let call = self.case.pal().args(["cgroup", "watch", &self.name, "--now", "--format", "json"]);
        let running = call.args(words).spawn();
        let watching = Watching(running);
        wait_until("the watch tells how things are", || !watching.told().is_empty());
        watching
    }

    /// Removes the group, upon which the watch ends.
    fn remove(self, watching: Watching) -> Vec<Value> {
        let _removed = self.case.pal().args(["cgroup", "rm", "-r", &self.name]).run().succeeded();
        let said = watching.0.wait().succeeded();
        assert_eq!(said.stderr, "");
        lines(&said.stdout)
    }
}

/// A watch that runs.
struct Watching(Running);

impl Watching {
    fn told(&self) -> Vec<Value> {
        lines(&self.0.stdout())
    }

    fn waits_for(&self, what: &str, is_it: impl Fn(&Value) -> bool) -> Value {
        wait_until(what, || self.told().iter().any(&is_it));
        self.told().into_iter().find(is_it).expect("it was there")
    }
}

/// Reads lines of JSON; one that is not whole yet is left.
fn lines(text: &str) -> Vec<Value> {
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    let parse = |line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    whole.lines().map(parse).collect()
}

fn words(told: &[Value]) -> Vec<&str> {
    told.iter().map(|line| line["event"].as_str().expect("an event")).collect()
}

fn end(running: Running) {
    running.signal(Signal::KILL);
    let said = running.wait();
    assert_eq!(said.code(), 137, "{said}");
}

/// A FIFO that a program waits at.
fn fifo(case: &Case) -> PathBuf {
    let path = case.scratch().join(case.unused("fifo"));
    let _made = case.program("mkfifo").arg(&path).run().succeeded();
    path
}

fn go(fifo: &Path) {
    fs::write(fifo, "go\n").expect("write to a FIFO");
}

/// A script that waits at a FIFO and then takes 64 MB by itself, in the memory of the shell.
fn hog(fifo: &Path) -> String {
    let wait = format!("read go < {};", fifo.display());
    format!("{wait} a=xxxxxxxx; i=0; while [ $i -lt 23 ]; do a=$a$a; i=$((i+1)); done")
}

/// Limits the memory of a group to 16 MB, with little swap where there is some.
fn limit(directory: &Path) {
    let write = |file: &str, value: &str| fs::write(directory.join(file), value);
    if directory.join("memory.max").exists() {
        write("memory.max", "16M").expect("limit memory");
        // A kernel may count no swap.
        let _without = write("memory.swap.max", "0");
    } else {
        write("memory.limit_in_bytes", "16M").expect("limit memory");
        let _without = write("memory.memsw.limit_in_bytes", "20M");
    }
}

#[test]
fn b5_processes_that_come_and_go_are_told_until_the_group_goes() {
    let case = case!();
    if !group::can_make() {
        skip!(case, "no cgroup");
    }
    let made = Made::new(&case);
    let watching = made.watch(&["--event", "populated,empty,removed"]);
    let sleeper = made.sleeper();
    watching.waits_for("it is populated", |line| line["event"] == "populated");
    end(sleeper);
    wait_until("it is empty", || words(&watching.told()) == ["empty", "populated", "empty"]);
    let name = made.name.clone();
    let told = made.remove(watching);
    assert_eq!(words(&told), ["empty", "populated", "empty", "removed"]);
    for line in told {
        assert!(line["group"].as_str().is_some_and(|group| group.ends_with(&format!("/{name}"))), "{line}");
        assert!(line["time"].as_str().is_some_and(|time| time.ends_with('Z')), "{line}");
    }
}

#[test]
fn a7_a_command_runs_when_the_last_process_leaves() {
    let case = case!();
    if !group::can_make() {
        skip!(case, "no cgroup");
    }
    let made = Made::new(&case);
    let sleeper = made.sleeper();
    let file = case.scratch().join("left");
    let command = format!("echo $PAL_EVENT $PAL_GROUP > {}; exit 7", file.display());
    let watching = made.watch(&["-e", "populated,empty", "-n", "2", "--on-empty", &command]);
    assert!(!file.exists());
    end(sleeper);
    let said = watching.0.wait().succeeded();
    assert_eq!(words(&lines(&said.stdout)), ["populated", "empty"], "{said}");
    // It was waited for.
    let left = fs::read_to_string(&file).expect("the command ran");
    assert!(left.starts_with("empty /") && left.trim_end().ends_with(&made.name), "{left:?}");
    assert!(
        said.stderr.starts_with("pal: --on empty echo ") && said.stderr.ends_with(": exit code 7\n"),
        "{said}"
    );
    let _removed = case.pal().args(["cgroup", "rm", &made.name]).run().succeeded();
}

#[test]
fn a5_an_oom_kill_is_told_with_its_victim() {
    let case = case!();
    if !group::can_make() {
        skip!(case, "no cgroup");
    }
    let made = Made::new(&case);
    let memory = made.directory("memory").expect("memory has a home");
    limit(&memory);
    let log = case.scratch().join("victim");
    let hook = format!("echo $PAL_PID > {}", log.display());
    let watching = made.watch(&["-e", "populated,empty,oom,limit", "--on", "oom", &hook]);
    let fifo = fifo(&case);
    let hog = made.run("", &["sh", "-c", &hog(&fifo)]);
    watching.waits_for("it is populated", |line| line["event"] == "populated");
    let pid = hog.pid().as_raw_nonzero().get();
    go(&fifo);
    let oom = watching.waits_for("the kill", |line| line["event"] == "oom");
    assert_eq!(oom["killed"], 1, "{oom}");
    assert_eq!(oom["victims"][0]["pid"], pid, "{oom}");
    let said = hog.wait();
    assert_eq!(said.code(), 137, "{said}");
    let limit = watching.waits_for("the hit", |line| line["event"] == "limit");
    assert_eq!(limit["limit"], "memory.max", "{limit}");
    wait_until("the command upon it", || {
        fs::read_to_string(&log).is_ok_and(|text| text.trim_end() == pid.to_string())
    });
    made.remove(watching);
}

#[test]
fn a6_without_the_oom_killer_a_process_waits_and_that_is_told() {
    let case = case!();
    if !group::can_make() || group::has_unified("memory") {
        skip!(case, "only v1 can switch the OOM killer off");
    }
    let made = Made::new(&case);
    let memory = made.directory("memory").expect("memory has a home");
    limit(&memory);
    fs::write(memory.join("memory.oom_control"), "1").expect("switch the OOM killer off");
    let watching = made.watch(&["-e", "populated,empty,oom"]);
    let fifo = fifo(&case);
    let hog = made.run("", &["sh", "-c", &hog(&fifo)]);
    go(&fifo);
    let oom = watching.waits_for("memory runs out", |line| line["event"] == "oom");
    assert_eq!((&oom["killed"], &oom["victims"]), (&json!(0), &json!([])), "{oom}");
    let state = fs::read_to_string(memory.join("memory.oom_control")).expect("read memory.oom_control");
    assert!(state.contains("under_oom 1"), "{state}");
    // With more memory it goes on, as if nothing had been.
    let _without = fs::write(memory.join("memory.memsw.limit_in_bytes"), "400M");
    fs::write(memory.join("memory.limit_in_bytes"), "400M").expect("raise the limit");
    let _ended = hog.wait().succeeded();
    made.remove(watching);
}

#[test]
fn a6_a_threshold_that_is_crossed_is_told_and_refused_on_v2() {
    let case = case!();
    if !group::can_make() {
        skip!(case, "no cgroup");
    }
    let made = Made::new(&case);
    if group::has_unified("memory") {
        let said = case.pal().args(["cgroup", "watch", &made.name, "--threshold", "8M"]).run().failed(125);
        assert!(said.stderr.contains("v2 has no memory thresholds (set memory.high"), "{said}");
        assert_eq!(said.stderr.lines().count(), 1, "{said}");
        let _removed = case.pal().args(["cgroup", "rm", &made.name]).run().succeeded();
        return;
    }
    let watching = made.watch(&["--threshold", "8M"]);
    let fifo = fifo(&case);
    let hog = made.run("", &["sh", "-c", &hog(&fifo)]);
    go(&fifo);
    let crossed = watching.waits_for("it is crossed", |line| line["event"] == "threshold");
    assert_eq!(crossed["bytes"], 8 << 20, "{crossed}");
    let _ended = hog.wait().succeeded();
    made.remove(watching);
}

#[test]
fn a6_pressure_on_memory_is_told_on_v1() {
    let case = case!();
    if !group::can_make() || group::has_unified("memory") {
        skip!(case, "v2 has stalls for it");
    }
    let made = Made::new(&case);
    limit(&made.directory("memory").expect("memory has a home"));
    let watching = made.watch(&["-e", "empty,populated,pressure", "--pressure", "memory:low"]);
    let fifo = fifo(&case);
    let hog = made.run("", &["sh", "-c", &hog(&fifo)]);
    go(&fifo);
    assert_eq!(hog.wait().code(), 137, "there is nothing to be taken back but a process");
    let pressure = watching.waits_for("pressure", |line| line["event"] == "pressure");
    assert_eq!((&pressure["resource"], &pressure["level"]), (&json!("memory"), &json!("low")), "{pressure}");
    made.remove(watching);
}

#[test]
fn b6_time_lost_for_want_of_a_cpu_is_told() {
    let case = case!();
    if !group::can_make() || !group::has_tree() || !Path::new("/proc/pressure/cpu").exists() {
        skip!(case, "no v2 group, or no pressure stall information");
    }
    let made = Made::new(&case);
    // Windows of two seconds are for everybody.
    let watching = made.watch(&["-e", "empty,populated,pressure", "--pressure", "cpu:some:100ms/2s"]);
    let busy = "while :; do :; done";
    let busy: Vec<Running> = (0..6).map(|_| made.run("", &["sh", "-c", busy])).collect();
    let pressure = watching.waits_for("pressure", |line| line["event"] == "pressure");
    let stall = json!({ "share": "some", "stall": 100_000, "window": 2_000_000 });
    assert_eq!((&pressure["resource"], &pressure["stall"]), (&json!("cpu"), &stall), "{pressure}");
    busy.into_iter().for_each(end);
    made.remove(watching);
}

#[test]
fn a9_a_fork_that_is_refused_is_told() {
    let case = case!();
    if !group::can_make() {
        skip!(case, "no cgroup");
    }
    let made = Made::new(&case);
    let pids = made.directory("pids").expect("pids has a home");
    fs::write(pids.join("pids.max"), "1").expect("limit processes");
    let watching = made.watch(&["-e", "populated,empty,limit"]);
    let fifo = fifo(&case);
    let script = format!("read go < {}; sleep 1; exit 0", fifo.display());
    let forker = made.run("", &["sh", "-c", &script]);
    go(&fifo);
    assert_ne!(forker.wait().code(), 0, "a fork is refused");
    let limit = watching.waits_for("the hit", |line| line["event"] == "limit");
    assert_eq!(limit["limit"], "pids.max", "{limit}");
    made.remove(watching);
}

#[test]
fn a13_freezing_is_told() {
    let case = case!();
    if !group::can_make() {
        skip!(case, "no cgroup");
    }
    let made = Made::new(&case);
    let sleeper = made.sleeper();
    let watching = made.watch(&["-e", "populated,frozen,thawed"]);
    let _frozen = case.pal().args(["cgroup", "freeze", &made.name]).run().succeeded();
    watching.waits_for("it is frozen", |line| line["event"] == "frozen");
    let _thawed = case.pal().args(["cgroup", "thaw", &made.name]).run().succeeded();
    watching.waits_for("it is thawed", |line| line["event"] == "thawed");
    end(sleeper);
    let told = made.remove(watching);
    assert_eq!(words(&told), ["populated", "frozen", "thawed"]);
}

#[test]
fn b5_groups_below_are_watched_as_they_come() {
    let case = case!();
    if !group::can_make() {
        skip!(case, "no cgroup");
    }
    let made = Made::new(&case);
    let watching = made.watch(&["-r", "-e", "populated,empty,created,removed"]);
    let below = format!("{}/a/b", made.name);
    let _made = case.pal().args(["cgroup", "create", &below]).run().succeeded();
    let of = |line: &Value, end: &str| line["group"].as_str().is_some_and(|group| group.ends_with(end));
    watching.waits_for("the second is there", |line| line["event"] == "created" && of(line, "/a/b"));
    watching.waits_for("the first is there", |line| line["event"] == "created" && of(line, "/a"));
    let sleeper = made.run("/a/b", &["sleep", "1000"]);
    for end in ["/a/b", "/a", &made.name] {
        watching.waits_for("it is populated", |line| line["event"] == "populated" && of(line, end));
    }
    end(sleeper);
    for end in ["/a/b", "/a", &made.name] {
        let populated = |line: &&Value| of(line, end) && line["event"] == "empty";
        let wanted = if end.starts_with('/') { 1 } else { 2 };
        wait_until("it is empty", || watching.told().iter().filter(populated).count() == wanted);
    }
    let told = made.remove(watching);
    assert_eq!(told.iter().filter(|line| line["event"] == "removed").count(), 3, "{told:?}");
}

#[test]
fn b5_an_idle_watch_does_nothing() {
    let case = case!();
    if !group::can_make() {
        skip!(case, "no cgroup");
    }
    let made = Made::new(&case);
    let sleeper = made.sleeper();
    let watching = made.watch(&[]);
    let switches = || {
        let path = format!("/proc/{}/status", watching.0.pid().as_raw_nonzero());
        let status = fs::read_to_string(path).expect("the watch runs");
        let number = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
        number.expect("a count").trim().parse::<u64>().expect("a number")
    };
    // Somebody else on the machine may make or remove groups at the moment; whoever asks does so all the time.
    let is_quiet = || {
        let before = switches();
        thread::sleep(Duration::from_secs(2));
        switches() == before
    };
    assert!((0..10).any(|_| is_quiet()), "the watch wakes up though nothing happens");
    end(sleeper);
    made.remove(watching);
}

#[test]
fn b5_ctrl_c_ends_a_watch() {
    let case = case!();
    if !group::can_make() {
        skip!(case, "no cgroup");
    }
    let made = Made::new(&case);
    let watching = made.watch(&[]);
    watching.0.signal(Signal::INT);
    let said = watching.0.wait();
    assert_eq!((said.code(), said.stderr.as_str()), (130, ""), "{said}");
    let _removed = case.pal().args(["cgroup", "rm", &made.name]).run().succeeded();
}

#[test]
fn a_watch_that_cannot_begin_says_why() {
    let case = case!();
    let watch = |words: &[&str]| case.pal().args(["cgroup", "watch"]).args(words).run().failed(125);
    for (words, wanted) in [
        (&["/no-such-group"][..], "pal: open cgroup /no-such-group: ENOENT"),
        (&["/", "--on", "luck", "true"], "pal: --on luck: no such event (there are populated, "),
        (&["/a/../b"], "pal: cgroup path \"/a/../b\": it has a part . or .."),
        (&["/", "--pressure", "disk"], "pal: invalid value 'disk' for '--pressure <PRESSURE>'"),
        (&["/", "-c", "luck"], "pal: use the controller luck"),
    ] {
        let said = watch(words);
        assert!(said.stderr.starts_with(wanted), "{said}");
        assert_eq!((said.stderr.lines().count(), said.stdout.as_str()), (1, ""), "{said}");
    }
}

#[test]
fn b13_a_whole_group_that_is_killed_is_told() {
    let case = case!();
    if !group::can_make() || !group::has_unified("memory") {
        skip!(case, "memory.oom.group is of v2");
    }
    let made = Made::new(&case);
    let memory = made.directory("memory").expect("memory has a home");
    limit(&memory);
    fs::write(memory.join("memory.oom.group"), "1").expect("kill all or none");
    let sleeper = made.sleeper();
    let watching = made.watch(&["-e", "populated,oom"]);
    let fifo = fifo(&case);
    let hog = made.run("", &["sh", "-c", &hog(&fifo)]);
    go(&fifo);
    let mut pids = [sleeper.pid(), hog.pid()].map(|pid| pid.as_raw_nonzero().get());
    pids.sort_unstable();
    let victims = || {
        let told = watching.told();
        let lists = told.iter().filter_map(|line| line["victims"].as_array());
        let mut pids: Vec<i64> = lists.flatten().filter_map(|victim| victim["pid"].as_i64()).collect();
        pids.sort_unstable();
        pids
    };
    if case.tier().privilege() == Privilege::Root {
        wait_until("both kills", || victims() == pids.map(i64::from));
    } else {
        // The kernel's log is not for everybody.
        watching.waits_for("a kill", |line| line["killed"].as_u64().is_some_and(|killed| killed > 0));
    }
    for killed in [sleeper, hog] {
        assert_eq!(killed.wait().code(), 137);
    }
    made.remove(watching);
}
