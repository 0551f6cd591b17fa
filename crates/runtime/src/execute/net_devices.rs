//! Network devices on their way into the container, and back where its start fails.

use std::os::fd::{AsFd, AsRawFd, OwnedFd};

use palisade_sys::clone;
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::process::Pid;

use crate::error::{During, Error, Result};
use crate::netlink::{ALL, NEW, Request, Socket, attributes};
use crate::plan::DeviceMove;

const RTM_NEWLINK: u16 = 16;
const RTM_GETLINK: u16 = 18;
const RTM_NEWADDR: u16 = 20;
const RTM_GETADDR: u16 = 22;
const IFLA_IFNAME: u16 = 3;
const IFLA_NET_NS_FD: u16 = 28;
const IFF_UP: u32 = 1;
const IFA_FLAGS: u16 = 8;
const IFA_F_PERMANENT: u32 = 0x80;
/// The attributes of an address that are its own: the two addresses, broadcast, flags, priority of its route, origin.
/// A label would carry the device's old name.
const KEPT: [u16; 6] = [1, 2, 4, IFA_FLAGS, 9, 11];
/// The sizes of `struct ifinfomsg` and `struct ifaddrmsg`.
const LINK: usize = 16;
const ADDRESS: usize = 8;

/// The devices that were moved, for the way back.
#[derive(Debug)]
pub(super) struct Moved {
    /// To the kernel, about the runtime's network namespace and about the container's, which it keeps alive.
    home: Socket,
    inside: Socket,
    home_namespace: OwnedFd,
    devices: Vec<Device>,
}

#[derive(Debug)]
struct Device {
    name: String,
    /// Its number inside.
    index: i32,
    was_up: bool,
    addresses: Vec<Address>,
}

/// An address that a device has.
#[derive(Debug)]
struct Address {
    /// Its `struct ifaddrmsg`.
    header: Vec<u8>,
    /// The attributes that are kept.
    attributes: Vec<(u16, Vec<u8>)>,
}

impl Moved {
    /// Opens both namespaces. Nothing has moved yet.
    pub(super) fn prepare(pid: Pid) -> Result<Self> {
        let open = |path: &str| {
            rustix::fs::open(path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())
                .during(format_args!("open {path}"))
        };
        let home_namespace = open("/proc/thread-self/ns/net")?;
        let namespace = open(&format!("/proc/{}/ns/net", pid.as_raw_nonzero()))?;
        let home = Socket::open().during("socket of rtnetlink")?;
        clone::setns(namespace.as_fd(), clone::CLONE_NEWNET).during("setns into the network namespace")?;
        let inside = Socket::open();
        clone::setns(home_namespace.as_fd(), clone::CLONE_NEWNET)
            .during("setns back to the own network namespace")?;
        Ok(Self { home, inside: inside.during("socket of rtnetlink")?, home_namespace, devices: Vec::new() })
    }

    /// Moves a device in, gives it its addresses back and switches it on.
    pub(super) fn move_in(&mut self, pid: Pid, device: &DeviceMove) -> Result<()> {
        let name = &device.name;
        let link = self.home.ask(Request::new(RTM_GETLINK, 0, &link_header(0, 0, 0)).text(IFLA_IFNAME, name));
        let link = link.during(format_args!("look for {name}"))?;
        let (index, flags) = link.first().and_then(|link| read_link(link)).ok_or_else(no_answer)?;
        let addresses = self.addresses(index)?;
        let path = format!("/proc/{}/ns/net", pid.as_raw_nonzero());
        let namespace = rustix::fs::open(&path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())
            .during(format_args!("open {path}"))?;
        let before = indices(&self.inside)?;
        let header = link_header(index, 0, 0);
        let request = Request::new(RTM_NEWLINK, 0, &header)
            .attribute(IFLA_NET_NS_FD, &namespace.as_raw_fd().to_ne_bytes())
            .text(IFLA_IFNAME, &device.inside);
        let outcome = self.home.ask(request);
        // The kernel may have given it another number and, of a template, another name; and where it could not be
        // renamed it has moved nevertheless.
        let after = indices(&self.inside)?;
        let there = after.into_iter().find(|index| !before.contains(index));
        let was_up = flags & IFF_UP != 0;
        let moved = |index| Device { name: name.clone(), index, was_up, addresses };
        self.devices.extend(there.map(moved));
        outcome.map_err(|errno| refusal(device, errno))?;
        let index = there.ok_or_else(no_answer)?;
        let Some(device) = self.devices.last() else { return Ok(()) };
        furnish(&self.inside, index, device).map_err(|error| error.context(name))?;
        switch_on(&self.inside, index).map_err(|error| error.context(name))
    }

    /// Moves all devices back to what they were, as far as that can be.
    pub(super) fn undo(&self) -> Result<()> {
        let undone: Vec<Result<()>> =
            self.devices.iter().rev().map(|device| self.move_back(device)).collect();
        undone.into_iter().collect()
    }

