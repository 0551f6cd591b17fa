//! Who processes belong to and what they are called.

use std::collections::HashMap;

/// The names of this machine's users.
pub(super) struct People(HashMap<u32, String>);

impl People {
    /// Reads `/etc/passwd`; a machine without one has numbers alone.
    pub(super) fn read() -> Self {
        let text = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
        let named = text.lines().filter_map(|line| {
            let mut fields = line.split(':');
            let name = fields.next()?;
            Some((fields.nth(1)?.parse().ok()?, name.to_owned()))
        });
        // Of two names for one number the first counts.
        let mut names = HashMap::new();
        named.for_each(|(uid, name)| {
            names.entry(uid).or_insert(name);
        });
        Self(names)
    }

    /// Gives a user's name, or the number where there is none.
    pub(super) fn name(&self, uid: u32) -> String {
        self.0.get(&uid).cloned().unwrap_or_else(|| uid.to_string())
    }
}

/// Returns the user that a process runs as; none when it has ended.
pub(super) fn user_of(pid: u32) -> Option<u32> {
    Some(rustix::fs::stat(format!("/proc/{pid}").as_str()).ok()?.st_uid)
}

/// Returns the command line of a process, or its name in brackets where it has none, as the kernel's own.
pub(super) fn command_of(pid: u32) -> Option<String> {
    let line = std::fs::read(format!("/proc/{pid}/cmdline")).ok()?;
    if line.is_empty() {
        let name = std::fs::read_to_string(format!("/proc/{pid}/comm")).ok()?;
        return Some(format!("[{}]", name.trim_end()));
    }
    let words: Vec<_> = line.split(|byte| *byte == 0).map(String::from_utf8_lossy).collect();
    Some(words.join(" ").trim_end().to_owned())
}
