//! Paths as nodes and other servers know them, and the real ones behind them.

use camino::{Utf8Component, Utf8Path, Utf8PathBuf};

use super::Layout;

/// The directory name below which the cluster stack serves everything that nodes fetch at boot.
const SERVED: &str = "preboot_execution_environment";
impl Layout {
    /// What a web server has to serve as its `/`: the parent of `preboot_execution_environment`; when images are
    /// kept elsewhere, the directory two above them, so that images and kernels are both below it.
    pub fn http_root(&self) -> Utf8PathBuf {
        let served = self.images.ancestors().find(|path| path.file_name() == Some(SERVED));
        let below = served.unwrap_or_else(|| self.images.parent().unwrap_or(&self.images));
        self.inside(below.parent().unwrap_or(below))
    }

    /// The path as it is written into data, boot files and exports: without the root. A path outside the root
    /// (one given by its own option) stays as it is.
    pub fn published(&self, real: &Utf8Path) -> Utf8PathBuf {
        match real.strip_prefix(&self.root) {
            Ok(rest) => Utf8Path::new("/").join(rest),
            Err(_) => real.to_owned(),
        }
    }

    /// The real path of a published one. `..` never leads out of the root.
    pub fn inside(&self, published: &Utf8Path) -> Utf8PathBuf {
        let mut real = self.root.clone();
        let mut depth = 0_usize;
        for part in published.components() {
            match part {
                Utf8Component::Normal(name) => {
                    real.push(name);
                    depth += 1;
                }
                Utf8Component::ParentDir if depth > 0 => {
                    real.pop();
                    depth -= 1;
                }
                _ => {}
            }
        }
        real
    }

    /// The path of a real file below [`http_root`](Layout::http_root) as it stands in a URL after the host and its
    /// slash, percent-encoded; `None` when no web server could serve it from there.
    pub fn url_path(&self, real: &Utf8Path) -> Option<String> {
        let relative = real.strip_prefix(self.http_root()).ok()?;
        let mut url = String::with_capacity(relative.as_str().len());
        for byte in relative.as_str().bytes() {
            match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'+' | b'/' => {
                    url.push(char::from(byte));
                }
                other => url.push_str(&format!("%{other:02X}")),
            }
        }
        Some(url)
    }
}
