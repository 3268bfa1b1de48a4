//! Where things lie on the server.

use camino::Utf8PathBuf;
use serde::{Deserialize, Serialize};

/// Places on the server, real paths (below `--root` where one is given) unless said otherwise.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Paths {
    /// The root all places lie below; `/` unless `--root` was given.
    pub root: Utf8PathBuf,
    /// Directories of images.
    pub images: Utf8PathBuf,
    /// Kernels and their initramfs files.
    pub kernels: Utf8PathBuf,
    /// The work area; an image's own is `<work>/<image>`.
    pub work: Utf8PathBuf,
    /// NFS trees that are customised.
    pub nfs_staging: Utf8PathBuf,
    /// NFS trees that nodes use.
    pub nfs_golden: Utf8PathBuf,
}

/// Makes [`Paths`]; the host's part.
#[doc(hidden)]
impl Paths {
    pub fn new(
        root: Utf8PathBuf,
        images: Utf8PathBuf,
        kernels: Utf8PathBuf,
        work: Utf8PathBuf,
        nfs_staging: Utf8PathBuf,
        nfs_golden: Utf8PathBuf,
    ) -> Self {
        Self { root, images, kernels, work, nfs_staging, nfs_golden }
    }
}
