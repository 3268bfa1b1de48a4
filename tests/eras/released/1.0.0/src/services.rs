//! What the host does for a module.

use crate::{
    Arguments, Attributes, Base, Export, Hold, Image, ImageName, KernelVersion, Mount, Paths,
    PersistentOverlay, Refusal, SourceCheck, SourceDescription, TreeBuild, TreeKernel,
    abi::HostRef,
    error::{Error, Result},
    messages::{self, StepReply, StepRequest, services, steps},
    run::{Command, Finished},
};
use camino::{Utf8Path, Utf8PathBuf};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;

/// How important a line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// Something the user should see, always.
    Warning,
    /// What is being done, shown with `-i`.
    Info,
    /// Details, shown with `-d`.
    #[serde(other)]
    Debug,
}

/// The host, for the length of one call.
///
/// Modules do no terminal I/O and run no programs by themselves: they have their own copy of every static, so their
/// output, environment and signals would not be the host's.
pub struct Host<'a> {
    services: HostRef<'a>,
    class: String,
}

impl<'a> Host<'a> {
    /// The host behind a call of the given class.
    #[doc(hidden)]
    pub fn new(services: HostRef<'a>, class: &str) -> Self {
        Self { services, class: class.to_owned() }
    }

    /// The class that is being called.
    pub(crate) fn class(&self) -> &str {
        &self.class
    }

    /// What the base of the calling class does, step by step: for a class that is built on another and does more than the base in
    /// some step, not something else.
    pub fn base(&self) -> Base<'_, 'a> {
        Base::new(self)
    }

    /// Calls a service by name, for services that are newer than this API.
    ///
    /// # Errors
    /// The service's own; [`crate::ErrorKind::UNSUPPORTED`] when the host does not know it.
    pub fn call<T: DeserializeOwned>(&self, service: &str, request: &impl Serialize) -> Result<T> {
        let request = serde_json::to_string(request)?;
        let reply = self.services.call(service.into(), request.as_str().into());
        let reply = reply.into_result().map_err(Error::from_abi)?;
        Ok(serde_json::from_str(reply.as_str())?)
    }

    fn log(&self, level: Level, text: &str) {
        // A log line that cannot be delivered is no reason to stop an action.
        let _ = self.call::<()>(services::LOG, &messages::LogLine { level, text: text.to_owned() });
    }

    /// Tells the user something that must not be missed.
    pub fn warn(&self, text: impl AsRef<str>) {
        self.log(Level::Warning, text.as_ref());
    }

    /// Tells what is being done (`-i`).
    pub fn info(&self, text: impl AsRef<str>) {
        self.log(Level::Info, text.as_ref());
    }

    /// Tells details (`-d`).
    pub fn debug(&self, text: impl AsRef<str>) {
        self.log(Level::Debug, text.as_ref());
    }

    /// Reports how far long work is; `total` 0 means unknown.
    pub fn progress(&self, label: &str, done: u64, total: u64) {
        let report = messages::ProgressReport { label: label.to_owned(), done, total };
        let _ = self.call::<()>(services::PROGRESS, &report);
    }

    /// Fails once the user asked to stop; for loops that run no programs.
    ///
    /// # Errors
    /// [`crate::ErrorKind::INTERRUPTED`].
    pub fn checkpoint(&self) -> Result<()> {
        self.call(services::CHECKPOINT, &Value::Null)
    }

    /// Places on the server.
    ///
    /// # Errors
    /// When the host cannot be asked.
    pub fn paths(&self) -> Result<Paths> {
        self.call(services::PATHS, &Value::Null)
    }

    /// Runs a program.
    ///
    /// # Errors
    /// When it is missing, fails, is killed, or the user interrupts; with its last lines.
    pub fn run(&self, command: &Command) -> Result<Finished> {
        self.call(services::RUN, command)
    }

    /// The image's own work area `<work>/<image>`, made if it is not there yet and removed as `hold` says.
    ///
    /// # Errors
    /// When it cannot be made, or is there and not on record.
    pub fn work_area(&self, image: &ImageName, hold: Hold) -> Result<Utf8PathBuf> {
        let path = self.paths()?.work.join(image.as_str());
        self.acquire(messages::Acquired::Directory { path: path.clone() }, hold)?;
        Ok(path)
    }

    /// Makes a directory, on record first.
    ///
    /// # Errors
    /// When it exists, lies outside disklessset's directories, or cannot be made.
    pub fn acquire_directory(&self, path: &Utf8Path, hold: Hold) -> Result<()> {
        self.acquire(messages::Acquired::Directory { path: path.to_owned() }, hold)
    }

    /// Makes an empty private file, on record first.
    ///
    /// # Errors
    /// As for directories.
    pub fn acquire_file(&self, path: &Utf8Path, hold: Hold) -> Result<()> {
        self.acquire(messages::Acquired::File { path: path.to_owned() }, hold)
    }

