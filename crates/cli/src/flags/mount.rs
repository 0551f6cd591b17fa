//! `-v` and `--tmpfs`.

use std::path::PathBuf;
use std::str::FromStr;

use serde_json::{Value, json};

/// `SOURCE:TARGET[:OPTIONS]`: a file or directory of the host in the container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Volume {
    pub(crate) source: PathBuf,
    pub(crate) target: String,
    options: Vec<String>,
}

/// What may stand in the options of a volume.
const VOLUME_OPTIONS: [&str; 20] = [
    "ro",
    "rw",
    "nosuid",
    "suid",
    "nodev",
    "dev",
    "noexec",
    "exec",
    "bind",
    "rbind",
    "private",
    "rprivate",
    "slave",
    "rslave",
    "shared",
    "rshared",
    "noatime",
    "relatime",
    "nodiratime",
    "rro",
];

impl Volume {
    /// The mount as config.json has it. What is below the source comes along, and nodev stays unless lifted.
    pub(crate) fn to_json(&self) -> Value {
        let has = |words: &[&str]| self.options.iter().any(|option| words.contains(&option.as_str()));
        let mut options = self.options.clone();
        if !has(&["bind", "rbind"]) {
            options.insert(0, "rbind".to_owned());
        }
        if !has(&["private", "rprivate", "slave", "rslave", "shared", "rshared"]) {
            options.push("rprivate".to_owned());
        }
        json!({ "destination": self.target, "source": self.source, "type": "bind", "options": options })
    }
}

impl FromStr for Volume {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts: Vec<&str> = text.split(':').collect();
        let (source, target, options) = match *parts.as_slice() {
            [source, target] => (source, target, ""),
            [source, target, options] => (source, target, options),
            _ => return Err("wanted SOURCE:TARGET or SOURCE:TARGET:OPTIONS".to_owned()),
        };
        if !source.starts_with(['/', '.']) {
            return Err(format!(
                "{source:?} is no path (there are no named volumes; a path begins with / or .)"
            ));
        }
        let target = absolute_target(target)?;
        let options: Vec<String> =
            options.split(',').filter(|option| !option.is_empty()).map(str::to_owned).collect();
        if let Some(unknown) = options.iter().find(|option| !VOLUME_OPTIONS.contains(&option.as_str())) {
            return Err(format!("option {unknown:?} is none of {}", VOLUME_OPTIONS.join(" ")));
        }
        // Recursively read-only is what a person means by it.
        let options =
            options.into_iter().map(|option| if option == "ro" { "rro".to_owned() } else { option });
        let source = std::path::absolute(source).map_err(|error| format!("find {source}: {error}"))?;
        Ok(Self { source, target, options: options.collect() })
    }
}

/// `TARGET[:OPTIONS]`: an empty file system in memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tmpfs {
    target: String,
    options: Vec<String>,
}

impl Tmpfs {
    /// The mount as config.json has it.
    pub(crate) fn to_json(&self) -> Value {
        let mut options: Vec<String> = ["nosuid", "nodev", "noexec", "mode=1777"].map(str::to_owned).into();
        options.extend(self.options.iter().cloned());
        json!({ "destination": self.target, "source": "tmpfs", "type": "tmpfs", "options": options })
    }
}

impl FromStr for Tmpfs {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (target, options) = text.split_once(':').unwrap_or((text, ""));
        let options = options.split(',').filter(|option| !option.is_empty()).map(str::to_owned).collect();
        Ok(Self { target: absolute_target(target)?, options })
    }
}

/// Where in the container: an absolute path, not its root.
fn absolute_target(target: &str) -> Result<String, String> {
    let parts: Vec<&str> = target.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
    if !target.starts_with('/') || parts.contains(&"..") {
        return Err(format!("target {target:?} is no absolute path in the container"));
    }
    if parts.is_empty() {
        return Err("the target is the container's root".to_owned());
    }
    Ok(format!("/{}", parts.join("/")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn volumes() {
        let volume: Volume = "/a:/b//c/:ro,noexec".parse().unwrap();
        assert_eq!(
            volume.to_json(),
            json!({ "destination": "/b/c", "source": "/a", "type": "bind",
                "options": ["rbind", "rro", "noexec", "rprivate"] })
        );
        let here: Volume = ".:/w".parse().unwrap();
        assert_eq!(here.source, std::env::current_dir().unwrap());
        for bad in ["/a", "a:/b", "/a:b", "/a:/", "/a:/b:z", "/a:/b:ro:x", "/a:/../b", ":/b", "/a:"] {
            assert!(bad.parse::<Volume>().is_err(), "{bad}");
        }
    }

    #[test]
    fn tmpfs() {
        let tmpfs: Tmpfs = "/run:size=1m,exec".parse().unwrap();
        let options = ["nosuid", "nodev", "noexec", "mode=1777", "size=1m", "exec"];
        assert_eq!(tmpfs.to_json()["options"], json!(options));
        assert!("run".parse::<Tmpfs>().is_err() && "/".parse::<Tmpfs>().is_err());
    }
}
