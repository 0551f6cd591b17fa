//! The configuration as a whole.

use palisade_namespace::{Rights, default_rootless_maps};
use palisade_runtime::{Error, Result};
use serde_json::{Map, Value, json};

use super::{Facts, mounts, resources, security};
use crate::arguments::{Net, RunArguments};
use crate::image::Image;

const PATH: &str = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// The annotation that keeps what the container was made of.
pub(crate) const IMAGE: &str = "palisade.image";

/// The annotation that keeps what was asked to run.
pub(crate) const COMMAND: &str = "palisade.command";

/// Makes the configuration.
///
/// # Errors
/// A flag that asks for what cannot be, by its name.
pub(crate) fn build(flags: &RunArguments, facts: &Facts<'_>) -> Result<Value> {
    let mut config = json!({
        "ociVersion": palisade_oci::VERSION,
        "process": process(flags, facts)?,
        "hostname": facts.hostname,
        "mounts": mounts::mounts(flags, facts)?,
        "annotations": { IMAGE: facts.image.name(), COMMAND: command(flags).join(" ") },
        "linux": linux(flags, facts)?,
    });
    if let Image::Directory(path) = facts.image {
        config["root"] = json!({ "path": path, "readonly": flags.read_only });
    } else if flags.read_only {
        // The root comes from elsewhere; this is about its mount.
        config["root"] = json!({ "path": "/", "readonly": true });
    }
    Ok(config)
}

fn process(flags: &RunArguments, facts: &Facts<'_>) -> Result<Value> {
    let account = facts.account;
    let mut user = json!({ "uid": account.uid, "gid": account.gid });
    // In a map of a single group no others can be set.
    if !account.groups.is_empty() && facts.rights() == Rights::Full {
        user["additionalGids"] = json!(account.groups);
    }
    let cwd = flags.workdir.as_deref().unwrap_or("/");
    if !cwd.starts_with('/') {
        return Err(Error::new(format!("--workdir {cwd}: it is not an absolute path")));
    }
    let capabilities = security::capabilities(flags)?;
    let mut process = json!({
        "terminal": flags.tty,
        "user": user,
        "args": arguments(flags),
        "env": environment(flags, facts)?,
        "cwd": cwd,
        "noNewPrivileges": security::no_new_privileges(flags),
        "capabilities": {
            "bounding": capabilities, "effective": capabilities, "permitted": capabilities,
            "inheritable": [], "ambient": [],
        },
    });
    if !flags.ulimit.is_empty() {
        process["rlimits"] = flags.ulimit.iter().map(crate::flags::Ulimit::to_json).collect();
    }
    Ok(process)
}

fn arguments(flags: &RunArguments) -> Vec<&str> {
    let init: &[&str] = if flags.init { &[mounts::INIT, crate::init::VERB, "--"] } else { &[] };
    init.iter().copied().chain(command(flags)).collect()
}

fn command(flags: &RunArguments) -> Vec<&str> {
    if flags.command.is_empty() { vec!["sh"] } else { flags.command.iter().map(String::as_str).collect() }
}

/// The environment: what every program expects, then what was asked for, each name once.
fn environment(flags: &RunArguments, facts: &Facts<'_>) -> Result<Vec<String>> {
    let mut variables =
        vec![PATH.to_owned(), format!("HOME={}", facts.account.home), format!("HOSTNAME={}", facts.hostname)];
    if flags.tty {
        let term = std::env::var("TERM").ok().filter(|term| !term.is_empty());
        variables.push(format!("TERM={}", term.as_deref().unwrap_or("xterm")));
    }
    for entry in &flags.env {
        let (name, entry) = match entry.split_once('=') {
            Some((name, _)) => (name, Some(entry.clone())),
            // A name alone passes the caller's value on, where there is one.
            None => (entry.as_str(), std::env::var(entry).ok().map(|value| format!("{entry}={value}"))),
        };
        if name.is_empty() {
            return Err(Error::new(format!("--env {}: wanted NAME or NAME=VALUE", flags.env.join(" "))));
        }
        variables.retain(|other| other.split_once('=').is_none_or(|(known, _)| known != name));
        variables.extend(entry);
    }
    Ok(variables)
}

