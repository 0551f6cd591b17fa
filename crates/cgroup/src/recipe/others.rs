//! The limits of the smaller controllers, devices and raw v2 files.

use super::Action;
use super::draft::{Draft, Site, file_value};
use crate::device::{DeviceKind, DevicePolicy, Verdict};
use crate::exceptions::Exceptions;
use crate::limits::{Cpuset, Rdma};
use crate::{Controller, Home, Knob, Limit, Limits, Refusal, Version};
use std::collections::BTreeMap;

pub(super) fn plan(draft: &mut Draft, limits: &Limits) {
    cpuset(draft, &limits.cpuset);
    pids(draft, limits.pids);
    hugetlb(draft, limits);
    packets(draft, limits);
    for (device, rdma) in &limits.rdma {
        plan_rdma(draft, device, rdma);
    }
    for (resource, limit) in &limits.misc {
        if let Some(site) = draft.site(Controller::Misc, Knob::Misc) {
            draft.write(site, Knob::Misc, "misc.max", format!("{resource} {limit}"));
        }
    }
    if let Some(policy) = &limits.devices {
        devices(draft, policy);
    }
    unified(draft, &limits.unified);
}

/// On v1 the set has to be filled before a process can enter, whether or not a limit asks for it.
fn cpuset(draft: &mut Draft, cpuset: &Cpuset) {
    let files =
        [(Knob::CpusetCpus, "cpuset.cpus", &cpuset.cpus), (Knob::CpusetMems, "cpuset.mems", &cpuset.mems)];
    for (knob, file, list) in files {
        if let Some(list) = list {
            let Some(site) = draft.site(Controller::Cpuset, knob) else {
                continue;
            };
            if !is_list(list) {
                draft.refuse(Refusal::new(knob, format!("{list:?} is not a list such as 0-2,5")));
            }
            let write = Action::Write(file_value(file, list));
            match site.version {
                Version::V1 => {
                    // A parent that has none could not give any.
                    draft.prepare(site, None, Action::Inherit { file: file.to_owned() });
                    draft.prepare(site, Some(knob), write);
                }
                Version::V2 => draft.act(site, knob, write),
            }
        } else if let Some(site) = v1_cpuset(draft) {
            draft.prepare(site, None, Action::Inherit { file: file.to_owned() });
        }
    }
}

fn v1_cpuset(draft: &Draft) -> Option<Site> {
    match draft.layout().home(Controller::Cpuset) {
        Home::Hierarchy(directory) if draft.layout().hierarchies.get(directory)?.version == Version::V1 => {
            Some(Site { directory, version: Version::V1 })
        }
        _ => None,
    }
}

/// Tells whether a text is a list as cpuset(7) has it: numbers and ranges, with an optional `:used/group`.
fn is_list(text: &str) -> bool {
    text.bytes().any(|b| b.is_ascii_digit())
        && text.bytes().all(|b| b.is_ascii_digit() || matches!(b, b',' | b'-' | b':' | b'/' | b' '))
}

fn pids(draft: &mut Draft, limit: Option<Limit>) {
    let Some(limit) = limit else { return };
    if let Some(site) = draft.site(Controller::Pids, Knob::Pids) {
        draft.write(site, Knob::Pids, "pids.max", limit);
    }
}

fn hugetlb(draft: &mut Draft, limits: &Limits) {
    for (size, huge) in &limits.hugetlb {
        let Some(site) = draft.site(Controller::Hugetlb, Knob::Hugetlb) else {
            return;
        };
        if !is_page_size(size) {
            let reason = "not a page size as the kernel writes it, such as 64KB, 2MB or 1GB";
            draft.refuse(Refusal::of(Knob::Hugetlb, size, reason));
        }
        let (limit, reserved) = match site.version {
            Version::V1 => (huge.limit.map(Limit::v1), huge.reserved.map(Limit::v1)),
            Version::V2 => (huge.limit.map(|l| l.to_string()), huge.reserved.map(|l| l.to_string())),
        };
        let suffix = if site.version == Version::V1 { "limit_in_bytes" } else { "max" };
        if let Some(value) = limit {
            draft.write(site, Knob::Hugetlb, format!("hugetlb.{size}.{suffix}"), value);
        }
        if let Some(value) = reserved {
            let write = file_value(format!("hugetlb.{size}.rsvd.{suffix}"), value);
            draft.act(site, Knob::Hugetlb, Action::WriteIfPresent(write));
        }
    }
}

