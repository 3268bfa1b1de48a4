//! The tree of an image in service, shown for the length of an action.

use crate::publishing::root_file;
use camino::{Utf8Path, Utf8PathBuf};
use disklessset_kit::os_tree::make_directory;
use disklessset_plugin_api::{Hold, Host, Image, Mount, Result};

/// As it is, read-only, in the work area.
pub(crate) fn mount(image: &Image, area: &Utf8Path, host: &Host<'_>) -> Result<Utf8PathBuf> {
    let target = area.join("in-service");
    make_directory(&target, 0o755)?;
    host.mount(&Mount::Image { file: root_file()?.of(image), target: target.clone() }, Hold::Action)?;
    Ok(target)
}

/// To be worked in: what is written is thrown away.
pub(crate) fn show(image: &Image, host: &Host<'_>) -> Result<Utf8PathBuf> {
    let area = host.work_area(image.name(), Hold::Action)?;
    let lower = mount(image, &area, host)?;
    let [upper, work, target] = ["changes", "overlay", "tree"].map(|name| area.join(name));
    for directory in [&upper, &work, &target] {
        make_directory(directory, 0o755)?;
    }
    host.mount(&Mount::Overlay { lower, upper, work, target: target.clone() }, Hold::Action)?;
    Ok(target)
}
