//! Attacks on other runtimes that have to fail here; docs/security.md says which test tries which.

mod binary;
mod descriptors;
mod identity;
mod masks;
mod nuisances;
mod procfs;
mod races;
mod root;
mod state;
