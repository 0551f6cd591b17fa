//! The mounts of a container, and its device nodes.

use std::path::{Path, PathBuf};

use palisade_namespace::Rights;
use palisade_runtime::{Delegation, Error, Result};
use rustix::fs::FileType;
use serde_json::{Value, json};

use super::Facts;
use crate::arguments::{Net, RunArguments};
use crate::flags::DeviceFlag;

/// Where `--init` puts this program in the container.
pub(crate) const INIT: &str = "/dev/init";

/// All mounts in their order.
pub(crate) fn mounts(flags: &RunArguments, facts: &Facts<'_>) -> Result<Vec<Value>> {
    let mut mounts = vec![
        mount("/proc", "proc", &["nosuid", "nodev", "noexec"]),
        mount("/dev", "tmpfs", &["nosuid", "strictatime", "mode=755", "size=65536k"]),
        devpts(facts),
        mount("/dev/shm", "tmpfs", &["nosuid", "nodev", "noexec", "mode=1777", "size=65536k"]),
        mount("/dev/mqueue", "mqueue", &["nosuid", "nodev", "noexec"]),
    ];
    let writable = if flags.privileged { "rw" } else { "ro" };
    if facts.rights() == Rights::OwnUser && flags.net == Net::Host {
        // A new sysfs needs rights over the network namespace. What the host has mounted below stays behind.
        let options = ["bind", "nosuid", "nodev", "noexec", "ro"];
        mounts.push(
            json!({ "destination": "/sys", "source": "/sys", "type": "none", "options": bound(&options) }),
        );
        mounts.push(mount("/sys/fs/cgroup", "tmpfs", &["nosuid", "nodev", "noexec", "ro", "mode=755"]));
    } else {
        mounts.push(mount("/sys", "sysfs", &["nosuid", "nodev", "noexec", writable]));
    }
    // Without a group of its own there is nothing that a container should see.
    if facts.host.delegation != Delegation::Nowhere {
        mounts.push(mount("/sys/fs/cgroup", "cgroup", &["nosuid", "nodev", "noexec", "relatime", writable]));
    }
    if flags.init {
        mounts.push(init()?);
    }
    mounts.extend(flags.tmpfs.iter().map(crate::flags::Tmpfs::to_json));
    for volume in &flags.volume {
        let source = &volume.source;
        if let Err(errno) = rustix::fs::stat(source) {
            return Err(Error::call(format_args!("-v {}:{}", source.display(), volume.target), errno)
                .hint("the source has to exist"));
        }
        mounts.push(volume.to_json());
    }
    Ok(mounts)
}

/// A bind of /sys has mounts of the host below it, which are locked in a user namespace: all come along.
fn bound(options: &[&str]) -> Vec<String> {
    options
        .iter()
        .map(|option| if *option == "bind" { "rbind".to_owned() } else { (*option).to_owned() })
        .collect()
}

fn mount(target: &str, fstype: &str, options: &[&str]) -> Value {
    json!({ "destination": target, "source": fstype, "type": fstype, "options": options })
}

/// The group tty owns terminals, where it is mapped.
fn devpts(facts: &Facts<'_>) -> Value {
    let mut options = vec!["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"];
    if facts.rights() == Rights::Full {
        options.push("gid=5");
    }
    mount("/dev/pts", "devpts", &options)
}

/// This very program, read-only: so nothing of the host has to be there for an init, and the container cannot write
/// to it through `/proc/1/exe`.
fn init() -> Result<Value> {
    let program =
        std::env::current_exe().map_err(|error| Error::new(format!("--init: find this program: {error}")))?;
    let options = ["bind", "ro", "nosuid", "nodev"];
    Ok(json!({ "destination": INIT, "source": program, "type": "bind", "options": options }))
}

/// Device nodes and the rules for them.
pub(crate) fn devices(flags: &RunArguments) -> Result<(Vec<Value>, Vec<Value>)> {
    let mut nodes = Vec::new();
    let mut rules = Vec::new();
    if flags.privileged {
        for path in host_devices(Path::new("/dev")) {
            // A device may go away while its directory is read.
            let Ok(found) = DeviceFlag::of_host(&path).look_up() else { continue };
            nodes.push(found.node);
        }
        rules.push(json!({ "allow": true, "access": "rwm" }));
    } else {
        rules.push(json!({ "allow": false, "access": "rwm" }));
    }
    for device in &flags.device {
        let found = device.look_up().map_err(Error::new)?;
        nodes.retain(|node: &Value| node["path"] != found.node["path"]);
        nodes.push(found.node);
        rules.push(found.rule);
    }
    Ok((nodes, rules))
}

/// What the container has of its own below /dev.
const OWN: [&str; 10] = [
    "/dev/pts",
    "/dev/shm",
    "/dev/mqueue",
    "/dev/console",
    "/dev/ptmx",
    "/dev/fd",
    "/dev/init",
    "/dev/tty",
    "/dev/core",
    "/dev/log",
];

fn host_devices(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory).into_iter().flatten().flatten() {
        let path = entry.path();
        if OWN.iter().any(|own| path == Path::new(own)) {
            continue;
        }
        // By the entry itself: links are not followed.
        let Ok(status) = rustix::fs::lstat(&path) else { continue };
        match FileType::from_raw_mode(status.st_mode) {
            FileType::Directory => found.extend(host_devices(&path)),
            FileType::CharacterDevice | FileType::BlockDevice => found.push(path),
            _ => {}
        }
    }
    found.sort();
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::spec::tests::{config, flags, refusal, user_config};

    fn targets(config: &Value) -> Vec<String> {
        let list = config["mounts"].as_array().unwrap();
        list.iter().map(|mount| mount["destination"].as_str().unwrap().to_owned()).collect()
    }

    #[test]
    fn volumes_come_last_and_must_exist() {
        let config = config(&["-v=/tmp:/data:ro", "--tmpfs=/run", "--init"]);
        let targets = targets(&config);
        assert_eq!(targets[targets.len() - 3..], ["/dev/init", "/run", "/data"]);
        let error = refusal(&["-v=/nonexistent:/data"]);
        assert!(error.starts_with("-v /nonexistent:/data: ENOENT"), "{error}");
    }

    #[test]
    fn a_user_without_a_group_sees_no_cgroups() {
        assert!(!targets(&user_config(&[])).contains(&"/sys/fs/cgroup".to_owned()));
        let shared = user_config(&["--net=host"]);
        let sys = shared["mounts"].as_array().unwrap().iter().find(|mount| mount["destination"] == "/sys");
        assert_eq!(sys.unwrap()["options"][0], "rbind");
        assert!(targets(&shared).contains(&"/sys/fs/cgroup".to_owned()));
    }

    #[test]
    fn device_rules() {
        let (nodes, rules) = devices(&flags(&["--device=/dev/null:/dev/x:r"])).unwrap();
        assert_eq!(nodes.len(), 1);
        assert_eq!((&rules[0]["allow"], &rules[1]["access"]), (&json!(false), &json!("r")));
        let (_, rules) = devices(&flags(&["--privileged"])).unwrap();
        assert_eq!(rules, [json!({ "allow": true, "access": "rwm" })]);
    }
}
