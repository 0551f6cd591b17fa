//! The programs under test are there and know their names.

use palisade_tests::{Bundle, case};

#[test]
fn palisade_prints_its_version() {
    let case = case!();
    let said = case.palisade().arg("--version").run().succeeded();
    assert!(said.stdout.contains(env!("CARGO_PKG_VERSION")), "{said}");
    assert!(said.stdout.starts_with("palisade"), "{said}");
}

#[test]
fn pal_prints_its_version() {
    let case = case!();
    let said = case.pal().arg("--version").run().succeeded();
    assert!(said.stdout.contains(env!("CARGO_PKG_VERSION")), "{said}");
}

#[test]
fn an_unknown_verb_is_refused() {
    let case = case!();
    let said = case.palisade().arg("no-such-verb").run();
    assert!(!said.status.success(), "{said}");
    assert!(said.stderr.contains("no-such-verb"), "{said}");
}

#[test]
fn a_bundle_runs_and_nothing_is_left() {
    let case = case!();
    let bundle = Bundle::new(&case, "bundle", &["/bin/sh", "-c", "echo $(hostname) $$ $(id -u)"]);
    let said = case.palisade().args(["run", "--bundle"]).arg(bundle.path()).arg(case.id("a")).run();
    assert_eq!(said.succeeded().stdout, "case 1 0\n");
}
