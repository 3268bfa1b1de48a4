//! One place that disklessset manages: its layout, configuration and modules, and who watches.

use crate::{
    configuration::{Configuration, DEFAULT_PATH},
    failure,
    installations::Installations,
    integrity::Signer,
    modules::{Classes, ModuleRegistry, signature::Signed},
    observer::Observer,
    os_images::OsImages,
    system::{
        layout::Layout,
        lock::Wait,
        own_directory::{self, MovedAside},
        trusted_path::{self, TrustError},
    },
    versions::Store,
};
use camino::{Utf8Path, Utf8PathBuf};
use disklessset_plugin_api::{Error, ImageName, Level, Result};
use disklessset_system::bases::Bases;
use std::sync::Arc;

/// How to open a site. The default is the server's own, silently.
#[derive(Debug, Clone)]
pub struct SiteOptions {
    /// The directory all paths lie below.
    pub root: Option<Utf8PathBuf>,
    /// The configuration file, taken as it is.
    pub config: Option<Utf8PathBuf>,
    /// The modules directory, taken as it is.
    pub modules_dir: Option<Utf8PathBuf>,
    /// How long to wait for a busy image.
    pub wait: Wait,
}

impl Default for SiteOptions {
    fn default() -> Self {
        Self { root: None, config: None, modules_dir: None, wait: Wait::No }
    }
}

/// A site, open. Managers work on it: [`crate::ImageManager`], [`crate::KernelManager`].
pub struct Site {
    pub(crate) layout: Layout,
    pub(crate) configuration: Configuration,
    configuration_file: Utf8PathBuf,
    pub(crate) classes: Classes,
    pub(crate) observer: Arc<dyn Observer>,
    pub(crate) wait: Wait,
    hold: bool,
    pub(crate) installations: Installations,
    os_images: Option<Arc<dyn OsImages>>,
}

impl Site {
    /// Opens a site: reads its configuration and the notes of its modules. Nothing is created or changed.
    ///
    /// # Errors
    /// When the configuration cannot be used.
    pub fn open(options: &SiteOptions, observer: Arc<dyn Observer>) -> Result<Self> {
        let mut places = Layout::builder();
        if let Some(root) = &options.root {
            must_be_a_directory(root)?;
            places = places.root(root.clone());
        }
        let config = match &options.config {
            Some(given) => {
                if !given.exists() {
                    return Err(Error::usage(format!("there is no configuration file {given}")));
                }
                given.clone()
            }
            None => {
                let layout = places.clone().build().map_err(failure::usage)?;
                let standing = layout.inside(DEFAULT_PATH.into());
                // It says where root deletes. One given by name is its user's choice to answer for.
                rely_on(&layout, &standing)?;
                standing
            }
        };
        let configuration = Configuration::load(&config).map_err(failure::usage)?;
        let set = |places, path: &Option<Utf8PathBuf>, with: fn(_, Utf8PathBuf) -> _| match path {
            Some(path) => with(places, path.clone()),
            None => places,
        };
        type B = crate::system::layout::LayoutBuilder;
        let modules_path = configuration.modules_path.as_ref().filter(|path| {
            let layout = places.clone().modules_path((*path).clone()).build();
            let of_1x = layout.is_ok_and(|layout| has_python_modules_alone(&layout.modules_dir()));
            if of_1x && options.modules_dir.is_none() {
                observer.line(
                    Level::Warning,
                    &format!(
                        "{path} has the modules of 1.x, and none for this disklessset: using its own directory \
                         (take modules_path out of {config})"
                    ),
                );
            }
            !of_1x
        });
        places = set(places, &modules_path.cloned(), |b: B, p| b.modules_path(p));
        places = set(places, &configuration.images_directory, |b: B, p| b.images_directory(p));
        places = set(places, &configuration.kernels_directory, |b: B, p| b.kernels_directory(p));
        places = set(places, &configuration.oci_directory, |b: B, p| b.oci_directory(p));
        places = set(places, &configuration.boot_directory, |b: B, p| b.boot_directory(p));
        places = set(places, &configuration.loaders_directory, |b: B, p| b.loaders_directory(p));
        places = set(places, &configuration.work_directory, |b: B, p| b.workdir(p));
        places = set(places, &configuration.state_directory, |b: B, p| b.state_directory(p));
        places = set(places, &configuration.logs_directory, |b: B, p| b.logs_directory(p));
        places = set(places, &configuration.nfs_staging_directory, |b: B, p| b.nfs_staging_directory(p));
        places = set(places, &configuration.nfs_golden_directory, |b: B, p| b.nfs_golden_directory(p));
        if let Some(given) = &options.modules_dir {
            places = places.modules_directory_as_given(given.clone());
        }
        let layout = places.build().map_err(failure::usage)?;
        let classes = Classes::new(scan(&layout, &configuration));
        let installations = Installations::new(&layout);
        Ok(Self {
            layout,
            configuration,
            configuration_file: config,
            classes,
            observer,
            wait: options.wait,
            hold: false,
            installations,
            os_images: None,
        })
    }

