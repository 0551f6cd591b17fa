//! The verbs that work alike on every machine.

use std::fs;

use palisade_tests::container::wait_until;
use palisade_tests::{Privilege, case, group, skip};
use serde_json::Value;

use super::{Sleeper, can_make, home, json, pal};

#[test]
fn b1_every_verb_works_on_v1_v2_and_both() {
    let case = case!();
    if !can_make(&case) {
        skip!(case, "this user may make no groups");
    }
    let (outer, inner) = (case.id("g"), format!("{}/a", case.id("g")));
    pal(&case, &["create", &inner]).succeeded();
    let sleeper = Sleeper::start(&case, &inner);
    let pid: i64 = sleeper.pid().parse().expect("a number");

    let rows = json(&case, &["tree", &outer]);
    let rows: Vec<(&str, u64)> = rows
        .as_array()
        .expect("a list")
        .iter()
        .map(|row| (row["group"].as_str().expect("a path"), row["processes"].as_u64().expect("a number")))
        .collect();
    assert_eq!(rows.len(), 2, "{rows:?}");
    assert!(rows[0].0.ends_with(&outer) && rows[0].1 == 0, "{rows:?}");
    assert!(rows[1].0.ends_with(&inner) && rows[1].1 == 1, "{rows:?}");
    let drawn = pal(&case, &["tree", &outer]).succeeded().stdout;
    assert!(drawn.contains("\n└─ a "), "{drawn}");

    let procs = json(&case, &["procs", "-r", &outer]);
    assert_eq!((procs[0]["pid"].as_i64(), procs[0]["command"].as_str()), (Some(pid), Some("sleep")));
    assert_eq!(json(&case, &["procs", &outer]), Value::Array(Vec::new()));

    let shown = json(&case, &["show", &inner]);
    let uid = rustix::process::geteuid().as_raw();
    for row in shown["hierarchies"].as_array().expect("a list") {
        assert_eq!(
            (row["processes"][0].as_i64(), row["populated"].as_bool()),
            (Some(pid), Some(true)),
            "{row}"
        );
        assert_eq!((row["threads"].as_u64(), row["uid"].as_u64()), (Some(1), Some(uid.into())), "{row}");
    }

    let busy = pal(&case, &["rm", "-r", &outer]);
    let said = super::refused(&busy);
    assert!(said.contains("EBUSY (it holds ") && said.contains(&pid.to_string()), "{said}");
    assert_eq!(sleeper.homes().lines().filter(|line| line.ends_with(&inner)).count(), shown_in(&shown));

    pal(&case, &["kill", &outer]).succeeded();
    assert_eq!(sleeper.0.wait().code(), 137);
    pal(&case, &["rm", "-r", &outer]).succeeded();
    case.expect_nothing_left(&"rm -r");
}

fn shown_in(shown: &Value) -> usize {
    shown["hierarchies"].as_array().expect("a list").len()
}

#[test]
fn a17_of_shows_each_line_that_the_kernel_has() {
    let case = case!();
    let own = std::process::id().to_string();
    let rows = json(&case, &["of", &own]);
    let text = fs::read_to_string("/proc/self/cgroup").expect("read /proc/self/cgroup");
    let rows = rows.as_array().expect("a list");
    assert_eq!(rows.len(), text.lines().count());
    for (row, line) in rows.iter().zip(text.lines()) {
        let fields: Vec<&str> = line.splitn(3, ':').collect();
        assert_eq!(row["id"].as_u64().map(|id| id.to_string()).as_deref(), Some(fields[0]), "{row}");
        assert_eq!(row["group"].as_str(), Some(fields[2]), "{row}");
        for word in fields[1].split(',').filter(|word| !word.is_empty()) {
            let named = word.strip_prefix("name=").is_some_and(|name| row["name"] == name);
            let list = row["controllers"].as_array().expect("a list");
            assert!(named || list.iter().any(|one| one == word), "{word}: {row}");
        }
    }
    let table = pal(&case, &["of", &own]).succeeded().stdout;
    assert_eq!(table.lines().count(), 1 + text.lines().count(), "{table}");
}

#[test]
fn b11_on_v2_a_process_has_one_path() {
    let case = case!();
    let Some(path) = home(&fs::read_to_string("/proc/self/cgroup").expect("read"), "") else {
        skip!(case, "this machine has no v2 tree");
    };
    let rows = json(&case, &["of", &std::process::id().to_string()]);
    let unified: Vec<&Value> = rows.as_array().expect("a list").iter().filter(|row| row["id"] == 0).collect();
    assert_eq!(unified.len(), 1, "{rows}");
    assert_eq!((unified[0]["group"].as_str(), &unified[0]["name"]), (Some(path.as_str()), &Value::Null));
    if group::has_tree() && can_make(&case) {
        let name = case.id("g");
        pal(&case, &["create", &name]).succeeded();
        let sleeper = Sleeper::start(&case, &name);
        let row = json(&case, &["of", &sleeper.pid()]);
        let row = row.as_array().expect("a list").iter().find(|row| row["id"] == 0).expect("a row of v2");
        assert!(row["group"].as_str().is_some_and(|path| path.ends_with(&name)), "{row}");
        sleeper.end();
        pal(&case, &["rm", &name]).succeeded();
    }
}

#[test]
fn e6_each_process_is_in_some_group_without_any_container() {
    let case = case!();
    let own = i64::from(rustix::process::getpid().as_raw_nonzero().get());
    let rows = json(&case, &["of", "1", &own.to_string()]);
    let rows = rows.as_array().expect("a list");
    for pid in [1, own] {
        assert!(rows.iter().any(|row| row["pid"] == pid && row["group"].is_string()), "{rows:?}");
    }
    let listed = json(&case, &["procs", "-r", "/"]);
    let listed = listed.as_array().expect("a list");
    for pid in [1, own] {
        assert!(listed.iter().any(|row| row["pid"] == pid), "{pid} is in no group");
    }
}

