//! What an image's boot file names, and the script that leads iPXE to it.

use camino::{Utf8Path, Utf8PathBuf};

/// Where the entry script lies on the boot server: in memory only.
pub(super) const ENTRY_PATH: &str = ".disklessset/prove.ipxe";
/// Where iPXE lies on the boot server for a firmware that fetches it: in memory only.
pub(super) const LOADER_PATH: &str = ".disklessset/ipxe.efi";
/// Where another text for a boot file lies: in memory only.
pub(super) const OTHER_BOOT_FILE: &str = ".disklessset/boot.ipxe";
/// Printed by the entry script when the boot file's commands failed.
const BOOT_FILE_FAILED: &str = "disklessset: the boot file ended with an error";
/// Printed by the entry script when the boot file came to its end.
const BOOT_FILE_ENDED: &str = "disklessset: the boot file ended without booting";

/// The iPXE script a proof starts with: it plays the site's part, which is to set the variables
/// of kernel lines (product of a site's iPXE menu) and to hand over to the image.
///
/// It only adds what makes a failure visible and quick: the console on the serial line, no
/// shell that waits for someone, no machine that starts over, and systemd telling what it does. It tells the kernel's log too:
/// a login prompt that starts hangs up the console, and what systemd writes to it just then is lost
/// (seen with "Reached target multi-user.target"); the kernel's own lines always arrive.
pub(super) fn entry_script(boot_path: &str) -> String {
    format!(
        "#!ipxe\n\
         set eq-console console=ttyS0,115200\n\
         set eq-kernel-parameters rd.shell=0 rd.emergency=halt systemd.show_status=1 systemd.log_target=kmsg printk.devkmsg=on\n\
         set diskless-once 1\n\
         chain http://${{next-server}}/{boot_path} || goto failed\n\
         echo {BOOT_FILE_ENDED}\n\
         exit\n\
         :failed\n\
         echo {BOOT_FILE_FAILED}\n\
         exit\n"
    )
}

/// Whether the entry script reports that the boot file is through without a boot.
pub(super) fn boot_file_gave_up(line: &str) -> bool {
    line.contains(BOOT_FILE_FAILED) || line.contains(BOOT_FILE_ENDED)
}

/// Whether `rd.live.overlay.overlayfs=1` is on the kernel line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FlatOverlay {
    /// It is: right for a flat root image only.
    Asked,
    /// It is not: right for a classic root image only.
    NotAsked,
}

/// The files a boot file names, as paths below the HTTP root. What could not be told (variables
/// in paths, other protocols) is left out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct BootFile {
    pub(super) path: Utf8PathBuf,
    pub(super) kernel: Option<Utf8PathBuf>,
    /// The version in the name of the initramfs on the kernel line.
    kernel_version: Option<String>,
    pub(super) initramfs: Vec<Utf8PathBuf>,
    pub(super) root_image: Option<Utf8PathBuf>,
    /// `root=` as written.
    pub(super) root: Option<String>,
    /// Whether that is an NFS root.
    pub(super) root_is_nfs: bool,
    /// Servers it names that are not `${next-server}`.
    pub(super) other_servers: Vec<String>,
    /// Whether the site's console variable is on the kernel line.
    pub(super) names_console: bool,
    /// Whether it asks for an overlay over a flat root image.
    pub(super) asks_overlay: bool,
}

impl BootFile {
    pub(super) fn parse(path: &str, text: &str) -> Self {
        let mut found = Self { path: path.into(), ..Self::default() };
        let mut settings = Settings::default();
        for line in text.lines() {
            settings.learn(line);
            let line = settings.expanded(line);
            let mut words = line.split_whitespace();
            let command = words.next().unwrap_or_default();
            if !matches!(command, "kernel" | "initrd" | "imgfetch" | "chain" | "module") {
                continue;
            }
            let mut words = words.peekable();
            // Options of these commands take one value each (--name, --timeout) or none.
            while let Some(option) = words.next_if(|word| word.starts_with('-')) {
                if matches!(option, "--name" | "-n" | "--timeout" | "-t") {
                    words.next();
                }
            }
            let Some(uri) = words.next() else { continue };
            let target = found.resolve(uri);
            match command {
                "kernel" => {
                    let named = line
                        .split_whitespace()
                        .find_map(|word| word.strip_prefix("initrd=initramfs-kernel-"));
                    found.kernel_version = named.map(str::to_owned);
                    found.kernel = target;
                    for word in words {
                        found.kernel_parameter(word);
                    }
                }
                "initrd" => found.initramfs.extend(target),
                _ => {}
            }
        }
        found
    }

    fn kernel_parameter(&mut self, word: &str) {
        if word.contains("${eq-console}") || word.starts_with("console=ttyS0") {
            self.names_console = true;
        }
        if word == "rd.live.overlay.overlayfs=1" || word == "rd.live.overlay.overlayfs" {
            self.asks_overlay = true;
        }
        if let Some(root) = word.strip_prefix("root=") {
            self.root = Some(root.to_owned());
            self.root_is_nfs = root.starts_with("nfs:") || root.starts_with("nfs4:");
            if let Some(uri) = root.strip_prefix("live:") {
                self.root_image = self.resolve(uri);
            }
        }
    }

