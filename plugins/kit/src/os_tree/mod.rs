//! An OS tree that is a user's image: made from a source, with its kernel, customised. For every class that has one.
//!
//! [`params`] declares what a user can say about it, [`OsTreeRequest`] is that, checked; [`make`] does it. Packing, exporting and
//! what else becomes of the tree is the class's own.

mod customise;
mod init;
mod kernel;
mod linked_modules;
pub mod modules_place;
pub mod params;
mod request;

pub use crate::directories::make as make_directory;
pub use crate::packages::Purpose;
pub use kernel::{Initramfs, TreesKernel};
pub use request::{KernelChoice, OsTreeRequest, check, check_given};

use crate::{
    packages::Extras,
    source::{Lasts, TreePlan},
    space::{self, Need, Plan},
    trees::Watched,
};
use camino::Utf8Path;
use disklessset_plugin_api::{Error, Host, Result};
use disklessset_system::durable;
use std::os::unix::fs::MetadataExt;

/// Makes the tree of the image `name` in the directory `tree`, which exists and is empty: its files, its kernel, what is the
/// user's own. `scratch` is a private directory for files beside it.
///
/// # Errors
/// When the source cannot be read, a package cannot be installed, the kernel has no modules or initramfs, or the user's script
/// fails; with the last lines of the tool.
pub fn make(
    name: &str,
    request: &OsTreeRequest,
    tree: &Utf8Path,
    scratch: &Utf8Path,
    host: &Host<'_>,
) -> Result<TreesKernel> {
    make_for(Lasts::Beyond, name, request, tree, scratch, host).map(|made| made.kernel)
}

/// A tree that dies with the action: it is packed before that.
#[derive(Debug)]
pub struct ToPack {
    /// The kernel it boots with.
    pub kernel: TreesKernel,
    source: Option<Watched>,
}

impl ToPack {
    /// To be asked when the tree was packed: looks whether the source that it was shown from is as it was.
    ///
    /// # Errors
    /// When it was changed meanwhile.
    pub fn source_must_be_unchanged(&self, host: &Host<'_>) -> Result<()> {
        self.source.as_ref().map_or(Ok(()), |source| source.must_be_unchanged(host))
    }
}

/// The same for a tree that is packed in the action and then gone. One from a directory is shown through an overlay, where that can be, and
/// not copied; `scratch` has what is changed in it.
///
/// # Errors
/// As [`make`].
pub fn make_to_pack(
    name: &str,
    request: &OsTreeRequest,
    tree: &Utf8Path,
    scratch: &Utf8Path,
    host: &Host<'_>,
) -> Result<ToPack> {
    make_for(Lasts::UntilPacked, name, request, tree, scratch, host)
}

fn make_for(
    lasts: Lasts,
    name: &str,
    request: &OsTreeRequest,
    tree: &Utf8Path,
    scratch: &Utf8Path,
    host: &Host<'_>,
) -> Result<ToPack> {
    host.info(format!("making the tree of image {name} from {}", request.source));
    customise::tell_ways_in(request, host);
    let source = request.source.build(&TreePlan { lasts, ..plan(request) }, tree, scratch, host)?;
    open_root_directory(tree, host)?;
    tell_what_means_nothing(request, host);
    init::tell_of_lack(tree, request, host)?;
    let kernel = match &request.kernel {
        KernelChoice::FromImage => kernel::of_tree(tree, host),
        KernelChoice::Version(version) => kernel::registered(version, tree, host),
    };
    let kernel = kernel.map_err(space::writing(tree))?;
    customise::customise(name, tree, &kernel.kernel.version, request, host).map_err(space::writing(tree))?;
    Ok(ToPack { kernel, source })
}

/// What making the tree of an image below `place` is known to take, added to the plan of a work; and what the tree itself takes, where that
/// is known. To be checked before anything is made.
///
/// # Errors
/// When the source or the place cannot be looked at.
pub fn plan_space(work: Plan, request: &OsTreeRequest, place: &Utf8Path) -> Result<(Plan, Option<Need>)> {
    request.source.plan_space(work, place, Lasts::Beyond)
}

/// The same for [`make_to_pack`].
///
/// # Errors
/// As [`plan_space`].
pub fn plan_space_to_pack(
    work: Plan,
    request: &OsTreeRequest,
    place: &Utf8Path,
) -> Result<(Plan, Option<Need>)> {
    request.source.plan_space(work, place, Lasts::UntilPacked)
}

/// The directory above a tree is of the user's making, or of whoever packed an archive: with 0700 on it nobody but root gets anywhere on the
/// nodes, and where others may write, everybody may rename `/etc`. What distributions have (0755, 0555) stays.
fn open_root_directory(tree: &Utf8Path, host: &Host<'_>) -> Result<()> {
    let fault = |cause| Error::failed(format!("cannot set owner and mode of {tree}")).because(cause);
    let found = tree.symlink_metadata().map_err(fault)?;
    let (mode, owner) = (found.mode() & 0o7777, (found.uid(), found.gid()));
    if owner == (0, 0) && mode & !0o200 == 0o555 {
        return Ok(());
    }
    std::os::unix::fs::lchown(tree, Some(0), Some(0)).map_err(fault)?;
    durable::set_mode(tree, 0o755).map_err(|error| fault(error.source))?;
    host.warn(format!(
        "the root directory of the tree had mode {mode:04o} and owner {}:{}: on the nodes it has 0755 and is root's",
        owner.0, owner.1
    ));
    Ok(())
}

fn plan(request: &OsTreeRequest) -> TreePlan {
    let brings_kernel = request.kernel == KernelChoice::FromImage;
    let kernel_package =
        || request.kernel_package.clone().or_else(|| request.source.default_kernel_package());
    let kernel_package = if brings_kernel { kernel_package() } else { None };
    TreePlan {
        set: request.set,
        extras: Extras {
            purpose: request.purpose,
            kernel_package,
            selinux: request.selinux,
            additional: request.packages.clone(),
        },
        brings_kernel,
        release: request.release.clone(),
        optimize: request.optimize,
        repositories: request.repositories.clone(),
        lasts: Lasts::Beyond,
    }
}

fn tell_what_means_nothing(request: &OsTreeRequest, host: &Host<'_>) {
    if request.source.installs_packages() {
        return;
    }
    if !request.packages.is_empty() || request.release.is_some() {
        host.warn(format!(
            "the source {} installs no packages: package and release are not looked at",
            request.source
        ));
    }
    if !request.repositories.are_silent() {
        host.warn(format!(
            "the source {} installs no packages: repositories, mirror and keys are not looked at",
            request.source
        ));
    }
}
