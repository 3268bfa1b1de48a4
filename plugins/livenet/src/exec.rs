//! Running a command or a shell inside an image.

use crate::{
    existing::{Places, Root, recorded_size},
    mount, of_1x,
    unmount::{aside, repack},
};
use camino::Utf8Path;
use disklessset_kit::tree_files::TreeFiles;
use disklessset_plugin_api::{Command, Error, Hold, Host, Image, Result, SizeOrAuto};
use serde_json::Value;

/// Runs a command. In a mounted image its changes wait for the unmount; else they are packed when the command ends well, and
/// lost when it does not.
pub(crate) fn exec(image: &mut Image, words: &[String], host: &Host<'_>) -> Result<Value> {
    let (program, arguments) = words.split_first().ok_or_else(|| Error::usage("no command was given"))?;
    let name = image.name().clone();
    inside(image, host, |tree| {
        let every_code: Vec<i32> = (1..=255).collect();
        let command = Command::new(program.as_str())
            .args(arguments.iter().cloned())
            .env("DEBIAN_FRONTEND", "noninteractive")
            .inside(tree.as_str())
            .with_network()
            .show_output()
            .accept(&every_code);
        match host.run(&command)?.code {
            0 => Ok(()),
            code => Err(Error::failed(format!("{program} ended with exit code {code} inside image {name}"))),
        }
    })
}

/// Opens a shell, the tree's bash where it has one. How a shell ends says nothing about the work done in it: its changes are
/// packed whatever its exit code.
pub(crate) fn shell(image: &mut Image, host: &Host<'_>) -> Result<Value> {
    inside(image, host, |tree| {
        let bash = TreeFiles::open(tree)?.exists("bin/bash");
        let program = if bash { "/bin/bash" } else { "/bin/sh" };
        let every_code: Vec<i32> = (1..=255).collect();
        let shell =
            Command::new(program).inside(tree.as_str()).with_network().interactive().accept(&every_code);
        host.run(&shell).map(drop)
    })
}

/// Runs something in the image's tree: where it is mounted, or mounted for the action.
fn inside(image: &mut Image, host: &Host<'_>, work: impl FnOnce(&Utf8Path) -> Result<()>) -> Result<Value> {
    let places = Places::of(image.name(), host)?;
    if mount::is_live(&places)? {
        work(&places.tree)?;
        host.info("the image is mounted: changes are packed when it is unmounted");
        // Standard output is the command's alone.
        return Ok(Value::Null);
    }
    if image.flag("is_mounted") || of_1x::edited(image, &places, host)?.is_some() {
        return Err(Root::of(image, host)?.lost_mount(image));
    }
    mount::room_for(image, &format!("working in image {}", image.name()), host)?;
    mount::work_area(image, &places, Hold::Action, host)?;
    let layout = mount::attach(image, &places, Hold::Action, host)?;
    work(&places.tree)?;
    if mount::has_changes(&places)? {
        let wanted = recorded_size(image).map_or(SizeOrAuto::Auto, SizeOrAuto::Fixed);
        let lower = mount::lower(&places, layout).to_owned();
        host.acquire_file(&aside(image, host)?, Hold::Action)?;
        repack(image, &lower, &places.tree, &places.area, layout, wanted, host)?;
        host.info(format!("the changes are in image {}", image.name()));
    } else {
        host.info("nothing was changed");
    }
    Ok(Value::Null)
}
