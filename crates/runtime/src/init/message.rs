//! What init and host say to each other over a `SOCK_SEQPACKET` socket pair: packets of a fixed size from init,
//! one byte from the host. Nothing here allocates.

use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::io::{Errno, IoSlice, IoSliceMut};
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage,
    SendFlags,
};

use rustix::process::Pid;

use crate::plan::Point;

/// The size in bytes of a packet from init. A launch image reports in 16 bytes and is told apart by that.
const SIZE: usize = 16 + palisade_mount::Failure::SIZE;
const STEP_SIZE: usize = 32;

/// What init says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Message {
    /// A point is reached.
    Reached(Point),
    /// Init goes on in the process of this number.
    Forked(i32),
    /// The terminal's master comes with this packet.
    Terminal,
    /// An operation of the init list is done; nanoseconds since the one before.
    Done { index: u32, nanoseconds: u64 },
    /// An operation of the init list failed.
    Failed { index: u32, errno: i32, step: StepName },
    /// A file-system operation of the init list failed.
    FileSystemFailed { index: u32, failure: palisade_mount::Failure },
    /// An operation of the exec list failed, in the launch image.
    LaunchFailed { tag: u64, errno: i32 },
    /// The launch image waits for `start`.
    Ready,
    /// The launch image loads a filter with a listener, and will say at this address which descriptor that is.
    Listens { address: u64 },
}

/// The name of the system call that failed, by value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct StepName([u8; STEP_SIZE]);

impl StepName {
    pub(crate) fn new(name: &str) -> Self {
        let mut bytes = [0; STEP_SIZE];
        for (place, byte) in bytes.iter_mut().zip(name.bytes()) {
            *place = byte;
        }
        Self(bytes)
    }

    pub(crate) fn as_str(&self) -> &str {
        let end = self.0.iter().position(|byte| *byte == 0).unwrap_or(STEP_SIZE);
        std::str::from_utf8(&self.0[..end]).unwrap_or("?")
    }
}

impl Message {
    fn encode(self) -> [u8; SIZE] {
        let mut packet = [0; SIZE];
        let (kind, index, value) = match self {
            Self::Reached(point) => (0u32, point as u32, 0),
            Self::Forked(pid) => (1, 0, u64::from(pid.unsigned_abs())),
            Self::Terminal => (2, 0, 0),
            Self::Done { index, nanoseconds } => (3, index, nanoseconds),
            Self::Failed { index, errno, step } => {
                packet[16..16 + STEP_SIZE].copy_from_slice(&step.0);
                (4u32, index, u64::from(errno.unsigned_abs()))
            }
            Self::LaunchFailed { tag, errno } => (5, errno.unsigned_abs(), tag),
            Self::Listens { address } => (7, 0, address),
            Self::Ready => (8, 0, 0),
            Self::FileSystemFailed { index, failure } => {
                packet[16..].copy_from_slice(&failure.to_bytes());
                (6, index, 0)
            }
        };
        packet[0..4].copy_from_slice(&kind.to_le_bytes());
        packet[4..8].copy_from_slice(&index.to_le_bytes());
        packet[8..16].copy_from_slice(&value.to_le_bytes());
        packet
    }

    /// Reads a packet of init or of a launch image; none when it is neither.
    fn decode(packet: &[u8]) -> Option<Self> {
        let word = |from: usize| Some(u64::from_le_bytes(packet.get(from..from + 8)?.try_into().ok()?));
        if packet.len() == palisade_sys::launch::REPORT_SIZE {
            let tag = word(0)?;
            if tag == palisade_sys::launch::LISTENS {
                return Some(Self::Listens { address: word(8)? });
            }
            let value = i32::try_from(word(8)?).ok()?;
            return Some(match tag {
                palisade_sys::launch::FORKED => Self::Forked(value),
                palisade_sys::launch::READY => Self::Ready,
                _ => Self::LaunchFailed { tag, errno: value },
            });
        }
        let half = |from: usize| Some(u32::from_le_bytes(packet.get(from..from + 4)?.try_into().ok()?));
        let (kind, index, value) = (half(0)?, half(4)?, word(8)?);
        let number = i32::try_from(value).ok();
        Some(match kind {
            0 => Self::Reached(*Point::ALL.get(usize::try_from(index).ok()?)?),
            1 => Self::Forked(number?),
            2 => Self::Terminal,
            3 => Self::Done { index, nanoseconds: value },
            4 => {
                let step = StepName(packet.get(16..16 + STEP_SIZE)?.try_into().ok()?);
                Self::Failed { index, errno: number?, step }
            }
            5 => Self::LaunchFailed { tag: value, errno: i32::try_from(index).ok()? },
            7 => Self::Listens { address: value },
            8 => Self::Ready,
            6 => {
                let failure = palisade_mount::Failure::from_bytes(packet.get(16..)?.try_into().ok()?)?;
                Self::FileSystemFailed { index, failure }
            }
            _ => return None,
        })
    }
}

/// Reads a packet that came through a FIFO.
pub(crate) fn decode(packet: &[u8]) -> Option<Message> {
    Message::decode(packet)
}

