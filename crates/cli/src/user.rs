//! `--user`: numbers, or names of the container's own user database.

use std::os::fd::AsFd;
use std::path::Path;

use palisade_runtime::{Error, Result, read_database};
use rustix::fs::{CWD, Mode, OFlags};

/// Who a program runs as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Account {
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    /// The supplementary groups.
    pub(crate) groups: Vec<u32>,
    /// The home directory, `/` for whom the database does not know.
    pub(crate) home: String,
}

/// The texts of `/etc/passwd` and `/etc/group`; empty where there are none.
#[derive(Debug, Default)]
pub(crate) struct Database {
    passwd: String,
    group: String,
}

impl Database {
    /// Reads the databases below a root. Links are followed inside that root alone.
    pub(crate) fn read(root: &Path) -> Result<Self> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let root = rustix::fs::openat(CWD, root, flags, Mode::empty())
            .map_err(|errno| Error::call(format_args!("open {}", root.display()), errno))?;
        Ok(Self {
            passwd: read_database(root.as_fd(), "etc/passwd").unwrap_or_default(),
            group: read_database(root.as_fd(), "etc/group").unwrap_or_default(),
        })
    }

    /// Finds who `--user` names; root without one. What is a number is an id, whoever may be called so.
    pub(crate) fn find(&self, wanted: Option<&str>) -> Result<Account> {
        let (user, group) = match wanted.map(|wanted| wanted.split_once(':').unwrap_or((wanted, ""))) {
            None => ("0", ""),
            Some((user, group)) => (user, group),
        };
        let unknown = |what: &str, name: &str| {
            Error::new(format!("no {what} {name:?} is known there")).hint("a number is taken as it is")
        };
        let entry = match number(user)? {
            Some(uid) => self.users().find(|entry| entry.uid == uid).unwrap_or(User {
                name: None,
                uid,
                gid: 0,
                home: "/",
            }),
            None => {
                self.users().find(|entry| entry.name == Some(user)).ok_or_else(|| unknown("user", user))?
            }
        };
        let mut account =
            Account { uid: entry.uid, gid: entry.gid, groups: Vec::new(), home: entry.home.to_owned() };
        if group.is_empty() {
            account.groups = entry.name.map(|name| self.groups_of(name, entry.gid)).unwrap_or_default();
        } else {
            account.gid = match number(group)? {
                Some(gid) => gid,
                None => self.group(group).ok_or_else(|| unknown("group", group))?,
            };
        }
        Ok(account)
    }

    fn users(&self) -> impl Iterator<Item = User<'_>> {
        self.passwd.lines().filter_map(|line| {
            let fields: Vec<&str> = line.split(':').collect();
            let (&[name, _, uid, gid, _, home], _) = fields.split_first_chunk::<6>()?;
            let home = if home.starts_with('/') { home } else { "/" };
            Some(User { name: Some(name), uid: uid.parse().ok()?, gid: gid.parse().ok()?, home })
        })
    }

    fn group(&self, wanted: &str) -> Option<u32> {
        self.groups().find(|(name, _, _)| *name == wanted).map(|(_, gid, _)| gid)
    }

    fn groups(&self) -> impl Iterator<Item = (&str, u32, &str)> {
        self.group.lines().filter_map(|line| {
            let mut fields = line.split(':');
            let (name, _, gid, members) = (fields.next()?, fields.next()?, fields.next()?, fields.next()?);
            Some((name, gid.parse().ok()?, members))
        })
    }

    fn groups_of(&self, user: &str, own: u32) -> Vec<u32> {
        let listed = self.groups().filter(|(_, _, members)| members.split(',').any(|member| member == user));
        listed.map(|(_, gid, _)| gid).filter(|gid| *gid != own).collect()
    }
}

struct User<'a> {
    name: Option<&'a str>,
    uid: u32,
    gid: u32,
    home: &'a str,
}

/// Reads an id; none for what is a name.
fn number(text: &str) -> Result<Option<u32>> {
    if text.is_empty() {
        return Err(Error::new("the user is empty").hint("wanted USER or USER:GROUP"));
    }
    if !text.trim_start_matches(['-', '+']).bytes().all(|byte| byte.is_ascii_digit()) {
        return Ok(None);
    }
    match text.parse::<u32>() {
        // The highest number means "no change" to the kernel.
        Ok(id) if id != u32::MAX && !text.starts_with('+') => Ok(Some(id)),
        _ => Err(Error::new(format!("{text} is no id between 0 and 4294967294"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn database() -> Database {
        let passwd = "root:x:0:0:root:/root:/bin/sh\n1000:x:0:0::/evil:/bin/sh\nweb:x:33:34::/var/www:/bin/sh\nbroken:x\n";
        let group = "root:x:0:\nwww:x:34:web\nssl:x:50:ann,web\n";
        Database { passwd: passwd.to_owned(), group: group.to_owned() }
    }

    #[test]
    fn users() {
        let account = |uid, gid, groups: &[u32], home: &str| Account {
            uid,
            gid,
            groups: groups.to_vec(),
            home: home.to_owned(),
        };
        for (wanted, found) in [
            (None, account(0, 0, &[], "/root")),
            (Some("web"), account(33, 34, &[50], "/var/www")),
            (Some("33"), account(33, 34, &[50], "/var/www")),
            (Some("web:ssl"), account(33, 50, &[], "/var/www")),
            (Some("7:8"), account(7, 8, &[], "/")),
            // A number is an id, also where somebody is called so.
            (Some("1000"), account(1000, 0, &[], "/")),
        ] {
            assert_eq!(database().find(wanted).unwrap(), found, "{wanted:?}");
        }
    }

    #[test]
    fn nobody_becomes_root_by_a_number_that_wraps() {
        for wanted in [
            "4294967296",
            "4294967295",
            "-1",
            "+0",
            "",
            "web:",
            "nobody",
            "0:-1",
            "web:nope",
            ":5",
            "18446744073709551616",
        ] {
            let found = database().find(Some(wanted));
            assert!(wanted == "web:" || found.is_err(), "{wanted}: {found:?}");
        }
    }
}
