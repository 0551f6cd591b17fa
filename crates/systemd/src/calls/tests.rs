//! Against a bus that says what a test has it say.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::thread;

use super::*;
use crate::address::Name;
use crate::message::{FIXED, Peer, decode, total_length};
use crate::write::Writer;

const JOB_OBJECT: &str = "/org/freedesktop/systemd1/job/7";

/// What the bus does about a call of systemd's.
type Answer = fn(&Message, u32) -> Vec<Vec<u8>>;

/// Starts a bus for one caller and connects to it.
fn connect(answer: Answer) -> Result<Manager, Error> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("bus");
    let listener = UnixListener::bind(&path).unwrap();
    thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        // A caller that has enough hangs up.
        let _ended = serve(stream, answer);
    });
    Manager::connect_to(&[Address { name: Name::File(path), peer: Peer::Bus }], Duration::from_secs(5))
}

fn serve(mut stream: UnixStream, answer: Answer) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    for (wanted, said) in
        [("\0AUTH EXTERNAL\r\n", "DATA\r\n"), ("DATA\r\n", "OK 0123\r\n"), ("BEGIN\r\n", "")]
    {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        assert_eq!(line, wanted);
        stream.write_all(said.as_bytes())?;
    }
    for serial in 1.. {
        let mut bytes = vec![0; FIXED];
        reader.read_exact(&mut bytes)?;
        bytes.resize(total_length(&bytes).unwrap(), 0);
        reader.read_exact(&mut bytes[FIXED..])?;
        let call = decode(&bytes).unwrap();
        let answers = match call.member.as_str() {
            "Hello" | "AddMatch" | "Ping" => vec![message(2, serial, "", &[])],
            _ => answer(&call, serial),
        };
        answers.iter().try_for_each(|bytes| stream.write_all(bytes))?;
    }
    Ok(())
}

/// Writes a message: 2 is a return, 3 an error of that name, 4 the signal of that name.
fn message(kind: u8, answers: u32, name: &str, body: &[Value]) -> Vec<u8> {
    let mut content = Writer::default();
    body.iter().for_each(|value| content.value(value).unwrap());
    let field = |code, value| Value::Struct(vec![Value::Byte(code), Value::Variant(Box::new(value))]);
    let mut fields = vec![field(8, Value::Signature(body.iter().map(Value::signature).collect()))];
    match kind {
        4 => fields.push(field(3, Value::Text(name.to_owned()))),
        3 => fields.push(field(4, Value::Text(name.to_owned()))),
        _ => {}
    }
    if kind != 4 {
        fields.push(field(5, Value::U32(answers)));
    }
    let mut out = Writer(vec![b'l', kind, 1, 1]);
    out.u32(u32::try_from(content.0.len()).unwrap());
    out.u32(answers);
    out.value(&Value::Array("(yv)".to_owned(), fields)).unwrap();
    out.align(8);
    out.0.extend(content.0);
    out.0
}

fn job_removed(object: &str, result: &str) -> Vec<u8> {
    let body = [
        Value::U32(7),
        Value::Path(object.into()),
        Value::Text("x.scope".into()),
        Value::Text(result.into()),
    ];
    message(4, 0, "JobRemoved", &body)
}

fn job(serial: u32) -> Vec<u8> {
    message(2, serial, "", &[Value::Path(JOB_OBJECT.into())])
}

#[test]
fn a_job_that_ends_before_its_number_is_told_is_not_waited_for() {
    let answer: Answer = |call, serial| {
        assert_eq!(call.member, "StartTransientUnit");
        assert_eq!(call.body[0], Value::Text("x.scope".into()));
        vec![job_removed("/another", "failed"), job_removed(JOB_OBJECT, "done"), job(serial)]
    };
    connect(answer)
        .unwrap()
        .start_transient("x.scope", &[Property::new("Delegate", Value::Bool(true))])
        .unwrap();
}

#[test]
fn a_job_that_fails_is_an_error() {
    let answer: Answer = |_, serial| vec![job(serial), job_removed(JOB_OBJECT, "timeout")];
    let error = connect(answer).unwrap().start_transient("x.scope", &[]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused);
    assert!(error.to_string().contains("the job ended as timeout"), "{error}");
}

#[test]
fn what_systemd_says_is_passed_on() {
    let answer: Answer = |_, serial| {
        let text = Value::Text("Unit x.scope already exists.".into());
        vec![message(3, serial, "org.freedesktop.systemd1.UnitExists", &[text])]
    };
    let error = connect(answer).unwrap().start_transient("x.scope", &[]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "StartTransientUnit: Unit x.scope already exists. (org.freedesktop.systemd1.UnitExists)"
    );
}

#[test]
fn a_unit_that_is_gone_is_stopped() {
    let answer: Answer = |call, serial| {
        assert!(["StopUnit", "ResetFailedUnit"].contains(&call.member.as_str()), "{}", call.member);
        vec![message(3, serial, "org.freedesktop.systemd1.NoSuchUnit", &[Value::Text("gone".into())])]
    };
    connect(answer).unwrap().stop("x.scope").unwrap();
}

#[test]
fn properties_of_systemd_are_read() {
    let answer: Answer = |call, serial| {
        let text = if call.body[1] == Value::Text("Version".into()) { "252.36-1~deb12u1" } else { "/base" };
        vec![message(2, serial, "", &[Value::Variant(Box::new(Value::Text(text.into())))])]
    };
    let mut manager = connect(answer).unwrap();
    assert_eq!(manager.version(), Ok(252));
    assert_eq!(manager.control_group().as_deref(), Ok("/base"));
}

#[test]
fn a_bus_that_hangs_up_or_is_silent_is_an_error() {
    let error = connect(|_, _| panic!("no call is answered")).unwrap().version().unwrap_err();
    assert!(error.to_string().contains("hung up"), "{error}");
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("silent");
    let _listener = UnixListener::bind(&path).unwrap();
    let address = Address { name: Name::File(path.clone()), peer: Peer::Systemd };
    let begin = Instant::now();
    let error = Manager::connect_to(&[address], Duration::from_millis(200)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Silent, "{error}");
    assert!(begin.elapsed() < Duration::from_secs(3) && error.to_string().contains("silent"), "{error}");
    let nobody = Address { name: Name::File(directory.path().join("nobody")), peer: Peer::Systemd };
    let error = Manager::connect_to(&[nobody], Duration::from_secs(1)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Absent, "{error}");
}
