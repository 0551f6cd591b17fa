//! Strings of a plan: made before the clone, NUL-terminated, and told apart by what they may be used for.

use std::ffi::{CStr, CString};
use std::fmt;
use std::ops::Deref;

use serde::{Serialize, Serializer};

use crate::Error;

macro_rules! text {
    ($(#[$doc:meta])* $name:ident, $what:literal) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash)]
        pub struct $name(CString);

        impl $name {
            /// Takes the bytes as they are; a NUL among them is an error.
            pub fn new(bytes: impl Into<Vec<u8>>) -> Result<Self, Error> {
                let bytes = bytes.into();
                match CString::new(bytes) {
                    Ok(text) => Ok(Self(text)),
                    Err(error) => {
                        let shown = String::from_utf8_lossy(&error.into_vec()).into_owned();
                        Err(Error::new(concat!("take ", $what), shown, "it contains a NUL byte"))
                    }
                }
            }
        }

        impl From<CString> for $name {
            fn from(text: CString) -> Self {
                Self(text)
            }
        }

        impl From<&CStr> for $name {
            fn from(text: &CStr) -> Self {
                Self(text.to_owned())
            }
        }

        impl Deref for $name {
            type Target = CStr;
            fn deref(&self) -> &CStr {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0.to_string_lossy())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&self.0.to_string_lossy(), f)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }
    };
}

text!(
    /// A path of the host, resolved in the child's own mount namespace before it enters the root.
    HostPath,
    "host path"
);
text!(
    /// A path inside the container, resolved below the root's descriptor and never above it.
    RootPath,
    "path in the root"
);
text!(
    /// A string that is no path: a file-system type, an option, a source that only names.
    Text,
    "text"
);
