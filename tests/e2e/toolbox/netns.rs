//! `pal netns`: network namespaces with names, devices that move between them, and lines between two.

use std::fs;
use std::path::{Path, PathBuf};

use palisade_tests::bundle::busybox;
use palisade_tests::container::wait_until;
use palisade_tests::invocation::{Finished, Invocation, Running};
use palisade_tests::{Bundle, Case, Container, Privilege, case, skip};
use rustix::process::Signal;
use serde_json::{Value, json};

/// Names of a test, which are gone in the end.
struct Names<'a>(&'a Case);

impl Names<'_> {
    fn name(&self, name: &str) -> String {
        self.0.id(name)
    }

    /// Makes namespaces.
    fn add<const N: usize>(&self, names: [&str; N]) -> [String; N] {
        let names = names.map(|name| self.name(name));
        netns(self.0, &["add"]).args(&names).run().succeeded();
        names
    }

    /// Lists those that are there.
    fn present(&self) -> Vec<String> {
        let said = netns(self.0, &["list", "--format", "json"]).run().succeeded().stdout;
        let rows: Value = serde_json::from_str(&said).expect("JSON");
        let names =
            rows.as_array().expect("an array").iter().map(|row| row["name"].as_str().expect("a name"));
        names.filter(|name| name.starts_with(&self.name(""))).map(str::to_owned).collect()
    }
}

impl Drop for Names<'_> {
    fn drop(&mut self) {
        let entries = fs::read_dir("/run/netns").into_iter().flatten().flatten();
        for name in entries.filter_map(|entry| entry.file_name().into_string().ok()) {
            if name.starts_with(&self.name("")) {
                let _said = netns(self.0, &["del", &name]).run();
            }
        }
    }
}

fn netns<'a>(case: &'a Case, words: &[&str]) -> Invocation<'a> {
    case.pal().arg("--root").arg(case.state()).arg("netns").args(words)
}

/// Runs a program of busybox in a namespace.
fn inside(case: &Case, name: &str, words: &str) -> Finished {
    netns(case, &["exec", name]).arg(busybox()).args(words.split(' ')).run()
}

fn ping(case: &Case, name: &str, address: &str) {
    inside(case, name, &format!("ping -c 1 -w 20 {address}")).succeeded();
}

/// Reads the one line of a refusal, which leaves nothing behind.
#[track_caller]
fn refused(names: &Names<'_>, call: Invocation<'_>) -> String {
    let before = names.present();
    let said = call.run().failed(125);
    let line = said.stderr.strip_prefix("pal: ").and_then(|line| line.strip_suffix('\n'));
    let line = line.unwrap_or_else(|| panic!("no line of pal: {said}")).to_owned();
    assert!(!line.contains('\n') && said.stdout.is_empty(), "more than one line: {said}");
    assert_eq!(names.present(), before, "{said}");
    line
}

/// iproute2's `ip`, where it is installed; busybox has another.
fn iproute2(case: &Case) -> Option<PathBuf> {
    let places = ["/usr/sbin/ip", "/sbin/ip", "/usr/bin/ip", "/bin/ip"].map(PathBuf::from);
    places
        .into_iter()
        .find(|path| path.exists() && case.program(path).arg("-V").run().stdout.contains("iproute2"))
}

/// Starts a program that stays in a namespace.
fn sleeper(case: &Case, name: &str) -> Running {
    let running =
        netns(case, &["exec", name]).arg(busybox()).args(["sh", "-c", "echo in; sleep 1000"]).spawn();
    wait_until("a program in the namespace", || running.stdout().contains("in"));
    running
}

fn end(running: Running) {
    running.signal(Signal::KILL);
    let _said = running.wait();
}

/// Makes a device of a kind that the kernel has.
fn device(case: &Case, name: &str, device: &str) -> bool {
    ["dummy", "ifb"]
        .iter()
        .any(|kind| inside(case, name, &format!("ip link add {device} type {kind}")).status.success())
}

