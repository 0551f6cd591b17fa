//! Values as GLib's text format writes them, which annotations have: `true`, `'a'`, `uint64 5`, `[1, 2]`, `@as []`;
//! <https://docs.gtk.org/glib/gvariant-text-format.html>.

use std::fmt;

use crate::value::Value;

/// Says why a text is not a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidText(String);

impl Value {
    /// Reads a value from its text.
    ///
    /// Numbers are of type `i` where they have no point, and `d` where they have; a word before one, as in `uint64 5`, or
    /// a signature, as in `@t 5`, gives another type.
    ///
    /// # Errors
    /// What is wrong with the text.
    pub fn parse(text: &str) -> Result<Self, InvalidText> {
        let mut parser = Parser { rest: text };
        let value = parser.value(None, 0)?;
        parser.skip_space();
        match parser.rest {
            "" => Ok(value),
            rest => Err(InvalidText(format!("{rest:?} is left over"))),
        }
    }
}

struct Parser<'a> {
    rest: &'a str,
}

/// How deep lists may be in one another.
const DEEPEST: usize = 16;

const WORDS: [(&str, &str); 11] = [
    ("boolean", "b"),
    ("byte", "y"),
    ("int16", "n"),
    ("uint16", "q"),
    ("int32", "i"),
    ("uint32", "u"),
    ("int64", "x"),
    ("uint64", "t"),
    ("double", "d"),
    ("string", "s"),
    ("objectpath", "o"),
];

impl<'a> Parser<'a> {
    /// Reads a value; `wanted` is the type that stands before it.
    fn value(&mut self, wanted: Option<&str>, depth: usize) -> Result<Value, InvalidText> {
        if depth > DEEPEST {
            return Err(InvalidText("it is too deep".to_owned()));
        }
        self.skip_space();
        if let Some(rest) = self.rest.strip_prefix('@') {
            self.rest = rest;
            let signature = self.take_while(|c| !c.is_whitespace() && c != '[' && c != '\'').to_owned();
            return self.value(Some(&signature), depth + 1);
        }
        match self.rest.chars().next() {
            Some('[') => self.array(wanted, depth),
            Some('(') => self.tuple(depth),
            Some('<') => {
                self.expect('<')?;
                let inner = self.value(None, depth + 1)?;
                self.expect('>')?;
                Ok(Value::Variant(Box::new(inner)))
            }
            Some('\'' | '"') => self.quoted(wanted),
            Some(_) => self.word(wanted, depth),
            None => Err(InvalidText("a value is missing".to_owned())),
        }
    }

    fn array(&mut self, wanted: Option<&str>, depth: usize) -> Result<Value, InvalidText> {
        let element = wanted.and_then(|signature| signature.strip_prefix('a')).map(ToOwned::to_owned);
        let values = self.list('[', ']', element.as_deref(), depth)?;
        let signature = match (element, values.first()) {
            (Some(element), _) => element,
            (None, Some(first)) => first.signature(),
            (None, None) => return Err(InvalidText("an empty array needs a type, as in @as []".to_owned())),
        };
        if values.iter().any(|value| value.signature() != signature) {
            return Err(InvalidText(format!("not all of an array are of type {signature}")));
        }
        Ok(Value::Array(signature, values))
    }

    fn tuple(&mut self, depth: usize) -> Result<Value, InvalidText> {
        let fields = self.list('(', ')', None, depth)?;
        if fields.is_empty() {
            return Err(InvalidText("a tuple is empty".to_owned()));
        }
        Ok(Value::Struct(fields))
    }

    fn list(
        &mut self,
        open: char,
        close: char,
        element: Option<&str>,
        depth: usize,
    ) -> Result<Vec<Value>, InvalidText> {
        self.expect(open)?;
        let mut values = Vec::new();
        loop {
            self.skip_space();
            if self.rest.starts_with(close) {
                break;
            }
            values.push(self.value(element, depth + 1)?);
            self.skip_space();
            match self.rest.strip_prefix(',') {
                Some(rest) => self.rest = rest,
                None => break,
            }
        }
        self.expect(close)?;
        Ok(values)
    }

