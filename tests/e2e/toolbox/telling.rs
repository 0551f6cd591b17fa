//! Every verb of the toolbox tells what it does, or prints for programs.

use palisade_tests::{Case, Privilege, case, skip};
use serde_json::Value;

/// The verbs that a page of help lists.
fn verbs(case: &Case, family: &str) -> Vec<String> {
    let help = case.pal().args([family, "--help"]).run().succeeded().stdout;
    let list = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let words = list.take_while(|line| !line.is_empty()).filter_map(|line| line.strip_prefix("  "));
    words
        .filter(|line| !line.starts_with(' '))
        .filter_map(|line| line.split(' ').next())
        .map(str::to_owned)
        .collect()
}

#[test]
fn e7_every_verb_of_the_toolbox_explains_itself() {
    let case = case!();
    for family in ["cgroup", "ns", "netns"] {
        let verbs = verbs(&case, family);
        assert!(verbs.len() > 3, "{family}: {verbs:?}");
        for verb in verbs {
            let help = case.pal().args([family, verb.as_str(), "--help"]).run().succeeded().stdout;
            for option in ["--explain", "--dry-run", "--format"] {
                assert!(help.contains(option), "pal {family} {verb} {option}: {help}");
            }
        }
    }
}

#[test]
fn e7_what_a_verb_looks_at_is_told_as_commands_that_work() {
    let case = case!();
    let own = std::process::id().to_string();
    for words in [
        &["cgroup", "tree", "/", "--depth", "0"][..],
        &["cgroup", "of", &own],
        &["cgroup", "procs", "/"],
        &["ns", "of", &own],
        &["ns", "same", &own],
    ] {
        let said = case.pal().args(words).arg("--dry-run").run().succeeded();
        assert!(!said.stdout.is_empty() && said.stderr.is_empty(), "{said}");
        let shell = case.program("/bin/sh").args(["-e", "-c", &said.stdout]).run().succeeded();
        assert!(!shell.stdout.is_empty(), "{said}{shell}");
        let explained = case.pal().args(words).arg("--explain").run().succeeded();
        let first = said.stdout.lines().next().expect("a command");
        assert!(!explained.stdout.is_empty() && explained.stderr.contains(first), "{explained}");
    }
}

#[test]
fn e7_what_changes_something_tells_programs_its_steps() {
    let case = case!();
    let group = case.id("told");
    let steps = |words: &[&str]| -> Vec<Value> {
        let said = case.pal().arg("cgroup").args(words).args(["--format", "json"]).run().succeeded();
        serde_json::from_str(&said.stdout).expect("a list in JSON")
    };
    let commands =
        |steps: &[Value]| -> Vec<Value> { steps.iter().map(|step| step["commands"].clone()).collect() };
    let told = steps(&["create", &group, "--dry-run"]);
    assert!(!told.is_empty() && told.iter().all(|step| step["milliseconds"].is_null()), "{told:?}");
    assert!(told[0]["commands"][0].as_str().is_some_and(|line| line.starts_with("mkdir ")), "{told:?}");
    let program = case.pal().args(["ns", "new", "--uts", "--dry-run", "--format", "json", "--", "true"]);
    assert!(program.run().succeeded().stdout.contains("unshare"));
    if case.tier().privilege() != Privilege::Root {
        skip!(case, "groups are root's");
    }
    let done = steps(&["create", &group]);
    assert_eq!(commands(&done), commands(&told));
    assert!(done.iter().all(|step| step["milliseconds"].is_f64()), "{done:?}");
    for step in steps(&["rm", &group]) {
        assert!(step["commands"][0].as_str().is_some_and(|line| line.starts_with("rmdir ")), "{step}");
    }
}

#[test]
fn whoever_waits_at_a_terminal_sees_what_for() {
    let case = case!();
    let top = ["cgroup", "top", "--once", "--interval", "1.5"];
    let person = case.pal().args(top).env("TERM", "xterm").at_terminal(24, 200);
    let said = person.wait().succeeded();
    assert!(said.stdout.contains("what happens in 1.5 s"), "{said}");
    // The line is taken away before anything else is printed.
    let (waiting, table) = said.stdout.split_once("GROUP").expect("a table");
    assert!(waiting.ends_with("\x1b[K") && !table.contains('\x1b'), "{said}");

    let quick = case.pal().args(["cgroup", "tree", "--depth", "0"]).env("TERM", "xterm").at_terminal(24, 40);
    assert!(!quick.wait().succeeded().stdout.contains('\x1b'));
    let piped = case.pal().args(top).env("TERM", "xterm").run().succeeded();
    assert_eq!(piped.stderr, "");
}

#[test]
fn a_family_without_a_verb_prints_its_help_and_a_typo_what_was_meant() {
    let case = case!();
    for family in ["cgroup", "ns", "netns"] {
        let said = case.pal().arg(family).run().failed(125);
        assert!(said.stderr.contains("\nCommands:\n") && said.stdout.is_empty(), "{said}");
    }
    let said = case.pal().args(["netns", "lst"]).run().failed(125);
    let line = "pal: unrecognized subcommand 'lst' (some similar subcommands exist: 'ls', 'list'; see pal netns --help)\n";
    assert_eq!(said.stderr, line);
}

#[test]
fn e7_a_group_is_made_by_pasting_what_dry_run_prints() {
    let case = case!();
    let group = case.id("pasted");
    if !palisade_tests::group::can_make() {
        palisade_tests::skip!(case, "no cgroup");
    }
    let making = case.pal().args(["cgroup", "create", &group, "--dry-run"]).run().succeeded().stdout;
    assert!(making.lines().all(|line| !line.is_empty()), "{making}");
    case.program("/bin/sh").args(["-e", "-c", &making]).run().succeeded();
    let removing = case.pal().args(["cgroup", "rm", &group, "--dry-run"]).run().succeeded().stdout;
    case.program("/bin/sh").args(["-e", "-c", &removing]).run().succeeded();
}

#[test]
fn whoever_watches_for_nobody_ends() {
    let case = case!();
    let pal = std::env::var_os("PAL_BIN").expect("the tests' environment");
    for words in ["cgroup watch /", "netns monitor"] {
        let pipe = format!("\"$PAL\" {words} | true");
        case.program("/bin/sh").args(["-c", &pipe]).env("PAL", &pal).run().succeeded();
    }
}
