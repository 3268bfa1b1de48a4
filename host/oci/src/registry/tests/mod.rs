//! The client against registries that are good, and against such as are not.

mod denied;
mod download;
mod lies;
mod server;
mod stops;
mod upload;

use super::*;
use crate::{
    layout::{Layout, LayoutError},
    manifest::{ARTIFACT_TYPE, Artifact, Blob, CONFIG_TYPE, FILE_TYPE},
    names::{Host, Target},
};
use camino::{Utf8Path, Utf8PathBuf};
use server::{Reply, Seen, Server};
use std::{
    io::Write,
    sync::atomic::Ordering,
    time::{Duration, Instant},
};

/// A layout that goes with the test, and a server.
struct World {
    directory: tempfile::TempDir,
    layout: Layout,
    server: Server,
}

impl World {
    fn new(answer: impl Fn(&Seen) -> Reply + Send + Sync + 'static) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = Utf8Path::from_path(directory.path()).unwrap();
        let layout = Layout::open_or_create(&path.join("oci"), &path.join("stamps")).unwrap();
        Self { layout, directory, server: Server::start(answer) }
    }

    fn path(&self, name: &str) -> Utf8PathBuf {
        Utf8Path::from_path(self.directory.path()).unwrap().join(name)
    }

    fn options(&self) -> Options {
        Options {
            plain_http: true,
            tries: 3,
            first_pause: Duration::from_millis(5),
            longest_pause: Duration::from_millis(1500),
            silence: Duration::from_secs(20),
            ..Options::default()
        }
    }

    fn registry(&self) -> Registry {
        self.registry_with(self.options())
    }

    fn registry_with(&self, options: Options) -> Registry {
        Registry::new(&self.server.host(), &"a/b".parse().unwrap(), options, Arc::default()).unwrap()
    }

    /// Logins in a file, as skopeo has it.
    fn logins(&self, all: &[(&str, &str)]) -> Logins {
        use base64::Engine;
        let auths: serde_json::Map<String, serde_json::Value> = all
            .iter()
            .map(|(host, login)| {
                ((*host).to_owned(), serde_json::json!({"auth": super::logins::BASE64.encode(login)}))
            })
            .collect();
        let path = self.path("auth.json");
        let text = serde_json::json!({"auths": auths}).to_string();
        std::fs::File::create(&path).unwrap().write_all(text.as_bytes()).unwrap();
        Logins::in_order(&[path]).unwrap()
    }

    fn pull(&self, text: &[u8]) -> Result<Pulled, RegistryError> {
        self.registry().pull_blob(&Digest::of(text), text.len() as u64, &self.layout, &mut |_| {})
    }

    /// What lies in the layout but its two files.
    fn left(&self) -> Vec<String> {
        let mut found = Vec::new();
        for directory in ["blobs/sha256", ".incoming"] {
            let Ok(entries) = self.layout.path().join(directory).read_dir_utf8() else { continue };
            found.extend(entries.map(|entry| format!("{directory}/{}", entry.unwrap().file_name())));
        }
        found
    }
}

/// One line, whatever the server sent.
fn text(error: &RegistryError) -> String {
    let text = error.to_string();
    assert!(!text.contains(['\n', '\r', '\u{1b}']) && text.len() < 1000, "{text}");
    text
}

fn noise(seed: u64, size: usize) -> Vec<u8> {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut bytes = vec![0; size];
    random.fill(&mut bytes);
    bytes
}
