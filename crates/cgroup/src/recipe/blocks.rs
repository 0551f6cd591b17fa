//! Block I/O limits.

use super::Action;
use super::draft::{Draft, Site, file_value};
use crate::convert::{self, IO_WEIGHT};
use crate::limits::{BlockDevice, DeviceWeight, Io, Throttle};
use crate::{Controller, Knob, Limit, Refusal, Version};
use std::collections::BTreeMap;

pub(super) fn plan(draft: &mut Draft, io: &Io) {
    if *io == Io::default() {
        return;
    }
    let Some(site) = draft.site(Controller::Io, first_knob(io)) else {
        return;
    };
    if let Some(weight) = checked(draft, Knob::IoWeight, io.weight) {
        let files = match site.version {
            Version::V1 => [("blkio.weight", weight.into()), ("blkio.bfq.weight", weight.into())],
            Version::V2 => [("io.bfq.weight", weight.into()), ("io.weight", convert::io_weight(weight))],
        };
        let files = files.map(|(file, value): (_, u64)| file_value(file, value));
        draft.act(site, Knob::IoWeight, Action::WriteFirstPresent(files.into()));
    }
    if let Some(leaf) = checked(draft, Knob::IoLeafWeight, io.leaf_weight) {
        match site.version {
            Version::V1 => {
                draft.write(site, Knob::IoLeafWeight, "blkio.leaf_weight", leaf.to_string());
            }
            Version::V2 => draft.refuse_v1_only(Knob::IoLeafWeight, Controller::Io),
        }
    }
    io.device_weights.iter().for_each(|weight| device_weight(draft, site, weight));
    throttles(draft, site, &io.throttles);
}

fn device_weight(draft: &mut Draft, site: Site, weights: &DeviceWeight) {
    let device = weights.device;
    if let Some(weight) = checked(draft, Knob::IoDeviceWeight, weights.weight) {
        let raw = format!("{device} {weight}");
        let files = match site.version {
            Version::V1 => [("blkio.weight_device", raw.clone()), ("blkio.bfq.weight_device", raw)],
            Version::V2 => {
                [("io.bfq.weight", raw), ("io.weight", format!("{device} {}", convert::io_weight(weight)))]
            }
        };
        let files = files.map(|(file, value)| file_value(file, value));
        draft.act(site, Knob::IoDeviceWeight, Action::WriteFirstPresent(files.into()));
    }
    if let Some(leaf) = checked(draft, Knob::IoDeviceWeight, weights.leaf_weight) {
        match site.version {
            Version::V1 => {
                let value = format!("{device} {leaf}");
                draft.write(site, Knob::IoDeviceWeight, "blkio.leaf_weight_device", value);
            }
            Version::V2 => {
                let reason = "only cgroup v1 has a leaf weight; the io controller of this machine is on v2";
                draft.refuse(Refusal::of(Knob::IoDeviceWeight, device, reason));
            }
        }
    }
}

fn throttles(draft: &mut Draft, site: Site, throttles: &[Throttle]) {
    for throttle in throttles.iter().filter(|throttle| throttle.limit == Limit::Value(0)) {
        let reason =
            "a rate of 0 would stop all I/O, and the kernel does not take it; leave it out for no limit";
        draft.refuse(Refusal::of(Knob::IoThrottle, throttle.device, reason));
    }
    match site.version {
        Version::V1 => {
            for throttle in throttles {
                // On v1 a rate of zero lifts the limit.
                let rate = if let Limit::Value(rate) = throttle.limit { rate } else { 0 };
                let value = format!("{} {rate}", throttle.device);
                draft.write(site, Knob::IoThrottle, throttle.rate.v1_file(), value);
            }
        }
        Version::V2 => {
            let mut lines: BTreeMap<BlockDevice, String> = BTreeMap::new();
            for throttle in throttles {
                let line = lines.entry(throttle.device).or_insert_with(|| throttle.device.to_string());
                line.push_str(&format!(" {}={}", throttle.rate.v2_key(), throttle.limit));
            }
            for line in lines.into_values() {
                draft.write(site, Knob::IoThrottle, "io.max", line);
            }
        }
    }
}

fn checked(draft: &mut Draft, knob: Knob, weight: Option<u16>) -> Option<u16> {
    let weight = weight?;
    if !IO_WEIGHT.contains(&weight) {
        draft.refuse(Refusal::new(knob, format!("{weight} is not in 10 to 1000")));
        return None;
    }
    Some(weight)
}

/// Finds the limit to name when there is no I/O controller.
fn first_knob(io: &Io) -> Knob {
    if io.weight.is_some() {
        Knob::IoWeight
    } else if io.leaf_weight.is_some() {
        Knob::IoLeafWeight
    } else if io.device_weights.is_empty() {
        Knob::IoThrottle
    } else {
        Knob::IoDeviceWeight
    }
}
