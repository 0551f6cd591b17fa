//! Profiles with conditions, the format of the files that Docker and Podman take.

use std::collections::BTreeSet;

use serde::{Deserialize, Deserializer, de};

use crate::{Action, Arch, Argument, Error, Flag, KernelVersion, Profile, Syscall};

/// Describes a filter for many machines and containers: [`Profile`], with architectures chosen by the machine and
/// rules that hold only for some containers. A profile without conditions is one of these too.
///
/// Unknown fields are refused: one of them might be a condition.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ConditionalProfile {
    default_action: Action,
    default_errno_ret: Option<u32>,
    /// The errno in words, or a number as text; it goes before `defaultErrnoRet`.
    #[serde(default)]
    default_errno: String,
    #[serde(default, deserialize_with = "none_as_empty")]
    architectures: Vec<Arch>,
    #[serde(default, deserialize_with = "none_as_empty")]
    arch_map: Vec<Family>,
    flags: Option<Vec<Flag>>,
    listener_path: Option<String>,
    listener_metadata: Option<String>,
    #[serde(default, deserialize_with = "none_as_empty")]
    syscalls: Vec<Rule>,
}

/// An architecture and those that are let in beside it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Family {
    architecture: Arch,
    #[serde(default, deserialize_with = "none_as_empty")]
    sub_architectures: Vec<Arch>,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Rule {
    /// One name, in files of old.
    #[serde(default)]
    name: String,
    #[serde(default, deserialize_with = "none_as_empty")]
    names: Vec<String>,
    action: Action,
    errno_ret: Option<u32>,
    /// As `defaultErrno`.
    #[serde(default)]
    errno: String,
    #[serde(default, deserialize_with = "none_as_empty")]
    args: Vec<Argument>,
    /// For people.
    #[serde(default, rename = "comment")]
    _comment: String,
    #[serde(default, deserialize_with = "none_as_empty")]
    includes: Condition,
    #[serde(default, deserialize_with = "none_as_empty")]
    excludes: Condition,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Condition {
    #[serde(default, deserialize_with = "none_as_empty")]
    caps: Vec<String>,
    #[serde(default, deserialize_with = "none_as_empty")]
    arches: Vec<String>,
    min_kernel: Option<Version>,
}

/// `major.minor`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Version(KernelVersion);

/// Describes the container and the machine that conditions are about.
#[derive(Clone, Copy, Debug)]
pub struct Circumstances<'a> {
    /// The container's bounding capabilities, as `CAP_SYS_ADMIN`.
    pub capabilities: &'a BTreeSet<String>,
    /// The machine's architecture.
    pub arch: Arch,
    /// The running kernel.
    pub kernel: KernelVersion,
}

impl ConditionalProfile {
    /// Decides the conditions.
    ///
    /// # Errors
    /// Says what contradicts itself or is no errno.
    pub fn resolve(&self, circumstances: &Circumstances<'_>) -> Result<Profile, Error> {
        if !self.architectures.is_empty() && !self.arch_map.is_empty() {
            return Err(Error::new("/archMap", "it must not be set together with architectures"));
        }
        let family = self.arch_map.iter().find(|family| family.architecture == circumstances.arch);
        let mut architectures = self.architectures.clone();
        if let Some(family) = family {
            architectures.push(family.architecture);
            architectures.extend(&family.sub_architectures);
        }
        let mut syscalls = Vec::with_capacity(self.syscalls.len());
        for (index, rule) in self.syscalls.iter().enumerate() {
            if rule.holds(circumstances) {
                syscalls.push(rule.resolve(index)?);
            }
        }
        Ok(Profile {
            default_action: self.default_action,
            default_errno_ret: errno("/defaultErrno", &self.default_errno, self.default_errno_ret)?,
            architectures,
            flags: self.flags.clone(),
            listener_path: self.listener_path.clone(),
            listener_metadata: self.listener_metadata.clone(),
            syscalls,
        })
    }
}

impl Rule {
    /// A rule is for the containers that meet all of `includes` and nothing of `excludes`.
    fn holds(&self, circumstances: &Circumstances<'_>) -> bool {
        let Circumstances { capabilities, arch, kernel } = circumstances;
        let (includes, excludes) = (&self.includes, &self.excludes);
        let is_native = |name: &String| arch_word(*arch) == Some(name);
        let has = |name: &String| capabilities.contains(name);
        includes.caps.iter().all(has)
            && (includes.arches.is_empty() || includes.arches.iter().any(is_native))
            && includes.min_kernel.is_none_or(|version| *kernel >= version.0)
            && !excludes.caps.iter().any(has)
            && !excludes.arches.iter().any(is_native)
            && excludes.min_kernel.is_none_or(|version| *kernel < version.0)
    }

