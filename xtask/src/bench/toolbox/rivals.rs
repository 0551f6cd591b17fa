//! Which command is compared with which.

use std::collections::BTreeSet;

use anyhow::{Context, Result};
use serde_json::Value;

use super::place::Place;

/// A tool and the verb of `pal` that does the same.
#[derive(Debug)]
pub(super) struct Rival {
    pub(super) name: &'static str,
    pub(super) tool: Vec<String>,
    pub(super) pal: Vec<String>,
    /// What both are given more so that their results can be read.
    pub(super) check: (&'static [&'static str], &'static [&'static str]),
    /// Whether both are to run the least of programs when they are measured: what that takes is no tool's doing.
    pub(super) runs: Runs,
    /// How the results are read.
    pub(super) read: (Read, Read),
}

/// What a measured command runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Runs {
    /// It is no command that runs another.
    Nothing,
    /// The static program that succeeds at once.
    True,
}

type Read = fn(&str) -> Result<BTreeSet<String>>;

const NONE: (&[&str], &[&str]) = (&[], &[]);

/// Lists all comparisons.
pub(super) fn all(place: &Place) -> Vec<Rival> {
    let rival = |name, tool: &str, pal: &str| Rival {
        name,
        tool: tool.split(' ').map(str::to_owned).collect(),
        pal: pal.split(' ').map(str::to_owned).collect(),
        check: NONE,
        runs: Runs::Nothing,
        read: (words, words),
    };
    let (name, pid) = (&place.name, place.pid());
    let json: &[&str] = &["--format", "json"];
    let net: (&[&str], &[&str]) = (&["readlink", "/proc/self/ns/net"], &["readlink", "/proc/self/ns/net"]);
    let unshared = "--uts --ipc --net --mount";
    vec![
        Rival {
            check: (&["--noheadings", "--output", "NS"], json),
            read: (words, numbers),
            ..rival("lsns", "lsns", "ns ls")
        },
        Rival {
            read: (settings, settings),
            ..rival("cgget -g", &format!("cgget -g memory:/{name}"), &format!("cgroup get -g memory /{name}"))
        },
        Rival {
            check: (&[], json),
            read: (names, groups),
            ..rival(
                "systemd-cgls",
                &format!("systemd-cgls --no-pager --all /{name}"),
                &format!("cgroup tree /{name}"),
            )
        },
        Rival {
            check: (&[], json),
            read: (first_words, named),
            ..rival("ip netns list", "ip netns list", "netns list")
        },
        Rival {
            check: net,
            runs: Runs::True,
            ..rival("ip netns exec", &format!("ip netns exec {name}"), &format!("netns exec {name}"))
        },
        Rival {
            check: (&["hostname"], &["hostname"]),
            runs: Runs::True,
            ..rival("unshare", "unshare --uts --ipc", "ns new --uts --ipc --")
        },
        // Most of it is the kernel's, which makes a network namespace.
        Rival {
            check: (&["hostname"], &["hostname"]),
            runs: Runs::True,
            ..rival("unshare (4 kinds)", &format!("unshare {unshared}"), &format!("ns new {unshared} --"))
        },
        Rival {
            check: net,
            runs: Runs::True,
            ..rival(
                "nsenter",
                &format!("nsenter --target {pid} --uts --ipc --net --"),
                &format!("ns enter {pid} --uts --ipc --net --"),
            )
        },
    ]
}

fn words(text: &str) -> Result<BTreeSet<String>> {
    Ok(text.split_whitespace().map(str::to_owned).collect())
}

fn first_words(text: &str) -> Result<BTreeSet<String>> {
    Ok(text.lines().filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect())
}

/// Those namespaces of `pal ns ls` that have a process: lsns knows no others.
fn numbers(text: &str) -> Result<BTreeSet<String>> {
    let with_process = |row: &Value| row["processes"].as_u64() > Some(0);
    let rows = rows(text)?;
    Ok(rows.iter().filter(|row| with_process(row)).map(|row| row["number"].to_string()).collect())
}

fn named(text: &str) -> Result<BTreeSet<String>> {
    Ok(rows(text)?.iter().filter_map(|row| row["name"].as_str().map(str::to_owned)).collect())
}

/// Files that nothing can be read from.
const MUTE: [&str; 2] = ["memory.force_empty", "memory.pressure_level"];

/// The names of the files that are told, without their values, which change.
fn settings(text: &str) -> Result<BTreeSet<String>> {
    let name = |line: &str| line.split([':', '=', ' ']).next().map(str::trim).unwrap_or_default().to_owned();
    Ok(text
        .lines()
        .map(name)
        .filter(|name| name.starts_with("memory.") && !MUTE.contains(&name.as_str()))
        .collect())
}

/// The groups below that of the comparison, by their last names; the number of each is in brackets.
fn names(text: &str) -> Result<BTreeSet<String>> {
    let name = |line: &str| Some(line.rsplit_once('─')?.1.split(" (#").next()?.to_owned());
    Ok(text.lines().filter_map(name).collect())
}

fn groups(text: &str) -> Result<BTreeSet<String>> {
    let rows = rows(text)?;
    let paths = rows.iter().skip(1).filter_map(|row| row["group"].as_str());
    Ok(paths.filter_map(|path| path.rsplit('/').next()).map(str::to_owned).collect())
}

fn rows(text: &str) -> Result<Vec<Value>> {
    let rows = serde_json::from_str::<Value>(text).context("read JSON")?;
    rows.as_array().cloned().context("no list of JSON")
}
