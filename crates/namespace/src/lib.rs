//! Linux namespaces: new, join, id maps.
#![forbid(unsafe_code)]
