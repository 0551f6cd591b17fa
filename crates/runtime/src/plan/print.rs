//! A plan as text: what each step is, and the shell commands that would do the same.

use std::fmt;

use palisade_cgroup::Recipe;
use palisade_namespace::{IdKind, Kinds};
use serde::Serialize;

use super::{ExecOp, HostOp, InitOp, Plan, Point, Slot, Text};

/// Whose list a step is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Side {
    /// The host's, before the clone.
    Before,
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
            Self::Before | Self::Beside => "host",
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
        match self.origin.as_str() {
            "" => format!("{}  {}", self.side, self.what),
            origin => format!("{}  {}  # {origin}", self.side, self.what),
        }
    }
}

impl Plan {
    /// Lists all steps, those of the host before the clone first.
    #[must_use]
    pub fn steps(&self) -> Vec<PlannedStep> {
        let mut steps = Vec::new();
        for (side, list) in [(Side::Before, &self.before), (Side::Beside, &self.beside)] {
            for (index, step) in list.iter().enumerate() {
                let shell = self.host_shell(&step.op);
                steps.push(planned(side, index, &step.origin, &step.op, shell));
            }
        }
        for (index, step) in self.init.iter().enumerate() {
            steps.push(planned(Side::Init, index, &step.origin, &step.op, self.init_shell(&step.op)));
        }
        for (index, step) in self.exec.iter().enumerate() {
            steps.push(planned(Side::Exec, index, &step.origin, &step.op, exec_shell(&step.op)));
        }
        steps
    }

    fn host_shell(&self, op: &HostOp) -> Vec<String> {
        match op {
            HostOp::OpenNamespace { slot, path, .. } => vec![format!("exec {}<{path}", number(*slot))],
            HostOp::OpenProcess { slot, pid } => {
                vec![format!("# descriptor {} is pidfd_open({pid})", number(*slot))]
            }
            HostOp::EnterPidNamespace { .. } => vec!["nsenter --pid …  # the next child is in it".to_owned()],
            HostOp::OpenStartFifos { .. } => {
                vec![format!("mkfifo {} {}", crate::record::GO_FIFO, crate::record::OUTCOME_FIFO)]
            }
            HostOp::MakeGroup => self.group.as_ref().map(Recipe::making_commands).unwrap_or_default(),
            HostOp::LimitGroup => self.group.as_ref().map(Recipe::limiting_commands).unwrap_or_default(),
            HostOp::MapIds { maps, .. } => {
                let one = |kind, file: &str| {
                    format!(
                        "printf '%s' '{}' > /proc/$init/{file}",
                        maps.text(kind).trim_end().replace('\n', "\\n")
                    )
                };
                vec![one(IdKind::Uid, "uid_map"), one(IdKind::Gid, "gid_map")]
            }
            HostOp::LimitResources { limits } => limits
                .iter()
                .map(|limit| {
                    let name = limit.name.trim_start_matches("RLIMIT_").to_lowercase();
                    let show =
                        |value: Option<u64>| value.map_or("unlimited".to_owned(), |value| value.to_string());
                    format!("prlimit --pid $init --{name}={}:{}", show(limit.soft), show(limit.hard))
                })
                .collect(),
            HostOp::AdjustOomScore { value } => vec![format!("echo {value} > /proc/$init/oom_score_adj")],
            HostOp::Record | HostOp::RunHooks { .. } | HostOp::Await { .. } | HostOp::Release { .. } => {
                Vec::new()
            }
        }
    }

