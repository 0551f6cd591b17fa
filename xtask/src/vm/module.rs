//! Kernel modules in the order in which they can be loaded.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

/// The modules whose features containers use; what they depend on comes by itself.
pub(super) const WANTED: &[&str] = &[
    // Checksums that others ask for by another name, which tells no file.
    "crc32c_generic",
    "crc32_generic",
    "overlay",
    "loop",
    "veth",
    "bridge",
    "nf_tables",
    // By it packets are known by the control group of their socket.
    "nft_socket",
    "dummy",
    // By these criu lists sockets.
    "unix_diag",
    "tcp_diag",
    "udp_diag",
    "af_packet_diag",
    "netlink_diag",
    // A device for RDMA that is made of any network card.
    "rdma_rxe",
];

/// The drivers of the disk that systemd is on, and of its file system.
pub(super) const DISK: &[&str] = &["nvme", "ext4"];

/// Modules that a test loads and unloads itself: the others are to see the machine without them.
pub(super) const SPARE: &[&str] = &["bfq", "virtio_pci", "virtio_net"];

/// Lists the files of `wanted` and of all that they depend on, each behind what it depends on.
///
/// A package that was only unpacked has no `modules.dep`; the same facts stand in each module's `.modinfo`.
pub(super) fn load_order(modules: &Path, wanted: &[&str]) -> Result<Vec<PathBuf>> {
    let mut files = HashMap::new();
    collect(modules, &mut files)?;
    let mut order = Vec::new();
    for name in wanted {
        visit(name, &files, &mut order)?;
    }
    Ok(order)
}

/// Maps the names of all modules below `directory` to their files.
fn collect(directory: &Path, files: &mut HashMap<String, PathBuf>) -> Result<()> {
    let entries = fs::read_dir(directory).with_context(|| format!("read {}", directory.display()))?;
    for entry in entries {
        let path = entry.with_context(|| format!("read {}", directory.display()))?.path();
        if path.is_dir() {
            collect(&path, files)?;
        } else if path.extension().is_some_and(|extension| extension == "ko") {
            let stem = path.file_stem().unwrap_or_default().to_string_lossy();
            files.insert(stem.replace('-', "_"), path);
        }
    }
    Ok(())
}

fn visit(name: &str, files: &HashMap<String, PathBuf>, order: &mut Vec<PathBuf>) -> Result<()> {
    let Some(path) = files.get(&name.replace('-', "_")) else {
        bail!("the kernel package has no module {name}");
    };
    if order.contains(path) {
        return Ok(());
    }
    let image = fs::read(path).with_context(|| format!("read {}", path.display()))?;
    for dependency in dependencies(&image) {
        visit(&dependency, files, order)?;
    }
    order.push(path.clone());
    Ok(())
}

/// Reads the `depends=` string of a module's `.modinfo`, a run of strings each ended by a zero.
fn dependencies(image: &[u8]) -> Vec<String> {
    let key = b"\0depends=";
    let Some(start) = image.windows(key.len()).position(|window| window == key) else {
        return Vec::new();
    };
    let value = image[start + key.len()..].split(|byte| *byte == 0).next().unwrap_or_default();
    let names = value.split(|byte| *byte == b',').filter(|name| !name.is_empty());
    names.map(|name| String::from_utf8_lossy(name).into_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dependencies_stand_in_modinfo() {
        assert_eq!(dependencies(b"ELF\0license=GPL\0depends=stp,llc\0name=bridge\0"), ["stp", "llc"]);
        assert!(dependencies(b"ELF\0depends=\0name=stp\0").is_empty());
        assert!(dependencies(b"ELF").is_empty());
    }

    #[test]
    fn what_is_depended_on_comes_first_and_once() {
        let directory = std::env::temp_dir().join(format!("palisade-modules-{}", std::process::id()));
        fs::create_dir_all(directory.join("net")).expect("a writable temporary directory");
        for (file, depends) in
            [("net/bridge.ko", "stp,x-llc"), ("net/stp.ko", "x-llc"), ("x_llc.ko", ""), ("other.ko", "")]
        {
            fs::write(directory.join(file), format!("\0depends={depends}\0")).expect("written");
        }
        let order = load_order(&directory, &["bridge", "stp"]).expect("all are there");
        let missing = load_order(&directory, &["none"]);
        fs::remove_dir_all(&directory).expect("removed");
        let wanted = ["x_llc.ko", "net/stp.ko", "net/bridge.ko"].map(|file| directory.join(file));
        assert_eq!(order, wanted);
        assert!(missing.is_err());
    }
}
