//! A kernel made ready aside by an action.

use camino::Utf8PathBuf;
use disklessset_plugin_api::Kernel;

/// A kernel made ready aside, to be published when its action commits.
#[derive(Debug)]
pub(crate) struct StagedKernel {
    /// Its version.
    pub(crate) kernel: Kernel,
    /// The kernel itself.
    pub(crate) vmlinuz: Utf8PathBuf,
    /// Its initramfs, where one was made.
    pub(crate) initramfs: Option<Utf8PathBuf>,
    /// Its modules, where it has some.
    pub(crate) modules: Option<Utf8PathBuf>,
}
