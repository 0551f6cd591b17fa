//! Declares the sections of config.json: each field is written down once.

/// Declares structs with their readers and writers.
///
/// A field is `NEED name: Type = "jsonName"`, where the need is
/// - `required`: it has to be there;
/// - `filled`: a text that has to be there and must not be empty;
/// - `assumed`: where it is absent it is the type's default, as other runtimes take it; it is written in any case;
/// - `optional`: absent, null and the empty value of the type are the same, and it is not written when empty.
macro_rules! records {
    ($(
        $(#[$about:meta])*
        pub struct $name:ident {
            $($(#[$meaning:meta])* $need:ident $field:ident: $type:ty = $json:literal,)*
        }
    )+) => {
        $(
            $(#[$about])*
            #[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
            pub struct $name {
                $($(#[$meaning])* pub $field: $type,)*
            }

            impl $crate::read::Content for $name {
                #[inline(never)]
                fn read(
                    json: $crate::json::Json<'_>,
                    place: &$crate::read::Place<'_>,
                    findings: &mut $crate::read::Findings,
                ) -> Self {
                    let mut object = $crate::read::Object::open(json, place, findings);
                    Self { $($field: object.$need($json),)* }
                }

                fn is_empty(&self) -> bool {
                    *self == Self::default()
                }
            }

            impl $crate::load::Part for $name {}

            impl serde::Serialize for $name {
                fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                    use serde::ser::SerializeMap;
                    let mut map = serializer.serialize_map(None)?;
                    $(if $crate::record::write::$need(&self.$field) {
                        map.serialize_entry($json, &self.$field)?;
                    })*
                    map.end()
                }
            }
        )+
    };
}

/// Declares closed sets of words; the first word of each is its default.
macro_rules! words {
    ($(
        $(#[$about:meta])*
        pub enum $name:ident {
            $first:ident = $first_word:literal,
            $($variant:ident = $word:literal,)*
        }
    )+) => {
        $(
            $(#[$about])*
            #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
            pub enum $name {
                #[default]
                #[doc = concat!("`", $first_word, "`.")]
                $first,
                $(#[doc = concat!("`", $word, "`.")] $variant,)*
            }

            impl $name {
                /// All, in the order in which the specification has them.
                pub const ALL: &[Self] = &[Self::$first, $(Self::$variant,)*];

                const WORDS: &[&str] = &[$first_word, $($word,)*];

                /// Returns the specification's word.
                #[must_use]
                pub const fn word(self) -> &'static str {
                    match self {
                        Self::$first => $first_word,
                        $(Self::$variant => $word,)*
                    }
                }
            }

            impl $crate::read::Content for $name {
                fn read(
                    json: $crate::json::Json<'_>,
                    place: &$crate::read::Place<'_>,
                    findings: &mut $crate::read::Findings,
                ) -> Self {
                    let index = $crate::read::word(Self::WORDS, &json, place, findings);
                    Self::ALL.get(index).copied().unwrap_or_default()
                }

                fn is_empty(&self) -> bool {
                    false
                }
            }

            impl serde::Serialize for $name {
                fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                    serializer.serialize_str(self.word())
                }
            }
        )+
    };
}

pub(crate) use {records, words};

/// Whether a field is written, by its need.
pub(crate) mod write {
    use crate::read::Content;

    pub(crate) const fn required<T>(_: &T) -> bool {
        true
    }

    pub(crate) const fn filled<T>(_: &T) -> bool {
        true
    }

    pub(crate) const fn assumed<T>(_: &T) -> bool {
        true
    }

    pub(crate) fn optional<T: Content>(content: &T) -> bool {
        !content.is_empty()
    }
}
