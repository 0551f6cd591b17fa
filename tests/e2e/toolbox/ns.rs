//! `pal ns`: what there is.

use std::fs;

use palisade_tests::{Case, case};
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
