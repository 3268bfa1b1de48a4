//! The files that nodes fetch of an image, held against their digests and signatures.

use crate::{
    images::manager::ImageManager, integrity::Fault, kernels, operation::manifest, records::file_names,
};
use disklessset_plugin_api::{Image, Result};

/// Whether the files that nodes fetch are as they were published, readable, and signed where the site signs.
pub(super) fn faults(manager: &ImageManager<'_>, image: &Image) -> Result<Vec<Fault>> {
    let (name, directory) = (image.name(), image.directory());
    let record = format!("disklessset verify {name} --record");
    let files = manifest::files_of(directory)?;
    let mut faults = Vec::new();
    for file in &files {
        faults.extend(kernels::readable(&directory.join(file))?);
    }
    let mend = |file: &str| match (file, image.kernel()) {
        (file_names::BOOT_FILE, Some(kernel)) => {
            format!("disklessset kernel set {name} {}", kernel.version)
        }
        (file_names::BOOT_FILE, None) => record.clone(),
        _ => {
            format!("put it back from a copy, or make the image again; if the change is meant: {record}")
        }
    };
    match manifest::load(directory) {
        Err(error) => faults.push(Fault::from(error).mend(&record)),
        Ok(manifest) => {
            faults.extend(manifest.unwrap_or_default().compare(directory, &files, &mend, &record));
        }
    }
    if let Some(signer) = manager.site.signer() {
        for (file, signature) in file_names::SIGNED {
            let (file, signature) = (directory.join(file), directory.join(signature));
            // A file that is not there is told of already.
            if file.is_file() {
                faults.extend(kernels::signed(&signer, &file, &signature)?.map(|fault| fault.mend(&record)));
            }
        }
    }
    Ok(faults)
}