#[test]
fn d1_a_name_is_made_listed_entered_and_taken_away() {
    let case = case!();
    if case.tier().privilege() == Privilege::Ordinary {
        skip!(case, "names take root");
    }
    let names = Names(&case);
    let [one, other] = names.add(["one", "other"]);
    assert_eq!(names.present(), [one.clone(), other.clone()]);
    let listed = netns(&case, &["list"]).run().succeeded().stdout;
    assert!(listed.starts_with("NAME") && listed.contains(&one), "{listed}");
    let links = inside(&case, &one, "ip link").succeeded().stdout;
    assert_eq!(links.matches(": <").count(), 1, "a new one has lo alone: {links}");
    let devices = inside(&case, &one, "ls /sys/class/net").succeeded().stdout;
    assert_eq!(devices, "lo\n", "/sys is of the namespace");
    let code = netns(&case, &["exec", &one, "--", "sh", "-c", "exit 7"]).run();
    assert_eq!(code.code(), 7, "{code}");
    let all = netns(&case, &["exec", "--all"]).arg(busybox()).args(["echo", "here"]).run().succeeded().stdout;
    for name in [&one, &other] {
        assert!(all.contains(&format!("\nnetns: {name}\nhere\n")), "{all}");
    }
    let stat = format!("{} stat -Lc %i", busybox().display());
    let script = format!("test $({stat} /proc/self/ns/net) = $({stat} /run/netns/{other})");
    let all = netns(&case, &["exec", "--all", "sh", "-c", &script]).run();
    assert_eq!(all.code(), 1, "the code is the first that is not 0: {all}");
    netns(&case, &["del", &one]).run().succeeded();
    assert_eq!(names.present(), std::slice::from_ref(&other));
    let line = refused(&names, netns(&case, &["del", &other, &one]));
    assert!(line.contains("none was deleted"), "{line}");
    netns(&case, &["delete", &other]).run().succeeded();
    assert!(names.present().is_empty() && !Path::new("/run/netns").join(&other).exists());
}

#[test]
fn d1_pal_and_ip_netns_see_each_others_names() {
    let case = case!();
    if case.tier().privilege() == Privilege::Ordinary {
        skip!(case, "names take root");
    }
    let Some(ip) = iproute2(&case) else {
        skip!(case, "iproute2 is not installed");
    };
    let names = Names(&case);
    let ip = |words: &[&str]| case.program(&ip).args(words).run().succeeded().stdout;
    let (ours, theirs) = (names.name("ours"), names.name("theirs"));
    ip(&["netns", "add", &theirs]);
    names.add(["ours"]);
    let listed = ip(&["netns", "list"]);
    assert!(listed.contains(&ours) && listed.contains(&theirs), "{listed}");
    assert_eq!(names.present(), [ours.clone(), theirs.clone()]);
    let number = |name: &str| inside(&case, name, "readlink /proc/self/ns/net").succeeded().stdout;
    for name in [&ours, &theirs] {
        assert_eq!(ip(&["netns", "exec", name, "readlink", "/proc/self/ns/net"]), number(name));
    }
    netns(&case, &["set", &ours, "auto"]).run().succeeded();
    assert!(ip(&["netns", "list"]).contains(&format!("{ours} (id: ")), "{}", ip(&["netns", "list"]));
    ip(&["netns", "delete", &ours]);
    netns(&case, &["del", &theirs]).run().succeeded();
    assert!(names.present().is_empty());
}

#[test]
fn d1_processes_and_names_are_found_by_each_other() {
    let case = case!();
    if case.tier().privilege() == Privilege::Ordinary {
        skip!(case, "names take root");
    }
    let names = Names(&case);
    let [one] = names.add(["one"]);
    let running = sleeper(&case, &one);
    let pid = running.pid().as_raw_nonzero().to_string();
    let said = netns(&case, &["pids", &one]).run().succeeded().stdout;
    assert!(said.lines().any(|line| line == pid), "{said}");
    let second = names.name("second");
    netns(&case, &["attach", &second, &pid]).run().succeeded();
    let said = netns(&case, &["identify", &pid]).run().succeeded().stdout;
    assert_eq!(said, format!("{one}\n{second}\n"));
    let said = netns(&case, &["identify", &pid, "--format", "json"]).run().succeeded().stdout;
    let found: Value = serde_json::from_str(&said).expect("JSON");
    assert_eq!(found, json!([{ "name": one }, { "name": second }]));
    // A namespace that is taken its names lives on with its process.
    netns(&case, &["del", &one, &second]).run().succeeded();
    assert_eq!(netns(&case, &["identify", &pid]).run().succeeded().stdout, "");
    end(running);
    let line = refused(&names, netns(&case, &["attach", &second, &pid]));
    assert!(line.contains("ENOENT") && line.contains("no process"), "{line}");
    let line = refused(&names, netns(&case, &["identify", &pid]));
    assert!(line.contains("no process"), "{line}");
}

