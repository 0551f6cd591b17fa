//! Reading the forms that statistics files come in.

use crate::recipe::Directory;
use crate::{Error, Group, Limit, Version};
use rustix::io::Errno;
use std::collections::BTreeMap;

/// v1 has no word for no limit and shows the largest number of whole pages; no machine has half of that.
const UNLIMITED: u64 = 1 << 62;

/// Reads files of one directory of a group; a file that a kernel does not have is `None`.
pub(super) struct Reader<'a> {
    group: &'a Group,
    directory: &'a Directory,
}

impl<'a> Reader<'a> {
    pub(super) fn new(group: &'a Group, directory: &'a Directory) -> Self {
        Self { group, directory }
    }

    pub(super) fn version(&self) -> Version {
        self.directory.version
    }

    pub(super) fn text(&self, file: &str) -> Result<Option<String>, Error> {
        match self.group.read_raw(self.directory, file) {
            Ok(text) => Ok(Some(text)),
            // Pressure files are there and give EOPNOTSUPP where the kernel was started without them.
            Err(Errno::NOENT | Errno::NODEV | Errno::OPNOTSUPP) => Ok(None),
            Err(errno) => Err(self.group.read_error(self.directory, file, errno)),
        }
    }

    pub(super) fn number(&self, file: &str) -> Result<Option<u64>, Error> {
        Ok(self.text(file)?.and_then(|text| text.trim().parse().ok()))
    }

    pub(super) fn limit(&self, file: &str) -> Result<Option<Limit>, Error> {
        Ok(self.text(file)?.and_then(|text| match text.trim() {
            "max" => Some(Limit::Max),
            number => match number.parse().ok()? {
                UNLIMITED.. => Some(Limit::Max),
                value => Some(Limit::Value(value)),
            },
        }))
    }

    /// Reads lines of a name and a number.
    pub(super) fn table(&self, file: &str) -> Result<BTreeMap<String, u64>, Error> {
        Ok(self.text(file)?.map(|text| table(&text)).unwrap_or_default())
    }
}

/// Parses lines of a name and a number; other lines are not of this form and are skipped.
fn table(text: &str) -> BTreeMap<String, u64> {
    text.lines()
        .filter_map(|line| {
            let (name, number) = line.split_once(' ')?;
            Some((name.to_owned(), number.trim().parse().ok()?))
        })
        .collect()
}

/// Finds the number of `key=number` in a line.
pub(super) fn keyed(line: &str, key: &str) -> Option<u64> {
    line.split_whitespace().find_map(|word| word.strip_prefix(key)?.strip_prefix('=')?.parse().ok())
}
