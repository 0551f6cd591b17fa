//! A kernel without this or that call: done in another way or refused by name, as docs/kernel-features.md says.

use palisade_tests::{Bundle, Case, Container, Privilege, case, group};

/// A line of the table: the call, the kernel that has it first, and what becomes of things without it.
struct Row {
    call: &'static str,
    since: &'static str,
    without: &'static str,
}

fn rows() -> Vec<Row> {
    let table = include_str!("../../docs/kernel-features.md");
    let rows = table.lines().filter_map(|line| {
        let [_, _, call, since, without, _] =
            line.split('|').map(str::trim).collect::<Vec<_>>().try_into().ok()?;
        let call = call.strip_prefix('`')?.strip_suffix('`')?;
        Some(Row { call, since, without })
    });
    rows.collect()
}

/// Runs a container through its life, each verb without these calls, and gives the first refusal.
fn live_without(case: &Case, bundle: &Bundle, calls: &[&str]) -> Result<(), String> {
    let id = case.unused_id();
    let verb = |words: &[&str]| {
        let said = case.palisade().without(calls).args(words).run();
        match said.status.success() {
            true => Ok(said.stdout),
            false => Err(said.refusal_line().unwrap_or_else(|fault| panic!("{calls:?}: {fault}: {said}"))),
        }
    };
    let path = bundle.path().display().to_string();
    let lived = || {
        verb(&["create", "--bundle", &path, &id])?;
        verb(&["start", &id])?;
        assert_eq!(verb(&["exec", &id, "echo", "inside"])?, "inside\n");
        verb(&["state", &id])?;
        verb(&["list"])?;
        verb(&["kill", &id, "KILL"])?;
        Container::named(case, &id).await_status("stopped");
        verb(&["delete", &id])
    };
    let lived = lived();
    if lived.is_err() {
        // With all calls again: whatever was refused left nothing that cannot be removed.
        let said = case.palisade().args(["delete", "--force", &id]).run();
        assert!(!said.stderr.contains("panicked"), "{said}");
    }
    case.expect_nothing_left(&format_args!("a life without {calls:?}"));
    lived.map(|_| ())
}

#[test]
fn a_missing_call_is_refused_by_name_or_done_without() {
    let case = case!();
    let bundle = Bundle::script(&case, "sleep 1000");
    let rows = rows();
    assert!(rows.len() >= 15, "the table cannot be read");
    for Row { call, since, without } in rows {
        if call == "CLONE_INTO_CGROUP"
            && (case.tier().privilege() == Privilege::Ordinary || !group::has_tree())
        {
            continue;
        }
        match (live_without(&case, &bundle, &[call]), without) {
            (Ok(()), without) => assert!(without.starts_with("done without"), "{call} is not missed"),
            (Err(line), "refused") => {
                let names = line.contains(call) && line.contains(&format!("needs {since}"));
                assert!(names, "{call} of {since}: {line}");
            }
            (Err(line), _) => panic!("{call}: {line}"),
        }
    }
}

#[test]
fn all_that_can_be_done_without_can_be_missing_at_once() {
    let case = case!();
    let bundle = Bundle::script(&case, "sleep 1000");
    let rows = rows();
    let calls: Vec<&str> =
        rows.iter().filter(|row| row.without.starts_with("done without")).map(|row| row.call).collect();
    assert_eq!(live_without(&case, &bundle, &calls), Ok(()));
    let all: Vec<&str> = rows.iter().map(|row| row.call).collect();
    let line = live_without(&case, &bundle, &all).expect_err("lives without any");
    assert!(line.contains("needs Linux"), "{line}");
}
