//! `checkpoint`: the container's processes become files.

use palisade_oci::state::Status;

use super::{Bundle, Container, CreateRequest};
use crate::compile::{Begin, Driver};
use crate::criu::{self, Directories, Dump, DumpOptions, ImageOptions, Kind, Session, make_private};
use crate::error::{Error, Result};
use crate::host::Host;

impl Container {
    /// Writes the container's processes to files by criu. They are ended by that, and the container is deleted, unless
    /// it is to go on; gives what went wrong with its poststop hooks.
    ///
    /// # Errors
    /// A container that does not run, no criu, or what criu cannot write; then the container goes on.
    pub fn checkpoint(self, host: &Host, images: &ImageOptions, dump: &DumpOptions) -> Result<Vec<String>> {
        criu::check_rights(host)?;
        let status = self.status()?;
        if !matches!(status, Status::Running | Status::Paused) {
            return Err(Error::new(format!(
                "cannot checkpoint container {}: it is {status}",
                self.record.id
            )));
        }
        make_private(&images.images).map_err(|error| error.context("--image-path"))?;
        let directories = Directories::open(images, "dump.log")?;
        let process = self.open_process()?;
        let group = self.group()?;
        let bundle = Bundle {
            directory: self.record.bundle.clone(),
            spec: self.directory.config()?,
            text: Vec::new(),
            notes: Vec::new(),
        };
        let compiled = self.as_made(&bundle).compile(host)?;
        let work = Dump {
            spec: &bundle.spec,
            plan: &compiled.plan,
            root: &compiled.root,
            pid: process.pid,
            group: group.as_ref(),
        };
        let options = work.options(&directories, images, dump)?;
        let kind = if dump.pre_dump { Kind::PreDump } else { Kind::Dump };
        Session::begin(&[])?.work(kind, options, directories.log(), &mut |_| Ok(()))?;
        if dump.pre_dump || dump.leave_running {
            return Ok(Vec::new());
        }
        self.delete(super::Force::Yes)
    }

    /// Who made its cgroup.
    #[must_use]
    pub fn driver(&self) -> Driver {
        match (&self.record.unit, &self.record.cgroup) {
            (Some(_), _) => Driver::Systemd,
            (None, Some(_)) => Driver::FileSystem,
            (None, None) => Driver::Disabled,
        }
    }

    /// The request that would make the container once more.
    fn as_made<'a>(&'a self, bundle: &'a Bundle) -> CreateRequest<'a> {
        let plain = CreateRequest::plain(self.directory.path(), &self.record.id, bundle, Begin::AtOnce);
        CreateRequest { driver: self.driver(), ..plain }
    }
}
