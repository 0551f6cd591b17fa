//! Command lines that need no parser: verbs without options that scripts call often and that are over in no time.
//!
//! The parser makes the definitions of all that could be on a command line first, which takes longer than such a verb.
//! What is not read here, and be it wrong, is left to the parser; what is read means the same to it.

mod cgroup;
mod netns;
mod ns;

use crate::arguments::cgroup::Cgroup;
use crate::arguments::netns::Netns;
use crate::arguments::ns::Ns;
use crate::arguments::{Arguments, Verb};

/// Reads the words behind the program's name where they are of such a verb.
pub(crate) fn read(words: &[&str]) -> Option<Arguments> {
    let verb = match words {
        ["cgroup", words @ ..] => Verb::Cgroup(Cgroup { verb: cgroup::read(words)? }),
        ["netns", words @ ..] => Verb::Netns(Netns { verb: netns::read(words)? }),
        ["ns", words @ ..] => Verb::Ns(Ns { verb: ns::read(words)? }),
        _ => return None,
    };
    Some(Arguments { root: None, verb: Some(verb) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[test]
    fn what_is_read_means_the_same_to_the_parser() {
        for (line, is_read) in [
            ("netns list", true),
            ("netns list --format json", false),
            ("netns exec a ls", true),
            ("netns exec a ls -l", true),
            ("netns exec a ip --root x --help -- y", true),
            ("netns exec a -- ls", false),
            ("netns exec --all ls", false),
            ("netns exec a", false),
            ("--root x netns list", false),
            ("netns", false),
            ("ns ls", true),
            ("ns ls --all", false),
            ("ns new --uts --net -- ls -l -- x", true),
            ("ns new --all --", true),
            ("ns new --uts --uts -- ls", false),
            ("ns new --uts ls", false),
            ("ns new -u -- ls", false),
            ("ns new --uts --hostname a -- ls", false),
            ("ns enter 7 --uts -- ls --mount", true),
            ("ns enter web -- ls", true),
            ("ns enter @web --", true),
            ("ns enter -- ls", false),
            ("ns enter a/b -- ls", false),
            ("ns enter 7 --env -- ls", false),
            ("cgroup get /a", true),
            ("cgroup get -g memory,cpu a memory.max cpu.weight", true),
            ("cgroup get @web", true),
            ("cgroup get -g memory", false),
            ("cgroup get a/../b", true),
            ("cgroup get a -v", false),
            ("cgroup get --controllers memory a", false),
            ("cgroup set a pids.max=1", false),
            ("", false),
        ] {
            let words: Vec<&str> = line.split_whitespace().collect();
            let read = read(&words).map(|arguments| format!("{arguments:?}"));
            assert_eq!(read.is_some(), is_read, "{line}");
            if is_read {
                let parsed = Arguments::try_parse_from(std::iter::once("pal").chain(words)).unwrap();
                assert_eq!(read, Some(format!("{parsed:?}")), "{line}");
            }
        }
    }
}
