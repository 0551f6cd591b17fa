//! Files that outlast a test in the places where Palisade and its libraries keep state.

use std::env;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Lists the files and directories there whose names contain `mark`, not looking into those.
pub(super) fn bearing(mark: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for place in places() {
        collect(&place, mark, &mut found);
    }
    found
}

/// Removes a file or a whole directory.
pub(super) fn remove(path: &Path) -> io::Result<()> {
    if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) }
}

fn places() -> Vec<PathBuf> {
    let mut places =
        ["/run/palisade", "/run/netns", "/var/lib/palisade", "/dev/shm"].map(PathBuf::from).to_vec();
    places.extend(env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from));
    places.extend(env::var_os("HOME").map(|home| PathBuf::from(home).join(".local/share/palisade")));
    places
}

/// A place that is not there holds nothing.
fn collect(directory: &Path, mark: &str, found: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(directory) else { return };
    for entry in entries.flatten() {
        if entry.file_name().to_string_lossy().contains(mark) {
            found.push(entry.path());
        } else if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            collect(&entry.path(), mark, found);
        }
    }
}
