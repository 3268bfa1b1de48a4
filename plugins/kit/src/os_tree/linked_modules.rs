//! Modules of the server that are links to those of another kernel (`weak-updates`): a tree has only one kernel's, and gets the files.

use camino::{Utf8Path, Utf8PathBuf};
use disklessset_plugin_api::{Error, Host, Result};

/// Puts files in the place of links that lead nowhere in `copy`, whose original `from` is the server's own.
///
/// # Errors
/// When a directory cannot be read, or copying fails.
pub(super) fn carry(from: &Utf8Path, copy: &Utf8Path, host: &Host<'_>) -> Result<()> {
    for inside in modules_that_are_links(copy)? {
        let place = copy.join(&inside);
        // What leads to a file beside it goes with it.
        let text = place.read_link_utf8().unwrap_or_default();
        let stays = text.is_relative()
            && place
                .canonicalize_utf8()
                .is_ok_and(|real| copy.canonicalize_utf8().is_ok_and(|top| real.starts_with(top)));
        if stays {
            continue;
        }
        let fault =
            |cause| Error::failed(format!("cannot copy the module {}", from.join(&inside))).because(cause);
        match from.join(&inside).canonicalize_utf8() {
            Ok(file) if file.is_file() => {
                std::fs::remove_file(&place).map_err(fault)?;
                std::fs::copy(&file, &place).map_err(fault)?;
            }
            _ => host.warn(format!(
                "the module {inside} is a link that leads nowhere: nodes will not have this driver"
            )),
        }
    }
    Ok(())
}

fn modules_that_are_links(top: &Utf8Path) -> Result<Vec<Utf8PathBuf>> {
    let fault = |cause| Error::failed(format!("cannot read {top}")).because(cause);
    let (mut found, mut ahead) = (Vec::new(), vec![top.to_owned()]);
    while let Some(directory) = ahead.pop() {
        for entry in directory.read_dir_utf8().map_err(fault)? {
            let entry = entry.map_err(fault)?;
            let kind = entry.file_type().map_err(fault)?;
            if kind.is_dir() {
                ahead.push(entry.path().to_owned());
            } else if kind.is_symlink() && entry.file_name().contains(".ko") {
                found.extend(entry.path().strip_prefix(top).ok().map(Utf8Path::to_owned));
            }
        }
    }
    Ok(found)
}
