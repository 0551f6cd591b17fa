//! How a container is asked for where a test says nothing else; the fuzz targets ask in the same way.

use std::path::Path;

use palisade_runtime::compile::{Affinity, Begin, Driver, EnterRoot, Keyring, Loopback, Request};
use palisade_runtime::{ContainerId, SecurityModules};

pub(crate) fn request<'a>(id: &'a ContainerId, begin: Begin) -> Request<'a> {
    Request {
        id,
        bundle: Path::new("/bundle"),
        begin,
        enter_root: EnterRoot::Pivot,
        home: None,
        preserve_fds: 0,
        root: None,
        loopback: Loopback::AsMade,
        keyring: Keyring::Callers,
        affinity: Affinity::OfGroup,
        driver: Driver::FileSystem,
        modules: SecurityModules::default(),
        resctrl: Some("/sys/fs/resctrl".into()),
        filter: None,
    }
}
