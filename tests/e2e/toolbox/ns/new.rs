//! New namespaces, by what the program in them finds.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};

use palisade_tests::container::wait_until;
use palisade_tests::{Privilege, case, skip};
use rustix::mount::{MountFlags, MountPropagationFlags, UnmountFlags, mount, mount_change, unmount};
use rustix::process::Signal;

use super::{KINDS, end, ns, pal, start};

/// Runs a script in new namespaces and gives what it prints.
macro_rules! run {
    ($case:expr, $words:expr, $script:expr) => {
        ns(&$case, &["new"])
            .args($words)
            .args(["--", "sh", "-c", $script])
            .directory($case.scratch())
            .run()
            .succeeded()
            .stdout
    };
}

fn link(kind: &str) -> String {
    fs::read_link(format!("/proc/self/ns/{kind}")).expect("a namespace").display().to_string()
}

#[test]
fn c1_each_of_the_eight_kinds_is_new() {
    let case = case!();
    for kind in KINDS {
        let word = if kind == "mnt" { "mount" } else { kind };
        let found = run!(case, [format!("--{word}")], &format!("readlink /proc/self/ns/{kind}"));
        assert!(found.starts_with(&format!("{kind}:[")) && found.trim_end() != link(kind), "{kind}: {found}");
    }
    let all = run!(
        case,
        ["--all"],
        "for k in mnt pid net ipc uts user cgroup time; do readlink /proc/self/ns/$k; done"
    );
    for (kind, found) in KINDS.iter().zip(all.lines()) {
        assert_ne!(found, link(kind));
    }
    let said = ns(&case, &["new", "--", "true"]).run().failed(125);
    assert_eq!(said.stderr, "pal: no kind of namespace (--mount, --pid, --net, ... or --all)\n");
}

#[test]
fn c1_what_is_told_for_a_shell_does_the_same() {
    let case = case!();
    let version = case.program("/bin/sh").args(["-c", "unshare --version; command -v setpriv"]).run();
    if !version.stdout.contains("util-linux") || !version.stdout.contains("setpriv") {
        skip!(case, "there is no unshare of util-linux here");
    }
    let script = "hostname; echo $$; id -u; cat /proc/self/uid_map; exit 3";
    let words = ["--uts", "--pid", "--mount-proc", "--user", "--hostname", "told", "--", "sh", "-c", script];
    let done = ns(&case, &["new"]).args(words).run();
    let told = ns(&case, &["new", "--dry-run"]).args(words).run().succeeded().stdout;
    let by_hand = case.program("/bin/sh").args(["-c", &told]).run();
    assert_eq!((done.code(), &done.stdout), (3, &by_hand.stdout), "{told}{by_hand}");
    assert_eq!(by_hand.code(), 3);
    let explained = ns(&case, &["new", "--explain"]).args(words).run();
    assert!(explained.stderr.contains(" ms  hostname told\n"), "{explained}");
}

#[test]
fn c3_two_shells_have_two_names() {
    let case = case!();
    let before = fs::read_to_string("/proc/sys/kernel/hostname").expect("the host's name");
    let words = |name| ["--hostname", name, "--domainname", "example.org"];
    let one = start(&case, &words("one"), "hostname; exec sleep 1000");
    let other = run!(case, words("other"), "hostname; cat /proc/sys/kernel/domainname");
    assert_eq!(other, "other\nexample.org\n");
    wait_until("it has its name", || one.stdout() == "ready\none\n");
    assert_eq!(fs::read_to_string("/proc/sys/kernel/hostname").expect("the host's name"), before);
    let long = ns(&case, &["new", "--hostname", &"h".repeat(65), "--", "true"]).run().failed(125);
    assert!(long.stderr.contains("EINVAL") && long.stderr.contains("64 bytes"), "{long}");
    end(one);
}

#[test]
fn c4_mounts_stay_inside_and_an_old_mtab_knows_nothing_of_them() {
    let case = case!();
    let point = case.scratch().join("point");
    fs::create_dir(&point).expect("make a directory");
    // What /etc/mtab was when it was a file that mount(8) wrote to: a copy, the same for all namespaces.
    fs::copy("/proc/self/mounts", case.scratch().join("mtab")).expect("copy the table");
    let script = "mount -t tmpfs t point && echo inside > point/file && cat point/file
        grep -c \" $PWD/point \" /proc/self/mounts; grep -c \" $PWD/point \" mtab; true";
    assert_eq!(run!(case, ["--mount"], script), "inside\n1\n0\n");
    assert!(fs::read_dir(&point).expect("the directory").next().is_none(), "the mount is not seen outside");
    let table = fs::read_to_string("/proc/self/mounts").expect("the table");
    assert!(!table.contains("/point "), "{table}");
}

