//! Linux namespaces: the eight kinds, what to do about each, in which order, and the id maps of user namespaces.
//!
//! [`Namespaces`] says for each [`Kind`] whether it is made, joined or inherited; [`steps`] turns that into one
//! ordered list, as data; [`Handle`] is an open namespace whose kind was checked; [`IdMaps`] and [`MapMethod`] are
//! what a new user namespace needs before anything in it has an id. `namespaces(7)`, `user_namespaces(7)`.
//!
//! [`clone`], [`unshare`] and [`setns`] are the kernel's three verbs; [`survey`] lists what there is on the machine.
#![forbid(unsafe_code)]

mod error;
mod handle;
mod idmap;
mod kind;
mod mapping;
mod offset;
mod pin;
mod set;
mod step;
mod subid;
mod survey;
mod verb;

pub use error::Error;
pub use handle::{Handle, Identity, open};
pub use idmap::{IdKind, IdMap, IdMaps, MAX_ENTRIES, default_rootless_maps};
pub use kind::{Kind, Kinds};
pub use mapping::{Helpers, MapFacts, MapMethod, choose_method, find_helpers, write_maps};
pub use offset::{Offsets, enter_own_time};
pub use pin::{PinLock, PinOperation, Pins};
pub use set::{Namespaces, Source, Target};
pub use step::{Action, Place, Rights, Step, steps};
pub use subid::{SubIdRange, Who, parse_subids, read_subids};
pub use survey::{Depth, Found, Keeper, Scope, Survey, number_of, survey};
pub use verb::{Spawned, clone, setns, unshare};
