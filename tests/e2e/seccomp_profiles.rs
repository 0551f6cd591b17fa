//! Filters of system calls by their effect on programs that are nothing but one system call, and profiles with conditions.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use palisade_tests::{Bundle, Case, case, skip};
use serde_json::{Value, json};

/// How a program calls the kernel.
#[derive(Clone, Copy)]
enum Way {
    /// As a program of 64 bits.
    Native,
    /// As one of 32 bits, with other numbers.
    Compatible,
}

/// The numbers of `mkdir(2)`, and one that no kernel has.
const MKDIR: (u32, u32) = (83, 39);
const OF_THE_FUTURE: u32 = 1999;

/// Where such a program is loaded to.
const BASE: u32 = 0x40_0000;

/// Writes a program that calls the kernel with the path `/tmp/x` and a mode, and exits with the errno.
fn one_call(way: Way, number: u32) -> Vec<u8> {
    const HEADERS: u32 = 64 + 56;
    let path = b"/tmp/x\0\0";
    let mut code = vec![0xb8];
    code.extend(number.to_le_bytes());
    // The two ways want their arguments in rdi and rsi, and in ebx and ecx.
    let (first, second) = match way {
        Way::Native => (0xbf, 0xbe),
        Way::Compatible => (0xbb, 0xb9),
    };
    code.push(first);
    code.extend((BASE + HEADERS).to_le_bytes());
    code.push(second);
    code.extend(0o755_u32.to_le_bytes());
    code.extend(match way {
        Way::Native => [0x0f, 0x05],
        Way::Compatible => [0xcd, 0x80],
    });
    // neg eax; mov edi, eax; mov eax, 60; syscall: a filter that lets only the call through has to allow exit(2).
    code.extend([0xf7, 0xd8, 0x89, 0xc7, 0xb8, 60, 0, 0, 0, 0x0f, 0x05]);
    let size = u64::from(HEADERS) + (path.len() + code.len()) as u64;
    let mut image = vec![0x7f, b'E', b'L', b'F', 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    let halves = |values: &[u16]| values.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<u8>>();
    let entry = u64::from(BASE + HEADERS) + path.len() as u64;
    // An executable for x86-64; a header of 64 bytes, then one segment's of 56.
    image.extend(halves(&[2, 62, 1, 0]));
    for value in [entry, 64, 0] {
        image.extend(value.to_le_bytes());
    }
    image.extend(halves(&[0, 0, 64, 56, 1, 64, 0, 0]));
    // Loaded whole, to be read and executed.
    image.extend(halves(&[1, 0, 5, 0]));
    for value in [0, u64::from(BASE), u64::from(BASE), size, size, 0x1000] {
        image.extend(value.to_le_bytes());
    }
    image.extend_from_slice(path);
    image.extend(code);
    image
}

/// Makes a bundle whose program is one call.
fn calling(case: &Case, way: Way, number: u32) -> Bundle {
    let bundle = Bundle::new(case, &case.unused("bundle"), &["/call"]);
    let file = bundle.rootfs().join("call");
    fs::write(&file, one_call(way, number)).expect("write a program");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).expect("chmod a program");
    bundle
}

/// Runs the bundle's program under a filter, in a `/tmp` that is empty; gives the errno, or 128 and a signal.
fn errno(case: &Case, bundle: &Bundle, section: Value) -> i32 {
    let bundle = bundle.variant(case, |config| {
        config["linux"]["seccomp"] = section;
        let empty = json!({ "destination": "/tmp", "type": "tmpfs", "source": "tmpfs" });
        config["mounts"].as_array_mut().expect("a list").push(empty);
    });
    bundle.run(case).code()
}

fn refusing_mkdir(architectures: Value) -> Value {
    json!({
        "defaultAction": "SCMP_ACT_ALLOW", "architectures": architectures,
        "syscalls": [{ "names": ["mkdir"], "action": "SCMP_ACT_ERRNO", "errnoRet": 28 }]
    })
}

#[test]
fn a_filter_is_for_the_architectures_that_it_names() {
    let case = case!();
    let native = calling(&case, Way::Native, MKDIR.0);
    let compatible = calling(&case, Way::Compatible, MKDIR.1);
    let nothing = || json!({ "defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86"] });
    assert_eq!(errno(&case, &native, nothing()), 0);
    if errno(&case, &compatible, nothing()) != 0 {
        skip!(case, "this kernel takes no calls of 32 bits");
    }
    for (architectures, of_native, of_compatible) in [
        (json!(["SCMP_ARCH_X86_64", "SCMP_ARCH_X86"]), 28, 28),
        (json!(["SCMP_ARCH_X86"]), 28, 28),
        // Calls of another architecture, whose numbers mean other things, end the program.
        (json!(["SCMP_ARCH_X86_64"]), 28, 128 + 31),
        (json!([]), 28, 128 + 31),
    ] {
        let found =
            [&native, &compatible].map(|bundle| errno(&case, bundle, refusing_mkdir(architectures.clone())));
        assert_eq!(found, [of_native, of_compatible], "{architectures}");
    }
}