/// Sends a packet, with a descriptor where one goes along.
pub(crate) fn send(
    socket: BorrowedFd<'_>,
    message: Message,
    descriptor: Option<BorrowedFd<'_>>,
) -> Result<(), Errno> {
    let packet = message.encode();
    let Some(descriptor) = descriptor else {
        // A plain write, because a FIFO may have taken the socket's place.
        rustix::io::write(socket, &packet)?;
        return Ok(());
    };
    send_descriptor(socket, &packet, descriptor)
}

/// Sends bytes with a descriptor.
pub(crate) fn send_descriptor(
    socket: BorrowedFd<'_>,
    bytes: &[u8],
    descriptor: BorrowedFd<'_>,
) -> Result<(), Errno> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    let descriptors = [descriptor];
    control.push(SendAncillaryMessage::ScmRights(&descriptors));
    rustix::net::sendmsg(socket, &[IoSlice::new(bytes)], &mut control, SendFlags::NOSIGNAL)?;
    Ok(())
}

/// A packet with what came along.
#[derive(Debug)]
pub(crate) struct Received {
    pub(crate) message: Message,
    pub(crate) descriptor: Option<OwnedFd>,
    /// Who sent it, where the socket was told to say so by SO_PASSCRED.
    pub(crate) sender: Option<Pid>,
}

/// Receives a packet; none when the other side is closed.
pub(crate) fn receive(socket: impl AsFd) -> Result<Option<Received>, Errno> {
    let mut packet = [0; SIZE];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1), ScmCredentials(1))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let mut receive_once = || {
        let mut buffers = [IoSliceMut::new(&mut packet)];
        rustix::net::recvmsg(&socket, &mut buffers, &mut control, RecvFlags::CMSG_CLOEXEC)
    };
    let received = loop {
        match receive_once() {
            // Init ended without reading all that it was sent. This is told once, ahead of what init had to say.
            Err(Errno::INTR | Errno::CONNRESET) => {}
            other => break other?,
        }
    };
    let (mut descriptor, mut sender) = (None, None);
    for message in control.drain() {
        match message {
            RecvAncillaryMessage::ScmRights(mut descriptors) => descriptor = descriptors.next(),
            RecvAncillaryMessage::ScmCredentials(credentials) => sender = Some(credentials.pid),
            _ => {}
        }
    }
    if received.bytes == 0 {
        return Ok(None);
    }
    let message = Message::decode(&packet[..received.bytes]).ok_or(Errno::PROTO)?;
    Ok(Some(Received { message, descriptor, sender }))
}

/// Lets init go on.
pub(crate) fn release(socket: impl AsFd, point: Point) -> Result<(), Errno> {
    rustix::net::send(socket, &[point as u8], SendFlags::NOSIGNAL)?;
    Ok(())
}

/// Waits until the host lets go of a point. ECANCELED: the host is gone.
pub(crate) fn await_release(socket: BorrowedFd<'_>, point: Point) -> Result<(), Errno> {
    let mut byte = [0u8; 1];
    let (read, _) = rustix::io::retry_on_intr(|| rustix::net::recv(socket, &mut byte, RecvFlags::empty()))?;
    match read {
        0 => Err(Errno::CANCELED),
        _ if byte[0] == point as u8 => Ok(()),
        _ => Err(Errno::PROTO),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_survive_the_wire() {
        let messages = [
            Message::Reached(Point::Hooks),
            Message::Forked(4711),
            Message::Terminal,
            Message::Done { index: 3, nanoseconds: u64::MAX },
            Message::Failed { index: 7, errno: 13, step: StepName::new("mount_setattr") },
            Message::LaunchFailed { tag: 9, errno: 2 },
            Message::Listens { address: 0x7fff_ffff_f000 },
            Message::Ready,
        ];
        for message in messages {
            assert_eq!(Message::decode(&message.encode()), Some(message));
        }
    }

    #[test]
    fn the_last_words_of_an_init_that_did_not_listen_are_heard() {
        use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};
        let (host, init) =
            socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None).unwrap();
        let last = Message::Failed { index: 1, errno: 2, step: StepName::new("open") };
        release(&host, Point::Group).unwrap();
        send(init.as_fd(), last, None).unwrap();
        drop(init);
        assert_eq!(receive(&host).unwrap().map(|received| received.message), Some(last));
        assert!(receive(&host).unwrap().is_none());
    }

    #[test]
    fn a_launch_report_is_told_by_its_size() {
        let mut packet = [0; 16];
        packet[0] = 5;
        packet[8] = 2;
        assert_eq!(Message::decode(&packet), Some(Message::LaunchFailed { tag: 5, errno: 2 }));
        packet[..8].copy_from_slice(&palisade_sys::launch::FORKED.to_le_bytes());
        assert_eq!(Message::decode(&packet), Some(Message::Forked(2)));
    }

    #[test]
    fn nonsense_is_not_a_message() {
        assert_eq!(Message::decode(&[]), None);
        assert_eq!(Message::decode(&[9; SIZE]), None);
        assert_eq!(Message::decode(&[0; 7]), None);
    }

    #[test]
    fn long_step_names_are_cut() {
        assert_eq!(StepName::new(&"x".repeat(100)).as_str(), "x".repeat(STEP_SIZE));
    }
}
