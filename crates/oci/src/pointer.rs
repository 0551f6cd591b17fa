//! Finds the JSON pointer of a place in a text.
//!
//! The reader that succeeds pays nothing for it: only a text that was refused is walked again.

/// One step from a value into one of its children.
enum Segment {
    Key(String),
    Index(usize),
}

/// Returns the pointer of the value that a reader was at when it had consumed `offset` bytes of valid JSON.
pub(crate) fn at_offset(text: &[u8], offset: usize) -> String {
    let mut walk = Walk { text, position: 0, offset, path: Vec::new() };
    walk.value();
    walk.path.iter().map(render).collect()
}

/// Appends a field name to a pointer.
pub(crate) fn child(pointer: &str, name: &str) -> String {
    format!("{pointer}{}", render(&Segment::Key(name.to_owned())))
}

fn render(segment: &Segment) -> String {
    match segment {
        Segment::Key(key) => format!("/{}", key.replace('~', "~0").replace('/', "~1")),
        Segment::Index(index) => format!("/{index}"),
    }
}

#[derive(PartialEq)]
enum Search {
    Found,
    GoOn,
}

struct Walk<'a> {
    text: &'a [u8],
    position: usize,
    offset: usize,
    path: Vec<Segment>,
}

impl Walk<'_> {
    /// Passes one value; when the place is in it, stops with `path` leading to the innermost value there.
    ///
    /// The depth of recursion is that of the text, which the reader has limited to 128.
    fn value(&mut self) -> Search {
        self.space();
        if self.position >= self.offset {
            return Search::Found;
        }
        let inside = match self.text.get(self.position) {
            Some(b'{') => self.object(),
            Some(b'[') => self.array(),
            Some(b'"') => {
                self.string();
                Search::GoOn
            }
            _ => {
                self.word();
                Search::GoOn
            }
        };
        if inside == Search::Found || self.position >= self.offset { Search::Found } else { Search::GoOn }
    }

    fn object(&mut self) -> Search {
        self.position += 1;
        loop {
            self.space();
            if self.text.get(self.position) != Some(&b'"') {
                self.position += 1;
                return Search::GoOn;
            }
            let key = self.string();
            self.path.push(Segment::Key(key));
            self.space();
            self.position += 1;
            if self.value() == Search::Found {
                return Search::Found;
            }
            self.path.pop();
            if self.ended() {
                return Search::GoOn;
            }
        }
    }

    fn array(&mut self) -> Search {
        self.position += 1;
        self.space();
        if self.text.get(self.position) == Some(&b']') {
            self.position += 1;
            return Search::GoOn;
        }
        for index in 0.. {
            self.path.push(Segment::Index(index));
            if self.value() == Search::Found {
                return Search::Found;
            }
            self.path.pop();
            if self.ended() {
                break;
            }
        }
        Search::GoOn
    }

    /// Passes what follows a child and tells whether it closed the parent or the text is at its end.
    fn ended(&mut self) -> bool {
        self.space();
        let next = self.text.get(self.position);
        self.position += 1;
        next != Some(&b',')
    }

    fn string(&mut self) -> String {
        let start = self.position;
        self.position += 1;
        while let Some(byte) = self.text.get(self.position) {
            self.position += 1;
            match byte {
                b'"' => break,
                b'\\' => self.position += 1,
                _ => {}
            }
        }
        let raw = self.text.get(start..self.position).unwrap_or_default();
        serde_json::from_slice(raw).unwrap_or_else(|_| String::from_utf8_lossy(raw).into_owned())
    }

    fn word(&mut self) {
        while let Some(byte) = self.text.get(self.position)
            && !matches!(byte, b',' | b']' | b'}' | b' ' | b'\n' | b'\r' | b'\t')
        {
            self.position += 1;
        }
    }

    fn space(&mut self) {
        while matches!(self.text.get(self.position), Some(b' ' | b'\n' | b'\r' | b'\t')) {
            self.position += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_innermost_value() {
        let text = br#"{"a": [1, {"b/c": "x\"}"}, []], "d~": true }"#;
        let end = |needle: &str| {
            let text = std::str::from_utf8(text).unwrap();
            text.find(needle).unwrap() + needle.len()
        };
        for (offset, expected) in [
            (0, ""),
            (end("1"), "/a/0"),
            (end("{\"a\": ["), "/a/0"),
            (end("{\"a\": "), "/a"),
            (end("}\""), "/a/1/b~1c"),
            (end("}\"}"), "/a/1"),
            (end("[]"), "/a/2"),
            (end("[]]"), "/a"),
            (end("true"), "/d~0"),
            (text.len(), ""),
            (text.len() + 9, ""),
        ] {
            assert_eq!(at_offset(text, offset), expected, "{offset}");
        }
    }

    #[test]
    fn ends_on_any_text() {
        for text in ["", "{", "[", "[1", "{\"a", "{\"a\":", "\"\\", "{]", "[}", "[[[", "]", "{\"a\":1,", "x"]
        {
            for offset in 0..text.len() + 2 {
                assert!(at_offset(text.as_bytes(), offset).len() < 9);
            }
        }
    }
}
