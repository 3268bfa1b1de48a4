//! `module new`: the skeleton of a module that compiles as it is.

use camino::{Utf8Path, Utf8PathBuf};
use disklessset_plugin_api::BaseClass;
use semver::Version;

use super::names::ModuleName;
use crate::system::{FileError, atomic_file};

/// Where the skeleton takes the module API from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PluginApi {
    /// Its sources in this directory.
    Path(Utf8PathBuf),
    /// The published crate.
    Published,
}

/// Why no skeleton was made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NewError {
    /// There is something of this name.
    #[error("cannot make {directory}: it exists")]
    Exists {
        /// The directory.
        directory: Utf8PathBuf,
    },
    /// The given directory is not the API.
    #[error("{directory} does not hold the sources of disklessset-plugin-api")]
    NoPluginApi {
        /// The directory.
        directory: Utf8PathBuf,
    },
    /// The system refused.
    #[error(transparent)]
    File(#[from] FileError),
}

/// Directories below a prefix where the sources of the API may lie: in a source tree, and as installed.
const PLACES: [&str; 2] = ["plugin-api", "share/disklessset/plugin-api"];

impl PluginApi {
    /// The sources in this directory.
    ///
    /// # Errors
    /// [`NewError::NoPluginApi`] when they are not there.
    pub fn at(directory: &Utf8Path) -> Result<Self, NewError> {
        let absolute = camino::absolute_utf8(directory).unwrap_or_else(|_| directory.to_owned());
        if holds_plugin_api(&absolute) {
            Ok(Self::Path(absolute))
        } else {
            Err(NewError::NoPluginApi { directory: directory.to_owned() })
        }
    }

    /// The sources near this program (the source tree it was built in, or what was installed with it), else the
    /// published crate.
    pub fn find() -> Self {
        let program = std::env::current_exe().ok().and_then(|path| Utf8PathBuf::from_path_buf(path).ok());
        let near = program.iter().flat_map(|path| path.ancestors().skip(1));
        let found = near
            .flat_map(|directory| PLACES.map(|place| directory.join(place)))
            .find(|place| holds_plugin_api(place));
        // cargo looks for the workspace of a package above its path, as that is written.
        let real = |place: Utf8PathBuf| place.canonicalize_utf8().unwrap_or(place);
        found.map_or(Self::Published, |place| Self::Path(real(place)))
    }

    fn dependency(&self) -> String {
        let major = super::note::host_api().major;
        match self {
            Self::Published => format!(
                "disklessset-plugin-api = \"{major}\"\n# or its sources: disklessset-plugin-api = {{ path = \"/path/to/plugin-api\" }}"
            ),
            Self::Path(path) => {
                let path = path.as_str().replace('\\', "\\\\").replace('"', "\\\"");
                format!(
                    "disklessset-plugin-api = {{ path = \"{path}\" }}\n# or the published crate: disklessset-plugin-api = \"{major}\""
                )
            }
        }
    }
}

fn holds_plugin_api(directory: &Utf8Path) -> bool {
    std::fs::read_to_string(directory.join("Cargo.toml"))
        .is_ok_and(|text| text.lines().any(|line| line.trim() == "name = \"disklessset-plugin-api\""))
}

/// Writes the skeleton `NAME-module` below a directory; it has one class, whose action `create NAME` needs no parameters, or with a
/// `base` one that is built on that. Returns its directory.
///
/// # Errors
/// [`NewError`]; a skeleton that could not be finished is left as far as it came.
pub fn create(
    name: &ModuleName,
    below: &Utf8Path,
    api: &PluginApi,
    base: Option<&BaseClass>,
) -> Result<Utf8PathBuf, NewError> {
    let directory = below.join(format!("{name}-module"));
    if directory.symlink_metadata().is_ok() {
        return Err(NewError::Exists { directory });
    }
    atomic_file::create_dir(&directory, 0o755)?;
    for below in ["src", ".github/workflows"] {
        atomic_file::create_dir_all(&directory.join(below), 0o755)?;
    }
    let fill = |template: &str| {
        template
            .replace("@NAME@", name.as_str())
            .replace("@LIBRARY@", &name.as_str().replace('-', "_"))
            .replace("@FILE@", &name.file_name())
            .replace("@CLASS@", &class_name(name))
            .replace("@BASE@", base.map_or("", |base| &base.class))
            .replace("@VERSIONS@", base.map_or("", |base| &base.version))
            .replace("@DEPENDENCY@", &api.dependency())
    };
    let (code, readme) = match base {
        None => (include_str!("skeleton/lib.rs.in"), include_str!("skeleton/README.md.in")),
        Some(_) => (include_str!("skeleton/derived.rs.in"), include_str!("skeleton/README.derived.md.in")),
    };
    for (file, template) in [
        ("Cargo.toml", include_str!("skeleton/Cargo.toml.in")),
        ("src/lib.rs", code),
        ("README.md", readme),
        (".github/workflows/ci.yml", include_str!("skeleton/ci.yml.in")),
        (".gitignore", "/target\n"),
    ] {
        atomic_file::replace(&directory.join(file), fill(template).as_bytes(), 0o644)?;
    }
    if let PluginApi::Path(path) = api {
        keep_versions(path, &directory)?;
    }
    Ok(directory)
}

