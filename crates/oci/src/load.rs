use std::fs::File;
use std::io::Read;
use std::path::Path;

use serde::de::DeserializeOwned;

use crate::error::Position;
use crate::{Error, Spec, pointer, repair, required};

/// The version of the runtime specification that Palisade implements.
pub const VERSION: &str = "1.3.0";

/// A file larger than this is no configuration; the specification has no limit.
const MAX_BYTES: u64 = 16 << 20;

/// A configuration with what had to be left out of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Loaded {
    /// The configuration.
    pub spec: Spec,
    /// What was left out and has to be said as a warning: capabilities that no kernel known here has.
    pub notes: Vec<Error>,
}

/// Reads a config.json; a capability that is not known is an error.
///
/// Fields that are not known are ignored, as the specification wants. Against `oci-spec` it is stricter in that
/// `ociVersion` has to be there and of major version 1, that paths and names which the specification requires are
/// not empty, and looser in that it knows SCHED_FLAG_DL_OVERRUN; `pids` without a `limit` is as if it were absent.
///
/// # Errors
/// A file that cannot be read, or the first thing in it that is not as the specification says.
pub fn load(path: &Path) -> Result<Spec, Error> {
    parse(&path.display().to_string(), &read(path)?)
}

/// Reads a config.json as the specification wants it read: capabilities that are not known become notes, to be
/// printed as warnings.
///
/// # Errors
/// As [`load`], but for those capabilities.
pub fn load_noting(path: &Path) -> Result<Loaded, Error> {
    parse_noting(&path.display().to_string(), &read(path)?)
}

/// Reads a file that holds one part of a configuration, as the process of `exec` or the resources of `update`.
///
/// # Errors
/// As [`load`].
pub fn load_as<T: DeserializeOwned>(path: &Path) -> Result<T, Error> {
    parse_as(&path.display().to_string(), &read(path)?)
}

/// Does what [`load`] does with a text; `source` is its name in errors.
///
/// # Errors
/// As [`load`].
pub fn parse(source: &str, text: &[u8]) -> Result<Spec, Error> {
    let loaded = parse_noting(source, text)?;
    loaded.notes.into_iter().next().map_or(Ok(loaded.spec), Err)
}

/// Does what [`load_noting`] does with a text; `source` is its name in errors.
///
/// # Errors
/// As [`load_noting`].
pub fn parse_noting(source: &str, text: &[u8]) -> Result<Loaded, Error> {
    let mut loaded = match serde_json::from_slice::<Spec>(text) {
        Ok(spec) => Loaded { spec, notes: Vec::new() },
        Err(error) => repaired(source, text).ok_or_else(|| explain(source, text, &error))?,
    };
    repair::pids_without_limit(&mut loaded.spec, text);
    match required::missing(&loaded.spec) {
        None => Ok(loaded),
        Some((pointer, message)) => Err(Error::new(source, pointer, message)),
    }
}

/// Does what [`load_as`] does with a text; `source` is its name in errors.
///
/// # Errors
/// As [`load`].
pub fn parse_as<T: DeserializeOwned>(source: &str, text: &[u8]) -> Result<T, Error> {
    serde_json::from_slice(text).map_err(|error| explain(source, text, &error))
}

fn read(path: &Path) -> Result<Vec<u8>, Error> {
    let failed = |error| Error::read(&path.display().to_string(), &error);
    let file = File::open(path).map_err(failed)?;
    let mut text = Vec::with_capacity(16 << 10);
    let length = file.take(MAX_BYTES + 1).read_to_end(&mut text).map_err(failed)?;
    if u64::try_from(length).is_ok_and(|length| length <= MAX_BYTES) {
        Ok(text)
    } else {
        Err(Error::new(&format!("read {}", path.display()), "", "it is larger than 16 MiB"))
    }
}

