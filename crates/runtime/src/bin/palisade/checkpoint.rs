//! `checkpoint` and `restore`.

use std::os::fd::AsFd;
use std::path::PathBuf;

use palisade_runtime::compile::{Begin, Driver};
use palisade_runtime::{
    Bundle, Container, ContainerId, CreateRequest, Created, DumpOptions, Error, ImageOptions, RestoreLabels,
    Result, Store, send_master,
};
use palisade_sys::signal;

use crate::arguments::{Checkpoint, Images, Restore};
use crate::log::Log;
use crate::make::{Orphans, probe, undo, write_pid};

fn options(images: &Images) -> Result<ImageOptions> {
    // criu is told descriptors, and errors name what a person can find from anywhere.
    let absolute = |path: &PathBuf| {
        std::path::absolute(path).map_err(|error| Error::new(format!("find {}: {error}", path.display())))
    };
    Ok(ImageOptions {
        images: absolute(&images.image_path)?,
        work: images.work_path.as_ref().map(absolute).transpose()?,
        tcp_established: images.tcp_established,
        external_unix_sockets: images.ext_unix_sk,
        shell_job: images.shell_job,
        file_locks: images.file_locks,
        cgroups: images.manage_cgroups_mode.parse()?,
        empty_network: !images.empty_ns.is_empty(),
        auto_dedup: images.auto_dedup,
        lazy_pages: images.lazy_pages,
    })
}

pub(crate) fn checkpoint(verb: &Checkpoint, store: &Store, log: &Log) -> Result<u8> {
    let container = store.find(&verb.id)?;
    let page_server = verb
        .page_server
        .as_ref()
        .map(|text| text.parse().map_err(|error: Error| error.context("--page-server")));
    let dump = DumpOptions {
        pre_dump: verb.pre_dump,
        parent: verb.parent_path.clone(),
        leave_running: verb.leave_running,
        tcp_skip_in_flight: verb.tcp_skip_in_flight,
        link_remap: verb.link_remap,
        page_server: page_server.transpose()?,
        status_descriptor: verb.status_fd,
    };
    let host = probe(container.driver())?;
    log.warnings(&container.checkpoint(&host, &options(&verb.images)?, &dump)?);
    Ok(0)
}

pub(crate) fn restore(verb: &Restore, driver: Driver, store: &Store, log: &Log) -> Result<u8> {
    let host = probe(driver)?;
    let bundle = Bundle::load(&verb.bundle)?;
    let id = ContainerId::new(&verb.id)?;
    let _mask = signal::block_all();
    let plain = CreateRequest::plain(store.root(), &id, &bundle, Begin::AtOnce);
    let request = CreateRequest { driver, ..plain };
    let images = options(&verb.images)?;
    let labels = RestoreLabels {
        lsm_profile: verb.lsm_profile.as_deref(),
        lsm_mount_context: verb.lsm_mount_context.as_deref(),
    };
    let orphans = Orphans::adopt(verb.detach || verb.no_subreaper)?;
    let mut created = Container::restore(&host, &request, &images, labels)?;
    log.warnings(&created.warnings);
    let handed =
        hand_over(verb, &mut created).and_then(|()| created.container.run_poststart(&host, &bundle.spec));
    if let Err(error) = handed {
        return Err(undo(created, error));
    }
    if verb.detach {
        return Ok(0);
    }
    let end = orphans.wait(&mut created)?;
    log.warnings(&created.container.delete_ended(&host, &bundle.spec, created.group)?);
    Ok(end.code())
}

/// Gives the terminal and the process's number to whoever asked for them.
fn hand_over(verb: &Restore, created: &mut Created) -> Result<()> {
    if let Some(socket) = &verb.console_socket
        && let Some(master) = created.terminal.take()
    {
        send_master(socket, master.as_fd())?;
    }
    match &verb.pid_file {
        Some(path) => write_pid(path, created.process.pid.as_raw_nonzero().get()),
        None => Ok(()),
    }
}
