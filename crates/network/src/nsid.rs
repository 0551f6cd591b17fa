use std::collections::BTreeSet;
use std::os::fd::{AsRawFd, BorrowedFd};

use rustix::io::Errno;

use crate::netlink::{ALL, Request, Socket, attributes};

const RTM_NEWNSID: u16 = 88;
const RTM_GETNSID: u16 = 90;
const NETNSA_NSID: u16 = 1;
const NETNSA_FD: u16 = 3;
/// `struct rtgenmsg`, with what fills it up to the next attribute.
const GENERAL: [u8; 4] = [0; 4];
/// `NETNSA_NSID_NOT_ASSIGNED`.
const NONE: i32 = -1;

/// The number by which a network namespace is told of in another one's netlink messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WantedId {
    /// This one.
    Number(u32),
    /// The next that is free.
    Free,
}

/// Returns the number that a namespace has in the socket's one; none where nobody gave it one.
///
/// # Errors
/// EINVAL for what is no network namespace. Linux 3.20.
pub fn id(socket: &Socket, namespace: BorrowedFd<'_>) -> Result<Option<i32>, Errno> {
    let descriptor = namespace.as_raw_fd().to_ne_bytes();
    let answer = socket.ask(Request::new(RTM_GETNSID, 0, &GENERAL).attribute(NETNSA_FD, &descriptor))?;
    Ok(answer.first().and_then(|answer| read(answer)))
}

/// Returns all numbers that are given in the socket's namespace, in one question.
///
/// # Errors
/// None that the kernel is known to answer with. Linux 3.20.
pub fn ids(socket: &Socket) -> Result<BTreeSet<i32>, Errno> {
    let all = socket.ask(Request::new(RTM_GETNSID, ALL, &GENERAL))?;
    Ok(all.iter().filter_map(|answer| read(answer)).collect())
}

/// Gives a namespace a number in the socket's one; nobody can take it back.
///
/// # Errors
/// EEXIST where it has one, ENOSPC where the number is another's, EPERM without CAP_NET_ADMIN.
pub(crate) fn set(socket: &Socket, namespace: BorrowedFd<'_>, id: WantedId) -> Result<(), Errno> {
    let number = match id {
        WantedId::Number(number) => i32::try_from(number).map_err(|_| Errno::INVAL)?,
        WantedId::Free => NONE,
    };
    let request = Request::new(RTM_NEWNSID, 0, &GENERAL).attribute(NETNSA_NSID, &number.to_ne_bytes());
    socket.ask(request.attribute(NETNSA_FD, &namespace.as_raw_fd().to_ne_bytes())).map(drop)
}

fn read(answer: &[u8]) -> Option<i32> {
    let all = attributes(answer.get(GENERAL.len()..)?);
    let number = all.filter(|(kind, _)| *kind == NETNSA_NSID).find_map(|(_, value)| value.first_chunk());
    number.map(|number| i32::from_ne_bytes(*number)).filter(|number| *number != NONE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use palisade_namespace::{Handle, Kind};
    use std::os::fd::AsFd;

    #[test]
    fn numbers_are_read() {
        assert_eq!(read(&[0, 0, 0, 0, 8, 0, 1, 0, 7, 0, 0, 0]), Some(7));
        assert_eq!(read(&[0, 0, 0, 0, 8, 0, 1, 0, 255, 255, 255, 255]), None);
        assert_eq!(read(&[0]), None);
        let socket = Socket::open().unwrap();
        let own = Handle::current(Kind::Net).unwrap();
        let number = id(&socket, own.as_fd()).unwrap();
        let all = ids(&socket).unwrap();
        assert!(number.is_none_or(|number| all.contains(&number)), "{number:?} {all:?}");
        let uts = Handle::current(Kind::Uts).unwrap();
        assert_eq!(id(&socket, uts.as_fd()), Err(Errno::INVAL));
    }
}
