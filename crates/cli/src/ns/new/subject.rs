//! The process that enters the new namespaces and becomes the program.

use palisade_cgroup::quote;
use palisade_namespace::Kind;
use palisade_namespace::{
    Action, Kinds, MapMethod, Namespaces, Place, Rights, Source, enter_own_time, steps, unshare, write_maps,
};
use palisade_runtime::{Error, Result};
use rustix::mount::{MountFlags, MountPropagationFlags, mount, mount_change};
use rustix::thread::{Gid, Uid, set_thread_groups, set_thread_res_gid, set_thread_res_uid};

use super::link::{Answer, Link, Request, map_commands};
use super::plan::{Init, Maps, Plan, Proc};
use super::shell::flags;
use crate::flags::PropagationChoice;
use crate::ns::program::{Child, become_program, shell_words};
use crate::ns::told::Teller;

/// The process, and whom it asks for what it cannot do itself.
pub(super) struct Subject<'a> {
    pub(super) plan: &'a Plan,
    pub(super) teller: Teller,
    pub(super) outside: Option<Link>,
    /// The process outside where that is a child of this one.
    pub(super) helper: Option<Child>,
}

/// Whether to go on.
type Step = std::ops::ControlFlow<()>;

impl Subject<'_> {
    /// Enters the namespaces and becomes the program; returns with an exit code where that failed and was said.
    pub(super) fn go(mut self) -> Result<u8> {
        match self.enter() {
            Ok(Step::Break(())) => return Ok(crate::OWN_ERROR),
            // Whoever would wait for the program was killed before this process could ask to be told of it.
            Ok(Step::Continue(())) if self.outside.as_ref().is_some_and(Link::is_alone) => {
                return Ok(crate::OWN_ERROR);
            }
            Ok(Step::Continue(())) => {}
            Err(error) => return Err(error),
        }
        let words = || format!("exec {}", shell_words(&self.plan.command));
        self.teller.announce(words);
        if self.plan.init == Init::Own && self.plan.created.contains(Kind::Pid) {
            // Who waits for the program to run must not wait for its end.
            self.outside = None;
            return Ok(crate::init::run(self.plan.command.iter().map(Into::into)));
        }
        let error = become_program(&self.plan.command, None);
        if let Some(outside) = &self.outside {
            // Whoever is outside has ended where this fails, and has nothing to take back.
            let _told = outside.tell(Request::TakeBack);
        }
        Err(error)
    }

    fn enter(&mut self) -> Result<Step> {
        let plan = self.plan;
        if let Some(note) = plan.note {
            self.teller.announce(|| format!("# {note}"));
        }
        let namespaces = Namespaces::new(plan.created.iter().map(|kind| (kind, Source::New)))?;
        for step in steps(&namespaces, Rights::Full) {
            match (step.action, step.place) {
                // The clone that made this process has made them.
                (Action::Create(_), Place::Clone | Place::SecondClone) if plan.forks() => {}
                (Action::Create(kinds), _) if !kinds.is_empty() => self.make(kinds)?,
                (Action::AwaitMaps, _) => {
                    if self.map()? == Answer::Failed {
                        return Ok(Step::Break(()));
                    }
                }
                (Action::BecomeRoot, _) if plan.becomes_root() => self.become_root()?,
                (Action::Create(_) | Action::BecomeRoot | Action::AwaitCgroup | Action::Join(_), _) => {}
            }
        }
        self.furnish()?;
        match (&plan.pin, &self.outside) {
            (Some(_), Some(outside)) if outside.ask(Request::Pin) == Answer::Failed => Ok(Step::Break(())),
            _ => Ok(Step::Continue(())),
        }
    }

    fn make(&self, kinds: Kinds) -> Result<()> {
        self.teller.step(|| format!("unshare {}...", flags(kinds)), || Ok(unshare(kinds)?))
    }

    /// Has the maps written, by this process where it may.
    fn map(&mut self) -> Result<Answer> {
        let Some(maps) = &self.plan.maps else { return Ok(Answer::Done) };
        let Some(outside) = &self.outside else {
            return self.write_own(maps).map(|()| Answer::Done);
        };
        let answer = outside.ask(Request::Maps);
        if let Some(helper) = self.helper.take() {
            // The program is not to find a child that it never made.
            self.outside = None;
            helper.attend()?;
        }
        Ok(answer)
    }

    fn write_own(&self, maps: &Maps) -> Result<()> {
        debug_assert!(maps.method == MapMethod::Single);
        self.teller.step(
            || map_commands(maps, "self").join("; "),
            || {
                let proc = std::fs::File::open("/proc").map_err(|error| Error::io("open /proc", &error))?;
                Ok(write_maps(proc, std::process::id(), &maps.ids, &maps.method)?)
            },
        )
    }

    fn become_root(&self) -> Result<()> {
        let all = self.plan.maps.as_ref().is_some_and(|maps| maps.method != MapMethod::Single);
        self.teller.step(
            || format!("setpriv --reuid 0 --regid 0 {}...", if all { "--clear-groups " } else { "" }),
            || {
                let fail = |what: &'static str| move |errno| Error::call(what, errno);
                if all {
                    set_thread_groups(&[]).map_err(fail("setgroups"))?;
                }
                set_thread_res_gid(Gid::ROOT, Gid::ROOT, Gid::ROOT).map_err(fail("setresgid 0"))?;
                set_thread_res_uid(Uid::ROOT, Uid::ROOT, Uid::ROOT).map_err(fail("setresuid 0"))
            },
        )
    }

    /// Sets what is in the new namespaces: clocks, names, mounts.
    fn furnish(&self) -> Result<()> {
        let plan = self.plan;
        if plan.created.contains(Kind::Time) {
            let text = plan.offsets.text().trim_end().replace('\n', "\\n");
            if !text.is_empty() {
                let told = || format!("printf '{text}\\n' > /proc/self/timens_offsets");
                self.teller.step(told, || Ok(plan.offsets.write()?))?;
            }
            let told = || "nsenter --time=/proc/self/ns/time_for_children ...".to_owned();
            self.teller.step(told, || Ok(enter_own_time()?))?;
        }
        if let Some(name) = &plan.hostname {
            self.name("hostname", name, rustix::system::sethostname)?;
        }
        if let Some(name) = &plan.domainname {
            self.name("domainname", name, rustix::system::setdomainname)?;
        }
        if plan.created.contains(Kind::Mount) {
            self.propagate()?;
        }
        if plan.proc == Proc::Mount { self.mount_proc() } else { Ok(()) }
    }

    fn name(
        &self,
        program: &str,
        name: &str,
        set: impl FnOnce(&[u8]) -> rustix::io::Result<()>,
    ) -> Result<()> {
        let told = || format!("{program} {}", quote(name));
        self.teller.step(told, || {
            set(name.as_bytes()).map_err(|errno| {
                let error = Error::call(format_args!("set{program} {name}"), errno);
                if name.len() > 64 { error.hint("the kernel takes 64 bytes") } else { error }
            })
        })
    }

    fn propagate(&self) -> Result<()> {
        let (word, flag) = match self.plan.propagation {
            PropagationChoice::Private => ("private", MountPropagationFlags::PRIVATE),
            PropagationChoice::Slave => ("slave", MountPropagationFlags::DOWNSTREAM),
            PropagationChoice::Shared => ("shared", MountPropagationFlags::SHARED),
            PropagationChoice::Unchanged => return Ok(()),
        };
        let told = || format!("mount --make-r{word} /");
        self.teller.step(told, || {
            mount_change("/", flag | MountPropagationFlags::REC)
                .map_err(|errno| Error::call(format_args!("mount --make-r{word} /"), errno))
        })
    }

    /// Mounts it over the old one, which would show the processes of outside. It is not passed on.
    fn mount_proc(&self) -> Result<()> {
        let told = || "mount --make-private /proc; mount -t proc proc /proc".to_owned();
        self.teller.step(told, || {
            mount_change("/proc", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC)
                .map_err(|errno| Error::call("mount --make-rprivate /proc", errno))?;
            let flags = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
            mount("proc", "/proc", "proc", flags, None).map_err(|errno| {
                let error = Error::call("mount -t proc proc /proc", errno);
                let why = "a user namespace may mount a proc only of its own pid namespace, so with --pid, and where \
                           nothing is mounted over parts of the old one";
                if errno == rustix::io::Errno::PERM { error.hint(why) } else { error }
            })
        })
    }
}
