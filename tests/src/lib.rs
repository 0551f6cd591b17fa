//! End-to-end tests of Palisade.
#![forbid(unsafe_code)]
