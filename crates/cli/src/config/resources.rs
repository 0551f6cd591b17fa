//! Limits: checked against the machine, and left out where this user has no cgroup to put them on.

use palisade_cgroup::Controller;
use palisade_runtime::{Delegation, Error, Host, Result};
use serde_json::{Map, Value, json};

use super::Facts;
use crate::arguments::{LimitFlags, RunArguments};
use crate::flags::{Bytes, Cpus, Swap};
use crate::machine::{Machine, parse_list};

/// The most processes of a container that is given no number.
const PIDS: i64 = 2048;

/// Less memory than this and nothing starts.
const LEAST_MEMORY: Bytes = Bytes(1 << 20);

/// The controllers that a group of this user can have.
pub(crate) fn controllers(host: &Host) -> Vec<Controller> {
    let layout = &host.cgroups;
    match &host.delegation {
        Delegation::Nowhere => Vec::new(),
        Delegation::Everywhere => {
            Controller::ALL.into_iter().filter(|one| layout.hierarchy(*one).is_some()).collect()
        }
        Delegation::Group(group) => {
            let own = layout.unified().map(|tree| tree.mount.join(group.relative()));
            let text = own.and_then(|own| std::fs::read_to_string(own.join("cgroup.controllers")).ok());
            text.unwrap_or_default().split_whitespace().filter_map(Controller::from_name).collect()
        }
    }
}

/// The resources as config.json has them; none where nothing can be limited.
pub(crate) fn resources(flags: &RunArguments, facts: &Facts<'_>, rules: Vec<Value>) -> Result<Option<Value>> {
    if flags.cgroup_parent.is_some() {
        needs_group(facts.host, "--cgroup-parent")?;
    }
    let mut resources = limits(&flags.limits, facts.host, facts.machine, &facts.controllers)?;
    if flags.limits.pids_limit.is_none() && facts.controllers.contains(&Controller::Pids) {
        resources.insert("pids".to_owned(), json!({ "limit": PIDS }));
    }
    // Rules for devices need rights over the whole machine, on v2 to load a program into the kernel.
    if facts.host.delegation == Delegation::Everywhere {
        resources.insert("devices".to_owned(), Value::Array(rules));
    }
    Ok((!resources.is_empty()).then_some(Value::Object(resources)))
}

/// The limits that were asked for, as config.json has them.
pub(crate) fn limits(
    flags: &LimitFlags,
    host: &Host,
    machine: &Machine,
    controllers: &[Controller],
) -> Result<Map<String, Value>> {
    check_machine(flags, machine)?;
    check_controllers(flags, host, controllers)?;
    let mut resources = Map::new();
    if let Some(memory) = memory(flags, machine)? {
        resources.insert("memory".to_owned(), memory);
    }
    if let Some(cpu) = cpu(flags) {
        resources.insert("cpu".to_owned(), cpu);
    }
    if let Some(limit) = flags.pids_limit.filter(|_| controllers.contains(&Controller::Pids)) {
        let limit = if limit == 0 { -1 } else { limit };
        resources.insert("pids".to_owned(), json!({ "limit": limit }));
    }
    Ok(resources)
}

fn check_machine(flags: &LimitFlags, machine: &Machine) -> Result<()> {
    let here = machine.cpus.len();
    if let Some(cpus) = flags.cpus
        && cpus > Cpus(Cpus::PERIOD * u64::try_from(here).unwrap_or(u64::MAX / Cpus::PERIOD))
    {
        return Err(Error::new(format!("--cpus {cpus}: this machine has {here}")));
    }
    if let Some(list) = &flags.cpuset_cpus {
        let wanted = parse_list(list).ok_or_else(|| {
            Error::new(format!("--cpuset-cpus {list}: it is no list of CPUs")).hint("such as 0-3,7")
        })?;
        if let Some(missing) = wanted.iter().find(|cpu| !machine.cpus.contains(cpu)) {
            return Err(Error::new(format!(
                "--cpuset-cpus {list}: this machine has no CPU {missing} online"
            )));
        }
    }
    if let Some(memory) = flags.memory {
        if memory > machine.memory {
            return Err(Error::new(format!("--memory {memory}: this machine has {}", machine.memory)));
        }
        if memory < LEAST_MEMORY {
            return Err(Error::new(format!("--memory {memory}: the least is {LEAST_MEMORY}")));
        }
    }
    match flags.pids_limit {
        Some(limit) if limit < -1 => {
            Err(Error::new(format!("--pids-limit {limit}: it is negative")).hint("-1 is no limit"))
        }
        _ => Ok(()),
    }
}

/// A limit that was asked for and cannot be had is an error; nobody asked for the default ones.
fn check_controllers(flags: &LimitFlags, host: &Host, controllers: &[Controller]) -> Result<()> {
    let pids = flags.pids_limit.is_some_and(|limit| limit > 0);
    for (asked, flag, controller) in [
        (flags.memory.is_some(), "--memory", Controller::Memory),
        (flags.memory_swap.is_some(), "--memory-swap", Controller::Memory),
        (flags.cpus.is_some(), "--cpus", Controller::Cpu),
        (flags.cpu_shares.is_some(), "--cpu-shares", Controller::Cpu),
        (flags.cpuset_cpus.is_some(), "--cpuset-cpus", Controller::Cpuset),
        (pids, "--pids-limit", Controller::Pids),
    ] {
        if !asked {
            continue;
        }
        needs_group(host, flag)?;
        if !controllers.contains(&controller) {
            let name = controller.name(palisade_cgroup::Version::V2);
            return Err(Error::new(format!("{flag} needs the cgroup controller {name}, which is not there"))
                .hint("it is not mounted, not in the kernel, or not delegated to this user"));
        }
    }
    Ok(())
}

