//! Rules for the packets of a control group: nftables, by the program `nft`, in a table that is ours alone.
//!
//! A v2 group is matched by its place in the tree, with all groups below it; a v1 group by its net_cls class. See
//! "SOCKET EXPRESSION" and "META EXPRESSIONS" in nft(8).

mod listing;

pub use listing::{Listed, Subject};

use std::fmt;
use std::process::{Command, Stdio};

use rustix::fd::OwnedFd;
use rustix::fs::{CWD, FlockOperation, Mode, OFlags};
use serde_json::Value;

use crate::error::{During, Error, Result};

/// The table of these rules, in the family `inet`.
pub const TABLE: &str = "palisade_cgroup";

/// How long a comment may be, in bytes.
const LONGEST_COMMENT: usize = 128;

/// The chains, each with what the kernel is told of it. A mark is set where the way of a packet is chosen anew by it.
const CHAINS: [(&str, &str); 3] = [
    ("output", "type filter hook output priority 0; policy accept;"),
    ("input", "type filter hook input priority 0; policy accept;"),
    ("route", "type route hook output priority -150; policy accept;"),
];

/// Says whose packets a rule is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Whose {
    /// Those of the sockets of a v2 group and of all groups below it.
    Below {
        /// The group's directory from `/sys/fs/cgroup`, as nft wants it; `../` leads out of there.
        path: String,
        /// How deep the group is in the tree, 1 for one right below the root.
        level: usize,
    },
    /// Those of the sockets with a net_cls class.
    Class(u32),
}

/// Says which way packets go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From a socket of the group.
    Out,
    /// To a socket of the group.
    In,
}

/// Names a protocol above IP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// The Transmission Control Protocol.
    Tcp,
    /// The User Datagram Protocol.
    Udp,
    /// The control messages of IP, of both versions.
    Icmp,
}

/// Says what is done with a packet, beside counting it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deed {
    /// Nothing.
    Count,
    /// It is dropped.
    Drop,
    /// It gets this mark, by which routes and other rules can choose it.
    Mark(u32),
}

/// A rule for packets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Whose packets.
    pub whose: Whose,
    /// Which way they go.
    pub direction: Direction,
    /// Of which protocol; of all where there is none.
    pub protocol: Option<Protocol>,
    /// To which port; needs a protocol with ports.
    pub port: Option<u16>,
    /// What is done with them.
    pub deed: Deed,
    /// The group's name, to be shown in the list; left out where nft cannot keep it.
    pub name: String,
}

impl Rule {
    /// Returns the commands of nft that add the rule, and its table and chain where they are not there.
    #[must_use]
    pub fn commands(&self) -> Vec<String> {
        let chain = self.chain();
        let kind = CHAINS.iter().find(|(name, _)| *name == chain).map_or("", |(_, kind)| *kind);
        vec![
            format!("add table inet {TABLE}"),
            format!("add chain inet {TABLE} {chain} {{ {kind} }}"),
            format!("add rule inet {TABLE} {chain} {self}"),
        ]
    }

    /// Adds the rule and returns the number by which it can be removed.
    ///
    /// # Errors
    /// A machine without the program nft, a kernel without what the rule needs, no CAP_NET_ADMIN, a group that is not
    /// there.
    pub fn add(&self) -> Result<u64> {
        let _lock = lock()?;
        let said = nft(&["-e", "-a", "-j"], &self.commands().join("\n"))?;
        let answer: Value = serde_json::from_str(&said)
            .map_err(|error| Error::rule("add a packet rule", format!("nft answered no JSON: {error}")))?;
        let added = listing::rules(&answer).pop();
        added
            .map(|rule| rule.handle)
            .ok_or_else(|| Error::rule("add a packet rule", "nft does not tell its number"))
    }

    fn chain(&self) -> &'static str {
        match (self.direction, self.deed) {
            (Direction::In, _) => "input",
            (Direction::Out, Deed::Mark(_)) => "route",
            (Direction::Out, _) => "output",
        }
    }
}

impl fmt::Display for Rule {
    /// Prints the rule in the words of nft.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.whose {
            Whose::Below { path, level } => write!(f, "socket cgroupv2 level {level} \"{path}\"")?,
            Whose::Class(class) => write!(f, "meta cgroup {class:#x}")?,
        }
        match (self.protocol, self.port) {
            (Some(protocol), Some(port)) => write!(f, " {} dport {port}", protocol.word())?,
            (Some(Protocol::Icmp), None) => f.write_str(" meta l4proto { icmp, icmpv6 }")?,
            (Some(protocol), None) => write!(f, " meta l4proto {}", protocol.word())?,
            (None, Some(port)) => write!(f, " th dport {port}")?,
            (None, None) => {}
        }
        f.write_str(" counter")?;
        match self.deed {
            Deed::Count => {}
            Deed::Drop => f.write_str(" drop")?,
            Deed::Mark(mark) => write!(f, " meta mark set {mark:#x}")?,
        }
        let keeps = self.name.len() <= LONGEST_COMMENT && can_quote(&self.name);
        if keeps { write!(f, " comment \"{}\"", self.name) } else { Ok(()) }
    }
}

impl Protocol {
    /// Returns the word that nft has for it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
            Self::Icmp => "icmp",
        }
    }
}

/// Tells whether nft takes a text between quotation marks.
#[must_use]
pub fn can_quote(text: &str) -> bool {
    !text.contains(['"', '\\', '\n', '\0', '*', '$'])
}