fn is_page_size(size: &str) -> bool {
    let number = ["KB", "MB", "GB"].iter().find_map(|unit| size.strip_suffix(unit));
    number.is_some_and(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()))
}

fn packets(draft: &mut Draft, limits: &Limits) {
    if let Some(class) = limits.net_cls
        && let Some(site) = draft.site(Controller::NetCls, Knob::NetCls)
    {
        draft.write(site, Knob::NetCls, "net_cls.classid", class);
    }
    for (interface, priority) in &limits.net_prio {
        let Some(site) = draft.site(Controller::NetPrio, Knob::NetPrio) else {
            return;
        };
        draft.write(site, Knob::NetPrio, "net_prio.ifpriomap", format!("{interface} {priority}"));
    }
}

fn plan_rdma(draft: &mut Draft, device: &str, rdma: &Rdma) {
    let Some(site) = draft.site(Controller::Rdma, Knob::Rdma) else {
        return;
    };
    let mut line = device.to_owned();
    for (key, limit) in [("hca_handle", rdma.handles), ("hca_object", rdma.objects)] {
        if let Some(limit) = limit {
            line.push_str(&format!(" {key}={limit}"));
        }
    }
    if line == device {
        draft.refuse(Refusal::of(Knob::Rdma, device, "neither handles nor objects are given"));
    }
    draft.write(site, Knob::Rdma, "rdma.max", line);
}

fn devices(draft: &mut Draft, policy: &DevicePolicy) {
    for rule in &policy.rules {
        if rule.access.is_empty() {
            draft.refuse(Refusal::of(Knob::Devices, rule, "it names no access out of r, w and m"));
        }
        // The kernel's own device numbers have 12 and 20 bits.
        if rule.major.is_some_and(|n| n >= 1 << 12) || rule.minor.is_some_and(|n| n >= 1 << 20) {
            draft.refuse(Refusal::of(Knob::Devices, rule, "no device has such a number"));
        }
    }
    let Some(site) = draft.site(Controller::Devices, Knob::Devices) else {
        return;
    };
    if site.version == Version::V2 {
        draft.act(site, Knob::Devices, Action::DeviceProgram(policy.clone()));
        return;
    }
    match Exceptions::resolve(policy) {
        Ok(state) => v1_devices(draft, site, &state),
        Err(rule) => {
            let reason = "it takes back a part of what an earlier rule gave, which cgroup v1 cannot say";
            draft.refuse(Refusal::of(Knob::Devices, rule, reason));
        }
    }
}

fn v1_devices(draft: &mut Draft, site: Site, state: &Exceptions) {
    let (reset, exception) = match state.default {
        Verdict::Deny => ("devices.deny", "devices.allow"),
        Verdict::Allow => ("devices.allow", "devices.deny"),
    };
    draft.write(site, Knob::Devices, reset, "a");
    for pattern in &state.patterns {
        debug_assert_ne!(pattern.kind, DeviceKind::All);
        draft.write(site, Knob::Devices, exception, pattern);
    }
}

fn unified(draft: &mut Draft, values: &BTreeMap<String, String>) {
    for (file, value) in values {
        if let Err(reason) = check_unified(draft, file) {
            draft.refuse(Refusal::of(Knob::Unified, file, reason));
            continue;
        }
        let Some(site) = draft.unified() else { continue };
        // The files take one line at a time.
        for line in value.lines().filter(|line| !line.is_empty()) {
            draft.write(site, Knob::Unified, file.as_str(), line);
        }
    }
}

fn check_unified(draft: &mut Draft, file: &str) -> Result<(), String> {
    let (prefix, _) = file.split_once('.').ok_or("a v2 file has the form controller.name")?;
    if file.contains(['/', '\0', '\n']) {
        return Err("a v2 file name has no / in it".to_owned());
    }
    let index = draft.unified().ok_or("no cgroup v2 tree is mounted")?.directory;
    if prefix == "cgroup" {
        let harmless = ["cgroup.max.depth", "cgroup.max.descendants"].contains(&file);
        return if harmless { Ok(()) } else { Err("it is not a limit".to_owned()) };
    }
    // A controller that this crate has no name for may exist all the same; the write tells.
    if let Some(controller) = Controller::from_name(prefix) {
        if draft.layout().home(controller) != Home::Hierarchy(index) {
            return Err(format!("the {controller} controller of this machine is not in the v2 tree"));
        }
        draft.require(controller);
    }
    Ok(())
}
