//! `linux.netDevices`: network devices of the host in the container.

use palisade_tests::bundle::busybox;
use palisade_tests::{Bundle, Case, Container, Privilege, case, skip};
use serde_json::json;

fn ip(case: &Case, arguments: &str) -> palisade_tests::invocation::Finished {
    case.program(busybox()).arg("ip").args(arguments.split(' ')).run()
}

/// Makes a device of a kind that the kernel has; none where it has neither.
fn make(case: &Case, name: &str) -> Option<()> {
    ["dummy", "ifb"]
        .iter()
        .find_map(|kind| ip(case, &format!("link add {name} type {kind}")).status.success().then_some(()))
}

fn exists(case: &Case, name: &str) -> bool {
    ip(case, &format!("link show dev {name}")).status.success()
}

/// Devices that are gone at the end of the test, wherever it ends.
struct Devices<'a>(&'a Case, [String; 2]);

impl Drop for Devices<'_> {
    fn drop(&mut self) {
        for name in self.1.iter().filter(|name| exists(self.0, name)) {
            let _said = ip(self.0, &format!("link del {name}"));
        }
    }
}

/// Names that no other run uses, of at most 15 bytes.
fn names(case: &Case) -> [String; 2] {
    [0, 1].map(|number| {
        format!("pt{}x{number}", std::process::id() % 100_000) + case.unused("").trim_start_matches('-')
    })
}

#[test]
fn a_device_moves_in_with_its_addresses_and_is_up() {
    let case = case!();
    if case.tier().privilege() == Privilege::Ordinary {
        skip!(case, "an ordinary user has no devices to give");
    }
    let devices = Devices(&case, names(&case));
    let [first, second] = devices.1.clone();
    if make(&case, &first).and_then(|()| make(&case, &second)).is_none() {
        skip!(case, "the kernel makes no devices to try it with");
    }
    for command in [
        format!("link set dev {first} mtu 1345 up"),
        format!("addr add 10.77.0.1/24 dev {first}"),
        format!("addr add 10.77.1.1/30 dev {first}"),
        format!("addr add fd77::1/64 dev {first}"),
    ] {
        ip(&case, &command).succeeded();
    }
    let script = "ip addr show dev inner; ip link show dev net0; sleep 1000";
    let bundle = Bundle::script(&case, script).with(|config| {
        config["linux"]["netDevices"] = json!({ &first: { "name": "inner" }, &second: { "name": "net%d" } });
    });
    let container = Container::start(&case, &bundle);
    let said = container.shell("ip addr show dev inner; ip link show dev net0");
    assert!(said.contains(",UP") && said.contains("mtu 1345"), "{said}");
    for address in ["10.77.0.1/24", "10.77.1.1/30", "fd77::1/64"] {
        assert_eq!(said.matches(address).count(), 1, "{address}: {said}");
    }
    assert_eq!(said.matches(": <").count(), 2, "{said}");
    assert_eq!(said.matches(",UP").count(), 2, "{said}");
    assert!(!exists(&case, &first) && !exists(&case, &second), "they left the host");
    container.remove();
}

#[test]
fn a_start_that_fails_gives_the_device_back() {
    let case = case!();
    if case.tier().privilege() == Privilege::Ordinary {
        skip!(case, "an ordinary user has no devices to give");
    }
    let devices = Devices(&case, names(&case));
    let [first, second] = devices.1.clone();
    if make(&case, &first).is_none() {
        skip!(case, "the kernel makes no devices to try it with");
    }
    ip(&case, &format!("link set dev {first} up")).succeeded();
    ip(&case, &format!("addr add 10.78.0.1/24 dev {first}")).succeeded();
    let before = ip(&case, &format!("addr show dev {first}")).succeeded().stdout;
    let fails = |change: &dyn Fn(&mut serde_json::Value)| {
        let bundle = Bundle::script(&case, "true").with(|config| {
            config["linux"]["netDevices"] = json!({ &first: { "name": "inner" } });
            change(config);
        });
        bundle.refusal(&case)
    };
    let line = fails(&|config| config["process"]["args"] = json!(["/no/such/program"]));
    assert!(line.starts_with("/process/args: "), "{line}");
    let line = fails(&|config| config["linux"]["netDevices"][&second] = json!({}));
    assert!(line.starts_with(&format!("/linux/netDevices: look for {second}: ENODEV")), "{line}");
    let line = fails(&|config| config["linux"]["netDevices"][&first]["name"] = json!("lo"));
    assert!(line.contains(&format!("move {first} in as lo: EEXIST")), "{line}");
    // The kernel looks for a second or so whether anybody else has the address of the link.
    let strip = |text: &str| {
        let words = text.split_whitespace().skip(1).filter(|word| *word != "tentative");
        words.collect::<Vec<_>>().join(" ")
    };
    let after = ip(&case, &format!("addr show dev {first}")).succeeded().stdout;
    assert_eq!(strip(&after), strip(&before), "as it was");
}
