//! `pal cgroup top`: what groups use, once for a script and live at a terminal.

use std::collections::BTreeSet;

use palisade_tests::container::wait_until;
use palisade_tests::person::Person;
use palisade_tests::{Bundle, Case, Container, case, group, skip};
use rustix::process::Signal;
use serde_json::{Value, json};

/// What the busy container keeps in a file in memory.
const HELD: u64 = 12_000_000;

/// Prepares `pal cgroup top` with the state of this case.
fn top<'a>(case: &'a Case, arguments: &[&str]) -> palisade_tests::invocation::Invocation<'a> {
    case.pal().arg("--root").arg(case.state()).args(["cgroup", "top"]).args(arguments)
}

fn rows(case: &Case, arguments: &[&str]) -> Vec<Value> {
    let said = top(case, arguments).args(["--format", "json"]).run().succeeded();
    serde_json::from_str(&said.stdout).unwrap_or_else(|error| panic!("{error}: {said}"))
}

/// Starts a container that burns CPU time and holds memory.
fn busy(case: &Case) -> Container<'_> {
    let script = format!("head -c {HELD} /dev/zero > /dev/shm/held; while :; do :; done");
    let limits = json!({ "memory": { "limit": 64 << 20 }, "pids": { "limit": 50 } });
    let bundle = Bundle::script(case, &script).with(|config| config["linux"]["resources"] = limits);
    Container::start(case, &bundle)
}

#[test]
fn e6_top_shows_what_a_container_uses() {
    let case = case!();
    if !group::can_make() {
        skip!(case, "no cgroup");
    }
    let container = busy(&case);
    let find = |rows: Vec<Value>| rows.into_iter().find(|row| row["container"] == container.id());
    let number = |row: &Value, field: &str| row[field].as_f64().unwrap_or(0.0);
    wait_until("top shows time and memory", || {
        let row = find(rows(&case, &["--containers", "--interval", "0.5"])).expect("the container's row");
        number(&row, "cpuPercent") > 1.0 && row["file"].as_u64().is_some_and(|file| file >= HELD)
    });
    let row = find(rows(&case, &["--containers", "--interval", "0.1"])).expect("the container's row");
    assert_eq!((&row["memoryLimit"], &row["tasksLimit"]), (&json!(64 << 20), &json!(50)), "{row}");
    assert!(number(&row, "tasks") >= 1.0 && number(&row, "memory") >= number(&row, "file"), "{row}");
    assert_eq!((&row["oomKills"], &row["frozen"]), (&json!(0), &json!(false)), "{row}");

    // The same group without the container's name.
    let path = row["group"].as_str().expect("a path");
    let below = rows(&case, &[path, "--interval", "0.1"]);
    assert_eq!((&below[0]["group"], &below[0]["container"]), (&json!(path), &Value::Null), "{below:?}");
    let named = rows(&case, &[&format!("@{}", container.id()), "--interval", "0.1"]);
    assert_eq!(named[0]["group"], path, "{named:?}");
    let name = path.rsplit('/').next().expect("a name");
    let filtered = rows(&case, &["--filter", name, "--interval", "0.1"]);
    assert_eq!(filtered[0]["group"], path, "{filtered:?}");

    container.does("pause");
    let row = find(rows(&case, &["--containers", "--interval", "0.1"])).expect("the container's row");
    assert_eq!(row["frozen"], true, "{row}");
    container.does("resume");
    container.remove();
}

#[test]
fn e6_top_prints_for_programs() {
    let case = case!();
    let table = top(&case, &["--once", "--interval", "0.1"]).run().succeeded();
    assert!(table.stdout.starts_with("GROUP "), "{table}");
    assert!(table.stdout.lines().nth(1).is_some_and(|line| line.starts_with("/ ")), "{table}");

    let csv = top(&case, &["--format", "csv", "--interval", "0.1"]).run().succeeded();
    let mut lines = csv.stdout.split_terminator("\r\n");
    let header: Vec<&str> = lines.next().expect("a header").split(',').collect();
    assert_eq!(&header[..3], ["group", "container", "cpuPercent"], "{csv}");
    let first: Vec<&str> = lines.next().expect("a row").split(',').collect();
    assert_eq!((first[0], first.len()), ("/", header.len()), "{csv}");

    let metrics = top(&case, &["--format", "openmetrics"]).run().succeeded();
    check_openmetrics(&metrics.stdout);
    assert!(metrics.stdout.contains("\ncgroup_cpu_seconds_total{group=\"/\"} "), "{metrics}");
}

