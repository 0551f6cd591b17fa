//! Values to bytes, as the D-Bus specification's "Marshaling" has it.

use crate::value::Value;
use crate::{Error, ErrorKind};

/// A message that grows; every value is aligned to its size from the beginning.
#[derive(Debug, Default)]
pub(crate) struct Writer(pub(crate) Vec<u8>);

impl Writer {
    pub(crate) fn align(&mut self, to: usize) {
        self.0.resize(self.0.len().next_multiple_of(to), 0);
    }

    pub(crate) fn u32(&mut self, value: u32) {
        self.align(4);
        self.0.extend_from_slice(&value.to_le_bytes());
    }

    /// Writes a value without its type.
    pub(crate) fn value(&mut self, value: &Value) -> Result<(), Error> {
        match value {
            Value::Byte(byte) => self.0.push(*byte),
            Value::Bool(value) => self.u32(u32::from(*value)),
            Value::I16(value) => self.number(&value.to_le_bytes()),
            Value::U16(value) => self.number(&value.to_le_bytes()),
            Value::I32(value) => self.number(&value.to_le_bytes()),
            Value::U32(value) => self.number(&value.to_le_bytes()),
            Value::I64(value) => self.number(&value.to_le_bytes()),
            Value::U64(value) => self.number(&value.to_le_bytes()),
            Value::F64(value) => self.number(&value.to_le_bytes()),
            Value::Text(text) | Value::Path(text) => {
                self.u32(length(text.len())?);
                self.text(text)?;
            }
            Value::Signature(text) => self.signature(text)?,
            Value::Variant(inner) => {
                self.signature(&inner.signature())?;
                self.value(inner)?;
            }
            Value::Array(element, elements) => self.array(element, elements)?,
            Value::Struct(fields) => {
                self.align(8);
                fields.iter().try_for_each(|field| self.value(field))?;
            }
        }
        Ok(())
    }

    fn number(&mut self, bytes: &[u8]) {
        self.align(bytes.len());
        self.0.extend_from_slice(bytes);
    }

    fn signature(&mut self, text: &str) -> Result<(), Error> {
        let size = u8::try_from(text.len()).map_err(|_| too_long())?;
        self.0.push(size);
        self.text(text)
    }

    fn text(&mut self, text: &str) -> Result<(), Error> {
        if text.contains('\0') {
            return Err(Error::new(ErrorKind::Other, format!("{text:?} contains a NUL byte")));
        }
        self.0.extend_from_slice(text.as_bytes());
        self.0.push(0);
        Ok(())
    }

    /// The length counts from the first element on, without what aligns that.
    fn array(&mut self, element: &str, elements: &[Value]) -> Result<(), Error> {
        self.u32(0);
        let place = self.0.len() - 4;
        self.align(alignment(element));
        let start = self.0.len();
        for value in elements {
            if value.signature() != element {
                let message = format!("an array of {element} holds a value of type {}", value.signature());
                return Err(Error::new(ErrorKind::Other, message));
            }
            self.value(value)?;
        }
        let size = length(self.0.len() - start)?.to_le_bytes();
        if let Some(slot) = self.0.get_mut(place..place + 4) {
            slot.copy_from_slice(&size);
        }
        Ok(())
    }
}

/// Returns what a value of a type is aligned to.
pub(crate) fn alignment(signature: &str) -> usize {
    match signature.as_bytes().first() {
        Some(b'n' | b'q') => 2,
        Some(b'b' | b'i' | b'u' | b'a' | b's' | b'o') => 4,
        Some(b'x' | b't' | b'd' | b'(' | b'{') => 8,
        _ => 1,
    }
}

fn length(size: usize) -> Result<u32, Error> {
    u32::try_from(size).map_err(|_| too_long())
}

fn too_long() -> Error {
    Error::new(ErrorKind::Other, "a value is too long for D-Bus")
}
