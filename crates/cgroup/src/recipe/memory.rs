//! Memory limits.

use super::Action;
use super::draft::{Draft, Site, file_value};
use crate::limits::{Memory, OomKiller};
use crate::{Controller, Knob, Limit, Refusal, Version, convert};

pub(super) fn plan(draft: &mut Draft, memory: &Memory) {
    if *memory == (Memory { spare_usage: memory.spare_usage, ..Memory::default() }) {
        return;
    }
    let Some(site) = draft.site(Controller::Memory, first_knob(memory)) else {
        return;
    };
    match site.version {
        Version::V1 => v1(draft, site, memory),
        Version::V2 => v2(draft, site, memory),
    }
}

fn v1(draft: &mut Draft, site: Site, memory: &Memory) {
    if let Err(reason) = convert::swap_alone(memory.limit.or(Some(Limit::Max)), memory.swap) {
        draft.refuse(Refusal::new(Knob::MemorySwap, reason));
    }
    if let Some(hierarchical) = memory.hierarchical {
        draft.write(site, Knob::MemoryHierarchical, "memory.use_hierarchy", u8::from(hierarchical));
    }
    hard_limits_v1(draft, site, memory);
    let simple = [
        (Knob::MemoryReservation, "memory.soft_limit_in_bytes", memory.reservation),
        (Knob::MemoryKernel, "memory.kmem.limit_in_bytes", memory.kernel),
        (Knob::MemoryKernelTcp, "memory.kmem.tcp.limit_in_bytes", memory.kernel_tcp),
    ];
    for (knob, file, limit) in simple {
        if let Some(limit) = limit {
            draft.write(site, knob, file, limit.v1());
        }
    }
    if let Some(swappiness) = memory.swappiness {
        if swappiness > 100 {
            draft.refuse(Refusal::new(Knob::MemorySwappiness, format!("{swappiness} is not in 0 to 100")));
        }
        draft.write(site, Knob::MemorySwappiness, "memory.swappiness", swappiness);
    }
    if let Some(killer) = memory.oom_killer {
        draft.write(site, Knob::MemoryOomKiller, "memory.oom_control", u8::from(killer == OomKiller::Off));
    }
}

/// The kernel holds memory ≤ memory and swap at every moment, so the order depends on the values before.
fn hard_limits_v1(draft: &mut Draft, site: Site, memory: &Memory) {
    let limit = memory.limit.map(|limit| file_value("memory.limit_in_bytes", limit.v1()));
    let both = memory.swap.map(|both| file_value("memory.memsw.limit_in_bytes", both.v1()));
    match (limit, both) {
        (Some(limit), Some(both)) => {
            draft.act(site, Knob::MemoryLimit, Action::WriteInSomeOrder(vec![limit, both]));
        }
        (Some(limit), None) => {
            if memory.limit == Some(Limit::Max) {
                let both = file_value("memory.memsw.limit_in_bytes", Limit::Max.v1());
                draft.act(site, Knob::MemoryLimit, Action::WriteIfPresent(both));
            }
            draft.act(site, Knob::MemoryLimit, Action::Write(limit));
        }
        (None, Some(both)) => draft.act(site, Knob::MemorySwap, Action::Write(both)),
        (None, None) => {}
    }
}

fn v2(draft: &mut Draft, site: Site, memory: &Memory) {
    let absent = [
        (Knob::MemoryKernel, memory.kernel.is_some()),
        (Knob::MemoryKernelTcp, memory.kernel_tcp.is_some()),
        (Knob::MemorySwappiness, memory.swappiness.is_some()),
        (Knob::MemoryOomKiller, memory.oom_killer == Some(OomKiller::Off)),
        (Knob::MemoryHierarchical, memory.hierarchical == Some(false)),
    ];
    for (knob, _) in absent.into_iter().filter(|(_, asked)| *asked) {
        draft.refuse_v1_only(knob, Controller::Memory);
    }
    if let (true, Some(Limit::Value(bytes))) = (memory.spare_usage, memory.limit) {
        draft.act(site, Knob::MemoryLimit, Action::RequireUsageBelow { bytes });
    }
    match convert::swap_alone(memory.limit, memory.swap) {
        Err(reason) => draft.refuse(Refusal::new(Knob::MemorySwap, reason)),
        // A kernel that does not account for swap has no such file, and nothing there to limit.
        Ok(Some(swap @ (Limit::Max | Limit::Value(0)))) => {
            draft.act(site, Knob::MemorySwap, Action::WriteIfPresent(file_value("memory.swap.max", swap)));
        }
        Ok(Some(swap)) => draft.write(site, Knob::MemorySwap, "memory.swap.max", swap),
        Ok(None) => {}
    }
    if let Some(limit) = memory.limit {
        draft.write(site, Knob::MemoryLimit, "memory.max", limit);
    }
    if let Some(reservation) = memory.reservation {
        draft.write(site, Knob::MemoryReservation, "memory.low", reservation);
    }
}

/// Finds the limit to name when there is no memory controller.
fn first_knob(memory: &Memory) -> Knob {
    let order = [
        (Knob::MemoryLimit, memory.limit.is_some()),
        (Knob::MemoryReservation, memory.reservation.is_some()),
        (Knob::MemorySwap, memory.swap.is_some()),
        (Knob::MemoryKernel, memory.kernel.is_some()),
        (Knob::MemoryKernelTcp, memory.kernel_tcp.is_some()),
        (Knob::MemorySwappiness, memory.swappiness.is_some()),
        (Knob::MemoryOomKiller, memory.oom_killer.is_some()),
    ];
    order.into_iter().find(|(_, set)| *set).map_or(Knob::MemoryHierarchical, |(knob, _)| knob)
}
