//! `net`: rules for the packets of groups.

mod class;
mod listing;

use std::cell::OnceCell;

use palisade_cgroup::{Controller, Group, GroupPath, Layout, Place, Version};
use palisade_network::packets::{self, Deed, Direction, Protocol, Rule, Whose};
use palisade_runtime::{Error, Result, Store};
use serde::Serialize;

use crate::arguments::Format;
use crate::arguments::cgroup::net::{DeedWord, DirectionWord, Net, NetVerb, NewRule, ProtocolWord};
use crate::flags::GroupName;
use crate::output::{print, print_json};
use crate::steps::{Step, carry_out, look};

pub(crate) fn dispatch(verb: &Net, store: &Store) -> Result<u8> {
    match (&verb.verb, &verb.rule.group, verb.rule.deed) {
        (Some(NetVerb::List(verb)), ..) => {
            look(verb.telling, || Ok(vec![shell(&packets::listing())]), || listing::list(verb))
        }
        (Some(NetVerb::Rm(verb)), ..) => listing::remove(verb, store),
        (None, Some(group), Some(deed)) => add(&verb.rule, group, deed, store),
        (None, ..) => Err(Error::new("net: wanted a group and what to do, list or rm")),
    }
}

fn add(new: &NewRule, group: &GroupName, deed: DeedWord, store: &Store) -> Result<u8> {
    let layout = Layout::detect()?;
    let path = group.path(&layout, store)?;
    let group = Group::open(&layout, &path)?;
    let place = place(new, &layout, &group)?;
    let deed = match (deed, new.mark) {
        (DeedWord::Count, None) => Deed::Count,
        (DeedWord::Drop, None) => Deed::Drop,
        (DeedWord::Mark, Some(mark)) => Deed::Mark(mark.0),
        (DeedWord::Mark, None) => return Err(Error::new("net: mark wants a number")),
        (_, Some(_)) => return Err(Error::new("net: only mark takes a number")),
    };
    let direction = match new.direction {
        DirectionWord::Out => Direction::Out,
        DirectionWord::In => Direction::In,
    };
    let protocol = new.proto.map(|word| match word {
        ProtocolWord::Tcp => Protocol::Tcp,
        ProtocolWord::Udp => Protocol::Udp,
        ProtocolWord::Icmp => Protocol::Icmp,
    });
    if (protocol, new.port.is_some()) == (Some(Protocol::Icmp), true) {
        return Err(Error::new("--port: icmp has no ports"));
    }
    let mut steps: Vec<Box<dyn Step>> = Vec::new();
    let whose = match place.version {
        Version::V2 => below(&layout, &place)?,
        Version::V1 if direction == Direction::In => {
            return Err(Error::new(format!("net {path}: packets that come in bear no class of net_cls"))
                .hint("only a v2 tree knows to whom they go"));
        }
        Version::V1 => {
            let (class, step) = class::of(&place)?;
            steps.extend(step.map(|step| Box::new(step) as Box<dyn Step>));
            Whose::Class(class)
        }
    };
    let rule = Rule { whose, direction, protocol, port: new.port, deed, name: path.as_str().to_owned() };
    let handle = std::rc::Rc::new(OnceCell::new());
    steps.push(Box::new(Adding { rule, handle: std::rc::Rc::clone(&handle) }));
    carry_out(&steps, new.telling.of_steps())?;
    match handle.get() {
        Some(number) => match new.telling.format {
            Format::Table => print(&format!("{number}\n")),
            Format::Json => print_json(&Added { number: *number }),
        },
        None => Ok(()),
    }
    .map(|()| 0)
}

/// A rule that was added; the names of the fields are promised.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Added {
    /// The number to remove it by.
    number: u64,
}

/// Picks the hierarchy that the group's packets are known by: the v2 tree, else that of net_cls.
fn place(new: &NewRule, layout: &Layout, group: &Group) -> Result<Place> {
    let chosen = layout.choose(&new.hierarchies.controllers)?;
    let places: Vec<Place> = chosen.iter().map(|hierarchy| Place::new(hierarchy, group.path())).collect();
    let there = |place: &&Place| place.exists();
    let v2 = places.iter().filter(there).find(|place| place.version == Version::V2);
    let by_class =
        || places.iter().filter(there).find(|place| place.controllers.contains(&Controller::NetCls));
    v2.or_else(by_class).cloned().ok_or_else(|| {
        let path = group.path();
        Error::new(format!("net {path}: the group is in no v2 tree and in no hierarchy of net_cls")).hint(
            "packets are known by one of these: pal cgroup mount -c net_cls DIRECTORY, pal cgroup create GROUP",
        )
    })
}

/// Where nft looks for groups.
const NFT_TOP: &str = "/sys/fs/cgroup";

/// Names a v2 group as nft wants it.
fn below(layout: &Layout, place: &Place) -> Result<Whose> {
    let depth = |path: &str| path.split('/').filter(|part| !part.is_empty()).count();
    let root = layout.unified().map_or(0, |unified| depth(&unified.root));
    let level = root + depth(place.path.as_str());
    let whole = |path: &GroupPath| Error::new(format!("net {path}: every socket is in the root group"));
    if level == 0 {
        return Err(whole(&place.path).hint("a rule of nft without a group does it"));
    }
    let directory = place.directory();
    let path = match directory.strip_prefix(NFT_TOP) {
        Ok(below) if place.mount == std::path::Path::new(NFT_TOP) => below.to_string_lossy().into_owned(),
        // From wherever nft begins, that leads to the top of the file system first.
        _ => format!("{}{}", "../".repeat(8), directory.to_string_lossy().trim_start_matches('/')),
    };
    if !packets::can_quote(&path) {
        return Err(Error::new(format!("net {}: nft cannot take this name", place.path))
            .hint("it has no way to write quotation marks, backslashes, * and $"));
    }
    Ok(Whose::Below { path, level })
}

/// Adds a rule, and keeps its number for whoever waits for it.
struct Adding {
    rule: Rule,
    handle: std::rc::Rc<OnceCell<u64>>,
}

impl Step for Adding {
    fn shell(&self) -> Vec<String> {
        self.rule.commands().iter().map(|command| shell(command)).collect()
    }

    fn perform(&self) -> Result<()> {
        let handle = self.rule.add()?;
        self.handle.get_or_init(|| handle);
        Ok(())
    }
}

/// Writes a command of nft for a shell.
fn shell(command: &str) -> String {
    format!("nft '{}'", command.replace('\'', r"'\''"))
}
