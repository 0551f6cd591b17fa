//! The `options` of one mount, parsed.

use serde::Serialize;

use crate::attributes::{Attributes, Propagation, Reach};
use crate::op::{SourceLink, TargetLink, Versions};
use crate::words::{Meaning, meaning};
use crate::{Error, Text};

/// One parameter of a file system, set by `fsconfig(2)`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Parameter {
    /// The name, `size`.
    pub key: Text,
    /// The value, or nothing for a flag.
    pub value: Option<Text>,
}

impl Parameter {
    /// Makes a parameter without a value.
    pub fn flag(key: &str) -> Result<Self, Error> {
        Ok(Self { key: Text::new(key)?, value: None })
    }

    /// Makes a parameter with a value.
    pub fn string(key: &str, value: &str) -> Result<Self, Error> {
        Ok(Self { key: Text::new(key)?, value: Some(Text::new(value)?) })
    }

    /// Reads `key` or `key=value`.
    pub fn parse(word: &str) -> Result<Self, Error> {
        match word.split_once('=') {
            Some((key, value)) => Self::string(key, value),
            None => Self::flag(word),
        }
    }
}

/// Says whether a new tmpfs starts with what its target holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum CopyUp {
    /// The tmpfs starts empty.
    #[default]
    No,
    /// The content of the target directory is copied into it.
    Yes,
}

/// Says whether an existing mount is changed or a new one made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// A new mount.
    #[default]
    New,
    /// `remount`: the mount that is there is changed.
    Remount,
}

/// That a mount shows its files with other owners.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdMapping {
    /// Whether the mounts below do, too: `ridmap`.
    pub reach: Reach,
    /// The maps, where the word itself names them: what is behind `idmap=`.
    pub maps: Option<String>,
}

/// What the option words of one mount ask for; of two that contradict each other the last one wins.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Attributes of the mount itself.
    pub attributes: Attributes,
    /// Attributes of the mount and all below it (`rro`).
    pub recursive: Attributes,
    /// Flags of the superblock, by their `fsconfig(2)` names.
    pub superblock: Vec<&'static str>,
    /// Changes of propagation, in order.
    pub propagation: Vec<Propagation>,
    /// `bind` or `rbind`, if either was given.
    pub bind: Option<Reach>,
    /// `remount`.
    pub mode: Mode,
    /// `tmpcopyup`.
    pub copy_up: CopyUp,
    /// `iversion` or `noiversion`.
    pub versions: Versions,
    /// `idmap` or `ridmap`; whoever has found the maps takes it out.
    pub id_mapping: Option<IdMapping>,
    /// `src-nofollow` or `copy-symlink`.
    pub source_link: SourceLink,
    /// `dest-nofollow`.
    pub target_link: TargetLink,
    /// Everything else, for the file system.
    pub data: Vec<Parameter>,
}

impl Options {
    /// Parses option words in their order.
    ///
    /// Words that are not known are data for the file system, which has the last say.
    /// See config.md "Mounts" and config-linux.md of the runtime specification.
    pub fn parse<I>(words: I) -> Result<Self, Error>
    where
        I: IntoIterator,
        I::Item: AsRef<str>,
    {
        let mut options = Self::default();
        for word in words {
            options.take(word.as_ref())?;
        }
        Ok(options)
    }

    fn take(&mut self, word: &str) -> Result<(), Error> {
        if word.is_empty() {
            return Err(Error::new("read mount option", word, "it is empty"));
        }
        // `idmap=uids=…` names its maps in the word itself, so the name before `=` decides.
        if let Some((name, maps)) = word.split_once('=')
            && let Some(Meaning::IdMap(reach)) = meaning(name)
        {
            self.id_mapping = Some(IdMapping { reach, maps: Some(maps.to_owned()) });
            return Ok(());
        }
        match meaning(word) {
            None => self.data.push(Parameter::parse(word)?),
            Some(Meaning::Nothing) => {}
            Some(Meaning::Attributes(attributes)) => self.attributes = self.attributes.then(attributes),
            Some(Meaning::Recursive(attributes)) => self.recursive = self.recursive.then(attributes),
            Some(Meaning::Superblock { key, opposite }) => {
                self.superblock.retain(|other| *other != key && *other != opposite);
                self.superblock.push(key);
            }
            Some(Meaning::Versions(versions)) => self.versions = versions,
            Some(Meaning::Propagation(propagation)) => self.propagation.push(propagation),
            Some(Meaning::Bind(reach)) => self.bind = Some(reach),
            Some(Meaning::Remount) => self.mode = Mode::Remount,
            Some(Meaning::CopyUp) => self.copy_up = CopyUp::Yes,
            Some(Meaning::IdMap(reach)) => self.id_mapping = Some(IdMapping { reach, maps: None }),
            Some(Meaning::SourceLink(link)) => self.source_link = link,
            Some(Meaning::TargetLink(link)) => self.target_link = link,
        }
        Ok(())
    }

