//! The kernel of a tree: the one it brings, or a registered one whose modules it gets.

use crate::{tree_files::TreeFiles, trees::copy_directory};
use camino::Utf8Path;
use disklessset_plugin_api::{Command, Host, Kernel, KernelVersion, Result};

/// The kernel that a tree was settled with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TreesKernel {
    /// Kernel and initramfs.
    pub kernel: Kernel,
    /// Where the initramfs is while the action lasts.
    pub initramfs: Initramfs,
}

/// Where the initramfs of a kernel is while the action that settled it lasts.
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
    let (from, to) =
        (format!("boot/{}", kernel.vmlinuz()), format!("usr/lib/modules/{}/vmlinuz", kernel.version));
    if files.exists(&to) || !files.exists(&from) {
        return Ok(());
    }
    let directory = files.real_path(&format!("usr/lib/modules/{}", kernel.version))?;
    let copy = ["--reflink=auto", "--no-dereference", "--"].map(str::to_owned);
    let paths = [
        files.real_path("boot")?.join(kernel.vmlinuz()).into_string(),
        directory.join("vmlinuz").into_string(),
    ];
    host.run(&Command::new("cp").args(copy).args(paths)).map_err(|error| {
        error.context(format!("cannot keep kernel {} beside its modules", kernel.version))
    })?;
    Ok(())
}

/// A registered kernel, its modules put into a tree that has none of it.
pub(super) fn registered(version: &KernelVersion, tree: &Utf8Path, host: &Host<'_>) -> Result<TreesKernel> {
    let files = TreeFiles::open(tree)?;
    let inside = format!("usr/lib/modules/{version}");
    if files.exists(&inside) || files.exists(&format!("lib/modules/{version}")) {
        host.debug(format!("the tree has the modules of kernel {version}"));
    } else if let Some(modules) = host.kernel_modules(version)? {
        host.info(format!("copying the modules of kernel {version} into the tree"));
        files.make_directory("usr/lib/modules", 0o755)?;
        let target = files.real_path("usr/lib/modules")?.join(version.as_str());
        copy_directory(&modules, &target, host)
            .map_err(|error| error.context(format!("cannot copy the modules of kernel {version}")))?;
    } else {
        host.warn(format!(
            "nobody has the modules of kernel {version}: nodes will only have the drivers of the initramfs"
        ));
    }
    Ok(TreesKernel { kernel: Kernel::new(version.clone()), initramfs: Initramfs::Registered })
}
