//! What cannot be done is said in one line, and nothing half-made is left.

use palisade_tests::{Privilege, case, group, skip};

use super::{can_make, has_v1, json, pal, refused, v2};

#[test]
fn e7_bad_words_are_refused_in_one_line() {
    let case = case!();
    let name = case.id("g");
    for (words, wanted) in [
        (
            vec!["create", "-c", "luck", &name],
            "use the controller luck: there is no such controller (there are cpu,",
        ),
        (vec!["create", "-c", "name=luck", &name], "find the hierarchy name=luck: it is not mounted"),
        (vec!["create", "../x"], "has a part . or .."),
        (vec!["create", "a//b"], "has an empty part"),
        (vec!["create", ""], "wanted the path of a group"),
        (vec!["create", "@no-such-container"], "no-such-container"),
        (vec!["show", &name], "ENOENT"),
        (vec!["tree", &name], "ENOENT"),
        (vec!["procs", &name], "ENOENT (no such file or directory) (there is no such group)"),
        (vec!["rm", &name], "ENOENT (there is no such group)"),
        (vec!["exec", &name, "--", "true"], "ENOENT (there is no such group)"),
        (vec!["set", "--dry-run", &name, "pids.max=1"], "ENOENT (there is no such group)"),
        (vec!["attach", "--dry-run", &name, "1"], "ENOENT (there is no such group)"),
        (vec!["freeze", &name], "ENOENT"),
        (vec!["kill", &name], "ENOENT"),
        (vec!["kill", "/"], "every process of the machine"),
        (vec!["kill", "-s", "NOTHING", "/"], "--signal"),
        (vec!["of", "0"], "wanted the number of a process"),
        (vec!["of", "4194305"], "ENOENT (there is no such process)"),
        (vec!["mount", "--name", "a/b", "/nowhere"], "is a word without /"),
        (vec!["mount", "--v2", "-c", "cpu", "/nowhere"], "cannot be used with"),
        (vec!["mount", "/nowhere"], "required"),
        (vec!["umount", "/proc"], "it is no mount of cgroups"),
        (vec!["attach", &name], "required"),
        (vec!["exec", &name], "required"),
    ] {
        let said = refused(&pal(&case, &words));
        assert!(said.contains(wanted), "{words:?}: {said}");
    }
    case.expect_nothing_left(&"refused calls");
}

#[test]
fn e7_a_process_that_died_is_refused_and_the_others_stay_where_they_were() {
    let case = case!();
    if !can_make(&case) {
        skip!(case, "this user may make no groups");
    }
    let name = case.id("g");
    pal(&case, &["create", &name]).succeeded();
    let ended = case.program("/bin/sh").args(["-c", "echo $$"]).run().succeeded().stdout;
    let sleeper = super::Sleeper::start(&case, &name);
    let said = refused(&pal(&case, &["attach", "/", &sleeper.pid(), ended.trim()]));
    assert!(said.contains("there is no such process"), "{said}");
    assert!(sleeper.homes().lines().any(|line| line.ends_with(&name)), "{}", sleeper.homes());
    let said = refused(&pal(&case, &["rm", &name]));
    assert!(said.contains(&sleeper.pid()), "{said}");
    sleeper.end();
    pal(&case, &["rm", &name]).succeeded();
    assert!(refused(&pal(&case, &["procs", &name])).contains("there is no such group"));
}

#[test]
fn a16_a_user_without_a_part_of_the_tree_is_told_so() {
    let case = case!();
    if case.tier().privilege() == Privilege::Root || group::can_make() {
        skip!(case, "this user may make groups");
    }
    let name = case.id("g");
    let uid = rustix::process::geteuid().as_raw();
    let said = refused(&pal(&case, &["create", &name]));
    assert!(said.contains("mkdir ") && said.contains(&format!("not delegated to uid {uid}")), "{said}");
    let said = refused(&pal(&case, &["exec", "/", "--", "true"]));
    assert!(
        said.contains(&format!("uid {uid} may not write ")) && said.contains("belongs to uid 0"),
        "{said}"
    );
    let said = refused(&pal(&case, &["attach", "/", &std::process::id().to_string()]));
    assert!(said.contains(&format!("uid {uid} may not write cgroup.procs of /")), "{said}");
    case.expect_nothing_left(&"refused calls");
}

#[test]
fn b4_options_of_the_other_version_are_refused() {
    let case = case!();
    let name = case.id("g");
    if !has_v1() {
        let said = refused(&pal(&case, &["create", "--notify-on-release", &name]));
        assert!(said.contains("v2 has no release agents: pal cgroup watch --on-empty"), "{said}");
    }
    if v2().is_none() {
        let said = refused(&pal(&case, &["create", "--threaded", &name]));
        assert!(said.contains("pal cgroup attach --thread"), "{said}");
        let said = refused(&pal(&case, &["attach", "--make-leaf", &name]));
        assert!(said.contains("on v1 any group may hold processes"), "{said}");
    }
    case.expect_nothing_left(&"refused calls");
}

#[test]
fn e7_tables_fit_a_narrow_terminal_and_a_reader_may_leave() {
    let case = case!();
    for words in
        [vec!["layout"], vec!["layout", "--explain"], vec!["tree"], vec!["show", "/"], vec!["of", "1"]]
    {
        let person = case.pal().arg("cgroup").args(&words).at_terminal(24, 20);
        let said = person.wait().succeeded();
        assert!(!said.stdout.is_empty() && !said.stdout.contains("panicked"), "{said}");
    }
    let pal = std::env::var("PAL_BIN").expect("PAL_BIN");
    let script = format!("'{pal}' cgroup show / --format json | true; '{pal}' cgroup procs -r / | true");
    let said = case.program("/bin/sh").args(["-c", &script]).run().succeeded();
    assert_eq!((said.stdout.as_str(), said.stderr.as_str()), ("", ""), "{said}");
    assert!(json(&case, &["layout"]).is_array());
}