#[test]
fn d1_a_number_is_given_once() {
    let case = case!();
    if case.tier().privilege() == Privilege::Ordinary {
        skip!(case, "names take root");
    }
    let names = Names(&case);
    let [one, other] = names.add(["one", "other"]);
    let number = |name: &str| {
        let said = netns(&case, &["list", "--format", "json"]).run().succeeded().stdout;
        let rows: Value = serde_json::from_str(&said).expect("JSON");
        let row = rows.as_array().expect("rows").iter().find(|row| row["name"] == name).cloned();
        row.expect("a row")["nsid"].clone()
    };
    assert_eq!(number(&one), Value::Null);
    netns(&case, &["set", &one, "4711"]).run().succeeded();
    netns(&case, &["set", &other, "auto"]).run().succeeded();
    assert_eq!(number(&one), 4711);
    assert!(number(&other).is_u64());
    for (name, value, why) in
        [(&one, "4712", "EEXIST"), (&one, "-1", "unexpected"), (&one, "x", "wanted a number")]
    {
        let line = refused(&names, netns(&case, &["set", name, value]));
        assert!(line.contains(why), "{line}");
    }
}

#[test]
fn d1_monitor_tells_names_as_they_come_and_go() {
    let case = case!();
    if case.tier().privilege() == Privilege::Ordinary {
        skip!(case, "names take root");
    }
    let names = Names(&case);
    // So that the directory is there: names that come with it are told, too.
    names.add(["first"]);
    let monitors = [["monitor", "--format", "table"], ["monitor", "--format", "json"]];
    let monitors = monitors.map(|words| netns(&case, &words).spawn());
    let name = names.name("second");
    // It tells what comes after it began, which cannot be seen but by that, and may be half of the first round.
    let round = format!("add {name}\ndelete {name}\n");
    wait_until("a name that is told", || {
        netns(&case, &["add", &name]).run().succeeded();
        netns(&case, &["del", &name]).run().succeeded();
        monitors[0].stdout().contains(&round) && monitors[1].stdout().contains(&name)
    });
    let [lines, objects] = monitors.map(|monitor| {
        let said = monitor.stdout();
        end(monitor);
        said
    });
    assert!(!lines.contains(&names.name("first")), "{lines}");
    let first: Value = serde_json::from_str(objects.lines().next().expect("a line")).expect("JSON");
    assert_eq!(first["name"], name, "{objects}");
}

#[test]
fn d2_files_below_etc_netns_cover_those_of_etc() {
    let case = case!();
    if case.tier().privilege() == Privilege::Ordinary {
        skip!(case, "names take root");
    }
    let names = Names(&case);
    let [one, other] = names.add(["one", "other"]);
    let directory = Path::new("/etc/netns").join(&one);
    fs::create_dir_all(&directory).expect("make the directory of a namespace");
    fs::write(directory.join("hosts"), "10.0.0.1 only-here\n").expect("write a file");
    fs::write(directory.join("no-such-file"), "").expect("write a file");
    let hosts = |name: &str| inside(&case, name, "cat /etc/hosts").succeeded();
    let (covered, plain) = (hosts(&one), hosts(&other));
    let told = netns(&case, &["exec", "--dry-run", &one, "true"]).run();
    fs::remove_dir_all(&directory).expect("remove the directory of a namespace");
    // It stays where it is of somebody else.
    let _kept = fs::remove_dir("/etc/netns");
    assert_eq!(covered.stdout, "10.0.0.1 only-here\n");
    assert!(covered.stderr.contains("no-such-file") && covered.stderr.contains("ENOENT"), "{covered}");
    assert_eq!(plain.stdout, fs::read_to_string("/etc/hosts").expect("read /etc/hosts"));
    let line = told.succeeded().stdout;
    assert!(line.contains(&format!("mount --bind /etc/netns/{one}/hosts /etc/hosts")), "{line}");
}

