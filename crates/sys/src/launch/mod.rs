//! The launch image: a page of machine code in a sealed memory file that makes a fixed list of system calls and
//! ends in `execve(2)`.
//!
//! A container's first process is a copy of the runtime. Were it to execute the container's program directly, that
//! program, or a `#!` line in it, could be `/proc/self/exe`, which is then the runtime's own file on the host, open
//! to whoever is root inside (CVE-2019-5736). Peers guard against this by running their whole binary again from a
//! read-only copy. Here the process first becomes this image, so that all that a container can ever reach is a
//! sealed file of a few kilobytes, whatever process the library lives in. The calls that drop rights and load the
//! seccomp filter are made from the image too, and so the filter meets nothing but the final `execve`.

mod calls;

pub use calls::{CapabilityMasks, ENTER_CALLS, FilterInstruction, START_CALLS};

use std::ffi::CStr;
use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::{MemfdFlags, SealFlags};
use rustix::io::Errno;

#[cfg(not(target_arch = "x86_64"))]
compile_error!("the launch image is written for x86_64 alone so far");

// The image is position dependent: it is mapped at BASE, so every address is known when it is put together.
const BASE: u64 = 0x40_0000;
const ELF_HEADER: usize = 64;
const PROGRAM_HEADER: usize = 56;
const CODE: usize = ELF_HEADER + 2 * PROGRAM_HEADER;

// rbx walks over the calls. A call is ten words: number, six arguments, tag, tolerated errors, what comes after it.
// A call that fails otherwise writes (tag, errno) to the report descriptor and exits with 127.
std::arch::global_asm!(
    ".pushsection .rodata",
    ".balign 8",
    "palisade_launch_begin:",
    "palisade_launch_table: .quad 0",
    "palisade_launch_report: .quad 0",
    "palisade_launch_entry:",
    "mov rbx, [rip + palisade_launch_table]",
    "2:",
    "mov rax, [rbx]",
    "mov rdi, [rbx + 8]",
    "mov rsi, [rbx + 16]",
    "mov rdx, [rbx + 24]",
    "mov r10, [rbx + 32]",
    "mov r8, [rbx + 40]",
    "mov r9, [rbx + 48]",
    // After::Descriptor of the call before; the kernel starts a program with all registers zero.
    "test r12, r12",
    "cmovnz rdi, r12",
    "xor r12d, r12d",
    // After::Byte reads to the stack, the one place that is writable.
    "cmp qword ptr [rbx + 72], 2",
    "jne 6f",
    "lea rsi, [rsp - 8]",
    "6:",
    "syscall",
    "cmp rax, -4095",
    "jae 3f",
    "cmp qword ptr [rbx + 72], 1",
    "jb 4f",
    "je 7f",
    "cmp qword ptr [rbx + 72], 3",
    "je 9f",
    "cmp qword ptr [rbx + 72], 4",
    "je palisade_launch_announce",
    "cmp qword ptr [rbx + 72], 5",
    "je palisade_launch_listen",
    "test rax, rax",
    "jz 8f",
    "4:",
    "add rbx, 80",
    "jmp 2b",
    "9:",
    "mov r12, rax",
    "jmp 4b",
    // After::Announce: a word of the stack is made zero, and its address told.
    "palisade_launch_announce:",
    "lea rax, [rsp - 256]",
    "mov qword ptr [rax], 0",
    "push rax",
    "mov rax, 1",
    "shl rax, 63",
    "inc rax",
    "push rax",
    "mov eax, 1",
    "mov rdi, [rip + palisade_launch_report]",
    "mov rsi, rsp",
    "mov edx, 16",
    "syscall",
    "add rsp, 16",
    "jmp 4b",
    // After::Listen: the descriptor and one goes into that word, until somebody else changes it. From here on the
    // filter is in force: to wait in any other way would be a call. An end that nobody can be told of is a crash.
    "palisade_launch_listen:",
    "inc rax",
    "mov [rsp - 256], rax",
    "mov ecx, 0x40000000",
    "palisade_launch_spin:",
    "pause",
    "cmp [rsp - 256], rax",
    "jne 4b",
    "dec rcx",
    "jnz palisade_launch_spin",
    "ud2",
    // After::Fork: the child goes on, its parent tells the number and ends.
    "7:",
    "test rax, rax",
    "jz 4b",
    "push rax",
    "mov rax, 1",
    "shl rax, 63",
    "push rax",
    "mov eax, 1",
    "mov rdi, [rip + palisade_launch_report]",
    "mov rsi, rsp",
    "mov edx, 16",
    "syscall",
    "mov eax, 231",
    "xor edi, edi",
    "syscall",
    "3:",
    "neg rax",
    "cmp rax, 63",
    "ja 5f",
    "bt qword ptr [rbx + 64], rax",
    "jc 4b",
    "5:",
    "push rax",
    "push qword ptr [rbx + 56]",
    "mov eax, 1",
    "mov rdi, [rip + palisade_launch_report]",
    "mov rsi, rsp",
    "mov edx, 16",
    "syscall",
    // After::Byte at the end of the file: whoever was to let go is gone, and so is whoever would hear of it.
    "8:",
    "mov eax, 231",
    "mov edi, 127",
    "syscall",
    "hlt",
    "palisade_launch_end:",
    ".popsection",
);

