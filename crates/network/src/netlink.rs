//! `rtnetlink(7)`: requests about devices, addresses, routes and namespaces, and the answers to them.
//!
//! Synchronous and small: a request goes out, and all that answers it is there when [`Socket::ask`] returns.

use std::os::fd::OwnedFd;

use rustix::io::Errno;
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType};

/// `NLM_F_REQUEST | NLM_F_ACK`.
const ASKED: u16 = 0x5;
/// `NLM_F_DUMP`: asks for all objects of the kind.
pub const ALL: u16 = 0x300;
/// `NLM_F_CREATE | NLM_F_EXCL`: makes an object that must not be there yet.
pub const NEW: u16 = 0x600;
const HEADER: usize = 16;
/// `NLMSG_ERROR` and `NLMSG_DONE`.
const ERROR: u16 = 2;
const DONE: u16 = 3;

/// A message to the kernel; it asks for an acknowledgement.
#[derive(Debug)]
pub struct Request(Vec<u8>);

impl Request {
    /// Begins a request of a kind, `RTM_*`, with the header of that kind.
    #[must_use]
    pub fn new(kind: u16, flags: u16, header: &[u8]) -> Self {
        let mut bytes = vec![0; HEADER];
        bytes[4..6].copy_from_slice(&kind.to_ne_bytes());
        bytes[6..8].copy_from_slice(&(flags | ASKED).to_ne_bytes());
        bytes.extend_from_slice(header);
        Self(bytes)
    }

    /// Adds an attribute.
    #[must_use]
    pub fn attribute(mut self, kind: u16, value: &[u8]) -> Self {
        let length = u16::try_from(4 + value.len()).unwrap_or(u16::MAX);
        self.0.extend_from_slice(&length.to_ne_bytes());
        self.0.extend_from_slice(&kind.to_ne_bytes());
        self.0.extend_from_slice(value);
        self.0.resize(self.0.len().next_multiple_of(4), 0);
        self
    }

    /// Adds an attribute that is a text and ends in a zero.
    #[must_use]
    pub fn text(self, kind: u16, text: &str) -> Self {
        self.attribute(kind, &[text.as_bytes(), &[0]].concat())
    }

    /// Adds an attribute that is made of others, which `fill` adds behind `header`.
    #[must_use]
    pub fn nested(mut self, kind: u16, header: &[u8], fill: impl FnOnce(Self) -> Self) -> Self {
        let start = self.0.len();
        self = fill(self.attribute(kind, header));
        let length = u16::try_from(self.0.len() - start).unwrap_or(u16::MAX);
        self.0[start..start + 2].copy_from_slice(&length.to_ne_bytes());
        self
    }

    fn finish(mut self) -> Vec<u8> {
        let length = u32::try_from(self.0.len()).unwrap_or(u32::MAX);
        self.0[0..4].copy_from_slice(&length.to_ne_bytes());
        self.0
    }
}

/// A socket to the kernel, of the network namespace that the thread was in when it opened it.
#[derive(Debug)]
pub struct Socket(OwnedFd);

impl Socket {
    /// Opens one.
    ///
    /// # Errors
    /// Those of `socket(2)`.
    pub fn open() -> Result<Self, Errno> {
        // NETLINK_ROUTE is protocol 0, the default.
        rustix::net::socket_with(AddressFamily::NETLINK, SocketType::RAW, SocketFlags::CLOEXEC, None)
            .map(Self)
    }

    /// Sends a request and gives the objects of the answer, each with its kind's header and attributes.
    ///
    /// # Errors
    /// What the kernel answers instead: EPERM without CAP_NET_ADMIN over the socket's network namespace, ENODEV for a
    /// device that is not there, EEXIST for an object that is.
    pub fn ask(&self, request: Request) -> Result<Vec<Vec<u8>>, Errno> {
        rustix::net::send(&self.0, &request.finish(), SendFlags::empty())?;
        let mut buffer = vec![0; 1 << 16];
        let mut objects = Vec::new();
        loop {
            let receive = || rustix::net::recv(&self.0, &mut buffer[..], RecvFlags::TRUNC);
            let (length, _) = rustix::io::retry_on_intr(receive)?;
            let datagram = buffer.get(..length).ok_or(Errno::MSGSIZE)?;
            for (kind, payload) in messages(datagram) {
                match kind {
                    ERROR => return outcome(payload).map(|()| objects),
                    DONE => return Ok(objects),
                    _ => objects.push(payload.to_vec()),
                }
            }
        }
    }
}

fn outcome(payload: &[u8]) -> Result<(), Errno> {
    match payload.first_chunk::<4>().map(|errno| i32::from_ne_bytes(*errno)) {
        Some(0) => Ok(()),
        Some(errno) => Err(Errno::from_raw_os_error(errno.saturating_neg())),
        None => Err(Errno::BADMSG),
    }
}

/// Splits a datagram into its messages: kind and what is behind the header.
fn messages(mut rest: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    std::iter::from_fn(move || {
        let length = usize::try_from(u32::from_ne_bytes(*rest.first_chunk()?)).ok()?;
        let kind = u16::from_ne_bytes(*rest.get(4..)?.first_chunk()?);
        let payload = rest.get(HEADER..length)?;
        rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some((kind, payload))
    })
}

/// Splits what is behind an object's header into its attributes, each a kind and a value.
pub fn attributes(mut rest: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    std::iter::from_fn(move || {
        let length = usize::from(u16::from_ne_bytes(*rest.first_chunk()?));
        let kind = u16::from_ne_bytes(*rest.get(2..)?.first_chunk()?);
        let value = rest.get(4..length)?;
        rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some((kind, value))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_come_back() {
        let request =
            Request::new(16, 0, &[1, 2, 3, 4]).text(3, "eth0").attribute(28, &[7, 0, 0, 0]).finish();
        let all: Vec<_> = messages(&request).collect();
        assert_eq!(all.len(), 1);
        let (kind, payload) = all[0];
        assert_eq!((kind, &payload[..4]), (16, &[1, 2, 3, 4][..]));
        let found: Vec<_> = attributes(&payload[4..]).collect();
        assert_eq!(found, [(3, &b"eth0\0"[..]), (28, &[7, 0, 0, 0][..])]);
    }

    #[test]
    fn what_is_cut_short_ends_the_list() {
        for bytes in [&[][..], &[8, 0, 1], &[200, 0, 1, 0, 5], &[0; 4], &[3, 0, 1, 0]] {
            assert_eq!(attributes(bytes).count(), 0, "{bytes:?}");
            assert_eq!(messages(bytes).count(), 0, "{bytes:?}");
        }
    }
}