#[test]
fn c8_d3_a_device_lives_in_one_namespace_and_moves() {
    let case = case!();
    if case.tier().privilege() == Privilege::Ordinary {
        skip!(case, "names take root");
    }
    let names = Names(&case);
    let [one, other] = names.add(["one", "other"]);
    if !device(&case, &one, "dev0") {
        skip!(case, "the kernel makes no devices to try it with");
    }
    for command in ["addr add 10.81.0.1/24 dev dev0", "addr add fd81::1/64 dev dev0", "link set dev0 up"] {
        inside(&case, &one, &format!("ip {command}")).succeeded();
    }
    let shows = |name: &str, device: &str| inside(&case, name, &format!("ip addr show dev {device}"));
    let keep = ["move", "dev0", &other, "--from", &one, "--name", "dev1", "--keep-addresses"];
    let told = netns(&case, &keep).arg("--dry-run").run().succeeded().stdout;
    assert!(told.starts_with(&format!("ip -n {one} link set dev0 netns {other} name dev1\n")), "{told}");
    netns(&case, &keep).run().succeeded();
    assert!(!shows(&one, "dev0").status.success(), "it is in one only");
    let there = shows(&other, "dev1").succeeded().stdout;
    for wanted in ["10.81.0.1/24", "fd81::1/64", ",UP"] {
        assert!(there.contains(wanted), "{wanted}: {there}");
    }
    netns(&case, &["move", "dev1", &one, "--from", &other]).run().succeeded();
    let back = shows(&one, "dev1").succeeded().stdout;
    assert!(!back.contains("10.81.0.1") && !back.contains(",UP"), "without its addresses: {back}");
    for (words, why) in [
        (["move", "nodev", &other, "--from", &one], "look for nodev: ENODEV"),
        (["move", "lo", &other, "--from", &one], "EINVAL"),
        (["move", "dev1", &one, "--from", &one], "it is there already"),
        (["move", "dev1", "no-such-place", "--from", &one], "no network namespace has that name"),
        (["move", "dev/1", &other, "--from", &one], "has a slash"),
    ] {
        let line = refused(&names, netns(&case, &words));
        assert!(line.contains(why), "{line}");
    }
    // A name that another device has: it could move and not be renamed, and comes back with all that it had.
    assert!(device(&case, &other, "dev1"));
    inside(&case, &one, "ip addr add 10.81.0.1/24 dev dev1").succeeded();
    let line = refused(&names, netns(&case, &["move", "dev1", &other, "--from", &one, "--keep-addresses"]));
    assert!(line.contains("EEXIST"), "{line}");
    assert!(shows(&one, "dev1").succeeded().stdout.contains("10.81.0.1/24"));
}

#[test]
fn c8_virtual_devices_end_with_their_namespace() {
    let case = case!();
    if case.tier().privilege() == Privilege::Ordinary {
        skip!(case, "names take root");
    }
    let names = Names(&case);
    let [one] = names.add(["one"]);
    let here = case.unused("ptc").replace('-', "x");
    inside(&case, &one, &format!("ip link add {here} type veth peer name peer0")).succeeded();
    netns(&case, &["move", &here, "host", "--from", &one]).run().succeeded();
    let exists = || Path::new("/sys/class/net").join(&here).exists();
    assert!(exists(), "it is in the host's network namespace");
    netns(&case, &["del", &one]).run().succeeded();
    // The peer that was inside ends, and so does its other end. The kernel takes its time.
    wait_until("the end of a veth device", || !exists());
}

/// The drivers of the virtual machine's network card, which it does not load by itself.
struct Drivers<'a>(&'a Case, Vec<&'static str>);

impl<'a> Drivers<'a> {
    /// In the order in which they can be loaded.
    const NAMES: [&'static str; 8] = [
        "virtio_ring",
        "virtio",
        "virtio_pci_modern_dev",
        "virtio_pci_legacy_dev",
        "virtio_pci",
        "failover",
        "net_failover",
        "virtio_net",
    ];

    fn load(case: &'a Case) -> Self {
        let mut this = Self(case, Vec::new());
        for name in Self::NAMES {
            let module = format!("/palisade/spare/{name}.ko");
            if Path::new(&module).exists() {
                case.program("/bin/insmod").arg(&module).run().succeeded();
                this.1.push(name);
            }
        }
        this
    }
}

impl Drop for Drivers<'_> {
    fn drop(&mut self) {
        for name in self.1.iter().rev() {
            self.0.program("/bin/rmmod").arg(name).run().succeeded();
        }
    }
}

