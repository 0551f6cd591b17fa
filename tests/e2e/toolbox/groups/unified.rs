//! What only the v2 tree has.

use std::fs;

use palisade_tests::{Case, Privilege, case, skip};
use serde_json::Value;

use super::{Sleeper, home, json, pal, refused, v2};

/// The row of the v2 tree in what `show` prints.
fn row(shown: &Value) -> &Value {
    let rows = shown["hierarchies"].as_array().expect("a list");
    rows.iter().find(|row| row["hierarchy"] == "v2").expect("a row of the v2 tree")
}

#[test]
fn b2_the_root_has_no_limits_and_a_group_has_events() {
    let case = case!();
    let Some(tree) = v2() else {
        skip!(case, "this machine has no v2 tree");
    };
    let shown = json(&case, &["show", "/"]);
    let root = row(&shown);
    assert_eq!((root["group"].is_null(), root["type"].as_str()), (true, Some("root")), "{root}");
    let words = |file: &str| {
        let text = fs::read_to_string(tree.join(file)).expect("read a file of the root");
        text.split_whitespace().map(|word| Value::from(word.to_owned())).collect::<Vec<_>>()
    };
    assert_eq!(root["controllers"], Value::from(words("cgroup.controllers")));
    assert_eq!(root["enabled"], Value::from(words("cgroup.subtree_control")));
    assert!(root["processes"].as_array().is_some_and(|pids| !pids.is_empty()));
    let files = root["files"].as_object().expect("an object");
    for file in ["memory.max", "pids.max", "cpu.max", "io.max"] {
        assert!(!files.contains_key(file), "{file} is a limit of the root");
    }
    assert!(!tree.join("cgroup.events").exists());
    if !super::can_make(&case) {
        skip!(case, "this user may make no groups");
    }
    let name = case.id("g");
    pal(&case, &["create", "-c", "v2", &name]).succeeded();
    let populated = || row(&json(&case, &["show", &name]))["populated"].clone();
    assert_eq!(populated(), false);
    let sleeper = Sleeper::start_by(&case, &["-c", "v2", &name]);
    assert_eq!(populated(), true);
    let shown = json(&case, &["show", &name]);
    assert_eq!(row(&shown)["type"], "domain");
    assert_eq!(row(&shown)["files"]["cgroup.max.depth"], "max");
    sleeper.end();
    pal(&case, &["rm", "-c", "v2", &name]).succeeded();
}

/// Finds a controller of the v2 tree that is not one of threads, so that the rule of inner processes holds for it.
fn domain_controller() -> Option<String> {
    let offered = fs::read_to_string(v2()?.join("cgroup.controllers")).ok()?;
    ["memory", "hugetlb"]
        .into_iter()
        .find(|one| offered.split_whitespace().any(|o| o == *one))
        .map(str::to_owned)
}

fn is_root(case: &Case) -> bool {
    case.tier().privilege() == Privilege::Root
}

#[test]
fn b4_an_inner_group_takes_no_process_and_make_leaf_is_the_way_out() {
    let case = case!();
    let (Some(tree), Some(controller)) = (v2(), domain_controller()) else {
        skip!(case, "no v2 tree has memory or hugetlb");
    };
    if !is_root(&case) {
        skip!(case, "the root of the tree is root's");
    }
    let root = tree.join("cgroup.subtree_control");
    let was_on = fs::read_to_string(&root).expect("read").split_whitespace().any(|one| one == controller);
    let (outer, inner) = (case.id("g"), format!("{}/web", case.id("g")));
    pal(&case, &["create", "-c", &controller, &inner]).succeeded();
    let sleeper = Sleeper::start_by(&case, &["-c", "v2", &inner]);
    let said = refused(&pal(&case, &["attach", "-c", "v2", &outer, &sleeper.pid()]));
    assert!(said.contains("EBUSY (a controller is enabled in its cgroup.subtree_control"), "{said}");
    assert!(said.contains(&format!("as /{inner} may")) && said.contains("--make-leaf"), "{said}");
    assert_eq!(home(&sleeper.homes(), ""), Some(format!("/{inner}")));
    pal(&case, &["attach", "-c", "v2", "--make-leaf", &outer, &sleeper.pid()]).succeeded();
    assert_eq!(home(&sleeper.homes(), ""), Some(format!("/{outer}/leaf")));
    sleeper.end();
    pal(&case, &["rm", "-r", "-c", "v2", &outer]).succeeded();

    // The other way round: a group that holds processes lets no controller through until they are in a leaf.
    pal(&case, &["create", "-c", "v2", &outer]).succeeded();
    let sleeper = Sleeper::start_by(&case, &["-c", "v2", &outer]);
    let said = refused(&pal(&case, &["create", "-c", &controller, &inner]));
    assert!(said.contains("cgroup.subtree_control: EBUSY ("), "{said}");
    assert!(!tree.join(&inner).exists(), "what was made is removed");
    pal(&case, &["attach", "-c", "v2", "--make-leaf", &outer]).succeeded();
    pal(&case, &["create", "-c", &controller, &inner]).succeeded();
    assert_eq!(home(&sleeper.homes(), ""), Some(format!("/{outer}/leaf")));
    sleeper.end();
    pal(&case, &["rm", "-r", "-c", "v2", &outer]).succeeded();
    if !was_on {
        fs::write(&root, format!("-{controller}")).expect("disable it again");
    }
}
