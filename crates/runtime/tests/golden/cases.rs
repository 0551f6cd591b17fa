//! Containers: a configuration, machines, and how it is asked for.

use palisade_mount::{Attributes, HostPath, OpenRoot, Overlay, Parent, Propagation, RootSource, Upper};
use palisade_oci::Spec;
use palisade_oci::example::{CgroupTree, Owner, example};
use palisade_runtime::compile::{self, Begin, EnterRoot, Keyring, Request};
use palisade_runtime::{ContainerId, Delegation, SecurityModules};

use crate::machines::Machine;
pub(crate) use crate::request::request;
use crate::{compare, config, print, report};

/// The configurations of `configs/`, each with its machines.
const CASES: &[(&str, &[Machine])] = &[
    ("base", &Machine::ALL),
    ("process", &[Machine::V2]),
    ("capabilities", &[Machine::V2, Machine::User]),
    ("terminal", &[Machine::V2]),
    ("names", &[Machine::V2]),
    ("execution", &[Machine::V2]),
    ("intel-rdt", &[Machine::V2]),
    ("labels", &[Machine::V2]),
    ("net-devices", &[Machine::V2, Machine::User]),
    ("groups-kept", &[Machine::V2, Machine::User]),
    ("clocks", &[Machine::V2, Machine::User]),
    ("sysctl", &[Machine::V2]),
    ("sysctl-own-procfs", &[Machine::V2]),
    ("protected", &[Machine::V2]),
    ("mounts", &[Machine::V2]),
    ("mounts-remount", &[Machine::V2]),
    ("mounts-id-mapped", &[Machine::V2, Machine::User]),
    ("mounts-cgroup", &Machine::ALL),
    ("mounts-cgroup-writable", &Machine::ALL),
    ("mounts-cgroup-joined", &[Machine::V2, Machine::Hybrid]),
    ("devices", &[Machine::V2, Machine::Hybrid]),
    ("devices-rules", &[Machine::V2, Machine::V1, Machine::User]),
    ("dev-read-only", &[Machine::V2]),
    ("hooks", &[Machine::V2]),
    ("seccomp", &[Machine::V2]),
    ("seccomp-privileged", &[Machine::V2]),
    ("namespaces-all", &[Machine::V2, Machine::User]),
    ("namespaces-user", &[Machine::V2, Machine::V1, Machine::User, Machine::Bare]),
    ("namespaces-user-own-id", &[Machine::V2, Machine::User, Machine::Bare]),
    ("namespaces-user-joins", &[Machine::V2, Machine::User]),
    ("namespaces-joined", &[Machine::V2]),
    ("namespaces-joined-mount", &[Machine::V2]),
    ("namespaces-no-mount", &[Machine::V2]),
    ("namespaces-joined-user", &[Machine::V2, Machine::User]),
    ("namespaces-joined-user-pid", &[Machine::V2, Machine::User]),
    ("cgroup-path-relative", &[Machine::V2, Machine::User]),
    ("resources-memory", &Machine::ROOTS),
    ("resources-memory-v1", &Machine::ROOTS),
    ("resources-cpu", &Machine::ROOTS),
    ("resources-io", &Machine::ROOTS),
    ("resources-others", &Machine::ALL),
    ("cgroup-delegated", &[Machine::V2, Machine::V1, Machine::User]),
    ("resources-no-processes", &[Machine::V2]),
    ("resources-devices-unsaid", &Machine::ROOTS),
    ("resources-network", &Machine::ROOTS),
    ("resources-unified", &Machine::ROOTS),
];

fn section(spec: &Spec, machine: Machine, request: &Request<'_>) -> (&'static str, String) {
    (machine.name(), print::outcome(&compile::container(spec, &machine.host(), request)))
}

#[test]
fn configurations() {
    let id = ContainerId::new("golden").unwrap();
    let mut wrong = Vec::new();
    for (name, machines) in CASES {
        let spec = config::read(name);
        let sections: Vec<_> =
            machines.iter().map(|machine| section(&spec, *machine, &request(&id, Begin::AtOnce))).collect();
        wrong.extend(compare(&format!("{name}.txt"), &print::sections(&sections)));
    }
    report(&wrong);
}

