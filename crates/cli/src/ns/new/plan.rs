//! What `new` does, decided before anything is done.

use palisade_namespace::{
    IdMap, IdMaps, Kind, Kinds, MapFacts, MapMethod, Offsets, SubIdRange, Who, choose_method,
    default_rootless_maps, read_subids,
};
use palisade_runtime::{Error, Host, Result};
use rustix::process::{getegid, geteuid};
use rustix::thread::CapabilitySet;

use crate::arguments::ns::New;
use crate::flags::{IdRange, MapChoice, PropagationChoice};
use crate::ns::program::or_shell;

/// All that is done.
pub(super) struct Plan {
    pub(super) created: Kinds,
    /// The maps of a new user namespace; none leaves everybody nobody.
    pub(super) maps: Option<Maps>,
    /// Why a user namespace is made that nobody has asked for.
    pub(super) note: Option<&'static str>,
    pub(super) hostname: Option<String>,
    pub(super) domainname: Option<String>,
    pub(super) offsets: Offsets,
    pub(super) propagation: PropagationChoice,
    pub(super) proc: Proc,
    pub(super) pin: Option<String>,
    pub(super) init: Init,
    pub(super) command: Vec<String>,
}

/// Id maps and how they get written.
pub(super) struct Maps {
    pub(super) ids: IdMaps,
    pub(super) method: MapMethod,
}

/// Whether a proc of the new pid namespace is mounted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Proc {
    Mount,
    Leave,
}

/// Who is process 1 of a new pid namespace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Init {
    /// A small init.
    Own,
    /// The program itself.
    Program,
}

const NOTE: &str = "as CAP_SYS_ADMIN is lacking, a user namespace comes first: its maker has it there";

impl Plan {
    pub(super) fn new(verb: &New) -> Result<Self> {
        let named = verb.kinds.kinds();
        let mut created = implied(verb).into_iter().fold(named, Kinds::with);
        if created.is_empty() {
            return Err(Error::new("no kind of namespace").hint("--mount, --pid, --net, ... or --all"));
        }
        let needs_user = !created.contains(Kind::User) && !is_privileged()?;
        if needs_user {
            created = created.with(Kind::User);
        }
        Ok(Self {
            created,
            maps: if created.contains(Kind::User) { maps(verb)? } else { None },
            note: needs_user.then_some(NOTE),
            hostname: verb.hostname.clone(),
            domainname: verb.domainname.clone(),
            offsets: Offsets { monotonic: verb.monotonic, boottime: verb.boottime },
            propagation: verb.propagation.unwrap_or(PropagationChoice::Private),
            proc: if verb.mount_proc { Proc::Mount } else { Proc::Leave },
            pin: verb.pin.as_ref().map(|name| name.0.clone()),
            init: if verb.init { Init::Own } else { Init::Program },
            command: or_shell(&verb.command),
        })
    }

    /// Whether the program runs in a child: as process 1, or since somebody has to stay outside until it runs.
    pub(super) fn forks(&self) -> bool {
        self.created.contains(Kind::Pid) || self.pin.is_some()
    }

    /// Whether the process inside becomes root there, so that what it makes belongs to an id that there is.
    pub(super) fn becomes_root(&self) -> bool {
        self.maps.as_ref().is_some_and(|maps| {
            use palisade_namespace::IdKind::{Gid, Uid};
            [Uid, Gid].into_iter().all(|kind| maps.ids.outside_of(kind, 0).is_some())
        })
    }
}

/// The kinds that options make no sense without.
fn implied(verb: &New) -> Vec<Kind> {
    let options = [
        (verb.hostname.is_some() || verb.domainname.is_some(), Kind::Uts),
        (verb.map.is_some() || !verb.map_users.is_empty() || !verb.map_groups.is_empty(), Kind::User),
        (verb.monotonic.is_some() || verb.boottime.is_some(), Kind::Time),
        (verb.propagation.is_some() || verb.mount_proc, Kind::Mount),
        (verb.init, Kind::Pid),
    ];
    options.into_iter().filter_map(|(is_given, kind)| is_given.then_some(kind)).collect()
}

