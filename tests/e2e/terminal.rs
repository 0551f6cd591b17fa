//! Terminals: handed over by a socket, with a size.

use std::fs::File;
use std::io::{IoSliceMut, Read, Write};
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixListener;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use palisade_tests::container::wait_until;
use palisade_tests::{Bundle, Case, Container, case};
use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};
use rustix::termios::{Winsize, tcgetwinsize, tcsetwinsize};
use serde_json::json;

/// Listens at a socket, as an engine does, and gives the descriptor that comes.
pub(crate) fn listen(case: &Case) -> (std::path::PathBuf, JoinHandle<File>) {
    let path = case.scratch().join(case.unused("socket"));
    let listener = UnixListener::bind(&path).expect("listen");
    let receive = move || {
        let (stream, _) = listener.accept().expect("accept");
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let mut bytes = [0; 64];
        let flags = RecvFlags::CMSG_CLOEXEC;
        recvmsg(&stream, &mut [IoSliceMut::new(&mut bytes)], &mut control, flags).expect("recvmsg");
        let descriptors = control.drain().filter_map(|message| match message {
            RecvAncillaryMessage::ScmRights(descriptors) => Some(descriptors),
            _ => None,
        });
        let descriptors: Vec<OwnedFd> = descriptors.flatten().collect();
        let [master] = descriptors.try_into().expect("one descriptor");
        File::from(master)
    };
    (path, std::thread::spawn(receive))
}

/// Reads what the container prints until it has closed its side.
fn read_all(mut master: File) -> String {
    let mut text = Vec::new();
    let mut buffer = [0; 1024];
    // EIO: nobody has the other side open any more.
    while let Ok(length @ 1..) = master.read(&mut buffer) {
        text.extend_from_slice(&buffer[..length]);
    }
    String::from_utf8_lossy(&text).replace("\r\n", "\n")
}

/// What a container has printed so far, read in a thread.
struct Screen {
    text: Arc<Mutex<String>>,
    reader: JoinHandle<()>,
}

impl Screen {
    fn of(mut master: File) -> Self {
        let text = Arc::new(Mutex::new(String::new()));
        let shown = Arc::clone(&text);
        let reader = std::thread::spawn(move || {
            let mut buffer = [0; 1024];
            while let Ok(length @ 1..) = master.read(&mut buffer) {
                let piece = String::from_utf8_lossy(&buffer[..length]).replace("\r\n", "\n");
                shown.lock().expect("the screen").push_str(&piece);
            }
        });
        Self { text, reader }
    }

    fn await_text(&self, wanted: &str) {
        wait_until(wanted, || self.text.lock().expect("the screen").contains(wanted));
    }

    /// Waits until the container has closed its side.
    fn await_end(self) {
        self.reader.join().expect("the reader");
    }
}

#[test]
fn a_console_socket_is_handed_the_master() {
    let case = case!();
    let script = "stty size; tty; [ -t 0 ] && [ -t 1 ] && [ -t 2 ] && echo all; stat -c %t:%T /dev/console /dev/pts/0; ps -o tty,args | tail -1 > /dev/null; echo x > /dev/tty";
    let bundle = Bundle::script(&case, script).with(|config| {
        config["process"]["terminal"] = json!(true);
        config["process"]["consoleSize"] = json!({ "height": 33, "width": 101 });
    });
    let (socket, master) = listen(&case);
    let id = case.unused_id();
    let call =
        case.palisade().args(["create", "--console-socket"]).arg(&socket).arg("--bundle").arg(bundle.path());
    call.arg(&id).run().succeeded();
    let master = master.join().expect("a master");
    let size = tcgetwinsize(&master).expect("a size");
    assert_eq!((size.ws_row, size.ws_col), (33, 101));
    let container = Container::named(&case, &id);
    container.does("start");
    assert_eq!(read_all(master), "33 101\n/dev/pts/0\nall\n88:0\n88:0\nx\n");
    container.await_status("stopped");
    container.does("delete");
}

