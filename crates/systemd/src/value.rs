//! Values of D-Bus, and the properties of units that they are of.

use std::fmt;

/// A value with its type.
///
/// Its text form is how `busctl(1)` takes it: the type, then the value.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// `y`, a byte.
    Byte(u8),
    /// `b`.
    Bool(bool),
    /// `n`.
    I16(i16),
    /// `q`.
    U16(u16),
    /// `i`.
    I32(i32),
    /// `u`.
    U32(u32),
    /// `x`.
    I64(i64),
    /// `t`.
    U64(u64),
    /// `d`.
    F64(f64),
    /// `s`, a text without NUL.
    Text(String),
    /// `o`, the path of an object.
    Path(String),
    /// `g`, a type.
    Signature(String),
    /// `v`, a value with its type beside it.
    Variant(Box<Value>),
    /// `a…`, values of one type, which is named because there may be none.
    Array(String, Vec<Value>),
    /// `(…)`.
    Struct(Vec<Value>),
}

/// A setting of a unit, as `org.freedesktop.systemd1(5)` names it.
#[derive(Clone, Debug, PartialEq)]
pub struct Property {
    /// The name, `MemoryMax`.
    pub name: String,
    /// The value.
    pub value: Value,
}

impl Value {
    /// Returns the type as a signature.
    #[must_use]
    pub fn signature(&self) -> String {
        match self {
            Self::Byte(_) => "y".to_owned(),
            Self::Bool(_) => "b".to_owned(),
            Self::I16(_) => "n".to_owned(),
            Self::U16(_) => "q".to_owned(),
            Self::I32(_) => "i".to_owned(),
            Self::U32(_) => "u".to_owned(),
            Self::I64(_) => "x".to_owned(),
            Self::U64(_) => "t".to_owned(),
            Self::F64(_) => "d".to_owned(),
            Self::Text(_) => "s".to_owned(),
            Self::Path(_) => "o".to_owned(),
            Self::Signature(_) => "g".to_owned(),
            Self::Variant(_) => "v".to_owned(),
            Self::Array(element, _) => format!("a{element}"),
            Self::Struct(fields) => format!("({})", fields.iter().map(Self::signature).collect::<String>()),
        }
    }

    /// Makes an array of bytes, which is how systemd takes a set of CPUs.
    #[must_use]
    pub fn bytes(bytes: &[u8]) -> Self {
        Self::Array("y".to_owned(), bytes.iter().copied().map(Self::Byte).collect())
    }

    pub(crate) fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) | Self::Path(text) | Self::Signature(text) => Some(text),
            Self::Variant(inner) => inner.as_text(),
            _ => None,
        }
    }

    /// Writes the value without its type.
    fn write(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Byte(value) => write!(f, "{value}"),
            Self::Bool(value) => write!(f, "{value}"),
            Self::I16(value) => write!(f, "{value}"),
            Self::U16(value) => write!(f, "{value}"),
            Self::I32(value) => write!(f, "{value}"),
            Self::U32(value) => write!(f, "{value}"),
            Self::I64(value) => write!(f, "{value}"),
            Self::U64(value) => write!(f, "{value}"),
            Self::F64(value) => write!(f, "{value}"),
            Self::Text(text) | Self::Path(text) | Self::Signature(text) => f.write_str(&quote(text)),
            Self::Variant(inner) => write!(f, "{inner}"),
            Self::Array(_, elements) => {
                write!(f, "{}", elements.len())?;
                elements.iter().try_for_each(|element| {
                    f.write_str(" ")?;
                    element.write(f)
                })
            }
            Self::Struct(fields) => fields.iter().enumerate().try_for_each(|(index, field)| {
                f.write_str(if index == 0 { "" } else { " " })?;
                field.write(f)
            }),
        }
    }
}

impl Property {
    /// Pairs a name with a value.
    pub fn new(name: impl Into<String>, value: Value) -> Self {
        Self { name: name.into(), value }
    }

    /// The property as a field of a message, `(sv)`.
    pub(crate) fn field(&self) -> Value {
        let value = Value::Variant(Box::new(self.value.clone()));
        Value::Struct(vec![Value::Text(self.name.clone()), value])
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&quote(&self.signature()))?;
        f.write_str(" ")?;
        self.write(f)
    }
}

impl fmt::Display for Property {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.name, self.value)
    }
}

/// Quotes a text for the shell where it has anything but plain characters.
fn quote(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,+@%".contains(c);
    if !text.is_empty() && text.chars().all(is_plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', "'\\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_print_as_busctl_takes_them() {
        let device = Value::Struct(vec![Value::Text("/dev/null".into()), Value::Text("rw".into())]);
        for (value, text) in [
            (Value::U64(u64::MAX), "t 18446744073709551615"),
            (Value::Text("a b".into()), "s 'a b'"),
            (Value::bytes(&[1, 255]), "ay 2 1 255"),
            (Value::Array("s".into(), Vec::new()), "as 0"),
            (Value::Array("(ss)".into(), vec![device]), "'a(ss)' 1 /dev/null rw"),
            (Value::Variant(Box::new(Value::Bool(true))), "v b true"),
        ] {
            assert_eq!(value.to_string(), text);
        }
    }
}