    fn init_shell(&self, op: &InitOp) -> Vec<String> {
        match op {
            InitOp::Join { slot, kinds } => {
                vec![format!("nsenter {} (descriptor {})", options(*kinds), number(*slot))]
            }
            InitOp::Unshare { kinds } => vec![format!("unshare {}", options(*kinds))],
            InitOp::Fork { kinds } => vec![format!("unshare --fork {}", options(*kinds))],
            InitOp::BecomeRoot => vec!["setpriv --reuid 0 --regid 0 --clear-groups".to_owned()],
            InitOp::JoinGroup => match &self.group {
                Some(recipe) => recipe
                    .tasks()
                    .map(|path| format!("echo 0 > {}", recipe.anchor.join(path).display()))
                    .collect(),
                None => Vec::new(),
            },
            InitOp::Hostname { name } => vec![format!("hostname {name}")],
            InitOp::Domainname { name } => vec![format!("domainname {name}")],
            InitOp::Sysctl { path, value } => vec![format!("echo {value} > {path}")],
            InitOp::FileSystem(op) => vec![op.shell()],
            InitOp::Session => vec!["setsid".to_owned()],
            InitOp::Umask { mask } => vec![format!("umask {mask:04o}")],
            InitOp::WorkingDirectory { path } => vec![format!("cd {path}")],
            InitOp::FindProgram { candidates } => {
                candidates.first().map(|first| format!("command -v {first}")).into_iter().collect()
            }
            InitOp::IoPriority { value } => vec![format!("ionice -c {} -n {} -p $$", value >> 13, value & 7)],
            InitOp::Schedule { attributes } => {
                vec![format!("chrt --policy {} {}", attributes.policy, attributes.priority)]
            }
            InitOp::Announce { .. }
            | InitOp::Await { .. }
            | InitOp::Terminal { .. }
            | InitOp::KeepCapabilities
            | InitOp::CloseDescriptors { .. }
            | InitOp::AwaitStart { .. } => Vec::new(),
        }
    }
}

fn planned(side: Side, index: usize, origin: &str, op: &dyn fmt::Display, shell: Vec<String>) -> PlannedStep {
    PlannedStep { side, index, origin: origin.to_owned(), what: op.to_string(), shell }
}

fn exec_shell(op: &ExecOp) -> Vec<String> {
    match op {
        ExecOp::DropBounding { kept } => vec![format!("setpriv --bounding-set -all{}", plus(*kept))],
        ExecOp::SetGroups { gid, additional } => {
            let groups: Vec<String> = additional.iter().flatten().map(ToString::to_string).collect();
            let groups = if groups.is_empty() {
                "--clear-groups".to_owned()
            } else {
                format!("--groups {}", groups.join(","))
            };
            vec![format!("setpriv --regid {gid} {groups}")]
        }
        ExecOp::SetUser { uid } => vec![format!("setpriv --reuid {uid}")],
        ExecOp::SetCapabilities { inheritable, ambient, .. } => {
            vec![format!(
                "setpriv --inh-caps -all{} --ambient-caps -all{}",
                plus(*inheritable),
                plus(*ambient)
            )]
        }
        ExecOp::NoNewPrivileges => vec!["setpriv --no-new-privs".to_owned()],
        ExecOp::Execute { arguments, .. } => {
            let words: Vec<String> = arguments.iter().map(quote).collect();
            vec![format!("exec {}", words.join(" "))]
        }
        ExecOp::DefaultSignals | ExecOp::KeepCapabilities | ExecOp::Seccomp { .. } => Vec::new(),
    }
}

fn plus(mask: u64) -> String {
    let names = crate::compile::capability_names(mask);
    names.iter().map(|name| format!(",+{}", name.trim_start_matches("CAP_").to_lowercase())).collect()
}

fn quote(text: &Text) -> String {
    let text = text.to_string();
    let plain =
        !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || "-_./=:,+@%".contains(c));
    if plain { text } else { format!("'{}'", text.replace('\'', "'\\''")) }
}

fn options(kinds: Kinds) -> String {
    let words: Vec<String> =
        kinds.iter().map(|kind| format!("--{}", long_option(kind.proc_name()))).collect();
    words.join(" ")
}

/// The option of unshare(1) and nsenter(1) for a file of /proc/PID/ns.
fn long_option(name: &str) -> &str {
    if name == "mnt" { "mount" } else { name }
}

fn number(slot: Slot) -> usize {
    slot.0 + 3
}

