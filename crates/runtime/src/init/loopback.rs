//! The loopback interface of a new network namespace, which begins switched off.

use std::os::fd::OwnedFd;

use rustix::io::Errno;
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType};

use super::Failure;
use super::named;

/// `struct nlmsghdr` and `struct ifinfomsg`, rtnetlink(7).
const LENGTH: usize = 32;
const RTM_NEWLINK: u16 = 16;
/// `NLM_F_REQUEST | NLM_F_ACK`.
const FLAGS: u16 = 5;
/// The loopback interface is the first of every network namespace.
const INDEX: i32 = 1;
const IFF_UP: u32 = 1;

/// Switches it on, as `ip link set lo up` does. Needs `CAP_NET_ADMIN` over the network namespace.
pub(super) fn bring_up() -> Result<(), Failure> {
    let socket = open().map_err(named("socket of rtnetlink"))?;
    rustix::net::send(&socket, &request(), SendFlags::empty()).map_err(named("send RTM_NEWLINK"))?;
    // A header, an error number, and the request's header again.
    let mut answer = [0u8; 128];
    let (length, _) = rustix::net::recv(&socket, &mut answer, RecvFlags::empty()).map_err(named("recv"))?;
    match answer.get(..length).and_then(|answer| answer.get(16..)).and_then(|error| error.first_chunk::<4>())
    {
        Some(error) => match i32::from_ne_bytes(*error) {
            0 => Ok(()),
            errno => Err(named("RTM_NEWLINK")(Errno::from_raw_os_error(errno.saturating_neg()))),
        },
        None => Err(named("RTM_NEWLINK")(Errno::BADMSG)),
    }
}

fn open() -> Result<OwnedFd, Errno> {
    // NETLINK_ROUTE is protocol 0, the default.
    rustix::net::socket_with(AddressFamily::NETLINK, SocketType::RAW, SocketFlags::CLOEXEC, None)
}

fn request() -> [u8; LENGTH] {
    let mut message = [0u8; LENGTH];
    let mut place = message.iter_mut();
    let index = INDEX.to_ne_bytes();
    // Length, type, flags, sequence, port; family and padding, device type, index, flags, which of them change.
    let fields: [&[u8]; 9] = [
        &32u32.to_ne_bytes(),
        &RTM_NEWLINK.to_ne_bytes(),
        &FLAGS.to_ne_bytes(),
        &[0; 8],
        &[0; 2],
        &[0; 2],
        &index,
        &IFF_UP.to_ne_bytes(),
        &IFF_UP.to_ne_bytes(),
    ];
    for byte in fields.into_iter().flatten() {
        if let Some(place) = place.next() {
            *place = *byte;
        }
    }
    message
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_request_fills_its_length() {
        let message = request();
        assert_eq!(message[..8], [32, 0, 0, 0, 16, 0, 5, 0]);
        assert_eq!(message[16..], [0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0]);
    }
}
