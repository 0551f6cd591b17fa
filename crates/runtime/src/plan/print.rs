//! A plan as text: what each step is.

use std::fmt;

use palisade_cgroup::Version;
use palisade_sys::schedule::Attributes;
use serde::Serialize;

use super::shell::exec_shell;
use super::{CallersGroups, ExecOp, HostOp, InitOp, Plan, Point, Procfs, Step};
use crate::compile::show_list;

/// Whose list a step is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Side {
    /// The host's, before the clone.
    Before,
    /// The clone itself, a list of one.
    Clone,
    /// The host's, beside init.
    Beside,
    /// Init's.
    Init,
    /// The launch image's.
    Exec,
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Before | Self::Clone | Self::Beside => "host",
            Self::Init => "init",
            Self::Exec => "exec",
        })
    }
}

/// A step as it is shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PlannedStep {
    /// Whose it is.
    pub side: Side,
    /// Its place in that list.
    pub index: usize,
    /// What asked for it.
    pub origin: String,
    /// What it does.
    pub what: String,
    /// The shell commands that would do the same; empty where a shell has no such thing.
    pub shell: Vec<String>,
}

impl PlannedStep {
    /// The step as one line.
    #[must_use]
    pub fn line(&self) -> String {
        let line = match self.origin.as_str() {
            "" => format!("{}  {}", self.side, self.what),
            origin => format!("{}  {}  # {origin}", self.side, self.what),
        };
        visible(&line)
    }
}

/// Shows what would end the line or move the cursor, which a path may have, as escapes.
fn visible(line: &str) -> String {
    let escape = |character: char| match character.is_control() {
        true => character.escape_default().to_string(),
        false => character.to_string(),
    };
    line.chars().map(escape).collect()
}

impl Plan {
    /// Lists all steps, those of the host before the clone first.
    #[must_use]
    pub fn steps(&self) -> Vec<PlannedStep> {
        let mut steps = self.host_steps(Side::Before, &self.before);
        steps.push(self.clone_step());
        steps.extend(self.host_steps(Side::Beside, &self.beside));
        for (index, step) in self.init.iter().enumerate() {
            steps.push(planned(Side::Init, index, &step.origin, &step.op, self.init_shell(&step.op)));
        }
        for (index, step) in self.exec.iter().enumerate() {
            steps.push(planned(Side::Exec, index, &step.origin, &step.op, exec_shell(&step.op)));
        }
        steps
    }

    fn host_steps(&self, side: Side, list: &[Step<HostOp>]) -> Vec<PlannedStep> {
        let list = list.iter().enumerate();
        list.map(|(index, step)| planned(side, index, &step.origin, &step.op, self.host_shell(&step.op)))
            .collect()
    }

    /// Describes the clone, which is in none of the lists.
    fn clone_step(&self) -> PlannedStep {
        let is_v2 = |step: &Step<HostOp>| matches!(step.op, HostOp::MakeGroup { version: Version::V2 });
        let group = self.before.iter().any(is_v2);
        let what = match (self.clone.is_empty(), group) {
            (true, false) => "clone a process".to_owned(),
            (true, true) => "clone a process into the v2 cgroup".to_owned(),
            (false, false) => format!("clone a process with new namespaces {}", self.clone),
            (false, true) => format!("clone a process into the v2 cgroup with new namespaces {}", self.clone),
        };
        let origin = if self.clone.is_empty() { "" } else { "/linux/namespaces" };
        PlannedStep {
            side: Side::Clone,
            index: 0,
            origin: origin.to_owned(),
            what,
            shell: vec![self.clone_shell()],
        }
    }
}

fn planned(side: Side, index: usize, origin: &str, op: &dyn fmt::Display, shell: Vec<String>) -> PlannedStep {
    PlannedStep { side, index, origin: origin.to_owned(), what: op.to_string(), shell }
}

