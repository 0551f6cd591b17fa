//! `SCMP_ACT_NOTIFY`: an agent outside is given the listener of the filter. The agent of these tests takes it and closes
//! it, whereupon the kernel answers ENOSYS for it.

use std::mem::MaybeUninit;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::thread::JoinHandle;

use palisade_tests::{Bundle, Case, Container, case};
use rustix::io::IoSliceMut;
use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags};
use serde_json::{Value, json};

/// Waits for one connection and returns what it brought.
fn agent(path: &Path) -> JoinHandle<Value> {
    let socket = UnixListener::bind(path).expect("listen");
    std::thread::spawn(move || {
        let (connection, _) = socket.accept().expect("accept");
        let mut text = vec![0; 1 << 16];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let received = {
            let mut buffers = [IoSliceMut::new(&mut text)];
            rustix::net::recvmsg(&connection, &mut buffers, &mut control, RecvFlags::empty())
                .expect("receive")
        };
        let mut descriptors = control.drain().filter_map(|message| match message {
            RecvAncillaryMessage::ScmRights(mut descriptors) => descriptors.next(),
            _ => None,
        });
        let listener = descriptors.next().expect("a descriptor");
        let number = std::os::fd::AsRawFd::as_raw_fd(&listener);
        let kind = std::fs::read_link(format!("/proc/self/fd/{number}")).expect("readlink");
        assert_eq!(kind, Path::new("anon_inode:seccomp notify"));
        serde_json::from_slice(&text[..received.bytes]).expect("JSON")
    })
}

fn socket(case: &Case, name: &str) -> PathBuf {
    case.scratch().join(name)
}

/// The calls that the sender of a descriptor would make are asked about too.
fn asking(case: &Case, script: &str, path: &Path) -> Bundle {
    Bundle::script(case, script).with(|config| {
        config["linux"]["seccomp"] = json!({
            "defaultAction": "SCMP_ACT_ALLOW",
            "listenerPath": path,
            "listenerMetadata": "for the agent",
            "syscalls": [{ "names": ["mkdir", "mkdirat", "sendmsg", "sendto", "recvmsg"], "action": "SCMP_ACT_NOTIFY" }]
        });
    })
}

const MKDIR: &str = "mkdir /tmp/new 2>&1 | sed 's/.*: //'";

#[test]
fn the_agent_gets_the_listener_of_a_run() {
    let case = case!();
    let path = socket(&case, "agent");
    for no_new_privileges in [true, false] {
        let agent = agent(&path);
        let bundle = asking(&case, MKDIR, &path)
            .with(|config| config["process"]["noNewPrivileges"] = json!(no_new_privileges));
        assert_eq!(bundle.output(&case), "Function not implemented");
        let state = agent.join().expect("the agent");
        assert_eq!(state["fds"], json!(["seccompFd"]));
        assert_eq!(state["metadata"], "for the agent");
        assert_eq!(state["state"]["status"], "creating");
        assert_eq!(state["state"]["pid"], state["pid"]);
        assert!(state["pid"].as_i64().is_some_and(|pid| pid > 1), "{state}");
        std::fs::remove_file(&path).expect("remove the socket");
    }
}

#[test]
fn the_agent_gets_those_of_start_and_exec() {
    let case = case!();
    let (path, first) = (socket(&case, "agent"), socket(&case, "first"));
    let of_start = agent(&path);
    let container = Container::create(&case, &asking(&case, "sleep 1000", &path));
    container.does("start");
    let state = of_start.join().expect("the agent");
    assert_eq!(state["pid"], container.pid());
    assert_eq!(state["state"]["status"], "created");
    std::fs::rename(&path, &first).expect("rename the socket");
    let of_exec = agent(&path);
    assert_eq!(container.shell(MKDIR), "Function not implemented");
    let state = of_exec.join().expect("the agent");
    assert_eq!(state["state"]["status"], "running");
    assert_eq!(state["state"]["pid"], container.pid());
    assert_ne!(state["pid"], container.pid());
    container.remove();
}

#[test]
fn an_annotation_names_the_agent_where_no_field_does() {
    let case = case!();
    let path = socket(&case, "agent");
    let agent = agent(&path);
    let bundle = asking(&case, MKDIR, &path).with(|config| {
        let section = config["linux"]["seccomp"].as_object_mut().expect("a section");
        section.remove("listenerPath");
        section.remove("listenerMetadata");
        config["annotations"] = json!({ "run.oci.seccomp.receiver": path });
    });
    assert_eq!(bundle.output(&case), "Function not implemented");
    assert!(agent.join().expect("the agent").get("metadata").is_none());
}

#[test]
fn without_an_agent_nothing_starts() {
    let case = case!();
    let bundle = asking(&case, "echo started", &socket(&case, "nobody"));
    let said = bundle.run(&case);
    assert!(said.stderr.contains("/linux/seccomp/listenerPath: connect to"), "{said}");
    assert_eq!(said.stdout, "");
    let call = case.palisade().args(["create", "--bundle"]).arg(bundle.path()).arg(case.unused_id());
    let line = call.run().refusal(&case);
    assert!(line.contains("/linux/seccomp/listenerPath: connect to"), "create knows it already: {line}");
}
