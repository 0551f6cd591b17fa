//! What a container uses, and that it has run out of memory: `events`.

use std::os::fd::AsFd;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use palisade_cgroup::{Controller, ErrorKind as CgroupErrorKind, Event, Group, Layout, Notice, Version};
use palisade_namespace::Kind;
use rustix::event::{PollFd, PollFlags, Timespec};

use super::Container;
use crate::error::{During, Error, Result};
use crate::execute::Process;
use crate::resctrl::Assignment;
use crate::statistics::{IntelRdt, Statistics, interfaces};

/// What is told of a container while it runs.
#[derive(Clone, Debug, PartialEq)]
pub enum Occurrence {
    /// What it uses now.
    Statistics(Box<Statistics>),
    /// A process of it was killed for want of memory, or on v1 without the OOM killer waits for some.
    OutOfMemory,
}

impl Container {
    /// Reads what the container uses.
    ///
    /// # Errors
    /// A container that does not run or has no cgroup.
    pub fn statistics(&self) -> Result<Statistics> {
        Source::open(self)?.read()
    }

    /// Tells what the container uses at every `interval`, and at once when it has run out of memory, until it ends or
    /// `tell` fails.
    ///
    /// # Errors
    /// A container that does not run or has no cgroup, and what `tell` gives.
    pub fn follow(&self, interval: Duration, tell: &mut dyn FnMut(Occurrence) -> Result<()>) -> Result<()> {
        let source = Source::open(self)?;
        let mut watch = match source.group.watch(&[Notice::Oom]) {
            // A user's group need not have the memory controller.
            Err(error)
                if matches!(error.kind(), CgroupErrorKind::Unsupported | CgroupErrorKind::NotFound) =>
            {
                source.group.watch(&[])?
            }
            watch => watch?,
        };
        let end = source.process.pidfd.as_fd();
        let mut next = Instant::now() + interval;
        loop {
            let left = next.saturating_duration_since(Instant::now());
            let event = watch.next_until(Some(left), &[end])?.map(|told| told.event);
            match event {
                Some(Event::Oom { .. }) => tell(Occurrence::OutOfMemory)?,
                Some(Event::Removed) => return Ok(()),
                Some(_) | None => {}
            }
            // What led to the end is told before it.
            if event.is_none() && has_ended(&source.process)? {
                return Ok(());
            }
            if Instant::now() >= next {
                match source.read() {
                    Ok(statistics) => tell(Occurrence::Statistics(Box::new(statistics)))?,
                    Err(_) if has_ended(&source.process)? => return Ok(()),
                    Err(error) => return Err(error),
                }
                // A reader that was slow is not made up for by a burst.
                next = (next + interval).max(Instant::now());
            }
        }
    }
}

/// Where the numbers come from.
struct Source {
    group: Group,
    process: Process,
    memory: Version,
    has_network: bool,
    class: Option<(PathBuf, Assignment)>,
}

impl Source {
    fn open(container: &Container) -> Result<Self> {
        let process = container.open_process()?;
        let layout = Layout::detect()?;
        let without = || {
            Error::new(format!("container {} has no cgroup", container.record.id))
                .hint("only a cgroup counts what its processes use")
        };
        let path = container.record.cgroup.as_ref().ok_or_else(without)?;
        let group = match Group::open(&layout, path) {
            Err(error) if error.kind() == CgroupErrorKind::NotFound => return Err(without()),
            group => group?,
        };
        let memory = layout.version(Controller::Memory).unwrap_or(Version::V2);
        let has_network = container.record.kinds().contains(Kind::Net);
        Ok(Self { group, process, memory, has_network, class: container.class()? })
    }

    fn read(&self) -> Result<Statistics> {
        let stats = self.group.stats()?;
        let class = self.class.as_ref().map(|(root, place)| IntelRdt::read(root, place));
        Ok(Statistics::new(stats, self.memory, class.unwrap_or_default(), self.interfaces()))
    }

    /// Reads the interfaces of the container's own network namespace; those of the host's are not the container's.
    fn interfaces(&self) -> Option<Vec<crate::statistics::Interface>> {
        let path = format!("/proc/{}/net/dev", self.process.pid.as_raw_nonzero());
        // A process that has gone meanwhile has none.
        self.has_network.then(|| interfaces(&std::fs::read_to_string(path).unwrap_or_default()))
    }
}

fn has_ended(process: &Process) -> Result<bool> {
    let mut polled = [PollFd::from_borrowed_fd(process.pidfd.as_fd(), PollFlags::IN)];
    let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
    let ready = rustix::io::retry_on_intr(|| rustix::event::poll(&mut polled, Some(&at_once)));
    Ok(ready.during("poll a pidfd")? > 0)
}
