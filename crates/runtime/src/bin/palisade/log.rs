//! Where errors and warnings go.

use std::fmt::Display;
use std::fs::File;
use std::io::Write;

use palisade_oci::Timestamp;
use palisade_runtime::{Error, Result};

use crate::arguments::{Global, LogFormat};

/// Standard error, and a file where one was named. Engines show a user the last error in it.
pub(crate) struct Log {
    file: Option<File>,
    format: LogFormat,
    detail: Detail,
}

/// How much is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Detail {
    Faults,
    Steps,
}

/// Writes a line to standard error. That nobody reads it is no reason to stop halfway through a start.
pub(crate) fn tell(message: &dyn Display) {
    let _told = writeln!(std::io::stderr(), "palisade: {message}");
}

impl Log {
    pub(crate) fn open(global: &Global) -> Result<Self> {
        let open = |path: &std::path::PathBuf| {
            let file = File::options().create(true).append(true).open(path);
            file.map_err(|error| Error::new(format!("--log {}: {error}", path.display())))
        };
        let detail = if global.debug { Detail::Steps } else { Detail::Faults };
        Ok(Self { file: global.log.as_ref().map(open).transpose()?, format: global.log_format, detail })
    }

    /// Tells whether each step of a start is wanted.
    pub(crate) fn tells_steps(&self) -> bool {
        self.detail == Detail::Steps
    }

    /// Notes a step that was done, in the log file or else on standard error.
    pub(crate) fn debug(&self, message: &str) {
        if self.file.is_none() {
            tell(&message);
        }
        self.write("debug", &message);
    }

    pub(crate) fn error(&self, error: &Error) {
        tell(error);
        self.write("error", error);
    }

    pub(crate) fn warnings(&self, warnings: &[String]) {
        for warning in warnings {
            // Engines pass standard error on to the user; a warning belongs into the log where there is one.
            if self.file.is_none() {
                tell(&format_args!("warning: {warning}"));
            }
            self.write("warning", warning);
        }
    }

    fn write(&self, level: &str, message: &dyn Display) {
        let Some(mut file) = self.file.as_ref() else { return };
        let time = Timestamp::now().to_string();
        let message = message.to_string();
        let line = match self.format {
            LogFormat::Text => format!("time={time:?} level={level} msg={message:?}"),
            LogFormat::Json => serde_json::json!({"level": level, "msg": message, "time": time}).to_string(),
        };
        // There is no better place left to complain in.
        let _written = writeln!(file, "{line}");
    }
}
