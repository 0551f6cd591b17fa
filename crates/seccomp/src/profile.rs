//! The profile: what a filter shall do, in the words of the OCI runtime specification.

use serde::{Deserialize, Serialize};

use crate::Arch;

/// Describes a system call filter
/// ([config-linux.md, `seccomp`](https://github.com/opencontainers/runtime-spec/blob/main/config-linux.md#seccomp)).
///
/// Unknown fields are refused when it is read: other formats that look alike attach conditions such as
/// `includes` to rules, and a rule without its condition would allow too much.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Profile {
    /// What happens to a system call for which no rule decides.
    pub default_action: Action,
    /// The errno (or tracer's message) of the default action; EPERM when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_errno_ret: Option<u32>,
    /// The architectures that are let in beside the native one; a call by another kills the thread.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub architectures: Vec<Arch>,
    /// The flags for `seccomp(2)`; absent means [`Flag::SpecAllow`] alone, as it does to runc.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flags: Option<Vec<Flag>>,
    /// The socket of the agent that answers [`Action::Notify`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub listener_path: Option<String>,
    /// Opaque data for that agent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub listener_metadata: Option<String>,
    /// The rules.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub syscalls: Vec<Syscall>,
}

/// Gives an action to some system calls, perhaps only to those with certain arguments.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Syscall {
    /// The names of the system calls.
    pub names: Vec<String>,
    /// What happens to them.
    pub action: Action,
    /// The errno of [`Action::Errno`] or the message of [`Action::Trace`]; EPERM when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub errno_ret: Option<u32>,
    /// The tests that must all hold; when two of them are on the same argument, any one is enough.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub args: Vec<Argument>,
}

/// Compares one argument of a system call, as an unsigned 64-bit number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Argument {
    /// Which argument, 0 to 5.
    pub index: usize,
    /// What it is compared with; for [`Operator::MaskedEqual`] the mask.
    pub value: u64,
    /// What the argument is compared with under the mask; no other operator uses it.
    #[serde(default)]
    pub value_two: u64,
    /// How they are compared.
    pub op: Operator,
}

/// Says what happens to a system call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Action {
    /// Kills the thread: the old name of [`Action::KillThread`].
    #[serde(rename = "SCMP_ACT_KILL")]
    Kill,
    /// Kills the thread.
    #[serde(rename = "SCMP_ACT_KILL_THREAD")]
    KillThread,
    /// Kills the process (since Linux 4.14).
    #[serde(rename = "SCMP_ACT_KILL_PROCESS")]
    KillProcess,
    /// Sends SIGSYS.
    #[serde(rename = "SCMP_ACT_TRAP")]
    Trap,
    /// Fails the call.
    #[serde(rename = "SCMP_ACT_ERRNO")]
    Errno,
    /// Asks the tracer.
    #[serde(rename = "SCMP_ACT_TRACE")]
    Trace,
    /// Lets the call through.
    #[serde(rename = "SCMP_ACT_ALLOW")]
    Allow,
    /// Lets the call through and logs it (since Linux 4.14).
    #[serde(rename = "SCMP_ACT_LOG")]
    Log,
    /// Asks an agent in user space.
    #[serde(rename = "SCMP_ACT_NOTIFY")]
    Notify,
}

impl Action {
    /// Returns the name by which profiles call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Kill => "SCMP_ACT_KILL",
            Self::KillThread => "SCMP_ACT_KILL_THREAD",
            Self::KillProcess => "SCMP_ACT_KILL_PROCESS",
            Self::Trap => "SCMP_ACT_TRAP",
            Self::Errno => "SCMP_ACT_ERRNO",
            Self::Trace => "SCMP_ACT_TRACE",
            Self::Allow => "SCMP_ACT_ALLOW",
            Self::Log => "SCMP_ACT_LOG",
            Self::Notify => "SCMP_ACT_NOTIFY",
        }
    }
}

