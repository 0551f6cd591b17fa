//! The shell commands that would do what a plan does.

use palisade_cgroup::Recipe;
use palisade_namespace::{IdKind, Kinds};
use palisade_sys::schedule::Attributes;

use super::{CallersGroups, DeviceMove, ExecOp, HostOp, InitOp, Plan, Procfs, Slot, Text};
use crate::resctrl::{Assignment, Class};

impl Plan {
    /// The clone: a shell beside this one, whose number the commands after it use.
    pub(super) fn clone_shell(&self) -> String {
        match self.clone.is_empty() {
            true => "sh & init=$!".to_owned(),
            false => format!("unshare {} --fork sh & init=$!", options(self.clone)),
        }
    }

    pub(super) fn host_shell(&self, op: &HostOp) -> Vec<String> {
        match op {
            HostOp::OpenNamespace { slot, path, .. } => vec![format!("exec {}<{path}", number(*slot))],
            HostOp::OpenProcess { slot, pid } => {
                vec![format!("# descriptor {} is pidfd_open({pid})", number(*slot))]
            }
            HostOp::OpenRoot { slot, pid } => vec![format!("exec {}</proc/{pid}/root", number(*slot))],
            HostOp::AttachRoot { slot, source } => {
                let (source, root) = (palisade_sys::shell::quote(&source.to_string()), crate::record::ROOT);
                vec![format!(
                    "mkdir {root} && mount --rbind {source} {root} && mount --make-rprivate {root} && exec {}<{root}",
                    number(*slot)
                )]
            }
            HostOp::MakeUserNamespace { slot, maps, .. } => {
                let one = |kind| maps.text(kind).trim_end().replace('\n', ", ");
                vec![format!(
                    "# descriptor {} is a user namespace with uid_map {} and gid_map {}",
                    number(*slot),
                    one(IdKind::Uid),
                    one(IdKind::Gid)
                )]
            }
            HostOp::CloneTree { slot, source, owners: None, .. } => {
                vec![format!("# descriptor {} is a clone of {source}", number(*slot))]
            }
            HostOp::CloneTree { slot, source, owners: Some(owners), .. } => vec![format!(
                "# descriptor {} is a clone of {source} with the ids of descriptor {}",
                number(*slot),
                number(owners.namespace)
            )],
            HostOp::OpenStartFifos { .. } => {
                vec![format!("mkfifo {} {}", crate::record::GO_FIFO, crate::record::OUTCOME_FIFO)]
            }
            HostOp::MakeGroup { version } => {
                self.group.as_ref().map(|recipe| recipe.making_commands(&[*version])).unwrap_or_default()
            }
            HostOp::FillCpuset => self.group.as_ref().map(Recipe::filling_commands).unwrap_or_default(),
            HostOp::StartScope(scope) => vec![scope.shell()],
            HostOp::EnterGroup => self.group.as_ref().map(Recipe::entering_commands).unwrap_or_default(),
            HostOp::AttachToUnit { unit, below } => vec![unit.attach_shell(below)],
            HostOp::LimitGroup => self.group.as_ref().map(Recipe::limiting_commands).unwrap_or_default(),
            HostOp::Delegate { path, owner } => {
                self.group.as_ref().map(|group| group.delegating_commands(path, *owner)).unwrap_or_default()
            }
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
            HostOp::Schedule { attributes } => vec![schedule_shell(attributes).replace("$$", "$init")],
            HostOp::AdjustOomScore { value } => vec![format!("echo {value} > /proc/$init/oom_score_adj")],
            HostOp::OpenProcfs { slot } => vec![format!("exec {}</proc", number(*slot))],
            HostOp::RunOn { cpus } => vec![run_on_shell(cpus)],
            HostOp::MoveDevices { devices } => {
                let one = |device: &DeviceMove| {
                    let DeviceMove { name, inside } = device;
                    [
                        format!("ip link set dev {name} netns $init name {inside}"),
                        format!("nsenter --net --target $init ip link set dev {inside} up"),
                    ]
                };
                devices.iter().flat_map(one).collect()
            }
            HostOp::AssignClass { assignment } => assign_shell(assignment),
            HostOp::OffsetClocks { lines } => {
                let lines = lines.trim_end().replace('\n', "\\n");
                vec![format!("printf '{lines}\\n' > /proc/$init/timens_offsets")]
            }
            HostOp::Record
            | HostOp::PassListener { .. }
            | HostOp::RunHooks { .. }
            | HostOp::Await { .. }
            | HostOp::Release { .. } => Vec::new(),
        }
    }

