//! The part of bpf(2) that decides on the devices of a control group: `BPF_PROG_TYPE_CGROUP_DEVICE`.
//!
//! Kernel 4.15; `BPF_F_REPLACE` 5.6. Needs CAP_BPF and CAP_NET_ADMIN, or CAP_SYS_ADMIN.
//! <https://man7.org/linux/man-pages/man2/bpf.2.html>

use rustix::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use rustix::io::Errno;

const BPF_PROG_LOAD: libc::c_int = 5;
const BPF_PROG_ATTACH: libc::c_int = 8;
const BPF_PROG_DETACH: libc::c_int = 9;
const BPF_PROG_GET_FD_BY_ID: libc::c_int = 13;
const BPF_OBJ_GET_INFO_BY_FD: libc::c_int = 15;
const BPF_PROG_QUERY: libc::c_int = 16;

const BPF_PROG_TYPE_CGROUP_DEVICE: u32 = 15;
const BPF_CGROUP_DEVICE: u32 = 6;
const BPF_F_ALLOW_MULTI: u32 = 2;
const BPF_F_REPLACE: u32 = 4;

/// The kernel allows 64 programs on one group.
const MOST_PROGRAMS: usize = 64;

/// Holds one instruction of a BPF program as the kernel lays it out (`struct bpf_insn`).
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Instruction {
    /// The operation.
    pub code: u8,
    /// The destination register in the low four bits, the source register in the high four.
    pub registers: u8,
    /// The distance of a jump, or of a load.
    pub offset: i16,
    /// The constant.
    pub immediate: i32,
}

/// Says what happens to a program that is attached already.
#[derive(Clone, Copy, Debug)]
pub enum Attach<'a> {
    /// It stays, and both have to allow an access.
    Beside,
    /// The new program takes the place of this one, in one step.
    Replace(BorrowedFd<'a>),
}

#[repr(C)]
#[derive(Default)]
struct LoadAttr {
    program_type: u32,
    instruction_count: u32,
    instructions: u64,
    license: u64,
    log_level: u32,
    log_size: u32,
    log_buffer: u64,
    kernel_version: u32,
    flags: u32,
    name: [u8; 16],
    interface: u32,
    expected_attach_type: u32,
}

#[repr(C)]
#[derive(Default)]
struct AttachAttr {
    target: u32,
    program: u32,
    attach_type: u32,
    flags: u32,
    replaced: u32,
}

#[repr(C)]
#[derive(Default)]
struct QueryAttr {
    target: u32,
    attach_type: u32,
    query_flags: u32,
    attach_flags: u32,
    program_ids: u64,
    program_count: u32,
    padding: u32,
}

#[repr(C)]
#[derive(Default)]
struct IdAttr {
    id: u32,
    next_id: u32,
    open_flags: u32,
}

#[repr(C)]
#[derive(Default)]
struct InfoAttr {
    object: u32,
    length: u32,
    info: u64,
}

/// The beginning of `struct bpf_prog_info`; the kernel takes a shorter one than it knows.
#[repr(C)]
#[derive(Default)]
struct ProgramInfo {
    kind: u32,
    id: u32,
    tag: [u8; 8],
    machine_length: u32,
    checked_length: u32,
    machine_code: u64,
    checked_code: u64,
    load_time: u64,
    uid: u32,
    map_count: u32,
    maps: u64,
    name: [u8; 16],
}

/// What the kernel tells of a program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    /// Its number.
    pub id: u32,
    /// Its name, of up to 15 bytes.
    pub name: String,
    /// Its instructions as the kernel has changed them; none without the right to see them.
    pub instructions: Vec<Instruction>,
}

