use std::cell::{Cell, OnceCell};
use std::os::fd::AsFd;
use std::rc::Rc;

use palisade_sys::shell::quote;
use rustix::io::Errno;

use crate::address::{self, Cidr};
use crate::error::{During, Error, Result};
use crate::journey::{Luggage, Moved, SwitchOn, carry, find};
use crate::link::{self, Switch};
use crate::name::{DIRECTORY, Name};
use crate::names;
use crate::nsid::{self, WantedId};
use crate::route::{self, Way};
use crate::site::{Place, Site};

/// One thing that is done about a network namespace or in one.
#[derive(Debug)]
pub enum Operation {
    /// Makes a namespace with a name.
    Add(Name),
    /// Takes a name away; there is no way back.
    Delete(Name),
    /// Gives a namespace that is there a name.
    Attach(Name, Rc<Site>),
    /// Gives a namespace a number in the caller's; there is no way back.
    SetId(Rc<Site>, WantedId),
    /// Does something in a namespace.
    In(Rc<Site>, Work),
}

/// What is done in a network namespace, on devices by their names.
#[derive(Debug)]
pub enum Work {
    /// Makes a pair of veth devices, the second in another namespace.
    AddVeth {
        /// The device here.
        name: String,
        /// The device there.
        peer: String,
        /// Where that is.
        there: Rc<Site>,
    },
    /// Makes a bridge.
    AddBridge(String),
    /// Makes a device a port of a bridge, and switches it on.
    Join {
        /// The device.
        port: String,
        /// The bridge.
        bridge: String,
    },
    /// Gives a device an address.
    AddAddress(String, Cidr),
    /// Adds a route out of a device.
    AddRoute(String, Way),
    /// Switches a device on.
    SwitchOn(String, WasUp),
    /// Moves a device to another namespace.
    Move(Transfer),
}

/// Whether a device was switched on before it was switched on; none before that.
#[derive(Debug, Default)]
pub struct WasUp(Cell<Option<bool>>);

/// A device that moves to another namespace.
#[derive(Debug)]
pub struct Transfer {
    /// Its name.
    pub device: String,
    /// Its name there.
    pub inside: String,
    /// Where it goes.
    pub there: Rc<Site>,
    /// What it has again when it is there; without it the device is switched off there and has no address.
    pub luggage: Option<Luggage>,
    /// What was moved.
    pub moved: OnceCell<Moved>,
}

impl Operation {
    /// Returns the shell commands that would do the same.
    #[must_use]
    pub fn shell(&self) -> Vec<String> {
        match self {
            Self::Add(name) => vec![format!("ip netns add {}", quote(name.as_str()))],
            Self::Delete(name) => vec![format!("ip netns delete {}", quote(name.as_str()))],
            Self::Attach(name, site) => attach_shell(name, site.place()),
            Self::SetId(site, id) => {
                let id = match id {
                    WantedId::Number(number) => number.to_string(),
                    WantedId::Free => "auto".to_owned(),
                };
                vec![format!("ip netns set {} {id}", site.word())]
            }
            Self::In(site, work) => work.shell(site),
        }
    }

    /// Does it.
    ///
    /// # Errors
    /// What the kernel refuses. Nothing is half done then.
    pub fn perform(&self) -> Result<()> {
        match self {
            Self::Add(name) => names::add(name),
            Self::Delete(name) => names::remove(name),
            Self::Attach(name, site) => names::attach(name, site),
            Self::SetId(site, id) => set_id(site, *id),
            Self::In(site, work) => work.perform(site),
        }
    }

    /// Takes back what was done, where there is a way back.
    ///
    /// # Errors
    /// What the kernel refuses.
    pub fn undo(&self) -> Result<()> {
        match self {
            Self::Add(name) | Self::Attach(name, _) => names::remove(name),
            Self::Delete(_) | Self::SetId(..) => Ok(()),
            Self::In(site, work) => work.undo(site),
        }
    }
}

impl Work {
    fn shell(&self, site: &Site) -> Vec<String> {
        let ip = site.ip();
        match self {
            Self::AddVeth { name, peer, there } => {
                let there = there.word();
                vec![format!("{ip} link add {name} type veth peer name {peer} netns {there}")]
            }
            Self::AddBridge(name) => vec![format!("{ip} link add {name} type bridge")],
            Self::Join { port, bridge } => vec![format!("{ip} link set {port} master {bridge} up")],
            Self::AddAddress(device, cidr) => {
                vec![format!("{ip} addr add {cidr} dev {device}{}", no_search(*cidr))]
            }
            Self::AddRoute(device, Way::OnLink(network)) => {
                vec![format!("{ip} route add {network} dev {device}")]
            }
            Self::AddRoute(device, Way::Through(neighbour)) => {
                let family = if neighbour.is_ipv6() { " -6" } else { "" };
                vec![format!("{ip}{family} route add default via {neighbour} dev {device}")]
            }
            Self::SwitchOn(device, _) => vec![format!("{ip} link set {device} up")],
            Self::Move(transfer) => transfer.shell(site),
        }
    }

