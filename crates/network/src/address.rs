use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use rustix::io::Errno;

use crate::error::Error;
use crate::netlink::{ALL, NEW, Request, Socket, attributes};

const RTM_NEWADDR: u16 = 20;
const RTM_DELADDR: u16 = 21;
const RTM_GETADDR: u16 = 22;
const IFA_ADDRESS: u16 = 1;
const IFA_LOCAL: u16 = 2;
const IFA_BROADCAST: u16 = 4;
const IFA_FLAGS: u16 = 8;
const IFA_F_NODAD: u8 = 0x02;
const IFA_F_PERMANENT: u32 = 0x80;
pub(crate) const AF_INET: u8 = 2;
pub(crate) const AF_INET6: u8 = 10;
/// The attributes of an address that are its own: the two addresses, broadcast, flags, priority of its route, origin.
/// A label would carry the device's old name.
const KEPT: [u16; 6] = [IFA_ADDRESS, IFA_LOCAL, IFA_BROADCAST, IFA_FLAGS, 9, 11];
/// The size of `struct ifaddrmsg`.
const ADDRESS: usize = 8;

/// An address and the length of its network's prefix, `10.0.0.1/24`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cidr {
    /// The address.
    pub address: IpAddr,
    /// The bits that are the network's.
    pub prefix: u8,
}

impl Cidr {
    /// Returns the network that the address is in.
    #[must_use]
    pub fn network(self) -> Self {
        let address = match self.address {
            IpAddr::V4(address) => {
                let mask = u32::MAX.checked_shl(32 - u32::from(self.prefix)).unwrap_or(0);
                IpAddr::V4(Ipv4Addr::from_bits(address.to_bits() & mask))
            }
            IpAddr::V6(address) => {
                let mask = u128::MAX.checked_shl(128 - u32::from(self.prefix)).unwrap_or(0);
                IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & mask))
            }
        };
        Self { address, prefix: self.prefix }
    }

    /// Tells whether both are in one network of one size.
    #[must_use]
    pub fn shares_network(self, other: Self) -> bool {
        self.network() == other.network()
    }

    pub(crate) fn family(self) -> u8 {
        if self.address.is_ipv4() { AF_INET } else { AF_INET6 }
    }

    pub(crate) fn bytes(self) -> Vec<u8> {
        match self.address {
            IpAddr::V4(address) => address.octets().to_vec(),
            IpAddr::V6(address) => address.octets().to_vec(),
        }
    }
}

impl FromStr for Cidr {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let wrong = || {
            Error::rule(
                format_args!("address '{}'", text.escape_default()),
                "wanted ADDRESS/PREFIX, as 10.0.0.1/24",
            )
        };
        let (address, prefix) = text.split_once('/').ok_or_else(wrong)?;
        let address: IpAddr = address.parse().map_err(|_| wrong())?;
        let longest = if address.is_ipv4() { 32 } else { 128 };
        let prefix = prefix.parse().ok().filter(|prefix| (1..=longest).contains(prefix)).ok_or_else(wrong)?;
        Ok(Self { address, prefix })
    }
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

/// An address that a device has, with all that the kernel says of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// Its `struct ifaddrmsg`.
    header: Vec<u8>,
    /// The attributes that are kept.
    attributes: Vec<(u16, Vec<u8>)>,
}

impl Address {
    /// Returns the address as a person writes it; none of a family that is not IP.
    #[must_use]
    pub fn cidr(&self) -> Option<Cidr> {
        let find = |wanted| self.attributes.iter().find(|(kind, _)| *kind == wanted).map(|(_, value)| value);
        // Of two that are at the ends of a line, the local one is its own.
        let value = find(IFA_LOCAL).or_else(|| find(IFA_ADDRESS))?;
        let address = match value.len() {
            4 => IpAddr::from(<[u8; 4]>::try_from(value.as_slice()).ok()?),
            16 => IpAddr::from(<[u8; 16]>::try_from(value.as_slice()).ok()?),
            _ => return None,
        };
        Some(Cidr { address, prefix: *self.header.get(1)? })
    }

