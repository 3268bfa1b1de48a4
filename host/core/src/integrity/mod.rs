//! Whether what nodes fetch is what was published: digests, the manifests they are kept in, and signatures.
//!
//! A manifest is a file `SHA256SUMS` in the form that `sha256sum -c` reads. It knows no images and no kernels: those who
//! publish decide what is in it, and put it in service together with what it tells of.

pub mod digest;
pub mod fault;
pub mod manifest;
pub mod signing;

pub use digest::Digest;
pub use fault::{Checked, Fault, Kind, Severity};
pub use manifest::{Digests, Manifest};
pub use signing::Signer;