#[test]
fn c8_a_physical_device_goes_back_to_the_first_namespace() {
    let case = case!();
    if case.tier().privilege() == Privilege::Ordinary {
        skip!(case, "names take root");
    }
    if !Path::new("/palisade/spare/virtio_net.ko").exists() {
        skip!(case, "this machine has no network card to spare");
    }
    let drivers = Drivers::load(&case);
    let names = Names(&case);
    let [one] = names.add(["one"]);
    let card = || {
        let entries = fs::read_dir("/sys/class/net").expect("read /sys/class/net").flatten();
        let cards = entries.filter(|entry| entry.path().join("device").exists());
        cards.map(|entry| entry.file_name().into_string().expect("a name")).next()
    };
    wait_until("the network card", || card().is_some());
    let name = card().expect("a card");
    netns(&case, &["move", &name, &one, "--name", "card0"]).run().succeeded();
    assert_eq!(card(), None, "it left");
    inside(&case, &one, "ip link show dev card0").succeeded();
    netns(&case, &["del", &one]).run().succeeded();
    wait_until("the network card", || card().is_some());
    drop(drivers);
}

#[test]
fn d3_a_device_moves_into_a_container_and_back() {
    let case = case!();
    if case.tier().privilege() == Privilege::Ordinary {
        skip!(case, "names take root");
    }
    let names = Names(&case);
    let [one] = names.add(["one"]);
    if !device(&case, &one, "dev0") {
        skip!(case, "the kernel makes no devices to try it with");
    }
    let container = Container::start(&case, &Bundle::script(&case, "sleep 1000"));
    let target = format!("@{}", container.id());
    netns(&case, &["move", "dev0", &target, "--from", &one]).run().succeeded();
    assert!(container.shell("ip link show dev dev0").contains("dev0"));
    netns(&case, &["move", "dev0", &one, "--from", &target]).run().succeeded();
    inside(&case, &one, "ip link show dev dev0").succeeded();
    container.remove();
}

#[test]
fn d4_a_line_connects_two_namespaces_in_one_command() {
    let case = case!();
    if case.tier().privilege() == Privilege::Ordinary {
        skip!(case, "names take root");
    }
    let names = Names(&case);
    let [one, other] = ["one", "other"].map(|name| names.name(name));
    let told = netns(&case, &["connect", &one, &other, "--dry-run"]).run().succeeded().stdout;
    assert!(names.present().is_empty(), "nothing is done");
    let said = netns(&case, &["connect", &one, &other, "--explain"]).run().succeeded();
    for line in told.lines() {
        assert!(said.stderr.contains(line), "{line}: {said}");
    }
    ping(&case, &one, "10.213.0.2");
    ping(&case, &other, "10.213.0.1");
    // A second line between them, of two networks: a route leads from each to the other.
    let addresses = ["10.82.1.1/24", "10.82.2.1/24"];
    netns(&case, &["connect", &one, &other, "--addr"]).args(addresses).run().succeeded();
    ping(&case, &one, "10.82.2.1");
    netns(&case, &["connect", &one, &other, "--addr", "fd82::1/64", "fd82::2/64"]).run().succeeded();
    ping(&case, &other, "fd82::1");
}

#[test]
fn d4_a_bridge_connects_two_namespaces_and_a_third() {
    let case = case!();
    if case.tier().privilege() == Privilege::Ordinary {
        skip!(case, "names take root");
    }
    let names = Names(&case);
    let [one, other, third, switch] = ["one", "other", "third", "switch"].map(|name| names.name(name));
    let bridge = |ends: [&str; 2], addresses: &[&str]| {
        let call = netns(&case, &["connect", ends[0], ends[1], "--bridge", "br0", "--bridge-in", &switch]);
        if addresses.is_empty() { call } else { call.arg("--addr").args(addresses) }
    };
    bridge([&one, &other], &[]).run().succeeded();
    ping(&case, &one, "10.213.0.2");
    let line = refused(&names, bridge([&one, &third], &[]));
    assert!(line.contains("--addr"), "{line}");
    let gateway = ["10.213.0.3/24", "10.213.0.4/24", "10.213.0.5/24"];
    bridge([&third, &switch], &gateway).run().succeeded();
    ping(&case, &third, "10.213.0.1");
    let routes = inside(&case, &third, "ip route").succeeded().stdout;
    assert!(routes.contains("default via 10.213.0.5"), "{routes}");
}

