//! The script beside the loaders that waits for a boot server which starts after its nodes.

use crate::copy::is_there;
use camino::{Utf8Path, Utf8PathBuf};
use disklessset_system::{
    FileError,
    durable::{create_dir_all, replace},
};

/// Its name in the directory of loaders.
const FILE: &str = "wait.ipxe";

/// Where the script lies in a directory of loaders, and its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WaitingScript {
    path: Utf8PathBuf,
    text: String,
}

impl WaitingScript {
    /// One with this text.
    pub fn new(loaders: &Utf8Path, text: String) -> Self {
        Self { path: loaders.join(FILE), text }
    }

    /// The file.
    pub fn path(&self) -> &Utf8Path {
        &self.path
    }

    /// Whether it is there with this text.
    pub fn is_written(&self) -> bool {
        is_there(self.text.as_bytes(), &self.path)
    }

    /// Writes it durably, for everybody to read.
    ///
    /// # Errors
    /// When the system refuses something.
    pub fn write(&self) -> Result<(), FileError> {
        create_dir_all(self.path.parent().unwrap_or(&self.path), 0o755)?;
        replace(&self.path, self.text.as_bytes(), 0o644)
    }
}

/// Whether a directory of loaders has a script that waits.
pub(crate) fn is_in(loaders: &Utf8Path) -> bool {
    loaders.join(FILE).is_file()
}

/// Its address for iPXE. iPXE has come by TFTP, or reaches what DHCP names so: the web server may not be there yet.
pub(crate) fn address(server: std::net::Ipv4Addr) -> String {
    format!("tftp://{server}/{FILE}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_script_is_written_anew_when_its_text_is_another() {
        let temp = tempfile::tempdir().unwrap();
        let loaders = Utf8Path::from_path(temp.path()).unwrap().join("loaders");
        let script = WaitingScript::new(&loaders, "#!ipxe\n".to_owned());
        assert!(!script.is_written() && !is_in(&loaders));
        script.write().unwrap();
        assert!(script.is_written() && is_in(&loaders));
        assert!(!WaitingScript::new(&loaders, "#!ipxe\nexit\n".to_owned()).is_written());
    }
}
