//! What is installed, in the names of Arch Linux.

use disklessset_plugin_api::TreeRequest;

/// What every node has.
const CORE: [&str; 2] = ["base", "openssh"];
/// What a normal server has beside it.
const STANDARD: [&str; 3] = ["networkmanager", "vim", "man-db"];

/// The packages for a tree; a group of the user's (`@NAME`) goes by its name alone.
pub(crate) fn of(request: &TreeRequest) -> Vec<String> {
    let mut names: Vec<String> = CORE.map(str::to_owned).to_vec();
    let mut add = |more: &[&str]| names.extend(more.iter().map(|name| (*name).to_owned()));
    if request.package_set == "STANDARD" {
        add(&STANDARD);
    }
    if request.kernel {
        add(&[request.kernel_package.as_deref().unwrap_or("linux"), "dracut"]);
    }
    if request.root_over_nfs {
        add(&["nfs-utils"]);
    }
    names.extend(request.packages.iter().map(|name| name.trim_start_matches('@').to_owned()));
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kernel_and_a_root_over_nfs_bring_what_they_need() {
        let mut request = TreeRequest::default();
        request.package_set = "CORE".to_owned();
        assert_eq!(of(&request), CORE);
        request.kernel = true;
        request.root_over_nfs = true;
        request.packages = vec!["@xorg".to_owned()];
        assert_eq!(of(&request)[CORE.len()..], ["linux", "dracut", "nfs-utils", "xorg"]);
    }
}
