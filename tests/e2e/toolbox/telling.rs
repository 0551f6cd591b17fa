//! Every verb of the toolbox tells what it does, or prints for programs.

use palisade_tests::{Case, case};

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
fn e7_every_verb_of_the_toolbox_explains_itself_or_prints_json() {
    let case = case!();
    for family in ["cgroup", "ns", "netns"] {
        let verbs = verbs(&case, family);
        assert!(verbs.len() > 3, "{family}: {verbs:?}");
        for verb in verbs {
            let help = case.pal().args([family, verb.as_str(), "--help"]).run().succeeded().stdout;
            let does = help.contains("--explain") && help.contains("--dry-run");
            // What is saved is TOML, as it is to be applied again.
            let prints = help.contains("--format") || verb == "save";
            assert!(does || prints, "pal {family} {verb}: {help}");
        }
    }
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
