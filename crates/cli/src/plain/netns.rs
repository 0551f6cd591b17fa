//! `pal netns list`, and `exec` with nothing but a name in front of the program.

use crate::arguments::Telling;
use crate::arguments::netns::{Exec, List, Verb};

/// Reads the words behind `netns`.
pub(super) fn read(words: &[&str]) -> Option<Verb> {
    match words {
        ["list"] => Some(Verb::List(List { telling: Telling::QUIET })),
        ["exec", words @ ..] => {
            let (name, rest) = words.split_first()?;
            let program = rest.first()?;
            if [name, program].iter().any(|word| word.starts_with('-')) {
                return None;
            }
            let words = words.iter().map(|word| (*word).to_owned()).collect();
            Some(Verb::Exec(Exec { words, all: false, telling: Telling::QUIET }))
        }
        _ => None,
    }
}