/// Checks the rules of the format that a reader relies on.
#[track_caller]
fn check_openmetrics(text: &str) {
    let body = text.strip_suffix("# EOF\n").unwrap_or_else(|| panic!("no end: {text}"));
    let (mut types, mut helps, mut samples) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    let mut counts = false;
    for line in body.lines() {
        let words: Vec<&str> = line.splitn(4, ' ').collect();
        match words[..] {
            ["#", "TYPE", name, kind] => {
                assert!(types.insert(name), "told twice: {line}");
                counts = kind == "counter";
                assert!(counts || kind == "gauge", "{line}");
            }
            ["#", "HELP", name, _] => assert!(helps.insert(name), "told twice: {line}"),
            ["#", "UNIT", name, unit] => assert!(name.ends_with(unit), "{line}"),
            _ => {
                let (series, value) = line.rsplit_once(' ').expect("a value");
                let name = series.split('{').next().expect("a name");
                let family = name.strip_suffix("_total").unwrap_or(name);
                assert_eq!(counts, name.ends_with("_total"), "{line}");
                assert!(types.contains(family) && helps.contains(family), "not told before: {line}");
                assert!(value.parse::<f64>().is_ok_and(f64::is_finite), "{line}");
                assert!(samples.insert(series), "twice: {line}");
            }
        }
    }
}

#[test]
fn top_without_a_terminal_says_what_to_do() {
    let case = case!();
    let said = top(&case, &[]).run().failed(125);
    assert!(said.stderr.starts_with("pal: standard output is no terminal (--once "), "{said}");
    let said = top(&case, &["/no/such/group", "--once"]).run().failed(125);
    assert_eq!(said.stderr, "pal: open cgroup /no/such/group: ENOENT (there is no such group)\n");
    for (bad, word) in [("/a/../b", ".."), ("--interval=0", "0.1"), ("--format=xml", "openmetrics")] {
        let said = top(&case, &["--once", bad]).run().failed(125);
        assert!(said.stderr.contains(word) && said.stderr.lines().count() == 1, "{said}");
    }
}

/// Opens the live view, and tells how the terminal was before.
fn live(case: &Case, arguments: &[&str], rows: u16, columns: u16) -> (Person, String) {
    // A terminal that nothing has touched yet.
    let shell = case.program("/bin/sh").args(["-c", "read line"]).at_terminal(rows, columns);
    let before = shell.modes();
    let mut shell = shell;
    shell.types("\n");
    assert_eq!(shell.wait().code(), 0);
    let person = top(case, arguments).at_terminal(rows, columns);
    person.sees("GROUP");
    assert_ne!(person.modes(), before, "raw");
    (person, before)
}

/// Waits for a word on a screen that is drawn anew: what has not changed is not drawn again by itself, and blanks never.
#[track_caller]
fn shows(person: &Person, text: &str) {
    let (seen, mut columns) = (person.screen().len(), 100);
    wait_until(&format!("{text:?} on the screen"), || {
        columns = if columns == 100 { 101 } else { 100 };
        person.resizes(24, columns);
        person.screen().get(seen..).is_some_and(|new| new.contains(text))
    });
}

#[track_caller]
fn leaves(person: Person, before: &str, code: i32) {
    wait_until("the terminal is as it was", || person.modes() == before);
    let said = person.wait();
    assert_eq!(said.code(), code, "{said}");
    let [shown, left] = ["\u{1b}[?25h", "\u{1b}[?1049l"].map(|sequence| said.stdout.rfind(sequence));
    let hidden = said.stdout.rfind("\u{1b}[?25l").expect("a hidden cursor");
    assert!(shown > Some(hidden) && left > Some(hidden), "{said}");
}

#[test]
fn e6_top_lives_at_a_terminal_and_gives_it_back() {
    let case = case!();
    let (mut person, before) = live(&case, &["--interval", "0.5"], 24, 100);
    person.types("?");
    shows(&person, "unfold");
    person.types("x");
    shows(&person, "CPU%");
    person.types("\r");
    shows(&person, "waits");
    person.types("q");
    leaves(person, &before, 0);
}

#[test]
fn top_gives_the_terminal_back_when_it_is_ended() {
    let case = case!();
    let (mut person, before) = live(&case, &[], 24, 100);
    // What a person's Ctrl-C is, with a question open.
    person.types("K\u{3}");
    leaves(person, &before, 0);
    let (person, before) = live(&case, &[], 24, 100);
    person.signal(Signal::TERM);
    leaves(person, &before, 128 + 15);
}

#[test]
fn top_fits_a_terminal_of_twenty_columns() {
    let case = case!();
    let (mut person, before) = live(&case, &["--sort", "memory"], 6, 20);
    person.types("?x\r");
    person.resizes(1, 1);
    person.types("jjG?x/a\r");
    person.resizes(6, 20);
    person.types("q");
    leaves(person, &before, 0);
}

#[test]
fn e6_top_freezes_thaws_limits_and_kills_after_asking() {
    let case = case!();
    if !group::can_make() {
        skip!(case, "no cgroup");
    }
    let container = busy(&case);
    let (mut person, before) = live(&case, &["--containers"], 24, 100);
    person.types("f");
    shows(&person, "(y/n)");
    // Keys are taken in their order, and what is drawn over the question may share letters with it.
    person.types("n");
    container.await_status("running");
    person.types("fy");
    container.await_status("paused");
    person.types("uy");
    container.await_status("running");
    person.types("lpids 40\ry");
    wait_until("the limit is set", || {
        let rows = rows(&case, &["--containers", "--interval", "0.1"]);
        rows.iter().any(|row| row["container"] == container.id() && row["tasksLimit"] == 40)
    });
    person.types("Ky");
    container.await_status("stopped");
    person.types("q");
    leaves(person, &before, 0);
    container.does("delete");
}