    fn move_back(&self, device: &Device) -> Result<()> {
        let Device { name, index, .. } = device;
        let home = self.home_namespace.as_raw_fd().to_ne_bytes();
        let request = Request::new(RTM_NEWLINK, 0, &link_header(*index, 0, 0))
            .attribute(IFLA_NET_NS_FD, &home)
            .text(IFLA_IFNAME, name);
        self.inside.ask(request).during(format_args!("move {name} back"))?;
        let link = self.home.ask(Request::new(RTM_GETLINK, 0, &link_header(0, 0, 0)).text(IFLA_IFNAME, name));
        let link = link.during(format_args!("look for {name}"))?;
        let (index, _) = link.first().and_then(|link| read_link(link)).ok_or_else(no_answer)?;
        furnish(&self.home, index, device)?;
        if device.was_up { switch_on(&self.home, index) } else { Ok(()) }
    }

    /// Lists the permanent addresses of global scope of a device, which the kernel drops when it moves.
    fn addresses(&self, index: i32) -> Result<Vec<Address>> {
        let all = self.home.ask(Request::new(RTM_GETADDR, ALL, &[0; ADDRESS])).during("list addresses")?;
        let own = all.iter().filter(|address| is_kept(address, index));
        let kept = own.map(|address| {
            let (header, rest) = address.split_at(ADDRESS);
            let list = attributes(rest).filter(|(kind, _)| KEPT.contains(kind));
            let attributes = list.map(|(kind, value)| (kind, value.to_vec())).collect();
            Address { header: header.to_vec(), attributes }
        });
        Ok(kept.collect())
    }
}

/// Words that a device could not be moved.
fn refusal(device: &DeviceMove, errno: Errno) -> Error {
    let error = Error::call(format_args!("move {} in as {}", device.name, device.inside), errno);
    match errno {
        Errno::EXIST => error.hint("the container has a device of that name"),
        Errno::INVAL => error.hint("devices of its kind stay where they are, or it is there already"),
        _ => error,
    }
}

/// Tells whether an address is a device's own, of global scope, and not one that runs out.
fn is_kept(address: &[u8], index: i32) -> bool {
    let Some((&[_, _, few_flags, scope, number @ ..], rest)) = address.split_first_chunk::<ADDRESS>() else {
        return false;
    };
    let all_flags = attributes(rest).find_map(|(kind, value)| match kind {
        IFA_FLAGS => value.first_chunk().map(|flags| u32::from_ne_bytes(*flags)),
        _ => None,
    });
    let flags = all_flags.unwrap_or(u32::from(few_flags));
    i32::from_ne_bytes(number) == index && scope == 0 && flags & IFA_F_PERMANENT != 0
}

/// Gives a device its addresses.
fn furnish(socket: &Socket, index: i32, device: &Device) -> Result<()> {
    for Address { header, attributes } in &device.addresses {
        let mut header = header.clone();
        header[4..ADDRESS].copy_from_slice(&index.to_ne_bytes());
        let request = Request::new(RTM_NEWADDR, NEW, &header);
        let request =
            attributes.iter().fold(request, |request, (kind, value)| request.attribute(*kind, value));
        socket.ask(request).during("give it an address that it had")?;
    }
    Ok(())
}

fn switch_on(socket: &Socket, index: i32) -> Result<()> {
    let request = Request::new(RTM_NEWLINK, 0, &link_header(index, IFF_UP, IFF_UP));
    socket.ask(request).map(drop).during("switch it on")
}

fn indices(socket: &Socket) -> Result<Vec<i32>> {
    let links = socket.ask(Request::new(RTM_GETLINK, ALL, &link_header(0, 0, 0)));
    let links = links.during("list the container's network devices")?;
    Ok(links.iter().filter_map(|link| read_link(link)).map(|(index, _)| index).collect())
}

/// `struct ifinfomsg`: family, type, number, flags, and which of them change.
fn link_header(index: i32, flags: u32, change: u32) -> [u8; LINK] {
    let mut header = [0; LINK];
    header[4..8].copy_from_slice(&index.to_ne_bytes());
    header[8..12].copy_from_slice(&flags.to_ne_bytes());
    header[12..16].copy_from_slice(&change.to_ne_bytes());
    header
}

fn read_link(link: &[u8]) -> Option<(i32, u32)> {
    let index = i32::from_ne_bytes(*link.get(4..)?.first_chunk()?);
    let flags = u32::from_ne_bytes(*link.get(8..)?.first_chunk()?);
    Some((index, flags))
}

fn no_answer() -> Error {
    Error::new("rtnetlink gave no answer about the device")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn permanent_global_addresses_of_the_device_are_kept() {
        let address = |flags: u8, scope: u8, index: u8, more: Option<u32>| {
            let mut bytes = vec![2, 24, flags, scope, index, 0, 0, 0];
            if let Some(more) = more {
                bytes.extend_from_slice(&[8, 0, 8, 0]);
                bytes.extend_from_slice(&more.to_ne_bytes());
            }
            bytes
        };
        assert!(is_kept(&address(0x80, 0, 3, None), 3));
        assert!(is_kept(&address(0, 0, 3, Some(0x280)), 3), "the long flags count");
        assert!(!is_kept(&address(0x80, 0, 3, Some(0)), 3));
        assert!(!is_kept(&address(0x80, 253, 3, None), 3), "of the link alone");
        assert!(!is_kept(&address(0x80, 0, 4, None), 3), "of another device");
        assert!(!is_kept(&[2, 24], 3));
    }
}
