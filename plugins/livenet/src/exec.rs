//! Running a command or a shell inside an image.

use crate::{
    compression::{self, Word},
    existing::{Places, Root, recorded_size},
    mount, of_1x,
    unmount::{self, repack, staging_path},
};
use camino::Utf8Path;
use disklessset_kit::{exit_code, squashfs::Compression, tools, tree_files::TreeFiles, trees};
use disklessset_plugin_api::{Command, Error, Hold, Host, Image, Parameters, Result, SizeOrAuto};
use serde_json::Value;

/// When the changes of an action inside are packed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Pack {
    /// When the command ended well.
    OnSuccess,
    /// However it ended.
    Always,
}

/// How the changes of an action inside are packed.
#[derive(Clone, Copy)]
struct ExecOptions {
    pack: Pack,
    compression: Option<Compression>,
}

/// A command to run.
#[derive(Parameters)]
pub(crate) struct Exec {
    /// Pack the changes however the command ends
    keep_on_failure: bool,
    /// Compression when the image is packed again (default: as before)
    #[parameter(not_asked)]
    pub(crate) compression: Option<Word>,
    /// The command with its arguments
    #[parameter(trailing, sample = vec!["true"])]
    command: Vec<String>,
}

/// Work inside of an image.
#[derive(Parameters)]
pub(crate) struct Shell {
    /// Compression when the image is packed again (default: as before)
    #[parameter(not_asked)]
    pub(crate) compression: Option<Word>,
}

/// Runs a command, and answers how it ended. In a mounted image its changes wait for the unmount; else they are packed when the
/// command ended well or however it ended, as the user wants it, and lost otherwise.
pub(crate) fn exec(image: &mut Image, wanted: &Exec, host: &Host<'_>) -> Result<Value> {
    let (program, arguments) =
        wanted.command.split_first().ok_or_else(|| Error::usage("no command was given"))?;
    let pack = if wanted.keep_on_failure { Pack::Always } else { Pack::OnSuccess };
    let how = ExecOptions { pack, compression: Word::of(wanted.compression) };
    let code = inside(image, how, host, |tree| {
        let command = Command::new(program.as_str())
            .args(arguments.iter().cloned())
            .env("DEBIAN_FRONTEND", "noninteractive")
            .inside(tree.as_str())
            .with_network()
            .show_output();
        Ok(host.run(&command)?.code)
    })?;
    Ok(exit_code::answer(code))
}

/// Opens a shell, the tree's bash where it has one. How a shell ends says nothing about the work done in it: its changes are
/// packed whatever its exit code.
pub(crate) fn shell(image: &mut Image, compression: Option<Compression>, host: &Host<'_>) -> Result<Value> {
    inside(image, ExecOptions { pack: Pack::Always, compression }, host, |tree| {
        let bash = TreeFiles::open(tree)?.exists("bin/bash");
        let program = if bash { "/bin/bash" } else { "/bin/sh" };
        let every_code: Vec<i32> = (1..=255).collect();
        let shell =
            Command::new(program).inside(tree.as_str()).with_network().interactive().accept(&every_code);
        Ok(host.run(&shell)?.code)
    })?;
    Ok(Value::Null)
}

/// Refuses work inside an image that would be refused, or lost, later.
pub(crate) fn check(image: &Image, compression: Option<Compression>, host: &Host<'_>) -> Result<()> {
    let places = Places::of(image.name(), host)?;
    if mount::is_live(&places)? {
        return compression::refuse_while_mounted(image, compression);
    }
    check_unmounted(image, &places, &format!("working in image {}", image.name()), host)
}

/// The same for an image that is mounted for the action and packed again.
pub(crate) fn check_unmounted(image: &Image, places: &Places, work: &str, host: &Host<'_>) -> Result<()> {
    let root = Root::of(image, host)?;
    if image.flag("is_mounted") || of_1x::edited(image, places, host)?.is_some() {
        return Err(root.lost_mount(image));
    }
    if root.is_squashfs() {
        // What is done inside would be lost for want of it.
        tools::must_have("mksquashfs", "squashfs-tools")?;
    }
    mount::server_can_show(image, &format!("look into image {}", image.name()), host)?;
    mount::room_for(image, work, host)
}

/// Runs something in the image's tree: where it is mounted, or mounted for the action. Gives back its exit code.
fn inside(
    image: &mut Image,
    how: ExecOptions,
    host: &Host<'_>,
    work: impl FnOnce(&Utf8Path) -> Result<i32>,
) -> Result<i32> {
    let places = Places::of(image.name(), host)?;
    if mount::is_live(&places)? {
        compression::refuse_while_mounted(image, how.compression)?;
        let code = work(&places.tree)?;
        trees::flush(&places.tree)?;
        host.info("the image is mounted: changes are packed when it is unmounted");
        return Ok(code);
    }
    check_unmounted(image, &places, &format!("working in image {}", image.name()), host)?;
    mount::work_area(image, &places, Hold::Action, host)?;
    let packed_with = compression::for_repack(image, how.compression, &places.area, host)?;
    let layout = mount::attach(image, &places, Hold::Action, host)?;
    let code = work(&places.tree)?;
    if code != 0 && how.pack == Pack::OnSuccess {
        host.warn(format!(
            "the command ended with exit code {code}: image {} is as it was (--keep-on-failure packs the changes)",
            image.name()
        ));
    } else if mount::has_changes(&places)? || compression::is_another(image, how.compression, host)? {
        let wanted = recorded_size(image).map_or(SizeOrAuto::Auto, SizeOrAuto::Fixed);
        let lower = mount::lower(&places, layout).to_owned();
        host.acquire_file(&staging_path(image, host)?, Hold::Action)?;
        let again = unmount::RepackOptions { layout, wanted, compression: packed_with };
        repack(image, &lower, &places.tree, &places.area, again, host)?;
        host.info(format!("the changes are in image {}", image.name()));
    } else {
        host.info("nothing was changed");
    }
    Ok(code)
}
