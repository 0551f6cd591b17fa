//! A program at a terminal, as a person has it.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use rustix::process::Signal;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcgetattr, tcsetwinsize};

use crate::container::wait_until;
use crate::invocation::{Finished, Invocation, Running};

/// A program that leads a session at a terminal, and whoever types there.
#[derive(Debug)]
pub struct Person {
    running: Running,
    master: File,
    seen: Arc<Mutex<Vec<u8>>>,
    reader: JoinHandle<()>,
    output: std::path::PathBuf,
}

impl Invocation<'_> {
    /// Starts the program at a new terminal of this size, which is its controlling terminal.
    ///
    /// # Panics
    /// When there is no terminal, or the program cannot be started.
    #[must_use]
    pub fn at_terminal(mut self, rows: u16, columns: u16) -> Person {
        let (master, slave) = pair();
        tcsetwinsize(&master, size(rows, columns)).expect("set the size of a terminal");
        let [output, errors] = self.files(["stdout", "stderr"]);
        fs::write(&errors, "").expect("make a file for output");
        self.command = leader_of(&self.command);
        let duplicate = || slave.try_clone().expect("duplicate a terminal");
        self.command.stdin(duplicate()).stdout(duplicate()).stderr(duplicate());
        fs::write(&output, "").expect("make a file for output");
        let words = self.words();
        let running = self.start(words, output.clone(), errors);
        drop(slave);
        let seen = Arc::new(Mutex::new(Vec::new()));
        let reader = std::thread::spawn({
            let (master, seen) = (master.try_clone().expect("duplicate a terminal"), Arc::clone(&seen));
            move || read(master, &seen)
        });
        Person { running, master, seen, reader, output }
    }
}

impl Person {
    /// Waits until the screen has shown `text`.
    ///
    /// # Panics
    /// When it does not.
    #[track_caller]
    pub fn sees(&self, text: &str) {
        wait_until(&format!("{text:?} on the screen"), || self.screen().contains(text));
    }

    /// All that the terminal has shown so far, without carriage returns.
    #[must_use]
    pub fn screen(&self) -> String {
        text(&self.seen)
    }

    /// Types.
    ///
    /// # Panics
    /// When the terminal takes nothing.
    pub fn types(&mut self, text: &str) {
        self.master.write_all(text.as_bytes()).expect("type");
    }

    /// Gives the terminal another size.
    ///
    /// # Panics
    /// When the kernel refuses.
    pub fn resizes(&self, rows: u16, columns: u16) {
        tcsetwinsize(&self.master, size(rows, columns)).expect("set the size of a terminal");
    }

    /// Tells how the terminal treats what is typed and shown.
    ///
    /// # Panics
    /// When the kernel does not say.
    #[must_use]
    pub fn modes(&self) -> String {
        format!("{:?}", tcgetattr(&self.master).expect("the modes of a terminal"))
    }

    /// Sends a signal to the program.
    ///
    /// # Panics
    /// When the kernel refuses.
    pub fn signal(&self, signal: Signal) {
        self.running.signal(signal);
    }

    /// Waits for the end of the program; what the terminal showed is its standard output.
    ///
    /// # Panics
    /// When the time limit is over.
    #[must_use]
    pub fn wait(self) -> Finished {
        let mut said = self.running.wait();
        drop(self.master);
        self.reader.join().expect("what the terminal showed");
        said.stdout = text(&self.seen);
        fs::remove_file(self.output).expect("remove a file");
        said
    }
}

fn text(seen: &Mutex<Vec<u8>>) -> String {
    let seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
    String::from_utf8_lossy(&seen).replace('\r', "")
}

fn pair() -> (File, OwnedFd) {
    let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).expect("openpt");
    grantpt(&master).expect("grantpt");
    unlockpt(&master).expect("unlockpt");
    let name = ptsname(&master, Vec::new()).expect("ptsname");
    let flags = rustix::fs::OFlags::RDWR | rustix::fs::OFlags::NOCTTY | rustix::fs::OFlags::CLOEXEC;
    let slave = rustix::fs::open(name, flags, rustix::fs::Mode::empty()).expect("open a terminal");
    (File::from(master), slave)
}

fn size(rows: u16, columns: u16) -> Winsize {
    Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 }
}

/// Wraps a command so that it leads a session and its standard input becomes the controlling terminal.
fn leader_of(command: &Command) -> Command {
    let mut leader = Command::new("setsid");
    leader.arg("-c").arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => leader.env(name, value),
            None => leader.env_remove(name),
        };
    }
    if let Some(directory) = command.get_current_dir() {
        leader.current_dir(directory);
    }
    leader
}

/// Reads until the program and all to whom it gave the terminal have closed it.
fn read(mut master: File, seen: &Mutex<Vec<u8>>) {
    let mut buffer = [0; 1024];
    // EIO: nobody has the other side open any more.
    while let Ok(length @ 1..) = master.read(&mut buffer) {
        seen.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(&buffer[..length]);
    }
}
