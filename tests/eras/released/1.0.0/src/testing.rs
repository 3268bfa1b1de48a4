//! Host services to unit-test a class with, without a host (feature `testing`).
//!
//! [`TestHost`] keeps a root of its own in the temporary directory, runs programs for real, makes directories, files and mounts
//! for real, remembers what was acquired and said, and takes all of it away when it is dropped, also when the test failed. As root, programs run in mount
//! and process namespaces of their own, as under the real host; without root, inside a tree they cannot.
//!
//! With [`TestHost::add_class`] and [`TestHost::add_derived`] it runs the actions of classes, too, along those that they are built on;
//! with [`TestHost::add_source`] they build from a source of a module.

#[cfg(test)]
mod boot_file_tests;
mod classes;
mod effects;
mod programs;
mod sources;

use crate::{
    Export, Hold, Host, Image, ImageName, KernelVersion, Level, Mount, Paths, PersistentOverlay,
    abi::{AbiError, HostServices, HostServices_TO},
    error::{Error, ErrorKind, Result},
    messages::{self, Acquired, services},
    sources::SourceSteps,
};
use abi_stable::{
    sabi_trait::TD_Opaque,
    sabi_types::RRef,
    std_types::{RResult, RStr, RString},
};
use camino::{Utf8Path, Utf8PathBuf};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicU32, Ordering},
    },
};

pub use programs::is_root;

/// Something a class acquired that is still there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Open {
    /// Its place.
    pub path: Utf8PathBuf,
    /// For how long.
    pub hold: Hold,
    mount: Option<Mounted>,
}

/// What is mounted.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Mounted {
    /// For an action, or for editing.
    Plain(Mount),
    /// To stay. The test host writes no units.
    PersistentOverlay(PersistentOverlay),
}

#[derive(Default)]
struct State {
    open: Vec<Open>,
    lines: Vec<(Level, String)>,
    programs: Vec<Vec<String>>,
    seconds: Vec<f32>,
    modules: BTreeMap<String, Utf8PathBuf>,
    images: BTreeMap<String, Image>,
    answers: Vec<Value>,
    config: Option<Value>,
    output: String,
    exports: BTreeMap<Utf8PathBuf, Export>,
    stopped: bool,
    missing: Vec<String>,
    classes: BTreeMap<String, classes::Known>,
    sources: BTreeMap<String, Arc<dyn SourceSteps>>,
}

/// The services of a host, for tests.
pub struct TestHost {
    base: Utf8PathBuf,
    state: Mutex<State>,
}

impl Default for TestHost {
    fn default() -> Self {
        Self::new()
    }
}

