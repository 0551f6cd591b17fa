//! Processes beside a container's first one: those of `exec`, and hooks.

use palisade_namespace::{Kind, Kinds};
use palisade_oci::{Hook, Process, Seccomp, Spec};
use palisade_runtime::compile::{self, Affinity, ExecRequest, Groups, Inherited, Keyring};
use palisade_runtime::plan::Text;
use palisade_runtime::{ContainerId, SecurityModules};

use crate::machines::Machine;
use crate::{compare, config, print, report};

/// The process that is joined.
const PID: i32 = 4242;

fn kinds(list: &[Kind]) -> Kinds {
    list.iter().copied().collect()
}

fn id() -> &'static ContainerId {
    static ID: std::sync::OnceLock<ContainerId> = std::sync::OnceLock::new();
    ID.get_or_init(|| ContainerId::new("golden").unwrap())
}

/// All kinds but user.
fn plain_kinds() -> Kinds {
    kinds(&[Kind::Mount, Kind::Pid, Kind::Net, Kind::Ipc, Kind::Uts, Kind::Cgroup])
}

fn process(spec: &Spec) -> &Process {
    spec.process.as_ref().unwrap()
}

fn request<'a>(process: &'a Process, seccomp: Option<&'a Seccomp>, kinds: Kinds) -> ExecRequest<'a> {
    ExecRequest {
        id: id(),
        personality: None,
        memory_policy: None,
        keyring: Keyring::Callers,
        affinity: Affinity::OfGroup,
        modules: SecurityModules::default(),
        intel_rdt: None,
        process,
        seccomp,
        filter: None,
        receiver: None,
        pid: PID,
        kinds,
        in_group: true,
        attach: None,
        groups: Groups::Configured,
        home: None,
        preserve_fds: 0,
    }
}

fn outcome(machine: Machine, request: &ExecRequest<'_>) -> String {
    match compile::exec(&machine.host(), request) {
        Ok((plan, warnings)) => {
            warnings.iter().map(|warning| format!("warning  {warning}\n")).collect::<String>()
                + &print::plan(&plan)
        }
        Err(violations) => violations.0.iter().map(|violation| format!("violation  {violation}\n")).collect(),
    }
}

#[test]
fn exec() {
    let base = config::read("base");
    let rich = config::read("process");
    let terminal = config::read("terminal");
    let filtered = config::read("seccomp");
    let privileged = config::read("seccomp-privileged");
    let capable = config::read("capabilities");
    let labelled = config::read("labels");
    let simple = |machine, kinds| outcome(machine, &request(process(&base), None, kinds));
    let with = |spec: &Spec, kinds: Kinds| {
        outcome(Machine::V1, &request(process(spec), spec.linux.seccomp.as_ref(), kinds))
    };
    let own_user = plain_kinds().with(Kind::User);
    let outside = ExecRequest {
        in_group: false,
        groups: Groups::Forbidden,
        home: Some("/root"),
        preserve_fds: 3,
        ..request(process(&base), None, own_user)
    };
    let modules = SecurityModules { apparmor: true, selinux: true };
    let with_modules = ExecRequest { modules, ..request(process(&labelled), None, plain_kinds()) };
    let sections = [
        ("root, all namespaces but user", simple(Machine::V1, plain_kinds())),
        ("root, with a user namespace", simple(Machine::V1, own_user)),
        ("root, no pid namespace", simple(Machine::V1, kinds(&[Kind::Mount]))),
        ("root, no namespace at all", simple(Machine::V1, Kinds::NONE)),
        ("user, with a user namespace", simple(Machine::User, own_user)),
        ("user, a single mapped group, no cgroup", outcome(Machine::Bare, &outside)),
        ("a process with everything", with(&rich, plain_kinds())),
        ("a process with capabilities in a user namespace", with(&capable, own_user)),
        ("a process with a terminal", with(&terminal, plain_kinds())),
        ("a filter and no new privileges", with(&filtered, plain_kinds())),
        ("a filter without that", with(&privileged, plain_kinds())),
        ("labels of modules that are not there", with(&labelled, plain_kinds())),
        ("labels", outcome(Machine::V1, &with_modules)),
    ];
    report(&Vec::from_iter(compare("exec.txt", &print::sections(&sections))));
}

#[test]
fn hooks() {
    let plain = Hook { path: "/bin/hook".to_owned(), ..Hook::default() };
    let full = Hook {
        args: vec!["hook".to_owned(), "an argument".to_owned()],
        env: Some(vec!["A=1".to_owned()]),
        timeout: Some(5),
        ..plain.clone()
    };
    let wrong = Hook { path: "bin/hook".to_owned(), timeout: Some(-1), ..Hook::default() };
    let run = |machine: Machine, hook: &Hook, container: Option<(i32, Kinds)>| {
        let environment = vec![Text::new("FROM=elsewhere").unwrap()];
        let directory = container.is_none().then(|| Text::new("/bundle").unwrap());
        match compile::hook(&machine.host(), hook, &Inherited { environment, directory }, container) {
            Ok(plan) => print::plan(&plan),
            Err(violations) => format!("violation  {violations}\n"),
        }
    };
    let sections = [
        ("on the host", run(Machine::V2, &plain, None)),
        ("with arguments and environment", run(Machine::V2, &full, None)),
        ("in the container", run(Machine::V2, &plain, Some((PID, plain_kinds())))),
        ("in a user's container", run(Machine::User, &plain, Some((PID, plain_kinds().with(Kind::User))))),
        ("wrong", run(Machine::V2, &wrong, None)),
    ];
    report(&Vec::from_iter(compare("hook.txt", &print::sections(&sections))));
}