unsafe extern "C" {
    static palisade_launch_begin: u8;
    static palisade_launch_entry: u8;
    static palisade_launch_end: u8;
}

/// With which errors of a call the image goes on with the next one, a bit for each errno below 64. With any other
/// it reports the call's tag and the errno and exits with 127.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tolerated(u64);

impl Tolerated {
    /// Every failure is reported.
    pub const NONE: Self = Self(0);
    /// The capability is unknown to this kernel.
    pub const INVALID: Self = Self(1 << libc::EINVAL);
    /// The kernel was built without the call.
    pub const ABSENT: Self = Self(1 << libc::ENOSYS);
    /// The file is not there or may not be executed, as `execvp(3)` searches on.
    pub const MISSING: Self = Self(1 << libc::ENOENT | 1 << libc::ENOTDIR | 1 << libc::EACCES);
}

/// What becomes of the process after a call that did not fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum After {
    /// It goes on with the next call.
    GoOn = 0,
    /// The call was a clone: the child goes on; the parent reports its number under the tag [`FORKED`] and ends.
    Fork = 1,
    /// The call was a read, of one byte into the stack: at the end of the file the process ends.
    Byte = 2,
    /// The call gave a descriptor, which is the first argument of the next call.
    Descriptor = 3,
    /// The address of a word is reported under the tag [`LISTENS`]; the call does not matter.
    Announce = 4,
    /// The call gave a descriptor, which is one less than what is in that word now; it goes on when the word is changed.
    Listen = 5,
}

/// The tag under which an image reports the number of the process that it goes on in.
pub const FORKED: u64 = 1 << 63;

/// The tag under which an image reports where it will say which descriptor listens to its filter.
pub const LISTENS: u64 = 1 << 63 | 1;

/// The tag under which an image reports that it is about to wait; see [`Program::say_ready`].
pub const READY: u64 = 1 << 63 | 2;

/// A list of system calls that becomes a launch image.
#[derive(Debug, Default)]
pub struct Program {
    calls: Vec<[u64; 10]>,
    data: Vec<u8>,
}

/// The size in bytes of what a failed image writes to its report descriptor: tag and errno, a `u64` each.
pub const REPORT_SIZE: usize = 16;

impl Program {
    /// Makes an empty program.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Places bytes in the image, aligned to 8, and returns the address that they will have.
    pub fn bytes(&mut self, bytes: &[u8]) -> u64 {
        self.data.resize(self.data.len().next_multiple_of(8), 0);
        let address = BASE + (data_offset() + self.data.len()) as u64;
        self.data.extend_from_slice(bytes);
        address
    }

    /// Places a string in the image.
    pub fn string(&mut self, text: &CStr) -> u64 {
        self.bytes(text.to_bytes_with_nul())
    }

    /// Places words in the image.
    pub fn words(&mut self, words: &[u64]) -> u64 {
        let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        self.bytes(&bytes)
    }