#[test]
fn c4_mounts_are_passed_on_where_that_is_asked_for() {
    let case = case!();
    if case.tier().privilege() == Privilege::Ordinary {
        skip!(case, "mounting here takes root");
    }
    let base = case.scratch().join("base");
    fs::create_dir(&base).expect("make a directory");
    mount("tmpfs", &base, "tmpfs", MountFlags::empty(), None).expect("mount a tmpfs");
    mount_change(&base, MountPropagationFlags::SHARED).expect("share it");
    for name in ["in", "out"] {
        fs::create_dir(base.join(name)).expect("make a directory");
    }
    let seen = |from: &str| {
        format!(
            "until grep -q \" {}/{from} \" /proc/self/mounts; do sleep 0.05; done; echo seen; exec sleep 1000",
            base.display()
        )
    };
    let slave = start(&case, &["--propagation", "slave"], &seen("in"));
    let private = start(&case, &["--propagation", "private"], &seen("in"));
    mount("tmpfs", base.join("in"), "tmpfs", MountFlags::empty(), None).expect("mount a tmpfs");
    wait_until("a mount arrives", || slave.stdout().contains("seen"));
    assert!(!private.stdout().contains("seen"));
    end(slave);
    end(private);
    let script = format!("mount -t tmpfs t {}/out", base.display());
    run!(case, ["--mount"], &script);
    let table = || fs::read_to_string("/proc/self/mounts").expect("the table");
    assert!(!table().contains("base/out "), "private is what there is without a word");
    run!(case, ["--propagation", "unchanged"], &script);
    assert!(table().contains("base/out "), "it was asked for");
    for point in [base.join("out"), base.join("in"), base] {
        unmount(&point, UnmountFlags::empty()).expect("unmount");
    }
}

#[test]
fn c5_the_program_is_process_1_and_adopts_orphans() {
    let case = case!();
    let script = "echo $$; kill -9 $$; echo alive
        sh -c 'sleep 1000 & echo $! > orphan'
        until grep -q '^PPid:.1$' /proc/$(cat orphan)/status; do sleep 0.05; done; echo adopted; exit 7";
    let said = ns(&case, &["new", "--pid", "--mount-proc", "--", "sh", "-c", script])
        .directory(case.scratch())
        .run();
    assert_eq!((said.code(), said.stdout.as_str()), (7, "1\nalive\nadopted\n"), "{said}");
}

#[test]
fn c5_a_small_init_reaps_orphans_and_passes_signals_on() {
    let case = case!();
    let script = "sh -c 'sleep 0.1 & echo $! > orphan'
        while [ -d /proc/$(cat orphan) ]; do sleep 0.05; done; echo $$ reaped";
    assert_eq!(run!(case, ["--init", "--mount-proc"], script), "2 reaped\n");
    for words in [&["--pid"][..], &["--init"]] {
        let waiting = start(&case, words, "trap 'exit 9' TERM; echo set; while :; do sleep 0.05; done");
        wait_until("it waits", || waiting.stdout().contains("set"));
        waiting.signal(Signal::TERM);
        assert_eq!(waiting.wait().code(), 9, "{words:?}");
    }
}

#[test]
fn c5_pid_namespaces_nest_to_32() {
    let case = case!();
    let status = fs::read_to_string("/proc/self/status").expect("the status");
    let own =
        status.lines().find(|line| line.starts_with("NSpid:")).expect("NSpid").split_whitespace().count() - 2;
    let script = case.scratch().join("nest");
    fs::write(
        &script,
        "[ $1 = 0 ] && exec echo deepest\nexec \"$PAL\" ns new --pid -- sh \"$0\" $(($1 - 1))\n",
    )
    .expect("write a script");
    let nest =
        |levels: usize| case.program("/bin/sh").arg(&script).arg(levels.to_string()).env("PAL", pal()).run();
    assert_eq!(nest(32 - own).succeeded().stdout, "deepest\n");
    let refused = nest(33 - own).failed(125);
    assert_eq!(refused.stdout, "");
    let expected =
        "pal: clone3 pid: ENOSPC (pid namespaces nest 32 deep, and this process is in the last one)\n";
    assert_eq!(refused.stderr, expected);
}

#[test]
fn c6_root_inside_is_nobody_outside() {
    let case = case!();
    let script = ": > made; id -u; tr -s ' ' < /proc/self/uid_map; grep CapEff /proc/self/status; mount -t tmpfs t . || echo refused";
    let said = run!(case, ["--user"], script);
    let own = rustix::process::getuid().as_raw();
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!((lines[0], lines[1].trim()), ("0", format!("0 {own} 1").as_str()), "{said}");
    let effective = lines[2].strip_prefix("CapEff:\t").and_then(|bits| u64::from_str_radix(bits, 16).ok());
    assert!(effective.expect("capabilities") & 1 << 21 != 0, "CAP_SYS_ADMIN inside: {said}");
    assert_eq!(lines[3], "refused", "no right over what the outside owns: {said}");
    assert_eq!(fs::metadata(case.scratch().join("made")).expect("the file").uid(), own);
    assert_eq!(run!(case, ["--map", "none"], "id -u"), "65534\n");
}

