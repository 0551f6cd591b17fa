//! What the specification requires and `oci-spec` fills with an empty value.

use std::path::Path;

use crate::{Linux, Spec};

/// Finds the first field that has to be there and is not: its pointer and what is wrong.
pub(crate) fn missing(spec: &Spec) -> Option<(String, String)> {
    version(spec.version())
        .map(|message| ("/ociVersion".to_owned(), message))
        .or_else(|| empty_path("/root/path", spec.root().as_ref().map(|root| root.path().as_path())))
        .or_else(|| spec.linux().as_ref().and_then(linux))
}

/// Checks that the version is one of those that version 1.3 can stand for: any of major version 1.
fn version(version: &str) -> Option<String> {
    if version.is_empty() {
        return Some("required, but missing".to_owned());
    }
    let core = version.split(['-', '+']).next().unwrap_or_default();
    let numbers: Vec<Option<u32>> = core.split('.').map(|part| part.parse().ok()).collect();
    match numbers.as_slice() {
        [Some(1), Some(_), Some(_)] => None,
        [Some(_), Some(_), Some(_)] => Some(format!("wanted version 1, found \"{version}\"")),
        _ => Some(format!("wanted a version as 1.3.0, found \"{version}\"")),
    }
}

fn linux(linux: &Linux) -> Option<(String, String)> {
    let devices = linux.devices().iter().flatten().enumerate();
    let resources = linux.resources().as_ref();
    let pages = resources.and_then(|resources| resources.hugepage_limits().as_ref());
    let network = resources.and_then(|resources| resources.network().as_ref());
    let interfaces = network.and_then(|network| network.priorities().as_ref());
    None.or_else(|| {
        devices
            .map(|(n, device)| (n, device.path().as_path()))
            .find_map(|(n, path)| empty_path(&format!("/linux/devices/{n}/path"), Some(path)))
    })
    .or_else(|| {
        let names = pages.into_iter().flatten().map(|limit| limit.page_size().as_str());
        empty_name("/linux/resources/hugepageLimits", "pageSize", names)
    })
    .or_else(|| {
        let names = interfaces.into_iter().flatten().map(|interface| interface.name().as_str());
        empty_name("/linux/resources/network/priorities", "name", names)
    })
}

fn empty_path(pointer: &str, path: Option<&Path>) -> Option<(String, String)> {
    path.filter(|path| path.as_os_str().is_empty())
        .map(|_| (pointer.to_owned(), "required, but missing or empty".to_owned()))
}

fn empty_name<'a>(
    list: &str,
    field: &str,
    mut names: impl Iterator<Item = &'a str>,
) -> Option<(String, String)> {
    names
        .position(str::is_empty)
        .map(|n| (format!("{list}/{n}/{field}"), "required, but missing or empty".to_owned()))
}