    fn perform(&self, site: &Site) -> Result<()> {
        let socket = site.socket()?;
        let what = || self.shell(site).join("; ");
        let told = |errno| told(Error::call(what(), errno), errno);
        let index = |name: &str| find(socket, name).map(|link| link.index);
        match self {
            Self::AddVeth { name, peer, there } => {
                link::add_veth(socket, name, peer, there.handle()?.as_fd()).map_err(told)
            }
            Self::AddBridge(name) => link::add_bridge(socket, name).map_err(told),
            Self::Join { port, bridge } => link::join(socket, index(port)?, index(bridge)?).map_err(told),
            Self::AddAddress(device, cidr) => address::add(socket, index(device)?, *cidr).map_err(told),
            Self::AddRoute(device, way) => route::add(socket, index(device)?, *way).map_err(told),
            Self::SwitchOn(device, was_up) => {
                let link = find(socket, device)?;
                link::switch(socket, link.index, Switch::On).map_err(told)?;
                was_up.0.set(Some(link.is_up));
                Ok(())
            }
            Self::Move(transfer) => transfer.perform(site),
        }
    }

    fn undo(&self, site: &Site) -> Result<()> {
        let socket = site.socket()?;
        let remove = |name: &str| {
            let link = find(socket, name)?;
            link::delete(socket, link.index).during(format_args!("remove {name}"))
        };
        match self {
            Self::AddVeth { name, .. } | Self::AddBridge(name) => remove(name),
            Self::AddAddress(device, cidr) => {
                let link = find(socket, device)?;
                address::remove(socket, link.index, *cidr).during(format_args!("remove {cidr} from {device}"))
            }
            Self::SwitchOn(device, was_up) if was_up.0.get() == Some(false) => {
                let link = find(socket, device)?;
                link::switch(socket, link.index, Switch::Off).during(format_args!("switch {device} off"))
            }
            Self::Move(transfer) => match transfer.moved.get() {
                Some(moved) => moved.back(site, &transfer.there),
                None => Ok(()),
            },
            // They go with the device that was made for them.
            Self::Join { .. } | Self::AddRoute(..) | Self::SwitchOn(..) => Ok(()),
        }
    }
}

impl Transfer {
    fn shell(&self, site: &Site) -> Vec<String> {
        let Self { device, inside, there, luggage, .. } = self;
        let rename = if device == inside { String::new() } else { format!(" name {inside}") };
        let mut lines = vec![format!("{} link set {device} netns {}{rename}", site.ip(), there.word())];
        if let Some(luggage) = luggage {
            let ip = there.ip();
            let cidrs = luggage.addresses.iter().filter_map(address::Address::cidr);
            lines.extend(cidrs.map(|cidr| format!("{ip} addr add {cidr} dev {inside}{}", no_search(cidr))));
            lines.extend(luggage.was_up.then(|| format!("{ip} link set {inside} up")));
        }
        lines
    }

    /// Moves the device; what fails there brings it back.
    fn perform(&self, home: &Site) -> Result<()> {
        let mut moved = None;
        let mut outcome = carry(home, &self.there, &self.device, &self.inside, &mut moved);
        let Some(moved) = moved else { return outcome };
        if outcome.is_ok() && self.luggage.is_some() {
            outcome = moved.furnish(&self.there, SwitchOn::WhereItWas);
        }
        match outcome {
            Ok(()) => {
                let _first = self.moved.set(moved);
                Ok(())
            }
            Err(error) => match moved.back(home, &self.there) {
                Ok(()) => Err(error),
                Err(stays) => Err(error.hint(format_args!("and it stays there: {stays}"))),
            },
        }
    }
}

fn set_id(site: &Site, id: WantedId) -> Result<()> {
    let own = Site::new(Place::Own);
    nsid::set(own.socket()?, site.handle()?.as_fd(), id).map_err(|errno| {
        let error = Error::call(format_args!("give {} a number", site.place()), errno);
        match errno {
            Errno::EXIST => error.hint("it has one already, or the number is another's; a number stays"),
            Errno::NOSPC => error.hint("the number is another's"),
            Errno::PERM => error.hint("needs CAP_NET_ADMIN"),
            _ => error,
        }
    })
}

fn attach_shell(name: &Name, place: &Place) -> Vec<String> {
    let target = quote(name.as_str());
    match place {
        Place::Own => vec![format!("ip netns attach {target} $$")],
        Place::Process(pid) => vec![format!("ip netns attach {target} {}", pid.as_raw_nonzero())],
        Place::Name(other) => {
            let [from, to] = [other, name].map(|name| quote(&format!("{DIRECTORY}/{name}")));
            vec![format!("touch {to} && mount --bind {from} {to}")]
        }
    }
}

/// Returns the word that spares an address of IPv6 the search for others that have it.
fn no_search(cidr: Cidr) -> &'static str {
    if cidr.address.is_ipv6() { " nodad" } else { "" }
}

fn told(error: Error, errno: Errno) -> Error {
    match errno {
        Errno::PERM => {
            error.hint("needs CAP_NET_ADMIN in the user namespace that owns the network namespace")
        }
        Errno::EXIST => error.hint("it is there already"),
        Errno::NOTSUP | Errno::AFNOSUPPORT => error.hint("the kernel has none of that kind"),
        _ => error,
    }
}
