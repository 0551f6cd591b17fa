//! Intel's resource director: where a container stands in the `resctrl` file system, config-linux.md#intelrdt.

use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::error::{During, Error, Result};

/// Where the container's class of service comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Class {
    /// It has to be there.
    Existing,
    /// It is made, unless it is there with the same schemata, and stays.
    Shared,
    /// It is made for the container and goes with it.
    Own,
}

/// What is done in `resctrl` for one process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Assignment {
    /// The directory of the class.
    pub directory: PathBuf,
    /// Where it comes from.
    pub class: Class,
    /// The lines for its `schemata`.
    pub schemata: Vec<String>,
    /// The directory of the container's monitoring group.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub monitor: Option<PathBuf>,
}

/// The directories that go with the container, the inner one first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owned(Vec<PathBuf>);

impl Owned {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Removes what is there.
    pub(crate) fn remove(&self) -> Result<()> {
        let remove = |path: &PathBuf| match fs::remove_dir(path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
            other => other.during(format_args!("rmdir {}", path.display())),
        };
        let removed: Vec<Result<()>> = self.0.iter().map(remove).collect();
        removed.into_iter().collect()
    }
}

/// Finds where the file system is mounted.
#[must_use]
pub(crate) fn find() -> Option<PathBuf> {
    let mounts = fs::read_to_string("/proc/self/mounts").ok()?;
    mounts.lines().find_map(|line| {
        let mut fields = line.split(' ');
        let (path, kind) = (fields.nth(1)?, fields.next()?);
        (kind == "resctrl").then(|| PathBuf::from(path))
    })
}

impl Assignment {
    /// What goes with the container; it is on record before it is made.
    #[must_use]
    pub fn owned(&self) -> Owned {
        let class = (self.class == Class::Own).then(|| self.directory.clone());
        Owned(self.monitor.clone().into_iter().chain(class).collect())
    }

    /// The same for one more process, when all is there.
    #[must_use]
    pub fn joined(&self) -> Self {
        Self { class: Class::Existing, schemata: Vec::new(), ..self.clone() }
    }

    /// Writes the lines for a class that is there. Gives what its `schemata` was before, whole.
    ///
    /// # Errors
    /// A class that is not there, and what the kernel refuses.
    pub(crate) fn change(&self) -> Result<String> {
        let path = self.directory.join("schemata");
        let before =
            fs::read_to_string(&path).during(format_args!("read {}", path.display())).map_err(|error| {
                error.hint(
                    "the class of service is made with the container, and for one of its own removed with it",
                )
            })?;
        self.write(&path, &format!("{}\n", self.schemata.join("\n")))?;
        Ok(before)
    }

    /// Makes what is to be made, and puts a process there. Gives what was made.
    pub(crate) fn apply(&self, pid: i32) -> Result<Owned> {
        let mut made = Owned::default();
        match self.apply_noting(pid, &mut made) {
            Ok(()) => Ok(made),
            Err(error) => match made.remove() {
                Ok(()) => Err(error),
                Err(also) => Err(error.hint(format_args!("and {also}"))),
            },
        }
    }

    fn apply_noting(&self, pid: i32, made: &mut Owned) -> Result<()> {
        let directory = &self.directory;
        let is_there = directory.is_dir();
        match (self.class, is_there) {
            (Class::Existing, false) => {
                let message = format!("the class of service {} does not exist", directory.display());
                return Err(Error::new(message));
            }
            (Class::Own, true) => {
                let message = format!("the class of service {} is there already", directory.display());
                return Err(Error::new(message).hint("a closID shares one"));
            }
            (Class::Shared, true) => check(&directory.join("schemata"), &self.schemata)?,
            (Class::Existing, true) => {}
            (Class::Shared | Class::Own, false) => {
                make(directory, made)?;
                if !self.schemata.is_empty() {
                    let lines = format!("{}\n", self.schemata.join("\n"));
                    self.write(&directory.join("schemata"), &lines)?;
                }
            }
        }
        self.write(&directory.join("tasks"), &format!("{pid}\n"))?;
        let Some(monitor) = &self.monitor else { return Ok(()) };
        if !monitor.is_dir() {
            make(monitor, made)?;
        }
        self.write(&monitor.join("tasks"), &format!("{pid}\n"))
    }

    /// Writes a file in one call; what the kernel thinks of it is in a file of its own.
    fn write(&self, path: &Path, text: &str) -> Result<()> {
        let shown = text.trim_end().replace('\n', ", ");
        fs::write(path, text).during(format_args!("write {shown} to {}", path.display())).map_err(|error| {
            let root = self.directory.ancestors().find(|above| above.join("info").is_dir());
            let status = root.and_then(|root| fs::read_to_string(root.join("info/last_cmd_status")).ok());
            match status.as_deref().map(str::trim) {
                None | Some("" | "ok") => error,
                Some(status) => error.hint(status),
            }
        })
    }
}

fn make(directory: &Path, made: &mut Owned) -> Result<()> {
    fs::create_dir(directory)
        .during(format_args!("mkdir {}", directory.display()))
        .map_err(|error| error.hint("the CPU has a limited number of classes and monitoring groups"))?;
    made.0.insert(0, directory.to_owned());
    Ok(())
}

/// Checks that a class that is there has the schemata that are wanted.
fn check(path: &Path, wanted: &[String]) -> Result<()> {
    let found = fs::read_to_string(path).during(format_args!("read {}", path.display()))?;
    let found: Vec<(String, String, String)> = found.lines().flat_map(domains).collect();
    let missing = wanted.iter().flat_map(|line| domains(line)).find(|domain| !found.contains(domain));
    match missing {
        None => Ok(()),
        Some((resource, domain, value)) => {
            let message = format!("{} has not {resource}:{domain}={value}", path.display());
            Err(Error::new(message).hint("a class of service that is there is shared as it is"))
        }
    }
}

