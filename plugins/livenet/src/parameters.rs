//! The actions of the class, and the checked parameters of a creation.

use crate::compression;
use disklessset_kit::{
    os_tree::{OsTreeRequest, Purpose, params},
    squashfs::{Compression, Layout},
};
use disklessset_plugin_api::{ActionSpec, Arguments, Host, ParamKind, ParamSpec, Result, SizeOrAuto};

/// All parameters of a creation, in types of their own.
#[derive(Debug)]
pub(crate) struct Creation {
    pub(crate) tree: OsTreeRequest,
    pub(crate) size: SizeOrAuto,
    /// What the user asked for; without it the initramfs decides.
    pub(crate) layout: Option<Layout>,
    /// What the user asked for; without it the kernel decides.
    pub(crate) compression: Option<Compression>,
}

impl Creation {
    pub(crate) fn from_arguments(args: &Arguments, host: &Host<'_>) -> Result<Self> {
        Ok(Self {
            tree: OsTreeRequest::from_arguments(Purpose::Livenet, args, host)?,
            size: args.get("livenet_size")?.unwrap_or(SizeOrAuto::Auto),
            layout: args.get::<String>("layout")?.map(|layout| layout.parse()).transpose()?,
            compression: compression::wanted(args)?,
        })
    }
}

/// What is said of the compression where an image is packed again.
const AGAIN: &str = "Compression when the image is packed again (default: as before)";

/// All actions.
pub(crate) fn actions() -> Vec<ActionSpec> {
    vec![
        creation(),
        ActionSpec::change("mount", "Mount an image to edit it")
            .help("Make the tree of an image editable in the work area, with an Ansible inventory"),
        ActionSpec::change("unmount", "Unmount an image and pack its changes")
            .param(ParamSpec::flag(
                "discard",
                ParamKind::Flag,
                "Throw the changes away instead of packing them",
            ))
            .param(
                ParamSpec::flag("livenet_size", params::live_size(), "Size of the image from now on")
                    .as_flag("size")
                    .not_asked(),
            )
            .param(compression::parameter(AGAIN)),
        ActionSpec::change("resize", "Change the size of an image")
            .param(
                ParamSpec::position(
                    "livenet_size",
                    params::live_size(),
                    "The new size: 700M, 1.5G, or auto (the content and free space)",
                )
                .sample("auto"),
            )
            .param(compression::parameter(
                "Pack the image with this compression, whatever its size; as it was by default",
            )),
        ActionSpec::change("exec", "Run a command inside an image")
            .help("Run a command inside an image, and pack the image when it ends well")
            .param(ParamSpec::flag(
                "keep_on_failure",
                ParamKind::Flag,
                "Pack the changes however the command ends",
            ))
            .param(compression::parameter(AGAIN))
            .param(ParamSpec::trailing("command", "The command with its arguments").sample(vec!["true"])),
        ActionSpec::change("shell", "Open a shell inside an image")
            .help("Open a shell inside an image, and pack the image afterwards")
            .needs_terminal()
            .param(compression::parameter(AGAIN)),
    ]
}

fn creation() -> ActionSpec {
    let layouts = ParamKind::Choice { choices: ["flat", "classic"].map(str::to_owned).to_vec() };
    let layout = ParamSpec::flag(
        "layout",
        layouts,
        "How the tree is packed (default: flat if the initramfs can use it)",
    )
    .not_asked();
    let compression = compression::parameter(
        "Compression of the image (default: zstd if its kernel can read it, else what it can read)",
    );
    let create = ActionSpec::create("Create a livenet image")
        .help("Create an image that nodes download and run from RAM");
    let create = params::of_live_image(vec![layout, compression]).into_iter().fold(create, ActionSpec::param);
    params::needs_of_sources(create).needs("mksquashfs").needs_for("mkfs.ext4", "layout", "classic")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_stand_in_the_order_of_the_menu() {
        let names: Vec<_> = creation().params.into_iter().map(|param| param.name).collect();
        assert_eq!(
            names,
            [
                "kernel",
                "password",
                "livenet_type",
                "livenet_size",
                "layout",
                "compression",
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
