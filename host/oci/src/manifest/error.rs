//! Why something is no artifact manifest.

use super::Title;

/// A manifest that cannot be used. Each message is one line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ManifestError {
    /// It is a good manifest of something else.
    #[error("it is {0}, not an image of disklessset")]
    Foreign(String),
    /// It is the manifest of an image of containers, or of an operating system in that form.
    #[error("it is an image of containers, not an image of disklessset")]
    Containers,
    /// It is not what the specification says.
    #[error("it is no OCI manifest: {0}")]
    Invalid(String),
    /// A layer without a title, or with one that no file may have.
    #[error("one of its layers cannot be used: {0}")]
    Title(String),
    /// Two files with one title.
    #[error("it has the file {0} twice")]
    Twice(Title),
    /// More files than any image has.
    #[error("it has more than {max} files", max = super::MOST_FILES)]
    TooManyFiles,
    /// Sizes that nobody can have.
    #[error("its files are larger together than can be counted")]
    TooLarge,
}
