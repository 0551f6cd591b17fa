//! One entry of a configuration's `mounts` becomes an operation.

use crate::attributes::Reach;
use crate::op::{Bind, FileSystem, Remount, SourceLink, TargetLink, TmpfsMode, Versions};
use crate::options::{CopyUp, Mode, Options, Parameter};
use crate::{Error, HostPath, Op, RootPath, Text};

impl Op {
    /// Plans one entry of `mounts`: a bind, a remount or a file system.
    ///
    /// `source` has to be absolute for a bind. Errors name the option that does not fit.
    pub fn from_mount(
        fstype: Option<&str>,
        source: Option<&str>,
        target: &str,
        options: &Options,
    ) -> Result<Self, Error> {
        if options.id_mapping.is_some() {
            return Err(Error::new("plan mount", target, "idmap and ridmap are options of a bind mount"));
        }
        if options.mode == Mode::Remount {
            only_of_binds(target, options)?;
            return remount(RootPath::new(target)?, options);
        }
        let target = checked_target(target)?;
        if options.bind.is_some() || fstype == Some("bind") {
            return bind(source, target, options);
        }
        match fstype {
            Some(fstype) if !fstype.is_empty() && fstype != "none" => {
                only_of_binds(&target.to_string(), options)?;
                file_system(fstype, source, target, options)
            }
            _ => Err(Error::new("plan mount", target.to_string(), "it has no type and is no bind mount")
                .hint("give a type, or the option bind or rbind")),
        }
    }
}

/// Names an option that says how a bind mount is made and stands where none is.
fn only_of_binds(target: &str, options: &Options) -> Result<(), Error> {
    let word = match (options.source_link, options.target_link) {
        (SourceLink::Bind, _) => "src-nofollow",
        (SourceLink::Copy, _) => "copy-symlink",
        (SourceLink::Follow, TargetLink::Cover) => "dest-nofollow",
        (SourceLink::Follow, TargetLink::Follow) => return Ok(()),
    };
    Err(Error::new("plan mount", target, format!("{word:?} is an option of a bind mount")))
}

/// A mount that covers the root itself would hide everything that was set up in it.
fn checked_target(target: &str) -> Result<RootPath, Error> {
    if target.split('/').all(|part| matches!(part, "" | "." | "..")) {
        return Err(Error::new("plan mount", target, "the target is the root itself"));
    }
    RootPath::new(target)
}

fn remount(target: RootPath, options: &Options) -> Result<Op, Error> {
    // With bind only the mount changes; without it the superblock does too, as with mount(8).
    let mut parameters = Vec::new();
    if options.bind.is_none() {
        parameters = options.parameters(None)?;
        for word in options.attributes.words().into_iter().filter(|word| matches!(*word, "ro" | "rw")) {
            parameters.push(Parameter::flag(word)?);
        }
    } else {
        no_data(&target, options)?;
    }
    Ok(Op::Remount(Remount {
        target,
        attributes: options.attributes,
        recursive: options.recursive,
        parameters,
        versions: options.versions,
        propagation: options.propagation.clone(),
    }))
}

fn bind(source: Option<&str>, target: RootPath, options: &Options) -> Result<Op, Error> {
    no_data(&target, options)?;
    let Some(source) = source.filter(|source| source.starts_with('/')) else {
        return Err(Error::new("plan bind mount", target.to_string(), "its source is not an absolute path"));
    };
    Ok(Op::Bind(Bind {
        source: HostPath::new(source)?,
        reach: options.bind.unwrap_or(Reach::Mount),
        tree: None,
        spare: None,
        source_link: options.source_link,
        target_link: options.target_link,
        attributes: options.attributes,
        recursive: options.recursive,
        propagation: options.propagation.clone(),
        target,
    }))
}

/// A bind has the superblock of its source; options of a file system would be lost.
fn no_data(target: &RootPath, options: &Options) -> Result<(), Error> {
    /// What engines are told about their volumes and Podman passes on; it is done by then.
    const OF_VOLUMES: [&[u8]; 2] = [b"copy", b"nocopy"];
    let mut others = options.data.iter().filter(|parameter| !OF_VOLUMES.contains(&parameter.key.to_bytes()));
    let word = others.next().map(|parameter| parameter.key.to_string());
    let word = word.or_else(|| options.superblock.first().map(|key| (*key).to_owned()));
    let word = word.or_else(|| match options.versions {
        Versions::Left => None,
        Versions::Counted => Some("iversion".to_owned()),
        Versions::Uncounted => Some("noiversion".to_owned()),
    });
    let word = word.or_else(|| (options.copy_up == CopyUp::Yes).then(|| "tmpcopyup".to_owned()));
    match word {
        None => Ok(()),
        Some(word) => Err(Error::new(
            "plan bind mount",
            target.to_string(),
            format!("the option {word:?} is one of a file system"),
        )
        .hint("a bind mount shows the file system of its source, whose options it cannot change")),
    }
}

