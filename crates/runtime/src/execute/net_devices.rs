//! Network devices on their way into the container, and back where its start fails.

use palisade_network::{Moved as Device, Place, Site, SwitchOn, carry};
use rustix::process::Pid;

use crate::error::Result;
use crate::plan::DeviceMove;

/// The devices that were moved, for the way back.
#[derive(Debug)]
pub(super) struct Moved {
    home: Site,
    /// The container's network namespace, which is kept alive for the way back.
    inside: Site,
    devices: Vec<Device>,
}

impl Moved {
    /// Opens both namespaces. Nothing has moved yet.
    pub(super) fn prepare(pid: Pid) -> Result<Self> {
        let [home, inside] = [Place::Own, Place::Process(pid)].map(Site::new);
        for site in [&home, &inside] {
            site.handle()?;
            site.socket()?;
        }
        Ok(Self { home, inside, devices: Vec::new() })
    }

    /// Moves a device in, gives it its addresses back and switches it on.
    pub(super) fn move_in(&mut self, device: &DeviceMove) -> Result<()> {
        let mut moved = None;
        let outcome = carry(&self.home, &self.inside, &device.name, &device.inside, &mut moved);
        self.devices.extend(moved);
        outcome?;
        let Some(device) = self.devices.last() else { return Ok(()) };
        Ok(device.furnish(&self.inside, SwitchOn::Always)?)
    }

    /// Moves all devices back to what they were, as far as that can be.
    pub(super) fn undo(&self) -> Result<()> {
        let back = |device: &Device| device.back(&self.home, &self.inside);
        let undone: Vec<_> = self.devices.iter().rev().map(back).collect();
        Ok(undone.into_iter().collect::<palisade_network::Result<()>>()?)
    }
}
