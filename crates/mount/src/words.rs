//! The table of option words that are not data of a file system.

use crate::attributes::{ATTRIBUTE_WORDS, Attributes, Propagation, Reach};
use crate::op::{SourceLink, TargetLink, Versions};

/// What an option word means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// Says what is the case anyway.
    Nothing,
    Attributes(Attributes),
    Recursive(Attributes),
    /// A flag of the superblock, by its `fsconfig(2)` name, and the word it takes back.
    Superblock {
        key: &'static str,
        opposite: &'static str,
    },
    Versions(Versions),
    Propagation(Propagation),
    Bind(Reach),
    Remount,
    CopyUp,
    IdMap(Reach),
    SourceLink(SourceLink),
    TargetLink(TargetLink),
}

/// Words besides the attributes (`ro`), their recursive forms (`rro`) and propagation (`rslave`).
const OTHER_WORDS: [(&str, Meaning); 21] = [
    ("defaults", Meaning::Nothing),
    // The mount API keeps its messages in the context and does not log them, loud or not.
    ("silent", Meaning::Nothing),
    ("loud", Meaning::Nothing),
    ("sync", Meaning::Superblock { key: "sync", opposite: "async" }),
    ("async", Meaning::Superblock { key: "async", opposite: "sync" }),
    ("dirsync", Meaning::Superblock { key: "dirsync", opposite: "" }),
    ("lazytime", Meaning::Superblock { key: "lazytime", opposite: "nolazytime" }),
    ("nolazytime", Meaning::Superblock { key: "nolazytime", opposite: "lazytime" }),
    ("mand", Meaning::Superblock { key: "mand", opposite: "nomand" }),
    ("nomand", Meaning::Superblock { key: "nomand", opposite: "mand" }),
    ("iversion", Meaning::Versions(Versions::Counted)),
    ("noiversion", Meaning::Versions(Versions::Uncounted)),
    ("bind", Meaning::Bind(Reach::Mount)),
    ("rbind", Meaning::Bind(Reach::Tree)),
    ("remount", Meaning::Remount),
    ("tmpcopyup", Meaning::CopyUp),
    ("idmap", Meaning::IdMap(Reach::Mount)),
    ("ridmap", Meaning::IdMap(Reach::Tree)),
    // Those of crun.
    ("copy-symlink", Meaning::SourceLink(SourceLink::Copy)),
    ("src-nofollow", Meaning::SourceLink(SourceLink::Bind)),
    ("dest-nofollow", Meaning::TargetLink(TargetLink::Cover)),
];

const PROPAGATION_WORDS: [&str; 8] =
    ["private", "rprivate", "rshared", "rslave", "runbindable", "shared", "slave", "unbindable"];

/// Looks a word up; `None` means that it is data for the file system.
pub(crate) fn meaning(word: &str) -> Option<Meaning> {
    if let Some((_, meaning)) = OTHER_WORDS.iter().find(|(name, _)| *name == word) {
        return Some(*meaning);
    }
    if let Some(propagation) = Propagation::from_word(word) {
        return Some(Meaning::Propagation(propagation));
    }
    if let Some(attributes) = Attributes::from_word(word) {
        return Some(Meaning::Attributes(attributes));
    }
    let recursive = word.strip_prefix('r')?;
    Attributes::from_word(recursive).map(Meaning::Recursive)
}

/// Lists, sorted, every option word that is understood here and not handed to the file system
/// (`mountOptions` of the OCI features document), whether or not this kernel can carry it out.
#[must_use]
pub fn known_options() -> Vec<String> {
    let mut words: Vec<String> = PROPAGATION_WORDS.iter().map(|word| (*word).to_owned()).collect();
    words.extend(OTHER_WORDS.iter().map(|(word, _)| (*word).to_owned()));
    for (word, _) in &ATTRIBUTE_WORDS {
        words.push((*word).to_owned());
        words.push(format!("r{word}"));
    }
    words.sort();
    words
}