    /// Places a null-terminated array of strings, as `execve(2)` takes it.
    pub fn string_array<S: AsRef<CStr>>(&mut self, strings: &[S]) -> u64 {
        let mut addresses: Vec<u64> = strings.iter().map(|text| self.string(text.as_ref())).collect();
        addresses.push(0);
        self.words(&addresses)
    }

    /// Appends a system call. `tag` names it in a report.
    pub fn call(&mut self, number: i64, arguments: &[u64], tag: u64, tolerated: Tolerated) {
        self.call_then(number, arguments, tag, tolerated, After::GoOn);
    }

    fn call_then(&mut self, number: i64, arguments: &[u64], tag: u64, tolerated: Tolerated, after: After) {
        let mut call = [0; 10];
        call[0] = number.cast_unsigned();
        for (place, argument) in call[1..7].iter_mut().zip(arguments) {
            *place = *argument;
        }
        call[7] = tag;
        call[8] = tolerated.0;
        call[9] = after as u64;
        self.calls.push(call);
    }

    /// Writes the image into a sealed memory file that can be executed by [`execute`]. `report` is the number of
    /// the descriptor to which a failure is reported. The last call must be an `execve` that does not continue.
    ///
    /// # Errors
    /// EACCES when the sysctl `vm.memfd_noexec` is 2 (Linux 6.3): memory files cannot be executed then.
    pub fn seal(self, report: u64) -> Result<OwnedFd, Errno> {
        let image = self.image(report);
        let name = c"palisade-launch";
        let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
        // MFD_EXEC is unknown before Linux 6.3, where every memory file can be executed.
        let file = match rustix::fs::memfd_create(name, flags | MemfdFlags::EXEC) {
            Err(Errno::INVAL) => rustix::fs::memfd_create(name, flags)?,
            other => other?,
        };
        let written = rustix::io::write(&file, &image)?;
        if written != image.len() {
            return Err(Errno::NOSPC);
        }
        let seals = SealFlags::WRITE | SealFlags::GROW | SealFlags::SHRINK | SealFlags::SEAL;
        rustix::fs::fcntl_add_seals(&file, seals)?;
        Ok(file)
    }

    fn image(mut self, report: u64) -> Vec<u8> {
        let table: Vec<u64> = std::mem::take(&mut self.calls).into_iter().flatten().collect();
        let table_address = self.words(&table);
        let mut code = code().to_vec();
        code[0..8].copy_from_slice(&table_address.to_le_bytes());
        code[8..16].copy_from_slice(&report.to_le_bytes());
        let size = data_offset() + self.data.len();
        let mut image = headers(BASE + (CODE + entry_offset()) as u64, size as u64);
        image.extend_from_slice(&code);
        image.resize(data_offset(), 0);
        image.extend_from_slice(&self.data);
        image
    }
}

/// Replaces the calling process by a launch image. Returns only when that failed.
///
/// # Errors
/// Those of [execveat(2)](https://man7.org/linux/man-pages/man2/execveat.2.html). Since Linux 3.19.
pub fn execute(image: impl AsFd) -> Errno {
    use std::os::fd::AsRawFd;
    let nothing: [*const libc::c_char; 1] = [std::ptr::null()];
    let name = c"palisade-launch";
    let arguments = [name.as_ptr(), std::ptr::null()];
    // SAFETY: all pointers are to null-terminated data that lives until the call returns, if it does.
    unsafe {
        libc::syscall(
            libc::SYS_execveat,
            image.as_fd().as_raw_fd(),
            c"".as_ptr(),
            arguments.as_ptr(),
            nothing.as_ptr(),
            libc::AT_EMPTY_PATH,
        );
        Errno::from_raw_os_error(*libc::__errno_location())
    }
}

fn code() -> &'static [u8] {
    let begin = &raw const palisade_launch_begin;
    let end = &raw const palisade_launch_end;
    // SAFETY: both symbols delimit one block of read-only data that global_asm! placed above.
    unsafe { std::slice::from_raw_parts(begin, end.addr() - begin.addr()) }
}

fn entry_offset() -> usize {
    (&raw const palisade_launch_entry).addr() - (&raw const palisade_launch_begin).addr()
}

fn data_offset() -> usize {
    (CODE + code().len()).next_multiple_of(16)
}

