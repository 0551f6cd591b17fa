//! `new` as a script for sh, with the program unshare of util-linux.

use std::fmt::Write;

use palisade_cgroup::quote;
use palisade_namespace::{Kind, Kinds, MapMethod, PinOperation, Pins};
use palisade_runtime::Result;

use super::link::map_commands;
use super::plan::{Init, Maps, Plan, Proc};
use crate::flags::PropagationChoice;
use crate::ns::program::shell_words;

/// The long options of unshare(1) and nsenter(1) for kinds, each with a space after it.
pub(in crate::ns) fn flags(kinds: Kinds) -> String {
    kinds.iter().map(|kind| format!("--{} ", word(kind))).collect()
}

/// What both programs call a kind.
pub(in crate::ns) fn word(kind: Kind) -> &'static str {
    if kind == Kind::Mount { "mount" } else { kind.proc_name() }
}

/// Returns the script that does what the plan says.
pub(super) fn script(plan: &Plan, pins: &Pins) -> Result<String> {
    let mut text = plan.note.map_or_else(String::new, |note| format!("# {note}\n"));
    let mut files = Vec::new();
    if let Some(name) = &plan.pin {
        for operation in pins.keep(name, std::process::id(), plan.created)? {
            match operation {
                // The program mounts them itself.
                PinOperation::Keep { file, .. } => {
                    let file = file.display().to_string();
                    _ = writeln!(text, ": > {file}");
                    files.push(file);
                }
                other => other.shell().into_iter().for_each(|line| text.push_str(&(line + "\n"))),
            }
        }
    }
    let inner = inner(plan);
    match &plan.maps {
        Some(maps) if maps.method != MapMethod::Single => text.push_str(&mapped(plan, maps, &files, &inner)),
        maps => {
            let map = if maps.is_some() { "--map-root-user " } else { "" };
            _ = writeln!(text, "unshare {}{map}{}{inner}", pinned(plan.created, &files), options(plan));
        }
    }
    Ok(text)
}

/// The kinds, each with the file that it is kept under.
fn pinned(kinds: Kinds, files: &[String]) -> String {
    if files.is_empty() {
        return flags(kinds);
    }
    kinds.iter().zip(files).map(|(kind, file)| format!("--{}={file} ", word(kind))).collect()
}

fn options(plan: &Plan) -> String {
    let mut text = String::new();
    if plan.created.contains(Kind::Pid) {
        text.push_str("--fork --kill-child ");
    } else if plan.created.contains(Kind::Time) {
        // It moves its children there, and not itself.
        text.push_str("--fork ");
    }
    for (clock, seconds) in [("monotonic", plan.offsets.monotonic), ("boottime", plan.offsets.boottime)] {
        if let Some(seconds) = seconds {
            _ = write!(text, "--{clock}={seconds} ");
        }
    }
    if plan.created.contains(Kind::Mount) {
        let word = match plan.propagation {
            PropagationChoice::Private => "private",
            PropagationChoice::Slave => "slave",
            PropagationChoice::Shared => "shared",
            PropagationChoice::Unchanged => "unchanged",
        };
        _ = write!(text, "--propagation {word} ");
    }
    if plan.proc == Proc::Mount {
        text.push_str("--mount-proc ");
    }
    text
}

/// The program, and what is done right before it.
fn inner(plan: &Plan) -> String {
    let mut lines = Vec::new();
    lines.extend(plan.hostname.as_ref().map(|name| format!("hostname {}", quote(name))));
    lines.extend(plan.domainname.as_ref().map(|name| format!("domainname {}", quote(name))));
    let command = shell_words(&plan.command);
    if plan.init == Init::Own {
        // A shell that waits is an init.
        lines.push(command);
        lines.push("exit $?".to_owned());
    } else if lines.is_empty() {
        return command;
    } else {
        lines.push(format!("exec {command}"));
    }
    format!("sh -c {}", quote(&lines.join("\n")))
}

/// A user namespace whose maps somebody outside has to write, and the others in it.
fn mapped(plan: &Plan, maps: &Maps, files: &[String], inner: &str) -> String {
    let rest = plan.created.without(Kind::User);
    let (user, others): (Vec<String>, Vec<String>) =
        files.iter().cloned().partition(|file| file.ends_with("/user"));
    let inner = if rest.is_empty() {
        inner.to_owned()
    } else {
        format!("unshare {}{}{inner}", pinned(rest, &others), options(plan))
    };
    let root = if plan.becomes_root() { "setpriv --reuid 0 --regid 0 --clear-groups " } else { "" };
    let wait = "until grep -q . /proc/self/gid_map; do sleep 0.01; done";
    let inside = format!("{wait}\nexec {root}{inner}");
    let commands = map_commands(maps, "$me").join("\n  ").replace("'$me'", "$me");
    let body = format!(
        "me=$$ outside=$(readlink /proc/self/ns/user)\n(\n  until [ \"$(readlink /proc/$me/ns/user)\" != \
         \"$outside\" ]; do sleep 0.01; done\n  {commands}\n) &\nexec unshare {}sh -c {}",
        pinned(Kinds::NONE.with(Kind::User), &user),
        quote(&inside)
    );
    format!("sh -c {}\n", quote(&body))
}
