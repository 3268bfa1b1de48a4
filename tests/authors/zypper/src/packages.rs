//! What is installed, in the names of openSUSE.

use disklessset_plugin_api::TreeWish;

/// What every node has.
const CORE: [&str; 8] =
    ["filesystem", "aaa_base", "systemd", "udev", "util-linux", "shadow", "kmod", "openssh-server"];
/// What a small server has beside it.
const SMALL: [&str; 4] = ["zypper", "NetworkManager", "iproute2", "procps"];
/// What a normal one has beside that.
const STANDARD: [&str; 2] = ["patterns-base-base", "vim"];

/// Whether only what is needed is installed, not what packages recommend.
pub(crate) fn are_trimmed(wish: &TreeWish) -> bool {
    wish.package_set != "STANDARD" || wish.optimize
}

/// The packages for a tree; a group of the user's (`@NAME`) is a pattern here.
pub(crate) fn of(wish: &TreeWish) -> Vec<String> {
    let mut names: Vec<String> = CORE.map(str::to_owned).to_vec();
    let mut add = |more: &[&str]| names.extend(more.iter().map(|name| (*name).to_owned()));
    match wish.package_set.as_str() {
        "CORE" => {}
        "SMALL" => add(&SMALL),
        _ => {
            add(&SMALL);
            add(&STANDARD);
        }
    }
    if wish.kernel {
        add(&[wish.kernel_package.as_deref().unwrap_or("kernel-default"), "dracut"]);
    }
    if wish.root_over_nfs {
        add(&["nfs-client"]);
    }
    if wish.selinux {
        add(&["selinux-policy-targeted", "policycoreutils"]);
    }
    names.extend(wish.packages.iter().map(|name| match name.strip_prefix('@') {
        Some(pattern) => format!("pattern:{pattern}"),
        None => name.clone(),
    }));
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
        assert!(are_trimmed(&wish));
        wish.kernel = true;
        wish.root_over_nfs = true;
        wish.packages = vec!["vim".to_owned(), "@xfce".to_owned()];
        assert_eq!(
            of(&wish)[CORE.len()..],
            ["kernel-default", "dracut", "nfs-client", "vim", "pattern:xfce"]
        );
        wish.kernel_package = Some("kernel-longterm".to_owned());
        assert!(of(&wish).contains(&"kernel-longterm".to_owned()));
    }
}
