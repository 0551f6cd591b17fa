//! The words of the command line become arguments, or one line about what is wrong with them.

use std::ffi::OsString;

use clap::error::ErrorKind;
use clap::{CommandFactory, FromArgMatches};
use palisade_runtime::Error;

use crate::arguments::{Arguments, Global};
use crate::dashes;
use crate::log::{self, Log};

/// What engines look for: docker splits the first line at "version", and finds the commit in a line of its own.
const VERSION: &str =
    concat!("version ", env!("CARGO_PKG_VERSION"), "\ncommit: ", env!("PALISADE_COMMIT"), "\nspec: 1.3.0");

/// Parses the command line. Where it only asked for help, and where it is wrong, that is told already and the exit
/// code is the error.
pub(crate) fn arguments() -> Result<Arguments, u8> {
    let words = dashes::straighten(palisade_sys::entry::words());
    let command = Arguments::command().version(VERSION);
    let parsed = command.try_get_matches_from(&words);
    match parsed.and_then(|matches| Arguments::from_arg_matches(&matches)) {
        Ok(arguments) => Ok(arguments),
        Err(error) if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) => {
            // Whoever reads may have read enough.
            let _printed = error.print();
            Err(0)
        }
        Err(error) if error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            let _printed = error.print();
            Err(1)
        }
        Err(error) => Err(refuse(&error, &words)),
    }
}

/// The exit code of a verb that failed. That of `exec` cannot be mistaken for the program's, as with runc.
pub(crate) fn failure_code(is_exec: bool) -> u8 {
    if is_exec { 255 } else { 1 }
}

/// Tells the mistake where the options that can be read say that errors go.
fn refuse(error: &clap::Error, words: &[OsString]) -> u8 {
    let matches = Arguments::command().ignore_errors(true).try_get_matches_from(words).ok();
    let verb = matches.as_ref().and_then(|matches| matches.subcommand_name());
    let help = verb.map_or("palisade --help".to_owned(), |verb| format!("palisade {verb} --help"));
    let line = match line(error).split_once(" tip: ") {
        Some((mistake, tip)) => Error::new(mistake).hint(format_args!("{tip}; see {help}")),
        None => Error::new(line(error)).hint(format_args!("see {help}")),
    };
    let global = matches.as_ref().and_then(|matches| Global::from_arg_matches(matches).ok());
    match global.map(|global| Log::open(&global)) {
        Some(Ok(log)) => log.error(&line),
        Some(Err(_)) | None => log::tell(&line),
    }
    failure_code(verb == Some("exec"))
}

/// The parser's message in one line, without its usage, which the help has.
fn line(error: &clap::Error) -> String {
    let rendered = error.render().to_string();
    let before_usage = rendered.split("\n\nUsage:").next().unwrap_or_default();
    let before_more = before_usage.split("\n\nFor more information").next().unwrap_or_default();
    let words: Vec<&str> = before_more.split_whitespace().collect();
    let line = words.join(" ");
    line.strip_prefix("error: ").unwrap_or(&line).to_owned()
}