    fn quoted(&mut self, wanted: Option<&str>) -> Result<Value, InvalidText> {
        let mut characters = self.rest.char_indices();
        let quote = characters.next().map_or('\'', |(_, quote)| quote);
        let mut text = String::new();
        while let Some((index, character)) = characters.next() {
            match character {
                '\\' => text.push(match characters.next() {
                    Some((_, 'n')) => '\n',
                    Some((_, 't')) => '\t',
                    Some((_, other)) => other,
                    None => break,
                }),
                _ if character == quote => {
                    self.rest = self.rest.get(index + 1..).unwrap_or_default();
                    return match wanted {
                        None | Some("s") => Ok(Value::Text(text)),
                        Some("o") => Ok(Value::Path(text)),
                        Some("g") => Ok(Value::Signature(text)),
                        Some(other) => Err(InvalidText(format!("{text:?} is not of type {other}"))),
                    };
                }
                _ => text.push(character),
            }
        }
        Err(InvalidText("a text has no end".to_owned()))
    }

    fn word(&mut self, wanted: Option<&str>, depth: usize) -> Result<Value, InvalidText> {
        let word = self.take_while(|c| c.is_ascii_alphanumeric() || "+-._".contains(c));
        if let Some((_, signature)) = WORDS.iter().find(|(name, _)| *name == word) {
            return self.value(Some(signature), depth + 1);
        }
        let invalid = || InvalidText(format!("{word:?} is no value of type {}", wanted.unwrap_or("i")));
        let value = match (wanted, word) {
            (None | Some("b"), "true") => Some(Value::Bool(true)),
            (None | Some("b"), "false") => Some(Value::Bool(false)),
            (None, _) if word.contains('.') => word.parse().ok().map(Value::F64),
            (None | Some("i"), _) => word.parse().ok().map(Value::I32),
            (Some("y"), _) => match word.strip_prefix("0x") {
                Some(digits) => u8::from_str_radix(digits, 16).ok().map(Value::Byte),
                None => word.parse().ok().map(Value::Byte),
            },
            (Some("n"), _) => word.parse().ok().map(Value::I16),
            (Some("q"), _) => word.parse().ok().map(Value::U16),
            (Some("u"), _) => word.parse().ok().map(Value::U32),
            (Some("x"), _) => word.parse().ok().map(Value::I64),
            (Some("t"), _) => word.parse().ok().map(Value::U64),
            (Some("d"), _) => word.parse().ok().map(Value::F64),
            _ => None,
        };
        value.ok_or_else(invalid)
    }

    fn expect(&mut self, wanted: char) -> Result<(), InvalidText> {
        self.skip_space();
        match self.rest.strip_prefix(wanted) {
            Some(rest) => {
                self.rest = rest;
                Ok(())
            }
            None => Err(InvalidText(format!("{wanted:?} is missing before {:?}", self.rest))),
        }
    }

    fn skip_space(&mut self) {
        self.rest = self.rest.trim_start();
    }

    fn take_while(&mut self, is_part: impl Fn(char) -> bool) -> &'a str {
        let end = self.rest.find(|c| !is_part(c)).unwrap_or(self.rest.len());
        let (taken, rest) = self.rest.split_at(end);
        self.rest = rest;
        taken
    }
}

impl fmt::Display for InvalidText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for InvalidText {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_become_values() {
        for (text, value) in [
            ("true", "b true"),
            ("30", "i 30"),
            ("-1.5", "d -1.5"),
            ("uint64 5000000", "t 5000000"),
            ("@t 5", "t 5"),
            ("'a b'", "s 'a b'"),
            ("\"it's\"", "s 'it'\\''s'"),
            ("'a\\'b'", "s 'a'\\''b'"),
            ("['a', 'b']", "as 2 a b"),
            ("@as []", "as 0"),
            ("[byte 0x01, 0xff]", ""),
            ("@ay [0x01, 0xff]", "ay 2 1 255"),
            ("[('/dev/null', 'rw')]", "'a(ss)' 1 /dev/null rw"),
            ("<int16 3>", "v n 3"),
        ] {
            match Value::parse(text) {
                Ok(parsed) => assert_eq!(parsed.to_string(), value, "{text}"),
                Err(error) => assert!(value.is_empty(), "{text}: {error}"),
            }
        }
    }

    #[test]
    fn what_is_no_value_is_refused() {
        let deep = "[".repeat(1000);
        for text in
            ["", "yes", "uint64 -1", "[]", "[1, 'a']", "'open", "1 2", "()", "@t 'a'", "byte 256", &deep]
        {
            assert!(Value::parse(text).is_err(), "{text:?} was taken");
        }
    }
}