/// With the versions the API was tested with, the skeleton also builds on a machine without a network that built the API.
fn keep_versions(api: &Utf8Path, directory: &Utf8Path) -> Result<(), NewError> {
    let locks = [api.join("Cargo.lock"), api.join("../Cargo.lock")];
    if let Some(lock) = locks.iter().find_map(|lock| std::fs::read(lock).ok()) {
        atomic_file::replace(&directory.join("Cargo.lock"), &lock, 0o644)?;
    }
    Ok(())
}

/// The versions of a module that go on having a class as it is in this one: of 0.y those with the same y, else with the same major.
pub fn versions_like(version: &Version) -> String {
    match (version.major, version.minor, version.patch) {
        (0, 0, patch) => format!("^0.0.{patch}"),
        (0, minor, _) => format!("^0.{minor}"),
        (major, ..) => format!("^{major}"),
    }
}

/// `my-images` becomes `MyImagesImage`.
fn class_name(name: &ModuleName) -> String {
    let words = name.as_str().split(['-', '_']).filter(|word| !word.is_empty());
    let camel: String = words
        .map(|word| {
            let mut letters = word.chars();
            letters
                .next()
                .map(|first| first.to_ascii_uppercase())
                .into_iter()
                .chain(letters)
                .collect::<String>()
        })
        .collect();
    format!("{camel}Image")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::modules::ClassName;

    #[test]
    fn every_module_name_gives_a_class_name() {
        for (name, class) in [("demo", "DemoImage"), ("my-images", "MyImagesImage"), ("a_1--b", "A1BImage")] {
            let name = ModuleName::parse(name).unwrap();
            assert_eq!(class_name(&name), class);
            ClassName::parse(class).unwrap();
        }
    }

    #[test]
    fn versions_that_break_nothing_will_do() {
        for (version, wanted) in [("0.0.3", "^0.0.3"), ("0.4.7", "^0.4"), ("1.2.3", "^1")] {
            assert_eq!(versions_like(&Version::parse(version).unwrap()), wanted);
        }
    }

    #[test]
    fn a_skeleton_is_written_once_with_nothing_left_to_fill_in() {
        let place = tempfile::tempdir().unwrap();
        let below = Utf8Path::from_path(place.path()).unwrap();
        let name = ModuleName::parse("my-images").unwrap();
        let directory = create(&name, below, &PluginApi::Published, None).unwrap();
        assert_eq!(directory, below.join("my-images-module"));
        let base = BaseClass { class: "DemoImage".to_owned(), version: "^0.1".to_owned() };
        let other = ModuleName::parse("derived").unwrap();
        let derived = create(&other, below, &PluginApi::Published, Some(&base)).unwrap();
        for directory in [&directory, &derived] {
            for file in ["Cargo.toml", "src/lib.rs", "README.md", ".github/workflows/ci.yml"] {
                let text = std::fs::read_to_string(directory.join(file)).unwrap();
                assert!(!text.replace("@v4", "").contains('@'), "{file}: {text}");
            }
        }
        let code = std::fs::read_to_string(derived.join("src/lib.rs")).unwrap();
        assert!(code.contains("\"DerivedImage\": \"DemoImage\" \"^0.1\" => DerivedImage"), "{code}");
        let manifest = std::fs::read_to_string(directory.join("Cargo.toml")).unwrap();
        assert!(manifest.contains("disklessset-plugin-api = \"1\""), "{manifest}");
        let error = create(&name, below, &PluginApi::Published, None).unwrap_err().to_string();
        assert_eq!(error, format!("cannot make {directory}: it exists"));
        assert!(PluginApi::at(below).unwrap_err().to_string().contains("does not hold the sources"));
    }
}
