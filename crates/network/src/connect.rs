use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};
use std::rc::Rc;

use rustix::io::Errno;

use crate::address::{self, Cidr};
use crate::error::{During, Error, Result};
use crate::link;
use crate::operation::{Operation, WasUp, Work};
use crate::route::Way;
use crate::site::{Place, Site};

/// Two namespaces that are to reach each other.
#[derive(Debug)]
pub struct Connection {
    /// Both.
    pub ends: [Rc<Site>; 2],
    /// What is between them; nothing but the line without.
    pub bridge: Option<Bridge>,
    /// The address of each, and then that of the bridge; [`plan`] takes free ones where there are none.
    pub addresses: Vec<Cidr>,
}

/// The bridge that they are ports of.
#[derive(Debug)]
pub struct Bridge {
    /// Its name.
    pub name: String,
    /// Where it is.
    pub site: Rc<Site>,
}

/// The addresses of a connection, known to fit together.
struct Addresses {
    ends: [Cidr; 2],
    bridge: Option<Cidr>,
}

/// Lists what has to be done for two namespaces to reach each other. Names that are not there are made; so is the
/// bridge.
///
/// Reads which devices and addresses there are, and changes nothing.
///
/// # Errors
/// A device that is no bridge, two ends that are one, addresses that do not fit together.
pub fn plan(connection: &Connection) -> Result<Vec<Operation>> {
    let [first, second] = &connection.ends;
    check_apart(first, second)?;
    let addresses = match connection.addresses.as_slice() {
        [] => free_addresses(connection)?,
        given => Addresses::of(given, connection.bridge.as_ref())?,
    };
    let mut draft = Draft::default();
    for site in connection.ends.iter().chain(connection.bridge.iter().map(|bridge| &bridge.site)) {
        draft.make_name(site)?;
    }
    let devices = match &connection.bridge {
        None => draft.line(first, "eth", second)?,
        Some(bridge) => draft.star(&connection.ends, bridge, addresses.bridge)?,
    };
    for (index, device) in devices.into_iter().enumerate() {
        draft.furnish(&connection.ends[index], device, &addresses, index);
    }
    Ok(draft.steps)
}

#[derive(Default)]
struct Draft {
    steps: Vec<Operation>,
    /// The names that are made.
    made: Vec<Place>,
}

impl Draft {
    fn work(&mut self, site: &Rc<Site>, work: Work) {
        self.steps.push(Operation::In(Rc::clone(site), work));
    }

    /// Makes the name of a namespace that is not there, with loopback switched on.
    fn make_name(&mut self, site: &Rc<Site>) -> Result<()> {
        if let (true, Place::Name(name)) =
            (is_missing(site)? && !self.made.contains(site.place()), site.place())
        {
            self.steps.push(Operation::Add(name.clone()));
            self.work(site, Work::SwitchOn("lo".to_owned(), WasUp::default()));
            self.made.push(site.place().clone());
        }
        Ok(())
    }

    /// Makes a line between two namespaces; returns what its ends are called.
    fn line(&mut self, here: &Rc<Site>, prefix: &str, there: &Rc<Site>) -> Result<[String; 2]> {
        let [name, peer] = [self.free_name(here, prefix)?, self.free_name(there, "eth")?];
        let veth = Work::AddVeth { name: name.clone(), peer: peer.clone(), there: Rc::clone(there) };
        self.work(here, veth);
        Ok([name, peer])
    }

    /// Makes the bridge where it is missing, and a line from it to each end; returns what these are called at the ends.
    fn star(&mut self, ends: &[Rc<Site>; 2], bridge: &Bridge, address: Option<Cidr>) -> Result<[String; 2]> {
        let Bridge { name, site } = bridge;
        if !bridge.is_there()? {
            self.work(site, Work::AddBridge(name.clone()));
        }
        if let Some(address) = address {
            self.work(site, Work::AddAddress(name.clone(), address));
        }
        self.work(site, Work::SwitchOn(name.clone(), WasUp::default()));
        let mut arm = |end: &Rc<Site>| {
            let [port, device] = self.line(site, "veth", end)?;
            self.work(site, Work::Join { port, bridge: name.clone() });
            Ok(device)
        };
        Ok([arm(&ends[0])?, arm(&ends[1])?])
    }

    /// Gives an end its address, switches it on, and adds the routes to what is not in its network.
    fn furnish(&mut self, site: &Rc<Site>, device: String, addresses: &Addresses, index: usize) {
        let (own, other) = (addresses.ends[index], addresses.ends[1 - index]);
        self.work(site, Work::AddAddress(device.clone(), own));
        self.work(site, Work::SwitchOn(device.clone(), WasUp::default()));
        match addresses.bridge {
            Some(bridge) => self.work(site, Work::AddRoute(device, Way::Through(bridge.address))),
            None if own.shares_network(other) => {}
            None => self.work(site, Work::AddRoute(device, Way::OnLink(other.network()))),
        }
    }

