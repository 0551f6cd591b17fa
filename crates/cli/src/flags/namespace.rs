//! Namespaces, their kinds and their id maps, as a person types them.

use clap::ValueEnum;

/// A kind of namespace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum KindName {
    /// Mount points
    #[value(name = "mnt", alias = "mount")]
    Mount,
    /// Process numbers
    Pid,
    /// Network devices, routes, sockets
    #[value(alias = "network")]
    Net,
    /// System V objects and POSIX message queues
    Ipc,
    /// Host name and domain name
    Uts,
    /// User ids, group ids, capabilities
    User,
    /// The root of cgroup paths
    Cgroup,
    /// The monotonic and boot-time clocks
    Time,
}
