//! Boot loaders, and which firmware takes which.

use crate::waiting;
use camino::Utf8Path;

/// What firmware says that it is, as option 93 of DHCP has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Architecture {
    /// The number in option 93.
    pub number: u16,
    /// Whether it fetches over HTTP and wants a whole address.
    pub over_http: bool,
    /// What people call it.
    pub what: &'static str,
}

/// A file of iPXE.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Loader {
    /// Its name, in the package and in the directory of loaders.
    pub file: &'static str,
    /// The firmware that it is for.
    pub architectures: &'static [Architecture],
}

const BIOS: Architecture = Architecture { number: 0, over_http: false, what: "BIOS" };
const UEFI: Architecture = Architecture { number: 7, over_http: false, what: "UEFI" };
const UEFI_EBC: Architecture = Architecture { number: 9, over_http: false, what: "UEFI, as some name it" };
const UEFI_HTTP: Architecture = Architecture { number: 16, over_http: true, what: "UEFI over HTTP" };

impl Loader {
    /// Those that are known, the better one for an architecture first: `snponly.efi` uses the firmware's own driver of the card.
    pub const ALL: [Self; 3] = [
        Self { file: "undionly.kpxe", architectures: &[BIOS] },
        Self { file: "snponly.efi", architectures: &[UEFI, UEFI_EBC, UEFI_HTTP] },
        Self { file: "ipxe.efi", architectures: &[UEFI, UEFI_EBC, UEFI_HTTP] },
    ];
}

/// The loaders that a boot server has, and whether iPXE is to wait for the web server.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Loaders {
    files: Vec<Loader>,
    wait: bool,
}

impl Loaders {
    /// Those in a directory. One that is not there has none.
    pub fn in_directory(directory: &Utf8Path) -> Self {
        let files = Loader::ALL.into_iter().filter(|loader| directory.join(loader.file).is_file()).collect();
        Self { files, wait: waiting::is_in(directory) }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// Whether the script that waits is beside them.
    pub fn wait(&self) -> bool {
        self.wait
    }

    /// The file for each architecture that one is there for, by its number.
    pub fn by_architecture(&self) -> Vec<(Architecture, &'static str)> {
        let mut found: Vec<(Architecture, &'static str)> = Vec::new();
        for loader in &self.files {
            for architecture in loader.architectures {
                if !found.iter().any(|(known, _)| known == architecture) {
                    found.push((*architecture, loader.file));
                }
            }
        }
        found.sort_by_key(|(architecture, _)| architecture.number);
        found
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "a test makes its own files")]
impl Loaders {
    /// All that are known.
    pub(crate) fn all() -> Self {
        Self { files: Loader::ALL.to_vec(), wait: true }
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "a test makes its own files")]
mod tests {
    use super::*;

    #[test]
    fn each_architecture_has_the_best_loader_that_is_there() {
        let named = |loaders: &Loaders| {
            let found = loaders.by_architecture();
            found
                .iter()
                .map(|(architecture, file)| format!("{} {file}", architecture.number))
                .collect::<Vec<_>>()
        };
        assert_eq!(
            named(&Loaders::all()),
            ["0 undionly.kpxe", "7 snponly.efi", "9 snponly.efi", "16 snponly.efi"]
        );
        let temp = tempfile::tempdir().unwrap();
        let directory = Utf8Path::from_path(temp.path()).unwrap();
        std::fs::write(directory.join("ipxe.efi"), "x").unwrap();
        assert_eq!(named(&Loaders::in_directory(directory)), ["7 ipxe.efi", "9 ipxe.efi", "16 ipxe.efi"]);
        assert!(Loaders::in_directory(&directory.join("none")).is_empty());
    }
}
