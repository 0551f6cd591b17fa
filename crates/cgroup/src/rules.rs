//! Device rules of a group that is there: read back, added to, and taken off, in one syntax on both versions.

use crate::choice::not_here;
use crate::device::{DeviceKind, DevicePattern, DevicePolicy, DeviceRule, Verdict};
use crate::exceptions::Exceptions;
use crate::recipe::quote;
use crate::{Controller, Error, ErrorKind, GroupPath, Layout, Operation, Place, Version, bpf};

/// What decides on the devices of a group itself; the groups above decide, too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceRules {
    /// The rules; none where every device is allowed that the groups above allow.
    pub policy: Option<DevicePolicy>,
    /// Programs that others attached to a v2 group, which have to allow an access, too: number and name.
    pub foreign: Vec<String>,
    /// Whether the kernel shows all: v1 does not show what is denied where all else is allowed.
    pub shown: Shown,
}

/// Tells whether all rules of a group can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown {
    /// All.
    All,
    /// What is denied is left out.
    Allowed,
}

/// Says what is to be changed about the rules of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeviceChange {
    /// These rules come after those that there are.
    Add(Vec<DeviceRule>),
    /// All that the group above allows is allowed.
    Reset,
}

impl DeviceRules {
    /// Reads the rules of the group in `place`.
    ///
    /// # Errors
    /// A group that is not there; on v2 EPERM without CAP_NET_ADMIN or CAP_SYS_ADMIN.
    pub fn read(place: &Place) -> Result<Self, Error> {
        if place.version == Version::V2 {
            let found = bpf::installed(place)?;
            return Ok(Self { policy: found.policy, foreign: found.foreign, shown: Shown::All });
        }
        let mut rules = Vec::new();
        for line in place.read("devices.list")?.lines() {
            let pattern: DevicePattern = line.parse().map_err(|invalid: crate::device::InvalidRule| {
                Error::text("read", place.file("devices.list"), invalid.to_string(), ErrorKind::Other)
            })?;
            rules.push(pattern.rule(Verdict::Allow));
        }
        Ok(match rules.iter().any(DeviceRule::covers_all) {
            true => Self { policy: None, foreign: Vec::new(), shown: Shown::Allowed },
            false => Self {
                policy: Some(DevicePolicy { default: Verdict::Deny, rules }),
                foreign: Vec::new(),
                shown: Shown::All,
            },
        })
    }
}

impl Operation {
    /// Works out how to change which devices the group `path` may use.
    ///
    /// # Errors
    /// [`ErrorKind::Refused`] for a rule that v1 cannot say; no hierarchy with the devices controller.
    pub fn devices(layout: &Layout, path: &GroupPath, change: DeviceChange) -> Result<Self, Error> {
        let place = device_place(layout, path)?;
        let before = DeviceRules::read(&place)?.policy;
        if let (Version::V1, DeviceChange::Add(rules)) = (place.version, &change) {
            check_v1(&place, before.as_ref(), rules)?;
        }
        Ok(Self::Devices { place, change, before })
    }
}

/// Finds the group in the hierarchy that decides on devices.
///
/// # Errors
/// [`ErrorKind::Unsupported`] where none does.
pub fn device_place(layout: &Layout, path: &GroupPath) -> Result<Place, Error> {
    let controller = Controller::Devices;
    let home = layout.hierarchy(controller).map(|hierarchy| Place::new(hierarchy, path));
    home.ok_or_else(|| not_here(controller, layout.home(controller)))
}

/// Refuses what the kernel would take and not do: a hole in what an earlier, wider rule allows.
fn check_v1(place: &Place, before: Option<&DevicePolicy>, rules: &[DeviceRule]) -> Result<(), Error> {
    let mut all = before.cloned().unwrap_or(DevicePolicy { default: Verdict::Allow, rules: Vec::new() });
    all.rules.extend(rules);
    Exceptions::resolve(&all).map(drop).map_err(|rule| {
        let cause = "it takes back a part of what a wider rule gave, which cgroup v1 cannot say";
        let operation = format!("{rule} in");
        Error::text(operation, place.directory(), cause, ErrorKind::Refused)
            .with_hint("`pal cgroup devices GROUP deny a` first, then allow what is wanted")
    })
}

/// Changes the rules.
pub(crate) fn perform(
    place: &Place,
    change: &DeviceChange,
    before: Option<&DevicePolicy>,
) -> Result<(), Error> {
    match (place.version, change) {
        (Version::V1, _) => writes(change).iter().try_for_each(|(file, value)| place.write(file, value)),
        (Version::V2, DeviceChange::Reset) => bpf::replace(place, None),
        (Version::V2, DeviceChange::Add(rules)) => {
            let allowing = DevicePolicy { default: Verdict::Allow, rules: Vec::new() };
            let mut policy = before.cloned().unwrap_or(allowing);
            for rule in rules {
                policy.rules.retain(|old| !replaces(rule, old));
                policy.rules.push(*rule);
            }
            bpf::replace(place, Some(&policy))
        }
    }
}

/// Puts back the rules that were there.
pub(crate) fn undo(place: &Place, before: Option<&DevicePolicy>) -> Result<(), Error> {
    if place.version == Version::V2 {
        return bpf::replace(place, before);
    }
    let Some(policy) = before else { return place.write("devices.allow", "a") };
    place.write("devices.deny", "a")?;
    writes(&DeviceChange::Add(policy.rules.clone()))
        .iter()
        .try_for_each(|(file, value)| place.write(file, value))
}

/// Returns the commands that do the same: files on v1; no file of v2 has the rules.
pub(crate) fn shell(place: &Place, change: &DeviceChange) -> Vec<String> {
    if place.version == Version::V1 {
        let echo = |(file, value): &(&str, String)| {
            format!("echo {} > {}", quote(value), quote(&place.file(file).to_string_lossy()))
        };
        return writes(change).iter().map(echo).collect();
    }
    let path = quote(place.path.as_str());
    match change {
        DeviceChange::Reset => vec![format!("pal cgroup devices {path} reset")],
        DeviceChange::Add(rules) => {
            let one = |rule: &DeviceRule| {
                let verb = if rule.verdict == Verdict::Allow { "allow" } else { "deny" };
                format!("pal cgroup devices {path} {verb} {}", quote(&DevicePattern::from(*rule).to_string()))
            };
            rules.iter().map(one).collect()
        }
    }
}

/// Lists what is written to which file of v1; a rule for both kinds of device is two there.
fn writes(change: &DeviceChange) -> Vec<(&'static str, String)> {
    let DeviceChange::Add(rules) = change else { return vec![("devices.allow", "a".to_owned())] };
    let mut writes = Vec::new();
    for rule in rules {
        let file = if rule.verdict == Verdict::Allow { "devices.allow" } else { "devices.deny" };
        let pattern = DevicePattern::from(*rule);
        match rule.kind {
            DeviceKind::All if rule.covers_all() => writes.push((file, "a".to_owned())),
            DeviceKind::All => {
                let of_kind = |kind| (file, DevicePattern { kind, ..pattern }.to_string());
                writes.extend([DeviceKind::Block, DeviceKind::Char].map(of_kind));
            }
            DeviceKind::Block | DeviceKind::Char => writes.push((file, pattern.to_string())),
        }
    }
    writes
}

/// Tells whether nothing of an older rule is in force behind a newer one.
fn replaces(new: &DeviceRule, old: &DeviceRule) -> bool {
    let same = (new.kind, new.major, new.minor) == (old.kind, old.major, old.minor);
    new.covers_all() || same && old.access.without(new.access).is_empty()
}