fn is_privileged() -> Result<bool> {
    let sets = rustix::thread::capabilities(None).map_err(|errno| Error::call("capget", errno))?;
    Ok(sets.effective.contains(CapabilitySet::SYS_ADMIN))
}

fn maps(verb: &New) -> Result<Option<Maps>> {
    let (uid, gid) = (geteuid().as_raw(), getegid().as_raw());
    let own = || default_rootless_maps(uid, gid, &[], &[]);
    let is_explicit = !verb.map_users.is_empty() || !verb.map_groups.is_empty();
    let ids = match verb.map.unwrap_or(MapChoice::Root) {
        MapChoice::None if is_explicit => {
            return Err(Error::new("--map none: --map-users and --map-groups say something else"));
        }
        MapChoice::None => return Ok(None),
        // Whatever the rights, this map is written from inside, and no other process is needed.
        MapChoice::Root if !is_explicit => return Ok(Some(Maps { ids: own(), method: MapMethod::Single })),
        MapChoice::Root => own(),
        MapChoice::All => all()?,
        MapChoice::Auto => auto(&Host::probe()?.maps)?,
    };
    let chosen = |ranges: &[IdRange], otherwise: Vec<IdMap>| match ranges {
        [] => otherwise,
        ranges => ranges
            .iter()
            .map(|range| IdMap { inside: range.inner, outside: range.outer, size: range.count })
            .collect(),
    };
    let ids = IdMaps::new(chosen(&verb.map_users, ids.uid), chosen(&verb.map_groups, ids.gid))?;
    let method = choose_method(&Host::probe()?.maps, &ids)?;
    Ok(Some(Maps { ids, method }))
}

/// All ids that there are here, each as itself.
fn all() -> Result<IdMaps> {
    let read = |file: &str| {
        let path = format!("/proc/self/{file}");
        let text =
            std::fs::read_to_string(&path).map_err(|error| Error::io(format!("read {path}"), &error))?;
        let maps = text.lines().filter_map(|line| {
            let mut numbers = line.split_whitespace().map(str::parse);
            let (Some(Ok(inside)), Some(Ok(size))) = (numbers.next(), numbers.nth(1)) else { return None };
            Some(IdMap { inside, outside: inside, size })
        });
        Ok::<_, Error>(maps.collect::<Vec<_>>())
    };
    Ok(IdMaps::new(read("uid_map")?, read("gid_map")?)?)
}

/// The own ids as 0 and the subordinate ones after it; for who may map any id, the subordinate ones from 0 on.
fn auto(facts: &MapFacts) -> Result<IdMaps> {
    if !facts.may_set_ids {
        return Ok(default_rootless_maps(facts.euid, facts.egid, &facts.subuid, &facts.subgid));
    }
    let read = |path: &str| {
        let who = Who { uid: facts.euid, name: (facts.euid == 0).then_some("root") };
        let ranges = read_subids(path.as_ref(), who)?;
        if ranges.is_empty() {
            let hint = "a line there is user:first:count; or give --map-users and --map-groups";
            return Err(
                Error::new(format!("--map auto: {path} has no range for user {}", facts.euid)).hint(hint)
            );
        }
        Ok(one_after_the_other(&ranges))
    };
    Ok(IdMaps::new(read("/etc/subuid")?, read("/etc/subgid")?)?)
}

fn one_after_the_other(ranges: &[SubIdRange]) -> Vec<IdMap> {
    let mut next: u32 = 0;
    ranges
        .iter()
        .map(|range| {
            let map = IdMap { inside: next, outside: range.first, size: range.count };
            next = next.saturating_add(range.count);
            map
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_follow_each_other_from_0_on() {
        let range = |first, count| SubIdRange { first, count };
        let map = |inside, outside, size| IdMap { inside, outside, size };
        let maps = one_after_the_other(&[range(100_000, 65536), range(300_000, 10)]);
        assert_eq!(maps, [map(0, 100_000, 65536), map(65536, 300_000, 10)]);
    }
}
