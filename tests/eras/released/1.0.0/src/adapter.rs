//! Between the frozen ABI and the traits of authors: converts, and contains panics.
//!
//! A panic can only be caught inside the module that made it, so every entry into a module goes through [`guarded`].

use crate::{
    Action, ActionCheck, ActionSpec, DerivedImageClass, Host, Image, ImageClass,
    abi::{AbiError, HostRef, Module, Module_TO, ModuleBox},
    acts::Acts,
    error::{Error, ErrorKind, Result},
    messages::{ClassDescription, ModuleDescription, StepReply, StepRequest, steps},
    sources::SourceSteps,
};
use abi_stable::{
    sabi_trait::TD_Opaque,
    std_types::{RResult, RStr, RString},
};
use serde_json::Value;
use std::{
    cell::RefCell,
    panic::{AssertUnwindSafe, catch_unwind},
};

/// The steps of a class by name, whichever trait it was written with.
pub trait Steps: Send + Sync {
    /// Its description.
    fn describe(&self, name: &str) -> ClassDescription;
    /// Runs one step.
    ///
    /// # Errors
    /// The step's own, or not-defined.
    fn run(&self, request: StepRequest, host: &Host<'_>) -> Result<StepReply>;
}

/// A class of its own.
pub struct Own<C>(pub C);
/// A class built on another.
pub struct Derived<C>(pub C);

fn subject(image: Option<Image>, step: &str) -> Result<Image> {
    image.ok_or_else(|| Error::usage(format!("step {step} came without an image")))
}

/// A text among the attributes of a step, such as the `words` of an action.
fn text(request: &StepRequest, name: &str) -> String {
    request.attrs.get(name).and_then(Value::as_str).unwrap_or_default().to_owned()
}

macro_rules! dispatch {
    ($steps:expr, $request:expr, $host:expr) => {{
        let (acts, class, request, host) = ($steps, &$steps.0, $request, $host);
        let step = request.step.as_str();
        let words = text(&request, "words");
        if step == steps::CLEAN {
            let name = request.name.as_ref().ok_or_else(|| Error::usage("clean came without a name"))?;
            return Ok(StepReply { image: None, value: class.clean(name, host)?.into_value()? });
        }
        if step == steps::OVERVIEW {
            let value = acts.overview(&words, &request.arguments, host)?;
            return Ok(StepReply { image: None, value });
        }
        let mut image = subject(request.image.clone(), step)?;
        let value = match step {
            steps::CREATE => acts.create(&mut image, &request.arguments, host)?.into_value()?,
            steps::REMOVE => class.remove_files(&image, host)?.into_value()?,
            steps::BOOT_FILE => {
                let boot = serde_json::from_value(request.attrs.get("boot").cloned().unwrap_or_default())?;
                class.get_boot_file_template(&image, &boot, host)?.into_value()?
            }
            steps::BOOTS => class.boots(&image, host)?.into_value()?,
            steps::CLONE => {
                let source = subject(request.source.clone(), step)?;
                class.clone_image(&source, &mut image, host)?.into_value()?
            }
            steps::SET_KERNEL => {
                let kernel =
                    serde_json::from_value(request.attrs.get("kernel").cloned().unwrap_or_default())?;
                class.set_kernel(&mut image, &kernel, host)?.into_value()?
            }
            steps::CHECK => {
                let complete = request.attrs.get("complete").and_then(Value::as_bool).unwrap_or(true);
                let action = ActionCheck { words: &words, arguments: &request.arguments, complete };
                acts.check(&action, &image, host)?.into_value()?
            }
            steps::VERIFY => class.verify(&image, host)?.into_value()?,
            steps::OS_TREE => class.os_tree(&image, host)?.into_value()?,
            steps::CHECK_REMOVAL => class.check_removal(&image, host)?.into_value()?,
            steps::RECOVER => {
                let action = text(&request, "action");
                class.recovered(&mut image, &action, host)?.into_value()?
            }
            steps::SHOW => class.show(&image, host)?,
            steps::ACTION => acts.act(&words, &mut image, &request.arguments, host)?,
            other => class.step(other, &mut image, &request.attrs, host)?,
        };
        Ok(StepReply { image: Some(image), value })
    }};
}

/// What a step gives back, as it crosses.
trait IntoValue: serde::Serialize + Sized {
    fn into_value(self) -> Result<Value> {
        Ok(serde_json::to_value(self)?)
    }
}
impl<T: serde::Serialize> IntoValue for T {}

/// What of a table crosses the ABI.
fn declarations<C>(table: Vec<Action<C>>) -> Vec<ActionSpec> {
    table.into_iter().map(Action::into_spec).collect()
}

impl<C: ImageClass> Steps for Own<C> {
    fn describe(&self, name: &str) -> ClassDescription {
        ClassDescription { name: name.to_owned(), actions: declarations(self.0.actions()) }
    }
    fn run(&self, request: StepRequest, host: &Host<'_>) -> Result<StepReply> {
        dispatch!(self, request, host)
    }
}

impl<C: DerivedImageClass> Steps for Derived<C> {
    fn describe(&self, name: &str) -> ClassDescription {
        ClassDescription { name: name.to_owned(), actions: declarations(self.0.actions()) }
    }
    fn run(&self, request: StepRequest, host: &Host<'_>) -> Result<StepReply> {
        if request.step == steps::REFINE {
            let inherited = request.attrs.get("actions").cloned().unwrap_or_default();
            let inherited: Vec<ActionSpec> = serde_json::from_value(inherited)?;
            let refined: Vec<_> = inherited.into_iter().map(|action| self.0.refine(action)).collect();
            return Ok(StepReply { image: None, value: serde_json::to_value(refined)? });
        }
        dispatch!(self, request, host)
    }
}

/// A module made of its classes and sources; what [`crate::declare_module!`] opens.
pub struct Adapter {
    name: &'static str,
    classes: Vec<(&'static str, Box<dyn Steps>)>,
    sources: Vec<(&'static str, Box<dyn SourceSteps>)>,
}

impl Adapter {
    /// A module of these classes and sources.
    pub fn new(
        name: &'static str,
        classes: Vec<(&'static str, Box<dyn Steps>)>,
        sources: Vec<(&'static str, Box<dyn SourceSteps>)>,
    ) -> Self {
        Self { name, classes, sources }
    }

    /// The module as it crosses the ABI.
    pub fn into_box(self) -> ModuleBox {
        Module_TO::from_value(self, TD_Opaque)
    }

    fn run(&self, request: &str, host: HostRef<'_>) -> Result<String> {
        let request: StepRequest = serde_json::from_str(request)?;
        if let Some(wanted) = request.tree_source.clone() {
            let source = self.sources.iter().find(|(name, _)| *name == wanted);
            let (_, source) = source.ok_or_else(|| {
                Error::new(ErrorKind::NOT_FOUND, format!("module {} has no source {wanted}", self.name))
            })?;
            let reply = source.run(request, &Host::new(host, ""))?;
            return Ok(serde_json::to_string(&reply)?);
        }
        let class = self.classes.iter().find(|(name, _)| *name == request.class);
        let (name, steps) = class.ok_or_else(|| {
            Error::new(ErrorKind::NOT_FOUND, format!("module {} has no class {}", self.name, request.class))
        })?;
        let reply = steps.run(request, &Host::new(host, name))?;
        Ok(serde_json::to_string(&reply)?)
    }
}

impl Module for Adapter {
    fn describe(&self) -> RResult<RString, AbiError> {
        guarded(self.name, || {
            let classes = self.classes.iter().map(|(name, class)| class.describe(name)).collect();
            let sources = self.sources.iter().map(|(name, source)| source.describe(name)).collect();
            Ok(serde_json::to_string(&ModuleDescription { name: self.name.to_owned(), classes, sources })?)
        })
    }

    fn call(&self, request: RStr<'_>, host: HostRef<'_>) -> RResult<RString, AbiError> {
        guarded(self.name, || self.run(request.as_str(), host))
    }
}

thread_local! {
    static LAST_PANIC: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Runs code of a module and turns a panic into an ordinary error that names file and line.
pub fn guarded(module: &str, run: impl FnOnce() -> Result<String>) -> RResult<RString, AbiError> {
    // The hook belongs to this module's own copy of std; it keeps the message off the terminal, which is the host's.
    static QUIET: std::sync::Once = std::sync::Once::new();
    QUIET.call_once(|| {
        std::panic::set_hook(Box::new(|info| {
            let place =
                info.location().map_or_else(String::new, |l| format!(" at {}:{}", l.file(), l.line()));
            let text = text_of(info.payload()).unwrap_or("(no message)");
            LAST_PANIC.with_borrow_mut(|last| *last = Some(format!("panic{place}: {text}")));
        }));
    });
    match catch_unwind(AssertUnwindSafe(run)) {
        Ok(Ok(reply)) => RResult::ROk(reply.into()),
        Ok(Err(error)) => RResult::RErr(error.to_abi()),
        Err(payload) => {
            // Dropping the payload may panic again, outside the guard.
            std::mem::forget(payload);
            let cause = LAST_PANIC.with_borrow_mut(Option::take).unwrap_or_default();
            let message = format!("module {module} panicked; this is a fault of the module");
            RResult::RErr(Error::new(ErrorKind::PANICKED, message).because(cause).to_abi())
        }
    }
}

fn text_of(payload: &(dyn std::any::Any + Send)) -> Option<&str> {
    payload.downcast_ref::<&str>().copied().or_else(|| payload.downcast_ref::<String>().map(String::as_str))
}

/// Opens a module with the same guard.
#[doc(hidden)]
pub fn open(module: &'static str, make: impl FnOnce() -> Adapter) -> RResult<ModuleBox, AbiError> {
    let mut made = None;
    let outcome = guarded(module, || {
        made = Some(make().into_box());
        Ok(String::new())
    });
    match (outcome, made) {
        (RResult::ROk(_), Some(module)) => RResult::ROk(module),
        (RResult::RErr(error), _) => RResult::RErr(error),
        (RResult::ROk(_), None) => RResult::RErr(Error::failed("the module made nothing").to_abi()),
    }
}

/// Declares a module: its note, its exported root, its classes and its sources of OS trees.
///
/// ```ignore
/// declare_module! {
///     name: "livenet",
///     title: "Images that run from RAM",
///     classes: {
///         "LivenetImage" => LivenetImage,
///         "TunedLivenet": "LivenetImage" "^0.1" => TunedLivenet, // built on another class
///     },
///     sources: { "zypper" => Zypper }, // `--source zypper` of every class that takes a source
/// }
/// ```
///
/// One of `classes` and `sources` may be left out.
///
/// The module's version is that of its package. It must be compiled with `panic = "unwind"`: a panic that aborts could not
/// be contained.
#[macro_export]
macro_rules! declare_module {
    (
        name: $name:literal,
        title: $title:literal,
        classes: { $($classes:tt)+ }
        $(, sources: { $($sources:tt)+ })? $(,)?
    ) => {
        $crate::declare_module!(@declare $name, $title, { $($classes)+ }, { $($($sources)+)? });
    };
    (name: $name:literal, title: $title:literal, sources: { $($sources:tt)+ } $(,)?) => {
        $crate::declare_module!(@declare $name, $title, {}, { $($sources)+ });
    };
    (
        @declare $name:literal, $title:literal,
        { $($class:literal $(: $base:literal $versions:literal)? => $value:expr),* $(,)? },
        { $($source:literal => $tree_source:expr),* $(,)? }
    ) => {
        #[cfg(panic = "abort")]
        compile_error!("a disklessset module must be built with panic = \"unwind\", so that its panics can be contained");

        const _: () = {
            assert!($crate::note::is_plain($name) && $crate::note::is_plain($title), "name and title: no quotes, backslashes or control characters");
            $(assert!($crate::note::is_plain($class), "class names: no quotes, backslashes or control characters");)*
            $($(assert!($crate::note::is_plain($base) && $crate::note::is_plain($versions), "base classes: no quotes, backslashes or control characters");)?)*
            $(assert!($crate::note::is_plain($source), "names of sources: no quotes, backslashes or control characters");)*
        };

        #[doc(hidden)]
        const DISKLESSSET_NOTE: &str = concat!(
            "{\"api\":\"", $crate::api_version!(), "\",\"name\":\"", $name, "\",\"version\":\"", env!("CARGO_PKG_VERSION"),
            "\",\"title\":\"", $title, "\",\"classes\":[",
            $("{\"name\":\"", $class, "\"", $(",\"base\":{\"class\":\"", $base, "\",\"version\":\"", $versions, "\"}",)? "},",)*
            "null],\"sources\":[",
            $("\"", $source, "\",",)*
            "null]}"
        );

        #[used]
        // SAFETY: the section holds one plain note and nothing reads it at run time.
        #[unsafe(link_section = ".note.disklessset.api")]
        static DISKLESSSET_ELF_NOTE: $crate::note::ElfNote<{ DISKLESSSET_NOTE.len().next_multiple_of(4) }> =
            $crate::note::ElfNote::new(DISKLESSSET_NOTE);

        #[doc(hidden)]
        mod disklessset_export {
            #![allow(missing_docs, non_local_definitions, unreachable_pub)]
            use $crate::{abi::ModuleRootRef, abi_stable::{library, prefix_type::PrefixTypeTrait, std_types::RResult}};

            // What abi_stable's own attribute expands to, which works only in crates that depend on it by name.
            // SAFETY: the name is abi_stable's, exported once per module.
            #[unsafe(export_name = "_1as_0lib_1header_0root_bmodule_bloader")]
            pub static MODULE_HEADER: library::LibHeader = {
                extern "C" fn constructor() -> library::RootModuleResult {
                    library::__call_root_module_loader(root)
                }
                // SAFETY: `constructor` erases a `ModuleRootRef`, the type named here.
                unsafe {
                    library::LibHeader::from_constructor::<ModuleRootRef>(constructor, library::CheckTypeLayout::Yes)
                }
            };

            fn root() -> ModuleRootRef {
                $crate::abi::ModuleRoot { open }.leak_into_prefix()
            }

            extern "C" fn open() -> RResult<$crate::abi::ModuleBox, $crate::abi::AbiError> {
                $crate::adapter::open($name, super::disklessset_classes)
            }
        }

        #[doc(hidden)]
        fn disklessset_classes() -> $crate::adapter::Adapter {
            $crate::adapter::Adapter::new(
                $name,
                vec![$(($class, $crate::declare_module!(@boxed $value $(, $base)?))),*],
                vec![$(($source, Box::new($crate::sources::Brought($tree_source)) as Box<dyn $crate::sources::SourceSteps>)),*],
            )
        }
    };
    (@boxed $value:expr) => { Box::new($crate::adapter::Own($value)) as Box<dyn $crate::adapter::Steps> };
    (@boxed $value:expr, $base:literal) => { Box::new($crate::adapter::Derived($value)) as Box<dyn $crate::adapter::Steps> };
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_exported_name_is_the_one_abi_stable_looks_for() {
        assert!(
            include_str!("adapter.rs")
                .contains(&format!("\"{}\"", abi_stable::library::ROOT_MODULE_LOADER_NAME))
        );
    }
}
