//! `ps`.

use std::process::{Command, Stdio};

use palisade_runtime::{Error, Result, Store};

use crate::arguments::{Format, Ps};
use crate::inspect::{align, owner, print};

pub(crate) fn ps(verb: &Ps, store: &Store) -> Result<u8> {
    let container = store.find(&verb.id)?;
    let pids: Vec<i32> = match container.group()? {
        Some(group) => group.procs()?.into_iter().map(|pid| pid.as_raw_nonzero().get()).collect(),
        None => container.process().map(|process| process.pid).into_iter().collect(),
    };
    match verb.format {
        Format::Json => {
            let text =
                serde_json::to_string(&pids).map_err(|error| Error::new(format!("write JSON: {error}")))?;
            print(&format!("{text}\n"))
        }
        Format::Table if verb.options.iter().any(|option| !option.is_empty()) => {
            print(&table_of_ps(&verb.options, &pids)?)
        }
        Format::Table => print(&usual_table(&pids)),
    }
}

/// The table of `ps -ef`, as runc has it; one of our own where that program is missing or is another one's.
fn usual_table(pids: &[i32]) -> String {
    let said = Command::new("ps").arg("-ef").stderr(Stdio::null()).output().ok();
    // That of busybox takes the options and prints what it always does.
    let said = said.filter(|said| said.status.success() && said.stdout.starts_with(b"UID"));
    let table = said.and_then(|said| filter(&String::from_utf8_lossy(&said.stdout), pids).ok());
    table.unwrap_or_else(|| {
        let mut rows = vec![["UID", "PID", "PPID", "CMD"].map(str::to_owned)];
        rows.extend(pids.iter().filter_map(|pid| describe(*pid)));
        align(&rows)
    })
}

/// The table that `ps(1)` makes of all processes, down to those of the container.
fn table_of_ps(options: &[String], pids: &[i32]) -> Result<String> {
    let said = Command::new("ps").args(options).stderr(Stdio::inherit()).output();
    let said = said.map_err(|error| {
        Error::io("execute ps", &error).hint("options are those of ps(1), Debian's package procps")
    })?;
    if !said.status.success() {
        return Err(Error::new(format!("ps {} failed: {}", options.join(" "), said.status)));
    }
    filter(&String::from_utf8_lossy(&said.stdout), pids)
}

/// Keeps the head and the lines whose column PID is one of these.
fn filter(table: &str, pids: &[i32]) -> Result<String> {
    let mut lines = table.lines();
    let head = lines.next().unwrap_or_default();
    let column = head.split_whitespace().position(|word| word == "PID");
    let column = column.ok_or_else(|| {
        Error::new("ps printed no column PID").hint("its options must ask for one, as -o pid,comm does")
    })?;
    let is_wanted = |line: &&str| {
        let pid = line.split_whitespace().nth(column).and_then(|word| word.parse().ok());
        pid.is_some_and(|pid: i32| pids.contains(&pid))
    };
    Ok(std::iter::once(head).chain(lines.filter(is_wanted)).flat_map(|line| [line, "\n"]).collect())
}

/// A line of the process table; none when it has ended meanwhile.
fn describe(pid: i32) -> Option<[String; 4]> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        line.split_whitespace().next().map(str::to_owned)
    };
    let command = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let words: Vec<String> = command
        .split(|byte| *byte == 0)
        .filter(|word| !word.is_empty())
        .map(|word| String::from_utf8_lossy(word).chars().filter(|c| !c.is_control()).collect())
        .collect();
    let command = if words.is_empty() { format!("[{}]", field("Name:")?) } else { words.join(" ") };
    Some([owner(field("Uid:")?.parse().ok()?), pid.to_string(), field("PPid:")?, command])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_ps_is_cut_down_by_its_column() {
        let table = "USER         PID COMMAND\nroot           1 init\nroot          12 sleep 1\nroot          21 sh 12\n";
        assert_eq!(filter(table, &[12]).unwrap(), "USER         PID COMMAND\nroot          12 sleep 1\n");
        assert_eq!(filter(table, &[]).unwrap(), "USER         PID COMMAND\n");
        for none in ["", "COMMAND\ninit\n"] {
            assert!(filter(none, &[1]).unwrap_err().to_string().starts_with("ps printed no column PID"));
        }
    }
}
