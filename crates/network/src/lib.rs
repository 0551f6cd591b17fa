//! Network namespaces with names, and the devices, addresses and routes in them.
//!
//! [`names`](list) are files in [`DIRECTORY`], where `ip netns` of iproute2 has them, too. A [`Site`] is a network
//! namespace that is worked in, by name, by process or the own one; [`Operation`] is one thing that is done in one, as
//! data that tells itself as a shell command and can be taken back; [`netlink`] is what all that is said to the kernel
//! in. `network_namespaces(7)`, `rtnetlink(7)`.
#![forbid(unsafe_code)]

mod address;
mod connect;
mod entrance;
mod error;
mod journey;
mod link;
mod name;
mod names;
pub mod netlink;
mod nsid;
mod operation;
pub mod packets;
mod processes;
mod route;
mod site;
mod watch;

pub use address::{Address, Cidr, addresses, lasting};
pub use connect::{Bridge, Connection, plan};
pub use entrance::{enter_named, shell};
pub use error::{Error, Result};
pub use journey::{Luggage, Moved, SwitchOn, carry};
pub use link::{Link, check_name, link, links};
pub use name::{COVERS, DIRECTORY, Name};
pub use names::{Named, add, attach, list, remove};
pub use nsid::{WantedId, id, ids};
pub use operation::{Operation, Transfer, WasUp, Work};
pub use processes::{Processes, names_of, processes_in};
pub use route::Way;
pub use site::{Place, Site, host};
pub use watch::{Change, Watch};
