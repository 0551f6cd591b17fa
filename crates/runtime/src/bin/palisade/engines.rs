//! The calls that engines make, word for word: each has to be understood as it is.

use std::ffi::OsString;

use clap::CommandFactory;

use crate::arguments::Arguments;
use crate::dashes;

/// Who calls, with which words, for which verb, and what the parser must have found for some of its options.
type Call = (&'static str, &'static str, &'static str, &'static [(&'static str, &'static str)]);

const ID: &str = "5c3a1b";

const CALLS: &[Call] = &[
    // go-runc: containerd's shim, and Docker through it. Global options stand in front, the id at the end.
    (
        "go-runc",
        "--root /run/containerd/runc/default --log /b/log.json --log-format json create --bundle /b --pid-file /b/init.pid 5c3a1b",
        "create",
        &[("bundle", "/b"), ("pid_file", "/b/init.pid")],
    ),
    (
        "go-runc",
        "--root /var/run/docker/runtime-runc/moby --log /b/log.json --log-format json --systemd-cgroup create --bundle /b --pid-file /b/init.pid --console-socket /tmp/pty1/pty.sock 5c3a1b",
        "create",
        &[("console_socket", "/tmp/pty1/pty.sock")],
    ),
    (
        "go-runc",
        "--debug --log-format text --rootless=true create --bundle /b --pidfd-socket /p.sock --no-pivot --no-new-keyring --preserve-fds 2 5c3a1b",
        "create",
        &[
            ("pidfd_socket", "/p.sock"),
            ("no_pivot", "true"),
            ("no_new_keyring", "true"),
            ("preserve_fds", "2"),
        ],
    ),
    ("go-runc", "--root /r --log /l --log-format json start 5c3a1b", "start", &[]),
    (
        "go-runc",
        "--root /r --log /l --log-format json run --bundle /b --pid-file /p --detach 5c3a1b",
        "run",
        &[("detach", "true")],
    ),
    (
        "go-runc",
        "--root /r --log /l --log-format json exec --process /tmp/runc-process1 --console-socket /c.sock --detach --pid-file /b/x.pid 5c3a1b",
        "exec",
        &[
            ("process", "/tmp/runc-process1"),
            ("console_socket", "/c.sock"),
            ("detach", "true"),
            ("pid_file", "/b/x.pid"),
        ],
    ),
    ("go-runc", "--root /r exec --process /p --pidfd-socket /s 5c3a1b", "exec", &[("pidfd_socket", "/s")]),
    ("go-runc", "--root /r --log /l --log-format json kill 5c3a1b 15", "kill", &[("signal", "15")]),
    (
        "go-runc",
        "--root /r --log /l --log-format json kill --all 5c3a1b 9",
        "kill",
        &[("all", "true"), ("signal", "9")],
    ),
    ("go-runc", "--root /r --log /l --log-format json delete 5c3a1b", "delete", &[]),
    ("go-runc", "--root /r --log /l --log-format json delete --force 5c3a1b", "delete", &[("force", "true")]),
    ("go-runc", "--root /r --log /l --log-format json state 5c3a1b", "state", &[]),
    ("go-runc", "--root /r --log /l --log-format json list --format=json", "list", &[("format", "json")]),
    ("go-runc", "--root /r --log /l --log-format json ps --format json 5c3a1b", "ps", &[("format", "json")]),
    ("go-runc", "--root /r ps --format table 5c3a1b -ef", "ps", &[("format", "table"), ("options", "-ef")]),
    ("go-runc", "--root /r --log /l --log-format json pause 5c3a1b", "pause", &[]),
    ("go-runc", "--root /r --log /l --log-format json resume 5c3a1b", "resume", &[]),
    ("go-runc", "--root /r --log /l --log-format json features", "features", &[]),
    // conmon: Podman and CRI-O.
    (
        "conmon",
        "--systemd-cgroup --log-format=json --log /run/oci-log create --bundle /b --pid-file /run/pidfile --no-new-keyring 5c3a1b",
        "create",
        &[("no_new_keyring", "true")],
    ),
    (
        "conmon",
        "--root=/run/runc create --bundle /b --pid-file /p --no-pivot --preserve-fds 1 --console-socket /tmp/conmon-term.X 5c3a1b",
        "create",
        &[("preserve_fds", "1"), ("console_socket", "/tmp/conmon-term.X")],
    ),
    (
        "conmon",
        "--cgroup-manager disabled create --bundle /b --pid-file /p --no-new-keyring 5c3a1b",
        "create",
        &[],
    ),
    (
        "conmon",
        "--root=/run/runc exec --pid-file /p --process /tmp/exec-process-1 --detach --preserve-fds 3 --console-socket /c 5c3a1b",
        "exec",
        &[("preserve_fds", "3"), ("process", "/tmp/exec-process-1")],
    ),
    // Podman and CRI-O themselves.
    ("podman", "start 5c3a1b", "start", &[]),
    ("podman", "kill 5c3a1b 15", "kill", &[("signal", "15")]),
    ("podman", "kill --all 5c3a1b 9", "kill", &[("all", "true")]),
    ("podman", "delete --force 5c3a1b", "delete", &[("force", "true")]),
    ("podman", "pause 5c3a1b", "pause", &[]),
    ("podman", "resume 5c3a1b", "resume", &[]),
    ("podman", "state 5c3a1b", "state", &[]),
    ("podman", "features", "features", &[]),
    ("cri-o", "--root=/run/runc exec --process /tmp/p 5c3a1b", "exec", &[("process", "/tmp/p")]),
    ("cri-o", "--root /run/runc --systemd-cgroup state 5c3a1b", "state", &[]),
    // Go's flag packages take one dash as well, and a value for a switch.
    ("a user of runc", "-root /r -log-format=json state 5c3a1b", "state", &[]),
    (
        "a user of runc",
        "run -bundle /b -keep -no-subreaper=true 5c3a1b",
        "run",
        &[("keep", "true"), ("no_subreaper", "true")],
    ),
    ("a user of runc", "run 5c3a1b --bundle /b -d", "run", &[("bundle", "/b"), ("detach", "true")]),
    ("a user of runc", "kill 5c3a1b --all KILL", "kill", &[("all", "true"), ("signal", "KILL")]),
    (
        "a user of runc",
        "exec -t -u 1:2 -g 3 -g 4 -e A=b -c CAP_KILL 5c3a1b sh -c true",
        "exec",
        &[("tty", "true"), ("additional_gids", "3 4")],
    ),
    (
        "a user of runc",
        "exec --cgroup pids:x --ignore-paused --apparmor p --process-label l --no-new-privs --cwd / 5c3a1b true",
        "exec",
        &[("cgroup", "pids:x"), ("apparmor", "p"), ("process_label", "l")],
    ),
    ("go-runc", "--root /r --log /l --log-format json events --stats 5c3a1b", "events", &[("stats", "true")]),
    ("go-runc", "--root /r --log /l --log-format json events --interval=5s 5c3a1b", "events", &[]),
    (
        "go-runc",
        "--root /r checkpoint --image-path /i --work-path /w --parent-path ../p --tcp-established --ext-unix-sk --shell-job --page-server 1.2.3.4:5 --file-locks --manage-cgroups-mode soft --empty-ns network --lazy-pages --status-fd 3 --leave-running --pre-dump 5c3a1b",
        "checkpoint",
        &[("image_path", "/i"), ("status_fd", "3")],
    ),
    (
        "go-runc",
        "--root /r restore --image-path /i --work-path /w --tcp-established --ext-unix-sk --shell-job --file-locks --manage-cgroups-mode soft --empty-ns network --detach --pid-file /p --console-socket /c --no-pivot -no-subreaper --bundle /b 5c3a1b",
        "restore",
        &[("no_subreaper", "true"), ("bundle", "/b")],
    ),
    (
        "conmon",
        "--log-format=json --log /l restore --bundle /b --pid-file /p --no-new-keyring --detach --image-path /i --work-path /b --tcp-established --file-locks --lsm-profile=selinux:x --lsm-mount-context=y 5c3a1b",
        "restore",
        &[("image_path", "/i")],
    ),
    (
        "podman",
        "checkpoint --image-path /i --work-path /w --leave-running --tcp-established --file-locks 5c3a1b",
        "checkpoint",
        &[("leave_running", "true")],
    ),
    (
        "a user of crun",
        "create -f /c.json -b /b 5c3a1b",
        "create",
        &[("config", "/c.json"), ("bundle", "/b")],
    ),
    (
        "a user of crun",
        "--cgroup-manager=cgroupfs --log=syslog:x --log-level debug run --config=/c 5c3a1b",
        "run",
        &[("config", "/c")],
    ),
    ("a user of crun", "delete --force --regex 5c3a1b", "delete", &[("regex", "true")]),
    ("a user of crun", "kill -r 5c3a1b TERM", "kill", &[("regex", "true")]),
];