/// A C library tries a new call and falls back to an old one where the kernel lacks it, but not where it may not.
#[test]
fn a_call_that_is_newer_than_the_profile_does_not_exist() {
    let case = case!();
    let section = || {
        json!({
            "defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": 1,
            "syscalls": [{ "names": ["execve", "exit", "exit_group"], "action": "SCMP_ACT_ALLOW" }]
        })
    };
    assert_eq!(errno(&case, &calling(&case, Way::Native, MKDIR.0), section()), 1);
    assert_eq!(errno(&case, &calling(&case, Way::Native, OF_THE_FUTURE), section()), 38);
}

#[test]
fn a_call_that_nobody_traces_does_not_exist() {
    let case = case!();
    let section = json!({
        "defaultAction": "SCMP_ACT_ALLOW",
        "syscalls": [{ "names": ["mkdir"], "action": "SCMP_ACT_TRACE", "errnoRet": 7 }]
    });
    assert_eq!(errno(&case, &calling(&case, Way::Native, MKDIR.0), section), 38);
}

#[test]
fn a_filter_works_with_every_flag() {
    let case = case!();
    let bundle = calling(&case, Way::Native, MKDIR.0);
    let every = ["SECCOMP_FILTER_FLAG_LOG", "SECCOMP_FILTER_FLAG_SPEC_ALLOW", "SECCOMP_FILTER_FLAG_TSYNC"];
    for flags in [json!([]), json!(every), json!([every[0]]), json!([every[1]]), json!([every[2]])] {
        let mut section = refusing_mkdir(json!(["SCMP_ARCH_X86_64"]));
        section["flags"] = flags.clone();
        assert_eq!(errno(&case, &bundle, section), 28, "{flags}");
    }
}

/// What each command of the script is refused with, by the numbers of a profile's rules.
const COMMANDS: &str = "try() { name=$1; shift; if why=$(\"$@\" 2>&1); then echo $name done; else echo $name ${why##*: }; fi; }; \
    cd /tmp; try mkdir mkdir d; : > f; try link ln f g; try symlink ln -s f h; try rename mv f i; try chmod chmod 600 i";

#[test]
fn a_profile_of_docker_holds_under_its_conditions() {
    let case = case!();
    let bundle = Bundle::script(&case, "true");
    let rule = |names: &[&str], errno: u32, conditions: Value| {
        let mut rule = json!({ "names": names, "action": "SCMP_ACT_ERRNO", "errnoRet": errno, "args": null, "comment": "" });
        for (name, value) in conditions.as_object().expect("an object") {
            rule[name] = value.clone();
        }
        rule
    };
    let rename = ["rename", "renameat", "renameat2"];
    let profile = json!({
        "defaultAction": "SCMP_ACT_ALLOW",
        "archMap": [
            { "architecture": "SCMP_ARCH_X86_64", "subArchitectures": ["SCMP_ARCH_X86", "SCMP_ARCH_X32"] },
            { "architecture": "SCMP_ARCH_AARCH64", "subArchitectures": ["SCMP_ARCH_ARM"] }
        ],
        "syscalls": [
            rule(&["mkdir", "mkdirat"], 28, json!({ "includes": { "arches": ["amd64", "x32"], "minKernel": "4.8" }, "excludes": {} })),
            rule(&["link", "linkat"], 30, json!({ "includes": { "caps": ["CAP_SYS_ADMIN"] } })),
            rule(&["symlink", "symlinkat"], 30, json!({ "excludes": { "caps": ["CAP_SYS_ADMIN"] } })),
            rule(&rename, 30, json!({ "includes": { "minKernel": "99.1" } })),
            rule(&["chmod", "fchmodat", "fchmodat2"], 30, json!({ "excludes": { "arches": ["amd64"] } })),
        ]
    });
    let file = case.scratch().join("profile.json");
    fs::write(&file, profile.to_string()).expect("write a profile");
    let run = |options: &[&str]| {
        let call = case.pal().arg("--root").arg(case.scratch().join("pal")).arg("run").args(options);
        let call = call.arg(format!("--security-opt=seccomp={}", file.display()));
        let call = call.arg("--tmpfs=/tmp").arg(bundle.rootfs()).args(["sh", "-c", COMMANDS]);
        call.run().succeeded().stdout
    };
    let (few, many) = (run(&[]), run(&["--cap-add=SYS_ADMIN"]));
    let (full, read_only) = ("No space left on device", "Read-only file system");
    let expected = |link: &str, symlink: &str| {
        format!("mkdir {full}\nlink {link}\nsymlink {symlink}\nrename done\nchmod done\n")
    };
    assert_eq!(few, expected("done", read_only));
    assert_eq!(many, expected(read_only, "done"));
    let mut twice = profile;
    twice["architectures"] = json!(["SCMP_ARCH_X86_64"]);
    fs::write(&file, twice.to_string()).expect("write a profile");
    let call = case.pal().arg("--root").arg(case.scratch().join("pal")).arg("run");
    let call = call.arg(format!("--security-opt=seccomp={}", file.display()));
    let said = call.arg(bundle.rootfs()).arg("true").run().failed(125);
    assert!(said.stderr.contains("/archMap: it must not be set together with architectures"), "{said}");
}
