//! systemd's manager object, `org.freedesktop.systemd1(5)`.

use std::time::{Duration, Instant};

use crate::address::{Address, Environment, Instance, candidates};
use crate::connection::Connection;
use crate::message::{Call, Message};
use crate::value::{Property, Value};
use crate::{Error, ErrorKind};

/// How long the first words may take: nothing has to be done for them.
const GREETING: Duration = Duration::from_secs(5);
/// How long an answer may take, of a systemd that is busy.
const ANSWER: Duration = Duration::from_secs(15);
/// How long the starting or stopping of a unit may take.
const JOB: Duration = Duration::from_secs(30);

const MANAGER: &str = "org.freedesktop.systemd1.Manager";

/// A connection to a systemd.
#[derive(Debug)]
pub struct Manager {
    connection: Connection,
}

impl Manager {
    /// Connects to a systemd over its bus, or directly where there is no bus.
    ///
    /// # Errors
    /// `Absent` where none listens; `Silent` where there is no answer within five seconds.
    pub fn connect(instance: Instance) -> Result<Self, Error> {
        if instance == Instance::System && !std::path::Path::new("/run/systemd/system").is_dir() {
            return Err(Error::new(ErrorKind::Absent, "systemd does not run this machine"));
        }
        Self::connect_to(&candidates(instance, &Environment::of_this_process()), GREETING)
            .map_err(|error| error.context(instance))
    }

    fn connect_to(addresses: &[Address], patience: Duration) -> Result<Self, Error> {
        let deadline = Instant::now() + patience;
        let mut absent = Vec::new();
        for address in addresses {
            match Connection::open(address, deadline) {
                Ok(mut connection) => {
                    let rule = format!("type='signal',interface='{MANAGER}',member='JobRemoved'");
                    connection.subscribe(&rule, deadline)?;
                    return Ok(Self { connection });
                }
                Err(error) if error.kind() == ErrorKind::Absent => absent.push(error.to_string()),
                Err(error) => return Err(error),
            }
        }
        Err(Error::new(ErrorKind::Absent, absent.join(", and ")))
    }

    /// Returns the group that this systemd keeps its units below; empty for the root of the tree.
    ///
    /// # Errors
    /// No answer, or one that is no path.
    pub fn control_group(&mut self) -> Result<String, Error> {
        self.property("ControlGroup")
    }

    /// Returns the version, 252.
    ///
    /// # Errors
    /// No answer, or one that does not begin with a number.
    pub fn version(&mut self) -> Result<u32, Error> {
        let text = self.property("Version")?;
        let digits: String = text.trim_start_matches('v').chars().take_while(char::is_ascii_digit).collect();
        digits
            .parse()
            .map_err(|_| Error::new(ErrorKind::Other, format!("systemd's version {text:?} is no number")))
    }

    /// Makes a transient unit with processes in it, `systemd.scope(5)`, and waits until it is there.
    ///
    /// # Errors
    /// A name that is taken, a property that is unknown; then no process was moved.
    pub fn start_transient(&mut self, unit: &str, properties: &[Property]) -> Result<(), Error> {
        let fields = properties.iter().map(Property::field).collect();
        let body = [
            Value::Text(unit.to_owned()),
            Value::Text("fail".to_owned()),
            Value::Array("(sv)".to_owned(), fields),
            Value::Array("(sa(sv))".to_owned(), Vec::new()),
        ];
        self.job("StartTransientUnit", unit, &body)?;
        self.settle()
    }

    /// Moves processes into a unit, or into a group below it; kernel and user permitting, systemd 238.
    ///
    /// A user's process outside of what was delegated to the user can get there in no other way.
    ///
    /// # Errors
    /// A unit that is not there, or a process of somebody else's.
    pub fn attach_processes(&mut self, unit: &str, below: &str, pids: &[u32]) -> Result<(), Error> {
        let pids = pids.iter().copied().map(Value::U32).collect();
        let body =
            [Value::Text(unit.to_owned()), Value::Text(below.to_owned()), Value::Array("u".to_owned(), pids)];
        self.call("AttachProcessesToUnit", &body).map(drop)
    }

