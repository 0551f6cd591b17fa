//! What is said of a command line that cannot be read, and where help is asked for.

use std::ffi::OsString;
use std::io::Write;

use clap::error::ErrorKind;
use clap::{Command, CommandFactory, Error};
use palisade_runtime::Error as Told;

use crate::OWN_ERROR;
use crate::arguments::Arguments;
use crate::output::say;

/// Prints help as it is, and a mistake as one line that says where help is.
pub(crate) fn refuse(error: &Error, words: &[OsString]) -> u8 {
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            let printed = error.print().and_then(|()| std::io::stdout().flush());
            match printed {
                // A reader that has read enough is no error.
                Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
                    say(Told::io("write stdout", &error));
                    OWN_ERROR
                }
                _ => 0,
            }
        }
        // A family of commands without one of them: its help, on standard error.
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            let _printed = error.print();
            OWN_ERROR
        }
        _ => {
            let words: Vec<String> =
                words.iter().skip(1).map(|word| word.to_string_lossy().into_owned()).collect();
            say(describe(error, &words));
            OWN_ERROR
        }
    }
}

fn describe(error: &Error, words: &[String]) -> Told {
    let help = format!("see pal{} --help", verbs(Arguments::command(), words));
    let line = line(error);
    let (mistake, tip) = line.split_once(" tip: ").unwrap_or((&line, ""));
    // Of several tips in a line each but what was meant is how to pass the word to a program.
    match tip.split(" tip: ").next().filter(|tip| tip.contains("similar")) {
        Some(tip) => Told::new(mistake).hint(format_args!("{tip}; {help}")),
        None => Told::new(mistake).hint(help),
    }
}

/// The parser's message in one line, without its usage, which the help has.
fn line(error: &Error) -> String {
    let rendered = error.render().to_string();
    let before_usage = rendered.split("\n\nUsage:").next().unwrap_or_default();
    let before_more = before_usage.split("\n\nFor more information").next().unwrap_or_default();
    let words: Vec<&str> = before_more.split_whitespace().collect();
    let line = words.join(" ");
    line.strip_prefix("error: ").unwrap_or(&line).to_owned()
}

/// Finds the verbs at the beginning of a command line.
fn verbs(mut command: Command, words: &[String]) -> String {
    let mut found = String::new();
    for word in words {
        command.build();
        let Some(verb) = command.find_subcommand(word) else { break };
        found.push(' ');
        found.push_str(verb.get_name());
        command = verb.clone();
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[test]
    fn a_mistake_is_one_line_with_what_was_meant_and_where_help_is() {
        for (words, expected) in [
            (
                "cgroup tre",
                "unrecognized subcommand 'tre' (a similar subcommand exists: 'tree'; see pal cgroup --help)",
            ),
            ("cgroup tree -d1", "unexpected argument '-d' found (see pal cgroup tree --help)"),
            (
                "cgroup tree --dept 1",
                "unexpected argument '--dept' found (a similar argument exists: '--depth'; see pal cgroup tree --help)",
            ),
            (
                "cgroup set",
                "the following required arguments were not provided: <GROUP> <NAME=VALUE>... (see pal cgroup set --help)",
            ),
            (
                "cgroup net rm",
                "the following required arguments were not provided: <GROUP|NUMBER>... (see pal cgroup net rm --help)",
            ),
            (
                "cgroup layout --format yaml",
                "invalid value 'yaml' for '--format <FORMAT>' [possible values: table, json] (see pal cgroup layout --help)",
            ),
            (
                "ns new --utss true",
                "unexpected argument '--utss' found (a similar argument exists: '--uts'; see pal ns new --help)",
            ),
            ("ns enter 1 --utss -- true", "unexpected argument '--utss' found ("),
            ("netns exec --al true", "unexpected argument '--al' found ("),
            ("run @host --memry 1G -- true", "unexpected argument '--memry' found ("),
            (
                "cgroup exec g --nonsense true",
                "unexpected argument '--nonsense' found (see pal cgroup exec --help)",
            ),
        ] {
            let words: Vec<String> = words.split(' ').map(str::to_owned).collect();
            let error = Arguments::try_parse_from(std::iter::once("pal".to_owned()).chain(words.clone()));
            let told = describe(&error.unwrap_err(), &words).to_string();
            assert!(told.starts_with(expected), "{words:?}: {told}");
            assert!(expected.ends_with('(') || told == expected, "{told}");
        }
    }

    #[test]
    fn a_program_keeps_its_own_options() {
        for words in
            ["run @host ls -l --all", "cgroup exec g ls -l", "ns new -u ls -l", "netns exec a ip --all"]
        {
            let parsed = Arguments::try_parse_from(std::iter::once("pal").chain(words.split(' ')));
            assert!(parsed.is_ok(), "{words}: {parsed:?}");
        }
    }
}
