//! What the end-to-end tests of Palisade are written with.
//!
//! A test begins with [`case!`], whose value gives it a directory, ids and the programs under test, and which on
//! its end looks for everything that the test may have left on the machine.
#![forbid(unsafe_code)]

pub mod bundle;
pub mod case;
pub mod container;
pub mod group;
pub mod invocation;
pub mod leak;
pub mod page;
pub mod person;
pub mod pretence;
pub mod tier;

pub use bundle::Bundle;
pub use case::Case;
pub use container::Container;
pub use tier::{Cgroups, Privilege, Tier};

/// Begins a test case that is named after the function it is called in.
#[macro_export]
macro_rules! case {
    () => {{
        fn here() {}
        $crate::Case::begin(::std::any::type_name_of_val(&here))
    }};
}

/// Ends a test that finds no place to run in this tier, and says so and why; it counts as skipped.
///
/// Takes the case and then what `format!` takes.
#[macro_export]
macro_rules! skip {
    ($case:expr, $($why:tt)+) => {{
        $case.say_skipped(&::std::format!($($why)+));
        return;
    }};
}
