//! What the toolbox shows of a container: its group, its limits, its pause.

use palisade_tests::container::wait_until;
use palisade_tests::{Bundle, Case, Privilege, case, group, skip};
use serde_json::Value;

/// A container of the background that `pal` made.
struct Background<'a> {
    case: &'a Case,
    name: String,
}

impl<'a> Background<'a> {
    /// Starts one that runs a script, with more flags of `pal run`.
    fn start(case: &'a Case, flags: &[&str], script: &str) -> Self {
        let bundle = Bundle::new(case, &case.unused("bundle"), &["true"]);
        let this = Self { case, name: case.unused_id() };
        let call = this.pal().args(["run", "-d", "--name", &this.name]).args(flags).arg(bundle.rootfs());
        call.args(["--", "sh", "-c", script]).run().succeeded();
        this
    }

    fn pal(&self) -> palisade_tests::invocation::Invocation<'a> {
        self.case.pal().arg("--root").arg(self.case.state())
    }

    /// The number of its first process.
    fn pid(&self) -> i64 {
        let listed = self.pal().args(["ps", "--format", "json"]).run().succeeded().stdout;
        let rows: Value = serde_json::from_str(&listed).expect("JSON");
        let row = rows.as_array().expect("a list").iter().find(|row| row["name"] == self.name.as_str());
        row.and_then(|row| row["pid"].as_i64()).unwrap_or_else(|| panic!("{} is not in {listed}", self.name))
    }

    fn remove(self) {
        self.pal().args(["rm", "-f", &self.name]).run().succeeded();
    }
}

/// Whether a container of this user can be limited by a controller.
fn can_limit(case: &Case, controller: &str) -> bool {
    let root = case.tier().privilege() == Privilege::Root;
    group::can_make() && (root || group::has_unified(controller))
}

#[test]
fn e2_a_container_runs_on_the_cpus_it_was_given() {
    let case = case!();
    if !can_limit(&case, "cpuset") {
        skip!(case, "this user may not limit CPUs");
    }
    let sleeper = Background::start(&case, &["--cpuset-cpus", "0"], "sleep 1000");
    let pid = sleeper.pid();
    assert_eq!(group::read(pid, "cpuset", "cpuset.cpus").expect("the cpuset controller").trim(), "0");
    let said =
        sleeper.pal().args(["exec", &sleeper.name, "grep", "Cpus_allowed_list", "/proc/self/status"]).run();
    assert_eq!(said.succeeded().stdout, "Cpus_allowed_list:\t0\n");
    sleeper.remove();
}

#[test]
fn e3_the_memory_of_a_running_container_is_changed() {
    let case = case!();
    if !can_limit(&case, "memory") {
        skip!(case, "this user may not limit memory");
    }
    let sleeper = Background::start(&case, &["--memory", "64M"], "sleep 1000");
    let pid = sleeper.pid();
    let file = if group::has_unified("memory") { "memory.max" } else { "memory.limit_in_bytes" };
    let limit = || group::read(pid, "memory", file).expect("the memory controller").trim().to_owned();
    assert_eq!(limit(), (64 << 20).to_string());
    let said = sleeper.pal().args(["update", &sleeper.name, "--memory", "40M"]).run().succeeded();
    assert_eq!(said.stdout, format!("{}\n", sleeper.name));
    assert_eq!(limit(), (40 << 20).to_string());
    let refused = sleeper.pal().args(["update", &sleeper.name]).run();
    assert_eq!(refused.code(), 125, "{refused}");
    assert_eq!(
        refused.stderr,
        "pal: there is nothing to change (such as --memory 64M, see pal update --help)\n"
    );
    sleeper.remove();
}

/// As a script has it: nobody is to wait between the two.
#[test]
fn what_was_killed_can_be_removed() {
    let case = case!();
    for _ in 0..5 {
        let sleeper = Background::start(&case, &[], "sleep 1000");
        sleeper.pal().args(["kill", &sleeper.name]).run().succeeded();
        sleeper.pal().args(["rm", &sleeper.name]).run().succeeded();
    }
}

#[test]
fn what_is_not_there_is_removed_without_a_word() {
    let case = case!();
    let said = case.pal().args(["rm", "-f", "palisade-none"]).run().succeeded();
    assert_eq!((said.stdout.as_str(), said.stderr.as_str()), ("", ""));
    case.pal().args(["rm", "palisade-none"]).run().failed(125);
}

#[test]
fn e4_a_paused_container_stands_still() {
    let case = case!();
    if !group::can_make() {
        skip!(case, "no cgroup");
    }
    let sleeper = Background::start(&case, &[], "i=0; while :; do i=$((i + 1)); echo $i > /tick; done");
    let tick = format!("/proc/{}/root/tick", sleeper.pid());
    let read = || std::fs::read_to_string(&tick).unwrap_or_default();
    wait_until("it ticks", || !read().is_empty());
    sleeper.pal().args(["pause", &sleeper.name]).run().succeeded();
    let before = read();
    std::thread::sleep(std::time::Duration::from_millis(300));
    assert_eq!(read(), before, "it goes on");
    let again = sleeper.pal().args(["pause", &sleeper.name]).run();
    assert_eq!(again.code(), 125, "{again}");
    assert!(again.stderr.contains("it is paused"), "{again}");
    let said = sleeper.pal().args(["exec", &sleeper.name, "true"]).run().failed(125).stderr;
    let name = &sleeper.name;
    assert_eq!(said, format!("pal: container {name} is paused (pal unpause {name} lets it go on)\n"));
    sleeper.pal().args(["unpause", &sleeper.name]).run().succeeded();
    wait_until("it goes on", || !read().is_empty() && read() != before);
    sleeper.remove();
}
