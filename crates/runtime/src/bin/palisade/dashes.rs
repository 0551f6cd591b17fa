//! Options as Go's flag packages read them, which engines and users of runc write: `-bundle DIR`, `--detach=true`.

use std::ffi::OsString;

use clap::{Arg, Command, CommandFactory};

use crate::arguments::Arguments;

/// Rewrites such options to what the parser knows, up to the command of `exec` and the options of `ps`.
///
/// A cluster of letters, `-it`, stays one where no option of that whole name is known.
pub(crate) fn straighten(words: Vec<OsString>) -> Vec<OsString> {
    let after_name = words.get(1..).unwrap_or_default();
    if !after_name.iter().any(is_suspect) {
        return words;
    }
    let mut command = Arguments::command();
    command.build();
    rewrite(&command, words)
}

/// Tells whether a word may be of that kind. Nearly no call has one, and only then the options are looked at.
fn is_suspect(word: &OsString) -> bool {
    let bytes = word.as_encoded_bytes();
    let single = bytes.len() > 2 && bytes[0] == b'-' && bytes[1] != b'-';
    single || (bytes.starts_with(b"--") && (bytes.ends_with(b"=true") || bytes.ends_with(b"=false")))
}

fn rewrite(command: &Command, words: Vec<OsString>) -> Vec<OsString> {
    let mut level = command;
    let mut positionals = 0;
    let mut rewritten = Vec::with_capacity(words.len());
    let mut words = words.into_iter();
    rewritten.extend(words.next());
    while let Some(word) = words.next() {
        let option = match word.to_str() {
            Some("--") => {
                rewritten.push(word);
                break;
            }
            Some(text) if text.len() > 1 => text.strip_prefix('-').map(|rest| option(level, rest)),
            _ => None,
        };
        match option {
            Some(Written::As(text, Value::Follows)) => {
                rewritten.push(text.into());
                rewritten.extend(words.next());
            }
            Some(Written::As(text, Value::None)) => rewritten.push(text.into()),
            Some(Written::Nothing) => {}
            None => {
                match word.to_str().and_then(|name| level.find_subcommand(name)) {
                    Some(verb) => level = verb,
                    None if takes_all(level, positionals) => {
                        rewritten.push(word);
                        break;
                    }
                    None => positionals += 1,
                }
                rewritten.push(word);
            }
        }
    }
    rewritten.extend(words);
    rewritten
}

/// Tells whether all words belong to the next positional argument.
fn takes_all(level: &Command, positionals: usize) -> bool {
    level.get_positionals().nth(positionals).is_some_and(Arg::is_trailing_var_arg_set)
}

enum Written {
    As(String, Value),
    /// An option that was switched off.
    Nothing,
}

enum Value {
    None,
    /// It is the next word, whatever that looks like.
    Follows,
}

/// Rewrites an option, whose first dash is already gone.
fn option(level: &Command, rest: &str) -> Written {
    let long = rest.strip_prefix('-').unwrap_or(rest);
    let (name, value) = long.split_once('=').map_or((long, None), |(name, value)| (name, Some(value)));
    let known = level.get_arguments().find(|argument| is_named(argument, name));
    let Some(argument) = known.filter(|_| name.len() > 1) else {
        return Written::As(format!("-{rest}"), value_of_short(level, rest));
    };
    match (argument.get_action().takes_values(), value) {
        (true, None) => Written::As(format!("--{name}"), Value::Follows),
        (true, Some(_)) => Written::As(format!("--{long}"), Value::None),
        (false, Some("true")) => Written::As(format!("--{name}"), Value::None),
        (false, Some("false")) => Written::Nothing,
        (false, _) => Written::As(format!("--{long}"), Value::None),
    }
}

fn is_named(argument: &Arg, name: &str) -> bool {
    let aliases = argument.get_all_aliases().unwrap_or_default();
    argument.get_long() == Some(name) || aliases.contains(&name)
}

/// `-b DIR`, and the `-e` of `-te VALUE`: the next word is the value where the last letter takes one.
fn value_of_short(level: &Command, letters: &str) -> Value {
    for (index, letter) in letters.char_indices() {
        let argument = level.get_arguments().find(|argument| argument.get_short() == Some(letter));
        if argument.is_some_and(|argument| argument.get_action().takes_values()) {
            let last = index + letter.len_utf8() == letters.len();
            return if last { Value::Follows } else { Value::None };
        }
    }
    Value::None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_of_one_dash_and_switches_with_a_value() {
        for (typed, meant) in [
            ("-root /r -log l state box", "--root /r --log l state box"),
            ("-log-format=json -debug=true state box", "--log-format=json --debug state box"),
            ("--debug=false state box", "state box"),
            ("--rootless=true list", "--rootless=true list"),
            ("run -bundle b -detach -no-subreaper box", "run --bundle b --detach --no-subreaper box"),
            ("run box -bundle=b -keep", "run box --bundle=b --keep"),
            ("exec -it box sh", "exec -it box sh"),
            ("exec -tty -user 0 -cap CAP_KILL box sh", "exec --tty --user 0 --cap CAP_KILL box sh"),
            // Behind a value, an id or a command nothing is an option of this program.
            ("--root -debug state box", "--root -debug state box"),
            ("exec -e -tty box sh", "exec -e -tty box sh"),
            ("exec -te -tty box sh", "exec -te -tty box sh"),
            ("exec -tty=true box sh -tty --detach=true", "exec --tty box sh -tty --detach=true"),
            ("exec -tty box -- sh -tty", "exec --tty box -- sh -tty"),
            ("-debug state -- -debug", "--debug state -- -debug"),
            ("ps box -ef", "ps box -ef"),
            ("-nonsense=true state -x", "-nonsense=true state -x"),
        ] {
            let words = |text: &str| -> Vec<OsString> {
                std::iter::once("palisade").chain(text.split(' ')).map(OsString::from).collect()
            };
            assert_eq!(straighten(words(typed)), words(meant), "{typed}");
        }
    }
}
