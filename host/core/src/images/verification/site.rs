//! What belongs to no single image or kernel.

use super::permission::cannot_tell;
use crate::{
    failure,
    images::manager::ImageManager,
    installations::journal,
    integrity::{Checked, Fault, Kind},
    kernels,
    nodes::NodeManager,
};

/// What is wrong with records, journals, kernels, nodes and the certificate of the site.
pub(super) fn checked(manager: &ImageManager<'_>) -> Vec<Checked> {
    let mut checked = Vec::new();
    let mut site = |name: String, fault: Fault| {
        checked.push(Checked { name, kind: Kind::Site, faults: vec![fault] });
    };
    if let Err(error) = manager.records.entries() {
        site("installations.yml".to_owned(), cannot_tell(error));
    }
    let listed: Vec<String> =
        manager.list().map(|all| all.into_iter().map(|image| image.name).collect()).unwrap_or_default();
    match manager.to_clean() {
        Ok(names) => {
            for name in names.iter().filter(|name| !listed.contains(&name.to_string())) {
                let fault = Fault::problem("something is left of an interrupted action");
                site(name.to_string(), fault.mend(format!("disklessset clean {name}")));
            }
        }
        Err(error) => site("journals".to_owned(), cannot_tell(error)),
    }
    let kernels = journal::place(&manager.site.layout, "@kernels");
    match journal::read(&kernels).map_err(failure::of) {
        Ok(left) if left.needs_recovery() && !kernels::is_busy(manager.site) => {
            let fault = Fault::problem("a change of kernels was interrupted");
            site("kernels".to_owned(), fault.mend("disklessset clean"));
        }
        Ok(_) => {}
        Err(error) => site("kernels".to_owned(), cannot_tell(error)),
    }
    for fault in NodeManager::new(manager.site).faults() {
        site("nodes".to_owned(), fault);
    }
    if let Some(signer) = manager.site.signer() {
        let name = signer.certificate().to_string();
        match signer.is_current() {
            Ok(true) => {}
            Ok(false) => {
                let fault = Fault::problem("the certificate has expired: no node accepts what it signed");
                site(name, fault.mend("put a valid one in its place, then disklessset verify --record"));
            }
            Err(error) => site(name, cannot_tell(error)),
        }
    }
    checked
}