/// Reads what the kernel tells of a program.
///
/// # Errors
/// EBADF where it is no BPF object.
pub fn program_info(program: impl AsFd) -> Result<Program, Errno> {
    let mut info = ProgramInfo::default();
    read_info(program.as_fd(), &mut info)?;
    let length = usize::try_from(info.checked_length).unwrap_or(0) / size_of::<Instruction>();
    let empty = Instruction { code: 0, registers: 0, offset: 0, immediate: 0 };
    let mut instructions = vec![empty; length];
    if length > 0 {
        let mut second = ProgramInfo {
            checked_length: info.checked_length,
            checked_code: address(instructions.as_mut_ptr().cast_const()),
            ..ProgramInfo::default()
        };
        read_info(program.as_fd(), &mut second)?;
        // Without the right to see them the kernel puts zero in place of the address.
        if second.checked_code == 0 {
            instructions.clear();
        }
    }
    let name = info.name.split(|byte| *byte == 0).next().unwrap_or_default();
    Ok(Program { id: info.id, name: String::from_utf8_lossy(name).into_owned(), instructions })
}

fn read_info(program: BorrowedFd<'_>, info: &mut ProgramInfo) -> Result<(), Errno> {
    let mut attr = InfoAttr {
        object: number(program),
        length: u32::try_from(size_of::<ProgramInfo>()).unwrap_or(0),
        info: address(std::ptr::from_mut(info).cast_const()),
    };
    // SAFETY: `info` is the address of a structure of that length which is borrowed mutably for the whole call. The
    // one address in it that is not zero is, as `program_info` sets it, that of a live array of `checked_length`
    // bytes, to which the kernel writes no more than that. The kernel writes to the attribute its length alone, which
    // nobody reads afterwards, so it is handed over as one that may be written to.
    unsafe { call_mut(BPF_OBJ_GET_INFO_BY_FD, &mut attr) }.map(drop)
}

/// Loads a device program; the kernel checks that it is safe.
///
/// # Errors
/// EPERM without the capabilities, EINVAL or EACCES where the kernel's verifier refuses the program, ENOSYS where
/// the kernel has no bpf(2).
pub fn load_device_program(instructions: &[Instruction]) -> Result<OwnedFd, Errno> {
    let mut name = [0; 16];
    name[..b"palisade_dev".len()].copy_from_slice(b"palisade_dev");
    let attr = LoadAttr {
        program_type: BPF_PROG_TYPE_CGROUP_DEVICE,
        instruction_count: u32::try_from(instructions.len()).map_err(|_| Errno::TOOBIG)?,
        instructions: address(instructions.as_ptr()),
        // The program calls no helper of the kernel, so any licence will do.
        license: address(c"Apache-2.0".as_ptr()),
        name,
        expected_attach_type: BPF_CGROUP_DEVICE,
        ..LoadAttr::default()
    };
    // SAFETY: the addresses in the attribute are those of a live slice with that many instructions and of a
    // static string that ends in NUL; `instructions` is borrowed for the whole call.
    unsafe { call_for_descriptor(BPF_PROG_LOAD, &attr) }
}

/// Attaches a device program to the group that `group` is a directory of.
///
/// # Errors
/// EPERM where a program without `BPF_F_ALLOW_MULTI` is attached above, EBADF where `group` is not a v2 directory.
pub fn attach_device_program(group: impl AsFd, program: impl AsFd, attach: Attach<'_>) -> Result<(), Errno> {
    let (flags, replaced) = match attach {
        Attach::Beside => (BPF_F_ALLOW_MULTI, 0),
        Attach::Replace(old) => (BPF_F_ALLOW_MULTI | BPF_F_REPLACE, number(old)),
    };
    let attr = AttachAttr {
        target: number(group.as_fd()),
        program: number(program.as_fd()),
        attach_type: BPF_CGROUP_DEVICE,
        flags,
        replaced,
    };
    // SAFETY: the attribute holds no address, and the descriptors in it are borrowed for the whole call.
    unsafe { call(BPF_PROG_ATTACH, &attr) }.map(drop)
}

/// Detaches a device program from the group that `group` is a directory of.
///
/// # Errors
/// ENOENT where the program is not attached there.
pub fn detach_device_program(group: impl AsFd, program: impl AsFd) -> Result<(), Errno> {
    let attr = AttachAttr {
        target: number(group.as_fd()),
        program: number(program.as_fd()),
        attach_type: BPF_CGROUP_DEVICE,
        ..AttachAttr::default()
    };
    // SAFETY: as for attaching: no address, borrowed descriptors.
    unsafe { call(BPF_PROG_DETACH, &attr) }.map(drop)
}

