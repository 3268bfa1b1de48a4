//! Images whose initrd is the whole system: the kernel unpacks it into memory and starts its `/sbin/init`. Nothing is fetched later, and
//! no initramfs is made.
#![forbid(unsafe_code)]

use camino::{Utf8Path, Utf8PathBuf};
use disklessset_plugin_api::{
    Action, ActionCheck, BootContext, Boots, Command, Error, Hold, Host, Image, ImageClass, ImageName,
    Kernel, KernelVersion, ParamKind, Parameters, Refusal, Result, declare_module,
};

/// The whole system, as the kernel reads it.
const SYSTEM: &str = "system.cpio.gz";

struct RamdiskImage;

/// What an image is made of.
#[derive(Parameters)]
struct Creation {
    /// The kernel that nodes boot, or from-image for the one the tree brings
    #[parameter(kind = ParamKind::KernelAlone { from_image: true })]
    kernel: String,
    /// The OS tree that it holds
    tree: Utf8PathBuf,
}

impl ImageClass for RamdiskImage {
    fn actions(&self) -> Vec<Action<Self>> {
        vec![
            Action::create("Create a ramdisk image", Self::create)
                .help("Create an image whose initrd is the whole system")
                .needs("cpio")
                .needs("gzip"),
        ]
    }

    fn check(&self, action: &ActionCheck<'_>, _image: &Image, _host: &Host<'_>) -> Result<Vec<Refusal>> {
        let tree = action.arguments.get::<Utf8PathBuf>(Creation::TREE)?;
        let lacks = tree.filter(|tree| tree.join("sbin/init").symlink_metadata().is_err());
        Ok(lacks
            .map(|tree| {
                Refusal::new(Creation::TREE, format!("{tree} has no sbin/init, which the kernel starts"))
            })
            .into_iter()
            .collect())
    }

    /// There is nothing outside of the image's directory.
    fn remove_files(&self, _image: &Image, _host: &Host<'_>) -> Result<()> {
        Ok(())
    }

    /// As for removal.
    fn clean(&self, _name: &ImageName, _host: &Host<'_>) -> Result<()> {
        Ok(())
    }

    fn boots(&self, _image: &Image, _host: &Host<'_>) -> Result<Boots> {
        Ok(Boots::kernel_with(SYSTEM))
    }

    fn get_boot_file_template(&self, image: &Image, boot: &BootContext, _host: &Host<'_>) -> Result<String> {
        Ok(format!(
            "#!ipxe\necho Booting {} from memory\nkernel {} initrd={SYSTEM} rdinit=/sbin/init {} {}\n\
             initrd --name {SYSTEM} {}\nboot\n",
            image.name(),
            boot.kernel_url,
            boot.kernel_parameters,
            BootContext::OF_THE_SITE,
            boot.file_url(SYSTEM)
        ))
    }

    fn clone_image(&self, source: &Image, image: &mut Image, host: &Host<'_>) -> Result<()> {
        let (from, to) = (source.directory().join(SYSTEM), image.directory().join(SYSTEM));
        host.run(&Command::new("cp").args(["--reflink=auto", "--", from.as_str(), to.as_str()])).map(drop)
    }
}

impl RamdiskImage {
    fn create(&self, image: &mut Image, wanted: Creation, host: &Host<'_>) -> Result<()> {
        let Creation { kernel, tree } = wanted;
        let kernel = match kernel.as_str() {
            "from-image" => host.kernel_alone_from_tree(&tree)?.kernel,
            version => {
                let version =
                    KernelVersion::parse(version).map_err(|cause| Error::usage(cause.to_string()))?;
                Kernel::new(version)
            }
        };
        pack(&tree, image, host)?;
        image.set_kernel_alone(&kernel);
        image.set(Creation::TREE, tree.as_str());
        Ok(())
    }
}

/// Packs a tree, every name in it once, in one order.
fn pack(tree: &Utf8Path, image: &Image, host: &Host<'_>) -> Result<()> {
    let mut names = String::new();
    list(tree, Utf8Path::new("."), &mut names)?;
    let archive = host.work_area(image.name(), Hold::Action)?.join("system.cpio");
    let cpio =
        ["--create", "--format=newc", "--null", "--quiet", "--reproducible", "--file", archive.as_str()];
    host.run(&Command::new("cpio").args(cpio).current_dir(tree.as_str()).stdin(names))?;
    host.run(&Command::new("gzip").args(["--no-name", archive.as_str()]))?;
    host.publish(&archive.with_extension("cpio.gz"), &image.directory().join(SYSTEM))
}

fn list(tree: &Utf8Path, below: &Utf8Path, names: &mut String) -> Result<()> {
    let fault = |cause| Error::failed(format!("cannot read {}", tree.join(below))).because(cause);
    let mut entries = tree
        .join(below)
        .read_dir_utf8()
        .map_err(fault)?
        .collect::<std::io::Result<Vec<_>>>()
        .map_err(fault)?;
    entries.sort_by(|a, b| a.file_name().cmp(b.file_name()));
    names.push_str(below.as_str());
    names.push('\0');
    for entry in entries {
        let name = below.join(entry.file_name());
        match entry.file_type().map_err(fault)?.is_dir() {
            true => list(tree, &name, names)?,
            false => {
                names.push_str(name.as_str());
                names.push('\0');
            }
        }
    }
    Ok(())
}

declare_module! {
    name: "ramdisk",
    title: "Images whose initrd is the whole system",
    classes: { "RamdiskImage" => RamdiskImage },
}
