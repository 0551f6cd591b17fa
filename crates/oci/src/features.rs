//! The features structure: what a runtime knows, whatever the host offers (features.md, features-linux.md).
//!
//! The types are Palisade's own since those of `oci-spec` print what is not set as `null`, where the specification
//! has the field left out.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// What the runtime knows. A field that is `None` means "not known", not "none".
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Features {
    /// The oldest version of the specification that is understood.
    pub oci_version_min: String,
    /// The newest version of the specification that is understood.
    pub oci_version_max: String,
    /// The hooks, as `createRuntime`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hooks: Option<Vec<String>>,
    /// The mount options that are not passed to the file system, as `ro`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mount_options: Option<Vec<String>>,
    /// What is Linux's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub linux: Option<LinuxFeatures>,
    /// Whatever the runtime wants to add, as its version.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
    /// Annotations of a configuration that change what the runtime does; one that ends in a dot is a prefix.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub potentially_unsafe_config_annotations: Option<Vec<String>>,
}

/// What is Linux's own.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LinuxFeatures {
    /// The kinds of namespace, as `mount`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespaces: Option<Vec<String>>,
    /// The capabilities, as `CAP_CHOWN`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub capabilities: Option<Vec<String>>,
    /// The ways to manage cgroups.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cgroup: Option<CgroupFeatures>,
    /// System call filters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seccomp: Option<SeccompFeatures>,
    /// AppArmor profiles.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub apparmor: Option<Enabled>,
    /// SELinux labels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub selinux: Option<Enabled>,
    /// Intel's resource director.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub intel_rdt: Option<IntelRdtFeatures>,
    /// NUMA memory policies (version 1.3).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_policy: Option<MemoryPolicyFeatures>,
    /// What mounts can do beyond their options.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mount_extensions: Option<MountExtensions>,
    /// Moving network devices into the container (version 1.3).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub net_devices: Option<Enabled>,
}

/// A feature that is there or not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Enabled {
    /// Whether the runtime supports it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
}

/// The ways to manage cgroups.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CgroupFeatures {
    /// Version 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub v1: Option<bool>,
    /// Version 2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub v2: Option<bool>,
    /// The system's systemd.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub systemd: Option<bool>,
    /// The user's systemd.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub systemd_user: Option<bool>,
    /// The RDMA controller.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rdma: Option<bool>,
}

/// System call filters.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SeccompFeatures {
    /// Whether there are any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// The actions, as `SCMP_ACT_ERRNO`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actions: Option<Vec<String>>,
    /// The operators, as `SCMP_CMP_EQ`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operators: Option<Vec<String>>,
    /// The architectures, as `SCMP_ARCH_X86_64`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub archs: Option<Vec<String>>,
    /// The flags that are recognised, as `SECCOMP_FILTER_FLAG_LOG`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub known_flags: Option<Vec<String>>,
    /// The flags that this kernel takes as well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub supported_flags: Option<Vec<String>>,
}

/// Intel's resource director.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct IntelRdtFeatures {
    /// Whether `linux.intelRdt` is supported.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// Whether its `schemata` is (version 1.3).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schemata: Option<bool>,
    /// Whether its `enableMonitoring` is (version 1.3).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub monitoring: Option<bool>,
}

/// NUMA memory policies.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MemoryPolicyFeatures {
    /// The modes, as `MPOL_BIND`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub modes: Option<Vec<String>>,
    /// The flags, as `MPOL_F_STATIC_NODES`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flags: Option<Vec<String>>,
}

/// What mounts can do beyond their options.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MountExtensions {
    /// Mounts with an id mapping of their own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idmap: Option<Enabled>,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All fields of version 1.3.
    const ALL: &str = r#"{"ociVersionMin":"1.0.0","ociVersionMax":"1.3.0","hooks":["poststop"],
        "mountOptions":["ro"],"linux":{"namespaces":["mount"],"capabilities":["CAP_CHOWN"],
        "cgroup":{"v1":true,"v2":true,"systemd":false,"systemdUser":false,"rdma":true},
        "seccomp":{"enabled":true,"actions":["SCMP_ACT_LOG"],"operators":["SCMP_CMP_EQ"],
        "archs":["SCMP_ARCH_X32"],"knownFlags":["SECCOMP_FILTER_FLAG_LOG"],"supportedFlags":[]},
        "apparmor":{"enabled":false},"selinux":{"enabled":false},
        "intelRdt":{"enabled":false,"schemata":false,"monitoring":false},
        "memoryPolicy":{"modes":["MPOL_BIND"],"flags":["MPOL_F_STATIC_NODES"]},
        "mountExtensions":{"idmap":{"enabled":false}},"netDevices":{"enabled":false}},
        "annotations":{"a":"b"},"potentiallyUnsafeConfigAnnotations":["a."]}"#;

    #[test]
    fn every_field_comes_back() {
        let features: Features = serde_json::from_str(ALL).unwrap();
        let expected: String = ALL.split('\n').map(str::trim_start).collect();
        assert_eq!(serde_json::to_string(&features).unwrap(), expected);
    }

    #[test]
    fn what_is_not_known_is_left_out() {
        let features = Features { linux: Some(LinuxFeatures::default()), ..Features::default() };
        let text = serde_json::to_string(&features).unwrap();
        assert_eq!(text, r#"{"ociVersionMin":"","ociVersionMax":"","linux":{}}"#);
    }
}