#[test]
fn every_call_of_the_engines_is_understood() {
    let mut wrong = Vec::new();
    for (who, words, verb, expected) in CALLS {
        if let Err(why) = understand(words, verb, expected) {
            wrong.push(format!("{who}: {words}\n  {why}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn understand(words: &str, verb: &str, expected: &[(&str, &str)]) -> Result<(), String> {
    let words: Vec<OsString> =
        std::iter::once("palisade").chain(words.split(' ')).map(OsString::from).collect();
    let matches = Arguments::command()
        .try_get_matches_from(dashes::straighten(words.clone()))
        .map_err(|error| error.to_string())?;
    let (found, options) = matches.subcommand().ok_or("no verb")?;
    if found != verb {
        return Err(format!("the verb is {found}"));
    }
    if words.iter().any(|word| word == ID) {
        let id = options.try_get_raw("id").or_else(|_| options.try_get_raw("ids"));
        let mut ids = id.ok().flatten().into_iter().flatten();
        if ids.next() != Some(std::ffi::OsStr::new(ID)) || ids.next().is_some() {
            return Err("the id is another".to_owned());
        }
    }
    for (name, value) in expected {
        let switch = options.try_get_one::<bool>(name).ok().flatten().map(ToString::to_string);
        let values = || {
            let raw = options.try_get_raw(name).ok().flatten()?;
            let raw: Vec<_> = raw.map(|value| value.to_string_lossy()).collect();
            Some(raw.join(" "))
        };
        let is = switch.or_else(values);
        if is.as_deref() != Some(value) {
            return Err(format!("{name} is {is:?} and not {value}"));
        }
    }
    Ok(())
}
