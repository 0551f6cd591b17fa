//! Seccomp profiles compiled to BPF.
#![forbid(unsafe_code)]
