//! An event as it is printed.

use std::time::SystemTime;

use palisade_cgroup::stats::Resource;
use palisade_cgroup::watch::{Killed, Share, Victim};
use palisade_cgroup::{Event, Told};
use palisade_oci::Timestamp;
use palisade_runtime::{Error, Result};
use serde::Serialize;

use crate::arguments::cgroup::watch::Kind;
use crate::flags::{Bytes, Span};

/// An event; the names of the fields are promised, and those that an event does not have are left out.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Row {
    time: Timestamp,
    pub(super) group: String,
    event: &'static str,
    /// How many processes the OOM killer has ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    killed: Option<u64>,
    /// Which, as far as that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) victims: Option<Vec<VictimRow>>,
    /// The limit, by its name in v2.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) limit: Option<String>,
    /// How often it was hit since the last event.
    #[serde(skip_serializing_if = "Option::is_none")]
    times: Option<u64>,
    /// The threshold in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes: Option<u64>,
    /// The memory used then, in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    usage: Option<u64>,
    /// What is scarce.
    #[serde(skip_serializing_if = "Option::is_none")]
    resource: Option<Resource>,
    /// How scarce, as a level.
    #[serde(skip_serializing_if = "Option::is_none")]
    level: Option<&'static str>,
    /// How scarce, as the time that processes waited.
    #[serde(skip_serializing_if = "Option::is_none")]
    stall: Option<StallRow>,
}

/// A process that the OOM killer has ended.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct VictimRow {
    pub(super) pid: i32,
    pub(super) name: String,
    /// The group that it was in, where that is known.
    group: Option<String>,
}

/// A time that processes waited.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct StallRow {
    /// `some` of them or `full`.
    share: &'static str,
    /// So many microseconds.
    stall: u64,
    /// In so many.
    window: u64,
}

/// A time is printed as wide as with three digits after the second.
const TIME_WIDTH: usize = 24;

impl Row {
    pub(super) fn new(told: Told, killed: Killed) -> Self {
        let Killed { victims, again } = killed;
        let Told { group, event } = told;
        let mut row = Self {
            time: now(),
            group: group.as_str().to_owned(),
            event: kind(&event).word(),
            killed: None,
            victims: None,
            limit: None,
            times: None,
            bytes: None,
            usage: None,
            resource: None,
            level: None,
            stall: None,
        };
        match event {
            Event::Oom { killed } => {
                row.killed = Some(killed.saturating_sub(again));
                row.victims = Some(victims.into_iter().map(VictimRow::from).collect());
            }
            Event::Limit { limit, times } => (row.limit, row.times) = (Some(limit), Some(times)),
            Event::Threshold { bytes, usage } => (row.bytes, row.usage) = (Some(bytes), Some(usage)),
            Event::Pressure(resource, level) => {
                (row.resource, row.level) = (Some(resource), Some(level.word()));
            }
            Event::Stall(resource, stall) => {
                let share = match stall.share {
                    Share::Some => "some",
                    Share::Full => "full",
                };
                let micros = |span: std::time::Duration| u64::try_from(span.as_micros()).unwrap_or(u64::MAX);
                let (stall, window) = (micros(stall.stall), micros(stall.window));
                row.resource = Some(resource);
                row.stall = Some(StallRow { share, stall, window });
            }
            _ => {}
        }
        row
    }

    pub(super) fn json(&self) -> Result<String> {
        serde_json::to_string(self).map_err(|error| Error::new(format!("write JSON: {error}")))
    }

    /// Prints time, group and event in one line.
    pub(super) fn line(&self) -> String {
        let plain: String = self.group.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        let detail = self.detail();
        let gap = if detail.is_empty() { "" } else { ": " };
        format!("{:<TIME_WIDTH$}  {plain}  {}{gap}{detail}\n", self.time.to_string(), self.event)
    }

    fn detail(&self) -> String {
        if let Some(killed) = self.killed {
            return oom(killed, self.victims.as_deref().unwrap_or_default());
        }
        if let (Some(limit), Some(times)) = (&self.limit, self.times) {
            return format!("{limit} hit {times} {}", if times == 1 { "time" } else { "times" });
        }
        if let (Some(bytes), Some(usage)) = (self.bytes, self.usage) {
            return format!("{} crossed, {} used now", Bytes(bytes), Bytes(usage));
        }
        let Some(resource) = self.resource else { return String::new() };
        let resource = match resource {
            Resource::Cpu => "cpu",
            Resource::Memory => "memory",
            Resource::Io => "io",
        };
        let span = |micros| Span(std::time::Duration::from_micros(micros));
        match (&self.stall, self.level) {
            (Some(StallRow { share, stall, window }), _) => {
                format!("{resource} {share} {} in {}", span(*stall), span(*window))
            }
            (None, Some(level)) => format!("{resource} {level}"),
            (None, None) => resource.to_owned(),
        }
    }
}

impl From<Victim> for VictimRow {
    fn from(victim: Victim) -> Self {
        let Victim { pid, name, group } = victim;
        Self { pid, name, group: group.map(|group| group.as_str().to_owned()) }
    }
}

/// Sorts an event.
pub(super) fn kind(event: &Event) -> Kind {
    match event {
        Event::Populated => Kind::Populated,
        Event::Empty => Kind::Empty,
        Event::Oom { .. } => Kind::Oom,
        Event::Limit { .. } => Kind::Limit,
        Event::Threshold { .. } => Kind::Threshold,
        Event::Pressure(..) | Event::Stall(..) => Kind::Pressure,
        Event::Frozen => Kind::Frozen,
        Event::Thawed => Kind::Thawed,
        Event::Created => Kind::Created,
        Event::Removed => Kind::Removed,
    }
}

fn oom(killed: u64, victims: &[VictimRow]) -> String {
    if killed == 0 {
        return "the OOM killer is off, processes wait for memory".to_owned();
    }
    let named = victims.iter().map(|victim| {
        let name: String = victim.name.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        let group = victim.group.as_ref().map(|group| format!(" in {group}")).unwrap_or_default();
        format!("{name} (pid {}){group}", victim.pid)
    });
    let mut named: Vec<String> = named.collect();
    let unknown = killed.saturating_sub(u64::try_from(named.len()).unwrap_or(killed));
    match (unknown, named.is_empty()) {
        (0, _) => {}
        (1, true) => named.push("a process that is not known".to_owned()),
        (unknown, true) => named.push(format!("{unknown} processes that are not known")),
        (unknown, false) => named.push(format!("{unknown} more")),
    }
    format!("killed {}", named.join(", "))
}

/// Takes the time to a thousandth of a second.
fn now() -> Timestamp {
    let now = SystemTime::now();
    let since = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let below = std::time::Duration::from_nanos(u64::from(since.subsec_nanos() % 1_000_000));
    Timestamp::from(now - below)
}
