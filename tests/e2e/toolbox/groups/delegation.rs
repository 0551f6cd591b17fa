//! A group that is given to a user.

use std::fs;
use std::path::{Path, PathBuf};

use palisade_tests::container::wait_until;
use palisade_tests::invocation::{Finished, Running};
use palisade_tests::{Case, Privilege, case, skip};
use rustix::process::Signal;

use super::{home, pal, v1, v2};

/// A user who is nobody else.
const USER: u32 = 4242;

/// `pal` where that user can execute it.
fn program(case: &Case) -> PathBuf {
    let path = case.scratch().join("pal");
    if !path.exists() {
        fs::copy(std::env::var_os("PAL_BIN").expect("PAL_BIN"), &path).expect("copy pal");
    }
    path
}

/// Runs `pal cgroup` as that user.
fn as_user(case: &Case, words: &[&str]) -> Finished {
    case.program(program(case)).arg("cgroup").args(words).user(USER).run()
}

/// A program of that user's, or of root's, that sleeps.
fn sleeper(case: &Case, user: u32) -> Running {
    let running = case.program("/bin/sleep").arg("1000").user(user).spawn();
    wait_until("a program that sleeps", || {
        let name = fs::read_to_string(format!("/proc/{}/comm", running.pid())).unwrap_or_default();
        name.trim() == "sleep"
    });
    running
}

fn homes(running: &Running) -> String {
    fs::read_to_string(format!("/proc/{}/cgroup", running.pid())).expect("read /proc/PID/cgroup")
}

fn end(running: Running) {
    running.signal(Signal::KILL);
    assert_eq!(running.wait().code(), 137);
}

fn owner(path: &Path) -> u32 {
    rustix::fs::stat(path).expect("stat").st_uid
}

#[test]
fn a16_a_user_moves_own_processes_below_the_group_and_nowhere_else() {
    let case = case!();
    let Some(top) = v1("cpu").filter(|_| case.tier().privilege() == Privilege::Root) else {
        skip!(case, "cpu is in no v1 hierarchy of root's");
    };
    let (given, other) = (case.id("given"), case.id("other"));
    pal(&case, &["create", "-c", "cpu", &given, &other]).succeeded();
    let told = pal(&case, &["delegate", "-c", "cpu", &given, "4242", "--explain"]).succeeded().stderr;
    assert!(told.contains("chown 4242:0 "), "{told}");
    assert_eq!(owner(&top.join(&given).join("cgroup.procs")), USER);
    assert_eq!(owner(&top.join(&given).join("cpu.shares")), 0, "limits stay out of reach");
    let below = format!("/{given}/below");
    as_user(&case, &["create", "-c", "cpu", &below]).succeeded();
    let (own, roots) = (sleeper(&case, USER), sleeper(&case, 0));
    let before = home(&homes(&own), "cpu").expect("a group");
    let attach =
        |group: &str, of: &Running| as_user(&case, &["attach", "-c", "cpu", group, &of.pid().to_string()]);
    attach(&below, &own).succeeded();
    assert_eq!(home(&homes(&own), "cpu"), Some(below.clone()));
    for group in [format!("/{other}"), before] {
        let said = super::refused(&attach(&group, &own));
        assert!(
            said.contains("EACCES (uid 4242 may not write cgroup.procs of ") && said.contains("uid 0"),
            "{said}"
        );
    }
    let said = super::refused(&attach(&below, &roots));
    let why =
        format!("EACCES (process {} belongs to uid 0, and uid 4242 may move its own alone)", roots.pid());
    assert!(said.contains(&why), "{said}");
    assert_eq!(home(&homes(&own), "cpu"), Some(below));
    let said = super::refused(&as_user(&case, &["create", "-c", "cpu", &format!("/{other}/mine")]));
    assert!(said.contains("mkdir") && said.contains("not delegated to uid 4242"), "{said}");
    end(own);
    end(roots);
    pal(&case, &["rm", "-r", "-c", "cpu", &given, &other]).succeeded();
}

#[test]
fn b10_the_writer_needs_the_target_and_the_nearest_group_above_both() {
    let case = case!();
    if case.tier().privilege() != Privilege::Root || v2().is_none() {
        skip!(case, "there is no v2 tree of root's");
    }
    // As in the kernel's own text: C0 and C1 are the user's, one beside the other, C00 and C01 below C0.
    let [c0, c1] = ["c0", "c1"].map(|name| format!("/{}", case.id(name)));
    let [c00, c01] = ["c00", "c01"].map(|name| format!("{c0}/{name}"));
    pal(&case, &["create", "-c", "v2", &c0, &c1]).succeeded();
    for group in [&c0, &c1] {
        pal(&case, &["delegate", "-c", "v2", group, "4242:4242"]).succeeded();
    }
    as_user(&case, &["create", "-c", "v2", &c00, &c01]).succeeded();
    let own = sleeper(&case, USER);
    let pid = own.pid().to_string();
    let attach = |group: &str| as_user(&case, &["attach", "-c", "v2", group, &pid]);
    let at = || home(&homes(&own), "").expect("a group");
    let (start, nearest) = (at(), "uid 4242 may not write cgroup.procs of /, the nearest group above both");
    let said = super::refused(&attach(&c00));
    assert!(said.contains("EACCES (") && said.contains(nearest), "from outside into the subtree: {said}");
    assert_eq!(at(), start);
    // Root, who owns all of them, may.
    pal(&case, &["attach", "-c", "v2", &c00, &pid]).succeeded();
    attach(&c01).succeeded();
    assert_eq!(at(), c01, "within the subtree");
    let said = super::refused(&attach(&c1));
    assert!(
        said.contains("EACCES (") && said.contains(nearest),
        "both are his and what is above is not: {said}"
    );
    let said = super::refused(&attach(&start));
    assert!(said.contains("uid 4242 may not write cgroup.procs of "), "out of the subtree: {said}");
    assert_eq!(at(), c01);
    end(own);
    pal(&case, &["rm", "-r", "-c", "v2", &c0, &c1]).succeeded();
}

#[test]
fn b10_a_group_is_given_by_name_and_not_the_root() {
    let case = case!();
    if case.tier().privilege() != Privilege::Root {
        skip!(case, "giving away takes root");
    }
    let name = case.id("g");
    pal(&case, &["create", &name]).succeeded();
    let table = fs::read_to_string("/etc/passwd").expect("read /etc/passwd");
    let account =
        table.lines().map(|line| line.split(':').collect::<Vec<_>>()).find(|fields| fields[2] != "0");
    let account = account.expect("an account besides root's");
    pal(&case, &["delegate", &name, account[0]]).succeeded();
    let shown = super::json(&case, &["show", &name]);
    for row in shown["hierarchies"].as_array().expect("a list") {
        let found = (row["uid"].to_string(), row["gid"].to_string());
        assert_eq!((found.0.as_str(), found.1.as_str()), (account[2], account[3]), "{row}");
    }
    assert!(
        super::refused(&pal(&case, &["delegate", "/", account[0]])).contains("every process of the machine")
    );
    assert!(super::refused(&pal(&case, &["delegate", &name, "nobody-has-this-name"])).contains("no user"));
    pal(&case, &["rm", &name]).succeeded();
}
