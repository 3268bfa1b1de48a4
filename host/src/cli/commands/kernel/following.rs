//! What becomes of the images that boot a kernel whose files are made anew: each gets its next version, since versions never change.

use crate::cli::request::Session;
use clap::{Arg, ArgAction, ArgMatches};
use disklessset_plugin_api::{Error, ErrorKind, ImageName, KernelVersion, Result};

const ONLY: &str = "only";

/// What becomes of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Images {
    /// Each gets its next version.
    Follow,
    /// Their nodes go on with the older files.
    Stay,
}

pub(super) fn only() -> Arg {
    Arg::new(ONLY).long(ONLY).action(ArgAction::SetTrue).help(
        "Change the kernel alone; by default each image that boots it gets its next version with the new files",
    )
}

impl Images {
    pub(super) fn chosen(matches: &ArgMatches) -> Self {
        if matches.get_flag(ONLY) { Self::Stay } else { Self::Follow }
    }

    /// What would be done to them.
    pub(super) fn plan(self, session: &Session, version: &KernelVersion) -> Result<Vec<String>> {
        let kernels = session.kernels().list()?;
        let users = kernels.into_iter().find(|kernel| kernel.version == version.as_str());
        let users = users.map(|kernel| kernel.used_by).unwrap_or_default();
        Ok(match self {
            Self::Follow if !users.is_empty() => {
                vec![format!("make the next version of images that boot it: {}", users.join(", "))]
            }
            _ => Vec::new(),
        })
    }

    /// Does it, image by image: one that cannot be changed now does not keep the others from it.
    pub(super) fn follow(self, session: &Session, version: &KernelVersion) -> Result<()> {
        let images = session.images();
        let behind = images.behind_kernel(version)?;
        if behind.is_empty() {
            return Ok(());
        }
        if self == Self::Stay {
            let text = format!("nodes of {} go on with the older files of kernel {version}", names(&behind));
            session.output.say(&format!("{text}: disklessset kernel set {} {version}", behind[0]));
            return Ok(());
        }
        let mut left = Vec::new();
        for name in behind {
            match images.follow_kernel(&name, version) {
                Ok(()) => {
                    let text = format!("image {name} has its next version, with these files of the kernel");
                    session.output.say(&text);
                }
                Err(error) if error.kind == ErrorKind::INTERRUPTED => return Err(error),
                Err(error) => left.push((name, error)),
            }
        }
        let Some((first, error)) = left.first() else { return Ok(()) };
        let kind = error.kind;
        let hint = format!("disklessset kernel set {first} {version}");
        let names: Vec<ImageName> = left.iter().map(|(name, _)| name.clone()).collect();
        let text = format!("nodes of {} go on with the older files of kernel {version}", self::names(&names));
        let error = Error::new(kind, text).hint(hint);
        Err(left.into_iter().fold(error, |error, (name, cause)| error.because(format!("{name}: {cause}"))))
    }
}

/// Names as they stand in a sentence.
fn names(images: &[ImageName]) -> String {
    images.iter().map(ImageName::as_str).collect::<Vec<_>>().join(", ")
}
