//! `linux.seccomp` by its effect.

use std::fs;
use std::path::PathBuf;

use palisade_tests::{Bundle, Case, Privilege, case};
use serde_json::{Value, json};

fn filtered(case: &Case, script: &str, section: Value) -> Bundle {
    Bundle::script(case, script).with(|config| config["linux"]["seccomp"] = section)
}

const MKDIR: [&str; 2] = ["mkdir", "mkdirat"];

#[test]
fn a_call_fails_with_the_errno_of_its_rule() {
    let case = case!();
    let script = "mkdir /tmp/new 2>&1 | sed 's/.*: //'; ls /tmp; grep Seccomp: /proc/self/status";
    for (errno, message) in [
        (Some(28), "No space left on device"),
        (Some(30), "Read-only file system"),
        (None, "Operation not permitted"),
    ] {
        let mut rule = json!({ "names": MKDIR, "action": "SCMP_ACT_ERRNO" });
        if let Some(errno) = errno {
            rule["errnoRet"] = json!(errno);
        }
        let section = json!({ "defaultAction": "SCMP_ACT_ALLOW", "syscalls": [rule] });
        assert_eq!(filtered(&case, script, section).output(&case), format!("{message}\nSeccomp:\t2"));
    }
}

#[test]
fn a_filter_that_was_compiled_before_has_the_same_effect() {
    let case = case!();
    let kept = || -> Vec<PathBuf> {
        let entries = fs::read_dir(case.state().join("@filters")).expect("list the kept filters");
        entries.map(|entry| entry.expect("read an entry").path()).collect()
    };
    let answer = |errno: u32| {
        let rule = json!({ "names": MKDIR, "action": "SCMP_ACT_ERRNO", "errnoRet": errno });
        let section = json!({ "defaultAction": "SCMP_ACT_ALLOW", "syscalls": [rule] });
        filtered(&case, "mkdir /tmp/new 2>&1 | sed 's/.*: //'", section).output(&case)
    };
    assert_eq!(answer(28), "No space left on device");
    let [first] = kept().try_into().expect("one filter is kept");
    let text = fs::read(&first).expect("read the kept filter");
    assert_eq!(answer(28), "No space left on device");
    assert_eq!(kept().as_slice(), std::slice::from_ref(&first));
    assert_eq!(answer(30), "Read-only file system");
    assert_eq!(kept().len(), 2);
    fs::write(&first, &text[..text.len() / 2]).expect("damage the kept filter");
    assert_eq!(answer(28), "No space left on device");
    assert!(fs::read(&first).expect("read the kept filter") == text, "it was not written anew");

    // The last instruction of a program returns what a rule says: the filter that is kept is the one that is loaded.
    let mut other = text.clone();
    for place in (0..other.len() - 4).filter(|place| text[*place..].starts_with(&[28, 0, 5, 0])) {
        other[place] = 30;
    }
    fs::write(&first, other).expect("write another filter");
    assert_eq!(answer(28), "Read-only file system");
}

#[test]
fn a_default_can_refuse_and_rules_allow() {
    let case = case!();
    // All but the calls that make directories are allowed by name with a bound that all numbers keep.
    let section = json!({
        "defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": 38,
        "architectures": ["SCMP_ARCH_X86_64"],
        "syscalls": [{ "names": all_but(&MKDIR), "action": "SCMP_ACT_ALLOW" }]
    });
    let script = "mkdir /tmp/new 2>&1 | sed 's/.*: //'; echo on";
    assert_eq!(filtered(&case, script, section).output(&case), "Function not implemented\non");
}

/// The calls that busybox's shell, mkdir and sed make, and those that any program may.
fn all_but(refused: &[&str]) -> Vec<&'static str> {
    const NEEDED: &str = "access arch_prctl brk chdir clone clone3 close dup dup2 execve execveat exit exit_group fchown \
        fcntl fork fstat futex getcwd getegid geteuid getgid getpgrp getpid getppid getrandom gettid getuid ioctl kill \
        lseek lstat mmap mkdir mkdirat mprotect munmap newfstatat open openat pipe pipe2 poll prctl pread64 prlimit64 read \
        readlink rseq rt_sigaction rt_sigprocmask rt_sigreturn set_robust_list set_tid_address setpgid sigaltstack stat \
        statx sysinfo tgkill umask uname vfork wait4 waitid write writev faccessat faccessat2 ppoll";
    NEEDED.split_whitespace().filter(|name| !refused.contains(name)).collect()
}

/// Tells which priorities can be set, which renice does by `setpriority(0, pid, n)`: argument 2 is the number.
const RENICE: &str = "for n in 3 5 7; do sh -c 'renice -n $0 $$ > /dev/null 2>&1 && echo $0' $n; done; true";

#[test]
fn arguments_are_compared_by_every_operator() {
    let case = case!();
    let script = RENICE;
    for (operator, value, two, allowed) in [
        ("SCMP_CMP_EQ", 5, 0, "3 7"),
        ("SCMP_CMP_NE", 5, 0, "5"),
        ("SCMP_CMP_LT", 5, 0, "5 7"),
        ("SCMP_CMP_LE", 5, 0, "7"),
        ("SCMP_CMP_GT", 5, 0, "3 5"),
        ("SCMP_CMP_GE", 5, 0, "3"),
        ("SCMP_CMP_MASKED_EQ", 4, 4, "3"),
    ] {
        let section = json!({ "defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{
            "names": ["setpriority"], "action": "SCMP_ACT_ERRNO", "errnoRet": 1,
            "args": [{ "index": 2, "value": value, "valueTwo": two, "op": operator }]
        }] });
        let said = filtered(&case, script, section).output(&case);
        assert_eq!(said.replace('\n', " "), allowed, "{operator}");
    }
}