/// Lists the rules, with what they have counted.
///
/// # Errors
/// A machine without the program nft, no CAP_NET_ADMIN.
pub fn list() -> Result<Vec<Listed>> {
    if !has_table()? {
        return Ok(Vec::new());
    }
    let said = nft(&["-j", "-a"], &format!("list table inet {TABLE}"))?;
    let answer: Value = serde_json::from_str(&said)
        .map_err(|error| Error::rule("list packet rules", format!("nft answered no JSON: {error}")))?;
    Ok(listing::rules(&answer))
}

/// Returns the command of nft that shows what [`list`] reads.
#[must_use]
pub fn listing() -> String {
    format!("list table inet {TABLE}")
}

/// Returns the commands of nft that remove rules, and the table where they are all that there is.
#[must_use]
pub fn removal(rules: &[Listed], all: &[Listed]) -> Vec<String> {
    if all.iter().all(|rule| rules.contains(rule)) {
        return vec![format!("delete table inet {TABLE}")];
    }
    rules
        .iter()
        .map(|rule| format!("delete rule inet {TABLE} {} handle {}", rule.chain, rule.handle))
        .collect()
}

/// Removes rules, all or none, and the table with the last of them.
///
/// # Errors
/// As [`list`], and a rule that is not there.
pub fn remove(rules: &[Listed]) -> Result<()> {
    let _lock = lock()?;
    // What was counted meanwhile makes no other rule of it.
    let wanted = |listed: &Listed| rules.iter().any(|rule| rule.is_same(listed));
    let all = list()?;
    let found: Vec<Listed> = all.iter().filter(|listed| wanted(listed)).cloned().collect();
    if found.len() < rules.len() {
        return Err(Error::rule("remove a packet rule", "it has gone meanwhile"));
    }
    nft(&[], &removal(&found, &all).join("\n")).map(drop)
}

fn has_table() -> Result<bool> {
    let said = nft(&["-j"], "list tables inet")?;
    let answer: Value = serde_json::from_str(&said)
        .map_err(|error| Error::rule("list tables", format!("nft answered no JSON: {error}")))?;
    Ok(listing::has_table(&answer, TABLE))
}

/// Holds other calls off that change the table of this network namespace: whoever removes the last rule removes the
/// table.
fn lock() -> Result<OwnedFd> {
    let what = "/proc/self/ns/net";
    let namespace = rustix::fs::openat(CWD, what, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())
        .during(format_args!("open {what}"))?;
    rustix::fs::flock(&namespace, FlockOperation::LockExclusive).during(format_args!("flock {what}"))?;
    Ok(namespace)
}

/// Has nft carry out commands in one transaction and returns what it prints.
fn nft(options: &[&str], commands: &str) -> Result<String> {
    // From standard input it would take nothing but JSON where it is to print that, and JSON has no levels of groups.
    let output = Command::new("nft").args(options).arg(commands).stdin(Stdio::null()).output();
    let output = output.map_err(|error| {
        let missing = error.kind() == std::io::ErrorKind::NotFound;
        let error = Error::io("execute nft", &error);
        if missing { error.hint("packet rules are nftables': install the package nftables") } else { error }
    })?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    Err(refusal(&String::from_utf8_lossy(&output.stderr)))
}

/// Makes an error of what nft says, which comes with the line that it is about and a mark below that.
fn refusal(said: &str) -> Error {
    let line = said.lines().find(|line| !line.trim().is_empty()).unwrap_or("it failed without a word");
    let cause = line.rsplit_once("rror: ").map_or(line, |(_, cause)| cause);
    let error = Error::rule("nft", cause.trim());
    let has = |text: &str| cause.contains(text);
    if has("permitted") {
        error.hint("rules for packets need CAP_NET_ADMIN in the network namespace")
    } else if has("not supported") || has("No such file or directory") {
        error.hint("the kernel lacks nf_tables or nft_socket, or the group has gone")
    } else {
        error
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(deed: Deed) -> Rule {
        let whose = Whose::Below { path: "a/b".into(), level: 2 };
        Rule { whose, direction: Direction::Out, protocol: None, port: None, deed, name: "/a/b".into() }
    }

    #[test]
    fn rules_in_the_words_of_nft() {
        let count = rule(Deed::Count);
        assert_eq!(count.to_string(), r#"socket cgroupv2 level 2 "a/b" counter comment "/a/b""#);
        let drop = Rule { protocol: Some(Protocol::Tcp), port: Some(80), ..rule(Deed::Drop) };
        assert!(drop.to_string().contains(r#""a/b" tcp dport 80 counter drop"#), "{drop}");
        let icmp = Rule { protocol: Some(Protocol::Icmp), whose: Whose::Class(0x10001), ..count.clone() };
        assert!(icmp.to_string().starts_with("meta cgroup 0x10001 meta l4proto { icmp, icmpv6 } counter"));
        let mark = rule(Deed::Mark(16));
        assert!(mark.commands()[2].starts_with("add rule inet palisade_cgroup route socket"), "{mark}");
        assert!(mark.to_string().contains("counter meta mark set 0x10 "), "{mark}");
        let long = Rule { name: "x".repeat(129), ..count.clone() };
        assert!(long.to_string().ends_with("counter"));
        assert!(Rule { name: "a\"b".into(), ..count }.to_string().ends_with("counter"));
    }

    #[test]
    fn what_nft_says_becomes_one_line() {
        let said =
            "/dev/stdin:3:1-4: Error: Could not process rule: No such file or directory\nadd rule x\n^^^\n";
        let line = refusal(said).to_string();
        assert!(
            line.starts_with("nft: Could not process rule: No such file or directory (the kernel"),
            "{line}"
        );
        let said = "Operation not permitted (you must be root)\n";
        assert!(refusal(said).to_string().contains("CAP_NET_ADMIN"));
        assert_eq!(refusal("").to_string(), "nft: it failed without a word");
    }
}
