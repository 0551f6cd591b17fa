//! The shell commands that show what a verb does which only looks.

use palisade_runtime::{Result, Store};

use crate::arguments::ns::{List, Nesting, Of, Same, Tree};

pub(super) fn list(verb: &List) -> Vec<String> {
    let kinds = match verb.kinds.as_slice() {
        [] => "*".to_owned(),
        [one] => one.kind().proc_name().to_owned(),
        more => {
            let names: Vec<&str> = more.iter().map(|name| name.kind().proc_name()).collect();
            format!("@({})", names.join("|"))
        }
    };
    let mounts = if verb.all { "/proc/[0-9]*/mountinfo" } else { "/proc/self/mountinfo" };
    let links = match kinds.starts_with('@') {
        // What sh has no pattern for.
        true => format!("bash -O extglob -c 'ls -l /proc/[0-9]*/ns/{kinds}'"),
        false => format!("ls -l /proc/[0-9]*/ns/{kinds}"),
    };
    vec![links, format!("grep -h ' nsfs ' {mounts}"), r"ls -l /proc/[0-9]*/fd | grep ':\['".to_owned()]
}

pub(super) fn tree(verb: &Tree) -> Vec<String> {
    vec![match verb.by {
        Nesting::User => "lsns --tree=owner".to_owned(),
        Nesting::Pid => "lsns --type pid --tree=parent".to_owned(),
    }]
}

pub(super) fn of(verb: &Of, store: &Store) -> Result<Vec<String>> {
    Ok(vec![format!("ls -l /proc/{}/ns", verb.process.pid(store)?)])
}

pub(super) fn same(verb: &Same, store: &Store) -> Result<Vec<String>> {
    let mut words = String::new();
    for process in &verb.processes {
        words.push_str(&format!(" /proc/{}/ns/*", process.pid(store)?));
    }
    if verb.processes.len() == 1 {
        words.push_str(" /proc/self/ns/*");
    }
    Ok(vec![format!("stat -L -c '%i %n'{words}")])
}