fn linux(flags: &RunArguments, facts: &Facts<'_>) -> Result<Value> {
    let mut linux = Map::new();
    let mut set = |key: &str, value: Value| {
        linux.insert(key.to_owned(), value);
    };
    let (nodes, rules) = mounts::devices(flags)?;
    if let Some(resources) = resources::resources(flags, facts, rules)? {
        set("resources", resources);
    }
    set("devices", Value::Array(nodes));
    set("namespaces", namespaces(flags, facts));
    if facts.rights() == Rights::OwnUser {
        let (uid, gid) = id_maps(facts);
        set("uidMappings", uid);
        set("gidMappings", gid);
    }
    let capabilities = security::capabilities(flags)?;
    if let Some(filter) = security::seccomp(flags, &capabilities, facts.host.kernel)? {
        set("seccomp", filter);
    }
    if !flags.privileged {
        set("maskedPaths", json!(security::MASKED));
        set("readonlyPaths", json!(security::READ_ONLY));
    }
    if let Some(parent) = &flags.cgroup_parent {
        let parent = parent.trim_end_matches('/');
        set("cgroupsPath", json!(format!("{parent}/palisade-{}", facts.name)));
    }
    let sysctls: Map<String, Value> =
        flags.sysctl.iter().map(|setting| (setting.key.clone(), json!(setting.value))).collect();
    set("sysctl", Value::Object(sysctls));
    Ok(Value::Object(linux))
}

fn namespaces(flags: &RunArguments, facts: &Facts<'_>) -> Value {
    use palisade_namespace::Kind;
    let mut kinds = vec![Kind::Mount, Kind::Pid, Kind::Ipc, Kind::Uts, Kind::Cgroup];
    if flags.net == Net::None {
        kinds.push(Kind::Net);
    }
    if facts.rights() == Rights::OwnUser {
        kinds.push(Kind::User);
    }
    kinds.into_iter().map(|kind| json!({ "type": kind.oci_name() })).collect()
}

/// The maps of an ordinary user: ranges only where there are programs that may write them.
fn id_maps(facts: &Facts<'_>) -> (Value, Value) {
    let known = &facts.host.maps;
    let (subuid, subgid): (&[_], &[_]) =
        if known.helpers.is_some() { (&known.subuid, &known.subgid) } else { (&[], &[]) };
    // Half a map helps nobody: a user without groups, or the other way round.
    let (subuid, subgid) =
        if subuid.is_empty() || subgid.is_empty() { (&[][..], &[][..]) } else { (subuid, subgid) };
    let maps = default_rootless_maps(known.euid, known.egid, subuid, subgid);
    let text = |list: &[palisade_namespace::IdMap]| {
        let one = |map: &palisade_namespace::IdMap| json!({ "containerID": map.inside, "hostID": map.outside, "size": map.size });
        list.iter().map(one).collect::<Value>()
    };
    (text(&maps.uid), text(&maps.gid))
}

#[cfg(test)]
pub(crate) mod tests {
    use std::collections::BTreeMap;

    use clap::Parser;
    use palisade_cgroup::{Controller, Layout};
    use palisade_namespace::MapFacts;
    use palisade_runtime::{Delegation, Host};

    use super::*;
    use crate::arguments::{Arguments, Verb};
    use crate::flags::Bytes;
    use crate::machine::Machine;
    use crate::user::Account;

    /// Flags as they come from a command line for `@host`.
    pub(crate) fn flags(words: &[&str]) -> RunArguments {
        let line = ["pal", "run"].iter().chain(words).chain(&["@host", "--", "true"]);
        match Arguments::try_parse_from(line).unwrap().verb {
            Some(Verb::Run(flags)) => *flags,
            other => panic!("{other:?}"),
        }
    }

    fn host(uid: u32) -> Host {
        let layout = Layout { hierarchies: Vec::new(), homes: BTreeMap::new() };
        Host {
            kernel: (6, 1),
            uid,
            gid: uid,
            capabilities: if uid == 0 { u64::MAX } else { 0 },
            cgroups: layout,
            delegation: if uid == 0 { Delegation::Everywhere } else { Delegation::Nowhere },
            maps: MapFacts {
                euid: uid,
                egid: uid,
                may_set_ids: uid == 0,
                subuid: Vec::new(),
                subgid: Vec::new(),
                helpers: None,
            },
            systemd: None,
        }
    }