    /// Gives it to a device.
    pub(crate) fn give(&self, socket: &Socket, index: i32) -> Result<(), Errno> {
        let mut header = self.header.clone();
        header[4..ADDRESS].copy_from_slice(&index.to_ne_bytes());
        let request = Request::new(RTM_NEWADDR, NEW, &header);
        let add = |request: Request, (kind, value): &(u16, Vec<u8>)| request.attribute(*kind, value);
        socket.ask(self.attributes.iter().fold(request, add)).map(drop)
    }
}

/// Lists the permanent addresses of global scope of a device, which the kernel drops when it moves.
///
/// # Errors
/// None that the kernel is known to answer with.
pub fn lasting(socket: &Socket, index: i32) -> Result<Vec<Address>, Errno> {
    let all = socket.ask(Request::new(RTM_GETADDR, ALL, &[0; ADDRESS]))?;
    Ok(all.iter().filter(|address| is_kept(address, index)).map(|address| read(address)).collect())
}

/// Lists all addresses of all devices.
///
/// # Errors
/// None that the kernel is known to answer with.
pub fn addresses(socket: &Socket) -> Result<Vec<Cidr>, Errno> {
    let all = socket.ask(Request::new(RTM_GETADDR, ALL, &[0; ADDRESS]))?;
    let long_enough = all.iter().filter(|address| address.len() >= ADDRESS);
    Ok(long_enough.filter_map(|address| read(address).cidr()).collect())
}

/// Gives a device an address.
pub(crate) fn add(socket: &Socket, index: i32, cidr: Cidr) -> Result<(), Errno> {
    let request = Request::new(RTM_NEWADDR, NEW, &header(cidr, index)).attribute(IFA_LOCAL, &cidr.bytes());
    let request = request.attribute(IFA_ADDRESS, &cidr.bytes());
    socket.ask(request).map(drop)
}

/// Takes an address from a device.
pub(crate) fn remove(socket: &Socket, index: i32, cidr: Cidr) -> Result<(), Errno> {
    let request = Request::new(RTM_DELADDR, 0, &header(cidr, index)).attribute(IFA_LOCAL, &cidr.bytes());
    socket.ask(request).map(drop)
}

/// `struct ifaddrmsg`: family, length of the prefix, flags, scope, number of the device.
fn header(cidr: Cidr, index: i32) -> [u8; ADDRESS] {
    // Without it an address of IPv6 is of no use for a second, while the kernel looks for others that have it.
    let flags = if cidr.address.is_ipv6() { IFA_F_NODAD } else { 0 };
    let [a, b, c, d] = index.to_ne_bytes();
    [cidr.family(), cidr.prefix, flags, 0, a, b, c, d]
}

fn read(address: &[u8]) -> Address {
    let (header, rest) = address.split_at(ADDRESS);
    let list = attributes(rest).filter(|(kind, _)| KEPT.contains(kind));
    let attributes = list.map(|(kind, value)| (kind, value.to_vec())).collect();
    Address { header: header.to_vec(), attributes }
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

    #[test]
    fn networks() {
        for (text, network) in [
            ("10.1.2.3/24", "10.1.2.0/24"),
            ("10.1.2.3/32", "10.1.2.3/32"),
            ("10.1.2.3/1", "0.0.0.0/1"),
            ("fd00::7:1/64", "fd00::/64"),
            ("fd00::7/128", "fd00::7/128"),
        ] {
            let cidr: Cidr = text.parse().unwrap();
            assert_eq!((cidr.to_string().as_str(), cidr.network().to_string().as_str()), (text, network));
        }
        for bad in
            ["", "10.0.0.1", "10.0.0.1/0", "10.0.0.1/33", "fd00::/129", "10.0.0/8", "a/8", "10.0.0.1/ 8"]
        {
            assert!(bad.parse::<Cidr>().is_err(), "{bad}");
        }
        let near: [Cidr; 2] = ["10.0.0.1/24", "10.0.0.2/24"].map(|text| text.parse().unwrap());
        assert!(near[0].shares_network(near[1]));
        assert!(!near[0].shares_network("10.0.0.2/25".parse().unwrap()));
    }
}
