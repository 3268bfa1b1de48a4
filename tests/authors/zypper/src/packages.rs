//! What is installed, in the names of openSUSE.

use disklessset_plugin_api::TreeRequest;

/// What every node has.
const CORE: [&str; 8] =
    ["filesystem", "aaa_base", "systemd", "udev", "util-linux", "shadow", "kmod", "openssh-server"];
/// What a small server has beside it.
const SMALL: [&str; 4] = ["zypper", "NetworkManager", "iproute2", "procps"];
/// What a normal one has beside that.
const STANDARD: [&str; 2] = ["patterns-base-base", "vim"];

/// Whether only what is needed is installed, not what packages recommend.
pub(crate) fn are_trimmed(request: &TreeRequest) -> bool {
    request.package_set != "STANDARD" || request.optimize
}

/// The packages for a tree; a group of the user's (`@NAME`) is a pattern here.
pub(crate) fn of(request: &TreeRequest) -> Vec<String> {
    let mut names: Vec<String> = CORE.map(str::to_owned).to_vec();
    let mut add = |more: &[&str]| names.extend(more.iter().map(|name| (*name).to_owned()));
    match request.package_set.as_str() {
        "CORE" => {}
        "SMALL" => add(&SMALL),
        _ => {
            add(&SMALL);
            add(&STANDARD);
        }
    }
    if request.kernel {
        add(&[request.kernel_package.as_deref().unwrap_or("kernel-default"), "dracut"]);
    }
    if request.root_over_nfs {
        add(&["nfs-client"]);
    }
    if request.selinux {
        add(&["selinux-policy-targeted", "policycoreutils"]);
    }
    names.extend(request.packages.iter().map(|name| match name.strip_prefix('@') {
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
        let mut request = TreeRequest::default();
        request.package_set = "CORE".to_owned();
        assert_eq!(of(&request), CORE);
        assert!(are_trimmed(&request));
        request.kernel = true;
        request.root_over_nfs = true;
        request.packages = vec!["vim".to_owned(), "@xfce".to_owned()];
        assert_eq!(
            of(&request)[CORE.len()..],
            ["kernel-default", "dracut", "nfs-client", "vim", "pattern:xfce"]
        );
        request.kernel_package = Some("kernel-longterm".to_owned());
        assert!(of(&request).contains(&"kernel-longterm".to_owned()));
    }
}
