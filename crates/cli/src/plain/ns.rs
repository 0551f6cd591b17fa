//! `pal ns ls`, and `new` and `enter` with nothing but kinds in front of the program.

use crate::arguments::Telling;
use crate::arguments::ns::{Enter, KindSwitches, List, New, Verb};

/// Reads the words behind `ns`.
pub(super) fn read(words: &[&str]) -> Option<Verb> {
    match words {
        ["ls"] => {
            Some(Verb::Ls(List { kinds: Vec::new(), process: None, all: false, telling: Telling::QUIET }))
        }
        ["new", words @ ..] => {
            let (kinds, command) = program(words)?;
            Some(Verb::New(Box::new(new(kinds, command))))
        }
        ["enter", target, words @ ..] => {
            let target = target.parse().ok().filter(|_| !target.starts_with('-'))?;
            let (kinds, command) = program(words)?;
            Some(Verb::Enter(Box::new(Enter {
                target,
                command,
                kinds,
                credentials: false,
                run_as: None,
                env: false,
                cwd: false,
                workdir: None,
                chroot: false,
                join_cgroup: false,
                telling: Telling::QUIET,
            })))
        }
        _ => None,
    }
}

/// Reads kinds by their long names up to `--`, and the program behind that.
fn program(words: &[&str]) -> Option<(KindSwitches, Vec<String>)> {
    let mut kinds = KindSwitches {
        mount: false,
        pid: false,
        net: false,
        ipc: false,
        uts: false,
        user: false,
        cgroup: false,
        time: false,
        all: false,
    };
    let mut words = words.iter();
    loop {
        let switch = match *words.next()? {
            "--" => break,
            "--mount" => &mut kinds.mount,
            "--pid" => &mut kinds.pid,
            "--net" => &mut kinds.net,
            "--ipc" => &mut kinds.ipc,
            "--uts" => &mut kinds.uts,
            "--user" => &mut kinds.user,
            "--cgroup" => &mut kinds.cgroup,
            "--time" => &mut kinds.time,
            "--all" => &mut kinds.all,
            _ => return None,
        };
        // The parser has something to say of one that comes twice.
        if std::mem::replace(switch, true) {
            return None;
        }
    }
    Some((kinds, words.map(|word| (*word).to_owned()).collect()))
}

fn new(kinds: KindSwitches, command: Vec<String>) -> New {
    New {
        command,
        kinds,
        hostname: None,
        domainname: None,
        map: None,
        map_users: Vec::new(),
        map_groups: Vec::new(),
        monotonic: None,
        boottime: None,
        propagation: None,
        mount_proc: false,
        pin: None,
        init: false,
        telling: Telling::QUIET,
    }
}
