//! Every block of commands in the book is run, and what it prints is compared with what the book says.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use palisade_tests::page::{self, Block};
use palisade_tests::{Case, Cgroups, case, skip};
use rustix::process::{Pid, Signal, kill_process_group};

/// How long a command of the book may take.
const LIMIT: Duration = Duration::from_secs(60);
/// What the shell says when a command has ended.
const END: &str = "--- the end of a command of the book ---";

macro_rules! pages {
    ($($name:ident => $file:literal),+ $(,)?) => {
        $(#[test]
        fn $name() {
            let case = case!();
            run(&case, $file, include_str!(concat!("../../docs/book/", $file)));
        })+
    };
}

pages! {
    before_the_first_page => "first.md",
    control_groups_of_version_1 => "cgroup-v1.md",
    limits => "limits.md",
    control_groups_of_version_2 => "cgroup-v2.md",
    namespaces => "namespaces.md",
    networks => "network.md",
    a_container => "container.md",
}

/// Runs the blocks of a page that are for this machine and this user, in one shell.
fn run(case: &Case, file: &str, text: &str) {
    let blocks = page::parse(text).unwrap_or_else(|why| panic!("docs/book/{file}: {why}"));
    let mut mine: Vec<Block> = blocks.into_iter().filter(|block| is_for(case, block)).collect();
    let missing: Vec<String> =
        mine.iter().flat_map(|block| block.needs.clone()).filter(|name| !is_there(name)).collect();
    if !missing.is_empty() {
        case.say_skipped(&format!("the blocks of docs/book/{file} that take {}", missing.join(", ")));
        mine.retain(|block| block.needs.iter().all(|name| !missing.contains(name)));
    }
    if mine.is_empty() {
        skip!(case, "docs/book/{file} has nothing for this machine and user");
    }
    let mut shell = Shell::start(case);
    for block in &mine {
        for command in &block.commands {
            let printed = shell.run(&command.typed).replace(&case.id(""), "");
            let place = format!("docs/book/{file}, block at line {}", block.line);
            assert!(
                command.matches(&printed),
                "{place}: $ {}\nis said to print\n{}\nand printed\n{printed}",
                command.typed,
                command.printed.join("\n"),
            );
        }
    }
    shell.end();
}

fn is_for(case: &Case, block: &Block) -> bool {
    let machine = case.tier().cgroups().unwrap_or_else(this_machine);
    block.privilege == case.tier().privilege() && block.machines.contains(&machine)
}

/// What a host has mounted.
fn this_machine() -> Cgroups {
    let mounts = std::fs::read_to_string("/proc/self/mounts").expect("read /proc/self/mounts");
    let has = |kind| mounts.lines().any(|line| line.split(' ').nth(2) == Some(kind));
    match (has("cgroup"), has("cgroup2")) {
        (true, true) => Cgroups::Hybrid,
        (true, false) => Cgroups::V1,
        _ => Cgroups::V2,
    }
}

fn is_there(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|directory| directory.join(program).exists())
}

/// A shell that a page is typed into.
struct Shell {
    child: Child,
    /// None when nothing more is typed.
    input: Option<ChildStdin>,
    lines: Receiver<String>,
}

impl Shell {
    fn start(case: &Case) -> Self {
        let pal = std::env::var_os("PAL_BIN").expect("PAL_BIN");
        let programs = Path::new(&pal).parent().expect("a directory").to_owned();
        let path = std::env::var_os("PATH").unwrap_or_default();
        let path =
            std::env::join_paths([programs].into_iter().chain(std::env::split_paths(&path))).expect("a PATH");
        let mut command = Command::new("/bin/sh");
        command.current_dir(case.scratch()).env("PATH", path).env("NO_COLOR", "1").env("LC_ALL", "C");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.process_group(0).spawn().expect("start /bin/sh");
        let output = BufReader::new(child.stdout.take().expect("its output"));
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            // Nobody listens any more where the page has failed.
            output.lines().map_while(Result::ok).try_for_each(|line| sender.send(line))
        });
        let mut input = child.stdin.take().expect("its input");
        writeln!(input, "exec 2>&1").expect("type");
        Self { child, input: Some(input), lines }
    }

    /// Types a command and returns what is printed until it has ended.
    fn run(&mut self, typed: &str) -> String {
        // The shell's own input is this, which a command must not read.
        let input = self.input.as_mut().expect("a shell that has not ended");
        writeln!(input, "{{ {typed}\n}} </dev/null\necho '{END}'").expect("type");
        let mut printed = String::new();
        loop {
            match self.lines.recv_timeout(LIMIT) {
                // What is printed last may lack its newline.
                Ok(line) => match line.strip_suffix(END) {
                    Some("") => return printed,
                    Some(rest) => return printed + rest + "\n",
                    None => printed.push_str(&format!("{line}\n")),
                },
                Err(RecvTimeoutError::Timeout) => panic!("{typed}: it has not ended; it printed\n{printed}"),
                Err(RecvTimeoutError::Disconnected) => {
                    panic!("{typed}: the shell has ended; it printed\n{printed}")
                }
            }
        }
    }

    fn end(&mut self) {
        self.input = None;
        assert!(self.child.wait().expect("wait for the shell").code().is_some(), "the shell was killed");
    }
}

impl Drop for Shell {
    /// Ends a shell whose page has failed, and the loops that it may be in.
    fn drop(&mut self) {
        if self.input.is_some() {
            let group = Pid::from_child(&self.child);
            // It may have ended by itself.
            let _killed = kill_process_group(group, Signal::KILL);
            let _end = self.child.wait();
        }
    }
}
