//! All places that disklessset reads and writes, with one movable root.
//!
//! Two kinds of paths occur: *real* ones, which the system calls get, and *published* ones, which are written into
//! image data, boot files and exports. They differ by the root (`--root DIR`): a published path reads as if the
//! root were `/`, so that a root can be moved, or served by another machine.

use camino::{Utf8Component, Utf8Path, Utf8PathBuf};

use crate::system::FileError;

/// The directory name below which the cluster stack serves everything that nodes fetch at boot.
const SERVED: &str = "preboot_execution_environment";
/// NFS servers read every `*.exports` of that directory beside `/etc/exports`.
const EXPORTS: &str = "/etc/exports.d/disklessset.exports";

/// Where a site keeps the public keys of those whose modules it trusts.
const TRUSTED_KEYS: &str = "/etc/disklessset/trusted-modules.d";

/// Where everything is: the defaults of the product, changed by the configuration, moved by the root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    root: Utf8PathBuf,
    images: Utf8PathBuf,
    kernels: Utf8PathBuf,
    modules: Utf8PathBuf,
    /// A directory given on the command line, which is outside the root's reach.
    modules_as_given: Option<Utf8PathBuf>,
    workdir: Utf8PathBuf,
    nfs_staging: Utf8PathBuf,
    nfs_golden: Utf8PathBuf,
    state: Utf8PathBuf,
    logs: Utf8PathBuf,
    locks: Utf8PathBuf,
}

/// A place of the configuration that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LayoutError {
    /// Not an absolute path, or one with `..` in it.
    #[error("{key}: {path} is not an absolute path without `..`")]
    NotAbsolute {
        /// The configuration key or option.
        key: &'static str,
        /// What it says.
        path: Utf8PathBuf,
    },
    /// A directory that owns its content cannot be the whole file system or one of its main directories.
    #[error(
        "{key}: {path} is too near the top: disklessset deletes below it, so it must be a directory of its own"
    )]
    TooWide {
        /// The configuration key or option.
        key: &'static str,
        /// What it says.
        path: Utf8PathBuf,
    },
    /// The current directory, which a relative root is counted from, cannot be told.
    #[error(transparent)]
    Root(#[from] FileError),
}

/// Collects the places that differ from the defaults; [`build`](LayoutBuilder::build) checks them.
#[derive(Debug, Clone, Default)]
pub struct LayoutBuilder {
    root: Option<Utf8PathBuf>,
    images: Option<Utf8PathBuf>,
    kernels: Option<Utf8PathBuf>,
    modules: Option<Utf8PathBuf>,
    modules_as_given: Option<Utf8PathBuf>,
    workdir: Option<Utf8PathBuf>,
    nfs_staging: Option<Utf8PathBuf>,
    nfs_golden: Option<Utf8PathBuf>,
    state: Option<Utf8PathBuf>,
    logs: Option<Utf8PathBuf>,
    locks: Option<Utf8PathBuf>,
}

