//! The frozen ABI. Changing anything here needs an entry in CHANGELOG.md and a run of the test with an old module.
//!
//! It is small on purpose: one root, two interfaces with a handful of methods, one error. What is said through it is
//! JSON ([`crate::messages`]): steps and services go by name and carry open attributes, so that classes gain steps and
//! the host gains services without the ABI changing. An unknown name is an ordinary error on both sides.
//!
//! Rules within one major version: prefix types and traits are appended to after `last_prefix_field` only, every later
//! method has a default body, plain `repr(C)` structs never change.
// abi_stable generates public items that cannot carry docs, and unsafe code behind its traits.
#![allow(missing_docs, unsafe_code)]

use abi_stable::{
    StableAbi,
    library::RootModule,
    package_version_strings, sabi_trait,
    sabi_types::{RRef, VersionStrings},
    std_types::{RBox, ROption, RResult, RStr, RString, RVec},
};

/// The exported root of a module.
#[repr(C)]
#[derive(StableAbi)]
#[sabi(kind(Prefix(prefix_ref = ModuleRootRef)))]
#[sabi(missing_field(option))]
pub struct ModuleRoot {
    /// Makes the module's one object. Called once after the layout was checked.
    #[sabi(last_prefix_field)]
    pub open: extern "C" fn() -> RResult<ModuleBox, AbiError>,
}

impl RootModule for ModuleRootRef {
    abi_stable::declare_root_module_statics! {ModuleRootRef}
    const BASE_NAME: &'static str = "disklessset_module";
    const NAME: &'static str = "disklessset_module";
    const VERSION_STRINGS: VersionStrings = package_version_strings!();
}

/// A module's object, owned by the host (and leaked: no foreign destructor runs).
pub type ModuleBox = Module_TO<'static, RBox<()>>;

/// The host as seen by one call into a module.
pub type HostRef<'a> = HostServices_TO<'a, RRef<'a, ()>>;

/// What a module does for the host.
#[sabi_trait]
pub trait Module: Send + Sync {
    /// The module's declaration, as JSON of [`crate::messages::ModuleDescription`].
    fn describe(&self) -> RResult<RString, AbiError>;

    /// Runs one step of one class; request and reply are JSON of [`crate::messages::StepRequest`] and
    /// [`crate::messages::StepReply`].
    #[sabi(last_prefix_field)]
    fn call(&self, request: RStr<'_>, host: HostRef<'_>) -> RResult<RString, AbiError>;
}

/// What the host does for a module.
#[sabi_trait]
pub trait HostServices {
    /// Calls a service by name; request and reply are JSON whose shapes [`crate::messages`] gives.
    #[sabi(last_prefix_field)]
    fn call(&self, service: RStr<'_>, request: RStr<'_>) -> RResult<RString, AbiError>;
}

/// An error on its way across. Frozen; what may grow goes into `attrs`, a JSON object.
#[repr(C)]
#[derive(StableAbi, Debug, Clone)]
pub struct AbiError {
    /// One of the numbers of [`crate::ErrorKind`]; numbers unknown to the receiver mean "failed".
    pub kind: u32,
    /// What failed, in one line.
    pub message: RString,
    /// Why, outermost first.
    pub causes: RVec<RString>,
    /// What to do about it.
    pub hint: ROption<RString>,
    /// Open attributes as a JSON object, empty when there are none.
    pub attrs: RString,
}