fn file_system(fstype: &str, source: Option<&str>, target: RootPath, options: &Options) -> Result<Op, Error> {
    if options.copy_up == CopyUp::Yes && fstype != "tmpfs" {
        return Err(Error::new("plan mount", target.to_string(), "tmpcopyup is an option of tmpfs"));
    }
    let mut parameters = options.parameters(source)?;
    if fstype == "overlay" {
        parameters = split_layers(parameters)?;
    }
    check_lengths(&target, &parameters)?;
    let attributes = options.attributes.then(options.recursive);
    // What is copied up has to be written first, which only the mount's own flag allows.
    if attributes.read_only() && options.copy_up == CopyUp::No {
        parameters.push(Parameter::flag("ro")?);
    }
    let has_mode = options.data.iter().any(|parameter| parameter.key.to_bytes() == b"mode");
    let tmpfs_mode = if fstype == "tmpfs" && !has_mode { TmpfsMode::OfTarget } else { TmpfsMode::Given };
    Ok(Op::Mount(FileSystem {
        fstype: Text::new(fstype)?,
        parameters,
        attributes,
        propagation: options.propagation.clone(),
        copy_up: options.copy_up,
        tmpfs_mode,
        // A new file system does not stop what it does by itself, and what has no stored files has none to count.
        versions: match options.versions {
            Versions::Counted if !WITHOUT_FILES.contains(&fstype) => Versions::Counted,
            _ => Versions::Left,
        },
        target,
    }))
}

/// File systems whose files are the kernel's own.
const WITHOUT_FILES: [&str; 6] = ["proc", "sysfs", "devpts", "mqueue", "cgroup", "cgroup2"];

/// As much as `fsconfig(2)` takes for one string, without the NUL.
const MAX_VALUE: usize = 255;

/// Names a value that the kernel would refuse with no more than `EINVAL`.
fn check_lengths(target: &RootPath, parameters: &[Parameter]) -> Result<(), Error> {
    let long = |value: &Text| value.to_bytes().len() > MAX_VALUE;
    match parameters.iter().find(|parameter| parameter.value.as_ref().is_some_and(long)) {
        None => Ok(()),
        Some(parameter) => Err(Error::new(
            "plan mount",
            target.to_string(),
            format!("the value of {:?} is longer than {MAX_VALUE} bytes", parameter.key),
        )),
    }
}

/// Gives an overlay's layers one parameter each (Linux 6.5) where all of them do not fit into one.
fn split_layers(parameters: Vec<Parameter>) -> Result<Vec<Parameter>, Error> {
    let mut split = Vec::new();
    for parameter in parameters {
        match &parameter.value {
            Some(value) if parameter.key.to_bytes() == b"lowerdir" && value.to_bytes().len() > MAX_VALUE => {
                let mut key = "lowerdir+";
                for layer in layers(value.to_bytes()) {
                    if layer.is_empty() {
                        // Two colons: what follows are layers of data only.
                        key = "datadir+";
                    } else {
                        split.push(Parameter { key: Text::new(key)?, value: Some(Text::new(layer)?) });
                    }
                }
            }
            _ => split.push(parameter),
        }
    }
    Ok(split)
}

