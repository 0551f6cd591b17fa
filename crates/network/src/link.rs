use std::os::fd::{AsRawFd, BorrowedFd};

use rustix::io::Errno;

use crate::error::{Error, Result};
use crate::netlink::{ALL, NEW, Request, Socket, attributes};

const RTM_NEWLINK: u16 = 16;
const RTM_DELLINK: u16 = 17;
const RTM_GETLINK: u16 = 18;
const IFLA_IFNAME: u16 = 3;
const IFLA_MASTER: u16 = 10;
const IFLA_LINKINFO: u16 = 18;
const IFLA_INFO_KIND: u16 = 1;
const IFLA_INFO_DATA: u16 = 2;
const IFLA_NET_NS_FD: u16 = 28;
const VETH_INFO_PEER: u16 = 1;
const IFF_UP: u32 = 1;
/// The size of `struct ifinfomsg`.
const LINK: usize = 16;
/// `IFNAMSIZ` without the zero at the end.
const LONGEST_NAME: usize = 15;

/// A network device, as the kernel describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// Its number in its network namespace.
    pub index: i32,
    /// Its name.
    pub name: String,
    /// Whether it is switched on.
    pub is_up: bool,
    /// Its kind, `veth` or `bridge`; none for hardware and loopback.
    pub kind: Option<String>,
}

/// Lists the devices of the socket's network namespace.
///
/// # Errors
/// None that the kernel is known to answer with.
pub fn links(socket: &Socket) -> std::result::Result<Vec<Link>, Errno> {
    let all = socket.ask(Request::new(RTM_GETLINK, ALL, &header(0, 0, 0)))?;
    Ok(all.iter().filter_map(|link| read(link)).collect())
}

/// Finds a device by its name.
///
/// # Errors
/// ENODEV where there is none.
pub fn link(socket: &Socket, name: &str) -> std::result::Result<Link, Errno> {
    let answer = socket.ask(Request::new(RTM_GETLINK, 0, &header(0, 0, 0)).text(IFLA_IFNAME, name))?;
    answer.first().and_then(|link| read(link)).ok_or(Errno::NODEV)
}

/// Checks the name of a device that is to be made.
///
/// # Errors
/// What the kernel would refuse without a word: empty, longer than 15 bytes, `.` or `..`, with a slash, a colon or a
/// blank in it.
pub fn check_name(name: &str) -> Result<()> {
    let odd = |character: char| {
        matches!(character, '/' | ':') || character.is_whitespace() || character.is_control()
    };
    let wrong = match name {
        "" => "is empty",
        "." | ".." => "is a directory's",
        _ if name.len() > LONGEST_NAME => "is longer than 15 bytes",
        _ if name.contains(odd) => "has a slash, a colon or a blank in it",
        _ => return Ok(()),
    };
    Err(Error::rule(format_args!("name of a network device '{}'", name.escape_default()), wrong))
}

/// Makes a pair of veth devices: one in the socket's network namespace, its peer in another.
pub(crate) fn add_veth(
    socket: &Socket,
    name: &str,
    peer: &str,
    there: BorrowedFd<'_>,
) -> std::result::Result<(), Errno> {
    let descriptor = there.as_raw_fd().to_ne_bytes();
    let request = Request::new(RTM_NEWLINK, NEW, &header(0, 0, 0)).text(IFLA_IFNAME, name);
    let request = request.nested(IFLA_LINKINFO, &[], |info| {
        info.text(IFLA_INFO_KIND, "veth").nested(IFLA_INFO_DATA, &[], |data| {
            data.nested(VETH_INFO_PEER, &header(0, 0, 0), |data| {
                data.text(IFLA_IFNAME, peer).attribute(IFLA_NET_NS_FD, &descriptor)
            })
        })
    });
    socket.ask(request).map(drop)
}

/// Makes a bridge.
pub(crate) fn add_bridge(socket: &Socket, name: &str) -> std::result::Result<(), Errno> {
    let request = Request::new(RTM_NEWLINK, NEW, &header(0, 0, 0)).text(IFLA_IFNAME, name);
    let request = request.nested(IFLA_LINKINFO, &[], |info| info.text(IFLA_INFO_KIND, "bridge"));
    socket.ask(request).map(drop)
}

