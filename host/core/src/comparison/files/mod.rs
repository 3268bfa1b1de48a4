//! How the files of two trees differ: two sorted walks side by side, through descriptors, so that no link
//! leads out of a tree.

mod capabilities;
mod content;
mod difference;
mod directory;
mod facts;
mod names;
mod walk;
mod xattrs;

pub(super) use difference::Found;
pub use difference::{Aspect, Change, FileDifference, FileKind, FileSkipped, Which, XattrChange};
pub(super) use walk::compare;

#[cfg(test)]
mod tests;
