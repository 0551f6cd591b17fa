//! `pal cgroup net`: rules for the packets of groups, in a network namespace of the test's own.

use std::path::PathBuf;

use palisade_tests::{Case, Privilege, case, group, skip};
use serde_json::Value;

/// Tells whether the test can have a network namespace and rules in it.
fn can_filter(case: &Case) -> bool {
    case.tier().privilege() == Privilege::Root
}

/// Runs a script of the shell in a network and a mount namespace of its own. `$PAL`, `$BUSYBOX` and `$GROUP` are set,
/// and the loopback device is up.
fn script(case: &Case, text: &str) -> String {
    let variable = |name: &str| std::env::var_os(name).map(PathBuf::from).expect("the tests' environment");
    let call = case.program("unshare").args(["-n", "-m", "sh", "-e", "-c"]);
    let call = call.arg(format!("$BUSYBOX ip link set lo up\n{text}"));
    let call = call.env("PAL", variable("PAL_BIN")).env("BUSYBOX", variable("PALISADE_BUSYBOX"));
    call.env("GROUP", case.id("g")).directory(case.scratch()).run().succeeded().stdout
}

fn json(text: &str) -> Vec<Value> {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

#[test]
fn b12_a_rule_counts_the_packets_of_its_group_and_of_no_other() {
    let case = case!();
    if !can_filter(&case) || !group::has_tree() {
        skip!(case, "packet rules take root, and this one a v2 tree");
    }
    let said = script(
        &case,
        "$PAL cgroup create $GROUP/below ${GROUP}x
         $PAL cgroup net $GROUP count > number
         $PAL cgroup exec $GROUP -- $BUSYBOX ping -c 2 127.0.0.1 > /dev/null
         $PAL cgroup exec $GROUP/below -- $BUSYBOX ping -c 1 127.0.0.1 > /dev/null
         $PAL cgroup exec ${GROUP}x -- $BUSYBOX ping -c 2 127.0.0.1 > /dev/null
         $BUSYBOX ping -c 2 127.0.0.1 > /dev/null
         $PAL cgroup net list --format json
         $PAL cgroup net rm $(cat number)
         $PAL cgroup rm -r $GROUP ${GROUP}x",
    );
    let rules = json(&said);
    let [rule] = rules.as_slice() else { panic!("{said}") };
    assert_eq!(rule["packets"], 3, "{said}");
    assert_eq!((&rule["action"], &rule["direction"]), (&"count".into(), &"out".into()), "{said}");
    assert_eq!(rule["group"], format!("/{}", case.id("g")), "{said}");
}

#[test]
fn a11_a_rule_counts_the_packets_of_a_class() {
    let case = case!();
    if !can_filter(&case) {
        skip!(case, "packet rules take root");
    }
    if std::fs::read_to_string("/proc/cgroups").is_ok_and(|table| !table.contains("net_cls\t")) {
        skip!(case, "this kernel has no net_cls");
    }
    let said = script(
        &case,
        "if ! grep -q ' cgroup .*net_cls' /proc/self/mountinfo; then
             mkdir net_cls; mount -t cgroup -o net_cls none net_cls; mounted=yes
         fi
         $PAL cgroup create -c net_cls $GROUP ${GROUP}x
         $PAL cgroup net -c net_cls $GROUP count > /dev/null 2> words
         grep -q 'has the class 0xc6' words
         $PAL cgroup exec -c net_cls $GROUP -- $BUSYBOX ping -c 3 127.0.0.1 > /dev/null
         $PAL cgroup exec -c net_cls ${GROUP}x -- $BUSYBOX ping -c 2 127.0.0.1 > /dev/null
         $BUSYBOX ping -c 2 127.0.0.1 > /dev/null
         $PAL cgroup net list --format json
         ! $PAL cgroup net -c net_cls $GROUP count --direction in 2> words
         grep -q 'come in bear no class' words
         $PAL cgroup net rm $GROUP
         $PAL cgroup rm -c net_cls $GROUP ${GROUP}x
         if [ \"$mounted\" ]; then $PAL cgroup umount net_cls; rmdir net_cls; fi",
    );
    let rules = json(&said);
    assert_eq!(rules.len(), 1, "{said}");
    assert_eq!(rules[0]["packets"], 3, "{said}");
    assert!(rules[0]["class"].as_u64().is_some_and(|class| class >= 0x0c60_0001), "{said}");
}

#[test]
fn b12_packets_are_dropped_and_marked() {
    let case = case!();
    if !can_filter(&case) || !group::has_tree() {
        skip!(case, "packet rules take root, and this one a v2 tree");
    }
    let said = script(
        &case,
        "nft add table inet other
         nft add chain inet other last '{ type filter hook postrouting priority 0; }'
         nft add rule inet other last meta mark 0x17 counter
         $PAL cgroup create $GROUP
         $PAL cgroup net $GROUP mark 0x17 --proto icmp > /dev/null
         $PAL cgroup exec $GROUP -- $BUSYBOX ping -c 2 127.0.0.1 > /dev/null
         $BUSYBOX ping -c 1 127.0.0.1 > /dev/null
         nft list table inet other | grep -o 'packets 2'
         $PAL cgroup net $GROUP drop --proto icmp > /dev/null
         ! $PAL cgroup exec $GROUP -- $BUSYBOX ping -c 1 -W 1 127.0.0.1 > /dev/null
         $BUSYBOX ping -c 1 127.0.0.1 > /dev/null
         $PAL cgroup net list | grep -c drop
         $PAL cgroup rm $GROUP
         $PAL cgroup net list | grep -c gone
         $PAL cgroup net rm $GROUP
         nft list tables",
    );
    // What is others' stays, and nothing of ours does.
    assert_eq!(said, "packets 2\n1\n2\ntable inet other\n");
}

#[test]
fn b12_a_rule_that_cannot_be_is_refused_in_one_line() {
    let case = case!();
    let net = |words: &[&str]| case.pal().args(["cgroup", "net"]).args(words).run().failed(125);
    for (words, wanted) in [
        (&["/no-such-group", "count"][..], "pal: open cgroup /no-such-group: ENOENT"),
        (&["/", "count", "7"], "pal: net: only mark takes a number"),
        (&["/", "drop", "--port", "7", "--proto", "icmp"], "pal: --port: icmp has no ports"),
        (&["/", "mark"], "pal: the following required arguments were not provided: <MARK>"),
        (&["/"], "pal: the following required arguments were not provided: <count|drop|mark>"),
    ] {
        let said = net(words);
        assert!(said.stderr.starts_with(wanted), "{said}");
        assert_eq!((said.stderr.lines().count(), said.stdout.as_str()), (1, ""), "{said}");
    }
    let said = case.pal().args(["cgroup", "net", "list"]).env("PATH", "/nowhere").run().failed(125);
    assert!(said.stderr.starts_with("pal: execute nft: ENOENT"), "{said}");
    if case.tier().privilege() == Privilege::Ordinary {
        let said = case.pal().args(["cgroup", "net", "list"]).run().failed(125);
        assert!(said.stderr.contains("CAP_NET_ADMIN") || said.stderr.contains("install"), "{said}");
    }
}
