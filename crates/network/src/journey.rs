use rustix::io::Errno;
use std::os::fd::AsFd;

use crate::address::{self, Address};
use crate::error::{During, Error, Result};
use crate::link::{self, Link, Switch};
use crate::netlink::Socket;
use crate::site::Site;

/// What the kernel takes from a device that moves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Luggage {
    /// Its lasting addresses of global scope.
    pub addresses: Vec<Address>,
    /// Whether it was switched on.
    pub was_up: bool,
}

/// A device that was moved into another network namespace, for the way back.
#[derive(Debug)]
pub struct Moved {
    name: String,
    /// Its number there.
    index: i32,
    luggage: Luggage,
}

impl Luggage {
    /// Looks what a device has.
    ///
    /// # Errors
    /// ENODEV for a device that is not there.
    pub fn of(site: &Site, name: &str) -> Result<(Link, Self)> {
        let socket = site.socket()?;
        let link = find(socket, name)?;
        let addresses = address::lasting(socket, link.index).during("list addresses")?;
        let luggage = Self { addresses, was_up: link.is_up };
        Ok((link, luggage))
    }
}

/// Moves a device to another namespace, where it is called `inside` and is switched off, without its addresses.
///
/// `moved` is given the device as soon as it is there: a device that could not be renamed has moved nevertheless, and
/// has to be taken back by [`Moved::back`].
///
/// # Errors
/// ENODEV for a device that is not there, EEXIST for a name that another one has there, EINVAL for devices of a kind
/// that stay where they are, EPERM without CAP_NET_ADMIN over both namespaces.
pub fn carry(home: &Site, there: &Site, name: &str, inside: &str, moved: &mut Option<Moved>) -> Result<()> {
    let (link, luggage) = Luggage::of(home, name)?;
    let before = indices(there)?;
    let outcome = link::send(home.socket()?, link.index, there.handle()?.as_fd(), inside);
    // The kernel may have given it another number and, of a template, another name.
    let index = indices(there)?.into_iter().find(|index| !before.contains(index));
    *moved = index.map(|index| Moved { name: name.to_owned(), index, luggage });
    outcome.map_err(|errno| refusal(name, inside, errno))?;
    match moved {
        Some(_) => Ok(()),
        None => Err(Error::rule(format_args!("move {name}"), "it is there already")),
    }
}

impl Moved {
    /// Gives the device there what it had, and switches it on.
    ///
    /// # Errors
    /// What the kernel refuses.
    pub fn furnish(&self, there: &Site, switch: SwitchOn) -> Result<()> {
        let furnished = furnish(there.socket()?, self.index, &self.luggage, switch);
        furnished.map_err(|error| error.of(&self.name))
    }

    /// Moves the device back to what it was, as far as that can be.
    ///
    /// # Errors
    /// What the kernel refuses.
    pub fn back(&self, home: &Site, there: &Site) -> Result<()> {
        let Self { name, index, luggage } = self;
        link::send(there.socket()?, *index, home.handle()?.as_fd(), name)
            .during(format_args!("move {name} back"))?;
        let socket = home.socket()?;
        let link = find(socket, name)?;
        furnish(socket, link.index, luggage, SwitchOn::WhereItWas)
    }
}

/// Whether a device that has moved is switched on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SwitchOn {
    /// In any case.
    Always,
    /// Where it was on before.
    WhereItWas,
}

fn furnish(socket: &Socket, index: i32, luggage: &Luggage, switch: SwitchOn) -> Result<()> {
    for address in &luggage.addresses {
        address.give(socket, index).during("give it an address that it had")?;
    }
    match switch {
        SwitchOn::WhereItWas if !luggage.was_up => Ok(()),
        SwitchOn::Always | SwitchOn::WhereItWas => {
            link::switch(socket, index, Switch::On).during("switch it on")
        }
    }
}

pub(crate) fn find(socket: &Socket, name: &str) -> Result<Link> {
    link::link(socket, name).during(format_args!("look for {name}"))
}

fn indices(site: &Site) -> Result<Vec<i32>> {
    let links = link::links(site.socket()?).during("list the network devices there")?;
    Ok(links.iter().map(|link| link.index).collect())
}

/// Words that a device could not be moved.
fn refusal(name: &str, inside: &str, errno: Errno) -> Error {
    let error = Error::call(format_args!("move {name} in as {inside}"), errno);
    match errno {
        Errno::EXIST => error.hint("there is a device of that name"),
        Errno::INVAL => error.hint("devices of its kind stay where they are, or it is there already"),
        Errno::PERM => {
            error.hint("needs CAP_NET_ADMIN in the user namespaces that own both network namespaces")
        }
        _ => error,
    }
}
