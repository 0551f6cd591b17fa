//! `pal ns`: what there is, new namespaces, and those that are entered or kept.

mod enter;
mod new;

use std::fs;

use palisade_tests::container::wait_until;
use palisade_tests::invocation::{Invocation, Running};
use palisade_tests::{Case, Privilege, case, skip};
use rustix::process::Signal;
use serde_json::Value;

const KINDS: [&str; 8] = ["mnt", "pid", "net", "ipc", "uts", "user", "cgroup", "time"];

fn own(kind: &str) -> u64 {
    number_of("self", kind)
}

fn number_of(process: &str, kind: &str) -> u64 {
    let link =
        fs::read_link(format!("/proc/{process}/ns/{kind}")).expect("a namespace").display().to_string();
    let number = link.split_once(":[").and_then(|(_, number)| number.strip_suffix(']'));
    number.and_then(|number| number.parse().ok()).expect("a number")
}

/// Runs a verb of `pal ns` and reads the JSON that it prints.
fn json(case: &Case, words: &[&str]) -> Vec<Value> {
    let said = case.pal().arg("ns").args(words).args(["--format", "json"]).run();
    let value: Value = serde_json::from_str(&said.stdout).unwrap_or_else(|error| panic!("{error}: {said}"));
    value.as_array().expect("a list").clone()
}

fn find(rows: &[Value], number: u64) -> &Value {
    rows.iter().find(|row| row["number"] == number).unwrap_or_else(|| panic!("{number} is not in {rows:?}"))
}

#[test]
fn c2_ls_finds_the_own_namespaces_with_their_owner() {
    let case = case!();
    let rows = json(&case, &["ls"]);
    for kind in KINDS {
        let row = find(&rows, own(kind));
        assert_eq!(row["type"], kind);
        assert!(row["processes"].as_u64().expect("a count") >= 1, "{row}");
        assert_eq!(row["keptBy"][0]["by"], "process");
        if kind != "user" {
            assert_eq!(row["owner"], own("user"), "{row}");
        }
    }
    let mine = std::process::id().to_string();
    let rows = json(&case, &["ls", "-p", &mine, "-t", "net,uts"]);
    let numbers: Vec<u64> = rows.iter().filter_map(|row| row["number"].as_u64()).collect();
    assert_eq!(numbers, [own("net"), own("uts")]);
}

#[test]
fn c2_of_and_same_compare_processes() {
    let case = case!();
    let mine = std::process::id().to_string();
    let rows = json(&case, &["of", &mine]);
    for kind in KINDS {
        let row = find(&rows, own(kind));
        assert_eq!((&row["type"], &row["own"]), (&Value::from(kind), &Value::from(true)));
    }
    assert!(rows.iter().any(|row| row["type"] == "time_for_children"));
    let said = case.pal().args(["ns", "same", &mine]).run().succeeded();
    assert_eq!(said.stdout.lines().filter(|line| line.contains(" yes ")).count(), KINDS.len(), "{said}");
}

/// Prepares `pal ns` with a place of its own for names.
fn ns<'a>(case: &'a Case, words: &[&str]) -> Invocation<'a> {
    case.pal().arg("--root").arg(case.state()).arg("ns").args(words)
}

/// Starts `pal ns new` with a script that says `ready`, and waits for that.
fn start(case: &Case, words: &[&str], script: &str) -> Running {
    let script = format!("echo ready; {script}");
    let running = ns(case, &["new"]).args(words).args(["--", "sh", "-c", &script]).spawn();
    wait_until("the program runs", || running.stdout().contains("ready"));
    running
}

/// Ends what [`start`] has started.
fn end(running: Running) {
    running.signal(Signal::KILL);
    assert_eq!(running.wait().code(), 137);
}

fn pid(running: &Running) -> String {
    running.pid().as_raw_nonzero().to_string()
}

/// The path of `pal`, for scripts.
fn pal() -> String {
    std::env::var("PAL_BIN").expect("PAL_BIN")
}

