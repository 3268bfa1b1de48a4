//! Whether images are as they were published and fit together, and what mends them when not.

mod boot_file;
mod class;
mod created;
mod files;
mod kernel;
mod permission;
mod recording;
mod site;
mod versions;

use super::manager::ImageManager;
use crate::{
    failure,
    integrity::{Checked, Fault, Kind},
    records::{ActivityState, ImageStatus, ListedImage, refusals::no_such_image},
};
use disklessset_plugin_api::{ImageName, Result};
use permission::{cannot_tell, is_forbidden};

impl ImageManager<'_> {
    /// Checks images without changing them, the named ones or all: record, boot file, digests, signatures, what was interrupted,
    /// and what their classes know.
    ///
    /// # Errors
    /// When one of the named images is not there, or the listing fails.
    pub fn verify(&self, names: &[ImageName]) -> Result<Vec<Checked>> {
        let all = self.list()?;
        for name in names {
            // One that is being made may have no directory yet.
            if !self.records.exists(name) && !all.iter().any(|listed| listed.name == name.as_str()) {
                return Err(no_such_image(name));
            }
        }
        let wanted =
            |listed: &ListedImage| names.is_empty() || names.iter().any(|name| name.as_str() == listed.name);
        let chosen: Vec<ListedImage> = all.into_iter().filter(wanted).collect();
        let total = chosen.len() as u64;
        let mut checked = Vec::new();
        for (done, listed) in (0_u64..).zip(chosen) {
            self.site.observer.progress("checking images", done, total);
            let faults = faults(self, &listed);
            checked.push(Checked { name: listed.name, kind: Kind::Image, faults });
        }
        Ok(checked)
    }

    /// Checks what belongs to no single image or kernel.
    pub fn verify_site(&self) -> Vec<Checked> {
        site::checked(self)
    }
}

fn faults(manager: &ImageManager<'_>, listed: &ListedImage) -> Vec<Fault> {
    let name = &listed.name;
    if let Some(problem) = &listed.problem {
        if is_forbidden(problem) {
            return vec![Fault::warning(format!("cannot tell: needs root ({problem})"))];
        }
        let fault = Fault::problem(problem.clone());
        return vec![match ImageName::parse(name) {
            Ok(name) => fault.mend(format!("disklessset clear {name} (it removes what is there)")),
            Err(_) => fault.mend("move it out of the directory of images"),
        }];
    }
    match listed.status {
        ImageStatus::Created => {}
        ImageStatus::Corrupted => {
            let fault = Fault::problem(format!("is {}", listed.status));
            return vec![fault.mend(format!("disklessset clean {name}"))];
        }
        // Nothing is wrong with it, and nothing can be told of it yet.
        status => {
            let fault = Fault::warning(format!("is {status}: not checked"));
            return vec![fault.mend("verify it again when it is done")];
        }
    }
    let mut faults = Vec::new();
    if let Some(activity) = listed.activity.as_ref().filter(|a| a.state == ActivityState::Interrupted) {
        let fault = Fault::problem(format!("{} was interrupted", activity.action));
        faults.push(fault.mend(format!("disklessset clean {name}")));
    }
    // What cannot be checked is not good.
    let found =
        ImageName::parse(name).map_err(failure::usage).and_then(|name| created::faults(manager, &name));
    faults.extend(found.unwrap_or_else(|error| vec![cannot_tell(error)]));
    faults
}