    /// Finds a name that no device has there, nor any that is to be made.
    fn free_name(&self, site: &Rc<Site>, prefix: &str) -> Result<String> {
        let mut taken: BTreeSet<String> = self.steps.iter().flat_map(|step| made_in(step, site)).collect();
        if !is_missing(site)? {
            let links =
                link::links(site.socket()?).during(format_args!("list the devices of {}", site.place()))?;
            taken.extend(links.into_iter().map(|link| link.name));
        }
        let mut names = (0..).map(|number: u32| format!("{prefix}{number}"));
        names.find(|name| !taken.contains(name)).ok_or_else(|| Error::rule(prefix, "no name is free"))
    }
}

impl Bridge {
    /// Tells whether there is a bridge of the name.
    fn is_there(&self) -> Result<bool> {
        let Self { name, site } = self;
        link::check_name(name)?;
        if is_missing(site)? {
            return Ok(false);
        }
        match link::link(site.socket()?, name) {
            Err(Errno::NODEV) => Ok(false),
            Err(errno) => Err(Error::call(format_args!("look for {name}"), errno)),
            Ok(link) if link.kind.as_deref() == Some("bridge") => Ok(true),
            Ok(_) => Err(Error::rule(format_args!("{name} in {}", site.place()), "is no bridge")),
        }
    }
}

impl Addresses {
    fn of(given: &[Cidr], bridge: Option<&Bridge>) -> Result<Self> {
        let (ends, bridge) = match (given, bridge) {
            ([first, second], _) => ([*first, *second], None),
            ([first, second, third], Some(_)) => ([*first, *second], Some(*third)),
            _ => {
                return Err(Error::rule(
                    "--addr",
                    "wants one for each of the two, and may have one for a bridge",
                ));
            }
        };
        if ends[0].address.is_ipv4() != ends[1].address.is_ipv4() {
            return Err(Error::rule(
                format_args!("{} and {}", ends[0], ends[1]),
                "are of different families",
            ));
        }
        if ends[0].address == ends[1].address {
            return Err(Error::rule(format_args!("{} and {}", ends[0], ends[1]), "are one address"));
        }
        match bridge.and_then(|bridge| ends.iter().find(|end| !end.shares_network(bridge)).zip(Some(bridge)))
        {
            Some((end, bridge)) => Err(Error::rule(
                format_args!("{bridge} of the bridge"),
                format_args!("is not in the network of {end}"),
            )),
            None => Ok(Self { ends, bridge }),
        }
    }
}

fn check_apart(first: &Site, second: &Site) -> Result<()> {
    let same = first.place() == second.place()
        || !is_missing(first)?
            && !is_missing(second)?
            && first.handle()?.same(second.handle()?).is_ok_and(|same| same);
    if same { Err(Error::rule(first.place(), "cannot be connected with itself")) } else { Ok(()) }
}

/// Tells whether a name is not there and so has to be made.
fn is_missing(site: &Site) -> Result<bool> {
    match (site.handle(), site.place()) {
        (Ok(_), _) => Ok(false),
        (Err(error), Place::Name(_)) if error.errno() == Some(Errno::NOENT) => Ok(true),
        (Err(error), _) => Err(error),
    }
}

/// Names the devices that a step makes in a namespace.
fn made_in(step: &Operation, site: &Site) -> Vec<String> {
    let here = |made: &Site, name: &String| (made.place() == site.place()).then(|| name.clone());
    match step {
        Operation::In(made, Work::AddVeth { name, peer, there }) => {
            here(made, name).into_iter().chain(here(there, peer)).collect()
        }
        Operation::In(made, Work::AddBridge(name)) => here(made, name).into_iter().collect(),
        _ => Vec::new(),
    }
}

/// Takes the first network of 10.213.0.0/16 that no address of those concerned is in.
fn free_addresses(connection: &Connection) -> Result<Addresses> {
    if let Some(bridge) = &connection.bridge
        && bridge.is_there()?
    {
        let line = format!(
            "bridge {} is there already, and who else is connected to it cannot be seen",
            bridge.name
        );
        return Err(Error::rule("addresses", line).hint("give them by --addr"));
    }
    let mut taken = Vec::new();
    for site in connection.ends.iter().chain(connection.bridge.iter().map(|bridge| &bridge.site)) {
        if !is_missing(site)? {
            let found = address::addresses(site.socket()?);
            taken.extend(found.during(format_args!("list the addresses of {}", site.place()))?);
        }
    }
    let ends = |number: u8| {
        [1, 2].map(|host| Cidr { address: IpAddr::V4(Ipv4Addr::new(10, 213, number, host)), prefix: 24 })
    };
    let free = |ends: &[Cidr; 2]| !taken.iter().any(|taken| overlap(*taken, ends[0]));
    let ends = (0..=u8::MAX).map(ends).find(free);
    let ends = ends.ok_or_else(|| {
        Error::rule("10.213.0.0/16", "has no free network").hint("give addresses by --addr")
    })?;
    Ok(Addresses { ends, bridge: None })
}