    fn build_as(uid: u32, words: &[&str]) -> Result<Value> {
        let (host, flags) = (host(uid), flags(words));
        let machine = Machine { cpus: vec![0, 1, 2, 3], memory: Bytes(8 << 30), swap: Some(Bytes(1 << 30)) };
        let account = Account { uid: 0, gid: 0, groups: vec![4], home: "/root".to_owned() };
        let controllers = if uid == 0 { Controller::ALL.to_vec() } else { Vec::new() };
        let facts = Facts {
            host: &host,
            machine: &machine,
            controllers,
            name: "web",
            hostname: flags.hostname.as_deref().unwrap_or("web"),
            image: &Image::Host,
            account: &account,
        };
        build(&flags, &facts)
    }

    /// The configuration that root gets, read back as the runtime would.
    pub(crate) fn config(words: &[&str]) -> Value {
        let config = build_as(0, words).unwrap();
        palisade_oci::parse("config", config.to_string().as_bytes()).unwrap();
        config
    }

    pub(crate) fn user_config(words: &[&str]) -> Value {
        let config = build_as(1000, words).unwrap();
        palisade_oci::parse("config", config.to_string().as_bytes()).unwrap();
        config
    }

    pub(crate) fn refusal(words: &[&str]) -> String {
        build_as(0, words).unwrap_err().to_string()
    }

    #[test]
    fn what_is_not_asked_for_is_closed() {
        let config = config(&[]);
        let linux = &config["linux"];
        assert_eq!(config["process"]["noNewPrivileges"], true);
        assert_eq!(config["process"]["capabilities"]["bounding"].as_array().unwrap().len(), 14);
        assert_eq!(config["process"]["capabilities"]["inheritable"], json!([]));
        assert_eq!(linux["resources"]["devices"], json!([{ "allow": false, "access": "rwm" }]));
        assert_eq!(linux["seccomp"]["defaultAction"], "SCMP_ACT_ERRNO");
        assert!(linux["maskedPaths"].as_array().unwrap().contains(&json!("/proc/kcore")));
        let kinds: Vec<&str> =
            linux["namespaces"].as_array().unwrap().iter().map(|one| one["type"].as_str().unwrap()).collect();
        assert_eq!(kinds, ["mount", "pid", "ipc", "uts", "cgroup", "network"]);
        assert!(config.get("root").is_none());
        assert_eq!(config["hostname"], "web");
    }

    #[test]
    fn an_ordinary_user_gets_a_user_namespace_and_no_limits() {
        let config = user_config(&[]);
        let linux = &config["linux"];
        assert!(linux["namespaces"].as_array().unwrap().contains(&json!({ "type": "user" })));
        assert_eq!(linux["uidMappings"], json!([{ "containerID": 0, "hostID": 1000, "size": 1 }]));
        assert!(linux.get("resources").is_none());
        assert!(config["process"]["user"].get("additionalGids").is_none());
        let error = build_as(1000, &["--memory=64M"]).unwrap_err().to_string();
        assert!(error.starts_with("--memory needs a cgroup, and this user may make none here"), "{error}");
    }

    #[test]
    fn privileged_protects_nothing() {
        let config = config(&["--privileged"]);
        let linux = &config["linux"];
        assert!(linux.get("seccomp").is_none() && linux.get("maskedPaths").is_none());
        assert_eq!(linux["resources"]["devices"][0]["allow"], true);
    }

    #[test]
    fn the_environment_has_each_name_once() {
        let config = config(&["-e", "A=1", "-e", "A=2", "-e", "PATH=/x", "-e", "PALISADE_NOT_SET_ANYWHERE"]);
        assert_eq!(config["process"]["env"], json!(["HOME=/root", "HOSTNAME=web", "A=2", "PATH=/x"]));
        assert!(build_as(0, &["-e", "=x"]).is_err());
    }

    #[test]
    fn programs_and_places() {
        let config =
            config(&["--init", "-w=/tmp", "--cgroup-parent=/a/b/", "--sysctl=net.x=1", "--net=host", "-t"]);
        assert_eq!(config["process"]["args"], json!(["/dev/init", "init", "--", "true"]));
        assert_eq!(config["process"]["cwd"], "/tmp");
        assert_eq!(config["linux"]["cgroupsPath"], "/a/b/palisade-web");
        assert_eq!(config["linux"]["sysctl"], json!({ "net.x": "1" }));
        assert!(!config["linux"]["namespaces"].to_string().contains("network"));
        assert_eq!(config["process"]["terminal"], true);
        assert_eq!(refusal(&["-w=tmp"]), "--workdir tmp: it is not an absolute path");
    }
}
