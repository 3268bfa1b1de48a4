//! The checked parameters of a creation.

use crate::compression::Word;
use disklessset_kit::{
    os_tree::{OsTreeRequest, Purpose, params},
    squashfs::{BlockSize, Compression, Layout},
};
use disklessset_plugin_api::{ActionSpec, Arguments, Choice, Host, Parameters, Result, SizeOrAuto};

/// All parameters of a creation, in types of their own.
#[derive(Debug)]
pub(crate) struct Creation {
    pub(crate) tree: OsTreeRequest,
    pub(crate) size: SizeOrAuto,
    /// What the user asked for; without it the initramfs decides.
    pub(crate) layout: Option<Layout>,
    /// What the user asked for; without it the kernel decides.
    pub(crate) compression: Option<Compression>,
    /// What the user asked for.
    pub(crate) block_size: Option<BlockSize>,
}

impl Creation {
    pub(crate) fn from_arguments(args: &Arguments, host: &Host<'_>) -> Result<Self> {
        let packing = Packing::from_arguments(args)?;
        Ok(Self {
            tree: OsTreeRequest::from_arguments(Purpose::Livenet, args, host)?,
            size: args.get("livenet_size")?.unwrap_or(SizeOrAuto::Auto),
            layout: packing.layout,
            compression: Word::of(packing.compression),
            block_size: packing.block_size,
        })
    }
}

/// How an image is packed.
#[derive(Parameters)]
struct Packing {
    /// How the tree is packed (default: flat if the initramfs can use it)
    #[parameter(not_asked)]
    layout: Option<Layout>,
    /// Compression of the image (default: zstd if its kernel can read it, else what it can read)
    #[parameter(not_asked)]
    compression: Option<Word>,
    /// Size of the blocks that are compressed (default: 128K); larger ones cost random reads
    #[parameter(not_asked)]
    block_size: Option<BlockSize>,
}

/// The declaration of the creation: what the kit asks about a tree, and how it is packed.
pub(crate) fn creation(create: ActionSpec) -> ActionSpec {
    let create = create.help("Create an image that nodes download and run from RAM");
    let create = params::of_live_image(Packing::declared()).into_iter().fold(create, ActionSpec::param);
    params::needs_of_sources(create).needs("mksquashfs").needs_for(
        "mkfs.ext4",
        Packing::LAYOUT,
        Layout::Classic.word(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_stand_in_the_order_of_the_menu() {
        let names: Vec<_> =
            creation(ActionSpec::create("Create it")).params.into_iter().map(|param| param.name).collect();
        assert_eq!(
            names,
            [
                "kernel",
                "password",
                "livenet_type",
                "livenet_size",
                "layout",
                "compression",
                "block_size",
                "ssh_pub_key",
                "additional_packages",
                "release_version",
                "selinux",
                "optimize",
                "source",
                "kernel_parameters",
                "run",
                "kernel_package",
                "repositories",
                "mirror",
                "repository_files",
                "signing_keys",
                "unsigned"
            ]
        );
    }
}
