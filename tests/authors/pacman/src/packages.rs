//! What is installed, in the names of Arch Linux.

use disklessset_plugin_api::TreeWish;

/// What every node has.
const CORE: [&str; 2] = ["base", "openssh"];
/// What a normal server has beside it.
const STANDARD: [&str; 3] = ["networkmanager", "vim", "man-db"];

/// The packages for a tree; a group of the user's (`@NAME`) goes by its name alone.
pub(crate) fn of(wish: &TreeWish) -> Vec<String> {
    let mut names: Vec<String> = CORE.map(str::to_owned).to_vec();
    let mut add = |more: &[&str]| names.extend(more.iter().map(|name| (*name).to_owned()));
    if wish.package_set == "STANDARD" {
        add(&STANDARD);
    }
    if wish.kernel {
        add(&[wish.kernel_package.as_deref().unwrap_or("linux"), "dracut"]);
    }
    if wish.root_over_nfs {
        add(&["nfs-utils"]);
    }
    names.extend(wish.packages.iter().map(|name| name.trim_start_matches('@').to_owned()));
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kernel_and_a_root_over_nfs_bring_what_they_need() {
        let mut wish = TreeWish::default();
        wish.package_set = "CORE".to_owned();
        assert_eq!(of(&wish), CORE);
        wish.kernel = true;
        wish.root_over_nfs = true;
        wish.packages = vec!["@xorg".to_owned()];
        assert_eq!(of(&wish)[CORE.len()..], ["linux", "dracut", "nfs-utils", "xorg"]);
    }
}
