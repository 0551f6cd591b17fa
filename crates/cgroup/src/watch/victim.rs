//! Whom the OOM killer has killed.

use crate::{Controller, Error, Group, GroupPath, Layout};
use rustix::fd::OwnedFd;
use rustix::fs::{CWD, Mode, OFlags, SeekFrom};
use rustix::io::Errno;
use std::collections::BTreeMap;
use std::time::Duration;

/// The kernel's log; see dev-kmsg in the kernel's Documentation/ABI.
const LOG: &str = "/dev/kmsg";
/// One record of it is at most this long.
const RECORD: usize = 8192;
/// The kernel counts a kill before it has logged it all.
const LOG_TRIES: u32 = 50;
const WAIT: Duration = Duration::from_millis(2);

/// A process that was killed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Victim {
    /// Its number, from the kernel's log in the first pid namespace.
    pub pid: i32,
    /// Its name, at most 15 bytes.
    pub name: String,
    /// Its group, where that is known.
    pub group: Option<GroupPath>,
}

/// Whom the OOM killer has killed, as far as that is known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Killed {
    /// The processes.
    pub victims: Vec<Victim>,
    /// How many of them the kernel has counted once more: it does so with the first of a group whose processes are all
    /// killed, by `memory.oom.group`.
    pub again: u64,
}

/// Finds out whom the OOM killer has killed: from the kernel's log, and for a user who may not read that, by who is
/// missing of those that were seen before.
#[derive(Debug)]
pub struct Victims {
    log: Option<OwnedFd>,
    /// What the mount of the hierarchy shows as its top.
    root: String,
    /// What was read of the log and belongs to groups that were not asked for yet.
    found: Vec<Line>,
    reading: Reading,
    seen: BTreeMap<GroupPath, BTreeMap<i32, String>>,
}

impl Victims {
    /// Begins to take note; kills from now on can be found.
    #[must_use]
    pub fn new(layout: &Layout) -> Self {
        let root = layout.hierarchy(Controller::Memory).map_or("/", |hierarchy| hierarchy.root.as_str());
        Self {
            log: open_log().ok(),
            root: root.trim_end_matches('/').to_owned(),
            found: Vec::new(),
            reading: Reading::default(),
            seen: BTreeMap::new(),
        }
    }

    /// Takes note of who is in a group now; does nothing where the kernel's log can be read.
    ///
    /// # Errors
    /// As [`Group::procs`].
    pub fn note(&mut self, group: &Group) -> Result<(), Error> {
        if self.log.is_none() {
            self.seen.entry(group.path().clone()).or_default().extend(members(group)?);
        }
        Ok(())
    }

    /// Tells who was killed in a group, of whom nobody was told yet, where the kernel has counted so many: fewer where
    /// that is not known.
    ///
    /// # Errors
    /// As [`Group::procs`].
    pub fn of(&mut self, group: &Group, counted: u64) -> Result<Killed, Error> {
        let wanted = usize::try_from(counted).unwrap_or(usize::MAX);
        if self.log.is_none() {
            return Ok(Killed { victims: self.missing(group, wanted)?, again: 0 });
        }
        for _ in 0..LOG_TRIES {
            self.read_log();
            if self.found.iter().filter(|line| line.victim.is_below(group.path())).count() >= wanted {
                break;
            }
            std::thread::sleep(WAIT);
        }
        let mut killed = Killed::default();
        let mut left = wanted;
        for line in std::mem::take(&mut self.found) {
            if left == 0 || !line.victim.is_below(group.path()) {
                self.found.push(line);
                continue;
            }
            left -= 1;
            match line.time {
                Time::First => killed.victims.push(line.victim),
                Time::Again => killed.again += 1,
            }
        }
        Ok(killed)
    }

    fn read_log(&mut self) {
        let Some(log) = &self.log else { return };
        let mut record = [0; RECORD];
        loop {
            match rustix::io::read(log, &mut record) {
                Ok(length @ 1..) => {
                    let text = String::from_utf8_lossy(&record[..length]);
                    self.found.extend(self.reading.take(&text, &self.root));
                }
                // EPIPE: records were overwritten before they were read; the next read goes on behind them.
                Err(Errno::INTR | Errno::PIPE) => {}
                Ok(_) | Err(_) => return,
            }
        }
    }

    /// Tells who has gone of those that were seen.
    fn missing(&mut self, group: &Group, wanted: usize) -> Result<Vec<Victim>, Error> {
        let seen = self.seen.entry(group.path().clone()).or_default();
        let mut gone = Vec::new();
        for _ in 0..LOG_TRIES {
            let now = members(group)?;
            seen.retain(|pid, name| {
                let stays = now.contains_key(pid);
                if !stays {
                    gone.push(Victim { pid: *pid, name: name.clone(), group: None });
                }
                stays
            });
            seen.extend(now);
            if gone.len() >= wanted {
                break;
            }
            std::thread::sleep(WAIT);
        }
        // Others may have ended by themselves: then nobody can tell which.
        Ok(if gone.len() > wanted { Vec::new() } else { gone })
    }
}

impl Victim {
    fn is_below(&self, path: &GroupPath) -> bool {
        let below = |group: &GroupPath| {
            let rest = group.as_str().strip_prefix(path.as_str().trim_end_matches('/'));
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        self.group.as_ref().is_some_and(below)
    }
}

/// A line of the log that tells of a kill.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Line {
    victim: Victim,
    time: Time,
}

/// Says whether a process was told of before, for the same want of memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Time {
    First,
    Again,
}