#[test]
fn a13_a_frozen_process_makes_no_progress() {
    let case = case!();
    if !can_make(&case) {
        skip!(case, "this user may make no groups");
    }
    let name = case.id("g");
    pal(&case, &["create", &name]).succeeded();
    let file = case.scratch().join("progress");
    let script = format!("while :; do echo x >> {}; done", file.display());
    let running = case.pal().args(["cgroup", "exec", &name, "--", "sh", "-c", &script]).spawn();
    let size = || fs::metadata(&file).map_or(0, |found| found.len());
    wait_until("progress", || size() > 0);
    pal(&case, &["freeze", &name]).succeeded();
    let frozen = |wanted: bool| {
        let shown = json(&case, &["show", &name]);
        let rows = shown["hierarchies"].as_array().expect("a list");
        assert!(rows.iter().any(|row| row["frozen"] == wanted), "{shown}");
    };
    frozen(true);
    let before = size();
    // Calls of other programs take far longer than one more line would.
    for _ in 0..5 {
        pal(&case, &["procs", &name]).succeeded();
    }
    assert_eq!(size(), before, "it wrote although it is frozen");
    pal(&case, &["thaw", &name]).succeeded();
    frozen(false);
    wait_until("progress again", || size() > before);
    pal(&case, &["kill", &name]).succeeded();
    assert_eq!(running.wait().code(), 137);
    pal(&case, &["rm", &name]).succeeded();
}

#[test]
fn b13_what_newer_kernels_have_is_used() {
    let case = case!();
    if !can_make(&case) || !group::has_tree() {
        skip!(case, "there is no v2 tree for this user");
    }
    let (outer, inner) = (case.id("g"), format!("{}/a", case.id("g")));
    pal(&case, &["create", &outer]).succeeded();
    let sleeper = Sleeper::start(&case, &outer);
    let in_tree = super::has_v1();
    let told = pal(&case, &["freeze", "--dry-run", &outer]).succeeded().stdout;
    assert_eq!(told.contains("cgroup.freeze"), !in_tree, "{told}");
    let shown = json(&case, &["show", &outer]);
    let row = shown["hierarchies"].as_array().expect("a list").iter().find(|row| row["hierarchy"] == "v2");
    let row = row.expect("a row of the v2 tree");
    assert_eq!(row["files"]["cgroup.max.descendants"], "max");
    let directory = row["directory"].as_str().expect("a directory");
    fs::write(format!("{directory}/cgroup.max.descendants"), "0").expect("allow no groups below");
    let said = super::refused(&pal(&case, &["create", &inner]));
    assert!(said.contains("EAGAIN (cgroup.max.descendants"), "{said}");
    // SIGKILL frees a frozen group to die.
    pal(&case, &["freeze", &outer]).succeeded();
    let told = pal(&case, &["kill", "--explain", &outer]).succeeded().stderr;
    assert_eq!(told.contains("cgroup.kill"), !in_tree, "{told}");
    assert_eq!(sleeper.0.wait().code(), 137);
    pal(&case, &["rm", &outer]).succeeded();
}

#[test]
fn e6_exec_passes_on_how_the_program_ends() {
    let case = case!();
    if !can_make(&case) {
        skip!(case, "this user may make no groups");
    }
    let name = case.id("g");
    pal(&case, &["create", &name]).succeeded();
    let said = pal(&case, &["exec", &name, "--", "sh", "-c", "cat /proc/self/cgroup; exit 7"]);
    assert_eq!(said.code(), 7, "{said}");
    let homes = said.stdout.lines().filter(|line| line.ends_with(&name)).count();
    assert_eq!(homes, shown_in(&json(&case, &["show", &name])), "{said}");
    assert_eq!(pal(&case, &["exec", &name, "--", "no-such-program"]).failed(127).stdout, "");
    assert_eq!(pal(&case, &["exec", &name, "--", "/etc/passwd"]).failed(126).stdout, "");
    pal(&case, &["rm", &name]).succeeded();
}

#[test]
fn e7_steps_that_are_told_work_in_a_shell() {
    let case = case!();
    if case.tier().privilege() != Privilege::Root {
        skip!(case, "one user is enough");
    }
    let (outer, inner) = (case.id("g"), format!("{}/a/b", case.id("g")));
    let script = pal(&case, &["create", "--dry-run", &inner]).succeeded().stdout;
    case.program("/bin/sh").args(["-e", "-c", &script]).run().succeeded();
    let sleeper = Sleeper::start(&case, &inner);
    for (verb, wanted) in [("freeze", true), ("thaw", false)] {
        let script = pal(&case, &[verb, "--dry-run", &outer]).succeeded().stdout;
        case.program("/bin/sh").args(["-e", "-c", &script]).run().succeeded();
        let shown = json(&case, &["show", &outer]);
        let rows = shown["hierarchies"].as_array().expect("a list");
        assert!(rows.iter().any(|row| row["frozen"] == wanted), "{verb}: {shown}");
    }
    let script = pal(&case, &["kill", "--dry-run", &outer]).succeeded().stdout;
    case.program("/bin/sh").args(["-c", &script]).run().succeeded();
    assert_eq!(sleeper.0.wait().code(), 137);
    let script = pal(&case, &["rm", "-r", "--dry-run", &outer]).succeeded().stdout;
    case.program("/bin/sh").args(["-e", "-c", &script]).run().succeeded();
    case.expect_nothing_left(&"steps in a shell");
}