    /// A process is joined by its number, one namespace by the descriptor that the shell has it open as.
    fn join_shell(&self, slot: Slot, kinds: Kinds) -> String {
        let process = self.before.iter().find_map(|step| match &step.op {
            HostOp::OpenProcess { slot: opened, pid } if *opened == slot => Some(*pid),
            _ => None,
        });
        match process {
            Some(pid) => format!("nsenter --target {pid} {}", options(kinds)),
            None => format!("nsenter {}=/proc/self/fd/{}", options(kinds), number(slot)),
        }
    }

    pub(super) fn init_shell(&self, op: &InitOp) -> Vec<String> {
        match op {
            InitOp::Join { slot, kinds } => vec![self.join_shell(*slot, *kinds)],
            InitOp::ChangeRoot { slot } => vec![format!("chroot /proc/self/fd/{}", number(*slot))],
            InitOp::Unshare { kinds } => vec![format!("unshare {}", options(*kinds))],
            InitOp::Fork { kinds } => vec![format!("unshare --fork {}", options(*kinds))],
            InitOp::BecomeRoot { groups: CallersGroups::Drop } => {
                vec!["setpriv --reuid 0 --regid 0 --clear-groups".to_owned()]
            }
            InitOp::BecomeRoot { groups: CallersGroups::Keep } => {
                vec!["setpriv --reuid 0 --regid 0 --keep-groups".to_owned()]
            }
            InitOp::RunOn { cpus } => vec![run_on_shell(cpus)],
            InitOp::RunAnywhere => vec!["taskset --cpu-list --pid 0-$(($(nproc --all) - 1)) $$".to_owned()],
            InitOp::JoinGroup => match &self.group {
                Some(recipe) => recipe
                    .tasks()
                    .map(|path| format!("echo 0 > {}", recipe.anchor.join(path).display()))
                    .collect(),
                None => Vec::new(),
            },
            InitOp::EnterTimeNamespace => vec!["nsenter --time=/proc/self/ns/time_for_children".to_owned()],
            InitOp::Loopback => vec!["ip link set lo up".to_owned()],
            InitOp::Hostname { name } => vec![format!("hostname {}", quote(name))],
            InitOp::Domainname { name } => vec![format!("domainname {}", quote(name))],
            InitOp::Sysctl { path, value, procfs: Procfs::Hosts } => {
                vec![format!("echo {} > {}", quote(value), quote(path))]
            }
            InitOp::Sysctl { path, value, procfs: Procfs::Containers } => {
                vec![format!("echo {} > rootfs{}", quote(value), quote(path))]
            }
            InitOp::FileSystem(op) => vec![op.shell()],
            InitOp::Session => vec!["setsid".to_owned()],
            InitOp::Umask { mask } => vec![format!("umask {mask:04o}")],
            InitOp::WorkingDirectory { path, .. } => vec![format!("cd {}", quote(path))],
            InitOp::OwnStreams { uid } => vec![format!("chown {uid} /dev/stdin /dev/stdout /dev/stderr")],
            InitOp::FindProgram { candidates } => {
                let words: Vec<String> = candidates.iter().map(quote).collect();
                vec![format!("command -v {}", words.join(" || command -v "))]
            }
            InitOp::IoPriority { value } => vec![format!("ionice -c {} -n {} -p $$", value >> 13, value & 7)],
            InitOp::Schedule { attributes } => vec![schedule_shell(attributes)],
            InitOp::Announce { .. }
            | InitOp::Await { .. }
            | InitOp::Terminal { .. }
            | InitOp::Hide
            | InitOp::KeepCapabilities
            | InitOp::CloseDescriptors { .. } => Vec::new(),
        }
    }
}

