//! The capabilities of a process, for a program that is executed in its place.

use palisade_oci::{Capability, CapabilitySet as Named};
use palisade_runtime::{Error, Result};
use rustix::io::Errno;
use rustix::thread::{
    CapabilitySet, capabilities, capability_is_in_bounding_set, configure_capability_in_ambient_set,
    remove_capability_from_bounding_set, set_capabilities,
};

/// The sets that decide what a program has after its exec, `capabilities(7)`.
pub(super) struct Capabilities {
    bounding: CapabilitySet,
    inheritable: CapabilitySet,
    ambient: CapabilitySet,
}

impl Capabilities {
    /// Reads them in `/proc/PID/status`.
    pub(super) fn of(status: &str) -> Self {
        let set = |field: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(field)).unwrap_or_default();
            CapabilitySet::from_bits_retain(u64::from_str_radix(line.trim(), 16).unwrap_or_default())
        };
        Self { bounding: set("CapBnd:"), inheritable: set("CapInh:"), ambient: set("CapAmb:") }
    }

    /// Gives up what the process can never have; while there are still the rights to.
    pub(super) fn bound(&self) -> Result<()> {
        for number in 0..u64::BITS {
            let one = CapabilitySet::from_bits_retain(1 << number);
            match capability_is_in_bounding_set(one) {
                Ok(true) if !self.bounding.contains(one) => {}
                Ok(_) => continue,
                // The last one that the kernel knows was the one before.
                Err(_) => break,
            }
            remove_capability_from_bounding_set(one)
                .map_err(|errno| Error::call("prctl PR_CAPBSET_DROP", errno))?;
        }
        Ok(())
    }

    /// Hands on what the process hands on; as the user that it has.
    pub(super) fn hand_on(&self) -> Result<()> {
        let fail = |what: &'static str| move |errno: Errno| Error::call(what, errno);
        let mut sets = capabilities(None).map_err(fail("capget"))?;
        if sets.inheritable != self.inheritable {
            sets.inheritable = self.inheritable;
            set_capabilities(None, sets).map_err(fail("capset"))?;
        }
        for one in self.ambient.iter() {
            configure_capability_in_ambient_set(one, true).map_err(fail("prctl PR_CAP_AMBIENT_RAISE"))?;
        }
        Ok(())
    }

    /// The options of setpriv(1).
    pub(super) fn options(&self) -> String {
        let option = |name: &str, set: CapabilitySet| {
            let word = |capability: Capability| {
                format!(",+{}", capability.name().trim_start_matches("CAP_").to_lowercase())
            };
            let words: String = Named::from_bits(set.bits()).iter().map(word).collect();
            format!(" --{name} -all{words}")
        };
        let sets =
            [("bounding-set", self.bounding), ("inh-caps", self.inheritable), ("ambient-caps", self.ambient)];
        sets.map(|(name, set)| option(name, set)).concat()
    }
}