    /// Changes properties of a unit until it or the machine stops, and waits until systemd has written them.
    ///
    /// # Errors
    /// A unit that is not there, or a property that cannot be changed.
    pub fn set_properties(&mut self, unit: &str, properties: &[Property]) -> Result<(), Error> {
        let fields = properties.iter().map(Property::field).collect();
        let body = [Value::Text(unit.to_owned()), Value::Bool(true), Value::Array("(sv)".to_owned(), fields)];
        self.call("SetUnitProperties", &body)?;
        self.settle()
    }

    /// Stops a unit, waits until it has stopped, and has systemd forget that it may have failed; fine where there is
    /// none.
    ///
    /// # Errors
    /// Whatever else systemd says.
    pub fn stop(&mut self, unit: &str) -> Result<(), Error> {
        let is_gone = |error: &Error| error.kind() == ErrorKind::NoSuchUnit;
        let body = [Value::Text(unit.to_owned()), Value::Text("replace".to_owned())];
        match self.job("StopUnit", unit, &body) {
            Err(error) if !is_gone(&error) => return Err(error),
            _ => {}
        }
        match self.call("ResetFailedUnit", &[Value::Text(unit.to_owned())]) {
            Err(error) if !is_gone(&error) => Err(error),
            _ => Ok(()),
        }
    }

    /// Waits until systemd has done all that it was told before, also by others who have hung up: it works off what it
    /// has queued for units and cgroups before it looks at the next call.
    ///
    /// # Errors
    /// No answer.
    pub fn settle(&mut self) -> Result<(), Error> {
        self.send("org.freedesktop.DBus.Peer", "Ping", &[]).map(drop)
    }

    /// Makes a call that begins a job, and waits for the job's end.
    fn job(&mut self, member: &str, unit: &str, body: &[Value]) -> Result<(), Error> {
        let answer = self.call(member, body)?;
        let job = answer.first().and_then(Value::as_text).unwrap_or_default().to_owned();
        let result = self
            .connection
            .await_signal(Instant::now() + JOB, |message| job_result(message, &job))
            .map_err(|error| error.context(format_args!("{member} {unit}: wait for its job")))?;
        match result.as_str() {
            "done" | "skipped" => Ok(()),
            other => {
                let message = format!("{member} {unit}: the job ended as {other}");
                Err(Error::new(ErrorKind::Refused, message)
                    .hint(format_args!("systemctl status {unit} tells more")))
            }
        }
    }

    fn property(&mut self, name: &str) -> Result<String, Error> {
        let body = [Value::Text(MANAGER.to_owned()), Value::Text(name.to_owned())];
        let answer = self.send("org.freedesktop.DBus.Properties", "Get", &body)?;
        let text = answer.first().and_then(Value::as_text);
        text.map(ToOwned::to_owned)
            .ok_or_else(|| Error::new(ErrorKind::Other, format!("systemd's {name} is no text")))
    }

    fn call(&mut self, member: &str, body: &[Value]) -> Result<Vec<Value>, Error> {
        self.send(MANAGER, member, body)
    }

    fn send(&mut self, interface: &str, member: &str, body: &[Value]) -> Result<Vec<Value>, Error> {
        let destination = "org.freedesktop.systemd1";
        let call = Call { destination, path: "/org/freedesktop/systemd1", interface, member, body };
        self.connection.call(&call, Instant::now() + ANSWER)
    }
}

/// Finds the result in the signal JobRemoved: number, object, unit, result.
fn job_result(message: &Message, job: &str) -> Option<String> {
    let object = message.body.get(1).and_then(Value::as_text)?;
    let result = message.body.get(3).and_then(Value::as_text)?;
    (message.member == "JobRemoved" && object == job).then(|| result.to_owned())
}

impl std::fmt::Display for Instance {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::System => "systemd",
            Self::User => "the user's systemd",
        })
    }
}

#[cfg(test)]
mod tests;
