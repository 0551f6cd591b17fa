//! The listing of a filter, one instruction a line.

use std::fmt;

use crate::filter::{
    ALLOW, AND, ARCH, ARGUMENTS, ERRNO, Filter, Instruction, JUMP, JUMP_IF_AT_LEAST, JUMP_IF_EQUAL,
    JUMP_IF_GREATER, KILL_PROCESS, KILL_THREAD, LOAD, LOG, NOTIFY, NUMBER, RETURN, TRACE, TRAP,
};

impl fmt::Display for Filter {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, instruction) in self.instructions.iter().enumerate() {
            write!(formatter, "{at:4}  ")?;
            write_instruction(formatter, at, instruction)?;
            writeln!(formatter)?;
        }
        Ok(())
    }
}

fn write_instruction(
    formatter: &mut fmt::Formatter<'_>,
    at: usize,
    instruction: &Instruction,
) -> fmt::Result {
    let Instruction { code, jt, jf, k } = *instruction;
    let comparison = match code {
        LOAD => return write!(formatter, "load   {}", field(k)),
        AND => return write!(formatter, "and    {k:#x}"),
        RETURN => return write!(formatter, "return {}", verdict(k)),
        JUMP => {
            let target = usize::try_from(k).map_or(usize::MAX, |k| at + 1 + k);
            return write!(formatter, "go to  {target}");
        }
        JUMP_IF_EQUAL => "==",
        JUMP_IF_GREATER => ">",
        JUMP_IF_AT_LEAST => ">=",
        _ => return write!(formatter, "{code:#06x} {jt} {jf} {k:#x}"),
    };
    let yes = at + 1 + usize::from(jt);
    let no = at + 1 + usize::from(jf);
    write!(formatter, "if {comparison:2}  {k:#x}: {yes} else {no}")
}

/// Names a word of `struct seccomp_data`.
fn field(offset: u32) -> String {
    match offset {
        NUMBER => "number".to_owned(),
        ARCH => "arch".to_owned(),
        8 | 12 => format!("instruction pointer.{}", half(offset)),
        _ => format!("argument {}.{}", (offset - ARGUMENTS) / 8, half(offset)),
    }
}

fn half(offset: u32) -> &'static str {
    if offset.is_multiple_of(8) { "low" } else { "high" }
}

/// Names a `SECCOMP_RET_*` value.
fn verdict(value: u32) -> String {
    let data = value & 0xffff;
    match value & 0xffff_0000 {
        KILL_PROCESS => "KILL_PROCESS".to_owned(),
        KILL_THREAD => "KILL_THREAD".to_owned(),
        TRAP => "TRAP".to_owned(),
        ERRNO => format!("ERRNO({data})"),
        NOTIFY => "NOTIFY".to_owned(),
        TRACE => format!("TRACE({data})"),
        LOG => "LOG".to_owned(),
        ALLOW => "ALLOW".to_owned(),
        _ => format!("{value:#x}"),
    }
}