/// Puts right what the specification allows and `oci-spec` refuses, where that is all that is wrong.
fn repaired(source: &str, text: &[u8]) -> Option<Loaded> {
    let mut value = serde_json::from_slice(text).ok()?;
    let dropped = repair::repair(&mut value)?;
    let notes = dropped.into_iter().map(|(pointer, message)| Error::new(source, pointer, message)).collect();
    serde_json::from_value(value).ok().map(|spec| Loaded { spec, notes })
}

fn explain(source: &str, text: &[u8], error: &serde_json::Error) -> Error {
    let position = Position { line: error.line(), column: error.column() };
    // The only place where serde_json puts the position is the end of its message.
    let message = error.to_string();
    let message = message.split(" at line ").next().unwrap_or(&message);
    if let Err(broken) = serde_json::from_slice::<serde_json::Value>(text) {
        let position = Position { line: broken.line(), column: broken.column() };
        return Error::new(source, "", format!("not JSON: {}", plain(&broken))).at(position);
    }
    let mut offset = offset_of(text, position);
    if message == "expected value" {
        // Here the reader has looked one byte ahead: a name was wanted and no string began.
        offset = offset.saturating_sub(1);
    }
    let pointer = pointer::at_offset(text, offset);
    let (pointer, message) = reword(&pointer, message, text);
    Error::new(source, pointer, message).at(position)
}

fn plain(error: &serde_json::Error) -> String {
    let message = error.to_string();
    message.split(" at line ").next().unwrap_or_default().to_owned()
}

fn offset_of(text: &[u8], position: Position) -> usize {
    let lines = text.split_inclusive(|byte| *byte == b'\n');
    lines.take(position.line.saturating_sub(1)).map(<[u8]>::len).sum::<usize>() + position.column
}

/// Turns what serde says into what was wanted and what was found, and moves the pointer to the field it names.
fn reword(pointer: &str, message: &str, text: &[u8]) -> (String, String) {
    let quoted = |prefix: &str| message.strip_prefix(prefix).and_then(|rest| rest.split('`').next());
    if let Some(field) = quoted("missing field `") {
        return (pointer::child(pointer, field), "required, but missing".to_owned());
    }
    if let Some(field) = quoted("duplicate field `") {
        let parent = pointer.rsplit_once('/').map_or("", |(parent, _)| parent);
        return (pointer::child(parent, field), "given twice".to_owned());
    }
    if let Some((name, allowed)) =
        message.strip_prefix("unknown variant `").and_then(|rest| rest.split_once("`, expected "))
    {
        let allowed = allowed.trim_start_matches("one of ").replace('`', "");
        return (pointer.to_owned(), format!("wanted one of {allowed}; found \"{name}\""));
    }
    for prefix in ["invalid type: ", "invalid value: "] {
        if let Some((found, wanted)) =
            message.strip_prefix(prefix).and_then(|rest| rest.rsplit_once(", expected "))
        {
            return (
                pointer.to_owned(),
                format!("wanted {}, found {}", wanted_name(wanted), found_name(found)),
            );
        }
    }
    if message.starts_with("no variant for ")
        && let Ok(value) = serde_json::from_slice(text)
        && let Some(finding) = repair::first_unknown_capability(&value)
    {
        return finding;
    }
    if let Some(found) = message.strip_prefix("Invalid execCPUAffinity format: ") {
        let wanted = "wanted a list of CPUs as 0-3,7, found ";
        return ("/process/execCPUAffinity".to_owned(), format!("{wanted}\"{found}\""));
    }
    if message == "expected value" {
        return (pointer.to_owned(), "wanted one of the specification's names as a string".to_owned());
    }
    (pointer.to_owned(), message.to_owned())
}