    pub(super) fn overlay(&self) -> FlatOverlay {
        match self.asks_overlay {
            true => FlatOverlay::Asked,
            false => FlatOverlay::NotAsked,
        }
    }

    /// The version of the kernel it names, when that is named as ours are.
    pub(super) fn kernel_version(&self) -> Option<&str> {
        let by_name = || self.kernel.as_ref()?.file_name()?.strip_prefix("vmlinuz-");
        self.kernel_version.as_deref().or_else(by_name)
    }

    /// The path below the HTTP root that `uri` means, if that can be told.
    fn resolve(&mut self, uri: &str) -> Option<Utf8PathBuf> {
        let path = match uri.split_once("://") {
            Some(("http", rest)) => {
                let (server, path) = rest.split_once('/')?;
                if !matches!(server, "${next-server}" | "${next-server}:80" | "10.0.2.2") {
                    self.other_servers.push(server.to_owned());
                    return None;
                }
                Utf8PathBuf::from(path)
            }
            Some((_, rest)) => {
                self.other_servers.push(rest.split('/').next().unwrap_or(rest).to_owned());
                return None;
            }
            None => match uri.strip_prefix('/') {
                Some(path) => path.into(),
                None => self.path.parent().unwrap_or(Utf8Path::new("")).join(uri),
            },
        };
        (!path.as_str().contains("${")).then_some(path)
    }
}

/// Settings of iPXE that a boot file gives values itself.
#[derive(Default)]
struct Settings(Vec<(String, String)>);

impl Settings {
    /// Takes over `set NAME VALUE`, alone or after `isset ${NAME} ||`.
    fn learn(&mut self, line: &str) {
        let set = line.split("||").last().unwrap_or_default().trim().strip_prefix("set ");
        if let Some((name, value)) = set.and_then(|rest| rest.split_once(' ')) {
            self.0.push((format!("${{{name}}}"), value.to_owned()));
        }
    }

    fn expanded(&self, line: &str) -> String {
        self.0.iter().fold(line.to_owned(), |line, (name, value)| line.replace(name, value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FLAT: &str = "#!ipxe\n\
        echo Booting\n\
        kernel http://${next-server}/pxe/kernels/vmlinuz-6.1 initrd=initramfs-kernel-6.1 root=live:http://${next-server}/pxe/images/a/squashfs.img rd.neednet=1 ${eq-console} ${eq-kernel-parameters}\n\
        initrd --name initramfs-kernel-6.1 http://${next-server}/pxe/kernels/initramfs-kernel-6.1\n\
        boot\n";

    #[test]
    fn the_three_files_of_a_livenet_image_are_found() {
        let found = BootFile::parse("pxe/images/a/boot.ipxe", FLAT);
        assert_eq!(found.kernel.unwrap(), "pxe/kernels/vmlinuz-6.1");
        assert_eq!(found.initramfs, ["pxe/kernels/initramfs-kernel-6.1"]);
        assert_eq!(found.root_image.unwrap(), "pxe/images/a/squashfs.img");
        assert!(found.names_console);
        assert!(found.other_servers.is_empty());
    }

    #[test]
    fn files_by_digest_are_found_below_a_setting_of_the_boot_file() {
        let text = "#!ipxe\nisset ${diskless-base} || set diskless-base http://${next-server}/p\n\
            kernel ${diskless-base}/oci/k initrd=initramfs-kernel-6.1 root=live:${diskless-base}/oci/r\n\
            initrd --name initramfs-kernel-6.1 ${diskless-base}/oci/i\nboot\n";
        let found = BootFile::parse("p/images/a/boot.ipxe", text);
        assert_eq!(found.kernel_version(), Some("6.1"));
        assert_eq!(found.kernel.unwrap(), "p/oci/k");
        assert_eq!(found.root_image.unwrap(), "p/oci/r");
        assert_eq!(found.initramfs, ["p/oci/i"]);
        assert!(found.other_servers.is_empty());
    }

    #[test]
    fn relative_names_mean_the_boot_files_own_directory() {
        let found = BootFile::parse("pxe/a/boot.ipxe", "kernel vmlinuz root=nfs:x\ninitrd /k/i\n");
        assert_eq!(found.kernel.unwrap(), "pxe/a/vmlinuz");
        assert_eq!(found.initramfs, ["k/i"]);
        assert_eq!(found.root.unwrap(), "nfs:x");
        assert!(!found.names_console);
    }

    #[test]
    fn other_servers_are_noted_and_variables_not_guessed() {
        let found =
            BootFile::parse("b", "kernel http://boot.site/k\ninitrd http://${next-server}/${arch}/i\n");
        assert_eq!(found.other_servers, ["boot.site"]);
        assert_eq!(found.kernel, None);
        assert!(found.initramfs.is_empty());
    }

    #[test]
    fn the_entry_script_hands_over_through_the_next_server() {
        let script = entry_script("pxe/a/boot.ipxe");
        assert!(script.starts_with("#!ipxe\n"));
        assert!(script.contains("\nchain http://${next-server}/pxe/a/boot.ipxe || goto failed\n"));
        assert!(script.contains("\nset eq-console console=ttyS0,115200\n"));
    }
}
