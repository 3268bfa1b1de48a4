//! What the author of a disklessset module depends on, and nothing else.
//!
//! A module is a shared library that brings image classes, or sources of OS trees ([`TreeSource`]). It declares them with
//! [`declare_module!`], implements [`ImageClass`] (or [`DerivedImageClass`], to build on a class of another module) and gets
//! everything it needs from the [`Host`] that is handed to each call. Authors write safe Rust; the stable ABI underneath ([`abi`])
//! stays out of sight. [`tutorial`] builds a module step by step; README.md of this package says what versions promise.
//!
//! ```
//! use disklessset_plugin_api::{
//!     Action, BootContext, Host, Image, ImageClass, ImageName, Result, declare_module,
//! };
//!
//! struct Minimal;
//!
//! impl ImageClass for Minimal {
//!     fn actions(&self) -> Vec<Action<Self>> {
//!         vec![Action::create("Create a minimal image", Self::create)]
//!     }
//!     fn remove_files(&self, _image: &Image, _host: &Host<'_>) -> Result<()> {
//!         Ok(())
//!     }
//!     fn clean(&self, _name: &ImageName, _host: &Host<'_>) -> Result<()> {
//!         Ok(())
//!     }
//!     fn get_boot_file_template(&self, _image: &Image, boot: &BootContext, _host: &Host<'_>) -> Result<String> {
//!         Ok(format!("#!ipxe\necho Booting {}\n", boot.image))
//!     }
//!     fn clone_image(&self, _from: &Image, _image: &mut Image, _host: &Host<'_>) -> Result<()> {
//!         Ok(())
//!     }
//! }
//!
//! impl Minimal {
//!     fn create(&self, _image: &mut Image, (): (), _host: &Host<'_>) -> Result<()> {
//!         Ok(())
//!     }
//! }
//!
//! declare_module! {
//!     name: "minimal",
//!     title: "The smallest module",
//!     classes: { "MinimalImage" => Minimal },
//! }
//! # fn main() {}
//! ```

// abi_stable 0.11's derive defines items inside functions, which newer compilers lint in every user of it.
#![allow(non_local_definitions)]

// What the derive macros expand to names this package.
#[cfg(test)]
extern crate self as disklessset_plugin_api;

pub mod abi;
pub mod adapter;
#[doc(hidden)]
pub mod boot_file;
pub mod messages;
pub mod node_set;
pub mod note;
pub mod sources;

mod across;
mod action;
mod acts;
mod api_version;
mod arguments;
mod base;
mod boots;
mod check;
mod class;
mod error;
mod finding;
mod handled;
mod held;
mod image;
mod kernel;
mod names;
mod param;
mod parameters;
mod paths;
mod run;
mod secret;
mod services;
mod size;
mod source_offer;
mod tree_source;
mod validation;

#[cfg(feature = "testing")]
pub mod testing;

#[doc = include_str!("tutorial.md")]
#[cfg_attr(feature = "testing", doc = include_str!("tutorial_tests.md"))]
pub mod tutorial {}

pub use across::Chosen;
pub use action::{ActionSpec, Role, Rule, ToolNeed, Trial};
pub use arguments::Arguments;
pub use base::Base;
pub use boots::Boots;
pub use check::ActionCheck;
pub use class::{BaseClass, DerivedImageClass, ImageClass};
pub use disklessset_plugin_api_derive::{Choice, Parameters};
pub use error::{Error, ErrorKind, Result};
pub use finding::{Finding, Severity};
pub use handled::Action;
pub use held::{Export, Hold, Mount, PersistentOverlay};
pub use image::{Attributes, Image};
pub use kernel::{BootContext, Kernel, KernelVersion, TreeKernel};
pub use names::{ImageName, NameError, PackageName};
pub use param::{ParamKind, ParamSpec, Placement};
pub use parameters::{Choice, ParameterField, ParameterType, Parameters};
pub use paths::Paths;
pub use run::{Command, Finished};
pub use secret::Secret;
pub use services::{Host, Level};
pub use size::{Size, SizeError, SizeOrAuto};
pub use source_offer::SourceDescription;
pub use tree_source::{BUILT_IN_SOURCES, SourceCheck, SourceSpec, TreeBuild, TreeRequest, TreeSource};
pub use validation::{Lookup, Raw, Refusal, check_arguments, parse_value};

#[doc(hidden)]
pub use abi_stable;
/// Paths that are UTF-8, as this API has them: modules need no dependency of their own for them.
pub use camino;
/// Values and the `json!` macro, as this API has them.
pub use serde_json;

/// The version of this API: what a module was built against, written into its note.
///
/// Two versions agree when their majors do; see CHANGELOG.md for what each minor added.
pub const API_VERSION: &str = env!("CARGO_PKG_VERSION");
