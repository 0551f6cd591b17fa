//! Plans where systemd makes the cgroup.

use palisade_cgroup::GroupPath;
use palisade_runtime::compile::{self, Begin, Driver, Request};
use palisade_runtime::{ContainerId, Host, Systemd, Whose};

use crate::cases::request;
use crate::machines::Machine;
use crate::{compare, config, print, report};

/// The configurations that only mean something to systemd, and one that means nothing to it.
pub(crate) const CASES: &[(&str, Machine)] = &[
    ("systemd-default", Machine::V2),
    ("systemd-default", Machine::Hybrid),
    ("systemd-default-user", Machine::User),
    ("systemd-path", Machine::V2),
    ("systemd-path", Machine::V1),
    ("systemd-path", Machine::HybridUser),
    ("systemd-mistakes", Machine::V2),
    ("cgroup-path-relative", Machine::V2),
];

fn host(machine: Machine) -> Host {
    let (whose, base) = match machine {
        Machine::User | Machine::HybridUser | Machine::Bare => {
            let base = GroupPath::new("/user.slice/user-1000.slice/user@1000.service");
            (Whose::User, base.unwrap())
        }
        _ => (Whose::System, GroupPath::root()),
    };
    Host { systemd: Some(Systemd { whose, base }), ..machine.host() }
}

#[test]
fn scopes() {
    let id = ContainerId::new("golden").unwrap();
    let request = |driver| Request { driver, ..request(&id, Begin::AtOnce) };
    let sections: Vec<_> = CASES
        .iter()
        .map(|(name, machine)| {
            let spec = config::read(name);
            let plan = compile::container(&spec, &host(*machine), &request(Driver::Systemd));
            (format!("{name}, {}", machine.name()), print::outcome(&plan))
        })
        .chain(["base", "resources-cpu"].map(|name| {
            let plan =
                compile::container(&config::read(name), &host(Machine::V2), &request(Driver::Disabled));
            (format!("{name}, with no cgroup"), print::outcome(&plan))
        }))
        .collect();
    let sections: Vec<_> = sections.iter().map(|(name, text)| (name.as_str(), text.clone())).collect();
    report(&Vec::from_iter(compare("systemd.txt", &print::sections(&sections))));
}