impl fmt::Display for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::IdMaps => "the id maps",
            Self::Directories => "the directories of the cgroup",
            Self::Group => "cgroup and record",
            Self::Score => "the OOM score",
            Self::Namespaces => "what is in the new namespaces",
            Self::Delegation => "the group below its own",
            Self::Hooks => "the hooks",
            Self::Start => "the hooks before the start",
            Self::Entered => "its record",
        })
    }
}

impl fmt::Display for HostOp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OpenNamespace { kind, path, .. } => write!(f, "open the {kind} namespace {path}"),
            Self::OpenProcess { pid, .. } => write!(f, "open process {pid}"),
            Self::MakeUserNamespace { .. } => f.write_str("make a user namespace for the id maps of mounts"),
            Self::CloneTree { source, owners: None, .. } => write!(f, "clone the mount of {source}"),
            Self::CloneTree { source, .. } => write!(f, "clone the mount of {source} with mapped ids"),
            Self::OpenRoot { pid, .. } => write!(f, "open the root of process {pid}"),
            Self::AttachRoot { source, .. } => write!(f, "attach {source} in the state directory"),
            Self::Record => f.write_str("record the process"),
            Self::OpenStartFifos { .. } => f.write_str("make the FIFOs of start"),
            Self::MakeGroup { version } => write!(f, "make the {version} cgroup"),
            Self::StartScope(scope) => write!(f, "start {}", scope.unit),
            Self::EnterGroup => f.write_str("enter the cgroup"),
            Self::AttachToUnit { unit, .. } => write!(f, "move into {unit}"),
            Self::FillCpuset => f.write_str("fill the v1 cpuset"),
            Self::LimitGroup => f.write_str("limit the cgroup"),
            Self::Delegate { path, .. } => write!(f, "delegate the cgroup {} below it", path.as_str()),
            Self::MapIds { method, .. } => write!(f, "write the id maps ({method})"),
            Self::LimitResources { limits } => {
                let names: Vec<&str> = limits.iter().map(|limit| limit.name).collect();
                write!(f, "limit {}", names.join(" "))
            }
            Self::Schedule { attributes } => write!(f, "set scheduling policy {}", Policy(attributes)),
            Self::AdjustOomScore { value } => write!(f, "set oom_score_adj to {value}"),
            Self::OpenProcfs { .. } => f.write_str("open /proc"),
            Self::RunOn { cpus } => write!(f, "go to the CPUs {} for the clone", show_list(cpus)),
            Self::MoveDevices { devices } => {
                let words: Vec<String> = devices
                    .iter()
                    .map(|device| match device.name == device.inside {
                        true => device.name.clone(),
                        false => format!("{} as {}", device.name, device.inside),
                    })
                    .collect();
                write!(f, "move network device {}", words.join(", "))
            }
            Self::AssignClass { assignment } => {
                write!(f, "join the class of service {}", assignment.directory.display())?;
                if !assignment.schemata.is_empty() {
                    write!(f, " of {}", assignment.schemata.join(" "))?;
                }
                if assignment.monitor.is_some() { f.write_str(" and a monitoring group") } else { Ok(()) }
            }
            Self::OffsetClocks { lines } => {
                write!(f, "set the clocks ahead: {}", lines.trim_end().replace('\n', ", "))
            }
            Self::PassListener { agent } => write!(f, "send the listener of the filter to {}", agent.path),
            Self::RunHooks { kind } => write!(f, "run the {} hooks", kind.name()),
            Self::Await { point } => write!(f, "wait for init: {point}"),
            Self::Release { point } => write!(f, "let init go on: {point}"),
        }
    }
}

