//! The rules as nft lists them; see libnftables-json(5).

use serde_json::Value;

use super::{Deed, Direction, Protocol, TABLE};

/// A rule that is in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Its number in the table.
    pub handle: u64,
    /// The chain that it is in.
    pub chain: String,
    /// Whose packets it is about.
    pub subject: Subject,
    /// The name of the group, where nft could keep it.
    pub name: Option<String>,
    /// Which way the packets go.
    pub direction: Direction,
    /// Of which protocol.
    pub protocol: Option<Protocol>,
    /// To which port.
    pub port: Option<u16>,
    /// What is done with them.
    pub deed: Deed,
    /// How many there were.
    pub packets: u64,
    /// How many bytes these had.
    pub bytes: u64,
}

/// Says whose packets a rule that is in force is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// Those of a v2 group, by its path from `/sys/fs/cgroup`.
    Group(String),
    /// Those of a v2 group that has gone: its number in the tree. Such a rule meets no packet any more.
    Gone(String),
    /// Those of a net_cls class.
    Class(u32),
}

impl Listed {
    /// Tells whether `other` is this rule, whatever it has counted.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        self.handle == other.handle && self.chain == other.chain && self.subject == other.subject
    }
}

/// Tells whether a table is in what nft lists.
pub(super) fn has_table(answer: &Value, name: &str) -> bool {
    items(answer, "table").any(|table| table["name"] == name && table["family"] == "inet")
}

/// Reads all rules of our table.
pub(super) fn rules(answer: &Value) -> Vec<Listed> {
    let ours = items(answer, "rule").filter(|rule| rule["table"] == TABLE && rule["family"] == "inet");
    ours.filter_map(rule).collect()
}

/// Gives the objects of a kind. What is echoed has each in an object that says what was done to it.
fn items<'a>(answer: &'a Value, kind: &'a str) -> impl Iterator<Item = &'a Value> {
    let objects = answer["nftables"].as_array().into_iter().flatten();
    objects.filter_map(move |object| object.get(kind).or_else(|| object.get("add")?.get(kind)))
}

fn rule(rule: &Value) -> Option<Listed> {
    let chain = rule["chain"].as_str()?.to_owned();
    let mut listed = Listed {
        handle: rule["handle"].as_u64()?,
        direction: if chain == "input" { Direction::In } else { Direction::Out },
        chain,
        subject: Subject::Class(0),
        name: rule["comment"].as_str().map(str::to_owned),
        protocol: None,
        port: None,
        deed: Deed::Count,
        packets: 0,
        bytes: 0,
    };
    for expression in rule["expr"].as_array()? {
        listed.take(expression);
    }
    Some(listed)
}

impl Listed {
    fn take(&mut self, expression: &Value) {
        let (left, right) = (&expression["match"]["left"], &expression["match"]["right"]);
        if left["socket"]["key"] == "cgroupv2" {
            let group = right.as_str().map_or_else(|| right.to_string(), str::to_owned);
            // A group that nft does not find below the mount has its number alone.
            let is_number = group.bytes().all(|byte| byte.is_ascii_digit());
            self.subject = if is_number { Subject::Gone(group) } else { Subject::Group(group) };
        }
        match left["meta"]["key"].as_str() {
            Some("cgroup") => self.subject = Subject::Class(number(right)),
            Some("l4proto") => self.protocol = right.as_str().map_or(Some(Protocol::Icmp), protocol),
            _ => {}
        }
        if left["payload"]["field"] == "dport" {
            self.protocol = left["payload"]["protocol"].as_str().and_then(protocol);
            self.port = u16::try_from(number(right)).ok();
        }
        if let Some(counter) = expression.get("counter") {
            self.packets = counter["packets"].as_u64().unwrap_or(0);
            self.bytes = counter["bytes"].as_u64().unwrap_or(0);
        }
        if expression.get("drop").is_some() {
            self.deed = Deed::Drop;
        }
        if expression["mangle"]["key"]["meta"]["key"] == "mark" {
            self.deed = Deed::Mark(number(&expression["mangle"]["value"]));
        }
    }
}

fn protocol(word: &str) -> Option<Protocol> {
    match word {
        "tcp" => Some(Protocol::Tcp),
        "udp" => Some(Protocol::Udp),
        "icmp" => Some(Protocol::Icmp),
        _ => None,
    }
}

fn number(value: &Value) -> u32 {
    value.as_u64().and_then(|number| u32::try_from(number).ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn listing() -> Value {
        let ours = |chain: &str, handle: u32, expr: Value| {
            json!({ "rule": { "family": "inet", "table": TABLE, "chain": chain, "handle": handle,
                              "comment": "/a", "expr": expr } })
        };
        let counter = json!({ "counter": { "packets": 2, "bytes": 168 } });
        let group = |right: &str| {
            json!({ "match": { "op": "==", "left": { "socket": { "key": "cgroupv2" } },
                                                     "right": right } })
        };
        let class =
            json!({ "match": { "op": "==", "left": { "meta": { "key": "cgroup" } }, "right": 65537 } });
        let port = json!({ "match": { "op": "==", "left": { "payload": { "protocol": "udp", "field": "dport" } },
                                      "right": 53 } });
        let icmp = json!({ "match": { "op": "==", "left": { "meta": { "key": "l4proto" } },
                                      "right": { "set": ["icmp", "ipv6-icmp"] } } });
        let mark = json!({ "mangle": { "key": { "meta": { "key": "mark" } }, "value": 7 } });
        json!({ "nftables": [
            { "metainfo": { "version": "1.0.6" } },
            { "table": { "family": "inet", "name": TABLE, "handle": 1 } },
            { "rule": { "family": "inet", "table": "other", "chain": "output", "handle": 1, "expr": [] } },
            ours("output", 3, json!([group("unified/a"), counter])),
            ours("input", 4, json!([group("840329"), icmp, counter, { "drop": null }])),
            { "add": ours("route", 8, json!([class, port, counter, mark])) },
        ] })
    }

    #[test]
    fn rules_are_read_back() {
        let rules = rules(&listing());
        let [count, drop, mark] = rules.as_slice() else { panic!("{rules:?}") };
        assert_eq!((count.handle, count.packets, count.bytes, count.deed), (3, 2, 168, Deed::Count));
        assert_eq!(count.subject, Subject::Group("unified/a".into()));
        assert_eq!(
            (drop.direction, drop.deed, drop.protocol),
            (Direction::In, Deed::Drop, Some(Protocol::Icmp))
        );
        assert_eq!(drop.subject, Subject::Gone("840329".into()));
        assert_eq!((mark.deed, mark.port, mark.protocol), (Deed::Mark(7), Some(53), Some(Protocol::Udp)));
        assert_eq!(mark.subject, Subject::Class(65537));
    }

    #[test]
    fn the_table_is_known_by_family_and_name() {
        assert!(has_table(&listing(), TABLE) && !has_table(&listing(), "other"));
    }
}