#[test]
fn c6_ids_are_mapped_by_hand() {
    let case = case!();
    let words =
        ["--map-users", "0:100000:1000", "--map-groups", "0:100000:1000", "--uts", "--hostname", "mapped"];
    let script = ": > made; id -u; tr -s ' ' < /proc/self/uid_map; hostname";
    if case.tier().privilege() == Privilege::Ordinary {
        // 0 of outside was given to nobody.
        let words = ["--map-users", "0:0:1", "--", "true"];
        let said = ns(&case, &["new"]).args(words).run().failed(125);
        assert!(said.stderr.starts_with("pal: uid_map 0 0 1: /etc/subuid gives the user no range"), "{said}");
        return;
    }
    fs::set_permissions(case.scratch(), fs::Permissions::from_mode(0o777)).expect("chmod");
    assert_eq!(run!(case, words, script), "0\n 0 100000 1000\nmapped\n");
    assert_eq!(fs::metadata(case.scratch().join("made")).expect("the file").uid(), 100_000);
    let all = run!(case, ["--map", "all"], "cat /proc/self/uid_map");
    assert_eq!(all, fs::read_to_string("/proc/self/uid_map").expect("the map"));
}

#[test]
fn c6_an_ordinary_user_has_his_ranges_of_ids() {
    let case = case!();
    if case.tier().privilege() == Privilege::Root {
        skip!(case, "root needs no ranges");
    }
    if case.program("/bin/sh").args(["-c", "command -v newuidmap"]).run().code() != 0 {
        skip!(case, "there is no newuidmap here");
    }
    let uid = rustix::process::getuid().as_raw();
    let said = run!(case, ["--map", "auto"], "id -u; tr -s ' ' < /proc/self/uid_map");
    let lines: Vec<&str> = said.lines().map(str::trim).collect();
    assert_eq!(lines[..2], ["0", format!("0 {uid} 1").as_str()], "{said}");
    let first = lines[2].split(' ').nth(1).expect("a range");
    let file = fs::read_to_string("/etc/subuid").expect("/etc/subuid");
    assert!(file.lines().any(|line| line.split(':').nth(1) == Some(first)), "{said} {file}");
}

#[test]
fn c7_queues_of_the_same_name_do_not_meet() {
    let case = case!();
    fs::create_dir(case.scratch().join("queues")).expect("make a directory");
    let words = ["--ipc", "--mount"];
    let probe = ns(&case, &["new"]).args(words).args(["--", "mount", "-t", "mqueue", "q", "queues"]);
    if probe.directory(case.scratch()).run().code() != 0 {
        skip!(case, "this kernel has no POSIX queues");
    }
    let script = "mount -t mqueue q queues; : > queues/same; ls queues; command -v ipcmk >/dev/null && ipcmk -Q >/dev/null
        echo made; exec sleep 1000";
    let one =
        ns(&case, &["new"]).args(words).args(["--", "sh", "-c", script]).directory(case.scratch()).spawn();
    wait_until("it has a queue", || one.stdout().contains("made"));
    assert!(one.stdout().starts_with("same\n"));
    let other = run!(
        case,
        words,
        "mount -t mqueue q queues; ls queues; : > queues/same && echo free; tail -n +2 /proc/sysvipc/msg"
    );
    assert_eq!(other, "free\n", "neither the queue nor one of System V is here");
    end(one);
}

#[test]
fn c9_the_path_of_the_host_is_hidden() {
    let case = case!();
    let said = run!(case, ["--cgroup"], "cat /proc/self/cgroup");
    assert!(!said.is_empty() && said.lines().all(|line| line.ends_with(":/")), "{said}");
}

#[test]
fn c1_clocks_are_set_ahead() {
    let case = case!();
    let said = run!(
        case,
        ["--boottime", "1000000", "--monotonic", "7"],
        "cut -d . -f 1 /proc/uptime; tr -s ' ' < /proc/self/timens_offsets"
    );
    let lines: Vec<&str> = said.lines().collect();
    assert!(lines[0].parse::<u64>().expect("seconds") > 1_000_000, "{said}");
    assert_eq!(lines[1..], ["monotonic 7 0", "boottime 1000000 0"]);
    let refused = ns(&case, &["new", "--boottime", "-2000000000", "--", "true"]).run().failed(125);
    assert!(refused.stderr.contains("ERANGE") && refused.stderr.lines().count() == 1, "{refused}");
}

#[test]
fn a_program_that_is_not_there_is_said_in_one_line() {
    let case = case!();
    for words in [&["--uts"][..], &["--pid"], &["--map", "all"]] {
        if words[0] == "--map" && case.tier().privilege() == Privilege::Ordinary {
            continue;
        }
        let said = ns(&case, &["new"]).args(words).args(["--", "/no/such/program"]).run().failed(127);
        assert_eq!(
            said.stderr, "pal: exec /no/such/program: ENOENT (no such file or directory)\n",
            "{words:?}"
        );
    }
}
