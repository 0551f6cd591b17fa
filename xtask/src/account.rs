//! The ordinary user that a tier runs as, made for it and gone with it.

use std::fs;
use std::ops::Range;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process, test_kill_process};

use crate::child::words;
use crate::need::in_path;

/// What an account's name starts with; the number of the process that made it follows.
const PREFIX: &str = "palisade-";

/// As many ids as a Debian user gets.
const SUB_IDS: u32 = 65536;

/// A user of this machine that exists as long as this value does.
#[derive(Debug)]
pub(crate) struct Account {
    pub(crate) name: String,
    /// The numeric ids of the user.
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    /// Home, on a disk.
    pub(crate) home: PathBuf,
    /// XDG_RUNTIME_DIR, which a login would have made.
    pub(crate) runtime: PathBuf,
}

impl Account {
    /// Makes the user, with ranges of subordinate ids, a home and a runtime directory.
    ///
    /// What an earlier run left that was killed is removed first.
    pub(crate) fn create(parent: &Path) -> Result<Self> {
        remove_stale()?;
        let name = format!("{PREFIX}{}", std::process::id());
        let home = parent.join("home");
        execute("useradd", &["--create-home", "--home-dir", &home.to_string_lossy(), "--user-group", &name])?;
        let (uid, gid) = match ids(&name) {
            Ok(ids) => ids,
            Err(error) => {
                execute("userdel", &["--remove", &name])?;
                return Err(error);
            }
        };
        let runtime = PathBuf::from(format!("/run/user/{uid}"));
        let account = Self { name, uid, gid, home, runtime };
        account.furnish()?;
        Ok(account)
    }

    fn furnish(&self) -> Result<()> {
        for (file, option) in [("/etc/subuid", "--add-subuids"), ("/etc/subgid", "--add-subgids")] {
            let text = fs::read_to_string(file).unwrap_or_default();
            if !text.lines().any(|line| line.starts_with(&format!("{}:", self.name))) {
                let first = first_free_sub_id(&text);
                execute("usermod", &[option, &format!("{first}-{}", first + SUB_IDS - 1), &self.name])?;
            }
        }
        fs::create_dir_all(&self.runtime).with_context(|| format!("create {}", self.runtime.display()))?;
        std::os::unix::fs::chown(&self.runtime, Some(self.uid), Some(self.gid))
            .with_context(|| format!("chown {}", self.runtime.display()))?;
        fs::set_permissions(&self.runtime, fs::Permissions::from_mode(0o700))
            .with_context(|| format!("chmod {}", self.runtime.display()))
    }

    fn remove(&self) -> Result<()> {
        kill_all_of(&self.name)?;
        let runtime = fs::remove_dir_all(&self.runtime);
        // It says that there is no mail spool to remove; all that matters here is its status.
        execute("userdel", &["--remove", &self.name])?;
        // The directory round it is only there on a machine where somebody has logged in, or by `furnish`.
        if let Some(users) = self.runtime.parent() {
            fs::remove_dir(users).ok();
        }
        runtime.with_context(|| format!("remove {}", self.runtime.display()))
    }
}

impl Drop for Account {
    fn drop(&mut self) {
        if let Err(error) = self.remove() {
            eprintln!("xtask: the user {} may be left: {error:#}", self.name);
        }
    }
}

/// Removes the accounts whose makers are gone.
fn remove_stale() -> Result<()> {
    let accounts = fs::read_to_string("/etc/passwd").context("read /etc/passwd")?;
    for name in accounts.lines().filter_map(|line| line.split(':').next()) {
        let maker = name.strip_prefix(PREFIX).and_then(|pid| pid.parse().ok()).and_then(Pid::from_raw);
        if let Some(maker) = maker
            && test_kill_process(maker) == Err(rustix::io::Errno::SRCH)
        {
            kill_all_of(name)?;
            execute("userdel", &["--remove", name])?;
        }
    }
    Ok(())
}

/// Reads the ids of a user from /etc/passwd.
fn ids(name: &str) -> Result<(u32, u32)> {
    let accounts = fs::read_to_string("/etc/passwd").context("read /etc/passwd")?;
    let line = accounts.lines().find(|line| line.split(':').next() == Some(name));
    let mut fields = line.with_context(|| format!("/etc/passwd: no user {name}"))?.split(':').skip(2);
    let mut id = || fields.next()?.parse().ok();
    id().zip(id()).with_context(|| format!("/etc/passwd: the ids of {name} are no numbers"))
}

/// Finds the first id behind all ranges of a subuid file.
fn first_free_sub_id(text: &str) -> u32 {
    let ranges = text.lines().filter_map(|line| sub_ids(line.trim_start_matches(|c| c != ':')));
    ranges.map(|range| range.end).max().unwrap_or(0).max(100_000)
}

/// Reads the range from `:first:count`, the end of a line of a subuid file.
fn sub_ids(fields: &str) -> Option<Range<u32>> {
    let (first, count) = fields.strip_prefix(':')?.split_once(':')?;
    let first: u32 = first.parse().ok()?;
    Some(first..first.saturating_add(count.parse().ok()?))
}

/// Kills what runs under an id of the user, subordinate ones included, until nothing does.
fn kill_all_of(name: &str) -> Result<()> {
    let (uid, _) = ids(name)?;
    let ranges = fs::read_to_string("/etc/subuid").unwrap_or_default();
    let subordinate = ranges.lines().filter_map(|line| sub_ids(line.strip_prefix(name)?));
    let owned: Vec<Range<u32>> = std::iter::once(uid..uid + 1).chain(subordinate).collect();
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        let alive = processes_of(&owned)?;
        if alive.is_empty() {
            return Ok(());
        }
        if Instant::now() > deadline {
            bail!("processes of {name} do not end: {alive:?}");
        }
        for pid in alive {
            if let Err(error) = kill_process(pid, Signal::KILL)
                && error != rustix::io::Errno::SRCH
            {
                bail!("kill {pid:?} of {name}: {error}");
            }
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn processes_of(owned: &[Range<u32>]) -> Result<Vec<Pid>> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").context("read /proc")? {
        let entry = entry.context("read /proc")?;
        let pid = entry.file_name().to_str().and_then(|name| name.parse().ok()).and_then(Pid::from_raw);
        let status = fs::read_to_string(entry.path().join("status")).unwrap_or_default();
        let mut ids = status.lines().filter_map(|line| line.strip_prefix("Uid:"));
        let uid = ids.next().and_then(|ids| ids.split_whitespace().next()?.parse().ok());
        let mine = uid.is_some_and(|uid| owned.iter().any(|range| range.contains(&uid)));
        let dead = status.lines().any(|line| line.starts_with("State:\tZ"));
        found.extend(pid.filter(|_| mine && !dead));
    }
    Ok(found)
}

fn execute(program: &str, arguments: &[&str]) -> Result<()> {
    let path = in_path(program).with_context(|| format!("{program}: not found (Debian's package passwd)"))?;
    let mut command = Command::new(path);
    let output = command
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("execute {program}"))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("{}: {}: {}", words(&command), output.status, said.trim());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sub_ids_start_behind_the_ranges_of_others() {
        assert_eq!(first_free_sub_id(""), 100_000);
        assert_eq!(first_free_sub_id("a:100000:65536\nb:231072:65536\nc:bad\n"), 296_608);
    }

    #[test]
    fn ids_are_read_by_name() {
        assert_eq!(ids("root").expect("every machine has root"), (0, 0));
        assert!(ids("no-such-user").is_err());
    }
}