/// Returns the ids of the device programs that are attached to the group itself.
///
/// # Errors
/// EPERM without CAP_NET_ADMIN, EBADF where `group` is not a v2 directory.
pub fn device_program_ids(group: impl AsFd) -> Result<Vec<u32>, Errno> {
    let mut ids = [0u32; MOST_PROGRAMS];
    let mut attr = QueryAttr {
        target: number(group.as_fd()),
        attach_type: BPF_CGROUP_DEVICE,
        program_ids: address(ids.as_mut_ptr().cast_const()),
        program_count: 64,
        ..QueryAttr::default()
    };
    // SAFETY: `program_ids` is the address of an array with room for `program_count` ids, which outlives the call;
    // the kernel writes the count back into `attr`, which is borrowed mutably.
    unsafe { call_mut(BPF_PROG_QUERY, &mut attr) }?;
    let count = usize::try_from(attr.program_count).unwrap_or(MOST_PROGRAMS).min(MOST_PROGRAMS);
    Ok(ids[..count].to_vec())
}

/// Opens the program with this id.
///
/// # Errors
/// ENOENT where it has gone, EPERM without CAP_SYS_ADMIN.
pub fn program_by_id(id: u32) -> Result<OwnedFd, Errno> {
    let attr = IdAttr { id, ..IdAttr::default() };
    // SAFETY: the attribute holds no address.
    unsafe { call_for_descriptor(BPF_PROG_GET_FD_BY_ID, &attr) }
}

/// Makes a bpf(2) call whose result is a new descriptor.
///
/// # Safety
/// As for [`call`], and `command` must be one that returns a descriptor.
unsafe fn call_for_descriptor<T>(command: libc::c_int, attr: &T) -> Result<OwnedFd, Errno> {
    // SAFETY: the caller upholds what `call` asks.
    let raw = unsafe { call(command, attr) }?;
    // SAFETY: the call succeeded and the caller says that it then returns a descriptor, which nobody else has.
    Ok(unsafe { OwnedFd::from_raw_fd(raw) })
}

/// Makes a bpf(2) call that only reads its attribute.
///
/// # Safety
/// `T` must be the layout that `command` expects, and each address in it must be valid for what the kernel does
/// with it during the call; `command` must not write to the attribute.
unsafe fn call<T>(command: libc::c_int, attr: &T) -> Result<libc::c_int, Errno> {
    // SAFETY: the caller upholds it; the size is that of the attribute, beyond which the kernel takes zeros.
    let result = unsafe { libc::syscall(libc::SYS_bpf, command, std::ptr::from_ref(attr), size_of::<T>()) };
    outcome(result)
}

/// Makes a bpf(2) call that writes to its attribute.
///
/// # Safety
/// As for [`call`], except that `command` may write to the attribute.
unsafe fn call_mut<T>(command: libc::c_int, attr: &mut T) -> Result<libc::c_int, Errno> {
    // SAFETY: the caller upholds it, and the attribute is borrowed mutably for the call.
    let result = unsafe { libc::syscall(libc::SYS_bpf, command, std::ptr::from_mut(attr), size_of::<T>()) };
    outcome(result)
}

fn outcome(result: libc::c_long) -> Result<libc::c_int, Errno> {
    if result < 0 {
        let error = std::io::Error::last_os_error();
        return Err(Errno::from_io_error(&error).unwrap_or(Errno::IO));
    }
    libc::c_int::try_from(result).map_err(|_| Errno::IO)
}

fn address<T>(pointer: *const T) -> u64 {
    // A usize has at most 64 bits on every machine that Linux runs on.
    u64::try_from(pointer.expose_provenance()).unwrap_or(u64::MAX)
}

fn number(descriptor: BorrowedFd<'_>) -> u32 {
    // A borrowed descriptor is never negative.
    u32::try_from(descriptor.as_raw_fd()).unwrap_or(u32::MAX)
}
