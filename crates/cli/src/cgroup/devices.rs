//! `devices`: which devices a group may use.

use std::path::PathBuf;

use palisade_cgroup::device::{DevicePattern, DeviceRule, Verdict};
use palisade_cgroup::{
    DeviceChange, DeviceRules, Layout, Operation, Place, Shown, Version, device_place, quote,
};
use palisade_runtime::{Error, Result, Store};
use serde::Serialize;

use crate::arguments::Format;
use crate::arguments::cgroup::{DeviceAction, Devices};
use crate::output::{print, print_json};
use crate::steps::{carry_out, look, steps};

/// What decides on the devices of a group; the names of the fields are promised.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    /// What holds where no rule does: `allow`, as far as the groups above do, or `deny`.
    default: Verdict,
    /// Of these the last that is about an access decides.
    rules: Vec<DeviceRule>,
    /// Number and name of programs that others attached, which have to allow an access, too.
    foreign: Vec<String>,
    /// Whether all rules are shown: v1 does not show what is denied where all else is allowed.
    complete: bool,
}

pub(crate) fn devices(verb: &Devices, store: &Store) -> Result<u8> {
    let layout = Layout::detect()?;
    let path = verb.group.path(&layout, store)?;
    let rules = |verdict| {
        let read = |text: &String| {
            let pattern: DevicePattern = text
                .parse()
                .map_err(|invalid: palisade_cgroup::device::InvalidRule| Error::new(invalid.to_string()))?;
            Ok(pattern.rule(verdict))
        };
        verb.rules.iter().map(read).collect::<Result<Vec<DeviceRule>>>()
    };
    let takes_rules = matches!(verb.action, DeviceAction::Allow | DeviceAction::Deny);
    if takes_rules == verb.rules.is_empty() {
        let wanted = if takes_rules { "wanted devices such as 'c 1:3 rwm'" } else { "it takes no devices" };
        return Err(Error::new(format!("devices {}: {wanted}", word(verb.action))));
    }
    let change = match verb.action {
        DeviceAction::List => {
            let place = device_place(&layout, &path)?;
            return look(verb.telling, || Ok(shell(&place)), || list(verb, &DeviceRules::read(&place)?));
        }
        DeviceAction::Reset => DeviceChange::Reset,
        DeviceAction::Allow => DeviceChange::Add(rules(Verdict::Allow)?),
        DeviceAction::Deny => DeviceChange::Add(rules(Verdict::Deny)?),
    };
    carry_out(&steps(vec![Operation::devices(&layout, &path, change)?]), verb.telling)?;
    Ok(0)
}

/// The shell command that shows the rules; on v2 no more than that there is a program.
fn shell(place: &Place) -> Vec<String> {
    let shown = |path: PathBuf| quote(&path.to_string_lossy());
    vec![match place.version {
        Version::V1 => format!("cat {}", shown(place.file("devices.list"))),
        Version::V2 => format!("bpftool cgroup show {}", shown(place.directory())),
    }]
}

fn word(action: DeviceAction) -> &'static str {
    match action {
        DeviceAction::List => "list",
        DeviceAction::Allow => "allow",
        DeviceAction::Deny => "deny",
        DeviceAction::Reset => "reset",
    }
}

fn list(verb: &Devices, rules: &DeviceRules) -> Result<u8> {
    let (default, list) = match &rules.policy {
        Some(policy) => (policy.default, policy.rules.clone()),
        None => (Verdict::Allow, Vec::new()),
    };
    let complete = rules.shown == Shown::All;
    if verb.telling.format == Format::Json {
        print_json(&Row { default, rules: list, foreign: rules.foreign.clone(), complete })?;
        return Ok(0);
    }
    let mut text = match default {
        Verdict::Allow => "allow a *:* rwm\n".to_owned(),
        Verdict::Deny => "deny a *:* rwm\n".to_owned(),
    };
    list.iter().for_each(|rule| text.push_str(&format!("{rule}\n")));
    if !complete {
        text.push_str("# v1 does not show what is denied where all else is allowed\n");
    }
    for program in &rules.foreign {
        text.push_str(&format!("# the program {program}, which Palisade did not make, decides, too\n"));
    }
    print(&text)?;
    Ok(0)
}
