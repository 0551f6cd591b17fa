//! Cgroups that systemd makes, in the machine whose first process that is; and what happens where none runs.

use std::fs;
use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use palisade_tests::container::wait_until;
use palisade_tests::{Bundle, Case, Container, Privilege, Tier, case, group, skip};
use rustix::process::Signal;
use serde_json::json;

/// Whether systemd runs here, as a macro so that the test ends where it does not.
macro_rules! need_systemd {
    ($case:expr) => {
        if !matches!($case.tier(), Tier::Systemd(_)) {
            skip!($case, "no systemd runs this machine");
        }
    };
}

/// Asks the systemd that makes this user's scopes.
fn systemctl(case: &Case, words: &[&str]) -> String {
    let user = (case.tier().privilege() == Privilege::Ordinary).then_some("--user");
    case.program("systemctl").args(user).args(words).run().stdout.trim_end().to_owned()
}

/// A property of a unit.
fn property(case: &Case, unit: &str, name: &str) -> String {
    systemctl(case, &["show", "--value", "--property", name, unit])
}

/// Demands that properties of a unit have these values. They are asked for together: `systemctl` is slow.
#[track_caller]
fn expect_properties(case: &Case, unit: &str, expected: &[(&str, &str)]) {
    let names: Vec<&str> = expected.iter().map(|(name, _)| *name).collect();
    let said = systemctl(case, &["show", "--property", &names.join(","), unit]);
    for (name, value) in expected {
        let line = format!("{name}={value}");
        assert!(said.lines().any(|said| said == line), "{line}: {said}");
    }
}

fn scope(container: &Container<'_>) -> String {
    format!("palisade-{}.scope", container.id())
}

/// The group of a process in the v2 tree, from the top.
fn group_of(pid: i64) -> String {
    let table = fs::read_to_string(format!("/proc/{pid}/cgroup")).expect("read /proc/PID/cgroup");
    table.lines().find_map(|line| line.strip_prefix("0::")).expect("a v2 group").to_owned()
}

/// What the groups of this user's units begin with.
fn base(case: &Case) -> String {
    match case.tier().privilege() {
        Privilege::Root => String::new(),
        Privilege::Ordinary => "/user.slice/user-1000.slice/user@1000.service".to_owned(),
    }
}

fn directory(group: &str) -> PathBuf {
    PathBuf::from(format!("/sys/fs/cgroup{group}"))
}

fn sleeper(case: &Case, config: impl FnOnce(&mut serde_json::Value)) -> Bundle {
    Bundle::script(case, "sleep 1000").with(config)
}

#[test]
fn a_container_is_a_scope() {
    let case = case!();
    need_systemd!(case);
    let container = Container::start(&case, &sleeper(&case, |_| ()));
    let unit = scope(&container);
    let slice = if case.tier().privilege() == Privilege::Root { "system.slice" } else { "user.slice" };
    let expected = format!("{}/{slice}/{unit}", base(&case));
    assert_eq!(group_of(container.pid()), expected);
    let properties = [
        ("ActiveState", "active"),
        ("Slice", slice),
        ("Delegate", "yes"),
        ("Transient", "yes"),
        ("ControlGroup", expected.as_str()),
        ("Description", &format!("container {}", container.id())),
    ];
    expect_properties(&case, &unit, &properties);
    container.remove();
    assert_eq!(property(&case, &unit, "LoadState"), "not-found");
    assert!(!directory(&expected).exists());
}

#[test]
fn the_verbs_find_the_scope_again() {
    let case = case!();
    need_systemd!(case);
    let container = Container::create(&case, &sleeper(&case, |_| ()));
    let home = group_of(container.pid());
    assert!(home.ends_with(&scope(&container)), "{home}");
    container.does("start");
    let pid_file = case.scratch().join("exec.pid");
    let call = case.palisade_alone().args(["exec", "--detach", "--pid-file"]).arg(&pid_file);
    call.arg(container.id()).args(["sleep", "1000"]).run().succeeded();
    let pid: i64 = fs::read_to_string(&pid_file).expect("a pid file").parse().expect("a number");
    assert_eq!(group_of(pid), home, "exec belongs into the scope");
    assert_eq!(container.does("ps").stdout.lines().count(), 3);
    container.does("pause");
    assert_eq!(container.status(), "paused");
    container.does("resume");
    container.verb("kill").arg("--all").arg("KILL").run().succeeded();
    // The second process is this one's to reap, as its parent has ended; until then the first one's end waits for it.
    let orphan = rustix::process::Pid::from_raw(i32::try_from(pid).expect("a number of a process"));
    wait_until("it is stopped", || {
        let _reaped = rustix::process::waitpid(orphan, rustix::process::WaitOptions::NOHANG);
        container.status() == "stopped"
    });
    container.does("delete");
    assert!(!directory(&home).exists());
}