#[test]
fn c2_a_namespace_that_only_a_descriptor_keeps_is_found() {
    let case = case!();
    let script = "\"$PAL\" ns new --uts -- sh -c 'echo; exec sleep 1000' | head -n 1 &
        until p=$(cat inside 2>/dev/null) && [ -n \"$p\" ]; do sleep 0.05; done
        exec 3</proc/$p/ns/uts; kill -9 $p; readlink /proc/self/fd/3; exec sleep 1000";
    // The program tells its number itself: where a user namespace is made there may be another process before it.
    let script = script.replace("echo;", "echo $$ > inside;");
    let holder =
        case.program("/bin/sh").args(["-c", &script]).env("PAL", pal()).directory(case.scratch()).spawn();
    wait_until("it holds the namespace", || holder.stdout().contains("uts:["));
    let link = holder.stdout();
    let number: u64 =
        link.trim().trim_start_matches("uts:[").trim_end_matches(']').parse().expect("a number");
    wait_until("no process is in it", || {
        let rows = json(&case, &["ls"]);
        let row = find(&rows, number);
        let by = row["keptBy"].as_array().expect("a list");
        row["processes"] == 0 && by.iter().any(|by| by["by"] == "descriptor" && by["descriptor"] == 3)
    });
    end(holder);
    assert!(json(&case, &["ls"]).iter().all(|row| row["number"] != number));
}

#[test]
fn c2_a_user_namespace_without_a_process_is_found_by_what_is_nested_in_it() {
    let case = case!();
    let inner = "echo $(readlink /proc/self/ns/user); exec \"$PAL\" ns new --user -- sh -c 'echo inside; exec sleep 1000'";
    let running = ns(&case, &["new", "--user", "--", "sh", "-c", inner]).env("PAL", pal()).spawn();
    wait_until("the inner one runs", || running.stdout().contains("inside"));
    let said = running.stdout();
    let outer: u64 = said
        .lines()
        .next()
        .and_then(|link| link.strip_prefix("user:[")?.strip_suffix(']')?.parse().ok())
        .expect("a number");
    let rows = json(&case, &["ls", "-t", "user"]);
    let inner = number_of(&pid(&running), "user");
    let row = find(&rows, outer);
    assert_eq!((row["processes"].as_u64(), row["owner"].as_u64()), (Some(0), Some(own("user"))), "{row}");
    assert_eq!(row["keptBy"][0]["number"], inner, "{row}");
    assert_eq!(find(&rows, inner)["parent"], outer);
    let tree = ns(&case, &["tree"]).run().succeeded().stdout;
    let line = |number: u64| {
        let mark = format!("user {number} ");
        tree.lines().position(|line| line.contains(&mark)).expect("a line")
    };
    assert!(line(outer) < line(inner), "{tree}");
    end(running);
}

#[test]
fn c2_lsns_finds_nothing_that_ls_does_not() {
    let case = case!();
    if !std::path::Path::new("/usr/bin/lsns").exists() {
        skip!(case, "there is no lsns here");
    }
    let running = start(&case, &["--uts", "--ipc"], "exec sleep 1000");
    let theirs = case.program("/usr/bin/lsns").args(["-n", "-r", "-o", "NS"]).run().succeeded().stdout;
    let ours = json(&case, &["ls"]);
    let number = number_of(&pid(&running), "uts").to_string();
    assert!(theirs.lines().any(|line| line == number), "{theirs}");
    for line in theirs.lines() {
        assert!(
            ours.iter().any(|row| row["number"].as_u64() == line.parse().ok()),
            "{line} of {theirs} is not in {ours:?}"
        );
    }
    end(running);
}

#[test]
fn c2_same_tells_what_is_not_shared() {
    let case = case!();
    let running = start(&case, &["--uts"], "exec sleep 1000");
    let said = ns(&case, &["same", &pid(&running), "--format", "json"]).run();
    assert_eq!(said.code(), 1, "{said}");
    let rows: Value = serde_json::from_str(&said.stdout).expect("JSON");
    let differing: Vec<_> = rows
        .as_array()
        .expect("a list")
        .iter()
        .filter(|row| row["same"] == false)
        .map(|row| row["type"].clone())
        .collect();
    let expected: &[&str] =
        if case.tier().privilege() == Privilege::Root { &["uts"] } else { &["uts", "user"] };
    assert_eq!(differing, expected);
    let gone = ns(&case, &["same", "4194304"]).run().failed(125);
    assert_eq!(gone.stderr.lines().count(), 1, "{gone}");
    end(running);
}
