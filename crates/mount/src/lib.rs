//! Mount operations: options, in-root resolution, overlay.
#![forbid(unsafe_code)]
