//! All that can be wrong with an image that is created.

use super::{boot_file, class, files, kernel, versions};
use crate::{
    failure, images::manager::ImageManager, integrity::Fault, modules::Unavailable, records::file_names,
    system::FileError,
};
use disklessset_plugin_api::{ImageName, Result};
use std::os::unix::fs::MetadataExt;

/// How often an image is looked at that changes meanwhile.
const LOOKS: usize = 3;

/// The faults of a created image in one of its states: it is looked at again when it came to its next one meanwhile.
pub(super) fn faults(manager: &ImageManager<'_>, name: &ImageName) -> Result<Vec<Fault>> {
    let directory = manager.site.layout.image_dir(name.as_str());
    let state = || {
        let meta = directory.symlink_metadata();
        meta.map(|meta| meta.ino()).map_err(|cause| failure::of(FileError::of("look at", &directory)(cause)))
    };
    for _ in 1..LOOKS {
        let before = state()?;
        let faults = faults_in_one_state(manager, name);
        if faults.as_ref().is_ok_and(Vec::is_empty) || state()? == before {
            return faults;
        }
    }
    faults_in_one_state(manager, name)
}

fn faults_in_one_state(manager: &ImageManager<'_>, name: &ImageName) -> Result<Vec<Fault>> {
    let image = manager.records.load(name)?;
    let mut faults = kernel::faults(manager, &image)?;
    if let Err(unavailable) = manager.site.classes.registry().module_of(image.class()) {
        let mend = match unavailable {
            Unavailable::NoClass { .. } => "put its module back: disklessset module install FILE",
            Unavailable::NotUsed { .. } => "disklessset module list",
        };
        faults.push(Fault::problem(unavailable.to_string()).mend(mend));
    } else {
        faults.extend(class::faults(manager, &image)?);
        faults.extend(boot_file::faults(manager, &image, &faults));
    }
    faults.extend(versions::faults(manager, name)?);
    let told: String = faults.iter().map(|fault| format!("{}\n", fault.text)).collect();
    let of_files = files::faults(manager, &image)?;
    faults.extend(of_files.into_iter().filter(|fault| {
        // A boot file that is wrong, or a file that is not there, is told once.
        let name = fault.text.split(' ').next().unwrap_or_default();
        let again = name == file_names::BOOT_FILE || fault.text.ends_with("is missing");
        !(again && told.contains(name))
    }));
    if let Some((lost, release)) = manager.lost_files(name) {
        let is_lost = |fault: &Fault| lost.iter().any(|file| fault.text.contains(file.as_str()));
        let of_images = faults.drain(..).map(|fault| match is_lost(&fault) {
            true => fault.mend(&release),
            false => fault,
        });
        faults = of_images.collect();
    }
    Ok(faults)
}