/// Splits a line, `L3:0=7f0;1=1f`, into what it says of each domain.
fn domains(line: &str) -> Vec<(String, String, String)> {
    let Some((resource, rest)) = line.trim().split_once(':') else { return Vec::new() };
    let one = |part: &str| {
        let (domain, value) = part.split_once('=')?;
        let value = value.trim().trim_start_matches('0').to_lowercase();
        Some((resource.to_owned(), domain.trim().to_owned(), value))
    };
    rest.split(';').filter_map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(list: &[&str]) -> Vec<String> {
        list.iter().map(|line| (*line).to_owned()).collect()
    }

    fn assignment(root: &Path, class: Class, schemata: &[&str]) -> Assignment {
        Assignment { directory: root.join("class"), class, schemata: lines(schemata), monitor: None }
    }

    fn read(path: PathBuf) -> String {
        fs::read_to_string(path).unwrap()
    }

    #[test]
    fn a_class_of_its_own_is_made_and_goes() {
        let root = tempfile::tempdir().unwrap();
        let own = assignment(root.path(), Class::Own, &["L3:0=f", "MB:0=20"]);
        assert_eq!(own.owned(), Owned(vec![root.path().join("class")]));
        assert_eq!(own.apply(77).unwrap(), own.owned());
        assert_eq!(read(root.path().join("class/schemata")), "L3:0=f\nMB:0=20\n");
        assert_eq!(read(root.path().join("class/tasks")), "77\n");
        let error = own.apply(78).unwrap_err().to_string();
        assert!(error.contains("is there already"), "{error}");
        // A kernel's directory goes with its files.
        for file in ["schemata", "tasks"] {
            fs::remove_file(root.path().join("class").join(file)).unwrap();
        }
        own.owned().remove().unwrap();
        assert!(!root.path().join("class").exists());
        own.owned().remove().unwrap();
    }

    #[test]
    fn a_shared_class_is_made_or_compared_and_stays() {
        let root = tempfile::tempdir().unwrap();
        let shared = assignment(root.path(), Class::Shared, &["L3:0=0F;1=3", "MB:0=20"]);
        assert!(shared.owned().is_empty());
        fs::create_dir(root.path().join("class")).unwrap();
        let schemata = root.path().join("class/schemata");
        fs::write(&schemata, "    MB:0= 20;1=100\n    L3:0=f;1=3;2=7ff\n").unwrap();
        assert!(shared.apply(5).unwrap().is_empty());
        assert_eq!(read(root.path().join("class/tasks")), "5\n");
        fs::write(&schemata, "MB:0=20\nL3:0=f;1=1\n").unwrap();
        let error = shared.apply(5).unwrap_err().to_string();
        assert!(error.contains("class/schemata has not L3:1=3"), "{error}");
    }

    #[test]
    fn a_class_that_is_there_is_changed() {
        let root = tempfile::tempdir().unwrap();
        let own = assignment(root.path(), Class::Own, &["L3:0=3"]);
        let error = own.change().unwrap_err().to_string();
        assert!(error.contains("read ") && error.contains("class/schemata: ENOENT"), "{error}");
        fs::create_dir(root.path().join("class")).unwrap();
        let schemata = root.path().join("class/schemata");
        fs::write(&schemata, "L3:0=f\nMB:0=20\n").unwrap();
        assert_eq!(own.change().unwrap(), "L3:0=f\nMB:0=20\n");
        assert_eq!(read(schemata), "L3:0=3\n", "the kernel leaves what is not named");
    }

    #[test]
    fn a_class_without_schemata_has_to_be_there() {
        let root = tempfile::tempdir().unwrap();
        let existing = assignment(root.path(), Class::Existing, &[]);
        let error = existing.apply(5).unwrap_err().to_string();
        assert!(error.ends_with("class does not exist"), "{error}");
        fs::create_dir(root.path().join("class")).unwrap();
        existing.apply(6).unwrap();
        assert_eq!(read(root.path().join("class/tasks")), "6\n");
        assert!(
            !root.path().join("class/schemata").exists(),
            "nothing is written where nothing is asked for"
        );
    }

    #[test]
    fn a_monitoring_group_goes_with_the_container() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join("class/mon_groups")).unwrap();
        let monitor = root.path().join("class/mon_groups/id");
        let monitored =
            Assignment { monitor: Some(monitor.clone()), ..assignment(root.path(), Class::Existing, &[]) };
        assert_eq!(monitored.owned(), Owned(vec![monitor.clone()]));
        assert_eq!(monitored.apply(8).unwrap(), monitored.owned());
        assert_eq!(read(monitor.join("tasks")), "8\n");
        assert!(monitored.joined().apply(9).unwrap().is_empty(), "exec makes nothing");
        assert_eq!(read(monitor.join("tasks")), "9\n");
    }

    #[test]
    fn what_fails_leaves_nothing() {
        let root = tempfile::tempdir().unwrap();
        // There is no directory mon_groups in what is just made.
        let monitor = Some(root.path().join("other/mon_groups/id"));
        fs::create_dir(root.path().join("info")).unwrap();
        fs::write(root.path().join("info/last_cmd_status"), "bad\n").unwrap();
        let own = Assignment { monitor, ..assignment(root.path(), Class::Existing, &[]) };
        fs::create_dir(root.path().join("class")).unwrap();
        fs::create_dir(root.path().join("class/tasks")).unwrap();
        let error = own.apply(1).unwrap_err().to_string();
        assert!(error.contains("write 1 to ") && error.ends_with("(bad)"), "{error}");
    }
}