#[test]
fn every_file_belongs_to_a_case() {
    let mut files: Vec<String> = std::fs::read_dir(crate::folder().join("configs"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    files.sort();
    let names =
        CASES.iter().map(|(name, _)| *name).chain(crate::systemd::CASES.iter().map(|(name, _)| *name));
    let mut cases: Vec<String> = names.map(|name| format!("{name}.json")).collect();
    cases.sort();
    cases.dedup();
    assert_eq!(files, cases);
}

/// What `palisade spec` writes, on each machine that it writes it for.
#[test]
fn examples() {
    let id = ContainerId::new("golden").unwrap();
    let rootless = Owner::Rootless { uid: 1000, gid: 1000 };
    let sections = [
        (Owner::Root, CgroupTree::Unified, Machine::V2),
        (Owner::Root, CgroupTree::Legacy, Machine::V1),
        (Owner::Root, CgroupTree::Legacy, Machine::Hybrid),
        (rootless, CgroupTree::Unified, Machine::User),
        (rootless, CgroupTree::Legacy, Machine::Bare),
    ]
    .map(|(owner, tree, machine)| {
        let spec = palisade_oci::parse("config.json", example(owner, tree).as_bytes()).unwrap();
        section(&spec, machine, &request(&id, Begin::AtOnce))
    });
    report(&Vec::from_iter(compare("example.txt", &print::sections(&sections))));
}

/// What depends on how a container is asked for.
#[test]
fn requests() {
    let id = ContainerId::new("golden").unwrap();
    let plain = || request(&id, Begin::AtOnce);
    let overlay = Overlay {
        lower: vec![HostPath::new("/").unwrap()],
        upper: Upper::Tmpfs { parameters: Vec::new() },
        parameters: Vec::new(),
        target: HostPath::new("/run/palisade").unwrap(),
    };
    let root = OpenRoot {
        source: RootSource::Overlay(overlay),
        parent: Parent::Keep,
        attributes: Attributes::NONE,
        propagation: Propagation::from_word("rprivate"),
    };
    let spec = config::read("base");
    let sections = [
        ("created, not started", request(&id, Begin::OnStart)),
        ("root by a move", Request { enter_root: EnterRoot::Move, ..plain() }),
        ("descriptors preserved", Request { preserve_fds: 2, ..plain() }),
        ("home of the user database", Request { home: Some("/home/user".to_owned()), ..plain() }),
        ("a session keyring", Request { keyring: Keyring::Own, ..plain() }),
        ("root of the caller's", Request { root: Some(root), ..plain() }),
    ]
    .map(|(name, request)| (name, section(&spec, Machine::V2, &request).1));
    let mut sections = Vec::from(sections);
    let useless = Request { keyring: Keyring::Own, ..plain() };
    let filtered = section(&config::read("seccomp"), Machine::V2, &useless).1;
    sections.push(("a session keyring that the filter lets nobody use", filtered));
    report(&Vec::from_iter(compare("requests.txt", &print::sections(&sections))));
}

/// Labels, where the kernel has the modules.
#[test]
fn labels() {
    let id = ContainerId::new("golden").unwrap();
    let spec = config::read("labels");
    let modules = SecurityModules { apparmor: true, selinux: true };
    let keyrings = [("a keyring of its own", Keyring::Own), ("the caller's keyring", Keyring::Callers)];
    let sections = keyrings.map(|(name, keyring)| {
        let request = Request { modules, keyring, ..request(&id, Begin::OnStart) };
        (name, section(&spec, Machine::V2, &request).1)
    });
    report(&Vec::from_iter(compare("labels-there.txt", &print::sections(&sections))));
}

/// A machine without cgroups, and one where root may not write to them.
#[test]
fn machines_without_cgroups() {
    let id = ContainerId::new("golden").unwrap();
    let mut none = Machine::Bare.host();
    none.cgroups = palisade_cgroup::Layout::default();
    let mut read_only = Machine::V1.host();
    read_only.delegation = Delegation::Nowhere;
    let sections: Vec<_> = [
        ("user without cgroups", none, "namespaces-user-own-id"),
        ("root with read-only cgroups", read_only, "mounts-cgroup"),
    ]
    .into_iter()
    .map(|(name, host, config)| {
        let spec = config::read(config);
        (name, print::outcome(&compile::container(&spec, &host, &request(&id, Begin::AtOnce))))
    })
    .collect();
    report(&Vec::from_iter(compare("machines.txt", &print::sections(&sections))));
}

/// The shell commands of a plan are in a shell's language, whatever the configuration names.
#[test]
fn a_shell_can_read_every_plan() {
    let id = ContainerId::new("golden").unwrap();
    for (name, machines) in CASES {
        let spec = config::read(name);
        for machine in *machines {
            let request = request(&id, Begin::AtOnce);
            let Ok(compiled) = compile::container(&spec, &machine.host(), &request) else { continue };
            let commands: Vec<String> =
                compiled.plan.steps().into_iter().flat_map(|step| step.shell).collect();
            let check = std::process::Command::new("sh").args(["-n", "-c", &commands.join("\n")]).output();
            let check = check.unwrap();
            assert!(check.status.success(), "{name}: {}", String::from_utf8_lossy(&check.stderr));
        }
    }
}
