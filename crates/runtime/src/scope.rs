//! The scope that systemd keeps a container in, where that is who makes cgroups.

use std::fmt;
use std::path::PathBuf;

use palisade_cgroup::{Group, GroupPath, Layout, Limits};
use palisade_systemd::{Instance, Manager, Property, Value};
use rustix::fs::{Access, AtFlags, CWD};
use rustix::process::Pid;
use serde::{Deserialize, Serialize, Serializer};

use crate::compile::properties;
use crate::error::{Error, Result};

/// The oldest systemd that knows all properties that are used here.
const OLDEST: u32 = 244;

/// What there is to know of a systemd before it is asked for a scope.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Systemd {
    /// Whose it is.
    pub whose: Whose,
    /// The group that its units are below.
    pub base: GroupPath,
}

/// Whose systemd.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Whose {
    /// The machine's.
    System,
    /// The user's own.
    User,
}

/// A unit on record, to be found again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unit {
    /// The systemd that has it.
    pub of: Whose,
    /// Its name.
    pub name: String,
    /// Its group.
    pub group: GroupPath,
}

/// A scope that is to be made.
#[derive(Debug, Clone, Serialize)]
pub struct Scope {
    /// The unit.
    pub unit: Unit,
    /// Its properties, all but the process.
    #[serde(serialize_with = "as_texts")]
    pub properties: Vec<Property>,
}

impl Systemd {
    /// Asks the systemd of this user what it is like.
    ///
    /// # Errors
    /// None that runs or answers, or one that is too old.
    pub(crate) fn ask() -> Result<Self> {
        let whose = if is_machines_root() { Whose::System } else { Whose::User };
        let mut manager = whose.connect()?;
        let version = manager.version()?;
        if version < OLDEST {
            return Err(Error::new(format!("systemd {version} is too old"))
                .hint(format_args!("the systemd cgroup driver needs {OLDEST}")));
        }
        let group = manager.control_group()?;
        let base = match group.as_str() {
            "" | "/" => Ok(GroupPath::root()),
            path => GroupPath::new(path),
        };
        let base =
            base.map_err(|error| Error::new(format!("systemd says that its group is {group:?}: {error}")))?;
        Ok(Self { whose, base })
    }
}

impl Whose {
    /// The words of a call of `busctl(1)` to this systemd, but for the method.
    fn shell(self) -> String {
        let user = if self == Self::User { " --user" } else { "" };
        format!(
            "busctl{user} call org.freedesktop.systemd1 /org/freedesktop/systemd1 org.freedesktop.systemd1.Manager"
        )
    }

    pub(crate) fn connect(self) -> Result<Manager> {
        let instance = match self {
            Self::System => Instance::System,
            Self::User => Instance::User,
        };
        Manager::connect(instance).map_err(|error| {
            Error::from(error)
                .hint("leave the systemd cgroup driver out, and cgroups are made in their file system")
        })
    }
}

impl Unit {
    /// Tells whether a process of this user's may go from the own group to the unit's: the kernel wants the one that
    /// both are in to be the user's, and a login is in another part of the tree than the user's systemd.
    pub(crate) fn is_in_reach(&self, layout: &Layout) -> bool {
        let Some(unified) = layout.unified() else { return true };
        let own = unified.own_path().unwrap_or_else(GroupPath::root);
        let (own, unit) = (own.relative().split('/'), self.group.relative().split('/'));
        let shared: PathBuf = own.zip(unit).take_while(|(a, b)| a == b).map(|(part, _)| part).collect();
        let procs = unified.mount.join(shared).join("cgroup.procs");
        rustix::fs::accessat(CWD, &procs, Access::WRITE_OK, AtFlags::EACCESS).is_ok()
    }

    /// Tells systemd of new limits, which it would otherwise write over one day.
    pub(crate) fn update(&self, limits: &Limits, layout: &Layout) -> Result<()> {
        let list = properties::of_limits(limits, layout);
        match list.is_empty() {
            true => Ok(()),
            false => Ok(self.of.connect()?.set_properties(&self.name, &list)?),
        }
    }

    /// Removes the unit if nothing is in it: one that a start which was cut short has asked for when its process was
    /// dying, and that systemd would keep. One with processes is somebody else's.
    pub(crate) fn remove_empty(&self) -> Result<()> {
        let mut manager = self.of.connect()?;
        manager.settle()?;
        match Group::open(&Layout::detect()?, &self.group) {
            Ok(group) if group.procs()?.is_empty() => self.remove(&mut manager),
            Ok(_) => Ok(()),
            Err(error) if error.kind() == palisade_cgroup::ErrorKind::NotFound => self.remove(&mut manager),
            Err(error) => Err(error.into()),
        }
    }

    /// Removes the unit, whose processes are dead, and its group with all that is below it; fine where it is gone.
    pub(crate) fn remove(&self, manager: &mut Manager) -> Result<()> {
        // Of some hierarchies systemd knows nothing.
        Group::unchecked(&Layout::detect()?, &self.group)?.remove()?;
        Ok(manager.stop(&self.name)?)
    }
}

impl Unit {
    /// The call of `busctl(1)` that moves the process into the unit.
    pub(crate) fn attach_shell(&self, below: &str) -> String {
        let below = if below.is_empty() { "''" } else { below };
        format!("{} AttachProcessesToUnit ssau {} {below} 1 $init", self.of.shell(), self.name)
    }
}

impl Scope {
    /// Has systemd make the scope round a process.
    pub(crate) fn start(&self, manager: &mut Manager, pid: Pid) -> Result<()> {
        let mut properties = self.properties.clone();
        let pid = Value::U32(pid.as_raw_nonzero().get().unsigned_abs());
        properties.push(Property::new("PIDs", Value::Array("u".to_owned(), vec![pid])));
        manager.start_transient(&self.unit.name, &properties).map_err(|error| {
            let taken = error.to_string().contains("UnitExists");
            match Error::from(error) {
                error if taken => error.hint("another container has a scope of that name"),
                error => error,
            }
        })
    }

    /// The call of `busctl(1)` that would do the same.
    pub(crate) fn shell(&self) -> String {
        let properties: Vec<String> = self.properties.iter().map(ToString::to_string).collect();
        format!(
            "{} StartTransientUnit 'ssa(sv)a(sa(sv))' {} fail {} {} PIDs au 1 $init 0",
            self.unit.of.shell(),
            self.unit.name,
            properties.len() + 1,
            properties.join(" "),
        )
    }
}

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whose = if self.of == Whose::User { "the user's systemd" } else { "systemd" };
        write!(f, "scope {} of {whose}", self.name)
    }
}

/// Tells whether this process is root of the machine: root of a user namespace is some user's outside.
fn is_machines_root() -> bool {
    let whole = |line: &str| line.split_whitespace().eq(["0", "0", "4294967295"]);
    rustix::process::geteuid().is_root()
        && std::fs::read_to_string("/proc/self/uid_map").is_ok_and(|map| map.lines().any(whole))
}

fn as_texts<S: Serializer>(properties: &[Property], serializer: S) -> std::result::Result<S::Ok, S::Error> {
    serializer.collect_seq(properties.iter().map(ToString::to_string))
}
