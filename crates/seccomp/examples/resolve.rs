//! Decides the conditions of a profile as Docker and Podman have them, and prints the one that is left as JSON:
//! `cargo run -p palisade-seccomp --example resolve -- FILE KERNEL [CAPABILITY...]`. For FILE `default` it is the profile
//! of `pal run`.
#![forbid(unsafe_code)]

use std::collections::BTreeSet;
use std::error::Error;

use palisade_seccomp::{Arch, Circumstances, ConditionalProfile, default_profile};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let file = arguments.next().ok_or("no file given")?;
    let kernel = arguments.next().ok_or("no kernel version given")?;
    let (major, minor) = kernel.split_once('.').ok_or("the kernel version is major.minor")?;
    let kernel = (major.parse()?, minor.parse()?);
    let capabilities: BTreeSet<String> = arguments.collect();
    let arch = Arch::native().ok_or("this machine's system calls are not known")?;
    let profile = if file == "default" {
        default_profile(&capabilities, kernel)
    } else {
        let profile: ConditionalProfile = serde_json::from_slice(&std::fs::read(file)?)?;
        profile.resolve(&Circumstances { capabilities: &capabilities, arch, kernel })?
    };
    println!("{}", serde_json::to_string(&profile)?);
    Ok(())
}
