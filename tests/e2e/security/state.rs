//! The state that the runtime keeps.

use std::fs;
use std::os::unix::fs::MetadataExt;

use palisade_tests::{Bundle, Container, case};

/// The state of a container is its owner's alone.
#[test]
fn state_is_not_for_others() {
    let case = case!();
    let container = Container::start(&case, &Bundle::script(&case, "sleep 1000"));
    let directory = case.state().join(container.id());
    assert_eq!(fs::metadata(&directory).expect("the state").mode() & 0o777, 0o700);
    for entry in fs::read_dir(&directory).expect("read the state").flatten() {
        let mode = entry.metadata().expect("a file").mode() & 0o777;
        assert_eq!(mode & 0o077, 0, "{}: {mode:o}", entry.path().display());
    }
    container.remove();
}
