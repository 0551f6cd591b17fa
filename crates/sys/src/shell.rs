//! Words for a shell.

/// Quotes a word for a shell where it has anything that a shell would take apart.
#[must_use]
pub fn quote(word: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-+=:,@%".contains(&byte);
    if !word.is_empty() && word.bytes().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_for_a_shell() {
        for (word, quoted) in [
            ("/a/b.c", "/a/b.c"),
            ("a@b%c", "a@b%c"),
            ("", "''"),
            ("a b", "'a b'"),
            ("it's", r"'it'\''s'"),
            ("größe", "'größe'"),
        ] {
            assert_eq!(quote(word), quoted, "{word}");
        }
    }
}
