//! The kernel of a tree: the one it brings, or a registered one whose modules it gets.

use super::{
    linked_modules,
    modules_place::{looked_into, of_version, reach},
};
use crate::{tree_files::TreeFiles, trees::copy_directory};
use camino::Utf8Path;
use disklessset_plugin_api::{Command, Host, Kernel, KernelVersion, Result};

/// What distributions call the file of a kernel.
const NAMES: [&str; 7] = ["vmlinuz", "vmlinux", "Image", "bzImage", "zImage", "linux", "kernel"];

/// The kernel that a tree boots with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TreesKernel {
    /// Kernel and initramfs.
    pub kernel: Kernel,
    /// Where the initramfs is while the action lasts.
    pub initramfs: Initramfs,
}

/// Where the initramfs of a kernel is while the action that found it lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Initramfs {
    /// In the directory of kernels.
    Registered,
    /// Made by the tree's own dracut and published when the action commits: the tree tells what is in it.
    OfTheTree,
}

/// The kernel that the tree brings, with its initramfs made inside.
pub(super) fn of_tree(tree: &Utf8Path, host: &Host<'_>) -> Result<TreesKernel> {
    host.progress("making the initramfs", 0, 0);
    let taken = host.kernel_from_tree(tree)?;
    host.info(format!("kernel {} of the tree", taken.kernel.version));
    keep_beside_modules(&taken.kernel, tree, host)?;
    let initramfs = if taken.known { Initramfs::Registered } else { Initramfs::OfTheTree };
    Ok(TreesKernel { kernel: taken.kernel, initramfs })
}

/// `/boot` may not be in what nodes get. Enterprise Linux keeps a copy of the kernel beside its modules, so that a tree is whole
/// by itself (for kdump, and for `kernel add --from-image`); Debian's tree gets one too.
fn keep_beside_modules(kernel: &Kernel, tree: &Utf8Path, host: &Host<'_>) -> Result<()> {
    let files = TreeFiles::open(tree)?;
    reach(&files, &kernel.version, host)?;
    let Some(modules) = of_version(&files, kernel.version.as_str()) else { return Ok(()) };
    let version = &kernel.version;
    for name in NAMES {
        if files.real_file(&format!("{modules}/{name}"))?.is_some() {
            return Ok(());
        }
    }
    let with_version = NAMES.iter().map(|name| format!("boot/{name}-{version}"));
    let plain = NAMES.iter().flat_map(|name| [format!("boot/{name}"), (*name).to_owned()]);
    for place in with_version.chain(plain) {
        // It may be a link; what it leads to is copied.
        let Some(from) = files.real_file(&place)? else { continue };
        let to = files.real_path(&modules)?.join("vmlinuz");
        let copy = ["--reflink=auto", "--no-dereference", "--", from.as_str(), to.as_str()];
        return host
            .run(&Command::new("cp").args(copy))
            .map(drop)
            .map_err(|error| error.context(format!("cannot keep kernel {version} beside its modules")));
    }
    Ok(())
}

/// A registered kernel, its modules put into a tree that has none of it.
pub(super) fn registered(version: &KernelVersion, tree: &Utf8Path, host: &Host<'_>) -> Result<TreesKernel> {
    let files = TreeFiles::open(tree)?;
    if reach(&files, version, host)? {
        host.debug(format!("the tree has the modules of kernel {version}"));
    } else if let Some(modules) = host.kernel_modules(version)? {
        host.info(format!("copying the modules of kernel {version} into the tree"));
        let place = looked_into(&files)?;
        files.make_directory(place, 0o755)?;
        let target = files.real_path(place)?.join(version.as_str());
        copy_directory(&modules, &target, host)
            .and_then(|_| linked_modules::carry(&modules, &target, host))
            .map_err(|error| error.context(format!("cannot copy the modules of kernel {version}")))?;
    } else {
        host.warn(format!(
            "nobody has the modules of kernel {version}: nodes will only have the drivers of the initramfs"
        ));
    }
    Ok(TreesKernel { kernel: Kernel::new(version.clone()), initramfs: Initramfs::Registered })
}