    /// Mounts, on record first. With [`Hold::Image`] the mount is there for everybody until released; with
    /// [`Hold::Action`] too, and it is gone when the action ends.
    ///
    /// # Errors
    /// When the target is outside the work area or the mount fails.
    pub fn mount(&self, mount: &Mount, hold: Hold) -> Result<()> {
        self.acquire(messages::Acquired::Mount { mount: mount.clone() }, hold)
    }

    fn acquire(&self, what: messages::Acquired, hold: Hold) -> Result<()> {
        self.call(services::ACQUIRE, &messages::Acquire { what, hold })
    }

    /// Makes a persistent overlay, on record first: mounts it, and has the system mount it again after a reboot. It stays until it
    /// is released by its target or the image is removed, also when the action fails. One that stands already is fine; what is missing
    /// of it is made again.
    ///
    /// # Errors
    /// When the image is still being made, a path lies outside disklessset's directories or cannot stand in a unit, the file system cannot be exported through an overlay, or
    /// the system refuses. Nothing is left of it then.
    pub fn ensure_overlay(&self, overlay: &PersistentOverlay) -> Result<()> {
        self.ensure_overlays(std::slice::from_ref(overlay))
    }

    /// The same for many, which cost little more than one: in their order, up to the first that cannot stand.
    ///
    /// # Errors
    /// As [`Self::ensure_overlay`]. Nothing is left of that one and of those that follow; those before it stand.
    pub fn ensure_overlays(&self, overlays: &[PersistentOverlay]) -> Result<()> {
        self.call(services::ENSURE_OVERLAYS, &messages::Overlays { overlays: overlays.to_vec() })
    }

    /// Takes persistent overlays away, with what mounts them again after a reboot, whether or not they are on record: in their order, up to
    /// the first that is busy. One that does not stand is fine.
    ///
    /// # Errors
    /// When a mount is busy (the processes are named), or a path lies outside disklessset's directories. Those before it are gone.
    pub fn take_down_overlays(&self, overlays: &[PersistentOverlay]) -> Result<()> {
        self.call(services::TAKE_DOWN_OVERLAYS, &messages::Overlays { overlays: overlays.to_vec() })
    }

    /// Undoes what was acquired at this path: unmounts a target, removes a file or directory.
    ///
    /// # Errors
    /// When a mount is busy (the processes are named) or the path is not on record.
    pub fn release(&self, path: &Utf8Path) -> Result<()> {
        self.call(services::RELEASE, &messages::OnePath { path: path.to_owned() })
    }

    /// Puts a finished file in the place of a served one: flushed to disk, mode 0644, one rename.
    ///
    /// # Errors
    /// When either path lies outside the image's directory or the rename fails; the old file is then still there.
    pub fn publish(&self, from: &Utf8Path, to: &Utf8Path) -> Result<()> {
        let (from, to) = (from.to_owned(), to.to_owned());
        self.call(services::PUBLISH, &messages::Publish { from, to, image: None })
    }

    /// The same for a file that the attributes of its image tell of: file, record and boot file change in one step, so that
    /// they agree whatever happens between this and the end of the action.
    ///
    /// # Errors
    /// As [`Self::publish`].
    pub fn publish_with(&self, image: &Image, from: &Utf8Path, to: &Utf8Path) -> Result<()> {
        let (from, to) = (from.to_owned(), to.to_owned());
        self.call(services::PUBLISH, &messages::Publish { from, to, image: Some(image.clone()) })
    }

    /// Offers a directory to NFS clients until it is withdrawn or the image is removed, on record first. A directory that is
    /// offered already gets the new clients and options.
    ///
    /// # Errors
    /// When it lies outside disklessset's directories, a client or option cannot be written, or the exports file cannot.
    pub fn export(&self, export: &Export) -> Result<()> {
        self.call(services::EXPORT, &messages::ExportRequest { export: export.clone() })
    }

    /// No longer offers a directory; gives back whether it was offered.
    ///
    /// # Errors
    /// When the exports file cannot be written.
    pub fn unexport(&self, path: &Utf8Path) -> Result<bool> {
        self.call(services::UNEXPORT, &messages::OnePath { path: path.to_owned() })
    }

    /// What disklessset offers to NFS clients now.
    ///
    /// # Errors
    /// When the exports file cannot be read.
    pub fn exports(&self) -> Result<Vec<messages::Exported>> {
        self.call(services::EXPORTS, &Value::Null)
    }

    /// Removes a file or tree below disklessset's directories, never following links or crossing mounts. A path that is
    /// not there is fine.
    ///
    /// # Errors
    /// When something is mounted inside, or the path lies elsewhere.
    pub fn remove(&self, path: &Utf8Path) -> Result<()> {
        self.call(services::REMOVE, &messages::OnePath { path: path.to_owned() })
    }

    /// Where the modules of a registered kernel lie (a directory named by the version), if the server has them.
    ///
    /// # Errors
    /// When the host cannot be asked.
    pub fn kernel_modules(&self, version: &KernelVersion) -> Result<Option<Utf8PathBuf>> {
        self.call(services::KERNEL_MODULES, &messages::KernelQuestion { version: version.clone() })
    }