    /// Reads the notes of the modules again, so that a running menu sees files that came or went.
    pub fn rescan(&mut self) {
        self.classes.rescan(self.scan_modules());
    }

    /// The modules as they are now.
    pub(crate) fn scan_modules(&self) -> ModuleRegistry {
        scan(&self.layout, &self.configuration)
    }

    /// Sets how long each action from now on waits for an image that another process works on.
    pub fn set_wait(&mut self, wait: Wait) {
        self.wait = wait;
    }

    /// Has new versions of images wait until they are released, whatever the configuration says.
    pub fn hold_versions(&mut self) {
        self.hold = true;
    }

    /// Brings who fetches images of operating systems from registries. Without, `--source registry:` is refused in one sentence.
    pub fn set_os_images(&mut self, os_images: Arc<dyn OsImages>) {
        self.os_images = Some(os_images);
    }

    /// Who fetches them, if anybody does.
    #[doc(hidden)]
    pub fn os_images(&self) -> Option<Arc<dyn OsImages>> {
        self.os_images.clone()
    }

    /// Whether new versions of images wait until they are released.
    pub(crate) fn holds(&self) -> bool {
        self.hold || self.configuration.hold_versions()
    }

    /// All places of the site.
    #[doc(hidden)]
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// What its configuration says.
    #[doc(hidden)]
    pub fn configuration(&self) -> &Configuration {
        &self.configuration
    }

    /// Where that was read, or would be: a file that is not there is all defaults.
    pub fn configuration_file(&self) -> &Utf8Path {
        &self.configuration_file
    }

    /// Its modules and their classes.
    #[doc(hidden)]
    pub fn classes(&self) -> &Classes {
        &self.classes
    }

    /// Does an action that the observer hears of from its beginning to its end.
    pub(crate) fn observed<T>(
        &self,
        action: &str,
        subject: &str,
        work: impl FnOnce() -> Result<T>,
    ) -> Result<T> {
        self.observer.action_begins(action, subject);
        let ended = work();
        self.observer.action_ends(action, subject, ended.as_ref().err());
        ended
    }

    /// What signs the files that nodes fetch, if the configuration names a key.
    pub(crate) fn signer(&self) -> Option<Signer> {
        self.configuration.signing.as_ref().map(|keys| Signer::new(keys, &self.layout))
    }

    /// Makes the directories that everything else is put into. They are the site's, not an image's, and stay.
    ///
    /// # Errors
    /// When one cannot be made, or somebody else could change what lies on the way to it.
    pub fn prepare(&self) -> Result<()> {
        let layout = &self.layout;
        for directory in [layout.images_dir(), layout.kernels_dir(), layout.state_dir(), layout.journal_dir()]
        {
            self.make_reliable(&directory)?;
        }
        // Records of versions have hashes of passwords.
        self.make_private(&layout.versions_dir())?;
        self.make_private(&layout.blob_stamps_dir())?;
        if let Some(parent) = layout.oci_dir().parent() {
            self.make_reliable(parent)?;
        }
        for directory in [layout.logs_dir(), layout.locks_dir()] {
            self.make_usable(&directory)?;
        }
        Store::of(layout).prepare()?;
        // Modules come out of trees that others made.
        self.make_private(&layout.kernel_modules_dir())?;
        for trees in [layout.nfs_staging_dir(), layout.nfs_golden_dir()] {
            // They are made with the first tree. Servers of NFS, which are root, get through.
            if trees.is_dir() {
                self.make_private(&trees)?;
            }
        }
        self.make_work_directory()
    }

    /// Makes one of the site's own directories if it is missing. A link planted in a directory others may write would send
    /// root's writing and deletions elsewhere: the way is judged before anything is made on it.
    pub(crate) fn make_reliable(&self, directory: &Utf8Path) -> Result<()> {
        self.make(directory, 0o755).map_err(|cause| not_reliable(&self.layout, directory, cause))
    }

    #[doc(hidden)]
    /// The same for a directory of files that only root writes, whose place is the distribution's: some let a group of their own
    /// write to `/var/log`.
    pub fn make_usable(&self, directory: &Utf8Path) -> Result<()> {
        let made = own_directory::make_usable(directory, self.layout.trusted_from(), 0o755);
        self.tell(made).map_err(|cause| not_reliable(&self.layout, directory, cause))
    }

    /// The same for a directory that holds OS trees or parts of them. Those have setuid programs of versions that nobody keeps up
    /// to date here: other users of the server are kept out, of one that is there already, too.
    pub(crate) fn make_private(&self, directory: &Utf8Path) -> Result<()> {
        if let Some(parent) = directory.parent() {
            self.make_reliable(parent)?;
        }
        self.make(directory, 0o700).map_err(|cause| not_reliable(&self.layout, directory, cause))?;
        self.close(directory)
    }

