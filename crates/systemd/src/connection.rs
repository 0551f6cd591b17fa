//! A connection to a bus or to systemd itself.

use std::os::fd::OwnedFd;
use std::time::Instant;

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags};

use crate::address::Address;
use crate::message::{Call, FIXED, Kind, Message, Peer, decode, total_length};
use crate::value::Value;
use crate::{Error, ErrorKind};

/// A connection that is ready for calls.
#[derive(Debug)]
pub(crate) struct Connection {
    socket: OwnedFd,
    peer: Peer,
    /// What came and belongs to no whole message yet.
    received: Vec<u8>,
    /// Signals that came while an answer was waited for.
    signals: Vec<Message>,
    serial: u32,
}

impl Connection {
    /// Connects, proves who this process is, and greets a bus.
    pub(crate) fn open(address: &Address, deadline: Instant) -> Result<Self, Error> {
        let socket = address.connect(deadline)?;
        let mut connection =
            Self { socket, peer: address.peer, received: Vec::new(), signals: Vec::new(), serial: 0 };
        connection.greet(deadline).map_err(|error| error.context(format_args!("greet {address}")))?;
        Ok(connection)
    }

    fn greet(&mut self, deadline: Instant) -> Result<(), Error> {
        // No id is named: the kernel tells it, also from within a user namespace, where it is another one.
        self.send(b"\0AUTH EXTERNAL\r\n", deadline)?;
        let mut line = self.line(deadline)?;
        if line.starts_with("DATA") {
            self.send(b"DATA\r\n", deadline)?;
            line = self.line(deadline)?;
        }
        if !line.starts_with("OK") {
            let message = format!("it does not let user {} in: {line}", rustix::process::geteuid().as_raw());
            return Err(Error::new(ErrorKind::Refused, message));
        }
        self.send(b"BEGIN\r\n", deadline)?;
        if self.peer == Peer::Bus {
            self.call(&bus_call("Hello", &[]), deadline)?;
        }
        Ok(())
    }

    /// Asks a bus for the signals that a rule matches; systemd itself sends them unasked.
    pub(crate) fn subscribe(&mut self, rule: &str, deadline: Instant) -> Result<(), Error> {
        if self.peer == Peer::Bus {
            self.call(&bus_call("AddMatch", &[Value::Text(rule.to_owned())]), deadline)?;
        }
        Ok(())
    }

    /// Calls a method and waits for its answer.
    pub(crate) fn call(&mut self, call: &Call<'_>, deadline: Instant) -> Result<Vec<Value>, Error> {
        let context = |error: Error| error.context(call.member);
        self.serial += 1;
        let serial = self.serial;
        let bytes = call.encode(serial, self.peer).map_err(context)?;
        self.send(&bytes, deadline).map_err(context)?;
        loop {
            let message = self.next(deadline).map_err(context)?;
            match message.kind {
                Kind::Return if message.answers == serial => return Ok(message.body),
                Kind::Error if message.answers == serial => return Err(context(refusal(&message))),
                Kind::Signal => self.signals.push(message),
                // An answer to a call that was given up, or a call, which nobody has a reason to make here.
                Kind::Return | Kind::Error | Kind::Call => {}
            }
        }
    }

    /// Waits for a signal, which may have come already.
    pub(crate) fn await_signal<T>(
        &mut self,
        deadline: Instant,
        pick: impl Fn(&Message) -> Option<T>,
    ) -> Result<T, Error> {
        for message in std::mem::take(&mut self.signals) {
            if let Some(found) = pick(&message) {
                return Ok(found);
            }
        }
        loop {
            let message = self.next(deadline)?;
            if let Some(found) = pick(&message).filter(|_| message.kind == Kind::Signal) {
                return Ok(found);
            }
        }
    }

    fn next(&mut self, deadline: Instant) -> Result<Message, Error> {
        self.fill(FIXED, deadline)?;
        let total = total_length(&self.received)?;
        self.fill(total, deadline)?;
        let rest = self.received.split_off(total);
        decode(&std::mem::replace(&mut self.received, rest))
    }

    /// Reads a line of the conversation before the first message.
    fn line(&mut self, deadline: Instant) -> Result<String, Error> {
        const LONGEST: usize = 16 * 1024;
        loop {
            if let Some(end) = self.received.windows(2).position(|pair| pair == b"\r\n") {
                let rest = self.received.split_off(end + 2);
                let line = std::mem::replace(&mut self.received, rest);
                return Ok(String::from_utf8_lossy(&line).trim_end().to_owned());
            }
            if self.received.len() > LONGEST {
                return Err(Error::new(ErrorKind::Other, "its first line has no end"));
            }
            self.fill(self.received.len() + 1, deadline)?;
        }
    }

    /// Reads until there are `size` bytes.
    fn fill(&mut self, size: usize, deadline: Instant) -> Result<(), Error> {
        let mut buffer = [0u8; 4096];
        while self.received.len() < size {
            match rustix::net::recv(&self.socket, &mut buffer[..], RecvFlags::empty()) {
                Ok((0, _)) => return Err(Error::new(ErrorKind::Other, "it hung up")),
                Ok((count, _)) => self.received.extend_from_slice(buffer.get(..count).unwrap_or_default()),
                Err(Errno::AGAIN) => self.wait(PollFlags::IN, deadline)?,
                Err(Errno::INTR) => {}
                Err(errno) => return Err(Error::call("receive", errno)),
            }
        }
        Ok(())
    }

    fn send(&mut self, mut bytes: &[u8], deadline: Instant) -> Result<(), Error> {
        while !bytes.is_empty() {
            match rustix::net::send(&self.socket, bytes, SendFlags::NOSIGNAL) {
                Ok(count) => bytes = bytes.get(count..).unwrap_or_default(),
                Err(Errno::AGAIN) => self.wait(PollFlags::OUT, deadline)?,
                Err(Errno::INTR) => {}
                Err(Errno::PIPE | Errno::CONNRESET) => {
                    return Err(Error::new(ErrorKind::Other, "it hung up"));
                }
                Err(errno) => return Err(Error::call("send", errno)),
            }
        }
        Ok(())
    }

    fn wait(&self, flags: PollFlags, deadline: Instant) -> Result<(), Error> {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(Error::new(ErrorKind::Silent, "no answer in time"));
        }
        let timeout = Timespec {
            tv_sec: i64::try_from(left.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: i64::from(left.subsec_nanos()),
        };
        match rustix::event::poll(&mut [PollFd::new(&self.socket, flags)], Some(&timeout)) {
            Ok(_) | Err(Errno::INTR) => Ok(()),
            Err(errno) => Err(Error::call("poll", errno)),
        }
    }
}

fn bus_call<'a>(member: &'a str, body: &'a [Value]) -> Call<'a> {
    const BUS: &str = "org.freedesktop.DBus";
    Call { destination: BUS, path: "/org/freedesktop/DBus", interface: BUS, member, body }
}

fn refusal(message: &Message) -> Error {
    let text = message.body.first().and_then(Value::as_text).unwrap_or_default();
    let kind = match message.error.as_str() {
        "org.freedesktop.systemd1.NoSuchUnit" => ErrorKind::NoSuchUnit,
        "org.freedesktop.DBus.Error.ServiceUnknown" | "org.freedesktop.DBus.Error.NameHasNoOwner" => {
            ErrorKind::Absent
        }
        "org.freedesktop.DBus.Error.NoReply" | "org.freedesktop.DBus.Error.Timeout" => ErrorKind::Silent,
        _ => ErrorKind::Refused,
    };
    Error::new(kind, format!("{text} ({})", message.error))
}
