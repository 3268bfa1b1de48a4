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
    source::TreePlan,
    space::{self, Need, Plan},
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
    host.info(format!("making the tree of image {name} from {}", request.source));
    customise::tell_ways_in(request, host);
    request.source.build(&plan(request), tree, scratch, host)?;
    open_root_directory(tree, host)?;
    tell_what_means_nothing(request, host);
    init::tell_of_lack(tree, request, host)?;
    let made = match &request.kernel {
        KernelChoice::FromImage => kernel::of_tree(tree, host),
        KernelChoice::Version(version) => kernel::registered(version, tree, host),
    };
    let made = made.map_err(space::writing(tree))?;
    customise::customise(name, tree, &made.kernel.version, request, host).map_err(space::writing(tree))?;
    Ok(made)
}

/// What making the tree of an image below `place` is known to take, added to the plan of a work; and what the tree itself takes, where that
/// is known. To be checked before anything is made.
///
/// # Errors
/// When the source or the place cannot be looked at.
pub fn plan_space(work: Plan, request: &OsTreeRequest, place: &Utf8Path) -> Result<(Plan, Option<Need>)> {
    request.source.plan_space(work, place)
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