impl fmt::Display for InitOp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Join { kinds, .. } => write!(f, "join namespaces {kinds}"),
            Self::ChangeRoot { .. } => f.write_str("change to the container's root"),
            Self::Unshare { kinds } => write!(f, "new namespaces {kinds}"),
            Self::Fork { kinds } if kinds.is_empty() => f.write_str("go on in a new process"),
            Self::Fork { kinds } => write!(f, "go on in a new process with new namespaces {kinds}"),
            Self::BecomeRoot { groups: CallersGroups::Drop } => f.write_str("become user 0 inside"),
            Self::BecomeRoot { groups: CallersGroups::Keep } => {
                f.write_str("become user 0 inside and keep the caller's groups")
            }
            Self::RunOn { cpus } => write!(f, "run on the CPUs {}", show_list(cpus)),
            Self::RunAnywhere => f.write_str("run on all CPUs of the cgroup"),
            Self::Announce { point } => write!(f, "tell the host: ready for {point}"),
            Self::Await { point } => write!(f, "wait for the host: {point}"),
            Self::JoinGroup => f.write_str("join the v1 cgroups"),
            Self::Hostname { name } => write!(f, "set the host name to {name}"),
            Self::Domainname { name } => write!(f, "set the NIS domain name to {name}"),
            Self::EnterTimeNamespace => f.write_str("enter the new time namespace"),
            Self::Loopback => f.write_str("switch the loopback interface on"),
            Self::Sysctl { path, value, procfs: Procfs::Hosts } => write!(f, "write {value} to {path}"),
            Self::Sysctl { path, value, procfs: Procfs::Containers } => {
                write!(f, "write {value} to {path} of the container's procfs")
            }
            Self::FileSystem(op) => f.write_str(&op.subject()),
            Self::Session => f.write_str("start a session"),
            Self::Terminal { size: None, .. } => f.write_str("open the terminal"),
            Self::Terminal { size: Some((rows, columns)), .. } => {
                write!(f, "open the terminal with {rows} rows and {columns} columns")
            }
            Self::Schedule { attributes } => write!(f, "set scheduling policy {}", Policy(attributes)),
            Self::IoPriority { value } => write!(f, "set I/O class {} priority {}", value >> 13, value & 7),
            Self::Hide => f.write_str("hide from tracers"),
            Self::KeepCapabilities => f.write_str("keep capabilities over the exec"),
            Self::Umask { mask } => write!(f, "set umask {mask:04o}"),
            Self::WorkingDirectory { path, .. } => write!(f, "change to {path}"),
            Self::OwnStreams { uid } => write!(f, "give the standard streams to user {uid}"),
            Self::FindProgram { candidates } => match candidates.as_slice() {
                [one] => write!(f, "check {one}"),
                several => write!(f, "search {} places for the program", several.len()),
            },
            Self::CloseDescriptors { preserve } => write!(f, "close descriptors from {} on", 3 + preserve),
        }
    }
}

