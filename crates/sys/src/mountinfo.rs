//! The kernel's way to write paths in `/proc/PID/mountinfo`.

/// Takes back the `\040` of `proc_pid_mountinfo(5)`: three octal digits after a backslash.
#[must_use]
pub fn unescape(mut field: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(field.len());
    while let [byte, rest @ ..] = field {
        field = rest;
        match (byte, rest) {
            (b'\\', [a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', after @ ..]) => {
                bytes.push(((a - b'0') << 6) | ((b - b'0') << 3) | (c - b'0'));
                field = after;
            }
            _ => bytes.push(*byte),
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_of_the_kernel() {
        for (field, text) in [
            (&br"/a\040b"[..], &b"/a b"[..]),
            (br"\134x", br"\x"),
            (br"/a\9\12", br"/a\9\12"),
            (br"a\777", br"a\777"),
            (br"a\", br"a\"),
        ] {
            assert_eq!(unescape(field), text);
        }
    }
}
