//! The facts about this machine and this user that decisions depend on, probed once.

use std::path::PathBuf;

use palisade_cgroup::{GroupPath, Layout};
use palisade_namespace::{MapFacts, Rights, Who, find_helpers, read_subids};
use rustix::thread::CapabilitySet;

use crate::error::{During, Error, Result};
use crate::scope::Systemd;

/// The oldest kernel whose calls every start uses: `mount_setattr(2)` of 5.12.
const OLDEST_KERNEL: (u32, u32) = (5, 12);

/// Numbers of capabilities that decisions depend on, `capabilities(7)`.
pub(crate) const CAP_NET_ADMIN: u8 = 12;
pub(crate) const CAP_SYS_ADMIN: u8 = 21;

/// What the planner knows of the machine. A test writes it down as a literal.
#[derive(Debug, Clone)]
pub struct Host {
    /// Major and minor version of the kernel.
    pub kernel: (u32, u32),
    /// The effective user id.
    pub uid: u32,
    /// The effective group id.
    pub gid: u32,
    /// The permitted capabilities, as a bit mask.
    pub capabilities: u64,
    /// Where the cgroup controllers are.
    pub cgroups: Layout,
    /// Whether this process may make cgroups of its own.
    pub delegation: Delegation,
    /// What maps of ids this user may write.
    pub maps: MapFacts,
    /// The systemd that makes cgroups, where it was asked.
    pub systemd: Option<Systemd>,
}

/// Where this process may make cgroups.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Delegation {
    /// Anywhere.
    Everywhere,
    /// Below one group of the v2 tree.
    Group(GroupPath),
    /// Nowhere.
    Nowhere,
}

impl Delegation {
    /// Looks where the caller may make cgroups.
    #[must_use]
    pub fn of_caller(cgroups: &Layout) -> Self {
        let is_root = rustix::process::geteuid().is_root();
        if is_root && cgroups.hierarchies.iter().any(|hierarchy| may_write(&hierarchy.mount)) {
            return Self::Everywhere;
        }
        let group = cgroups.unified().and_then(|unified| {
            let own = unified.own_path()?;
            let above = own.as_str().rsplit_once('/').and_then(|(above, _)| GroupPath::new(above).ok());
            above.into_iter().chain([own]).find(|group| is_delegated(&unified.mount.join(group.relative())))
        });
        group.map_or(Self::Nowhere, Self::Group)
    }
}

impl Host {
    /// Probes the machine.
    ///
    /// # Errors
    /// A file of /proc that cannot be read, or a kernel older than 5.12.
    pub fn probe() -> Result<Self> {
        let kernel = kernel_version()?;
        if kernel < OLDEST_KERNEL {
            let (major, minor) = kernel;
            return Err(Error::new(format!("kernel {major}.{minor} is too old"))
                .hint("palisade needs Linux 5.12 for mount_setattr(2), openat2(2) and clone3(2)"));
        }
        let uid = rustix::process::geteuid().as_raw();
        let gid = rustix::process::getegid().as_raw();
        let capabilities = permitted_capabilities()?;
        let cgroups = match Layout::detect() {
            Ok(layout) => layout,
            // A machine without cgroups can still run what asks for no limits.
            Err(_) if uid != 0 => Layout::default(),
            Err(error) => return Err(error.into()),
        };
        let delegation = Delegation::of_caller(&cgroups);
        Ok(Self {
            kernel,
            uid,
            gid,
            capabilities,
            delegation,
            maps: map_facts(uid, gid, capabilities)?,
            cgroups,
            systemd: None,
        })
    }

    /// Asks the systemd that is to make cgroups where its units are. A start that does without systemd does without
    /// this.
    ///
    /// # Errors
    /// No systemd of this user, one that gives no answer within some seconds, or one older than 244.
    pub fn ask_systemd(&mut self) -> Result<()> {
        self.systemd = Some(Systemd::ask()?);
        Ok(())
    }

    /// Tells whether it holds a capability, by number.
    #[must_use]
    pub fn holds(&self, capability: u8) -> bool {
        self.capabilities & 1 << capability != 0
    }

    /// Tells in which order namespaces are to be joined.
    #[must_use]
    pub fn rights(&self) -> Rights {
        if self.holds(CAP_SYS_ADMIN) { Rights::Full } else { Rights::OwnUser }
    }
}

/// The directory for state that is gone after a reboot: `/run` for root, `$XDG_RUNTIME_DIR` for others.
///
/// Who is root in a user namespace alone, as the runtime of an ordinary user's container engine is, counts as one of
/// the others: `/run` is not theirs.
#[must_use]
pub fn state_directory() -> PathBuf {
    let uid = rustix::process::geteuid().as_raw();
    match std::env::var_os("XDG_RUNTIME_DIR") {
        Some(directory) if !directory.is_empty() && (uid != 0 || !may_write("/run".as_ref())) => {
            PathBuf::from(directory).join("palisade")
        }
        _ if uid != 0 => PathBuf::from(format!("/tmp/palisade-{uid}")),
        _ => PathBuf::from("/run/palisade"),
    }
}

fn kernel_version() -> Result<(u32, u32)> {
    let name = rustix::system::uname();
    let release = name.release().to_string_lossy().into_owned();
    let mut numbers = release.split(|character: char| !character.is_ascii_digit()).map(str::parse::<u32>);
    match (numbers.next(), numbers.next()) {
        (Some(Ok(major)), Some(Ok(minor))) => Ok((major, minor)),
        _ => Err(Error::new(format!("uname: the kernel's release {release:?} is no version"))),
    }
}

fn permitted_capabilities() -> Result<u64> {
    let sets = rustix::thread::capabilities(None).during("capget")?;
    let CapabilitySet { .. } = sets.permitted;
    Ok(sets.permitted.bits())
}

/// Tells whether this user may make groups below one, with controllers, and move into them from elsewhere below it.
///
/// The group round the own one is the better place where it was given, too: the own one holds this process, and then
/// the kernel lets no controller through to the groups below it.
fn is_delegated(group: &std::path::Path) -> bool {
    may_write(group)
        && ["cgroup.procs", "cgroup.subtree_control"].iter().all(|file| may_write(&group.join(file)))
}

fn may_write(path: &std::path::Path) -> bool {
    use rustix::fs::{Access, AtFlags, CWD};
    rustix::fs::accessat(CWD, path, Access::WRITE_OK, AtFlags::EACCESS).is_ok()
}

/// Reads what a user without CAP_SETUID may map. Whoever has it needs no ranges.
fn map_facts(euid: u32, egid: u32, capabilities: u64) -> Result<MapFacts> {
    const CAP_SETGID: u64 = 1 << 6;
    const CAP_SETUID: u64 = 1 << 7;
    let may_set_ids = capabilities & (CAP_SETGID | CAP_SETUID) == CAP_SETGID | CAP_SETUID;
    let mut facts =
        MapFacts { euid, egid, may_set_ids, subuid: Vec::new(), subgid: Vec::new(), helpers: None };
    if !may_set_ids {
        let name = user_name(euid);
        let who = Who { uid: euid, name: name.as_deref() };
        facts.subuid = read_subids("/etc/subuid".as_ref(), who)?;
        facts.subgid = read_subids("/etc/subgid".as_ref(), who)?;
        facts.helpers = std::env::var_os("PATH").and_then(|path| find_helpers(&path));
    }
    Ok(facts)
}

fn user_name(uid: u32) -> Option<String> {
    let passwd = std::fs::read_to_string("/etc/passwd").ok()?;
    passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)?.parse() == Ok(uid)).then(|| name.to_owned())
    })
}