impl fmt::Display for ExecOp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = |mask: u64| crate::compile::capability_names(mask).join(" ");
        match self {
            Self::DefaultSignals => f.write_str("default signals"),
            Self::Hide => f.write_str("hide from tracers"),
            Self::Fork => f.write_str("go on in a new process, in the pid namespace"),
            Self::Await { point } => write!(f, "wait for the host: {point}"),
            Self::Session => f.write_str("start a session"),
            Self::ControlTerminal => f.write_str("control the terminal"),
            Self::AwaitStart { .. } => f.write_str("wait for start"),
            Self::Label { labels, .. } => {
                let texts: Vec<String> =
                    labels.iter().map(|label| format!("{} to /proc/{}", label.value, label.file)).collect();
                write!(f, "write {}", texts.join(", "))
            }
            Self::SessionKeyring { name: Some(name) } => write!(f, "join session keyring {name}"),
            Self::SessionKeyring { name: None } => f.write_str("make a session keyring"),
            Self::Personality { persona: 0 } => f.write_str("execution domain LINUX"),
            Self::Personality { persona: 8 } => f.write_str("execution domain LINUX32"),
            Self::Personality { persona } => write!(f, "execution domain {persona:#x}"),
            Self::MemoryPolicy { mode, nodes } => {
                let name = MemoryMode(*mode);
                match nodes.as_slice() {
                    [] => write!(f, "set memory policy {name}"),
                    nodes => write!(f, "set memory policy {name} of nodes {}", show_list(nodes)),
                }
            }
            Self::DropBounding { kept: 0 } => f.write_str("empty the bounding set"),
            Self::DropBounding { kept } => write!(f, "bounding set: {}", names(*kept)),
            Self::KeepCapabilities => f.write_str("keep capabilities over the change of user"),
            Self::SetGroups { gid, additional } => match additional.as_deref() {
                None | Some([]) => write!(f, "group {gid}"),
                Some(more) => write!(f, "group {gid}, and {more:?}"),
            },
            Self::SetUser { uid } => write!(f, "user {uid}"),
            Self::SetCapabilities { permitted: 0, until_exec: 0, .. } => f.write_str("no capabilities"),
            Self::SetCapabilities { effective, permitted, inheritable, ambient, until_exec } => {
                write!(
                    f,
                    "capabilities: {}",
                    if *permitted == 0 { "none".into() } else { names(*permitted) }
                )?;
                if effective != permitted {
                    write!(
                        f,
                        "; effective: {}",
                        if *effective == 0 { "none".into() } else { names(*effective) }
                    )?;
                }
                for (set, mask) in [("inheritable", *inheritable), ("ambient", *ambient)] {
                    if mask != 0 {
                        write!(f, "; {set}: {}", names(mask))?;
                    }
                }
                if *until_exec != 0 {
                    write!(f, "; until the exec: {}", names(*until_exec))?;
                }
                Ok(())
            }
            Self::NoNewPrivileges => f.write_str("no new privileges"),
            Self::Seccomp { instructions, .. } => write!(f, "seccomp filter of {instructions} instructions"),
            Self::Execute { arguments, .. } => {
                write!(f, "exec {}", arguments.first().map(ToString::to_string).unwrap_or_default())
            }
        }
    }
}

/// Writes a mode of `set_mempolicy(2)` with its flags.
struct MemoryMode(u32);

impl fmt::Display for MemoryMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const NAMES: [&str; 7] =
            ["default", "preferred", "bind", "interleave", "local", "preferred-many", "weighted-interleave"];
        const FLAGS: [(u32, &str); 3] = [(13, "balancing"), (14, "relative"), (15, "static")];
        let name = usize::try_from(self.0 & 0xff).ok().and_then(|mode| NAMES.get(mode));
        f.write_str(name.copied().unwrap_or("of an unknown number"))?;
        FLAGS.iter().filter(|(bit, _)| self.0 & 1 << bit != 0).try_for_each(|(_, flag)| write!(f, " {flag}"))
    }
}

/// Writes a scheduling policy with those of its numbers that are not 0.
struct Policy<'a>(&'a Attributes);

impl fmt::Display for Policy<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const NAMES: [&str; 7] = [
            "SCHED_OTHER",
            "SCHED_FIFO",
            "SCHED_RR",
            "SCHED_BATCH",
            "SCHED_ISO",
            "SCHED_IDLE",
            "SCHED_DEADLINE",
        ];
        let Attributes { policy, flags, nice, priority, runtime, deadline, period, .. } = *self.0;
        let name = usize::try_from(policy).ok().and_then(|policy| NAMES.get(policy));
        f.write_str(name.copied().unwrap_or("of an unknown number"))?;
        if nice != 0 {
            write!(f, " nice {nice}")?;
        }
        for (word, value) in [
            ("priority", u64::from(priority)),
            ("runtime", runtime),
            ("deadline", deadline),
            ("period", period),
        ] {
            if value != 0 {
                write!(f, " {word} {value}")?;
            }
        }
        if flags != 0 { write!(f, " flags {flags:#x}") } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_target_with_a_newline_stays_in_its_line() {
        assert_eq!(super::visible("bind /src on /o\n/x\u{1b}"), "bind /src on /o\\n/x\\u{1b}");
        assert_eq!(super::visible("tmpfs on /dev/größe"), "tmpfs on /dev/größe");
    }
}
