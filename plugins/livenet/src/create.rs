//! Making an image.

use crate::{
    customise,
    existing::root_image,
    pack,
    parameters::{Creation, KernelChoice},
    show,
};
use camino::{Utf8Path, Utf8PathBuf};
use disklessset_kit::{
    initramfs_facts::{FlatSupport, flat_support},
    packages::{Extras, Selinux, default_kernel_package},
    source::{Optimize, TreePlan, field, servers_os_release},
    squashfs::Layout,
    tree_files::TreeFiles,
    trees::copy_directory,
};
use disklessset_plugin_api::{Command, Error, Hold, Host, Image, Kernel, KernelVersion, Result};
use std::os::unix::fs::DirBuilderExt;

/// Tree, kernel, what is the user's own, packing: each in the work area, which is gone when the action ends.
pub(crate) fn create(image: &mut Image, wanted: &Creation, host: &Host<'_>) -> Result<()> {
    let area = host.work_area(image.name(), Hold::Action)?;
    let tree = make_directory(&area, "tree", 0o755)?;
    let scratch = make_directory(&area, "scratch", 0o700)?;

    host.info(format!("making the tree of image {} from {}", image.name(), wanted.source));
    wanted.source.build(&plan(wanted), &tree, &scratch, host)?;
    tell_what_means_nothing(wanted, host);

    let (kernel, support) = match &wanted.kernel {
        KernelChoice::FromImage => kernel_of_tree(&tree, host)?,
        KernelChoice::Version(version) => registered_kernel(version, &tree, host)?,
    };
    let layout = choose_layout(wanted.layout, support, host);
    customise::customise(image.name().as_str(), &tree, &kernel.version, wanted, host)?;

    let staging = make_directory(&area, "packing", 0o700)?;
    let packed = pack::pack(&tree, &root_image(image), layout, wanted.size, &staging, host)?;
    packed.record(image);
    host.info(format!("what a node can write: {}", show::WRITABLE));
    image.set_kernel(&kernel);
    record(image, wanted);
    Ok(())
}

fn make_directory(area: &Utf8Path, name: &str, mode: u32) -> Result<Utf8PathBuf> {
    let path = area.join(name);
    let fault = |cause| Error::failed(format!("cannot make {path}")).because(cause);
    std::fs::DirBuilder::new().mode(mode).create(&path).map_err(fault)?;
    // The umask of the server must not shape the root directory of nodes.
    std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(mode)).map_err(fault)?;
    Ok(path)
}

fn plan(wanted: &Creation) -> TreePlan {
    let of_distribution = || default_kernel_package(field(&servers_os_release(), "ID"));
    let kernel_package = match wanted.kernel {
        KernelChoice::FromImage => Some(wanted.kernel_package.clone().unwrap_or_else(of_distribution)),
        KernelChoice::Version(_) => None,
    };
    TreePlan {
        set: wanted.set,
        extras: Extras { kernel_package, selinux: wanted.selinux, additional: wanted.packages.clone() },
        release: wanted.release.clone(),
        optimize: wanted.optimize,
    }
}

fn tell_what_means_nothing(wanted: &Creation, host: &Host<'_>) {
    if !wanted.source.installs_packages() && (!wanted.packages.is_empty() || wanted.release.is_some()) {
        host.warn(format!(
            "the source {} installs no packages: package and release are not looked at",
            wanted.source
        ));
    }
}

/// The kernel that the tree brings, with its initramfs made inside.
fn kernel_of_tree(tree: &Utf8Path, host: &Host<'_>) -> Result<(Kernel, FlatSupport)> {
    host.progress("making the initramfs", 0, 0);
    let taken = host.kernel_from_tree(tree)?;
    host.info(format!("kernel {} of the tree", taken.kernel.version));
    keep_beside_modules(&taken.kernel, tree, host)?;
    let support = if taken.known {
        flat_support(&host.paths()?.kernels.join(taken.kernel.initramfs()))
    } else {
        // It is published when the action commits; until then the dracut that made it tells.
        let parts = TreeFiles::open(tree)?.list("usr/lib/dracut/modules.d")?;
        if parts.iter().any(|part| part.ends_with("overlayfs")) { FlatSupport::Yes } else { FlatSupport::No }
    };
    Ok((taken.kernel, support))
}

/// `/boot` is not packed. Enterprise Linux keeps a copy of the kernel beside its modules, so that a tree is whole by itself (for
/// kdump, and for `kernel add --from-image`); Debian's tree gets one too.
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
fn registered_kernel(
    version: &KernelVersion,
    tree: &Utf8Path,
    host: &Host<'_>,
) -> Result<(Kernel, FlatSupport)> {
    let kernel = Kernel::new(version.clone());
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
    let support = flat_support(&host.paths()?.kernels.join(kernel.initramfs()));
    Ok((kernel, support))
}

/// Flat where the initramfs can use it, unless the user decided.
fn choose_layout(wanted: Option<Layout>, support: FlatSupport, host: &Host<'_>) -> Layout {
    match (wanted, support) {
        (Some(Layout::Classic), _) => Layout::Classic,
        (None, FlatSupport::No) => {
            host.info("the initramfs has no overlayfs part: packing the classic layout");
            Layout::Classic
        }
        (Some(Layout::Flat), FlatSupport::No) => {
            host.warn("the initramfs has no overlayfs part: it will not boot a flat image");
            Layout::Flat
        }
        (_, FlatSupport::Unknown(why)) => {
            host.warn(format!("cannot tell whether the initramfs boots flat images ({why}): packing flat; --layout classic boots everywhere"));
            Layout::Flat
        }
        (_, FlatSupport::Yes) => Layout::Flat,
    }
}

/// The attributes under the names of 1.x. The password's hash is none of them: it stands in the image alone.
fn record(image: &mut Image, wanted: &Creation) {
    image.set("source", wanted.source.to_string());
    image.set("livenet_type", wanted.set.to_string());
    image.set("selinux", wanted.selinux == Selinux::On);
    image.set("optimize", wanted.optimize == Optimize::Aggressively);
    image.set("is_mounted", false);
    if let Some((path, _)) = &wanted.keys {
        image.set("ssh_pub_key", path.as_str());
    }
    if !wanted.packages.is_empty() {
        image.set("additional_packages", wanted.packages.clone());
    }
    if let Some(release) = &wanted.release {
        image.set("release_version", release.as_str());
    }
    if !wanted.kernel_parameters.is_empty() {
        image.set("kernel_parameters", wanted.kernel_parameters.as_str());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use disklessset_plugin_api::testing::TestHost;

    #[test]
    fn the_initramfs_decides_the_layout_unless_the_user_does() {
        let test = TestHost::new();
        let host = test.host("LivenetImage");
        let unknown = || FlatSupport::Unknown("no list".to_owned());
        assert_eq!(choose_layout(None, FlatSupport::Yes, &host), Layout::Flat);
        assert_eq!(choose_layout(None, FlatSupport::No, &host), Layout::Classic);
        assert_eq!(choose_layout(Some(Layout::Classic), FlatSupport::Yes, &host), Layout::Classic);
        assert!(test.warnings().is_empty());
        assert_eq!(choose_layout(None, unknown(), &host), Layout::Flat);
        assert_eq!(choose_layout(Some(Layout::Flat), FlatSupport::No, &host), Layout::Flat);
        assert_eq!(test.warnings().len(), 2);
    }
}