fn overlap(one: Cidr, other: Cidr) -> bool {
    let prefix = one.prefix.min(other.prefix);
    let cut = |cidr: Cidr| Cidr { prefix, ..cidr }.network();
    one.address.is_ipv4() == other.address.is_ipv4() && cut(one) == cut(other)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::name::Name;

    fn site(name: &str) -> Rc<Site> {
        Rc::new(Site::new(Place::Name(Name::new(name).unwrap())))
    }

    fn told(bridge: Option<&str>, addresses: &[&str]) -> Result<Vec<String>> {
        let bridge = bridge.map(|name| Bridge { name: name.to_owned(), site: site("pal-test-c") });
        let addresses = addresses.iter().map(|text| text.parse().unwrap()).collect();
        let connection = Connection { ends: [site("pal-test-a"), site("pal-test-b")], bridge, addresses };
        Ok(plan(&connection)?.iter().flat_map(Operation::shell).collect())
    }

    #[test]
    fn a_line_between_two_names() {
        let lines = told(None, &[]).unwrap();
        let expected = [
            "ip netns add pal-test-a",
            "ip -n pal-test-a link set lo up",
            "ip netns add pal-test-b",
            "ip -n pal-test-b link set lo up",
            "ip -n pal-test-a link add eth0 type veth peer name eth0 netns pal-test-b",
            "ip -n pal-test-a addr add 10.213.0.1/24 dev eth0",
            "ip -n pal-test-a link set eth0 up",
            "ip -n pal-test-b addr add 10.213.0.2/24 dev eth0",
            "ip -n pal-test-b link set eth0 up",
        ];
        assert_eq!(lines, expected);
    }

    #[test]
    fn a_bridge_between_them() {
        let lines = told(Some("br0"), &["fd00::1/64", "fd00::2/64", "fd00::3/64"]).unwrap();
        let expected = [
            "ip -n pal-test-c link add br0 type bridge",
            "ip -n pal-test-c addr add fd00::3/64 dev br0 nodad",
            "ip -n pal-test-c link set br0 up",
            "ip -n pal-test-c link add veth0 type veth peer name eth0 netns pal-test-a",
            "ip -n pal-test-c link set veth0 master br0 up",
            "ip -n pal-test-c link add veth1 type veth peer name eth0 netns pal-test-b",
            "ip -n pal-test-c link set veth1 master br0 up",
            "ip -n pal-test-a addr add fd00::1/64 dev eth0 nodad",
            "ip -n pal-test-a link set eth0 up",
            "ip -n pal-test-a -6 route add default via fd00::3 dev eth0",
        ];
        assert_eq!(lines[6..16], expected);
    }

    #[test]
    fn two_networks_get_routes() {
        let lines = told(None, &["10.1.0.1/24", "10.2.0.1/32"]).unwrap();
        assert!(lines.contains(&"ip -n pal-test-a route add 10.2.0.1/32 dev eth0".to_owned()), "{lines:?}");
        assert!(lines.contains(&"ip -n pal-test-b route add 10.1.0.0/24 dev eth0".to_owned()), "{lines:?}");
    }

    #[test]
    fn what_does_not_fit_together_is_refused() {
        for (bridge, addresses, why) in [
            (None, &["10.0.0.1/24"][..], "wants one for each"),
            (None, &["10.0.0.1/24", "10.0.0.2/24", "10.0.0.3/24"], "wants one for each"),
            (None, &["10.0.0.1/24", "fd00::1/64"], "are of different families"),
            (None, &["10.0.0.1/24", "10.0.0.1/24"], "are one address"),
            (
                Some("br0"),
                &["10.0.0.1/24", "10.0.0.2/24", "10.0.1.1/24"],
                "is not in the network of 10.0.0.1/24",
            ),
            (Some("a/b"), &["10.0.0.1/24", "10.0.0.2/24"], "has a slash"),
        ] {
            let line = told(bridge, addresses).unwrap_err().to_string();
            assert!(line.contains(why), "{line}");
        }
        let own = || Rc::new(Site::new(Place::Own));
        let connection = Connection { ends: [own(), own()], bridge: None, addresses: Vec::new() };
        assert!(plan(&connection).is_err());
    }

    #[test]
    fn networks_that_overlap() {
        let cidr = |text: &str| text.parse::<Cidr>().unwrap();
        assert!(overlap(cidr("10.0.0.1/8"), cidr("10.213.0.1/24")));
        assert!(!overlap(cidr("10.213.1.1/24"), cidr("10.213.0.1/24")));
        assert!(!overlap(cidr("fd00::1/8"), cidr("10.213.0.1/24")));
    }
}