    fn resolve(&self, index: usize) -> Result<Syscall, Error> {
        let names = match (self.name.is_empty(), self.names.is_empty()) {
            (false, false) => {
                let cause = "it must not be set together with names";
                return Err(Error::new(format!("/syscalls/{index}/name"), cause));
            }
            (false, true) => vec![self.name.clone()],
            (true, _) => self.names.clone(),
        };
        let errno_ret = errno(&format!("/syscalls/{index}/errno"), &self.errno, self.errno_ret)?;
        Ok(Syscall { names, action: self.action, errno_ret, args: self.args.clone() })
    }
}

/// Reads an errno in words, which goes before the one as a number.
fn errno(place: &str, word: &str, number: Option<u32>) -> Result<Option<u32>, Error> {
    if word.is_empty() {
        return Ok(number);
    }
    let named = palisade_sys::errno::number(word).and_then(|number| u32::try_from(number).ok());
    match named.or_else(|| word.parse().ok()) {
        Some(number) => Ok(Some(number)),
        None => Err(Error::new(place, format!("{word:?} is no errno"))),
    }
}

/// Returns the word by which conditions call an architecture.
fn arch_word(arch: Arch) -> Option<&'static str> {
    Some(match arch {
        Arch::X86 => "x86",
        Arch::X86_64 => "amd64",
        Arch::Arm => "arm",
        Arch::Aarch64 => "arm64",
        Arch::Mips64 => "mips64",
        Arch::Mipsel64 => "mipsel64",
        Arch::Ppc64 => "ppc64",
        Arch::Ppc64le => "ppc64le",
        Arch::S390x => "s390x",
        Arch::Riscv64 => "riscv64",
        Arch::Loongarch64 => "loong64",
        _ => return None,
    })
}

/// Reads `null` as nothing: programs that write these files have it for empty lists.
fn none_as_empty<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(from: D) -> Result<T, D::Error> {
    Option::deserialize(from).map(Option::unwrap_or_default)
}