#[test]
fn input_signals_and_sizes_go_through_the_terminal() {
    let case = case!();
    let script = "trap 'echo size $(stty size)' WINCH; trap 'echo interrupted; exit 5' INT; echo ready; while :; do read line && echo got $line; done";
    let bundle = Bundle::script(&case, script).with(|config| config["process"]["terminal"] = json!(true));
    let (socket, master) = listen(&case);
    let id = case.unused_id();
    let call = case.palisade().args(["run", "--detach", "--console-socket"]).arg(&socket).arg("--bundle");
    call.arg(bundle.path()).arg(&id).run().succeeded();
    let mut master = master.join().expect("a master");
    let screen = Screen::of(master.try_clone().expect("duplicate the master"));
    let container = Container::named(&case, &id);
    // What is typed is echoed at once, so each step waits for the answer to the one before.
    screen.await_text("ready\n");
    master.write_all(b"hello\n").expect("type");
    screen.await_text("got hello\n");
    let size = Winsize { ws_row: 12, ws_col: 34, ws_xpixel: 0, ws_ypixel: 0 };
    tcsetwinsize(&master, size).expect("set the size");
    screen.await_text("size 12 34\n");
    // What a person's Ctrl-C is.
    master.write_all(&[3]).expect("type");
    screen.await_text("interrupted\n");
    container.await_status("stopped");
    drop(master);
    screen.await_end();
    container.does("delete");
}

#[test]
fn exec_has_a_terminal_of_its_own() {
    let case = case!();
    let container = Container::start(&case, &Bundle::script(&case, "sleep 1000"));
    let (socket, master) = listen(&case);
    let call = case.palisade().args(["exec", "--detach", "--tty", "--console-socket"]).arg(&socket);
    call.arg(container.id()).args(["sh", "-c", "tty; echo done"]).run().succeeded();
    let said = read_all(master.join().expect("a master"));
    assert_eq!(said, "/dev/pts/0\ndone\n");
    container.remove();
}

#[test]
fn a_run_with_a_terminal_relays_it() {
    let case = case!();
    let bundle = Bundle::script(&case, "tty; read line; echo got $line; exit 4")
        .with(|config| config["process"]["terminal"] = json!(true));
    let call = case.palisade().args(["run", "--bundle"]).arg(bundle.path()).arg(case.unused_id());
    let said = call.input("words\n").run();
    assert_eq!(said.code(), 4, "{said}");
    let text = said.stdout.replace("\r\n", "\n");
    // What is typed is echoed, before the program runs or after.
    for line in ["/dev/pts/0\n", "words\n", "got words\n"] {
        assert!(text.contains(line), "{line:?}: {said}");
    }
}

#[test]
fn input_that_ends_within_a_line_ends() {
    let case = case!();
    let bundle =
        Bundle::script(&case, "cat; exit 4").with(|config| config["process"]["terminal"] = json!(true));
    for (input, output) in
        [("abc", "abcabc"), ("abc\n", "abc\nabc\n"), ("one\ntwo", "one\ntwoone\ntwo"), ("", "")]
    {
        let call = case.palisade().args(["run", "--bundle"]).arg(bundle.path()).arg(case.unused_id());
        let said = call.input(input).run();
        assert_eq!(said.code(), 4, "{input:?}: {said}");
        // What is typed is echoed, whether the program has read what is before it or not.
        let sorted = |text: &str| {
            let mut bytes: Vec<u8> = text.bytes().filter(|byte| byte.is_ascii_graphic()).collect();
            bytes.sort_unstable();
            bytes
        };
        let text = said.stdout.replace("^D", "").replace('\u{8}', "");
        assert_eq!(sorted(&text), sorted(output), "{input:?}: {said}");
    }
}

#[test]
fn a_socket_that_takes_nothing_is_refused() {
    let case = case!();
    let bundle = Bundle::script(&case, "true").with(|config| config["process"]["terminal"] = json!(true));
    let file = case.scratch().join("no-socket");
    std::fs::write(&file, "").expect("write a file");
    let call =
        case.palisade().args(["create", "--console-socket"]).arg(&file).arg("--bundle").arg(bundle.path());
    let line = call.arg(case.unused_id()).run().refusal(&case);
    assert!(line.starts_with(&format!("--console-socket {}: ECONNREFUSED", file.display())), "{line}");
}
