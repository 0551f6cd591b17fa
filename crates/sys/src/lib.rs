//! System calls that rustix lacks: the only crate of Palisade with unsafe code.
