//! What an action is on.

use disklessset_plugin_api::ImageName;

/// What an action is on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Subject {
    /// One image.
    Image(ImageName),
    /// The kernels, all together.
    Kernels,
    /// The files of the modules directory, all together.
    Modules,
    /// No single one: a look at the images of a class.
    Overview,
}

impl Subject {
    pub(crate) fn image(&self) -> Option<&ImageName> {
        match self {
            Self::Image(name) => Some(name),
            Self::Kernels | Self::Modules | Self::Overview => None,
        }
    }
}

impl std::fmt::Display for Subject {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Image(name) => name.fmt(f),
            // A character that no image name has keeps their journals and logs apart.
            Self::Kernels => f.write_str("@kernels"),
            Self::Modules => f.write_str("@modules"),
            Self::Overview => f.write_str("@overview"),
        }
    }
}