impl fmt::Display for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::IdMaps => "the id maps",
            Self::Group => "cgroup and record",
            Self::Hooks => "the hooks",
        })
    }
}

impl fmt::Display for HostOp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OpenNamespace { kind, path, .. } => write!(f, "open the {kind} namespace {path}"),
            Self::OpenProcess { pid, .. } => write!(f, "open process {pid}"),
            Self::EnterPidNamespace { .. } => f.write_str("enter the pid namespace for the next child"),
            Self::Record => f.write_str("record the process"),
            Self::OpenStartFifos { .. } => f.write_str("make the FIFOs of start"),
            Self::MakeGroup => f.write_str("make the cgroup"),
            Self::LimitGroup => f.write_str("limit the cgroup"),
            Self::MapIds { method, .. } => write!(f, "write the id maps ({method})"),
            Self::LimitResources { .. } => f.write_str("set resource limits"),
            Self::AdjustOomScore { value } => write!(f, "set oom_score_adj to {value}"),
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
            Self::Unshare { kinds } => write!(f, "new namespaces {kinds}"),
            Self::Fork { kinds } if kinds.is_empty() => f.write_str("go on in a new process"),
            Self::Fork { kinds } => write!(f, "go on in a new process with new namespaces {kinds}"),
            Self::BecomeRoot => f.write_str("become user 0 inside"),
            Self::Announce { point } => write!(f, "tell the host: ready for {point}"),
            Self::Await { point } => write!(f, "wait for the host: {point}"),
            Self::JoinGroup => f.write_str("join the v1 cgroups"),
            Self::Hostname { name } => write!(f, "set the host name to {name}"),
            Self::Domainname { name } => write!(f, "set the NIS domain name to {name}"),
            Self::Sysctl { path, value } => write!(f, "write {value} to {path}"),
            Self::FileSystem(op) => f.write_str(&op.subject()),
            Self::Session => f.write_str("start a session"),
            Self::Terminal { .. } => f.write_str("open the terminal"),
            Self::Schedule { attributes } => write!(f, "set scheduling policy {}", attributes.policy),
            Self::IoPriority { value } => write!(f, "set I/O class {} priority {}", value >> 13, value & 7),
            Self::KeepCapabilities => f.write_str("keep capabilities over the exec"),
            Self::Umask { mask } => write!(f, "set umask {mask:04o}"),
            Self::WorkingDirectory { path } => write!(f, "change to {path}"),
            Self::FindProgram { candidates } => match candidates.as_slice() {
                [one] => write!(f, "check {one}"),
                several => write!(f, "search {} places for the program", several.len()),
            },
            Self::CloseDescriptors { preserve } => write!(f, "close descriptors from {} on", 3 + preserve),
            Self::AwaitStart { .. } => f.write_str("wait for start"),
        }
    }
}

impl fmt::Display for ExecOp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = |mask: u64| crate::compile::capability_names(mask).join(" ");
        match self {
            Self::DefaultSignals => f.write_str("default signals"),
            Self::DropBounding { kept: 0 } => f.write_str("empty the bounding set"),
            Self::DropBounding { kept } => write!(f, "bounding set: {}", names(*kept)),
            Self::KeepCapabilities => f.write_str("keep capabilities over the change of user"),
            Self::SetGroups { gid, additional } => match additional.as_deref() {
                None | Some([]) => write!(f, "group {gid}"),
                Some(more) => write!(f, "group {gid}, and {more:?}"),
            },
            Self::SetUser { uid } => write!(f, "user {uid}"),
            Self::SetCapabilities { permitted: 0, .. } => f.write_str("no capabilities"),
            Self::SetCapabilities { permitted, .. } => write!(f, "capabilities: {}", names(*permitted)),
            Self::NoNewPrivileges => f.write_str("no new privileges"),
            Self::Seccomp { instructions, .. } => write!(f, "seccomp filter of {instructions} instructions"),
            Self::Execute { arguments, .. } => {
                write!(f, "exec {}", arguments.first().map(ToString::to_string).unwrap_or_default())
            }
        }
    }
}