/// What the lines before have said of the kill that is being logged.
#[derive(Debug, Default)]
struct Reading {
    /// The group of the process that was chosen, and its number.
    chosen: Option<(GroupPath, i32)>,
    /// Whether all of that group go.
    whole: bool,
    /// Who has gone so far.
    killed: Vec<i32>,
}

impl Reading {
    /// Takes a record of the log and gives the victim that it tells of.
    fn take(&mut self, record: &str, root: &str) -> Option<Line> {
        let (_, message) = record.split_once(';')?;
        let line = message.lines().next()?;
        if let Some(facts) = line.strip_prefix("oom-kill:") {
            *self = Self::default();
            let (group, pid) = chosen(facts, root)?;
            self.chosen = Some((group, pid));
            return None;
        }
        if line.starts_with("Tasks in ") && line.ends_with("due to memory.oom.group set") {
            self.whole = true;
            return None;
        }
        // The second is that of a machine that has run out of memory as a whole.
        let rest = line.strip_prefix("Memory cgroup out of memory: Killed process ");
        let rest = rest.or_else(|| line.strip_prefix("Out of memory: Killed process "))?;
        let (pid, rest) = rest.split_once(" (")?;
        let (name, _) = rest.rsplit_once(") total-vm:")?;
        let pid: i32 = pid.parse().ok()?;
        // The kernel leaves out the line before where it logs too much, and then nobody knows whose this is.
        let known = self.chosen.as_ref().filter(|(_, chosen)| self.whole || *chosen == pid);
        let group = known.map(|(group, _)| group.clone())?;
        let time = if self.killed.contains(&pid) { Time::Again } else { Time::First };
        self.killed.push(pid);
        Some(Line { victim: Victim { pid, name: name.to_owned(), group: Some(group) }, time })
    }
}

/// Reads `constraint=…,task_memcg=/a/b,task=NAME,pid=7,uid=0`.
fn chosen(facts: &str, root: &str) -> Option<(GroupPath, i32)> {
    let (_, rest) = facts.split_once(",task_memcg=")?;
    let (rest, _) = rest.rsplit_once(",uid=")?;
    let (rest, pid) = rest.rsplit_once(",pid=")?;
    let (path, _) = rest.rsplit_once(",task=")?;
    let path = path.strip_prefix(root).filter(|path| path.starts_with('/')).unwrap_or("/");
    Some((GroupPath::new(path).ok()?, pid.parse().ok()?))
}

fn open_log() -> Result<OwnedFd, Errno> {
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let log = rustix::fs::openat(CWD, LOG, flags, Mode::empty())?;
    rustix::fs::seek(&log, SeekFrom::End(0))?;
    Ok(log)
}

/// Lists who is in a group and still lives, with their names.
fn members(group: &Group) -> Result<BTreeMap<i32, String>, Error> {
    let named = |pid: rustix::process::Pid| {
        let number = pid.as_raw_nonzero().get();
        let status = std::fs::read_to_string(format!("/proc/{number}/status")).ok()?;
        let field = |name: &str| status.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
        let lives = !field("State:")?.starts_with(['Z', 'X']);
        lives.then(|| Some((number, field("Name:")?.to_owned()))).flatten()
    };
    Ok(group.procs()?.into_iter().filter_map(named).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHOSEN: &str = "6,1,2,-;oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=/,mems_allowed=0,\
                          oom_memcg=/a,task_memcg=/a/b,task=tail,pid=7,uid=0\n SUBSYSTEM=x\n";

    fn killed(pid: i32, name: &str) -> String {
        format!(
            "3,1,2,-;Memory cgroup out of memory: Killed process {pid} ({name}) total-vm:4kB, anon-rss:2kB\n"
        )
    }

    fn line(pid: i32, name: &str, group: &str, time: Time) -> Option<Line> {
        let group = Some(GroupPath::new(group).unwrap());
        Some(Line { victim: Victim { pid, name: name.into(), group }, time })
    }

    fn victim(pid: i32, name: &str, group: &str) -> Option<Line> {
        line(pid, name, group, Time::First)
    }

    #[test]
    fn a_victim_is_told_by_two_lines() {
        let mut reading = Reading::default();
        assert_eq!(reading.take(CHOSEN, ""), None);
        assert_eq!(reading.take("6,1,2,-;something else\n", ""), None);
        assert_eq!(reading.take(&killed(7, "a (b) c"), ""), victim(7, "a (b) c", "/a/b"));
        assert_eq!(reading.take(&killed(8, "other"), ""), None, "its own line was left out");
    }

    #[test]
    fn a_whole_group_may_go() {
        let mut reading = Reading::default();
        assert_eq!(reading.take(CHOSEN, "/a"), None);
        assert_eq!(reading.take(&killed(7, "x"), "/a"), victim(7, "x", "/b"));
        let whole = "6,1,2,-;Tasks in /a/b are going to be killed due to memory.oom.group set\n";
        assert_eq!(reading.take(whole, "/a"), None);
        assert_eq!(reading.take(&killed(7, "x"), "/a"), line(7, "x", "/b", Time::Again));
        assert_eq!(reading.take(&killed(8, "y"), "/a"), victim(8, "y", "/b"));
    }

    #[test]
    fn a_group_holds_what_is_below_it() {
        let victim = victim(7, "x", "/a/b").unwrap().victim;
        let is_below = |path| victim.is_below(&GroupPath::new(path).unwrap());
        assert!(is_below("/") && is_below("/a") && is_below("/a/b"));
        assert!(!is_below("/a/bc") && !is_below("/a/b/c") && !is_below("/b"));
    }
}
