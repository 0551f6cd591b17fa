//! The container runtime: plan, execution, lifecycle, and the palisade binary.
#![forbid(unsafe_code)]
