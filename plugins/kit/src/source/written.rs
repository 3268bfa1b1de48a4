//! Sources as people write them.

use super::{RegistryImage, Source};
use disklessset_plugin_api::Error;
use std::{fmt, str::FromStr};

/// Why a source is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SourceError {
    /// None of the forms.
    #[error(
        "{0:?} is no source: write apt, dnf, tree:PATH, tar:PATH, oci:PATH[:REFERENCE] or registry:HOST/REPOSITORY[:TAG|@DIGEST]"
    )]
    Shape(String),
    /// No path where one belongs.
    #[error("the source {0} names no path")]
    NoPath(String),
    /// No image where one belongs.
    #[error("the source {0} names no image")]
    NoImage(String),
    /// The server's distribution has neither apt nor dnf.
    #[error("no source fits this server's distribution ({0}): name one")]
    NoDefault(String),
}

impl From<SourceError> for Error {
    fn from(error: SourceError) -> Self {
        Self::usage(error.to_string())
    }
}

impl FromStr for Source {
    type Err = SourceError;

    fn from_str(text: &str) -> Result<Self, SourceError> {
        match text.split_once(':') {
            None if text == "apt" => Ok(Self::Apt),
            None if text == "dnf" => Ok(Self::Dnf),
            None => Err(SourceError::Shape(text.to_owned())),
            Some(("tree" | "tar" | "oci", "")) => Err(SourceError::NoPath(text.to_owned())),
            Some(("tree", path)) => Ok(Self::Tree(path.into())),
            Some(("tar", path)) => Ok(Self::Tar(path.into())),
            Some(("oci", rest)) => Ok(oci(rest)),
            Some(("registry", "")) => Err(SourceError::NoImage(text.to_owned())),
            Some(("registry", address)) => Ok(Self::Registry(RegistryImage::at(address))),
            Some(_) => Err(SourceError::Shape(text.to_owned())),
        }
    }
}

/// A reference holds no slash, so a colon before the last slash belongs to the path.
fn oci(text: &str) -> Source {
    match text.rsplit_once(':') {
        Some((path, reference)) if !reference.contains('/') && !path.is_empty() && !reference.is_empty() => {
            Source::Oci { path: path.into(), reference: Some(reference.to_owned()) }
        }
        _ => Source::Oci { path: text.into(), reference: None },
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Apt => f.write_str("apt"),
            Self::Dnf => f.write_str("dnf"),
            Self::Tree(path) => write!(f, "tree:{path}"),
            Self::Tar(path) => write!(f, "tar:{path}"),
            Self::Oci { path, reference: None } => write!(f, "oci:{path}"),
            Self::Oci { path, reference: Some(reference) } => write!(f, "oci:{path}:{reference}"),
            Self::Registry(image) => write!(f, "registry:{image}"),
            Self::Module(module) => f.write_str(module.name()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_is_read_and_written_alike() {
        for text in [
            "apt",
            "dnf",
            "tree:/srv/tree",
            "tar:/srv/a:b.tar.zst",
            "oci:/srv/layout",
            "oci:/srv/l:v1",
            "registry:h:5000/os/web:9",
        ] {
            assert_eq!(text.parse::<Source>().unwrap().to_string(), text);
        }
        let oci = "oci:/a:b/layout".parse::<Source>().unwrap();
        assert_eq!(oci, Source::Oci { path: "/a:b/layout".into(), reference: None });
    }

    #[test]
    fn everything_else_is_refused() {
        for bad in
            ["", "APT", "zip:/x", "/srv/tree", "apt:", "tree", "tree:", "tar:", "registry", "registry:"]
        {
            assert!(bad.parse::<Source>().is_err(), "{bad:?}");
        }
    }
}
