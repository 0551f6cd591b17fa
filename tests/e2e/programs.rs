//! The programs under test are there and know their names.

use palisade_tests::case;

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
