//! What `state`, `list` and the hooks are told about a container.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::Timestamp;

/// Where a container is in its life; `paused` is runc's and not the specification's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// It is being made.
    Creating,
    /// It was made and its process waits for `start`.
    Created,
    /// Its process runs.
    Running,
    /// All its processes are frozen.
    Paused,
    /// Its process has ended.
    Stopped,
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Creating => "creating",
            Self::Created => "created",
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Stopped => "stopped",
        })
    }
}

/// The state of runtime.md, which hooks read from their standard input.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct State {
    /// The version of the specification that the state follows.
    pub oci_version: String,
    /// The container's id.
    pub id: String,
    /// Where it is in its life.
    pub status: Status,
    /// The process as the host sees it, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pid: Option<u32>,
    /// The absolute path of the bundle.
    pub bundle: PathBuf,
    /// The annotations of the configuration.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
}

/// What runc prints for `state` and, in a list, for `list -f json`, field by field.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Record {
    /// The version of the specification that the state follows.
    pub oci_version: String,
    /// The container's id.
    pub id: String,
    /// The process as the host sees it; 0 when it has ended.
    pub pid: u32,
    /// Where it is in its life.
    pub status: Status,
    /// The absolute path of the bundle.
    pub bundle: PathBuf,
    /// The absolute path of the root file system.
    pub rootfs: PathBuf,
    /// When it was made.
    pub created: Timestamp,
    /// The annotations of the configuration.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
    /// The name of the user it belongs to; runc leaves it empty in `state` and fills it in `list`.
    pub owner: String,
}

impl From<&Record> for State {
    fn from(record: &Record) -> Self {
        Self {
            oci_version: record.oci_version.clone(),
            id: record.id.clone(),
            status: record.status,
            pid: (record.pid != 0).then_some(record.pid),
            bundle: record.bundle.clone(),
            annotations: record.annotations.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RUNC: &str = r#"{
  "ociVersion": "1.0.2-dev",
  "id": "a",
  "pid": 30341,
  "status": "created",
  "bundle": "/b",
  "rootfs": "/b/rootfs",
  "created": "2026-11-22T04:31:39.599783515Z",
  "annotations": {
    "a": "b"
  },
  "owner": ""
}"#;

    #[test]
    fn a_record_of_runc_comes_back_byte_for_byte() {
        let record: Record = serde_json::from_str(RUNC).unwrap();
        assert_eq!(serde_json::to_string_pretty(&record).unwrap(), RUNC);
        let state = State::from(&record);
        let text = r#"{"ociVersion":"1.0.2-dev","id":"a","status":"created","pid":30341,"bundle":"/b","annotations":{"a":"b"}}"#;
        assert_eq!(serde_json::to_string(&state).unwrap(), text);
        assert_eq!(serde_json::from_str::<State>(text).unwrap(), state);
    }

    #[test]
    fn an_ended_container_has_no_pid() {
        let mut record: Record = serde_json::from_str(RUNC).unwrap();
        (record.pid, record.status) = (0, Status::Stopped);
        record.annotations.clear();
        let text = r#"{"ociVersion":"1.0.2-dev","id":"a","status":"stopped","bundle":"/b"}"#;
        assert_eq!(serde_json::to_string(&State::from(&record)).unwrap(), text);
        assert_eq!(format!("{:<9}|", record.status), "stopped  |");
    }
}
