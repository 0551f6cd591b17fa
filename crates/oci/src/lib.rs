//! The OCI runtime-spec types as Palisade reads them.
#![forbid(unsafe_code)]
