//! Messages: a header of typed fields, and a body.

use crate::read::Reader;
use crate::value::Value;
use crate::write::Writer;
use crate::{Error, ErrorKind};

/// The fixed part of a header, up to and with the length of its fields.
pub(crate) const FIXED: usize = 16;
/// No message of systemd's that is of interest here comes near it.
const LONGEST: usize = 1 << 20;

/// A call of a method.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Call<'a> {
    pub(crate) destination: &'a str,
    pub(crate) path: &'a str,
    pub(crate) interface: &'a str,
    pub(crate) member: &'a str,
    pub(crate) body: &'a [Value],
}

/// A message that came.
#[derive(Debug)]
pub(crate) struct Message {
    pub(crate) kind: Kind,
    pub(crate) member: String,
    pub(crate) error: String,
    /// The serial of the call that it answers.
    pub(crate) answers: u32,
    pub(crate) body: Vec<Value>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Call,
    Return,
    Error,
    Signal,
}

impl Call<'_> {
    /// Writes the call as a message.
    pub(crate) fn encode(&self, serial: u32, peer: Peer) -> Result<Vec<u8>, Error> {
        let mut body = Writer::default();
        self.body.iter().try_for_each(|value| body.value(value))?;
        let signature: String = self.body.iter().map(Value::signature).collect();
        let field =
            |code: u8, value: Value| Value::Struct(vec![Value::Byte(code), Value::Variant(Box::new(value))]);
        let mut fields = vec![
            field(1, Value::Path(self.path.to_owned())),
            field(2, Value::Text(self.interface.to_owned())),
            field(3, Value::Text(self.member.to_owned())),
        ];
        if peer == Peer::Bus {
            fields.push(field(6, Value::Text(self.destination.to_owned())));
        }
        if !signature.is_empty() {
            fields.push(field(8, Value::Signature(signature)));
        }
        let mut message = Writer::default();
        // Little-endian, a call, no flags, version 1 of the protocol.
        message.0.extend_from_slice(&[b'l', 1, 0, 1]);
        let size = u32::try_from(body.0.len())
            .map_err(|_| Error::new(ErrorKind::Other, "a message is too long for D-Bus"))?;
        message.u32(size);
        message.u32(serial);
        message.value(&Value::Array("(yv)".to_owned(), fields))?;
        message.align(8);
        message.0.extend_from_slice(&body.0);
        Ok(message.0)
    }
}

/// Who is at the other end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Peer {
    /// A bus, which passes messages on.
    Bus,
    /// systemd itself.
    Systemd,
}

/// Reads how long the message is whose first bytes are `fixed`.
pub(crate) fn total_length(fixed: &[u8]) -> Result<usize, Error> {
    let broken = |why| Error::new(ErrorKind::Other, format!("a message that is not of D-Bus came: {why}"));
    if fixed.first() != Some(&b'l') {
        return Err(broken("it is not in little-endian"));
    }
    let mut reader = Reader::new(fixed);
    reader.values("yyyy")?;
    let body = reader.u32()?;
    reader.u32()?;
    let fields = reader.u32()?;
    let length = |size: u32| usize::try_from(size).unwrap_or(usize::MAX);
    let header = length(fields).min(LONGEST).next_multiple_of(8);
    let total = FIXED + header + length(body).min(LONGEST);
    if total > LONGEST { Err(broken("it is too long")) } else { Ok(total) }
}

/// Reads a whole message.
pub(crate) fn decode(bytes: &[u8]) -> Result<Message, Error> {
    let mut reader = Reader::new(bytes);
    let start = reader.values("yyyyuua(yv)")?;
    reader.align(8);
    let kind = match start.get(1) {
        Some(Value::Byte(1)) => Kind::Call,
        Some(Value::Byte(2)) => Kind::Return,
        Some(Value::Byte(3)) => Kind::Error,
        // Others may come in a later version of the protocol, and are to be passed over like a signal.
        _ => Kind::Signal,
    };
    let mut message =
        Message { kind, member: String::new(), error: String::new(), answers: 0, body: Vec::new() };
    let mut signature = String::new();
    let Some(Value::Array(_, fields)) = start.get(6) else { return Ok(message) };
    for field in fields {
        let Value::Struct(pair) = field else { continue };
        let [Value::Byte(code), Value::Variant(value)] = pair.as_slice() else { continue };
        match (code, value.as_ref()) {
            (3, Value::Text(text)) => message.member.clone_from(text),
            (4, Value::Text(text)) => message.error.clone_from(text),
            (5, Value::U32(serial)) => message.answers = *serial,
            (8, Value::Signature(text)) => signature.clone_from(text),
            _ => {}
        }
    }
    message.body = reader.values(&signature)?;
    Ok(message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_a_message() {
        let body = [Value::Text("x.scope".into()), Value::Array("(sv)".into(), Vec::new())];
        let call =
            Call { destination: "org.d", path: "/org/p", interface: "org.i", member: "Do", body: &body };
        let bytes = call.encode(7, Peer::Bus).unwrap();
        assert_eq!(total_length(&bytes[..FIXED]).unwrap(), bytes.len());
        let message = decode(&bytes).unwrap();
        assert_eq!((message.kind, message.member.as_str()), (Kind::Call, "Do"));
        assert_eq!(message.body, body);
    }

    #[test]
    fn a_message_that_claims_to_be_endless_is_refused() {
        let mut fixed = [0; FIXED];
        fixed[0] = b'l';
        fixed[4..8].fill(255);
        assert!(total_length(&fixed).is_err());
        fixed[0] = b'B';
        assert!(total_length(&fixed).is_err());
    }
}
