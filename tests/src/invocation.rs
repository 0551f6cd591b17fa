//! A call of a program, with a time limit and all that it printed.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::os::fd::AsRawFd;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use std::sync::{Mutex, PoisonError};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open};

use crate::case::{Case, check_interrupt};
use crate::leak::reap_adopted;
use crate::pretence;

/// How long a call may take where the test says nothing else; an emulated machine is some ten times slower.
const LIMIT: Duration = Duration::from_secs(60);

/// How often a wait looks whether somebody wants the run to stop.
const GLANCE: Timespec = Timespec { tv_sec: 0, tv_nsec: 50_000_000 };

static CALLS: AtomicU32 = AtomicU32::new(0);

/// The programs that were started and not yet waited for. What else ends below this process it has adopted.
static STARTED: Mutex<Vec<Pid>> = Mutex::new(Vec::new());

/// A call that is being put together.
#[derive(Debug)]
pub struct Invocation<'a> {
    case: &'a Case,
    pub(crate) command: Command,
    limit: Duration,
    input: Vec<u8>,
    without: Vec<String>,
}

/// A program that runs.
#[derive(Debug)]
pub struct Running {
    words: String,
    child: Child,
    deadline: Instant,
    stdout: PathBuf,
    stderr: PathBuf,
}

/// A program that ran.
#[derive(Clone, Debug)]
pub struct Finished {
    /// The call, as a person would type it.
    pub words: String,
    /// How it ended.
    pub status: ExitStatus,
    /// All of its standard output.
    pub stdout: String,
    /// All of its standard error.
    pub stderr: String,
}

impl<'a> Invocation<'a> {
    pub(crate) fn new(case: &'a Case, program: &Path) -> Self {
        Self { case, command: Command::new(program), limit: LIMIT, input: Vec::new(), without: Vec::new() }
    }

    /// Adds an argument.
    #[must_use]
    pub fn arg(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.command.arg(argument);
        self
    }

