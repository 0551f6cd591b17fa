//! Processes below this one. It adopts orphans, so nothing that a test started can be anywhere else.

use std::collections::HashSet;
use std::fs;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, getpid, kill_process, waitid};

use super::Leak;

/// A living process.
#[derive(Debug)]
pub(super) struct Process {
    pub(super) pid: Pid,
    name: String,
    parent: Option<Pid>,
    state: char,
}

/// The kinds of namespaces, as /proc names them.
const KINDS: &[&str] = &["cgroup", "ipc", "mnt", "net", "pid", "time", "user", "uts"];

/// Lists the living processes below this one and reaps the dead.
pub(super) fn descendants() -> Vec<Process> {
    let mut all = table();
    let mut below: HashSet<Pid> = HashSet::from([getpid()]);
    loop {
        let found = all.iter().filter(|process| process.parent.is_some_and(|parent| below.contains(&parent)));
        let before = below.len();
        below.extend(found.map(|process| process.pid).collect::<Vec<_>>());
        if below.len() == before {
            break;
        }
    }
    below.remove(&getpid());
    all.retain(|process| below.contains(&process.pid));
    let (dead, alive): (Vec<Process>, Vec<Process>) =
        all.into_iter().partition(|process| matches!(process.state, 'Z' | 'X'));
    for process in dead.iter().filter(|process| process.parent == Some(getpid())) {
        // Somebody else may have waited for it by now; then nothing is left to reap.
        waitid(WaitId::Pid(process.pid), WaitIdOptions::EXITED | WaitIdOptions::NOHANG).ok();
    }
    alive
}

/// Waits for the dead processes that this one has adopted, that is, all but those that it `started`.
pub(crate) fn reap_adopted(started: &[Pid]) {
    let own = |process: &&Process| process.parent == Some(getpid()) && !started.contains(&process.pid);
    for process in table().iter().filter(own).filter(|process| process.state == 'Z') {
        // Somebody else may have waited for it by now.
        waitid(WaitId::Pid(process.pid), WaitIdOptions::EXITED | WaitIdOptions::NOHANG).ok();
    }
}

/// Describes a process and the namespaces in which it differs from this one.
pub(super) fn leak(process: &Process) -> Leak {
    let own = |kind: &&&str| fs::read_link(format!("/proc/self/ns/{kind}")).ok();
    let its = |kind: &&&str| fs::read_link(format!("/proc/{}/ns/{kind}", process.pid)).ok();
    let others: Vec<&str> = KINDS.iter().filter(|kind| its(kind) != own(kind)).copied().collect();
    let namespaces = match others.as_slice() {
        [] => String::from("in this process's namespaces"),
        others => format!("in namespaces of its own: {}", others.join(" ")),
    };
    let description = format!("{} ({}), {namespaces}", process.name, process.state);
    Leak::Process { pid: process.pid, description }
}

/// Kills every process below this one; lists those that do not go.
pub(super) fn kill_all() -> Vec<String> {
    let deadline = Instant::now() + Duration::from_secs(5);
    loop {
        let alive = descendants();
        if alive.is_empty() {
            return Vec::new();
        }
        if Instant::now() > deadline {
            return alive
                .iter()
                .map(|process| format!("  and cannot be killed: {}", leak(process)))
                .collect();
        }
        for process in alive {
            // A refusal shows as a process that stays.
            kill_process(process.pid, Signal::KILL).ok();
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Reads all processes of the machine; one that ends meanwhile is left out.
fn table() -> Vec<Process> {
    let entries = fs::read_dir("/proc").expect("read /proc");
    let pids = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<i32>().ok());
    pids.filter_map(|pid| parse(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)).collect()
}

/// Reads `pid (name) state parent …`; the name may hold spaces and parentheses.
fn parse(stat: &str) -> Option<Process> {
    let (pid, rest) = stat.split_once(" (")?;
    let (name, rest) = rest.rsplit_once(") ")?;
    let mut fields = rest.split(' ');
    let state = fields.next()?.chars().next()?;
    let parent = Pid::from_raw(fields.next()?.parse().ok()?);
    Some(Process { pid: Pid::from_raw(pid.parse().ok()?)?, name: name.to_owned(), parent, state })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_may_hold_anything() {
        let process = parse("12 (a) S (b) Z 7 12 12 0").expect("a line of the kernel");
        assert_eq!((process.name.as_str(), process.state), ("a) S (b", 'Z'));
        assert_eq!(process.parent, Pid::from_raw(7));
        let kernel = parse("2 (kthreadd) S 0 0 0").expect("a line of the kernel");
        assert_eq!(kernel.parent, None);
    }
}
