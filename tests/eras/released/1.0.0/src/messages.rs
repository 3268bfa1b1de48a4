//! What is said across the ABI, as JSON. Fields are added with a default, never renamed or removed.

use crate::{
    ActionCheck, ActionSpec, Arguments, Attributes, Export, Hold, Image, ImageName, Level, Mount,
    PersistentOverlay, SourceDescription,
};
use camino::Utf8PathBuf;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The names of the steps that every class has; a class may define more of its own.
pub mod steps {
    /// Fill the directory of a new image.
    pub const CREATE: &str = "create_new_image";
    /// Remove what a properly created image has beside its own directory and work area.
    pub const REMOVE: &str = "remove_files";
    /// Remove what a crashed creation may have left, from the name alone.
    pub const CLEAN: &str = "clean";
    /// Write the text of `boot.ipxe`.
    pub const BOOT_FILE: &str = "get_boot_file_template";
    /// Say what nodes fetch to boot an image; the value is a [`crate::Boots`].
    pub const BOOTS: &str = "boots";
    /// Fill a new image from an existing one.
    pub const CLONE: &str = "clone_image";
    /// Change the kernel of an image.
    pub const SET_KERNEL: &str = "set_kernel";
    /// Say more about an image than its attributes.
    pub const SHOW: &str = "show";
    /// Run one of the class's own actions; `attrs["words"]` says which.
    pub const ACTION: &str = "action";
    /// Run an action about all images of the class; `attrs["words"]` says which.
    pub const OVERVIEW: &str = "overview";
    /// Object to a removal before it begins.
    pub const CHECK_REMOVAL: &str = "check_removal";
    /// Recover a created image whose action `attrs["action"]` was killed, once the host has undone what was on record; the
    /// value is a sentence about what stays, or null.
    pub const RECOVER: &str = "recover";
    /// Look at an action before it is run: `attrs["words"]` says which, `attrs["complete"]` whether the arguments are all there; the value
    /// is a list of [`crate::Refusal`].
    pub const CHECK: &str = "check";
    /// Look at a created image for `verify`; the value is a list of [`crate::Finding`].
    pub const VERIFY: &str = "verify";
    /// Show the OS tree of an image, which may be written to and is there until the action ends; the value is its path.
    pub const OS_TREE: &str = "os_tree";
    /// Say how the actions inherited from the base are for a derived class: `attrs["actions"]` is a list of [`crate::ActionSpec`], the
    /// value a list of as many, null for an action that the class does not have. There is no image and there are no services
    ///.
    pub const REFINE: &str = "refine_actions";
    /// Make a tree of a source in the directory `attrs["tree"]`: `attrs["request"]` is a [`crate::TreeRequest`], `attrs["scratch"]` a directory
    /// for files beside it. A source has this step and [`CHECK`], with `attrs["complete"]`, and no others.
    pub const BUILD: &str = "build";
}

/// What a module says of itself once it is loaded.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ModuleDescription {
    /// The name, as in its note.
    pub name: String,
    /// Its classes.
    pub classes: Vec<ClassDescription>,
    /// Its sources of OS trees.
    #[serde(default)]
    pub sources: Vec<SourceDescription>,
}

/// One class of a module.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ClassDescription {
    /// The class name, as in the note.
    pub name: String,
    /// Its actions.
    #[serde(default)]
    pub actions: Vec<ActionSpec>,
}

/// One step of one class or source to run.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct StepRequest {
    /// The class whose step it is; empty for that of a source.
    pub class: String,
    /// The source of OS trees whose step it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tree_source: Option<String>,
    /// The step, one of [`steps`] or a class's own.
    pub step: String,
    /// The image it works on, where there is one.
    #[serde(default)]
    pub image: Option<Image>,
    /// The name alone, for `clean`.
    #[serde(default)]
    pub name: Option<ImageName>,
    /// The image a clone is made from.
    #[serde(default)]
    pub source: Option<Image>,
    /// Checked arguments of an action.
    #[serde(default)]
    pub arguments: Arguments,
    /// Open attributes of the step.
    #[serde(default)]
    pub attrs: Attributes,
}

impl StepRequest {
    /// The step that checks an action.
    pub fn check(action: &ActionCheck<'_>) -> Self {
        let attrs = Attributes::from([
            ("words".to_owned(), action.words.into()),
            ("complete".to_owned(), action.complete.into()),
        ]);
        Self { arguments: action.arguments.clone(), attrs, ..Self::new("", steps::CHECK) }
    }

    /// A step of a source.
    pub fn of_source(call: SourceCall) -> Self {
        let SourceCall { source, step, arguments, attrs } = call;
        Self { tree_source: Some(source), arguments, attrs, ..Self::new("", &step) }
    }

    /// A step about nothing yet. The class is the host's to fill in where it is empty.
    pub fn new(class: impl Into<String>, step: &str) -> Self {
        Self {
            class: class.into(),
            tree_source: None,
            step: step.to_owned(),
            image: None,
            name: None,
            source: None,
            arguments: Arguments::default(),
            attrs: Attributes::new(),
        }
    }
}

/// What a step gives back.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct StepReply {
    /// The image with the attributes the step set.
    #[serde(default)]
    pub image: Option<Image>,
    /// The step's result; what it is depends on the step.
    #[serde(default)]
    pub value: Value,
}