    /// Gives the flags of the superblock and the data as parameters for `fsconfig(2)`.
    pub(crate) fn parameters(&self, source: Option<&str>) -> Result<Vec<Parameter>, Error> {
        let mut parameters = Vec::new();
        if let Some(source) = source {
            parameters.push(Parameter::string("source", source)?);
        }
        for key in &self.superblock {
            // A new superblock has none of the flags, so that their absence need not be said.
            let absence = matches!(*key, "async" | "nolazytime" | "nomand");
            if !(absence && self.mode == Mode::New) {
                parameters.push(Parameter::flag(key)?);
            }
        }
        parameters.extend(self.data.iter().cloned());
        Ok(parameters)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(words: &[&str]) -> Options {
        Options::parse(words).unwrap()
    }

    #[test]
    fn last_word_wins() {
        for (words, attributes) in [
            (&["ro", "rw"][..], &["rw"][..]),
            (&["rw", "ro"], &["ro"]),
            (&["nosuid", "suid", "nodev"], &["suid", "nodev"]),
            (&["noatime", "strictatime"], &["strictatime"]),
            (&["strictatime", "relatime"], &["relatime"]),
            (&["noatime", "ro", "atime"], &["ro", "relatime"]),
            (&["nosymfollow", "nodiratime"], &["nodiratime", "nosymfollow"]),
            (&["defaults"], &[]),
        ] {
            assert_eq!(parse(words).attributes.words(), attributes, "{words:?}");
            assert_eq!(parse(words).recursive, Attributes::NONE);
        }
    }

    #[test]
    fn recursive_words_are_kept_apart() {
        let options = parse(&["rro", "nosuid", "rnodev", "rdev", "rnoatime"]);
        assert_eq!(options.attributes.words(), ["nosuid"]);
        assert_eq!(options.recursive.words(), ["ro", "dev", "noatime"]);
    }

    #[test]
    fn access_time_is_cleared_as_a_whole() {
        let attributes = parse(&["noatime", "strictatime"]).attributes;
        assert_eq!(attributes.clear.bits(), 0x70);
        assert_eq!(attributes.set.bits(), 0x20);
    }

    #[test]
    fn superblock_flags_contradict() {
        assert_eq!(parse(&["sync", "async"]).superblock, ["async"]);
        assert_eq!(parse(&["sync", "dirsync", "sync"]).superblock, ["dirsync", "sync"]);
        assert_eq!(parse(&["iversion", "noiversion"]).versions, Versions::Uncounted);
        assert!(parse(&["async"]).parameters(None).unwrap().is_empty());
        assert_eq!(parse(&["remount", "async"]).parameters(None).unwrap().len(), 1);
    }

    #[test]
    fn other_words_are_data() {
        let options = parse(&["size=65536k", "mode=1777", "newinstance", "name=systemd", "a=b=c"]);
        let shown: Vec<_> = options
            .data
            .iter()
            .map(|p| (p.key.to_string(), p.value.as_ref().map(ToString::to_string)))
            .collect();
        assert_eq!(shown[0], ("size".into(), Some("65536k".into())));
        assert_eq!(shown[2], ("newinstance".into(), None));
        assert_eq!(shown[4], ("a".into(), Some("b=c".into())));
    }

    #[test]
    fn bind_kind_and_propagation() {
        let options = parse(&["bind", "rbind", "rprivate", "shared"]);
        assert_eq!(options.bind, Some(Reach::Tree));
        let words: Vec<_> = options.propagation.iter().map(|p| p.word()).collect();
        assert_eq!(words, ["rprivate", "shared"]);
    }

    #[test]
    fn maps_of_ids_and_links() {
        let mapping = |word| parse(&[word]).id_mapping;
        let of = |reach, maps: Option<&str>| Some(IdMapping { reach, maps: maps.map(str::to_owned) });
        assert_eq!(mapping("idmap"), of(Reach::Mount, None));
        assert_eq!(mapping("ridmap"), of(Reach::Tree, None));
        assert_eq!(mapping("idmap=uids=0-1-10;gids=0-1-1"), of(Reach::Mount, Some("uids=0-1-10;gids=0-1-1")));
        let options = parse(&["src-nofollow", "copy-symlink", "dest-nofollow"]);
        assert_eq!((options.source_link, options.target_link), (SourceLink::Copy, TargetLink::Cover));
    }

    #[test]
    fn no_words() {
        assert!(Options::parse([""]).unwrap_err().to_string().contains("empty"));
        assert!(Options::parse(["size=1\0"]).is_err());
    }

    #[test]
    fn every_known_word_is_understood() {
        let known = crate::known_options();
        for word in &known {
            assert!(meaning(word).is_some(), "{word}");
        }
        for word in
            ["rro", "rnosymfollow", "rbind", "tmpcopyup", "lazytime", "runbindable", "remount", "idmap"]
        {
            assert!(known.iter().any(|known| known == word), "{word}");
        }
    }
}