pub(super) fn exec_shell(op: &ExecOp) -> Vec<String> {
    match op {
        ExecOp::Label { labels, .. } => labels
            .iter()
            .map(|label| format!("printf %s {} > /proc/{}", quote(&label.value), quote(&label.file)))
            .collect(),
        ExecOp::SessionKeyring { name: Some(name) } => vec![format!("keyctl session {}", quote(name))],
        ExecOp::SessionKeyring { name: None } => vec!["keyctl session".to_owned()],
        ExecOp::Personality { persona } => {
            vec![format!("setarch {}", if *persona == 8 { "linux32" } else { "linux64" })]
        }
        ExecOp::MemoryPolicy { mode, nodes } => memory_policy_shell(*mode, nodes),
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
        ExecOp::Execute { arguments, environment, .. } => {
            let words: Vec<String> = environment.iter().chain(arguments).map(quote).collect();
            vec![format!("exec env -i {}", words.join(" "))]
        }
        ExecOp::Session => vec!["setsid".to_owned()],
        ExecOp::Fork => vec!["sh & # a child, which is in the pid namespace".to_owned()],
        ExecOp::DefaultSignals
        | ExecOp::Hide
        | ExecOp::Await { .. }
        | ExecOp::ControlTerminal
        | ExecOp::AwaitStart { .. }
        | ExecOp::KeepCapabilities
        | ExecOp::Seccomp { .. } => Vec::new(),
    }
}

fn plus(mask: u64) -> String {
    let names = crate::compile::capability_names(mask);
    names.iter().map(|name| format!(",+{}", name.trim_start_matches("CAP_").to_lowercase())).collect()
}

fn quote(text: &Text) -> String {
    palisade_sys::shell::quote(&text.to_string())
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

fn assign_shell(assignment: &Assignment) -> Vec<String> {
    let directory = assignment.directory.display();
    let mut commands = Vec::new();
    if assignment.class != Class::Existing {
        commands.push(format!("mkdir {directory}"));
    }
    if !assignment.schemata.is_empty() {
        let lines = assignment.schemata.join("\\n").replace('\'', "'\\''");
        commands.push(format!("printf '{lines}\\n' > {directory}/schemata"));
    }
    commands.push(format!("echo $init > {directory}/tasks"));
    if let Some(monitor) = &assignment.monitor {
        commands.push(format!("mkdir {0} && echo $init > {0}/tasks", monitor.display()));
    }
    commands
}

fn run_on_shell(cpus: &[u64]) -> String {
    format!("taskset --cpu-list --pid {} $$", crate::compile::show_list(cpus))
}

/// Writes a memory policy as numactl(8) takes it, which has a word for the common ones.
fn memory_policy_shell(mode: u32, nodes: &[u64]) -> Vec<String> {
    let nodes = crate::compile::show_list(nodes);
    let option = match mode & 0xff {
        1 if nodes.is_empty() => "--localalloc".to_owned(),
        1 => format!("--preferred={nodes}"),
        2 => format!("--membind={nodes}"),
        3 => format!("--interleave={nodes}"),
        4 => "--localalloc".to_owned(),
        5 => format!("--preferred-many={nodes}"),
        6 => format!("--weighted-interleave={nodes}"),
        _ => return Vec::new(),
    };
    vec![format!("numactl {option}")]
}

/// Writes the policy as chrt(1) takes it, for the shell's own process.
fn schedule_shell(attributes: &Attributes) -> String {
    let option = match attributes.policy {
        1 => "--fifo",
        2 => "--rr",
        3 => "--batch",
        5 => "--idle",
        6 => "--deadline",
        _ => "--other",
    };
    let mut line = format!("chrt {option}");
    for (name, value) in
        [("runtime", attributes.runtime), ("deadline", attributes.deadline), ("period", attributes.period)]
    {
        if value != 0 {
            line.push_str(&format!(" --sched-{name} {value}"));
        }
    }
    line.push_str(&format!(" --pid {} $$", attributes.priority));
    if attributes.nice != 0 {
        line.push_str(&format!(" && renice -n {} $$", attributes.nice));
    }
    line
}