/// The names of the services and, in their documentation, request and reply.
pub mod services {
    /// [`super::LogLine`] → null.
    pub const LOG: &str = "log";
    /// [`super::ProgressReport`] → null.
    pub const PROGRESS: &str = "progress";
    /// null → [`crate::Paths`].
    pub const PATHS: &str = "paths";
    /// [`crate::Command`] → [`crate::Finished`].
    pub const RUN: &str = "run";
    /// [`super::Acquire`] → null. On record before it is done.
    pub const ACQUIRE: &str = "acquire";
    /// [`super::OnePath`] → null: undoes one acquisition.
    pub const RELEASE: &str = "release";
    /// [`super::Publish`] → null: a durable rename over a served file.
    pub const PUBLISH: &str = "publish";
    /// [`super::OnePath`] → null: removes a tree or file below the directories of disklessset.
    pub const REMOVE: &str = "remove";
    /// [`super::KernelQuestion`] → path of its modules or null.
    pub const KERNEL_MODULES: &str = "kernel_modules";
    /// [`super::TreeKernelRequest`] → [`crate::TreeKernel`].
    pub const KERNEL_FROM_TREE: &str = "kernel_from_tree";
    /// [`super::OneImage`] → [`crate::Image`].
    pub const IMAGE: &str = "image";
    /// [`super::OfClass`] → list of names.
    pub const IMAGES: &str = "images";
    /// [`super::StepCall`] → [`super::StepReply`].
    pub const STEP: &str = "step";
    /// [`super::OneSource`] → [`crate::SourceDescription`].
    pub const SOURCE: &str = "source";
    /// [`super::SourceCall`] → what the step gives.
    pub const SOURCE_STEP: &str = "source_step";
    /// null → the module's own section of the configuration, an object.
    pub const CONFIG: &str = "config";
    /// [`super::Question`] → the answer; only in actions that a person started in the menu.
    pub const ASK: &str = "ask";
    /// null → null, or the error "interrupted" once the user asked to stop.
    pub const CHECKPOINT: &str = "checkpoint";
    /// [`super::ExportRequest`] → null: offers a directory to NFS clients, on record first.
    pub const EXPORT: &str = "export";
    /// [`super::OnePath`] → whether it was offered: no longer offers a directory.
    pub const UNEXPORT: &str = "unexport";
    /// null → list of [`super::Exported`]: what disklessset offers now.
    pub const EXPORTS: &str = "exports";
    /// [`super::Overlays`] → null: overlays that stay, on record first.
    pub const ENSURE_OVERLAYS: &str = "standing_overlays";
    /// [`super::Overlays`] → null: overlays that stay no longer.
    pub const TAKE_DOWN_OVERLAYS: &str = "take_down_overlays";
}

/// One line for the log.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct LogLine {
    /// How important.
    pub level: Level,
    /// The line.
    pub text: String,
}

/// How far long work is.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ProgressReport {
    /// What is being done, such as `packing`.
    pub label: String,
    /// Parts done.
    pub done: u64,
    /// Parts in all, 0 when unknown.
    pub total: u64,
}

/// Something to acquire: put on record, then made.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Acquire {
    /// The thing, with its place.
    pub what: Acquired,
    /// For how long.
    pub hold: Hold,
}

/// The kinds of things a class may acquire.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Acquired {
    /// A new directory, which must not exist yet.
    Directory {
        /// Its place.
        path: Utf8PathBuf,
    },
    /// A new file, which must not exist yet; the host makes it empty and private (0600).
    File {
        /// Its place.
        path: Utf8PathBuf,
    },
    /// A mount.
    Mount {
        /// What is mounted where.
        mount: Mount,
    },
}

/// A directory to offer.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ExportRequest {
    /// Which, to whom, how.
    pub export: Export,
}

/// Overlays to make, or to take away.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Overlays {
    /// Of what, and where.
    pub overlays: Vec<PersistentOverlay>,
}

/// A directory that is offered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exported {
    /// The directory as clients see it: without the root of `--root`.
    pub path: Utf8PathBuf,
    /// To whom and how, as in `/etc/exports`: `client(option,option) …`.
    pub clients: String,
}

/// A request about one path.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct OnePath {
    /// The path.
    pub path: Utf8PathBuf,
}

/// A file made aside, and the served file it replaces.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Publish {
    /// The finished file.
    pub from: Utf8PathBuf,
    /// Its place.
    pub to: Utf8PathBuf,
    /// The image as it is with that file: its record and boot file change in the same step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<Image>,
}

/// A request about one kernel.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct KernelQuestion {
    /// Its version.
    pub version: crate::KernelVersion,
}

/// A request for the kernel an OS tree brings.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct TreeKernelRequest {
    /// The tree.
    pub tree: Utf8PathBuf,
    /// Whether its initramfs is made, too.
    #[serde(default = "made")]
    pub initramfs: bool,
}

fn made() -> bool {
    true
}

/// A request about one image.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct OneImage {
    /// Its name.
    pub name: ImageName,
}

/// A request for the images of a class.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct OfClass {
    /// The class.
    pub class: String,
}

/// A step to run through the host, which finds the class that defines it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct StepCall {
    /// Start at the base of this class instead of at the most derived class.
    #[serde(default)]
    pub base_of: Option<String>,
    /// The step with its image and attributes; its `class` is filled in by the host. Without an image only of a base.
    pub request: StepRequest,
}

/// A request about a source of OS trees that a module brings.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct OneSource {
    /// Its name.
    pub name: String,
}

/// A step of a source to run.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SourceCall {
    /// The source.
    pub source: String,
    /// The step: [`steps::CHECK`] or [`steps::BUILD`].
    pub step: String,
    /// The arguments of the source, by the names that it gave them.
    #[serde(default)]
    pub arguments: Arguments,
    /// Open attributes of the step.
    #[serde(default)]
    pub attrs: Attributes,
}

/// A question to the person at the menu.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Question {
    /// The question.
    pub text: String,
    /// Whether yes or no is asked for.
    pub confirm: bool,
}