macro_rules! setters {
    ($($(#[$doc:meta])* $name:ident => $field:ident;)*) => {$(
        $(#[$doc])*
        #[must_use]
        pub fn $name(mut self, path: impl Into<Utf8PathBuf>) -> Self {
            self.$field = Some(path.into());
            self
        }
    )*};
}

impl LayoutBuilder {
    setters! {
        /// The directory that every other path lies below (`--root`); a relative one counts from the current directory.
        root => root;
        /// Where images are kept (`images_directory`, a key of 1.x).
        images_directory => images;
        /// Where kernels and initramfs files are kept; a sibling `kernels` of the images' directory unless set.
        kernels_directory => kernels;
        /// Where modules are looked for (`modules_path`, a key of 1.x).
        modules_path => modules;
        /// Where modules are looked for, given by its own option (`--modules-dir`): taken as it is, not below the root.
        modules_directory_as_given => modules_as_given;
        /// Where images are worked on.
        workdir => workdir;
        /// Where the trees of staging images are kept.
        nfs_staging_directory => nfs_staging;
        /// Where the trees of golden images are kept.
        nfs_golden_directory => nfs_golden;
        /// Where the installations, the journal and the kernels' modules are kept.
        state_directory => state;
        /// Where logs of operations are kept.
        logs_directory => logs;
        /// Where lock files are.
        locks_directory => locks;
    }

    /// Checks the places and makes the layout.
    ///
    /// # Errors
    /// A path that is not absolute or has `..` in it, and a directory to delete in that is as wide as `/var`.
    pub fn build(self) -> Result<Layout, LayoutError> {
        let root = match self.root {
            None => Utf8PathBuf::from("/"),
            Some(given) => {
                let absolute =
                    camino::absolute_utf8(&given).map_err(FileError::of("locate the root", &given))?;
                normal("root", real(absolute))?
            }
        };
        let place = |key, given: Option<Utf8PathBuf>, default: &str| match given {
            Some(path) => normal(key, path),
            None => Ok(Utf8PathBuf::from(default)),
        };
        // A directory below which things are deleted must not be one of the system's own.
        let owned = |key, given: Option<Utf8PathBuf>, default: &str| {
            let path = place(key, given, default)?;
            if path.components().count() < 3 { Err(LayoutError::TooWide { key, path }) } else { Ok(path) }
        };
        let images = owned(
            "images_directory",
            self.images,
            "/var/www/html/preboot_execution_environment/diskless/images",
        )?;
        let sibling = images.with_file_name("kernels");
        Ok(Layout {
            kernels: owned("kernels_directory", self.kernels, sibling.as_str())?,
            modules: place("modules_path", self.modules, "/usr/lib/disklessset/modules.d")?,
            modules_as_given: self.modules_as_given,
            workdir: owned("workdir", self.workdir, "/var/tmp/diskless/workdir")?,
            nfs_staging: owned(
                "nfs_staging_directory",
                self.nfs_staging,
                "/diskless/images/nfsimages/staging",
            )?,
            nfs_golden: owned("nfs_golden_directory", self.nfs_golden, "/diskless/images/nfsimages/golden")?,
            state: owned("state_directory", self.state, "/var/lib/diskless")?,
            logs: place("logs_directory", self.logs, "/var/log/disklessset")?,
            locks: place("locks_directory", self.locks, "/run/disklessset")?,
            images,
            root,
        })
    }
}

/// The root without links on the way, as far as it is there: what is on record of it must be the same however it was reached.
fn real(root: Utf8PathBuf) -> Utf8PathBuf {
    let found = root.ancestors().find_map(|above| {
        let rest = root.strip_prefix(above).ok()?;
        Some(above.canonicalize_utf8().ok()?.join(rest))
    });
    found.unwrap_or(root)
}

/// Drops `.` and double slashes; refuses what is relative or climbs.
fn normal(key: &'static str, path: Utf8PathBuf) -> Result<Utf8PathBuf, LayoutError> {
    let climbs = path.components().any(|part| matches!(part, Utf8Component::ParentDir));
    let printable = !path.as_str().chars().any(char::is_control);
    if path.is_absolute() && !climbs && printable {
        Ok(path.components().collect())
    } else {
        Err(LayoutError::NotAbsolute { key, path })
    }
}

impl Layout {
    /// The default places below `/`, to be changed one by one.
    pub fn builder() -> LayoutBuilder {
        LayoutBuilder::default()
    }

    /// The root that all other places lie below; `/` unless moved.
    pub fn root(&self) -> &Utf8Path {
        &self.root
    }

    /// Whether the root is `/`, the only case in which services of the machine may be touched.
    pub fn is_system_root(&self) -> bool {
        self.root == "/"
    }

    /// Where all images are.
    pub fn images_dir(&self) -> Utf8PathBuf {
        self.inside(&self.images)
    }

    /// The base directory of one image. `name` is a checked image name.
    pub fn image_dir(&self, name: &str) -> Utf8PathBuf {
        child(self.images_dir(), name)
    }

    /// Where kernels and initramfs files are.
    pub fn kernels_dir(&self) -> Utf8PathBuf {
        self.inside(&self.kernels)
    }

    /// Where images are worked on.
    pub fn workdir(&self) -> Utf8PathBuf {
        self.inside(&self.workdir)
    }

    /// Where one image is worked on. `name` is a checked image name.
    pub fn image_workdir(&self, name: &str) -> Utf8PathBuf {
        child(self.workdir(), name)
    }

    /// All directories an image of that name may have. `name` is a checked image name.
    pub fn directories_of(&self, name: &str) -> [Utf8PathBuf; 4] {
        [
            self.image_dir(name),
            self.image_workdir(name),
            child(self.nfs_staging_dir(), name),
            child(self.nfs_golden_dir(), name),
        ]
    }

    /// What demo images of 1.x have outside of their directory.
    pub fn demo_files_of_1x(&self, name: &str) -> [Utf8PathBuf; 2] {
        let place = self.inside("/diskless".into());
        [
            child(place.clone(), &format!("demo_directory_{name}")),
            child(place, &format!("demo_file_to_remove_{name}.txt")),
        ]
    }

    /// Where the state of disklessset itself is: installations, journal, kernels' modules.
    pub fn state_dir(&self) -> Utf8PathBuf {
        self.inside(&self.state)
    }

    /// The file of ongoing installations.
    pub fn installations_file(&self) -> Utf8PathBuf {
        self.state_dir().join("installations.yml")
    }

    /// Where what an operation acquired is written down before it is acquired.
    pub fn journal_dir(&self) -> Utf8PathBuf {
        self.state_dir().join("journal")
    }

    /// Where the modules of added kernels are kept, one directory a version.
    pub fn kernel_modules_dir(&self) -> Utf8PathBuf {
        self.state_dir().join("kernel-modules")
    }

    /// Where lock files are; empty after a reboot.
    pub fn locks_dir(&self) -> Utf8PathBuf {
        self.inside(&self.locks)
    }

    /// Where logs of operations are.
    pub fn logs_dir(&self) -> Utf8PathBuf {
        self.inside(&self.logs)
    }

    /// Where module files are looked for.
    pub fn modules_dir(&self) -> Utf8PathBuf {
        match &self.modules_as_given {
            Some(given) => given.clone(),
            None => self.inside(&self.modules),
        }
    }

    /// The file that remembers which modules were installed from where.
    pub fn modules_register(&self) -> Utf8PathBuf {
        self.state_dir().join("modules.yml")
    }

    /// Where the keys lie whose signatures of modules are trusted.
    pub fn trusted_keys_dir(&self) -> Utf8PathBuf {
        self.inside(TRUSTED_KEYS.into())
    }

    /// Where the trees of staging images are.
    pub fn nfs_staging_dir(&self) -> Utf8PathBuf {
        self.inside(&self.nfs_staging)
    }

    /// Where the trees of golden images are.
    pub fn nfs_golden_dir(&self) -> Utf8PathBuf {
        self.inside(&self.nfs_golden)
    }

    /// The file of NFS exports that is ours; others of that directory, and `/etc/exports`, are not.
    pub fn exports_file(&self) -> Utf8PathBuf {
        self.inside(EXPORTS.into())
    }

    /// What a web server has to serve as its `/`: the parent of `preboot_execution_environment`; when images are
    /// kept elsewhere, the directory two above them, so that images and kernels are both below it.
    pub fn http_root(&self) -> Utf8PathBuf {
        let served = self.images.ancestors().find(|path| path.file_name() == Some(SERVED));
        let below = served.unwrap_or_else(|| self.images.parent().unwrap_or(&self.images));
        self.inside(below.parent().unwrap_or(below))
    }

    /// The path as it is written into data, boot files and exports: without the root. A path outside the root
    /// (one given by its own option) stays as it is.
    pub fn published(&self, real: &Utf8Path) -> Utf8PathBuf {
        match real.strip_prefix(&self.root) {
            Ok(rest) => Utf8Path::new("/").join(rest),
            Err(_) => real.to_owned(),
        }
    }

    /// The real path of a published one. `..` never leads out of the root.
    pub fn inside(&self, published: &Utf8Path) -> Utf8PathBuf {
        let mut real = self.root.clone();
        let mut depth = 0_usize;
        for part in published.components() {
            match part {
                Utf8Component::Normal(name) => {
                    real.push(name);
                    depth += 1;
                }
                Utf8Component::ParentDir if depth > 0 => {
                    real.pop();
                    depth -= 1;
                }
                _ => {}
            }
        }
        real
    }

    /// The path of a real file below [`http_root`](Layout::http_root) as it stands in a URL after the host and its
    /// slash, percent-encoded; `None` when no web server could serve it from there.
    pub fn url_path(&self, real: &Utf8Path) -> Option<String> {
        let relative = real.strip_prefix(self.http_root()).ok()?;
        let mut url = String::with_capacity(relative.as_str().len());
        for byte in relative.as_str().bytes() {
            match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'+' | b'/' => {
                    url.push(char::from(byte));
                }
                other => url.push_str(&format!("%{other:02X}")),
            }
        }
        Some(url)
    }

    /// The directories strictly below which disklessset may ever delete trees.
    pub fn owned_roots(&self) -> Vec<Utf8PathBuf> {
        vec![
            self.images_dir(),
            self.kernels_dir(),
            self.workdir(),
            self.nfs_staging_dir(),
            self.nfs_golden_dir(),
            self.journal_dir(),
            self.kernel_modules_dir(),
        ]
    }
}

/// Appends a name that was checked long before it comes here.
fn child(parent: Utf8PathBuf, name: &str) -> Utf8PathBuf {
    debug_assert!(
        !name.is_empty() && !name.contains('/') && name != "." && name != "..",
        "unchecked name {name:?}"
    );
    parent.join(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moved() -> Layout {
        Layout::builder().root("/srv/lab/").build().unwrap()
    }

    #[test]
    fn without_settings_everything_is_where_the_documentation_says() {
        let layout = Layout::builder().build().unwrap();
        assert!(layout.is_system_root());
        assert_eq!(
            layout.image_dir("web01"),
            "/var/www/html/preboot_execution_environment/diskless/images/web01"
        );
        assert_eq!(layout.kernels_dir(), "/var/www/html/preboot_execution_environment/diskless/kernels");
        assert_eq!(layout.installations_file(), "/var/lib/diskless/installations.yml");
        assert_eq!(layout.journal_dir(), "/var/lib/diskless/journal");
        assert_eq!(layout.kernel_modules_dir(), "/var/lib/diskless/kernel-modules");
        assert_eq!(layout.image_workdir("web01"), "/var/tmp/diskless/workdir/web01");
        assert_eq!(layout.locks_dir(), "/run/disklessset");
        assert_eq!(layout.logs_dir(), "/var/log/disklessset");
        assert_eq!(layout.modules_dir(), "/usr/lib/disklessset/modules.d");
        assert_eq!(layout.nfs_staging_dir(), "/diskless/images/nfsimages/staging");
        assert_eq!(layout.nfs_golden_dir(), "/diskless/images/nfsimages/golden");
        assert_eq!(layout.http_root(), "/var/www/html");
    }

    #[test]
    fn a_root_moves_everything_and_leaves_no_trace_in_published_paths() {
        let layout = moved();
        let image = layout.image_dir("web01");
        assert_eq!(image, "/srv/lab/var/www/html/preboot_execution_environment/diskless/images/web01");
        let published = layout.published(&image);
        assert_eq!(published, "/var/www/html/preboot_execution_environment/diskless/images/web01");
        assert_eq!(layout.inside(&published), image);
        for path in layout.owned_roots() {
            assert!(path.starts_with("/srv/lab"), "{path}");
        }
        assert_eq!(layout.published("/srv/laboratory".into()), "/srv/laboratory");
    }

    #[test]
    fn a_root_is_the_same_however_it_is_reached() {
        let dir = tempfile::tempdir().unwrap();
        let real = Utf8PathBuf::from_path_buf(dir.path().canonicalize().unwrap()).unwrap();
        std::fs::create_dir(real.join("root")).unwrap();
        std::os::unix::fs::symlink("root", real.join("link")).unwrap();
        let of = |name: &str| Layout::builder().root(real.join(name)).build().unwrap().root().to_owned();
        assert_eq!(of("link"), real.join("root"));
        assert_eq!(of("link/not/yet"), real.join("root/not/yet"));
    }

    #[test]
    fn nothing_published_leads_out_of_the_root() {
        assert_eq!(moved().inside("/../../etc/shadow".into()), "/srv/lab/etc/shadow");
        assert_eq!(moved().inside("a/../../../b".into()), "/srv/lab/b");
    }

    #[test]
    fn urls_begin_below_the_http_root() {
        let layout = moved();
        let image = layout.image_dir("el8+gpu").join("squashfs.img");
        let expected = "preboot_execution_environment/diskless/images/el8+gpu/squashfs.img";
        assert_eq!(layout.url_path(&image).as_deref(), Some(expected));
        assert_eq!(layout.url_path("/etc/passwd".into()), None);

        let elsewhere = Layout::builder().images_directory("/data/my images/all").build().unwrap();
        assert_eq!(elsewhere.http_root(), "/data");
        assert_eq!(elsewhere.kernels_dir(), "/data/my images/kernels");
        assert_eq!(elsewhere.url_path(&elsewhere.image_dir("a")).as_deref(), Some("my%20images/all/a"));
    }

    #[test]
    fn modules_given_by_their_own_option_are_not_moved() {
        let layout = Layout::builder().root("/srv/lab").modules_directory_as_given("mine.d").build().unwrap();
        assert_eq!(layout.modules_dir(), "mine.d");
    }

    #[test]
    fn unusable_places_are_refused_with_their_key() {
        for bad in ["images", "/a/../../etc/x", "/a/b\nc/d"] {
            let error = Layout::builder().images_directory(bad).build().unwrap_err().to_string();
            assert!(error.starts_with("images_directory:"), "{error}");
        }
        let error = Layout::builder().workdir("/var").build().unwrap_err().to_string();
        assert!(error.contains("workdir: /var is too near the top"), "{error}");
    }
}
