//! Where errors and warnings go.

use std::fmt::Display;
use std::fs::File;
use std::io::Write;
use std::os::unix::net::UnixDatagram;

use palisade_oci::Timestamp;
use palisade_runtime::{Error, Result};

use crate::arguments::{Global, LogFormat, LogLevel};

/// Standard error, and what `--log` names. Engines show a user the last error in it.
pub(crate) struct Log {
    target: Target,
    format: LogFormat,
    level: LogLevel,
}

enum Target {
    /// Standard error alone.
    None,
    File(File),
    /// The socket of `syslog(3)`, and the name to be told there.
    Syslog(UnixDatagram, String),
    /// The socket of `systemd-journald.service(8)`, and the name to be told there.
    Journal(UnixDatagram, String),
}

/// Writes a line to standard error. That nobody reads it is no reason to stop halfway through a start.
pub(crate) fn tell(message: &dyn Display) {
    let _told = writeln!(std::io::stderr(), "palisade: {message}");
}

impl Log {
    pub(crate) fn open(global: &Global) -> Result<Self> {
        let target = match &global.log {
            Some(text) if !text.is_empty() => Target::open(text)?,
            _ => Target::None,
        };
        Ok(Self { target, format: global.log_format, level: global.log_level() })
    }

    /// Tells whether each step of a start is wanted.
    pub(crate) fn tells_steps(&self) -> bool {
        self.level >= LogLevel::Debug
    }

    /// Notes a step that was done, in the log or else on standard error.
    pub(crate) fn debug(&self, message: &str) {
        self.note(LogLevel::Debug, message);
    }

    /// Tells an error on standard error, and in the log.
    pub(crate) fn error(&self, error: &Error) {
        let message = error.to_string();
        if !matches!(self.target, Target::None) {
            tell(&message);
        }
        self.note(LogLevel::Error, &message);
    }

    /// Notes warnings, in the log or else on standard error: engines pass that on to the user.
    pub(crate) fn warnings(&self, warnings: &[String]) {
        for warning in warnings {
            self.note(LogLevel::Warning, warning);
        }
    }

    fn note(&self, level: LogLevel, message: &str) {
        if level > self.level {
            return;
        }
        // There is no better place left to complain in.
        let _written = match &self.target {
            Target::None if self.format == LogFormat::Json => {
                writeln!(std::io::stderr(), "{}", self.line(level, message))
            }
            Target::None => {
                match level {
                    LogLevel::Warning => tell(&format_args!("warning: {message}")),
                    LogLevel::Error | LogLevel::Debug => tell(&message),
                }
                Ok(())
            }
            Target::File(file) => (&*file).write_all(format!("{}\n", self.line(level, message)).as_bytes()),
            Target::Syslog(socket, name) => socket.send(&syslog(level, name, message)).map(drop),
            Target::Journal(socket, name) => socket.send(&journal(level, name, message)).map(drop),
        };
    }

    fn line(&self, level: LogLevel, message: &str) -> String {
        let (time, level) = (Timestamp::now().to_string(), word(level));
        match self.format {
            LogFormat::Text => format!("time={time:?} level={level} msg={message:?}"),
            LogFormat::Json => serde_json::json!({"level": level, "msg": message, "time": time}).to_string(),
        }
    }
}

impl Target {
    fn open(text: &str) -> Result<Self> {
        let failed =
            |what: &str, error: std::io::Error| Error::io(format_args!("--log {text}: {what}"), &error);
        let connect = |path: &str| {
            let socket = UnixDatagram::unbound();
            let socket = socket.and_then(|socket| socket.connect(path).map(|()| socket));
            socket.map_err(|error| failed(&format!("connect to {path}"), error))
        };
        let name = |name: &str| if name.is_empty() { "palisade".to_owned() } else { name.to_owned() };
        match text.split_once(':') {
            Some(("syslog", rest)) => Ok(Self::Syslog(connect("/dev/log")?, name(rest))),
            Some(("journald", rest)) => {
                Ok(Self::Journal(connect("/run/systemd/journal/socket")?, name(rest)))
            }
            prefixed => {
                let path = match prefixed {
                    Some(("file", rest)) => rest,
                    _ => text,
                };
                let file = File::options().create(true).append(true).open(path);
                file.map(Self::File).map_err(|error| failed("open", error))
            }
        }
    }
}

/// logrus's words, which are runc's.
fn word(level: LogLevel) -> &'static str {
    match level {
        LogLevel::Error => "error",
        LogLevel::Warning => "warning",
        LogLevel::Debug => "debug",
    }
}

/// `syslog(3)`'s numbers.
fn severity(level: LogLevel) -> u8 {
    match level {
        LogLevel::Error => 3,
        LogLevel::Warning => 4,
        LogLevel::Debug => 7,
    }
}

/// A message as syslogd takes it locally: the facility is `user`, the time is when it comes.
fn syslog(level: LogLevel, name: &str, message: &str) -> Vec<u8> {
    let priority = 8 + severity(level);
    format!("<{priority}>{name}[{}]: {}", std::process::id(), one_line(message)).into_bytes()
}

/// A message in the journal's own protocol, of fields in lines.
fn journal(level: LogLevel, name: &str, message: &str) -> Vec<u8> {
    let severity = severity(level);
    format!("PRIORITY={severity}\nSYSLOG_IDENTIFIER={}\nMESSAGE={}\n", one_line(name), one_line(message))
        .into_bytes()
}

/// A line break in a message would begin another message, or field, of whoever could have a say in it.
fn one_line(text: &str) -> String {
    text.replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_one_field_of_the_journal_and_one_line_of_syslog() {
        let message = "read /x\nMESSAGE_ID=forged: ENOENT";
        let text = String::from_utf8(journal(LogLevel::Warning, "box", message)).unwrap();
        let expected = "PRIORITY=4\nSYSLOG_IDENTIFIER=box\nMESSAGE=read /x\\nMESSAGE_ID=forged: ENOENT\n";
        assert_eq!(text, expected);
        let text = String::from_utf8(syslog(LogLevel::Error, "box", message)).unwrap();
        let expected = format!("<11>box[{}]: read /x\\nMESSAGE_ID=forged: ENOENT", std::process::id());
        assert_eq!(text, expected);
    }
}
