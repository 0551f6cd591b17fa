//! `sd_notify(3)`: a container of a service of `Type=notify` says that it is ready.

use std::fs;
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::time::Duration;

use palisade_tests::container::wait_until;
use palisade_tests::invocation::Running;
use palisade_tests::{Bundle, Case, Container, case};

/// The service manager.
struct Manager {
    path: PathBuf,
    socket: UnixDatagram,
}

impl Manager {
    fn new(case: &Case) -> Self {
        let path = case.scratch().join(case.unused("manager"));
        let socket = UnixDatagram::bind(&path).expect("bind a socket");
        socket.set_read_timeout(Some(Duration::from_secs(30))).expect("set a timeout");
        Self { path, socket }
    }

    fn hear(&self) -> String {
        let mut message = [0; 256];
        // What comes along is closed with that, and so a barrier is passed.
        let length = self.socket.recv(&mut message).expect("a message");
        String::from_utf8_lossy(&message[..length]).into_owned()
    }

    fn expect_ready(&self, main: i64) {
        assert_eq!(self.hear(), format!("READY=1\nMAINPID={main}\n"));
        assert_eq!(self.hear(), "BARRIER=1");
    }
}

fn bundle(case: &Case) -> Bundle {
    Bundle::script(case, "echo $NOTIFY_SOCKET; ls /run/notify; sleep 1000")
}

/// Says that the program of a container is ready, after something that is nobody's business outside.
fn say_ready(case: &Case, container: &Container<'_>) {
    wait_until("it runs", || {
        let listed = container.verb("state").run();
        listed.status.success() && listed.stdout.contains("\"running\"")
    });
    let socket = UnixDatagram::unbound().expect("a socket");
    let place = case.state().join(container.id()).join("notify/notify.sock");
    for message in ["STATUS=almost", "READY=1"] {
        socket.send_to(message.as_bytes(), &place).expect("say it");
    }
}

fn ends_well(running: Running) {
    assert_eq!(running.wait().code(), 0);
}

#[test]
fn start_returns_when_the_program_is_ready() {
    let case = case!();
    let manager = Manager::new(&case);
    let id = case.unused_id();
    let bundle = bundle(&case);
    let call = case.palisade().env("NOTIFY_SOCKET", &manager.path).args(["create", "--bundle"]);
    call.arg(bundle.path()).arg(&id).run().succeeded();
    let container = Container::named(&case, &id);
    let starting = container.verb("start").env("NOTIFY_SOCKET", &manager.path).spawn();
    say_ready(&case, &container);
    manager.expect_ready(container.pid());
    ends_well(starting);
    let said = container.shell("echo $NOTIFY_SOCKET; ls /run/notify");
    assert_eq!(said, "\nnotify.sock", "exec has nothing to say");
    container.remove();
}

#[test]
fn run_returns_when_the_program_is_ready() {
    let case = case!();
    let manager = Manager::new(&case);
    let container = Container::named(&case, &case.unused_id());
    let call = case.palisade().env("NOTIFY_SOCKET", &manager.path).args(["run", "--detach", "--bundle"]);
    let running = call.arg(bundle(&case).path()).arg(container.id()).spawn();
    // The socket is there from the beginning.
    wait_until("it knows its socket", || running.stdout() == "/run/notify/notify.sock\nnotify.sock\n");
    say_ready(&case, &container);
    manager.expect_ready(container.pid());
    ends_well(running);
    let said = container.shell("touch /run/notify/x 2>&1; true");
    assert_eq!(said, "touch: /run/notify/x: Read-only file system");
    container.remove();
}

#[test]
fn a_run_in_the_foreground_is_what_is_watched() {
    let case = case!();
    let manager = Manager::new(&case);
    let container = Container::named(&case, &case.unused_id());
    let call = case.palisade().env("NOTIFY_SOCKET", &manager.path).args(["run", "--bundle"]);
    let running = call.arg(bundle(&case).path()).arg(container.id()).spawn();
    let own = i64::from(running.pid().as_raw_nonzero().get());
    say_ready(&case, &container);
    manager.expect_ready(own);
    container.kill("KILL");
    assert_eq!(running.wait().code(), 137);
}

#[test]
fn a_program_that_ends_before_it_is_ready_is_not_waited_for() {
    let case = case!();
    let manager = Manager::new(&case);
    let bundle = Bundle::script(&case, "exit 3");
    for (flags, code) in [(&[][..], 3), (&["--detach"][..], 0)] {
        let container = Container::named(&case, &case.unused_id());
        let call = case.palisade().env("NOTIFY_SOCKET", &manager.path).arg("run").args(flags);
        let finished = call.arg("--bundle").arg(bundle.path()).arg(container.id()).run();
        assert_eq!(finished.code(), code, "{finished}");
        if code == 0 {
            container.await_status("stopped");
            container.remove();
        }
    }
}

#[test]
fn an_address_that_is_none_is_refused() {
    let case = case!();
    let call = case.palisade().env("NOTIFY_SOCKET", "run/notify").args(["run", "--bundle"]);
    let line = call.arg(bundle(&case).path()).arg(case.unused_id()).run().refusal(&case);
    assert!(line.contains("NOTIFY_SOCKET=run/notify: neither a path nor @NAME"), "{line}");
    assert!(!fs::exists(case.state().join("notify")).unwrap_or(true));
}