#[test]
fn rules_of_one_call_are_alternatives_and_arguments_of_one_rule_go_together() {
    let case = case!();
    let script = RENICE;
    let equal = |index: u32, value: u32| json!({ "index": index, "value": value, "op": "SCMP_CMP_EQ" });
    let rule =
        |arguments: Value| json!({ "names": ["setpriority"], "action": "SCMP_ACT_ERRNO", "args": arguments });
    let section = |rules: Value| json!({ "defaultAction": "SCMP_ACT_ALLOW", "syscalls": rules });
    let two = section(json!([rule(json!([equal(2, 3)])), rule(json!([equal(2, 7)]))]));
    assert_eq!(filtered(&case, script, two).output(&case), "5");
    let both =
        section(json!([rule(json!([equal(0, 0), equal(2, 3)])), rule(json!([equal(0, 1), equal(2, 7)]))]));
    assert_eq!(filtered(&case, script, both).output(&case), "5\n7");
}

#[test]
fn a_call_can_kill() {
    let case = case!();
    let script = "mkdir /tmp/new; echo $?";
    for (action, said) in [
        ("SCMP_ACT_KILL", "159"),
        ("SCMP_ACT_KILL_THREAD", "159"),
        ("SCMP_ACT_KILL_PROCESS", "159"),
        ("SCMP_ACT_TRAP", "159"),
    ] {
        let section =
            json!({ "defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{ "names": MKDIR, "action": action }] });
        // The shell may say "Bad system call" on its standard error.
        assert_eq!(filtered(&case, script, section.clone()).output(&case), said, "{action}");
        let first = filtered(&case, script, section)
            .with(|config| config["process"]["args"] = json!(["mkdir", "/tmp/x"]));
        assert_eq!(first.run(&case).code(), 159, "{action} of the first process");
    }
}

#[test]
fn what_is_logged_goes_on() {
    let case = case!();
    let section = json!({
        "defaultAction": "SCMP_ACT_ALLOW", "flags": ["SECCOMP_FILTER_FLAG_LOG"],
        "syscalls": [{ "names": MKDIR, "action": "SCMP_ACT_LOG" }]
    });
    assert_eq!(filtered(&case, "mkdir /tmp/new && ls /tmp", section).output(&case), "new");
}

#[test]
fn names_that_this_kernel_has_not_are_no_mistake() {
    let case = case!();
    let section = json!({ "defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{ "names": ["luck_at", "mkdirat", "mkdir"], "action": "SCMP_ACT_ERRNO" }] });
    let said = filtered(&case, "mkdir /tmp/x 2> /dev/null || echo refused", section).run(&case);
    assert_eq!(said.stdout, "refused\n", "{said}");
}

#[test]
fn a_filter_needs_no_new_privileges_or_rights() {
    let case = case!();
    let section = json!({ "defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{ "names": MKDIR, "action": "SCMP_ACT_ERRNO" }] });
    for no_new_privileges in [true, false] {
        let script = "grep -E '^(NoNewPrivs|Seccomp):' /proc/self/status | cut -f2; mkdir /tmp/x 2> /dev/null || echo refused";
        let bundle = filtered(&case, script, section.clone())
            .with(|config| config["process"]["noNewPrivileges"] = json!(no_new_privileges));
        assert_eq!(bundle.output(&case), format!("{}\n2\nrefused", u8::from(no_new_privileges)));
    }
}

#[test]
fn a_filter_meets_nothing_of_the_start_but_the_exec() {
    let case = case!();
    // What a static busybox calls to do nothing, and the exec.
    const NEEDED: &str = "execve brk arch_prctl set_tid_address set_robust_list rseq prlimit64 readlink readlinkat \
        getrandom mprotect mmap munmap clock_gettime time gettimeofday getuid geteuid getgid getegid setuid setgid newfstatat stat \
        exit_group";
    const PR_GET_NAME: u32 = 16;
    let root = case.tier().privilege() == Privilege::Root;
    // An ordinary user has one id and no other group.
    let cases = [(true, 0), (false, 0), (true, 7), (false, 7)];
    for (no_new_privileges, uid) in cases.into_iter().filter(|(_, uid)| root || *uid == 0) {
        let names: Vec<&str> = NEEDED.split_whitespace().collect();
        let naming = json!([{ "index": 0, "value": PR_GET_NAME, "op": "SCMP_CMP_EQ" }]);
        let section = json!({
            "defaultAction": "SCMP_ACT_KILL_PROCESS",
            "syscalls": [
                { "names": names, "action": "SCMP_ACT_ALLOW" },
                { "names": ["prctl"], "action": "SCMP_ACT_ALLOW", "args": naming }
            ]
        });
        let bundle = filtered(&case, "", section).with(|config| {
            config["process"]["args"] = json!(["true"]);
            config["process"]["noNewPrivileges"] = json!(no_new_privileges);
            let groups = if root { vec![3] } else { Vec::new() };
            config["process"]["user"] = json!({ "uid": uid, "gid": uid, "additionalGids": groups });
        });
        let said = bundle.run(&case);
        assert_eq!(said.code(), 0, "no new privileges {no_new_privileges}, user {uid}: {said}");
    }
}
