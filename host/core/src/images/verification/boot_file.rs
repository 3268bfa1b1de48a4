//! The boot file of an image, held against what its class would write now.

use crate::{
    failure,
    images::manager::ImageManager,
    integrity::Fault,
    operation::Reading,
    records::{MOST_BYTES, boot_file, file_names, legacy_record},
    system::atomic_file,
};
use disklessset_plugin_api::Image;

/// Whether the boot file is what its class writes for this image, and names files that are there.
pub(super) fn faults(manager: &ImageManager<'_>, image: &Image, told: &[Fault]) -> Vec<Fault> {
    let name = image.name();
    let mend = match image.kernel() {
        Some(kernel) => format!("disklessset kernel set {name} {}", kernel.version),
        None => format!("disklessset verify {name} --record"),
    };
    let reading = Reading::of(manager.site, name, image.class());
    let wanted = match manager.boot_file_now(&reading, image) {
        Ok(wanted) => wanted,
        // Its attributes are at fault, or its kernel, of which enough is said.
        Err(_) if !told.is_empty() => return Vec::new(),
        Err(error) => {
            let by_hand = format!("mend {}", image.directory().join(file_names::RECORD));
            let hint = error.hint.clone().unwrap_or(by_hand);
            return vec![Fault::from(error).mend(hint)];
        }
    };
    let file = image.directory().join(file_names::BOOT_FILE);
    let found = match atomic_file::read_bounded(&file, MOST_BYTES) {
        Ok(found) => found,
        Err(error) if error.is_not_found() => {
            return vec![Fault::problem("has no boot.ipxe").mend(mend)];
        }
        Err(error) => return vec![Fault::from(failure::of(error)).mend(mend)],
    };
    let mut faults = Vec::new();
    if found != wanted.as_bytes() && !manager.is_of_another_name(name, &found) {
        let text = "boot.ipxe is not what its class would write now";
        // One that 1.x left boots as it did; with the next change it is written anew.
        let of_1x = atomic_file::read_bounded(&image.directory().join(file_names::RECORD), MOST_BYTES)
            .is_ok_and(|bytes| legacy_record::parse(&String::from_utf8_lossy(&bytes)).is_some());
        faults.push(if of_1x { Fault::warning(text) } else { Fault::problem(text) }.mend(&mend));
    }
    let layout = &manager.site.layout;
    for path in boot_file::named(&String::from_utf8_lossy(&found), layout, &manager.site.configuration) {
        let file = path.file_name().unwrap_or_default();
        let said = told.iter().any(|fault| fault.text.contains(file));
        if !said && !layout.http_root().join(&path).is_file() {
            let text = format!("boot.ipxe names {path}, which is not there");
            faults.push(Fault::problem(text).mend(&mend));
        }
    }
    faults
}
