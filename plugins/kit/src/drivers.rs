//! Drivers of the server's kernel that an action needs, looked for before it begins.
//!
//! A driver is there when the kernel has it in it or has loaded it, or when its module is among those of the running kernel. After an
//! update of the kernel without a reboot the modules of the running one may be gone: what is not loaded then cannot be.

use camino::{Utf8Path, Utf8PathBuf};
use disklessset_plugin_api::{Error, Result};

/// Refuses work for which the server's kernel lacks a driver: of a file system, or `loop`.
///
/// # Errors
/// The driver that is missing. Where nobody can tell, as in a container, nothing is refused.
pub fn must_have<'a>(work: &str, drivers: impl IntoIterator<Item = &'a str>) -> Result<()> {
    let running = Running::look();
    let missing = drivers.into_iter().find_map(|driver| Some((driver, running.lack_of(driver)?)));
    match missing {
        None => Ok(()),
        Some((driver, lack)) => {
            let text =
                format!("cannot {work}: the server's kernel {} has no driver {driver}", running.release);
            Err(match lack {
                Lack::Everywhere => Error::failed(text)
                    .hint(format!("install the package of the kernel's modules that has {driver}.ko")),
                Lack::ModulesGone => Error::failed(text)
                    .because("the modules of this kernel are not on the server any more")
                    .hint("boot the server into the kernel that is installed"),
            })
        }
    }
}

/// Why a driver is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lack {
    /// The kernel has modules here, and this is none of them.
    Everywhere,
    /// There are modules of other kernels only.
    ModulesGone,
}

/// The running kernel, as far as files tell.
struct Running {
    release: String,
    /// The text of `/proc/filesystems`.
    file_systems: String,
    /// Where it says what is loaded or built in, and what devices there are.
    sys_module: Utf8PathBuf,
    dev: Utf8PathBuf,
    /// Where modules are, a directory a kernel.
    modules: Utf8PathBuf,
}

impl Running {
    fn look() -> Self {
        let text = |file: &str| std::fs::read_to_string(file).unwrap_or_default();
        Self {
            release: text("/proc/sys/kernel/osrelease").trim().to_owned(),
            file_systems: text("/proc/filesystems"),
            sys_module: "/sys/module".into(),
            dev: "/dev".into(),
            modules: "/lib/modules".into(),
        }
    }

    fn lack_of(&self, driver: &str) -> Option<Lack> {
        let is_known = self.file_systems.lines().any(|line| line.split_whitespace().last() == Some(driver))
            || self.sys_module.join(driver).exists()
            || driver == "loop" && self.dev.join("loop-control").exists();
        if is_known || self.file_systems.is_empty() {
            return None;
        }
        let own = self.modules.join(&self.release);
        let lists = ["modules.dep", "modules.builtin"].map(|list| std::fs::read_to_string(own.join(list)));
        if lists.iter().all(|list| list.is_err()) {
            // Without any modules this is a container, whose server may load the driver all the same.
            return has_entries(&self.modules).then_some(Lack::ModulesGone);
        }
        let file = |line: &str| {
            let path = line.split(':').next().unwrap_or_default();
            let name = path.rsplit('/').next().unwrap_or_default();
            name.strip_prefix(driver).is_some_and(|rest| rest == ".ko" || rest.starts_with(".ko."))
        };
        let listed = lists.iter().flatten().any(|list| list.lines().any(file));
        (!listed).then_some(Lack::Everywhere)
    }
}

fn has_entries(directory: &Utf8Path) -> bool {
    directory.read_dir_utf8().is_ok_and(|mut entries| entries.next().is_some())
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "tests put files in place with plain writes")]
mod tests {
    use super::*;

    #[test]
    fn a_driver_is_built_in_or_loaded_or_loadable_or_missing() {
        let dir = tempfile::tempdir().unwrap();
        let top = Utf8Path::from_path(dir.path()).unwrap();
        let own = top.join("modules/6.1.0-x");
        for directory in [&own, &top.join("sys/loop"), &top.join("dev")] {
            std::fs::create_dir_all(directory).unwrap();
        }
        let running = Running {
            release: "6.1.0-x".to_owned(),
            file_systems: "nodev\ttmpfs\n\text4\n".to_owned(),
            sys_module: top.join("sys"),
            dev: top.join("dev"),
            modules: top.join("modules"),
        };
        let put = |name: &str, text: &str| std::fs::write(own.join(name), text).unwrap();
        assert_eq!(running.lack_of("overlay"), Some(Lack::ModulesGone));
        put("modules.dep", "kernel/fs/overlayfs/overlay.ko.xz:\nkernel/fs/squashfs/squashfs_x.ko: a.ko\n");
        put("modules.builtin", "kernel/fs/erofs/erofs.ko\n");
        for there in ["ext4", "tmpfs", "loop", "overlay", "erofs"] {
            assert_eq!(running.lack_of(there), None, "{there}");
        }
        assert_eq!(running.lack_of("squashfs"), Some(Lack::Everywhere));
        std::fs::remove_dir_all(top.join("modules")).unwrap();
        assert_eq!(running.lack_of("squashfs"), None, "a container cannot tell");
        // And of the machine that runs this nothing is said that it has.
        must_have("test", ["proc", "tmpfs"]).unwrap();
    }
}
