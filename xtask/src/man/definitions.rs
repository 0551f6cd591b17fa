//! The command lines of the programs, in their own words.
//!
//! Their files are taken in as they are: so this program needs none of the crates to be built, and the programs carry
//! nothing for this one. What only the programs look at is dead here.
#![allow(dead_code, unused_imports)]

use clap::{Command, CommandFactory};

#[path = "../../../crates/cli/src/flags/mod.rs"]
mod flags;
#[path = "../../../crates/cli/src/arguments/mod.rs"]
mod pal;
#[path = "../../../crates/runtime/src/bin/palisade/arguments/mod.rs"]
mod palisade;

/// A program and the section of the manual that it is in.
pub(super) struct Program {
    pub(super) command: Command,
    pub(super) section: &'static str,
}

/// Both programs, with all that their parsers know.
pub(super) fn programs() -> [Program; 2] {
    let built = |mut command: Command, section| {
        command.build();
        Program { command, section }
    };
    [built(palisade::Arguments::command(), "8"), built(pal::Arguments::command(), "1")]
}