/// Takes a `lowerdir` apart at its colons; a backslash makes the next byte an ordinary one.
fn layers(value: &[u8]) -> Vec<Vec<u8>> {
    let mut layers = vec![Vec::new()];
    let mut bytes = value.iter();
    while let Some(byte) = bytes.next() {
        match byte {
            b':' => layers.push(Vec::new()),
            byte => {
                let plain = if *byte == b'\\' { bytes.next().unwrap_or(byte) } else { byte };
                if let Some(layer) = layers.last_mut() {
                    layer.push(*plain);
                }
            }
        }
    }
    layers
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(fstype: &str, source: &str, target: &str, words: &[&str]) -> Result<Op, Error> {
        Op::from_mount(Some(fstype), Some(source), target, &Options::parse(words).unwrap())
    }

    /// Each entry with the commands that would do the same, which name every field of the operation.
    #[test]
    fn entries_become_operations() {
        for (fstype, source, target, words, shell) in [
            ("proc", "proc", "/proc", &[][..], "mount -t proc proc rootfs/proc"),
            (
                "tmpfs",
                "shm",
                "/dev/shm",
                &["nosuid", "noexec", "nodev", "mode=1777", "size=65536k"],
                "mount -t tmpfs -o nosuid,nodev,noexec,mode=1777,size=65536k shm rootfs/dev/shm",
            ),
            (
                "sysfs",
                "sysfs",
                "/sys",
                &["ro", "rnosuid", "rslave"],
                "mount -t sysfs -o ro,nosuid sysfs rootfs/sys && mount --make-rslave rootfs/sys",
            ),
            (
                "bind",
                "/a b",
                "/c",
                &["rbind", "rro", "nosuid", "rprivate"],
                "mount --rbind '/a b' rootfs/c && mount -o remount,bind,ro=recursive,nosuid rootfs/c \
                 && mount --make-rprivate rootfs/c",
            ),
            ("", "/a", "/c", &["bind"], "mount --bind /a rootfs/c"),
            ("", "", "/c", &["remount", "bind", "ro"], "mount -o remount,bind,ro rootfs/c"),
            (
                "tmpfs",
                "",
                "/c",
                &["remount", "ro", "size=1m", "async"],
                "mount -o remount,async,size=1m,ro rootfs/c && mount -o remount,bind,ro rootfs/c",
            ),
            (
                "tmpfs",
                "tmpfs",
                "/c",
                &["iversion", "nosuid"],
                "mount -t tmpfs -o nosuid tmpfs rootfs/c && mount -o remount,iversion rootfs/c",
            ),
            ("proc", "proc", "/c", &["iversion"], "mount -t proc proc rootfs/c"),
            ("", "", "/c", &["remount", "noiversion"], "mount -o remount,noiversion rootfs/c"),
            (
                "tmpfs",
                "tmpfs",
                "/c",
                &["tmpcopyup", "ro"],
                "cp -a rootfs/c copy && mount -t tmpfs -o ro tmpfs rootfs/c && cp -a copy/. rootfs/c",
            ),
        ] {
            assert_eq!(plan(fstype, source, target, words).unwrap().shell(), shell, "{words:?}");
        }
    }

    #[test]
    fn entries_that_make_no_sense_are_refused() {
        for (fstype, source, target, words, cause) in [
            ("tmpfs", "tmpfs", "/", &[][..], "the root itself"),
            ("tmpfs", "tmpfs", "../..", &[], "the root itself"),
            ("tmpfs", "tmpfs", "/./", &[], "the root itself"),
            ("", "tmpfs", "/x", &[], "no type"),
            ("none", "tmpfs", "/x", &["rprivate"], "no type"),
            ("bind", "relative", "/x", &[], "not an absolute path"),
            ("bind", "/a", "/x", &["size=1m"], "\"size\" is one of a file system"),
            ("bind", "/a", "/x", &["sync"], "\"sync\" is one of a file system"),
            ("", "/a", "/x", &["bind", "tmpcopyup"], "\"tmpcopyup\" is one of a file system"),
            ("", "", "/x", &["remount", "bind", "mode=1"], "\"mode\" is one of a file system"),
            ("bind", "/a", "/x", &["iversion"], "\"iversion\" is one of a file system"),
            ("tmpfs", "x", "/x", &["idmap"], "options of a bind mount"),
            ("", "", "/x", &["remount", "bind", "idmap"], "options of a bind mount"),
            ("tmpfs", "x", "/x", &["src-nofollow"], "\"src-nofollow\" is an option of a bind mount"),
            ("tmpfs", "x", "/x", &["copy-symlink"], "\"copy-symlink\" is an option of a bind mount"),
            ("proc", "x", "/x", &["dest-nofollow"], "\"dest-nofollow\" is an option of a bind mount"),
            ("ramfs", "x", "/x", &["tmpcopyup"], "option of tmpfs"),
            ("tmpfs", "x", "/x\0", &[], "NUL"),
        ] {
            let error = plan(fstype, source, target, words).unwrap_err().to_string();
            assert!(error.contains(cause), "{error}");
        }
        let long = format!("a={}", "x".repeat(256));
        assert!(plan("tmpfs", "x", "/x", &[&long]).unwrap_err().to_string().contains("longer than 255"));
    }

    #[test]
    fn many_layers_become_one_parameter_each() {
        let short = plan("overlay", "o", "/x", &["lowerdir=/a:/b"]).unwrap();
        assert_eq!(short.shell(), "mount -t overlay -o lowerdir=/a:/b o rootfs/x");
        let (first, second) = ("a".repeat(200), "b".repeat(100));
        let word = format!("lowerdir=/{first}\\:1:/{second}::/data");
        let long = plan("overlay", "o", "/x", &[&word]).unwrap();
        let expected =
            format!("mount -t overlay -o lowerdir+=/{first}:1,lowerdir+=/{second},datadir+=/data o rootfs/x");
        assert_eq!(long.shell(), expected);
    }

    #[test]
    fn a_plan_is_json() {
        let op = plan("tmpfs", "shm", "/dev/shm", &["nosuid", "size=1m"]).unwrap();
        let expected = serde_json::json!({
            "op": "mount", "fstype": "tmpfs", "attributes": ["nosuid"], "propagation": [],
            "parameters": [{"key": "source", "value": "shm"}, {"key": "size", "value": "1m"}],
            "copy_up": "no", "tmpfs_mode": "of-target", "target": "/dev/shm",
        });
        assert_eq!(serde_json::to_value(&op).unwrap(), expected);
    }
}
