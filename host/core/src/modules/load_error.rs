//! Why a module could not be loaded: one line each, and a second one of advice.

use camino::{Utf8Path, Utf8PathBuf};
use disklessset_plugin_api::{Error, ErrorKind};
use semver::Version;

use super::description::DescriptionError;
use super::glibc::GlibcVersion;
use super::refusal::Refusal;

/// Why a module could not be loaded. The text is one line; [`LoadError::hint`] is the second.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// Its file is refused.
    #[error("cannot load {file}: {refusal}")]
    Refused {
        /// The file.
        file: Utf8PathBuf,
        /// What its file or its note says against it.
        refusal: Box<Refusal>,
    },
    /// It was overwritten while this process runs from it.
    #[error("cannot load {file}: it was changed while it was being used")]
    Changed {
        /// The file.
        file: Utf8PathBuf,
    },
    /// A library it is linked with is not installed.
    #[error("cannot load {file}: it needs the shared library {library}, which is not installed")]
    MissingLibrary {
        /// The file.
        file: Utf8PathBuf,
        /// The library.
        library: String,
    },
    /// A function it is linked with is nowhere.
    #[error("cannot load {file}: it needs {symbol}, which no library here has")]
    MissingSymbol {
        /// The file.
        file: Utf8PathBuf,
        /// The symbol, with its version where it has one.
        symbol: String,
    },
    /// Anything else the dynamic linker says.
    #[error("cannot load {file}: {cause}")]
    Linker {
        /// The file.
        file: Utf8PathBuf,
        /// The linker's words.
        cause: String,
    },
    /// It exports nothing of ours.
    #[error("cannot load {file}: it does not export a disklessset module")]
    NoHeader {
        /// The file.
        file: Utf8PathBuf,
    },
    /// Made with another abi_stable or another C ABI.
    #[error("cannot load {file}: its binary interface is of another kind than this disklessset's")]
    OtherBinaryInterface {
        /// The file.
        file: Utf8PathBuf,
    },
    /// The versions agree and the types do not.
    #[error("cannot load {file}: it says module API {built_for}, and its types are not those of {here}")]
    Layout {
        /// The file.
        file: Utf8PathBuf,
        /// The version it names.
        built_for: Box<Version>,
        /// The version of this host.
        here: Box<Version>,
        /// The difference, hundreds of lines long.
        details: String,
    },
    /// Its root could not be made.
    #[error("cannot load {file}: its root cannot be made: {cause}")]
    Root {
        /// The file.
        file: Utf8PathBuf,
        /// What the system said.
        cause: String,
    },
    /// It failed by itself while being opened or asked for its description.
    #[error("cannot load {file}: {error}")]
    Module {
        /// The file.
        file: Utf8PathBuf,
        /// The module's own error.
        error: Box<Error>,
    },
    /// What it says of itself cannot be used.
    #[error("cannot load {file}: {cause}")]
    Description {
        /// The file.
        file: Utf8PathBuf,
        /// What is wrong.
        cause: DescriptionError,
    },
}

impl LoadError {
    /// What to do about it, in one line.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Refused { refusal, .. } => return refusal.hint(),
            Self::Changed { .. } => {
                "start disklessset again; replace modules with `disklessset module install`, which renames"
            }
            Self::MissingLibrary { .. } => "install the package that has it, or link it into the module",
            Self::MissingSymbol { .. } => "rebuild the module on a system like this one",
            Self::NoHeader { .. } | Self::OtherBinaryInterface { .. } | Self::Layout { .. } => {
                "rebuild the module with the published disklessset-plugin-api"
            }
            Self::Module { error, .. } => return error.hint.clone(),
            Self::Root { .. } | Self::Description { .. } => "this is a fault of the module: tell its author",
            Self::Linker { .. } => return None,
        };
        Some(hint.to_owned())
    }

    /// Causes below the line, outermost first.
    pub fn causes(&self) -> &[String] {
        match self {
            Self::Module { error, .. } => &error.causes,
            _ => &[],
        }
    }
}

/// As what a module, or the one who asked for an image, gets it.
impl From<LoadError> for Error {
    fn from(error: LoadError) -> Self {
        let kind = match &error {
            LoadError::Refused { .. } => ErrorKind::REFUSED,
            LoadError::Module { error, .. } => error.kind,
            _ => ErrorKind::FAILED,
        };
        let mut converted = Error::new(kind, error.to_string());
        converted.causes = error.causes().to_vec();
        converted.hint = error.hint();
        converted
    }
}

/// What the dynamic linker says, in words for people.
pub(super) fn of_linker(file: &Utf8Path, name: &str, cause: &libloading::Error) -> LoadError {
    let text = std::error::Error::source(cause).map_or_else(|| cause.to_string(), ToString::to_string);
    classify(file, &text.replace(name, file.as_str()))
}

fn classify(path: &Utf8Path, text: &str) -> LoadError {
    let file = path.to_owned();
    if let Some((library, _)) = text.split_once(": cannot open shared object file") {
        let library = library.rsplit(": ").next().unwrap_or(library);
        if library != path.as_str() {
            return LoadError::MissingLibrary { file, library: library.to_owned() };
        }
    }
    if text.contains("failed to map segment") {
        return LoadError::Refused { file, refusal: Box::new(Refusal::NoExec) };
    }
    if let Some((_, symbol)) = text.split_once("undefined symbol: ") {
        let symbol = symbol.split([',', ' ']).next().unwrap_or(symbol);
        return LoadError::MissingSymbol { file, symbol: symbol.to_owned() };
    }
    // "/lib/libc.so.6: version `GLIBC_2.99' not found (required by /x_module.so)"
    if let Some((_, version)) = text.split_once("version `")
        && let Some((version, _)) = version.split_once("' not found")
    {
        // Of a file whose own table could not be read, or of a library that it is linked with.
        return match (GlibcVersion::of_symbols(version), GlibcVersion::here()) {
            (Some(needed), Some(here)) => {
                LoadError::Refused { file, refusal: Box::new(Refusal::NewerGlibc { needed, here }) }
            }
            _ => LoadError::MissingSymbol { file, symbol: version.to_owned() },
        };
    }
    let cause = text.strip_prefix(path.as_str()).map_or(text, |rest| rest.trim_start_matches(": "));
    LoadError::Linker { file, cause: cause.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_the_linker_become_ours() {
        let path = Utf8Path::new("/m/x_module.so");
        let here = GlibcVersion::here().unwrap();
        for (text, line) in [
            (
                "libfoo.so.1: cannot open shared object file: No such file or directory",
                "it needs the shared library libfoo.so.1, which is not installed",
            ),
            ("/m/x_module.so: undefined symbol: foo_bar", "it needs foo_bar, which no library here has"),
            ("/m/x_module.so: undefined symbol: foo, version FOO_1", "it needs foo, which"),
            (
                "/lib/libc.so.6: version `GLIBC_2.99' not found (required by /m/x_module.so)",
                &format!("needs glibc 2.99, this server has {here}"),
            ),
            (
                "/lib/libz.so.1: version `ZLIB_9.9' not found (required by /m/x_module.so)",
                "it needs ZLIB_9.9, which no library here has",
            ),
            (
                "/m/x_module.so: failed to map segment from shared object",
                "the modules directory is on a noexec file system",
            ),
            ("/m/x_module.so: ELF load command misaligned", "ELF load command misaligned"),
        ] {
            let error = classify(path, text).to_string();
            assert!(error.starts_with(&format!("cannot load /m/x_module.so: {line}")), "{error}");
        }
    }
}
