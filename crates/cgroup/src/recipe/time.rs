//! CPU time limits.

use super::Action;
use super::draft::{Draft, Site, file_value};
use crate::convert::{self, SHARES, WEIGHT};
use crate::limits::Cpu;
use crate::{Controller, Knob, Limit, Refusal, Version};

/// The kernel takes periods and quotas of no less than a millisecond.
const SHORTEST: u64 = 1000;
/// The kernel takes periods of up to a second.
const LONGEST_PERIOD: u64 = 1_000_000;

pub(super) fn plan(draft: &mut Draft, cpu: &Cpu) {
    if *cpu == Cpu::default() {
        return;
    }
    let Some(site) = draft.site(Controller::Cpu, first_knob(cpu)) else {
        return;
    };
    check(draft, cpu);
    weight(draft, site, cpu);
    match site.version {
        Version::V1 => v1(draft, site, cpu),
        Version::V2 => v2(draft, site, cpu),
    }
}

fn check(draft: &mut Draft, cpu: &Cpu) {
    let outside = |knob, value, range: &std::ops::RangeInclusive<u64>| {
        Refusal::new(knob, format!("{value} is not in {} to {}", range.start(), range.end()))
    };
    let ranged = [
        (Knob::CpuWeight, cpu.weight, WEIGHT),
        (Knob::CpuPeriod, cpu.period, SHORTEST..=LONGEST_PERIOD),
        (Knob::CpuShares, cpu.shares, 1..=*SHARES.end()),
    ];
    for (knob, value, range) in ranged {
        if let Some(value) = value.filter(|value| !range.contains(value)) {
            draft.refuse(outside(knob, value, &range));
        }
    }
    if let Some(Limit::Value(quota)) = cpu.quota {
        if quota < SHORTEST {
            draft.refuse(Refusal::new(
                Knob::CpuQuota,
                format!("{quota} µs is below the kernel's least, 1000 µs"),
            ));
        }
        if let Some(burst) = cpu.burst.filter(|burst| *burst > quota) {
            draft.refuse(Refusal::new(Knob::CpuBurst, format!("{burst} µs is above the quota, {quota} µs")));
        }
    }
}

/// An idle group has no weight, and the kernel refuses one for it; so a weight comes after leaving idle only.
fn weight(draft: &mut Draft, site: Site, cpu: &Cpu) {
    if cpu.idle == Some(true) && (cpu.shares.is_some() || cpu.weight.is_some()) {
        draft.refuse(Refusal::new(
            Knob::CpuIdle,
            "an idle group has no weight or shares; give one or the other",
        ));
        return;
    }
    if let Some(idle) = cpu.idle {
        draft.write(site, Knob::CpuIdle, "cpu.idle", u8::from(idle));
    }
    match (site.version, cpu.shares, cpu.weight) {
        (_, None, None) => {}
        (Version::V1, Some(shares), _) => draft.write(site, Knob::CpuShares, "cpu.shares", shares),
        (Version::V1, None, Some(weight)) => {
            draft.write(site, Knob::CpuWeight, "cpu.shares", convert::weight_to_shares(weight));
        }
        (Version::V2, _, Some(weight)) => draft.write(site, Knob::CpuWeight, "cpu.weight", weight),
        (Version::V2, Some(shares), None) => {
            draft.write(site, Knob::CpuShares, "cpu.weight", convert::shares_to_weight(shares));
        }
    }
}

fn v1(draft: &mut Draft, site: Site, cpu: &Cpu) {
    let bandwidth = [
        cpu.period.map(|period| file_value("cpu.cfs_period_us", period)),
        cpu.quota.map(|quota| file_value("cpu.cfs_quota_us", quota.v1())),
        cpu.burst.map(|burst| file_value("cpu.cfs_burst_us", burst)),
    ];
    in_some_order(draft, site, bandwidth_knob(cpu), bandwidth.into_iter().flatten().collect());
    let realtime = [
        cpu.realtime_period.map(|period| file_value("cpu.rt_period_us", period)),
        cpu.realtime_runtime.map(|runtime| file_value("cpu.rt_runtime_us", runtime)),
    ];
    in_some_order(draft, site, Knob::CpuRealtimeRuntime, realtime.into_iter().flatten().collect());
}

fn v2(draft: &mut Draft, site: Site, cpu: &Cpu) {
    for (knob, asked) in [
        (Knob::CpuRealtimeRuntime, cpu.realtime_runtime.is_some()),
        (Knob::CpuRealtimePeriod, cpu.realtime_period.is_some()),
    ] {
        if asked {
            draft.refuse_v1_only(knob, Controller::Cpu);
        }
    }
    if let (None, Some(period)) = (cpu.quota, cpu.period) {
        draft.act(site, Knob::CpuPeriod, Action::SetPeriod { period });
    }
    // Without a period the file takes the quota alone and keeps the period that it has.
    let period = cpu.period.map_or_else(String::new, |period| format!(" {period}"));
    let bandwidth = [
        cpu.quota.map(|quota| file_value("cpu.max", format!("{quota}{period}"))),
        cpu.burst.map(|burst| file_value("cpu.max.burst", burst)),
    ];
    in_some_order(draft, site, bandwidth_knob(cpu), bandwidth.into_iter().flatten().collect());
}

fn in_some_order(draft: &mut Draft, site: Site, knob: Knob, mut writes: Vec<super::FileValue>) {
    match writes.len() {
        0 => {}
        1 => draft.act(site, knob, Action::Write(writes.remove(0))),
        _ => draft.act(site, knob, Action::WriteInSomeOrder(writes)),
    }
}

fn bandwidth_knob(cpu: &Cpu) -> Knob {
    match (cpu.quota, cpu.period) {
        (Some(_), _) => Knob::CpuQuota,
        (None, Some(_)) => Knob::CpuPeriod,
        (None, None) => Knob::CpuBurst,
    }
}

/// Finds the limit to name when there is no cpu controller.
fn first_knob(cpu: &Cpu) -> Knob {
    let order = [
        (Knob::CpuShares, cpu.shares.is_some()),
        (Knob::CpuWeight, cpu.weight.is_some()),
        (Knob::CpuIdle, cpu.idle.is_some()),
        (Knob::CpuRealtimeRuntime, cpu.realtime_runtime.is_some()),
        (Knob::CpuRealtimePeriod, cpu.realtime_period.is_some()),
    ];
    order.into_iter().find(|(_, set)| *set).map_or(bandwidth_knob(cpu), |(knob, _)| knob)
}
