//! What can be done with an image: each action with its parameters, what it would be refused for, and the
//! function that does it.

use crate::{
    LivenetImage,
    compression::Word,
    create,
    exec::{self, Exec, Shell},
    existing::Places,
    mount,
    parameters::{Creation, creation},
    resize::{self, Resize},
    unmount::{self, Unmount},
};
use disklessset_plugin_api::{Action, Arguments};

/// All actions.
pub(crate) fn all() -> Vec<Action<LivenetImage>> {
    vec![
        Action::create("Create a livenet image", |_, image, args: Arguments, host| {
            create::create(image, &Creation::from_arguments(&args, host)?, host)
        })
        .map_spec(creation)
        .checked_by(|_, _, args: Arguments, host| Creation::from_arguments(&args, host).map(drop)),
        Action::change("mount", "Mount an image to edit it", |_, image, (), host| mount::mount(image, host))
            .help("Make the tree of an image editable in the work area, with an Ansible inventory")
            .checked_by(|_, image, (), host| mount::check(image, &Places::of(image.name(), host)?, host)),
        Action::change(
            "unmount",
            "Unmount an image and pack its changes",
            |_, image, wanted: Unmount, host| unmount::unmount(image, &wanted.edits()?, host),
        )
        .checked_by(|_, image, wanted: Unmount, host| unmount::check(image, &wanted.edits()?, host)),
        Action::change("resize", "Change the size of an image", |_, image, wanted: Resize, host| {
            resize::resize(image, &wanted, host)
        })
        .checked_by(|_, image, wanted: Resize, host| resize::check(image, &wanted, host)),
        Action::change("exec", "Run a command inside an image", |_, image, wanted: Exec, host| {
            exec::exec(image, &wanted, host)
        })
        .help("Run a command inside an image, and pack the image when it ends well")
        .checked_by(|_, image, wanted: Exec, host| exec::check(image, Word::of(wanted.compression), host)),
        Action::change("shell", "Open a shell inside an image", |_, image, wanted: Shell, host| {
            exec::shell(image, Word::of(wanted.compression), host)
        })
        .help("Open a shell inside an image, and pack the image afterwards")
        .needs_terminal()
        .checked_by(|_, image, wanted: Shell, host| exec::check(image, Word::of(wanted.compression), host)),
    ]
}
