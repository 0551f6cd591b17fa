use std::net::IpAddr;

use rustix::io::Errno;

use crate::address::{AF_INET, AF_INET6, Cidr};
use crate::netlink::{NEW, Request, Socket};

const RTM_NEWROUTE: u16 = 24;
const RTA_DST: u16 = 1;
const RTA_OIF: u16 = 4;
const RTA_GATEWAY: u16 = 5;
/// `RT_TABLE_MAIN`, `RTPROT_BOOT`, `RTN_UNICAST`.
const MAIN: u8 = 254;
const BOOT: u8 = 3;
const UNICAST: u8 = 1;
/// `RT_SCOPE_UNIVERSE` and `RT_SCOPE_LINK`.
const EVERYWHERE: u8 = 0;
const ON_LINK: u8 = 253;

/// Where packets to a network go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// Straight to their receiver, who is behind the device.
    OnLink(Cidr),
    /// All that know no other way, through this neighbour.
    Through(IpAddr),
}

/// Adds a route out of a device.
pub(crate) fn add(socket: &Socket, index: i32, way: Way) -> Result<(), Errno> {
    let request = match way {
        Way::OnLink(network) => {
            let scope = if network.address.is_ipv4() { ON_LINK } else { EVERYWHERE };
            let header = header(network.family(), network.prefix, scope);
            Request::new(RTM_NEWROUTE, NEW, &header).attribute(RTA_DST, &network.bytes())
        }
        Way::Through(neighbour) => {
            let family = if neighbour.is_ipv4() { AF_INET } else { AF_INET6 };
            let neighbour = Cidr { address: neighbour, prefix: 0 };
            Request::new(RTM_NEWROUTE, NEW, &header(family, 0, EVERYWHERE))
                .attribute(RTA_GATEWAY, &neighbour.bytes())
        }
    };
    socket.ask(request.attribute(RTA_OIF, &index.to_ne_bytes())).map(drop)
}

/// `struct rtmsg`: family, lengths of destination and source, service, table, origin, scope, type, flags.
fn header(family: u8, prefix: u8, scope: u8) -> [u8; 12] {
    [family, prefix, 0, 0, MAIN, BOOT, scope, UNICAST, 0, 0, 0, 0]
}