#[test]
fn slice_prefix_and_name_make_the_path() {
    let case = case!();
    need_systemd!(case);
    let name = case.id("named");
    let config = |config: &mut serde_json::Value| {
        config["linux"]["cgroupsPath"] = json!(format!("palisade-tests.slice:pt:{name}"));
        config["annotations"] = json!({
            "run.oci.systemd.subgroup": "inner",
            "org.systemd.property.TimeoutStopSec": "7",
            "org.systemd.property.Documentation": "['man:palisade(8)']",
        });
        config["linux"]["resources"] = json!({ "pids": { "limit": 30 } });
    };
    let container = Container::start(&case, &sleeper(&case, config));
    let unit = format!("pt-{name}.scope");
    let home = format!("{}/palisade.slice/palisade-tests.slice/{unit}/inner", base(&case));
    assert_eq!(group_of(container.pid()), home);
    assert_eq!(group::read(container.pid(), "pids", "pids.max").as_deref(), Some("30"));
    assert_eq!(property(&case, &unit, "TimeoutStopUSec"), "7s");
    assert!(property(&case, &unit, "Documentation").contains("man:palisade(8)"));
    assert_eq!(container.shell("echo runs"), "runs");
    container.remove();
    assert_eq!(property(&case, &unit, "LoadState"), "not-found");
    systemctl(&case, &["stop", "palisade-tests.slice", "palisade.slice"]);
}

#[test]
fn limits_are_properties_and_stay_exact() {
    let case = case!();
    need_systemd!(case);
    let resources = json!({
        "memory": { "limit": 67_108_864, "reservation": 33_554_432, "swap": 134_217_728 },
        "cpu": { "shares": 1024, "quota": 33_333, "period": 100_000, "cpus": "0", "mems": "0" },
        "pids": { "limit": 42 },
    });
    let container =
        Container::start(&case, &sleeper(&case, |config| config["linux"]["resources"] = resources));
    let unit = scope(&container);
    let properties = [
        ("MemoryMax", "67108864"),
        ("MemoryLow", "33554432"),
        ("MemorySwapMax", "67108864"),
        ("CPUWeight", "100"),
        ("CPUQuotaPerSecUSec", "340ms"),
        ("AllowedCPUs", "0"),
        ("TasksMax", "42"),
    ];
    expect_properties(&case, &unit, &properties);
    let pid = container.pid();
    let file = |controller: &str, name: &str| group::read(pid, controller, name).expect("a controller");
    assert_eq!(file("cpu", "cpu.max"), "33333 100000", "systemd counts in hundredths");
    assert_eq!(file("memory", "memory.max"), "67108864");
    assert_eq!(file("cpuset", "cpuset.cpus"), "0");
    container.verb("update").args(["--memory", "50331648", "--pids-limit", "21"]).run().succeeded();
    systemctl(&case, &["daemon-reload"]);
    expect_properties(&case, &unit, &[("MemoryMax", "50331648"), ("TasksMax", "21")]);
    assert_eq!((file("memory", "memory.max"), file("pids", "pids.max")), ("50331648".into(), "21".into()));
    container.remove();
}

#[test]
fn a_scope_goes_with_its_container() {
    let case = case!();
    need_systemd!(case);
    let bundle = Bundle::script(&case, "echo runs; exit 3");
    let id = case.unused_id();
    let said = case.palisade().args(["run", "--bundle"]).arg(bundle.path()).arg(&id).run();
    assert_eq!((said.status.code(), said.stdout.as_str()), (Some(3), "runs\n"), "{said}");
    assert_eq!(property(&case, &format!("palisade-{id}.scope"), "LoadState"), "not-found");
    let container = Container::start(&case, &bundle);
    container.await_status("stopped");
    let unit = scope(&container);
    wait_until("the scope is gone", || property(&case, &unit, "ActiveState") == "inactive");
    container.does("delete");
}

#[test]
fn a_scope_of_that_name_is_left_alone() {
    let case = case!();
    need_systemd!(case);
    let name = case.id("taken");
    let bundle = sleeper(&case, |config| config["linux"]["cgroupsPath"] = json!(format!(":pt:{name}")));
    let container = Container::start(&case, &bundle);
    let unit = format!("pt-{name}.scope");
    let id = case.unused_id();
    let said = case.palisade().args(["run", "--bundle"]).arg(bundle.path()).arg(&id).run();
    let line = said.refusal_line().unwrap_or_else(|fault| panic!("{fault}: {said}"));
    assert!(line.starts_with("/linux/cgroupsPath: StartTransientUnit: ") && line.contains(&unit), "{line}");
    case.palisade().args(["delete", "--force"]).arg(&id).run().succeeded();
    assert_eq!(property(&case, &unit, "ActiveState"), "active");
    assert_eq!(container.status(), "running");
    container.remove();
}

#[test]
fn a_start_that_fails_leaves_no_scope() {
    let case = case!();
    need_systemd!(case);
    let bundle = Bundle::new(&case, "missing", &["/no/such/program"]);
    let line = bundle.refusal(&case);
    assert!(line.contains("/no/such/program"), "{line}");
    // What the kernel refuses after the scope was made.
    let bundle = sleeper(&case, |config| {
        config["linux"]["resources"] = json!({ "unified": { "cpuset.cpus": "4000" } });
    });
    let line = bundle.refusal(&case);
    assert!(line.contains("cpuset.cpus"), "{line}");
    let units = systemctl(&case, &["list-units", "--all", "--plain", "--no-legend", "palisade-pt*"]);
    assert_eq!(units, "");
}