impl<'de> Deserialize<'de> for Version {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        let numbers = text.split_once('.').and_then(|(major, minor)| {
            let numbers = (major.parse().ok()?, minor.parse().ok()?);
            Some(Self(numbers))
        });
        numbers.ok_or_else(|| de::Error::custom(format_args!("{text:?} is no kernel version: major.minor")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve_for(document: &str, capabilities: &[&str], arch: Arch, kernel: KernelVersion) -> Profile {
        let capabilities = capabilities.iter().map(|name| (*name).to_owned()).collect();
        let profile: ConditionalProfile = serde_json::from_str(document).unwrap();
        profile.resolve(&Circumstances { capabilities: &capabilities, arch, kernel }).unwrap()
    }

    /// The names that are left of rules, each with one condition.
    fn names(conditions: &str, capabilities: &[&str], arch: Arch, kernel: KernelVersion) -> Vec<String> {
        let document = format!(r#"{{"defaultAction":"SCMP_ACT_ERRNO","syscalls":[{conditions}]}}"#);
        let profile = resolve_for(&document, capabilities, arch, kernel);
        profile.syscalls.into_iter().flat_map(|rule| rule.names).collect()
    }

    #[test]
    fn conditions_choose_rules() {
        let rules = r#"
            {"names":["a"],"action":"SCMP_ACT_ALLOW","args":null,"comment":"","includes":{},"excludes":{}},
            {"names":["b"],"action":"SCMP_ACT_ALLOW","includes":{"caps":["CAP_KILL","CAP_CHOWN"]}},
            {"names":["c"],"action":"SCMP_ACT_ALLOW","excludes":{"caps":["CAP_KILL","CAP_CHOWN"]}},
            {"names":["d"],"action":"SCMP_ACT_ALLOW","includes":{"arches":["amd64","x32"]}},
            {"names":["e"],"action":"SCMP_ACT_ALLOW","excludes":{"arches":["amd64"]}},
            {"names":["f"],"action":"SCMP_ACT_ALLOW","includes":{"minKernel":"4.8"}},
            {"names":["g"],"action":"SCMP_ACT_ALLOW","excludes":{"minKernel":"4.8"}},
            {"name":"h","action":"SCMP_ACT_ALLOW","includes":null}"#;
        let of = |capabilities: &[&str], arch, kernel| names(rules, capabilities, arch, kernel).concat();
        assert_eq!(of(&[], Arch::X86_64, (4, 8)), "acdfh");
        assert_eq!(of(&["CAP_KILL"], Arch::X86_64, (6, 1)), "adfh");
        assert_eq!(of(&["CAP_KILL", "CAP_CHOWN"], Arch::Aarch64, (4, 7)), "abegh");
    }

    #[test]
    fn the_machine_chooses_the_architectures() {
        let document = r#"{"defaultAction":"SCMP_ACT_ALLOW","archMap":[
            {"architecture":"SCMP_ARCH_X86_64","subArchitectures":["SCMP_ARCH_X86","SCMP_ARCH_X32"]},
            {"architecture":"SCMP_ARCH_RISCV64","subArchitectures":null}]}"#;
        let arches = |arch| resolve_for(document, &[], arch, (6, 1)).architectures;
        assert_eq!(arches(Arch::X86_64), [Arch::X86_64, Arch::X86, Arch::X32]);
        assert_eq!(arches(Arch::Riscv64), [Arch::Riscv64]);
        assert!(arches(Arch::Aarch64).is_empty());
    }

    #[test]
    fn words_for_errnos_go_before_numbers() {
        let document = r#"{"defaultAction":"SCMP_ACT_ERRNO","defaultErrno":"ENOSYS","defaultErrnoRet":1,"syscalls":[
            {"names":["a"],"action":"SCMP_ACT_ERRNO","errnoRet":22,"errno":"13"},
            {"names":["b"],"action":"SCMP_ACT_ERRNO","errnoRet":22}]}"#;
        let profile = resolve_for(document, &[], Arch::X86_64, (6, 1));
        assert_eq!(profile.default_errno_ret, Some(38));
        assert_eq!(profile.syscalls[0].errno_ret, Some(13));
        assert_eq!(profile.syscalls[1].errno_ret, Some(22));
    }

    #[test]
    fn a_profile_without_conditions_stays_as_it_is() {
        let document = r#"{"defaultAction":"SCMP_ACT_ERRNO","defaultErrnoRet":38,
            "architectures":["SCMP_ARCH_X86"],"flags":["SECCOMP_FILTER_FLAG_LOG"],
            "listenerPath":"/run/agent","listenerMetadata":"data",
            "syscalls":[{"names":["read"],"action":"SCMP_ACT_TRACE","errnoRet":7,
                "args":[{"index":1,"value":2,"valueTwo":3,"op":"SCMP_CMP_MASKED_EQ"}]}]}"#;
        let plain: Profile = serde_json::from_str(document).unwrap();
        assert_eq!(resolve_for(document, &[], Arch::X86_64, (6, 1)), plain);
    }

    #[test]
    fn what_contradicts_itself_is_refused() {
        let none = BTreeSet::new();
        let circumstances = Circumstances { capabilities: &none, arch: Arch::X86_64, kernel: (6, 1) };
        for (fields, wanted) in [
            (
                r#""architectures":["SCMP_ARCH_X86"],"archMap":[{"architecture":"SCMP_ARCH_X86"}]"#,
                "/archMap: it must not be set together with architectures",
            ),
            (r#""defaultErrno":"EWHAT""#, "/defaultErrno: \"EWHAT\" is no errno"),
            (
                r#""syscalls":[{"name":"a","names":["b"],"action":"SCMP_ACT_ALLOW"}]"#,
                "/syscalls/0/name: it must not be set together with names",
            ),
            (r#""syscalls":[{"names":["b"],"action":"SCMP_ACT_ALLOW","errno":"?"}]"#, "/syscalls/0/errno: "),
        ] {
            let document = format!(r#"{{"defaultAction":"SCMP_ACT_ERRNO",{fields}}}"#);
            let profile: ConditionalProfile = serde_json::from_str(&document).unwrap();
            let error = profile.resolve(&circumstances).unwrap_err().to_string();
            assert!(error.contains(wanted), "{error}");
        }
        for fields in [
            r#""syscalls":[{"names":["b"],"action":"SCMP_ACT_ALLOW","includes":{"hosts":["x"]}}]"#,
            r#""syscalls":[{"names":["b"],"action":"SCMP_ACT_ALLOW","includes":{"minKernel":"new"}}]"#,
            r#""conditions":[]"#,
        ] {
            let document = format!(r#"{{"defaultAction":"SCMP_ACT_ERRNO",{fields}}}"#);
            assert!(serde_json::from_str::<ConditionalProfile>(&document).is_err(), "{fields}");
        }
    }
}