fn wanted_name(expected: &str) -> &str {
    match expected {
        "i64" => "an integer",
        "u64" | "usize" => "an integer from 0 to 18446744073709551615",
        "i32" => "an integer from -2147483648 to 2147483647",
        "u32" => "an integer from 0 to 4294967295",
        "u16" => "an integer from 0 to 65535",
        "path string" => "a string",
        "a sequence" => "an array",
        "a map" => "an object",
        other if other.starts_with("struct ") => "an object",
        other => other,
    }
}

fn found_name(found: &str) -> String {
    match found {
        "map" => "an object".to_owned(),
        "sequence" => "an array".to_owned(),
        other => other.replace('`', ""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{LinuxResources, Process};

    fn error(text: &str) -> String {
        parse("c.json", text.as_bytes()).unwrap_err().to_string()
    }

    /// Texts with the one line that each gives.
    const BAD: &[(&str, &str)] = &[
        ("", "c.json:1:0: not JSON: EOF while parsing a value"),
        ("{", "c.json:1:1: not JSON: EOF while parsing an object"),
        ("{\n \"ociVersion\": \"1.0.0\",\n}", "c.json:3:1: not JSON: trailing comma"),
        ("{\n \"a\": 1\n \"b\": 2}", "c.json:3:2: not JSON: expected `,` or `}`"),
        ("{\"ociVersion\":\"1.0.0\"} x", "c.json:1:24: not JSON: trailing characters"),
        ("[]", "c.json: /ociVersion: required, but missing"),
        ("3", "c.json:1:1: wanted an object, found integer 3"),
        ("{}", "c.json: /ociVersion: required, but missing"),
        (r#"{"ociVersion":"2.0.0"}"#, "c.json: /ociVersion: wanted version 1, found \"2.0.0\""),
        (r#"{"ociVersion":"x"}"#, "c.json: /ociVersion: wanted a version as 1.3.0, found \"x\""),
        (r#"{"ociVersion":1}"#, "c.json:1:15: /ociVersion: wanted a string, found integer 1"),
        (r#"{"ociVersion":"1.0.0","root":{}}"#, "c.json: /root/path: required, but missing or empty"),
        (
            r#"{"process":{"terminal":"yes"}}"#,
            "c.json:1:28: /process/terminal: wanted a boolean, found string \"yes\"",
        ),
        (
            r#"{"process":{"user":{},"args":"sh"}}"#,
            "c.json:1:33: /process/args: wanted an array, found string \"sh\"",
        ),
        (
            r#"{"process":{"user":{},"args":["a",["b"]]}}"#,
            "c.json:1:34: /process/args/1: wanted a string, found an array",
        ),
        (r#"{"process":{"user":{}}}"#, "c.json:1:22: /process/cwd: required, but missing"),
        (r#"{"process":{"cwd":"/"}}"#, "c.json:1:22: /process/user: required, but missing"),
        (
            r#"{"process":{"user":{"uid":-1},"cwd":"/"}}"#,
            "c.json:1:28: /process/user/uid: wanted an integer from 0 to 4294967295, found integer -1",
        ),
        (
            r#"{"process":{"user":{"uid":4294967296},"cwd":"/"}}"#,
            "c.json:1:36: /process/user/uid: wanted an integer from 0 to 4294967295, found integer 4294967296",
        ),
        (
            r#"{"process":{"user":{"uid":1.5},"cwd":"/"}}"#,
            "c.json:1:29: /process/user/uid: wanted an integer from 0 to 4294967295, found floating point 1.5",
        ),
        (
            r#"{"process":{"user":{"uid":null},"cwd":"/"}}"#,
            "c.json:1:30: /process/user/uid: wanted an integer from 0 to 4294967295, found null",
        ),
        (r#"{"process":{"user":{},"cwd":"/","cwd":"/"}}"#, "c.json:1:37: /process/cwd: given twice"),
        (
            r#"{"linux":{"namespaces":[{"type":"pid"},{"type":"net"}]}}"#,
            "c.json:1:52: /linux/namespaces/1/type: wanted one of mount, cgroup, uts, ipc, user, pid, network, time; \
             found \"net\"",
        ),
        (
            r#"{"linux":{"namespaces":[{"type":7}]}}"#,
            "c.json:1:33: /linux/namespaces/0/type: wanted one of the specification's names as a string",
        ),
        (r#"{"linux":{"namespaces":[{}]}}"#, "c.json:1:26: /linux/namespaces/0/type: required, but missing"),
        (
            "{\"linux\":{\"resources\":{\"pids\":\n{\"limit\":\"many\"}}}}",
            "c.json:2:15: /linux/resources/pids/limit: wanted an integer, found string \"many\"",
        ),
        (
            r#"{"linux":{"sysctl":{"net.ipv4/a":1}}}"#,
            "c.json:1:34: /linux/sysctl/net.ipv4~1a: wanted a string, found integer 1",
        ),
        (
            r#"{"linux":{"seccomp":{"defaultAction":"SCMP_ACT_NO"}}}"#,
            "c.json:1:50: /linux/seccomp/defaultAction: wanted one of SCMP_ACT_KILL, SCMP_ACT_KILL_THREAD, \
             SCMP_ACT_KILL_PROCESS, SCMP_ACT_TRAP, SCMP_ACT_ERRNO, SCMP_ACT_NOTIFY, SCMP_ACT_TRACE, SCMP_ACT_LOG, \
             SCMP_ACT_ALLOW; found \"SCMP_ACT_NO\"",
        ),
        (r#"{"mounts":[{"type":"proc"}]}"#, "c.json:1:26: /mounts/0/destination: required, but missing"),
        (
            r#"{"hooks":{"poststop":[{"path":"/a","timeout":"1"}]}}"#,
            "c.json:1:48: /hooks/poststop/0/timeout: wanted an integer, found string \"1\"",
        ),
        (
            r#"{"ociVersion":"1.0.0","linux":{"devices":[{"type":"c","path":"/a"},{"type":"c"}]}}"#,
            "c.json: /linux/devices/1/path: required, but missing or empty",
        ),
        (
            r#"{"ociVersion":"1.0.0","linux":{"resources":{"hugepageLimits":[{"limit":1}]}}}"#,
            "c.json: /linux/resources/hugepageLimits/0/pageSize: required, but missing or empty",
        ),
        (
            r#"{"ociVersion":"1.0.0","process":{"user":{},"cwd":"/","execCPUAffinity":{"initial":"x","final":"1"}}}"#,
            "c.json:1:85: /process/execCPUAffinity: wanted a list of CPUs as 0-3,7, found \"x\"",
        ),
        (
            r#"{"ociVersion":"1.0.0","process":{"user":{},"cwd":"/","capabilities":{"bounding":["CAP_KILL","CAP_X"]}}}"#,
            "c.json: /process/capabilities/bounding/1: wanted a capability as CAP_SYS_ADMIN, found \"CAP_X\"",
        ),
    ];

    #[test]
    fn bad_texts_give_one_line_that_names_the_field() {
        let wrong: Vec<String> = BAD
            .iter()
            .filter(|(text, expected)| error(text) != *expected)
            .map(|(text, expected)| format!("{text}\n  wanted {expected}\n  found  {}", error(text)))
            .collect();
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }

    #[test]
    fn hostile_names_stay_on_their_line() {
        let text = r#"{"linux":{"sysctl":{"a\nb\u001b[2J":1}}}"#;
        assert_eq!(
            error(text),
            "c.json:1:37: /linux/sysctl/a\\nb\\u{1b}[2J: wanted a string, found integer 1"
        );
        let long = format!(r#"{{"linux":{{"namespaces":[{{"type":"{}"}}]}}}}"#, "x".repeat(5000));
        assert!(error(&long).len() < 1000);
    }

    /// Changes each byte of a good text to each of a few others: whatever comes out, it is one line with a place.
    #[test]
    fn any_damage_gives_one_line() {
        let good = crate::example::example(crate::example::Owner::Root, crate::example::CgroupTree::Unified);
        for place in 0..good.len() {
            for byte in *b"0\"{" {
                let mut text = good.clone().into_bytes();
                text[place] = byte;
                let Err(error) = parse("c.json", &text) else { continue };
                let line = error.to_string();
                assert!(!line.contains('\n') && line.starts_with("c.json:"), "{line}");
                assert!(error.pointer().starts_with('/') || line.contains("not JSON"), "{line}");
            }
        }
    }

    const PROCESS: &str = r#"{"user":{"uid":1},"cwd":"/","scheduler":{"policy":"SCHED_DEADLINE","flags":["SCHED_FLAG_DL_OVERRUN"]},
        "capabilities":{"bounding":["CAP_KILL","CAP_NEW"],"ambient":["CAP_NEW"]}}"#;

    #[test]
    fn what_the_specification_allows_is_read() {
        let text = format!(r#"{{"ociVersion":"1.2.1+dev","unknown":{{"a":[1]}},"process":{PROCESS}}}"#);
        let loaded = parse_noting("c.json", text.as_bytes()).unwrap();
        let mut notes: Vec<&str> = loaded.notes.iter().map(Error::pointer).collect();
        notes.sort_unstable();
        assert_eq!(notes, ["/process/capabilities/ambient/0", "/process/capabilities/bounding/1"]);
        let process = loaded.spec.process().clone().unwrap();
        let capabilities = process.capabilities().clone().unwrap();
        assert_eq!(capabilities.bounding().as_ref().unwrap().len(), 1);
        assert!(capabilities.ambient().as_ref().unwrap().is_empty());
        let flags = process.scheduler().clone().unwrap().flags().clone().unwrap();
        assert_eq!(flags, [crate::LinuxSchedulerFlag::SchedFlagDLOverrun]);
    }

    #[test]
    fn pids_without_a_limit_are_no_limit_and_zero_is_zero() {
        for (pids, expected) in [("{}", None), (r#"{"limit":0}"#, Some(0)), (r#"{"limit":-1}"#, Some(-1))] {
            let text = format!(r#"{{"ociVersion":"1.0.0","linux":{{"resources":{{"pids":{pids}}}}}}}"#);
            let spec = parse("c.json", text.as_bytes()).unwrap();
            let resources = spec.linux().as_ref().unwrap().resources().clone().unwrap();
            assert_eq!(resources.pids().map(|pids| pids.limit()), expected);
        }
    }

    #[test]
    fn parts_are_read_with_pointers_of_their_own() {
        let bad = parse_as::<Process>("p.json", br#"{"user":{},"cwd":3}"#).unwrap_err();
        assert_eq!(bad.to_string(), "p.json:1:18: /cwd: wanted a string, found integer 3");
        let bad = parse_as::<Process>("p.json", PROCESS.replace("DL_", "D_L_").as_bytes()).unwrap_err();
        let expected = "/capabilities/ambient/0";
        assert_eq!(
            (bad.pointer(), bad.message()),
            (expected, "wanted a capability as CAP_SYS_ADMIN, found \"CAP_NEW\"")
        );
        let memory = parse_as::<LinuxResources>("r.json", br#"{"memory":{"limit":7}}"#).unwrap();
        assert_eq!(memory.memory().unwrap().limit(), Some(7));
    }

    #[test]
    fn files_that_cannot_be_read() {
        for (path, expected) in [
            ("/nonexistent/config.json", "ENOENT (a bundle is a directory that holds a config.json)"),
            ("/proc", "EISDIR"),
            ("/proc/version/config.json", "ENOTDIR"),
            ("/dev/zero", "it is larger than 16 MiB"),
        ] {
            let error = load(Path::new(path)).unwrap_err().to_string();
            assert_eq!(error, format!("read {path}: {expected}"));
        }
    }
}
