//! How two OS trees differ: their packages and their files. It knows no images, and changes neither tree.

mod files;
mod found;
mod of_attributes;
mod packages;
mod spool;

pub use files::{Aspect, Change, FileDifference, FileKind, FileSkipped, Which, XattrChange};
pub use found::{Changed, TreeComparison};
pub(crate) use found::{Trees, compare_trees};
pub(crate) use of_attributes::compare_attributes;
pub use of_attributes::{AttributeChange, AttributeComparison};
pub use packages::{ChangedPackage, Manager, NotCompared, Package, PackageComparison};
pub use spool::FileDifferences;