#[test]
fn d4_a_bridge_in_the_own_namespace_and_what_it_makes_is_undone() {
    let case = case!();
    if case.tier().privilege() == Privilege::Ordinary {
        skip!(case, "names take root");
    }
    let names = Names(&case);
    let [one, other] = ["one", "other"].map(|name| names.name(name));
    let bridge = case.unused("ptb").replace('-', "x");
    let devices = || {
        let entries = fs::read_dir("/sys/class/net").expect("read /sys/class/net").flatten();
        entries.map(|entry| entry.file_name()).collect::<std::collections::BTreeSet<_>>()
    };
    let before = devices();
    // The last route cannot be added, as there is one already.
    names.add(["one"]);
    inside(&case, &one, "ip route add unreachable default").succeeded();
    let addresses = ["10.83.0.1/24", "10.83.0.2/24", "10.83.0.3/24"];
    let call = || netns(&case, &["connect", &other, &one, "--bridge", &bridge, "--addr"]).args(addresses);
    let line = refused(&names, call());
    assert!(line.contains("route add default via 10.83.0.3 dev eth0: EEXIST"), "{line}");
    wait_until("all that was made to go", || devices() == before);
    inside(&case, &one, "ip route del unreachable default").succeeded();
    call().run().succeeded();
    assert!(devices().contains(std::ffi::OsStr::new(&bridge)));
    case.program(busybox()).args(["ping", "-c", "1", "-w", "20", "10.83.0.1"]).run().succeeded();
    case.program(busybox()).args(["ip", "link", "del", &bridge]).run().succeeded();
    drop(names);
    wait_until("all that was made to go", || devices() == before);
}

#[test]
fn bad_names_are_refused_in_one_line() {
    let case = case!();
    let names = Names(&case);
    let long = "x".repeat(255);
    for (name, why) in [
        ("", "is empty"),
        ("..", "is a directory's"),
        ("a/b", "has a slash in it"),
        ("../x", "has a slash in it"),
        ("a\nb", "has a control character in it"),
        (long.as_str(), "is longer than 254 bytes"),
    ] {
        for words in [vec!["add", name], vec!["del", name], vec!["exec", name, "true"], vec!["pids", name]] {
            let line = refused(&names, netns(&case, &words));
            assert!(line.contains(why), "{line}");
        }
    }
    let line = refused(&names, netns(&case, &["exec", &names.name("none"), "true"]));
    assert!(line.contains("ENOENT") && line.contains("no network namespace has that name"), "{line}");
    let line = refused(&names, netns(&case, &["exec", "name-alone"]));
    assert!(line.contains("wanted a name and a program"), "{line}");
    for (addresses, why) in [(&["x"][..], "wanted ADDRESS/PREFIX"), (&["10.0.0.1/24"], "wants one for each")]
    {
        let line = refused(&names, netns(&case, &["connect", "a", "b", "--addr"]).args(addresses));
        assert!(line.contains(why), "{line}");
    }
}

#[test]
fn a_file_that_is_no_namespace_is_refused_and_removed() {
    let case = case!();
    if case.tier().privilege() == Privilege::Ordinary {
        skip!(case, "names take root");
    }
    let names = Names(&case);
    let [one] = names.add(["one"]);
    let remains = names.name("remains");
    fs::write(Path::new("/run/netns").join(&remains), "").expect("write a file");
    for words in [vec!["exec", &remains, "true"], vec!["pids", &remains], vec!["connect", &one, &remains]] {
        let line = refused(&names, netns(&case, &words));
        assert!(line.contains("the file is no network namespace"), "{line}");
    }
    let line = refused(&names, netns(&case, &["add", &remains]));
    assert!(line.contains("EEXIST") && line.contains("the name is in use"), "{line}");
    netns(&case, &["del", &remains]).run().succeeded();
    assert_eq!(names.present(), [one]);
}

#[test]
fn c8_an_ordinary_user_is_told_what_it_takes_and_has_names_of_his_own() {
    let case = case!();
    if case.tier().privilege() == Privilege::Root {
        skip!(case, "root needs no user namespace");
    }
    let names = Names(&case);
    let line = refused(&names, netns(&case, &["add", &names.name("one")]));
    assert!(line.contains("CAP_SYS_ADMIN") && line.contains("pal ns new --user --net"), "{line}");
    let pal = std::env::var("PAL_BIN").expect("PAL_BIN");
    let busybox = busybox().display().to_string();
    let script = format!(
        "mount -t tmpfs none /run && {pal} netns connect one other && {pal} netns list &&
         {pal} netns exec one {busybox} ping -c 1 -w 20 10.213.0.2 &&
         {pal} netns exec --all true && {pal} netns del --all"
    );
    let said = case.program(&busybox).args(["unshare", "-U", "-r", "-m", "-n", "sh", "-c", &script]).run();
    assert!(said.succeeded().stdout.contains("one"));
}