    /// Takes the kernel that an OS tree brings: makes its initramfs inside the tree, and registers both when the action
    /// commits.
    ///
    /// # Errors
    /// When the tree has no kernel, several, no dracut, or dracut fails.
    pub fn kernel_from_tree(&self, tree: &Utf8Path) -> Result<TreeKernel> {
        let request = messages::TreeKernelRequest { tree: tree.to_owned(), initramfs: true };
        self.call(services::KERNEL_FROM_TREE, &request)
    }

    /// The same without an initramfs, for an image that boots with an initrd of its own: nothing of the tree is run.
    ///
    /// # Errors
    /// When the tree has no kernel, or several.
    pub fn kernel_alone_from_tree(&self, tree: &Utf8Path) -> Result<TreeKernel> {
        let request = messages::TreeKernelRequest { tree: tree.to_owned(), initramfs: false };
        self.call(services::KERNEL_FROM_TREE, &request)
    }

    /// Loads another image.
    ///
    /// # Errors
    /// When there is none, or it cannot be read.
    pub fn image(&self, name: &ImageName) -> Result<Image> {
        self.call(services::IMAGE, &messages::OneImage { name: name.clone() })
    }

    /// The names of the images of a class.
    ///
    /// # Errors
    /// When the host cannot be asked.
    pub fn images(&self, class: &str) -> Result<Vec<ImageName>> {
        self.call(services::IMAGES, &messages::OfClass { class: class.to_owned() })
    }

    /// The declaration of a source of OS trees that a module brings.
    ///
    /// # Errors
    /// [`crate::ErrorKind::NOT_FOUND`] when no module here brings it, or its module is not used.
    pub fn source(&self, name: &str) -> Result<SourceDescription> {
        self.call(services::SOURCE, &messages::OneSource { name: name.to_owned() })
    }

    /// Has a source of a module look at its arguments.
    ///
    /// # Errors
    /// The source's own.
    pub fn check_source(&self, name: &str, check: &SourceCheck<'_>) -> Result<Vec<Refusal>> {
        let attrs = Attributes::from([("complete".to_owned(), check.complete.into())]);
        self.source_step(name, steps::CHECK, check.arguments, attrs)
    }

    /// Has a source of a module make a tree.
    ///
    /// # Errors
    /// The source's own.
    pub fn build_from_source(&self, name: &str, build: &TreeBuild) -> Result<()> {
        let attrs = Attributes::from([
            ("wish".to_owned(), serde_json::to_value(&build.request)?),
            ("tree".to_owned(), build.tree.as_str().into()),
            ("scratch".to_owned(), build.scratch.as_str().into()),
        ]);
        self.source_step(name, steps::BUILD, &build.arguments, attrs)
    }

    fn source_step<T: DeserializeOwned>(
        &self,
        source: &str,
        step: &str,
        arguments: &Arguments,
        attrs: Attributes,
    ) -> Result<T> {
        let (source, step, arguments) = (source.to_owned(), step.to_owned(), arguments.clone());
        self.call(services::SOURCE_STEP, &messages::SourceCall { source, step, arguments, attrs })
    }

    /// The module's own section of `diskless_parameters.yml`, an empty object when there is none. Its key is the module's name, below
    /// `modules`:
    ///
    /// ```yaml
    /// modules:
    ///   livenet:
    ///     some_key: some value
    /// ```
    ///
    /// # Errors
    /// When the host cannot be asked.
    pub fn config(&self) -> Result<Value> {
        self.call(services::CONFIG, &Value::Null)
    }

    /// Asks the person at the menu for a line.
    ///
    /// # Errors
    /// When nobody is there to answer.
    pub fn ask(&self, text: &str) -> Result<String> {
        self.call(services::ASK, &messages::Question { text: text.to_owned(), confirm: false })
    }

    /// Asks the person at the menu for yes or no.
    ///
    /// # Errors
    /// When nobody is there to answer.
    pub fn confirm(&self, text: &str) -> Result<bool> {
        self.call(services::ASK, &messages::Question { text: text.to_owned(), confirm: true })
    }

    /// Runs a step of the image's most derived class: how a base class lets those built on it change one step.
    ///
    /// # Errors
    /// The step's own; [`crate::ErrorKind::NOT_DEFINED`] when no class of the chain defines it.
    pub fn step(&self, step: &str, image: &mut Image, attrs: Attributes) -> Result<Value> {
        let request = StepRequest { image: Some(image.clone()), attrs, ..StepRequest::new("", step) };
        let reply: StepReply = self.call(services::STEP, &messages::StepCall { base_of: None, request })?;
        if let Some(changed) = reply.image {
            *image = changed;
        }
        Ok(reply.value)
    }

    /// Runs a step as the base of the calling class defines it. [`Self::base`] has the steps that every class has, with their arguments.
    ///
    /// # Errors
    /// As [`Self::step`].
    pub fn base_step(&self, step: &str, image: &mut Image, attrs: Attributes) -> Result<Value> {
        self.base().step(step, image, attrs)
    }
}