    /// Adds arguments.
    #[must_use]
    pub fn args(mut self, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Self {
        self.command.args(arguments);
        self
    }

    /// Sets a variable of the environment.
    #[must_use]
    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// Sets the working directory.
    #[must_use]
    pub fn directory(mut self, path: impl AsRef<Path>) -> Self {
        self.command.current_dir(path);
        self
    }

    /// Runs the program as this user and group of users, with no others; takes root.
    #[must_use]
    pub fn user(mut self, id: u32) -> Self {
        self.command.uid(id).gid(id);
        self
    }

    /// Sets what the program reads; without it that is nothing.
    #[must_use]
    pub fn input(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.input = bytes.into();
        self
    }

    /// Pretends that the kernel does not have these calls, by the names that [`crate::pretence`] knows.
    #[must_use]
    pub fn without(mut self, calls: &[&str]) -> Self {
        self.without.extend(calls.iter().map(|call| (*call).to_owned()));
        self
    }

    /// Sets how long the program may run.
    #[must_use]
    pub fn limit(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// Starts the program.
    ///
    /// It writes to files: a container that outlives the call would keep a pipe open, and the reader waiting.
    ///
    /// # Panics
    /// When it cannot be started.
    #[must_use]
    pub fn spawn(mut self) -> Running {
        check_interrupt();
        let [stdin, stdout, stderr] = self.files(["stdin", "stdout", "stderr"]);
        fs::write(&stdin, &self.input).expect("write what the program reads");
        let open = |path: &Path| File::create(path).expect("create a file for output");
        self.command.stdin(File::open(&stdin).map(Stdio::from).expect("open what the program reads"));
        self.command.stdout(open(&stdout)).stderr(open(&stderr));
        let words = self.words();
        let old_kernel = (!self.without.is_empty()).then(|| pretence::image(&self.command, &self.without));
        if let Some(image) = &old_kernel {
            // The child opens it before the exec closes it, and all that it needs is in it.
            let mut command = Command::new(format!("/proc/self/fd/{}", image.as_raw_fd()));
            if let Some(directory) = self.command.get_current_dir() {
                command.current_dir(directory);
            }
            let [stdin, stdout, stderr] =
                [&stdin, &stdout, &stderr].map(|path| File::options().read(true).append(true).open(path));
            command.stdin(stdin.expect("open")).stdout(stdout.expect("open")).stderr(stderr.expect("open"));
            self.command = command;
        }
        self.start(words, stdout, stderr)
    }

    /// Starts the program with the standard streams that were set, of which these files hold the last two in the end.
    pub(crate) fn start(mut self, words: String, stdout: PathBuf, stderr: PathBuf) -> Running {
        let mut started = STARTED.lock().unwrap_or_else(PoisonError::into_inner);
        let child = self.command.spawn().unwrap_or_else(|error| panic!("execute {words}: {error}"));
        started.push(Pid::from_child(&child));
        drop(started);
        Running { words, child, deadline: Instant::now() + self.limit, stdout, stderr }
    }

    /// The call, as a person would type it.
    pub(crate) fn words(&self) -> String {
        let program = self.command.get_program().to_string_lossy().into_owned();
        let arguments = self.command.get_args().map(OsStr::to_string_lossy);
        std::iter::once(program.as_str().into()).chain(arguments).collect::<Vec<_>>().join(" ")
    }

    /// Names files of the scratch directory for the streams of a call.
    pub(crate) fn files<const N: usize>(&self, kinds: [&str; N]) -> [PathBuf; N] {
        let number = CALLS.fetch_add(1, Ordering::Relaxed);
        kinds.map(|kind| self.case.scratch().join(format!("call-{number}.{kind}")))
    }

    /// Runs the program to its end.
    ///
    /// # Panics
    /// When it cannot be started or exceeds its time limit.
    #[must_use]
    pub fn run(self) -> Finished {
        self.spawn().wait()
    }
}

impl Running {
    /// The number of the process.
    ///
    /// # Panics
    /// Never: a child has a number.
    #[must_use]
    pub fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    /// Sends a signal to the process.
    ///
    /// # Panics
    /// When the kernel refuses.
    pub fn signal(&self, signal: Signal) {
        kill_process(self.pid(), signal).unwrap_or_else(|error| panic!("kill {}: {error}", self.words));
    }

    /// Reads what the program has printed so far.
    ///
    /// # Panics
    /// When the file cannot be read.
    #[must_use]
    pub fn stdout(&self) -> String {
        text(&self.stdout)
    }

    /// Waits for the end.
    ///
    /// # Panics
    /// When the time limit is over, with all that was printed; the program is killed then.
    #[must_use]
    pub fn wait(mut self) -> Finished {
        let pidfd = pidfd_open(self.pid(), PidfdFlags::empty()).expect("pidfd_open");
        loop {
            let ready = poll(&mut [PollFd::new(&pidfd, PollFlags::IN)], Some(&GLANCE)).unwrap_or(0);
            if ready > 0 {
                break;
            }
            check_interrupt();
            // As below a container engine: until somebody has waited for a process that was executed in a container,
            // the kernel lets the first process of that not go.
            reap_adopted(&STARTED.lock().unwrap_or_else(PoisonError::into_inner));
            if Instant::now() > self.deadline {
                self.child.kill().expect("kill a program that runs too long");
                let status = self.child.wait().expect("wait for what was killed");
                panic!("ran longer than it may: {}", self.finished(status));
            }
        }
        let status = self.child.wait().expect("wait for a program that ended");
        STARTED.lock().unwrap_or_else(PoisonError::into_inner).retain(|pid| *pid != self.pid());
        self.finished(status)
    }

    fn finished(&self, status: ExitStatus) -> Finished {
        let words = self.words.clone();
        Finished { words, status, stdout: text(&self.stdout), stderr: text(&self.stderr) }
    }
}

impl Finished {
    /// The exit code, or 128 and the number of the signal.
    #[must_use]
    pub fn code(&self) -> i32 {
        self.status.code().or_else(|| self.status.signal().map(|signal| 128 + signal)).unwrap_or(-1)
    }

    /// Demands an exit code of 0.
    ///
    /// # Panics
    /// On any other, with all that was printed.
    #[track_caller]
    pub fn succeeded(self) -> Self {
        assert!(self.status.success(), "failed: {self}");
        self
    }

    /// Demands this exit code, and a message on standard error.
    ///
    /// # Panics
    /// On any other and on silence, with all that was printed.
    #[track_caller]
    pub fn failed(self, code: i32) -> Self {
        assert_eq!(self.code(), code, "{self}");
        assert!(!self.stderr.trim().is_empty(), "fails without a word: {self}");
        self
    }

    /// Demands that `palisade` refused: nothing on standard output, one line on standard error, nothing left on the
    /// machine. Gives the line without the program's name.
    ///
    /// # Panics
    /// When it did anything else.
    #[must_use]
    #[track_caller]
    pub fn refusal(self, case: &Case) -> String {
        let line = self.refusal_line().unwrap_or_else(|wrong| panic!("{wrong}: {self}"));
        case.expect_nothing_left(&self);
        line
    }

    /// The one line of a refusal without the program's name, or what is wrong with it.
    ///
    /// # Errors
    /// A call that succeeded, and one that printed anything else.
    pub fn refusal_line(&self) -> Result<String, &'static str> {
        if self.status.success() {
            return Err("is not refused");
        }
        if !self.stdout.is_empty() {
            return Err("prints although it is refused");
        }
        match self.stderr.strip_prefix("palisade: ").and_then(|line| line.strip_suffix('\n')) {
            None => Err("no line of palisade"),
            Some(line) if line.contains('\n') => Err("more than one line"),
            Some(line) if line.contains("panicked") => Err("panics"),
            Some(line) => Ok(line.to_owned()),
        }
    }
}

impl std::fmt::Display for Finished {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { words, status, stdout, stderr } = self;
        write!(f, "{words}\n{status}\nstdout:\n{stdout}\nstderr:\n{stderr}")
    }
}

fn text(path: &Path) -> String {
    let bytes = fs::read(path).unwrap_or_else(|error| panic!("read {}: {error}", path.display()));
    String::from_utf8_lossy(&bytes).into_owned()
}
