//! `--device`: `HOST[:CONTAINER][:rwm]`.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use rustix::fs::{FileType, major, minor};
use serde_json::{Value, json};

/// A device of the host in the container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DeviceFlag {
    host: PathBuf,
    container: String,
    access: String,
}

/// A device that was looked up: its node and the rule that lets the container use it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct DeviceJson {
    pub(crate) node: Value,
    pub(crate) rule: Value,
}

impl FromStr for DeviceFlag {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts: Vec<&str> = text.split(':').collect();
        let is_access = |part: &str| !part.is_empty() && part.chars().all(|letter| "rwm".contains(letter));
        let (host, container, access) = match *parts.as_slice() {
            [host] => (host, host, "rwm"),
            [host, access] if is_access(access) => (host, host, access),
            [host, container] => (host, container, "rwm"),
            [host, container, access] if is_access(access) => (host, container, access),
            _ => return Err("wanted HOST, HOST:CONTAINER or HOST:CONTAINER:rwm".to_owned()),
        };
        if !host.starts_with('/') || !container.starts_with('/') {
            return Err(format!("wanted absolute paths, found {text:?}"));
        }
        Ok(Self { host: host.into(), container: container.to_owned(), access: access.to_owned() })
    }
}

impl DeviceFlag {
    /// Looks the device up on the host.
    pub(crate) fn look_up(&self) -> Result<DeviceJson, String> {
        let shown = self.host.display();
        let status = rustix::fs::stat(&self.host)
            .map_err(|errno| format!("--device {shown}: {}", palisade_sys::errno::describe(errno)))?;
        let kind = match FileType::from_raw_mode(status.st_mode) {
            FileType::CharacterDevice => "c",
            FileType::BlockDevice => "b",
            _ => return Err(format!("--device {shown}: it is not a device")),
        };
        let (major, minor) = (major(status.st_rdev), minor(status.st_rdev));
        let mut node = json!({
            "path": self.container, "type": kind, "major": major, "minor": minor,
            "fileMode": status.st_mode & 0o777,
        });
        node["uid"] = json!(0);
        node["gid"] = json!(0);
        let rule =
            json!({ "allow": true, "type": kind, "major": major, "minor": minor, "access": self.access });
        Ok(DeviceJson { node, rule })
    }

    /// A device of the host at its own place, with all rights.
    pub(crate) fn of_host(path: &Path) -> Self {
        Self { host: path.to_owned(), container: path.display().to_string(), access: "rwm".to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices() {
        let device = |host: &str, container: &str, access: &str| {
            Some(DeviceFlag { host: host.into(), container: container.into(), access: access.into() })
        };
        for (text, wanted) in [
            ("/dev/null", device("/dev/null", "/dev/null", "rwm")),
            ("/dev/null:rw", device("/dev/null", "/dev/null", "rw")),
            ("/dev/null:/dev/x", device("/dev/null", "/dev/x", "rwm")),
            ("/dev/null:/dev/x:r", device("/dev/null", "/dev/x", "r")),
            ("null", None),
            ("/dev/null:x", None),
            ("/dev/null:/dev/x:y", None),
            ("/a:/b:r:w", None),
        ] {
            assert_eq!(text.parse::<DeviceFlag>().ok(), wanted, "{text}");
        }
    }

    #[test]
    fn a_device_is_looked_up() {
        let found = "/dev/null:/dev/hole:r".parse::<DeviceFlag>().unwrap().look_up().unwrap();
        assert_eq!((&found.node["major"], &found.node["minor"]), (&json!(1), &json!(3)));
        assert_eq!(found.node["path"], "/dev/hole");
        assert_eq!(found.rule["access"], "r");
        let error = "/dev".parse::<DeviceFlag>().unwrap().look_up().unwrap_err();
        assert_eq!(error, "--device /dev: it is not a device");
        let error = "/dev/nope".parse::<DeviceFlag>().unwrap().look_up().unwrap_err();
        assert!(error.starts_with("--device /dev/nope: ENOENT"), "{error}");
    }
}
