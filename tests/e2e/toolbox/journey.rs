//! How a packet leaves the network of containers: cable, bridge, route, filter, address translation.

use palisade_tests::bundle::busybox;
use palisade_tests::invocation::Finished;
use palisade_tests::{Case, Privilege, case, skip};

/// Three namespaces in a row: one on a bridge, the bridge's, which routes, and the world behind it.
struct Road<'a> {
    case: &'a Case,
    inner: String,
    hub: String,
    world: String,
}

const WORLD: &str = "10.88.7.2";

impl<'a> Road<'a> {
    fn build(case: &'a Case) -> Self {
        let road = Self { case, inner: case.id("inner"), hub: case.id("hub"), world: case.id("world") };
        let Self { inner, hub, world, .. } = &road;
        let other = case.id("other");
        road.netns(&["add", hub]).succeeded();
        let addresses = ["10.77.7.1/24", "10.77.7.2/24", "10.77.7.254/24"];
        let bridged = ["connect", inner, &other, "--bridge", "br0", "--bridge-in", hub, "--addr"];
        road.netns(&[&bridged[..], &addresses].concat()).succeeded();
        road.netns(&["connect", hub, world, "--addr", "10.88.7.1/24", "10.88.7.2/24"]).succeeded();
        road
    }

    fn netns(&self, words: &[&str]) -> Finished {
        self.case.pal().args(["--root"]).arg(self.case.state()).arg("netns").args(words).run()
    }

    fn inside(&self, name: &str, words: &str) -> Finished {
        let call = self.case.pal().args(["netns", "exec", name]).arg(busybox());
        call.args(words.split(' ')).run()
    }

    /// Whether a packet gets from the inner namespace to the world and back.
    fn reaches_world(&self) -> bool {
        self.inside(&self.inner, &format!("ping -c 1 -W 3 {WORLD}")).code() == 0
    }

    fn remove(self) {
        self.netns(&["del", &self.inner, &self.case.id("other"), &self.hub, &self.world]).succeeded();
    }
}

#[test]
fn d5_a_packet_crosses_bridge_and_route_where_forwarding_is_on() {
    let case = case!();
    if case.tier().privilege() == Privilege::Ordinary {
        skip!(case, "networks with names take root");
    }
    let road = Road::build(&case);
    let way = road.inside(&road.inner, &format!("ip route get {WORLD}")).succeeded().stdout;
    assert!(way.contains("via 10.77.7.254"), "{way}");
    road.inside(&road.world, "ip route add 10.77.7.0/24 via 10.88.7.1").succeeded();
    road.inside(&road.hub, "sysctl -q -w net.ipv4.ip_forward=0").succeeded();
    assert!(!road.reaches_world(), "what does not forward is no router");
    road.inside(&road.hub, "sysctl -q -w net.ipv4.ip_forward=1").succeeded();
    assert!(road.reaches_world(), "both routes are there and the hub forwards");
    // The bridge has learned where the packet came from.
    let learned = road.inside(&road.hub, "cat /sys/class/net/br0/brif/veth0/state").succeeded().stdout;
    assert_eq!(learned, "3\n", "a port that forwards");
    road.remove();
}

#[test]
fn d5_a_translated_address_needs_no_route_back() {
    let case = case!();
    if case.tier().privilege() == Privilege::Ordinary {
        skip!(case, "networks with names take root");
    }
    let Some(nft) =
        ["/usr/sbin/nft", "/sbin/nft"].into_iter().find(|path| std::path::Path::new(path).exists())
    else {
        skip!(case, "nft is not installed");
    };
    let road = Road::build(&case);
    road.inside(&road.hub, "sysctl -q -w net.ipv4.ip_forward=1").succeeded();
    assert!(!road.reaches_world(), "the world knows no way back");
    let rules = "add table ip t; add chain ip t post { type nat hook postrouting priority 100; }; \
                 add rule ip t post ip saddr 10.77.7.0/24 counter masquerade";
    case.pal().args(["netns", "exec", &road.hub, nft, rules]).run().succeeded();
    assert!(road.reaches_world(), "the world answers the hub");
    let counted = case.pal().args(["netns", "exec", &road.hub, nft, "list", "table", "ip", "t"]).run();
    assert!(!counted.succeeded().stdout.contains("packets 0 "), "the rule was passed");
    road.remove();
}