fn needs_group(host: &Host, flag: &str) -> Result<()> {
    if host.delegation != Delegation::Nowhere {
        return Ok(());
    }
    Err(Error::new(format!("{flag} needs a cgroup, and this user may make none here")).hint(
        "run as root, or where the whole v2 tree is used: systemd-run --user --scope -p Delegate=yes pal …",
    ))
}

/// Memory, and swap as Docker counts it: the flag is both together; without it there is as much swap as memory.
fn memory(flags: &LimitFlags, machine: &Machine) -> Result<Option<Value>> {
    let swap = flags.memory_swap.filter(|swap| *swap != Swap::Default);
    let Some(memory) = flags.memory else {
        return match swap {
            None => Ok(None),
            Some(_) => Err(Error::new("--memory-swap needs --memory").hint("it is memory and swap together")),
        };
    };
    let limit = memory.0;
    let total = match swap {
        Some(Swap::Unlimited) => json!(-1),
        Some(Swap::Total(total)) if total < memory => {
            return Err(Error::new(format!("--memory-swap {total} is less than --memory {memory}"))
                .hint("it is memory and swap together"));
        }
        Some(Swap::Total(total)) => json!(total.0),
        Some(Swap::Default) | None if machine.swap.is_some() => {
            json!(limit.saturating_mul(2).min(i64::MAX.unsigned_abs()))
        }
        Some(Swap::Default) | None => return Ok(Some(json!({ "limit": limit }))),
    };
    Ok(Some(json!({ "limit": limit, "swap": total })))
}

fn cpu(flags: &LimitFlags) -> Option<Value> {
    let mut cpu = Map::new();
    if let Some(Cpus(quota)) = flags.cpus {
        cpu.insert("quota".to_owned(), json!(quota));
        cpu.insert("period".to_owned(), json!(Cpus::PERIOD));
    }
    if let Some(shares) = flags.cpu_shares {
        cpu.insert("shares".to_owned(), json!(shares));
    }
    if let Some(list) = &flags.cpuset_cpus {
        cpu.insert("cpus".to_owned(), json!(list));
    }
    (!cpu.is_empty()).then_some(Value::Object(cpu))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::spec::tests::{config, refusal};

    #[test]
    fn limits_become_resources() {
        let config = config(&[
            "--memory=64M",
            "--cpus=0.5",
            "--cpu-shares=512",
            "--cpuset-cpus=0-1",
            "--pids-limit=7",
        ]);
        let resources = &config["linux"]["resources"];
        assert_eq!(resources["memory"], json!({ "limit": 64 << 20, "swap": 128 << 20 }));
        assert_eq!(
            resources["cpu"],
            json!({ "quota": 50_000, "period": 100_000, "shares": 512, "cpus": "0-1" })
        );
        assert_eq!(resources["pids"], json!({ "limit": 7 }));
    }

    #[test]
    fn swap_is_counted_with_memory() {
        let swap = |words: &[&str]| config(words)["linux"]["resources"]["memory"]["swap"].clone();
        assert_eq!(swap(&["--memory=1G", "--memory-swap=-1"]), json!(-1));
        assert_eq!(swap(&["--memory=1G", "--memory-swap=1G"]), json!(1u64 << 30));
        assert_eq!(swap(&["--memory=1G", "--memory-swap=0"]), json!(2u64 << 30));
        assert_eq!(
            refusal(&["--memory-swap=1G"]),
            "--memory-swap needs --memory (it is memory and swap together)"
        );
        let less = refusal(&["--memory=1G", "--memory-swap=1M"]);
        assert!(less.starts_with("--memory-swap 1M is less than --memory 1G"), "{less}");
    }

    #[test]
    fn what_the_machine_has_not_is_refused_by_the_flag() {
        for (flag, wanted) in [
            ("--cpus=5", "--cpus 5: this machine has 4"),
            ("--cpuset-cpus=3-4", "--cpuset-cpus 3-4: this machine has no CPU 4 online"),
            ("--cpuset-cpus=x", "--cpuset-cpus x: it is no list of CPUs (such as 0-3,7)"),
            ("--memory=9G", "--memory 9G: this machine has 8G"),
            ("--memory=4k", "--memory 4K: the least is 1M"),
            ("--pids-limit=-2", "--pids-limit -2: it is negative (-1 is no limit)"),
        ] {
            assert_eq!(refusal(&[flag]), wanted);
        }
    }

    #[test]
    fn pids_are_limited_unless_lifted() {
        let limit = |words: &[&str]| config(words)["linux"]["resources"]["pids"]["limit"].clone();
        assert_eq!(limit(&[]), json!(2048));
        assert_eq!(limit(&["--pids-limit=-1"]), json!(-1));
        assert_eq!(limit(&["--pids-limit=0"]), json!(-1));
    }
}