    /// The work areas. A directory that the configuration names may hold other things, too: there only the areas of images are closed.
    fn make_work_directory(&self) -> Result<()> {
        let directory = self.layout.workdir();
        if self.configuration.work_directory.is_none() {
            self.make_private(&directory)?;
            return self.make_place_of_bases(&directory);
        }
        self.make(&directory, 0o700).map_err(|cause| not_reliable(&self.layout, &directory, cause))?;
        for entry in directory.read_dir_utf8().into_iter().flatten().flatten() {
            let is_area = ImageName::parse(entry.file_name())
                .is_ok_and(|name| self.layout.image_dir(name.as_str()).symlink_metadata().is_ok())
                && entry.file_type().is_ok_and(|kind| kind.is_dir());
            if is_area {
                self.close(entry.path())?;
            }
        }
        self.make_place_of_bases(&directory)
    }

    /// Where classes keep trees of packages, if they are to.
    fn make_place_of_bases(&self, workdir: &Utf8Path) -> Result<()> {
        if self.configuration.keep_bases() == 0 {
            return Ok(());
        }
        let directory = Bases::of_work_area(workdir).directory().to_owned();
        self.make(&directory, 0o700).map_err(|cause| not_reliable(&self.layout, &directory, cause))?;
        self.close(&directory)
    }

    /// Makes a directory on a way that was judged, and tells what of others was in the way.
    fn make(&self, directory: &Utf8Path, mode: u32) -> std::result::Result<(), TrustError> {
        self.tell(own_directory::make(directory, self.layout.trusted_from(), mode))
    }

    fn tell(
        &self,
        made: std::result::Result<Vec<MovedAside>, TrustError>,
    ) -> std::result::Result<(), TrustError> {
        for moved in made? {
            self.observer.line(Level::Warning, &moved.to_string());
        }
        Ok(())
    }

    fn close(&self, directory: &Utf8Path) -> Result<()> {
        if own_directory::close(directory).map_err(failure::of)? {
            let text = format!("{directory} is closed to other users now: it holds OS trees");
            self.observer.line(Level::Info, &text);
        }
        Ok(())
    }
}

/// Why a place of a site cannot be used: somebody else could have made it or could change it, or the system refuses.
fn not_reliable(layout: &Layout, path: &Utf8Path, cause: TrustError) -> Error {
    let hint = match &cause {
        TrustError::File(_) => None,
        TrustError::Link { .. } if path.starts_with(layout.workdir()) => {
            Some("name the place it leads to as `work_directory` in the configuration")
        }
        _ => None,
    };
    let error = match cause {
        TrustError::File(error) => return failure::of(error),
        cause => failure::refused(cause).context(format!("{} cannot be relied on", layout.published(path))),
    };
    match hint {
        Some(hint) => error.hint(hint),
        None => error,
    }
}

/// Refuses a root that is not there: it is not made, since a mistyped one would look like a site without images.
fn must_be_a_directory(root: &Utf8Path) -> Result<()> {
    match std::fs::metadata(root) {
        Ok(found) if found.is_dir() => Ok(()),
        Ok(_) => Err(Error::usage(format!("the root {root} is not a directory"))),
        Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => {
            Err(Error::usage(format!("the root {root} does not exist")).hint(format!("mkdir {root}")))
        }
        Err(cause) => Err(Error::failed(format!("cannot look at the root {root}")).because(cause)),
    }
}

/// Whether a directory is that of 1.x, which its configuration names on every site: modules in Python, and none of ours. After 1.x
/// was removed, its place in Python's own directories is left.
fn has_python_modules_alone(directory: &Utf8Path) -> bool {
    let Ok(entries) = directory.read_dir_utf8() else {
        return directory.components().any(|part| matches!(part.as_str(), "site-packages" | "dist-packages"));
    };
    let names: Vec<String> = entries.flatten().map(|entry| entry.file_name().to_owned()).collect();
    names.iter().any(|name| name.ends_with(".py") || name == "__pycache__")
        && !names.iter().any(|name| name.ends_with("_module.so"))
}

/// Refuses a place of a site that somebody else could have made, or could change.
fn rely_on(layout: &Layout, path: &Utf8Path) -> Result<()> {
    trusted_path::audit(path, layout.trusted_from()).map_err(|cause| {
        failure::refused(cause).context(format!("{} cannot be relied on", layout.published(path)))
    })?;
    Ok(())
}

/// Reads the notes of the modules; where the configuration says so, only those are used that were installed with a signature.
fn scan(layout: &Layout, configuration: &Configuration) -> ModuleRegistry {
    match configuration.requires_module_signatures() {
        true => ModuleRegistry::scan_with(&layout.modules_dir(), &Signed::of(layout)),
        false => ModuleRegistry::scan(&layout.modules_dir()),
    }
}