#[test]
fn a_killed_create_leaves_what_delete_finds() {
    let case = case!();
    need_systemd!(case);
    let bundle = sleeper(&case, |config| config["linux"]["resources"] = json!({ "pids": { "limit": 20 } }));
    let begin = Instant::now();
    Container::create(&case, &bundle).remove();
    let usual = begin.elapsed();
    for round in 0..8u32 {
        let id = case.unused_id();
        let running = case.palisade().args(["create", "--bundle"]).arg(bundle.path()).arg(&id).spawn();
        std::thread::sleep(usual * round / 12);
        running.signal(Signal::KILL);
        let _ended = running.wait();
        case.palisade().args(["delete", "--force"]).arg(&id).run().succeeded();
        case.expect_nothing_left(&format_args!("a create killed in round {round}"));
        wait_until("the scope is gone", || {
            property(&case, &format!("palisade-{id}.scope"), "ActiveState") == "inactive"
        });
    }
}

#[test]
fn a_service_of_the_users_makes_containers() {
    let case = case!();
    need_systemd!(case);
    if case.tier().privilege() == Privilege::Root {
        skip!(case, "it is about a user's own systemd");
    }
    let bundle = Bundle::script(&case, "echo runs");
    let call = case.program("systemd-run").args(["--user", "--wait", "--pipe", "--collect", "--quiet"]);
    let call = call.arg(case.palisade_path()).arg("--root").arg(case.state()).arg("--systemd-cgroup");
    let said = call.args(["run", "--bundle"]).arg(bundle.path()).arg(case.unused_id()).run().succeeded();
    assert_eq!(said.stdout, "runs\n");
}

#[test]
fn a_silent_bus_hangs_no_start() {
    let case = case!();
    let of_user = case.tier().privilege() == Privilege::Ordinary;
    if !of_user && !matches!(case.tier(), Tier::Systemd(_)) {
        skip!(case, "no systemd runs this machine, and so root's bus is not asked");
    }
    let path = case.scratch().join("bus");
    let bus = UnixListener::bind(&path).expect("listen");
    let variable = if of_user { "DBUS_SESSION_BUS_ADDRESS" } else { "DBUS_SYSTEM_BUS_ADDRESS" };
    let bundle = Bundle::script(&case, "echo runs");
    let begin = Instant::now();
    let call = case.palisade_alone().arg("--systemd-cgroup").args(["run", "--bundle"]).arg(bundle.path());
    let address = format!("unix:path={}", path.display());
    let said = call.arg(case.unused_id()).env(variable, address).run();
    assert!(begin.elapsed() < Duration::from_secs(15), "{:?}", begin.elapsed());
    let line = said.refusal(&case);
    assert!(line.contains(path.to_str().expect("a path")) && line.contains("no answer in time"), "{line}");
    drop(bus);
}

#[test]
fn where_no_systemd_runs_it_is_not_to_be_had() {
    let case = case!();
    if matches!(case.tier(), Tier::Systemd(_)) {
        skip!(case, "systemd runs this machine");
    }
    let bundle = Bundle::script(&case, "echo runs");
    for options in [["--systemd-cgroup"].as_slice(), &["--cgroup-manager", "systemd"]] {
        let call = case.palisade_alone().args(options).args(["run", "--bundle"]).arg(bundle.path());
        let call = call.env("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nowhere/bus");
        let call = call.env("XDG_RUNTIME_DIR", case.scratch());
        let line = call.arg(case.unused_id()).run().refusal(&case);
        let cause = match case.tier().privilege() {
            Privilege::Root => "systemd does not run this machine",
            Privilege::Ordinary => "the user's systemd: nobody listens at /nowhere/bus",
        };
        assert!(line.starts_with(cause) && line.contains("leave the systemd cgroup driver out"), "{line}");
    }
}

#[test]
fn without_a_cgroup_manager_a_container_stays_in_the_callers_group() {
    let case = case!();
    let bundle = Bundle::script(&case, "sleep 1000");
    let disabled = |bundle: &Bundle| {
        let call =
            case.palisade_alone().args(["--cgroup-manager", "disabled", "run", "--detach", "--bundle"]);
        let id = case.unused_id();
        (call.arg(bundle.path()).arg(&id).run(), id)
    };
    let (said, id) = disabled(&bundle);
    said.succeeded();
    let container = Container::named(&case, &id);
    let groups =
        |pid: &str| fs::read_to_string(format!("/proc/{pid}/cgroup")).expect("read /proc/PID/cgroup");
    assert_eq!(groups(&container.pid().to_string()), groups("self"));
    assert_eq!(container.shell("echo runs"), "runs");
    container.remove();
    let limited = bundle.variant(&case, |config| {
        config["linux"]["resources"] = json!({ "pids": { "limit": 10 } });
    });
    let line = disabled(&limited).0.refusal(&case);
    assert!(line.contains("/linux/resources: limits need a cgroup"), "{line}");
}