/// Makes a device a port of a bridge and switches it on.
pub(crate) fn join(socket: &Socket, port: i32, bridge: i32) -> std::result::Result<(), Errno> {
    let request = Request::new(RTM_NEWLINK, 0, &header(port, IFF_UP, IFF_UP));
    socket.ask(request.attribute(IFLA_MASTER, &bridge.to_ne_bytes())).map(drop)
}

/// Removes a device; the peer of a veth device goes, too.
pub(crate) fn delete(socket: &Socket, index: i32) -> std::result::Result<(), Errno> {
    socket.ask(Request::new(RTM_DELLINK, 0, &header(index, 0, 0))).map(drop)
}

/// Whether a device passes packets on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Switch {
    On,
    Off,
}

pub(crate) fn switch(socket: &Socket, index: i32, switch: Switch) -> std::result::Result<(), Errno> {
    let flags = if switch == Switch::On { IFF_UP } else { 0 };
    socket.ask(Request::new(RTM_NEWLINK, 0, &header(index, flags, IFF_UP))).map(drop)
}

/// Gives a device to another network namespace, under this name.
pub(crate) fn send(
    socket: &Socket,
    index: i32,
    there: BorrowedFd<'_>,
    name: &str,
) -> std::result::Result<(), Errno> {
    let request = Request::new(RTM_NEWLINK, 0, &header(index, 0, 0));
    let request = request.attribute(IFLA_NET_NS_FD, &there.as_raw_fd().to_ne_bytes()).text(IFLA_IFNAME, name);
    socket.ask(request).map(drop)
}

/// `struct ifinfomsg`: family, type, number, flags, and which of them change.
fn header(index: i32, flags: u32, change: u32) -> [u8; LINK] {
    let mut header = [0; LINK];
    header[4..8].copy_from_slice(&index.to_ne_bytes());
    header[8..12].copy_from_slice(&flags.to_ne_bytes());
    header[12..16].copy_from_slice(&change.to_ne_bytes());
    header
}

fn read(link: &[u8]) -> Option<Link> {
    let index = i32::from_ne_bytes(*link.get(4..)?.first_chunk()?);
    let flags = u32::from_ne_bytes(*link.get(8..)?.first_chunk()?);
    let rest = link.get(LINK..)?;
    let find = |wanted| attributes(rest).find_map(|(kind, value)| (kind == wanted).then_some(value));
    let info = find(IFLA_LINKINFO).into_iter().flat_map(attributes);
    let kind = info.filter(|(kind, _)| *kind == IFLA_INFO_KIND).map(|(_, value)| text(value)).next();
    let name = find(IFLA_IFNAME).map(text).unwrap_or_default();
    Some(Link { index, name, is_up: flags & IFF_UP != 0, kind })
}

fn text(value: &[u8]) -> String {
    String::from_utf8_lossy(value.strip_suffix(&[0]).unwrap_or(value)).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_read_and_its_kind() {
        let mut bytes = header(7, IFF_UP, 0).to_vec();
        bytes.extend_from_slice(&[8, 0, 3, 0, b'b', b'r', b'0', 0]);
        bytes.extend_from_slice(&[16, 0, 18, 0, 11, 0, 1, 0, b'b', b'r', b'i', b'd', b'g', b'e', 0, 0]);
        let link = read(&bytes).unwrap();
        let expected =
            Link { index: 7, name: "br0".to_owned(), is_up: true, kind: Some("bridge".to_owned()) };
        assert_eq!(link, expected);
        assert_eq!(read(&bytes[..8]), None);
    }

    #[test]
    fn every_namespace_has_a_loopback() {
        let socket = Socket::open().unwrap();
        let lo = link(&socket, "lo").unwrap();
        assert_eq!((lo.index, lo.kind.as_deref()), (1, None));
        assert!(links(&socket).unwrap().contains(&lo));
        assert_eq!(link(&socket, "no-such-device"), Err(Errno::NODEV));
    }

    #[test]
    fn names_of_devices() {
        for (name, good) in [
            ("eth0", true),
            ("", false),
            ("..", false),
            ("a/b", false),
            ("a b", false),
            ("a-long-name-1234", false),
        ] {
            assert_eq!(check_name(name).is_ok(), good, "{name}");
        }
    }
}
