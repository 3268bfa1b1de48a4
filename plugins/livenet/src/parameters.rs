//! The actions of the class, and the checked parameters of a creation.

use disklessset_kit::{
    os_tree::{Purpose, Wish, params},
    squashfs::Layout,
};
use disklessset_plugin_api::{ActionSpec, Arguments, ParamKind, ParamSpec, Result, SizeOrAuto};

/// All parameters of a creation, in types of their own.
#[derive(Debug)]
pub(crate) struct Creation {
    pub(crate) tree: Wish,
    pub(crate) size: SizeOrAuto,
    /// What the user asked for; without it the initramfs decides.
    pub(crate) layout: Option<Layout>,
}

impl Creation {
    pub(crate) fn from_arguments(args: &Arguments) -> Result<Self> {
        Ok(Self {
            tree: Wish::from_arguments(Purpose::Livenet, args)?,
            size: args.get("livenet_size")?.unwrap_or(SizeOrAuto::Auto),
            layout: args.get::<String>("layout")?.map(|layout| layout.parse()).transpose()?,
        })
    }
}

/// All actions.
pub(crate) fn actions() -> Vec<ActionSpec> {
    vec![
        creation(),
        ActionSpec::change("mount", "Mount an image to edit it")
            .help("Make the tree of an image editable below the work area, with an Ansible inventory"),
        ActionSpec::change("unmount", "Unmount an image and pack its changes")
            .param(ParamSpec::flag(
                "discard",
                ParamKind::Flag,
                "Throw the changes away instead of packing them",
            ))
            .param(
                ParamSpec::flag("livenet_size", params::live_size(), "Pack it with this size from now on")
                    .as_flag("size")
                    .not_asked(),
            ),
        ActionSpec::change("resize", "Change the size of an image").param(
            ParamSpec::position(
                "livenet_size",
                params::live_size(),
                "The new size: 700M, 1.5G, or auto for the content and its headroom",
            )
            .sample("auto"),
        ),
        ActionSpec::change("exec", "Run a command inside an image")
            .help("Run a command inside an image, and pack the image when it ends well")
            .param(ParamSpec::trailing("command", "The command with its arguments").sample(vec!["true"])),
        ActionSpec::change("shell", "Open a shell inside an image")
            .help("Open a shell inside an image, and pack the image afterwards")
            .needs_terminal(),
    ]
}

fn creation() -> ActionSpec {
    let layouts = ParamKind::Choice { choices: ["flat", "classic"].map(str::to_owned).to_vec() };
    let layout =
        ParamSpec::flag("layout", layouts, "How the tree is packed; flat where the initramfs can use it")
            .not_asked();
    let create = ActionSpec::create("Create a livenet image")
        .help("Create an image that nodes download and run from RAM");
    params::of_live_image(vec![layout]).into_iter().fold(create, ActionSpec::param)
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