/// The ELF header and two program headers: the whole file readable and executable, the stack not executable.
fn headers(entry: u64, size: u64) -> Vec<u8> {
    let mut out = vec![0x7f, b'E', b'L', b'F', 2, 1, 1, 0];
    out.resize(16, 0);
    let (executable, x86_64, version) = (2u16, 62u16, 1u32);
    out.extend_from_slice(&executable.to_le_bytes());
    out.extend_from_slice(&x86_64.to_le_bytes());
    out.extend_from_slice(&version.to_le_bytes());
    for word in [entry, ELF_HEADER as u64, 0] {
        out.extend_from_slice(&word.to_le_bytes());
    }
    out.extend_from_slice(&0u32.to_le_bytes());
    for half in [64u16, 56, 2, 64, 0, 0] {
        out.extend_from_slice(&half.to_le_bytes());
    }
    program_header(&mut out, 1, 4 | 1, size);
    let (gnu_stack, read_write) = (0x6474_e551, 4 | 2);
    program_header(&mut out, gnu_stack, read_write, 0);
    out
}

fn program_header(out: &mut Vec<u8>, kind: u32, access: u32, size: u64) {
    out.extend_from_slice(&kind.to_le_bytes());
    out.extend_from_slice(&access.to_le_bytes());
    let address = if size == 0 { 0 } else { BASE };
    for word in [0, address, address, size, size, 4096] {
        out.extend_from_slice(&word.to_le_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    fn run(program: Program, report: std::os::fd::RawFd) -> i32 {
        let image = program.seal(u64::try_from(report).unwrap()).unwrap();
        let spawned = crate::clone::spawn(0, None, &mut || {
            let _ = execute(&image);
            99
        })
        .unwrap();
        let status = rustix::process::waitpid(Some(spawned.pid), rustix::process::WaitOptions::empty());
        status.unwrap().unwrap().1.exit_status().unwrap()
    }

    #[test]
    fn the_last_call_becomes_the_program() {
        let mut program = Program::new();
        let path = program.string(c"/bin/sh");
        let arguments = program.string_array(&[c"sh", c"-c", c"test \"$A\" = b && exit 7"]);
        let environment = program.string_array(&[c"A=b"]);
        program.call(libc::SYS_execve, &[0, 0, 0], 1, Tolerated(1 << libc::EFAULT));
        program.call(libc::SYS_execve, &[path, arguments, environment], 2, Tolerated::NONE);
        assert_eq!(run(program, 2), 7);
    }

    #[test]
    fn a_file_is_written_below_a_directory_and_on_no_other_mount() {
        let directory = rustix::fs::open("/", rustix::fs::OFlags::PATH, rustix::fs::Mode::empty()).unwrap();
        let number = |file: &OwnedFd| u64::try_from(std::os::fd::AsRawFd::as_raw_fd(file)).unwrap();
        let file = std::env::temp_dir().join(format!("palisade-launch-{}", std::process::id()));
        std::fs::write(&file, "").unwrap();
        let same_mount = rustix::fs::stat(&file).unwrap().st_dev == rustix::fs::stat("/").unwrap().st_dev;
        let name = std::ffi::CString::new(file.strip_prefix("/").unwrap().to_str().unwrap()).unwrap();
        let write = |name: &CStr| {
            let mut program = Program::new();
            program.write_below(number(&directory), name, c"a label", 1);
            program.close(number(&directory), 2);
            program.call(libc::SYS_exit_group, &[5], 3, Tolerated::NONE);
            run(program, 2)
        };
        assert_eq!(write(c"proc/self/comm"), 127, "another mount");
        let status = write(&name);
        let written = std::fs::read_to_string(&file).unwrap();
        std::fs::remove_file(&file).unwrap();
        if same_mount {
            assert_eq!((status, written.as_str()), (5, "a label"));
        } else {
            assert_eq!((status, written.as_str()), (127, ""));
        }
    }

    #[test]
    fn a_session_keyring_without_a_name_holds_no_key_of_the_one_before() {
        const KEYCTL_SEARCH: u64 = 10;
        const SESSION: u64 = 0xffff_fffd;
        if !std::fs::exists("/proc/keys").unwrap() {
            eprintln!("SKIPPED: the kernel has no keys");
            return;
        }
        let finds_key = |leaves: bool| {
            let mut program = Program::new();
            let [kind, key] = [program.string(c"user"), program.string(c"palisade-launch")];
            program.session_keyring(Some(c"palisade-launch"), 1);
            program.call(libc::SYS_add_key, &[kind, key, key, 8, SESSION], 2, Tolerated::NONE);
            if leaves {
                program.session_keyring(None, 3);
            }
            program.call(libc::SYS_keyctl, &[KEYCTL_SEARCH, SESSION, kind, key, 0], 4, Tolerated::NONE);
            program.call(libc::SYS_exit_group, &[5], 5, Tolerated::NONE);
            run(program, 2)
        };
        assert_eq!(finds_key(false), 5);
        assert_eq!(finds_key(true), 127);
    }

    #[test]
    fn a_failed_call_is_reported_with_its_tag() {
        use std::os::fd::AsRawFd;
        let (mut reader, writer) = std::io::pipe().unwrap();
        // The launch image closes what is close-on-exec, so this one is not.
        rustix::io::fcntl_setfd(&writer, rustix::io::FdFlags::empty()).unwrap();
        let mut program = Program::new();
        let path = program.string(c"/does/not/exist");
        program.call(libc::SYS_execve, &[path, 0, 0], 41, Tolerated::NONE);
        assert_eq!(run(program, writer.as_raw_fd()), 127);
        let mut report = [0u8; REPORT_SIZE];
        reader.read_exact(&mut report).unwrap();
        assert_eq!(u64::from_le_bytes(report[..8].try_into().unwrap()), 41);
        assert_eq!(u64::from_le_bytes(report[8..].try_into().unwrap()), libc::ENOENT as u64);
    }

    #[test]
    fn the_child_of_a_fork_goes_on_once_it_is_let() {
        use rustix::net::{
            AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, recv, send, socketpair,
        };
        use std::os::fd::AsRawFd;
        let (host, image) =
            socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::empty(), None).unwrap();
        let number = u64::try_from(image.as_raw_fd()).unwrap();
        let mut program = Program::new();
        program.fork(1);
        program.await_byte(number, 2);
        let path = program.string(c"/bin/sh");
        let arguments = program.string_array(&[c"sh", c"-c", c"exit 9"]);
        program.call(libc::SYS_execve, &[path, arguments, 0], 3, Tolerated::NONE);
        assert_eq!(run(program, image.as_raw_fd()), 0, "the parent ends");
        let mut report = [0u8; REPORT_SIZE];
        assert_eq!(recv(&host, &mut report, RecvFlags::empty()).unwrap().0, REPORT_SIZE);
        assert_eq!(u64::from_le_bytes(report[..8].try_into().unwrap()), FORKED);
        let pid = u64::from_le_bytes(report[8..].try_into().unwrap());
        send(&host, b"0", SendFlags::empty()).unwrap();
        let pid = rustix::process::Pid::from_raw(i32::try_from(pid).unwrap());
        let status = rustix::process::waitpid(pid, rustix::process::WaitOptions::empty()).unwrap();
        assert_eq!(status.unwrap().1.exit_status(), Some(9));
    }

    #[test]
    fn whoever_nobody_can_let_go_ends() {
        use std::os::fd::AsRawFd;
        let (reader, writer) = std::io::pipe().unwrap();
        rustix::io::fcntl_setfd(&reader, rustix::io::FdFlags::empty()).unwrap();
        drop(writer);
        let mut program = Program::new();
        program.await_byte(u64::try_from(reader.as_raw_fd()).unwrap(), 1);
        program.call(libc::SYS_exit_group, &[3], 2, Tolerated::NONE);
        assert_eq!(run(program, 2), 127);
    }

    #[test]
    fn an_image_cannot_be_written() {
        let mut program = Program::new();
        program.call(libc::SYS_exit_group, &[0], 0, Tolerated::NONE);
        let image = program.seal(2).unwrap();
        assert_eq!(rustix::io::pwrite(&image, b"x", 0), Err(Errno::PERM));
        assert_eq!(rustix::fs::ftruncate(&image, 0), Err(Errno::PERM));
    }
}