/// Says how an argument is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Operator {
    /// Differs from the value.
    #[serde(rename = "SCMP_CMP_NE")]
    NotEqual,
    /// Is less than the value.
    #[serde(rename = "SCMP_CMP_LT")]
    Less,
    /// Is at most the value.
    #[serde(rename = "SCMP_CMP_LE")]
    LessOrEqual,
    /// Is the value.
    #[serde(rename = "SCMP_CMP_EQ")]
    Equal,
    /// Is at least the value.
    #[serde(rename = "SCMP_CMP_GE")]
    GreaterOrEqual,
    /// Is greater than the value.
    #[serde(rename = "SCMP_CMP_GT")]
    Greater,
    /// Is the same as `value_two` in the bits of the mask `value`.
    #[serde(rename = "SCMP_CMP_MASKED_EQ")]
    MaskedEqual,
}

/// Changes how a filter is loaded ([seccomp(2)](https://man7.org/linux/man-pages/man2/seccomp.2.html)).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Flag {
    /// Loads the filter into every thread of the process (since Linux 3.17).
    #[serde(rename = "SECCOMP_FILTER_FLAG_TSYNC")]
    Tsync,
    /// Logs every action but allow (since Linux 4.14).
    #[serde(rename = "SECCOMP_FILTER_FLAG_LOG")]
    Log,
    /// Leaves the mitigation of speculative store bypass off (since Linux 4.17).
    #[serde(rename = "SECCOMP_FILTER_FLAG_SPEC_ALLOW")]
    SpecAllow,
    /// Lets only fatal signals interrupt a call that the agent has received (since Linux 5.19).
    #[serde(rename = "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV")]
    WaitKillableRecv,
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOCUMENT: &str = r#"{"defaultAction":"SCMP_ACT_ERRNO","defaultErrnoRet":38,
        "architectures":["SCMP_ARCH_X86_64","SCMP_ARCH_MIPSEL64N32"],"flags":["SECCOMP_FILTER_FLAG_LOG"],
        "syscalls":[{"names":["read","clone"],"action":"SCMP_ACT_TRACE","errnoRet":7,
            "args":[{"index":1,"value":18446744073709551615,"valueTwo":3,"op":"SCMP_CMP_MASKED_EQ"}]},
            {"names":["write"],"action":"SCMP_ACT_KILL_PROCESS"}]}"#;

    #[test]
    fn a_document_is_read_and_written_back() {
        let profile: Profile = serde_json::from_str(DOCUMENT).unwrap();
        assert_eq!(profile.default_errno_ret, Some(38));
        assert_eq!(profile.architectures, [Arch::X86_64, Arch::Mipsel64N32]);
        assert_eq!(profile.syscalls[0].args[0].value, u64::MAX);
        assert_eq!(profile.syscalls[0].args[0].value_two, 3);
        assert_eq!(profile.syscalls[1].action, Action::KillProcess);
        let written: serde_json::Value = serde_json::to_value(&profile).unwrap();
        let original: serde_json::Value = serde_json::from_str(DOCUMENT).unwrap();
        assert_eq!(written, original);
    }

    #[test]
    fn actions_are_written_by_their_names() {
        for action in [
            Action::Kill,
            Action::KillThread,
            Action::KillProcess,
            Action::Trap,
            Action::Errno,
            Action::Trace,
            Action::Allow,
            Action::Log,
            Action::Notify,
        ] {
            let written = serde_json::to_value(action).unwrap();
            assert_eq!(written, action.name());
        }
    }

    #[test]
    fn what_is_not_known_is_refused() {
        for (document, wanted) in [
            (r#"{"syscalls":[]}"#, "missing field `defaultAction`"),
            (r#"{"defaultAction":"SCMP_ACT_DENY"}"#, "SCMP_ACT_DENY"),
            (
                r#"{"defaultAction":"SCMP_ACT_ERRNO","syscalls":[{"names":["mount"],
                    "action":"SCMP_ACT_ALLOW","includes":{"caps":["CAP_SYS_ADMIN"]}}]}"#,
                "unknown field `includes`",
            ),
            (r#"{"defaultAction":"SCMP_ACT_ERRNO","architectures":["x86_64"]}"#, "unknown variant `x86_64`"),
        ] {
            let error = serde_json::from_str::<Profile>(document).unwrap_err();
            assert!(error.to_string().contains(wanted), "{error}");
        }
    }
}
