//! The names of OCI, each a type that can only hold a good value. Text becomes one of them once, where it comes in.

mod digest;
mod error;
mod ref_name;
mod reference;
mod tag;
mod version;

pub use digest::{Digest, Hasher};
pub use error::NameError;
pub(crate) use error::{one_line, shown};
pub use ref_name::{from_ref_name, to_ref_name};
pub use reference::{Host, RegistryReference, RepositoryName, Target};
pub use tag::{RegistryTag, Tag};
pub use version::{VersionName, VersionNumber};

/// Parsing, printing and serde by way of one checking function, for a type that wraps a text.
macro_rules! text_type {
    ($type:ident, $check:path) => {
        impl std::str::FromStr for $type {
            type Err = $crate::names::NameError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                $check(text).map(|()| Self(text.to_owned()))
            }
        }

        impl $type {
            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::fmt::Display for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}
pub(crate) use text_type;

#[cfg(test)]
mod tests;