impl TestHost {
    /// A host with an empty root.
    ///
    /// # Panics
    /// When the temporary directory cannot be written.
    pub fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let temporary = std::env::var("TMPDIR").unwrap_or_else(|_| "/var/tmp".to_owned());
        let base =
            Utf8PathBuf::from(temporary).join(format!("disklessset-test-{}-{number}", std::process::id()));
        let host = Self { base, state: Mutex::default() };
        let paths = host.places();
        for directory in [&paths.images, &paths.kernels, &paths.work, &paths.nfs_staging, &paths.nfs_golden] {
            std::fs::create_dir_all(directory).expect("the temporary directory can be written");
        }
        host
    }

    /// The root that everything lies below.
    pub fn root(&self) -> &Utf8Path {
        &self.base
    }

    /// The host as one call into a class of this name sees it.
    pub fn host(&self, class: &str) -> Host<'_> {
        Host::new(HostServices_TO::from_ptr(RRef::new(self), TD_Opaque), class)
    }

    /// A new image with a private directory, as at the start of a creation.
    ///
    /// # Panics
    /// When the name breaks the rule or the directory is there already.
    pub fn new_image(&self, name: &str, class: &str) -> Image {
        let name = ImageName::parse(name).expect("a good image name");
        let directory = self.places().images.join(name.as_str());
        std::fs::create_dir(&directory).expect("a new image");
        Image::new(name, class, BTreeMap::new(), directory)
    }

    /// Makes an image known to [`Host::image`] and [`Host::images`].
    pub fn register(&self, image: &Image) {
        self.state().images.insert(image.name().as_str().to_owned(), image.clone());
    }

    /// Says where the modules of a kernel lie.
    pub fn set_kernel_modules(&self, version: &KernelVersion, directory: &Utf8Path) {
        self.state().modules.insert(version.as_str().to_owned(), directory.to_owned());
    }

    /// Sets the module's section of the configuration.
    pub fn set_config(&self, config: Value) {
        self.state().config = Some(config);
    }

    /// What the person at the menu will answer, in this order.
    pub fn will_answer(&self, answers: impl IntoIterator<Item = Value>) {
        self.state().answers.extend(answers);
    }

    /// From now on this program is not installed.
    pub fn take_away(&self, program: &str) {
        self.state().missing.push(program.to_owned());
    }

    /// From now on it is installed again.
    pub fn bring_back(&self, program: &str) {
        self.state().missing.retain(|missing| missing != program);
    }

    /// From now on the user wants to stop: what asks whether to go on is told so.
    pub fn interrupt(&self) {
        self.state().stopped = true;
    }

    /// Everything the class said, in order.
    pub fn lines(&self) -> Vec<(Level, String)> {
        self.state().lines.clone()
    }

    /// The warnings among it.
    pub fn warnings(&self) -> Vec<String> {
        let lines = self.lines();
        lines.into_iter().filter(|(level, _)| *level == Level::Warning).map(|(_, text)| text).collect()
    }

    /// Programs that ran, each with its arguments.
    pub fn programs(&self) -> Vec<Vec<String>> {
        self.state().programs.clone()
    }

    /// How long each of them took.
    pub fn seconds(&self) -> Vec<f32> {
        self.state().seconds.clone()
    }

    /// What programs whose output is the user's printed.
    pub fn output(&self) -> String {
        self.state().output.clone()
    }

    /// What is offered to NFS clients.
    pub fn exported(&self) -> Vec<Export> {
        self.state().exports.values().cloned().collect()
    }

    /// What was acquired and is still there.
    pub fn open(&self) -> Vec<Open> {
        self.state().open.clone()
    }

    /// Undoes what was held for the action, as the host does when one ends well.
    ///
    /// # Errors
    /// What could not be undone.
    pub fn end_action(&self) -> Result<()> {
        self.undo(|open| open.hold == Hold::Action)
    }

    /// Undoes everything, as the host does when an action fails or an image is cleaned.
    ///
    /// # Errors
    /// What could not be undone.
    pub fn undo_everything(&self) -> Result<()> {
        self.undo(|_| true)
    }

    /// The places of this host, the same that [`Host::paths`] gives.
    pub fn places(&self) -> Paths {
        let base = |path: &str| self.base.join(path);
        let served = "var/www/html/preboot_execution_environment/diskless";
        Paths::new(
            self.base.clone(),
            base(&format!("{served}/images")),
            base(&format!("{served}/kernels")),
            base("var/tmp/diskless/workdir"),
            base("diskless/images/nfsimages/staging"),
            base("diskless/images/nfsimages/golden"),
        )
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn answer(&self, service: &str, request: &str) -> Result<String> {
        match service {
            services::LOG => {
                let line: messages::LogLine = read(request)?;
                self.state().lines.push((line.level, line.text));
                reply(())
            }
            services::CHECKPOINT if self.state().stopped => {
                Err(Error::new(ErrorKind::INTERRUPTED, "interrupted"))
            }
            services::PROGRESS | services::CHECKPOINT => reply(()),
            services::PATHS => reply(self.places()),
            services::RUN => reply(self.run(&read(request)?)?),
            services::ACQUIRE => reply(self.acquire(read(request)?)?),
            services::RELEASE => reply(self.release(&read::<messages::OnePath>(request)?.path)?),
            services::PUBLISH => {
                let publish: messages::Publish = read(request)?;
                publish.image.map_or(Ok(()), |image| self.boot_file(&image).map(drop))?;
                reply(std::fs::rename(&publish.from, &publish.to)?)
            }
            services::REMOVE => reply(effects::remove(&read::<messages::OnePath>(request)?.path)?),
            services::KERNEL_MODULES => {
                let question: messages::KernelQuestion = read(request)?;
                reply(self.state().modules.get(question.version.as_str()).cloned())
            }
            services::KERNEL_FROM_TREE => {
                reply(self.kernel_from_tree(&read::<messages::TreeKernelRequest>(request)?.tree)?)
            }
            services::IMAGE => {
                let name = read::<messages::OneImage>(request)?.name;
                let found = self.state().images.get(name.as_str()).cloned();
                reply(
                    found.ok_or_else(|| {
                        Error::new(ErrorKind::NOT_FOUND, format!("there is no image {name}"))
                    })?,
                )
            }
            services::IMAGES => {
                let class = read::<messages::OfClass>(request)?.class;
                let state = self.state();
                reply(
                    state.images.values().filter(|i| i.class() == class).map(Image::name).collect::<Vec<_>>(),
                )
            }
            services::CONFIG => {
                reply(self.state().config.clone().unwrap_or_else(|| Value::Object(serde_json::Map::new())))
            }
            services::ASK => {
                let mut state = self.state();
                if state.answers.is_empty() {
                    return Err(Error::refused("nobody is there to answer"));
                }
                reply(state.answers.remove(0))
            }
            services::SOURCE => reply(self.source(&read::<messages::OneSource>(request)?.name)?),
            services::SOURCE_STEP => reply(self.source_step(read(request)?)?),
            services::STEP => reply(self.run_call(read(request)?)?),
            services::ENSURE_OVERLAYS => {
                let overlays = read::<messages::Overlays>(request)?.overlays;
                reply(overlays.into_iter().try_for_each(|overlay| self.ensure_overlay(overlay))?)
            }
            services::TAKE_DOWN_OVERLAYS => {
                for overlay in read::<messages::Overlays>(request)?.overlays {
                    if self.state().open.iter().any(|open| open.path == overlay.target) {
                        self.release(&overlay.target)?;
                    }
                }
                reply(())
            }
            services::EXPORT => {
                let export = read::<messages::ExportRequest>(request)?.export;
                self.state().exports.insert(export.path.clone(), export);
                reply(())
            }
            services::UNEXPORT => {
                let path = read::<messages::OnePath>(request)?.path;
                reply(self.state().exports.remove(&path).is_some())
            }
            services::EXPORTS => {
                let all = self.exported().into_iter().map(|export| messages::Exported {
                    path: Utf8Path::new("/")
                        .join(export.path.strip_prefix(&self.base).unwrap_or(&export.path)),
                    clients: format!("{}({})", export.clients.join(" "), export.options.join(",")),
                });
                reply(all.collect::<Vec<_>>())
            }
            other => Err(Error::new(ErrorKind::UNSUPPORTED, format!("the test host has no service {other}"))),
        }
    }

    fn acquire(&self, request: messages::Acquire) -> Result<()> {
        let (path, mount) = match request.what {
            Acquired::Directory { path } => {
                if self.state().open.iter().any(|open| open.path == path) && path.is_dir() {
                    return Ok(());
                }
                std::fs::create_dir(&path)
                    .map_err(|cause| Error::failed(format!("cannot make {path}")).because(cause))?;
                (path, None)
            }
            Acquired::File { path } => {
                std::fs::File::create_new(&path)
                    .map_err(|cause| Error::failed(format!("cannot make {path}")).because(cause))?;
                (path, None)
            }
            Acquired::Mount { mount } => {
                effects::mount(&mount)?;
                (mount.target().to_owned(), Some(Mounted::Plain(mount)))
            }
        };
        self.state().open.push(Open { path, hold: request.hold, mount });
        Ok(())
    }

    fn ensure_overlay(&self, overlay: PersistentOverlay) -> Result<()> {
        let (path, mount) = (overlay.target.clone(), Some(Mounted::PersistentOverlay(overlay.clone())));
        let open = Open { path, hold: Hold::Image, mount };
        if !self.state().open.contains(&open) {
            effects::ensure_overlay(&overlay)?;
            self.state().open.push(open);
        }
        Ok(())
    }

    fn release(&self, path: &Utf8Path) -> Result<()> {
        let found = self.state().open.iter().rposition(|open| open.path == path);
        let index = found.ok_or_else(|| Error::refused(format!("{path} is not on record")))?;
        let open = self.state().open[index].clone();
        effects::undo(&open)?;
        self.state().open.remove(index);
        Ok(())
    }

    fn undo(&self, which: impl Fn(&Open) -> bool) -> Result<()> {
        let open = self.open();
        for (index, open) in open.iter().enumerate().rev().filter(|(_, open)| which(open)) {
            effects::undo(open)?;
            self.state().open.remove(index);
        }
        Ok(())
    }
}

impl Drop for TestHost {
    fn drop(&mut self) {
        let undone = self.undo_everything();
        let removed = effects::unmount_below(&self.base).and_then(|()| effects::remove(&self.base));
        if !std::thread::panicking() {
            undone.and(removed).expect("the test left something that cannot be taken away");
        }
    }
}

impl HostServices for TestHost {
    fn call(&self, service: RStr<'_>, request: RStr<'_>) -> RResult<RString, AbiError> {
        match self.answer(service.as_str(), request.as_str()) {
            Ok(text) => RResult::ROk(text.into()),
            Err(error) => RResult::RErr(error.to_abi()),
        }
    }
}

fn read<T: DeserializeOwned>(request: &str) -> Result<T> {
    Ok(serde_json::from_str(request)?)
}

fn reply(value: impl Serialize) -> Result<String> {
    Ok(serde_json::to_string(&value)?)
}
