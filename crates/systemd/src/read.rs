//! Bytes to values. What comes is not trusted to be well formed.

use crate::value::Value;
use crate::write::alignment;
use crate::{Error, ErrorKind};

/// How deep values may be in one another; the specification allows 64.
const DEEPEST: usize = 64;

/// A message that is read from its beginning.
#[derive(Debug)]
pub(crate) struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// Reads a value of each type of a signature.
    pub(crate) fn values(&mut self, signature: &str) -> Result<Vec<Value>, Error> {
        self.values_within(signature, 0)
    }

    pub(crate) fn align(&mut self, to: usize) {
        self.at = self.at.next_multiple_of(to);
    }

    pub(crate) fn u32(&mut self) -> Result<u32, Error> {
        self.align(4);
        self.number().map(u32::from_le_bytes)
    }

    fn values_within(&mut self, mut signature: &str, depth: usize) -> Result<Vec<Value>, Error> {
        let mut values = Vec::new();
        while !signature.is_empty() {
            let (first, rest) = split_first(signature)?;
            values.push(self.value(first, depth)?);
            signature = rest;
        }
        Ok(values)
    }

    fn value(&mut self, signature: &str, depth: usize) -> Result<Value, Error> {
        if depth > DEEPEST {
            return Err(broken("values are too deep in one another"));
        }
        self.align(alignment(signature));
        Ok(match signature.as_bytes() {
            [b'y'] => Value::Byte(u8::from_le_bytes(self.number()?)),
            [b'b'] => Value::Bool(self.u32()? != 0),
            [b'n'] => Value::I16(i16::from_le_bytes(self.number()?)),
            [b'q'] => Value::U16(u16::from_le_bytes(self.number()?)),
            [b'i'] => Value::I32(i32::from_le_bytes(self.number()?)),
            [b'u' | b'h'] => Value::U32(self.u32()?),
            [b'x'] => Value::I64(i64::from_le_bytes(self.number()?)),
            [b't'] => Value::U64(u64::from_le_bytes(self.number()?)),
            [b'd'] => Value::F64(f64::from_le_bytes(self.number()?)),
            [b's'] => Value::Text(self.long_text()?),
            [b'o'] => Value::Path(self.long_text()?),
            [b'g'] => Value::Signature(self.short_text()?),
            [b'v'] => {
                let inner = self.short_text()?;
                let (first, rest) = split_first(&inner)?;
                if !rest.is_empty() {
                    return Err(broken("a variant holds several values"));
                }
                Value::Variant(Box::new(self.value(first, depth + 1)?))
            }
            [b'a', ..] => self.array(signature.get(1..).unwrap_or_default(), depth)?,
            [b'(' | b'{', ..] => {
                let inner = signature.get(1..signature.len() - 1).unwrap_or_default();
                if inner.is_empty() {
                    // It takes no room, so an array of them would have no end.
                    return Err(broken("a struct is empty"));
                }
                Value::Struct(self.values_within(inner, depth + 1)?)
            }
            _ => return Err(broken("a type is unknown")),
        })
    }

    fn array(&mut self, element: &str, depth: usize) -> Result<Value, Error> {
        let size = usize::try_from(self.u32()?).map_err(|_| broken("an array is too long"))?;
        self.align(alignment(element));
        let end = self.at.checked_add(size).filter(|end| *end <= self.bytes.len()).ok_or_else(cut)?;
        let mut elements = Vec::new();
        while self.at < end {
            elements.push(self.value(element, depth + 1)?);
        }
        Ok(Value::Array(element.to_owned(), elements))
    }

    fn long_text(&mut self) -> Result<String, Error> {
        let size = usize::try_from(self.u32()?).map_err(|_| cut())?;
        self.text(size)
    }

    fn short_text(&mut self) -> Result<String, Error> {
        let [size] = self.number()?;
        self.text(usize::from(size))
    }

    fn text(&mut self, size: usize) -> Result<String, Error> {
        let bytes = self.take(size)?.to_vec();
        self.take(1)?;
        String::from_utf8(bytes).map_err(|_| broken("a text is not UTF-8"))
    }

    fn number<const N: usize>(&mut self) -> Result<[u8; N], Error> {
        self.align(N);
        self.take(N)?.try_into().map_err(|_| cut())
    }

    fn take(&mut self, size: usize) -> Result<&'a [u8], Error> {
        let end = self.at.checked_add(size).ok_or_else(cut)?;
        let taken = self.bytes.get(self.at..end).ok_or_else(cut)?;
        self.at = end;
        Ok(taken)
    }
}

/// Splits the first complete type off a signature.
fn split_first(signature: &str) -> Result<(&str, &str), Error> {
    let bytes = signature.as_bytes();
    let mut end = 0;
    while bytes.get(end) == Some(&b'a') {
        end += 1;
    }
    let mut open = 0usize;
    loop {
        match bytes.get(end) {
            Some(b'(' | b'{') => open += 1,
            Some(b')' | b'}') => {
                open = open.checked_sub(1).ok_or_else(|| broken("a signature closes what is not open"))?;
            }
            Some(byte) if byte.is_ascii() => {}
            _ => return Err(broken("a signature is cut short")),
        }
        end += 1;
        if open == 0 {
            break;
        }
    }
    signature.split_at_checked(end).ok_or_else(|| broken("a signature is cut short"))
}

fn broken(why: &str) -> Error {
    Error::new(ErrorKind::Other, format!("a message that is not of D-Bus came: {why}"))
}

fn cut() -> Error {
    broken("it ends early")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::write::Writer;

    fn there_and_back(value: &Value) -> Value {
        let mut writer = Writer::default();
        writer.value(value).unwrap();
        Reader::new(&writer.0).values(&value.signature()).unwrap().remove(0)
    }

    #[test]
    fn values_survive_the_way() {
        let pair = |text: &str, value| Value::Struct(vec![Value::Text(text.into()), value]);
        for value in [
            Value::Byte(7),
            Value::Bool(true),
            Value::I16(-2),
            Value::U16(40_000),
            Value::I32(-70_000),
            Value::I64(i64::MIN),
            Value::U64(u64::MAX),
            Value::F64(1.5),
            Value::Path("/org".into()),
            Value::Signature("a(sv)".into()),
            Value::Array("t".into(), Vec::new()),
            Value::Array("(sv)".into(), vec![pair("a", Value::Variant(Box::new(Value::bytes(&[1, 2]))))]),
            Value::Struct(vec![Value::Byte(1), Value::U64(2), Value::Text("x".into())]),
        ] {
            assert_eq!(there_and_back(&value), value);
        }
    }

    #[test]
    fn what_is_cut_or_wrong_is_refused() {
        let mut writer = Writer::default();
        writer.value(&Value::Array("s".into(), vec![Value::Text("hello".into())])).unwrap();
        for end in 0..writer.0.len() {
            assert!(Reader::new(&writer.0[..end]).values("as").is_err(), "cut at {end}");
        }
        for signature in ["a", "(s", "s)", "z", "{", "()"] {
            assert!(Reader::new(&[0; 64]).values(signature).is_err(), "{signature}");
        }
        // Variants in one another without end: each is the signature "v".
        let deep: Vec<u8> = [1, b'v', 0].repeat(1000);
        assert!(Reader::new(&deep).values("v").is_err());
    }

    #[test]
    fn arrays_of_one_type_alone_are_written() {
        let mixed = Value::Array("s".into(), vec![Value::Bool(true)]);
        assert!(Writer::default().value(&mixed).is_err());
        assert!(Writer::default().value(&Value::Text("a\0b".into())).is_err());
    }
}
