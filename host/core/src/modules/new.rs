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
    /// The installed sources cannot be taken along.
    #[error("cannot copy the sources in {from} to {to}: {cause}")]
    Copy {
        /// Where they are installed.
        from: Utf8PathBuf,
        /// The place in the project.
        to: Utf8PathBuf,
        /// Why not.
        cause: String,
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

    /// The lines of a manifest for what a module depends on.
    fn dependencies(&self, needs: Needs) -> String {
        let major = super::note::host_api().major;
        let quoted = |path: &Utf8Path| path.as_str().replace('\\', "\\\\").replace('"', "\\\"");
        let line = |package: &str, path: &Utf8Path| format!("{package} = {{ path = \"{}\" }}", quoted(path));
        let (api, kit) = match self {
            Self::Published => (
                format!(
                    "disklessset-plugin-api = \"{major}\"\n# or its sources: disklessset-plugin-api = {{ path = \"/path/to/plugin-api\" }}"
                ),
                "disklessset-kit = \"0.1\"".to_owned(),
            ),
            Self::Path(path) if is_installed(path) => (
                line("disklessset-plugin-api", &Utf8Path::new(VENDOR).join("plugin-api")),
                line("disklessset-kit", &Utf8Path::new(VENDOR).join("kit")),
            ),
            Self::Path(path) => (
                format!(
                    "{}\n# or the published crate: disklessset-plugin-api = \"{major}\"",
                    line("disklessset-plugin-api", path)
                ),
                line("disklessset-kit", &in_tree_of(path)),
            ),
        };
        match needs {
            Needs::Api => api,
            Needs::Kit => format!("{kit}\n{api}"),
        }
    }
}

/// What a new module builds with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Needs {
    /// The module API.
    Api,
    /// The kit for OS images, too.
    Kit,
}

/// Where a project keeps the sources that it took from an installed program: it builds wherever it is copied to.
const VENDOR: &str = "vendor";

/// Whether these sources of the API are installed ones, whose manifests need no workspace.
fn is_installed(api: &Utf8Path) -> bool {
    api.join("../kit/Cargo.toml").is_file()
}

/// The kit in the source tree that has this API.
fn in_tree_of(api: &Utf8Path) -> Utf8PathBuf {
    let kit = api.join("../plugins/kit");
    kit.canonicalize_utf8().unwrap_or(kit)
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
    needs: Needs,
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
            .replace("@DEPENDENCY@", &api.dependencies(needs))
    };
    let (code, readme) = match base {
        None if needs == Needs::Kit => {
            (include_str!("skeleton/kit.rs.in"), include_str!("skeleton/README.kit.md.in"))
        }
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
        match is_installed(path) {
            true => vendored(path, &directory, name, needs)?,
            false => keep_versions(path, &directory)?,
        }
    }
    Ok(directory)
}

/// With the versions the API was tested with, the skeleton also builds on a machine without a network that built the API.
fn keep_versions(api: &Utf8Path, directory: &Utf8Path) -> Result<(), NewError> {
    if let Ok(lock) = std::fs::read(api.join("../Cargo.lock")) {
        atomic_file::replace(&directory.join("Cargo.lock"), &lock, 0o644)?;
    }
    Ok(())
}

/// Puts the installed sources into the project, with the list of all versions that they were tested with: `cargo build --locked` works.
fn vendored(api: &Utf8Path, directory: &Utf8Path, name: &ModuleName, needs: Needs) -> Result<(), NewError> {
    let (all, lists): (&[&str], _) = match needs {
        Needs::Api => (&["plugin-api", "plugin-api-derive"], "plugin-api"),
        Needs::Kit => (&["plugin-api", "plugin-api-derive", "system", "kit"], "kit"),
    };
    let share = api.parent().unwrap_or(api);
    atomic_file::create_dir(&directory.join(VENDOR), 0o755)?;
    let place = directory.join(VENDOR);
    let sources: Vec<_> = all.iter().map(|package| share.join(package)).collect();
    fs_extra::copy_items(&sources, &place, &fs_extra::dir::CopyOptions::new())
        .map_err(|cause| NewError::Copy { from: share.to_owned(), to: place, cause: cause.to_string() })?;
    let list = share.join(lists).join("Cargo.lock");
    let text = std::fs::read_to_string(&list).map_err(FileError::of("read", &list))?;
    let dependencies = match needs {
        Needs::Api => " \"disklessset-plugin-api\",\n",
        Needs::Kit => " \"disklessset-kit\",\n \"disklessset-plugin-api\",\n",
    };
    let own = format!(
        "[[package]]\nname = \"{name}-module\"\nversion = \"0.1.0\"\ndependencies = [\n{dependencies}]"
    );
    atomic_file::replace(&directory.join("Cargo.lock"), with_package(&text, own).as_bytes(), 0o644)?;
    Ok(())
}

/// A list of versions with one package more, in its order.
fn with_package(list: &str, own: String) -> String {
    let mut blocks: Vec<&str> = list.trim_end().split("\n\n").collect();
    let head = blocks.remove(0);
    blocks.push(&own);
    // By the line with the name, which is the second.
    blocks.sort_by_key(|block| block.lines().nth(1).map(|line| line.trim_end_matches('"').to_owned()));
    format!("{head}\n\n{}\n", blocks.join("\n\n"))
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
    fn a_package_stands_in_the_list_where_cargo_puts_it() {
        let block = |name: &str| format!("[[package]]\nname = \"{name}\"\nversion = \"1.0.0\"");
        let list = format!("# comment\nversion = 4\n\n{}\n\n{}\n", block("a"), block("my-module-2"));
        let with = with_package(&list, block("my-module"));
        let names: Vec<&str> = with.lines().filter(|line| line.starts_with("name")).collect();
        assert_eq!(names, ["name = \"a\"", "name = \"my-module\"", "name = \"my-module-2\""]);
        assert!(with.starts_with("# comment\nversion = 4\n\n[[package]]") && with.ends_with("\n"), "{with}");
    }

    #[test]
    fn a_skeleton_is_written_once_with_nothing_left_to_fill_in() {
        let place = tempfile::tempdir().unwrap();
        let below = Utf8Path::from_path(place.path()).unwrap();
        let name = ModuleName::parse("my-images").unwrap();
        let directory = create(&name, below, &PluginApi::Published, None, Needs::Api).unwrap();
        assert_eq!(directory, below.join("my-images-module"));
        let base = BaseClass { class: "DemoImage".to_owned(), version: "^0.1".to_owned() };
        let other = ModuleName::parse("derived").unwrap();
        let derived = create(&other, below, &PluginApi::Published, Some(&base), Needs::Api).unwrap();
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
        let error = create(&name, below, &PluginApi::Published, None, Needs::Api).unwrap_err().to_string();
        assert_eq!(error, format!("cannot make {directory}: it exists"));
        assert!(PluginApi::at(below).unwrap_err().to_string().contains("does not hold the sources"));
    }
}
