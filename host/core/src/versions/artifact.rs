//! A version as a manifest: what goes into it, and what is read from it.

use super::{
    MadeFrom,
    config::{self, Config},
};
use disklessset_oci::{
    manifest::{ARTIFACT_TYPE, Artifact, Blob, CONFIG_TYPE, FILE_TYPE, ManifestError, Title},
    names::{Digest, from_ref_name, to_ref_name},
};
use disklessset_plugin_api::{Attributes, Error, Result};
use std::collections::BTreeMap;

/// The annotation with the text of the boot file, without what belongs to one server.
const BOOT_FILE: &str = "vnd.disklessset.boot-file";

/// The annotation with the name of the image that it was made of.
const IMAGE: &str = "vnd.disklessset.image";
/// The annotation with the architecture, in the words of container images.
const ARCHITECTURE: &str = "vnd.disklessset.architecture";

/// A file that a version has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FileOfVersion {
    /// Its content.
    pub(crate) digest: Digest,
    /// Bytes in it.
    pub(crate) size: u64,
}

/// The files of a version by their names: paths below the image's directory, and names in the directory of kernels.
pub(crate) type FilesByName = BTreeMap<String, FileOfVersion>;

/// A version that is to be made.
#[derive(Debug)]
pub(crate) struct Draft<'a> {
    /// The image's name.
    pub(crate) image: &'a str,
    /// The action that makes it.
    pub(crate) action: &'a str,
    /// The image's class.
    pub(crate) class: &'a str,
    /// The version of its kernel.
    pub(crate) kernel: Option<&'a str>,
    /// When it is made.
    pub(crate) date: jiff::Timestamp,
    /// What nodes fetch.
    pub(crate) files: &'a FilesByName,
    /// The boot file as the class and the signing of kernels make it.
    pub(crate) boot_file: &'a str,
    /// The image's record.
    pub(crate) record: &'a str,
    /// What it is made from: it stays on this server.
    pub(crate) made_from: Option<&'a MadeFrom>,
    /// The image's attributes, of which the listed ones become public.
    pub(crate) attributes: &'a Attributes,
}

/// The name of the image that a version was made of.
pub(crate) fn image_of(artifact: &Artifact) -> Option<&str> {
    artifact.annotations().get(IMAGE).map(String::as_str)
}

impl Draft<'_> {
    /// The text of its configuration.
    pub(crate) fn config(&self) -> Result<Vec<u8>> {
        Ok(serde_json::to_vec(&Config {
            image: self.image.to_owned(),
            class: self.class.to_owned(),
            action: self.action.to_owned(),
            created: created(self.date),
            architecture: architecture().to_owned(),
            kernel: self.kernel.map(str::to_owned),
            attributes: config::public(self.attributes),
        })?)
    }

    /// Its manifest.
    pub(crate) fn artifact(&self) -> Result<Artifact> {
        let config = self.config()?;
        let config = Blob {
            media_type: CONFIG_TYPE.to_owned(),
            digest: Digest::of(&config),
            size: config.len() as u64,
        };
        let mut artifact = Artifact::new(ARTIFACT_TYPE, config).map_err(of_manifest)?;
        for (name, file) in self.files {
            let blob = Blob { media_type: FILE_TYPE.to_owned(), digest: file.digest, size: file.size };
            artifact.add_file(title_of(name)?, blob).map_err(of_manifest)?;
        }
        artifact.annotate("org.opencontainers.image.created", &created(self.date));
        artifact.annotate(IMAGE, self.image);
        artifact.annotate("vnd.disklessset.class", self.class);
        artifact.annotate("vnd.disklessset.action", self.action);
        artifact.annotate(ARCHITECTURE, architecture());
        if let Some(kernel) = self.kernel {
            artifact.annotate("vnd.disklessset.kernel", kernel);
        }
        artifact.annotate(BOOT_FILE, self.boot_file);
        Ok(artifact)
    }
}

/// The files of a version by their names.
pub(super) fn files(artifact: &Artifact) -> Result<FilesByName> {
    let file = |(title, blob): (&Title, &Blob)| {
        Ok((name_of(title)?, FileOfVersion { digest: blob.digest, size: blob.size }))
    };
    artifact.files().iter().map(file).collect()
}

/// The files and the text of the boot file of a version that is not in the layout yet.
pub(crate) fn contents(artifact: &Artifact) -> Result<(FilesByName, &str)> {
    Ok((files(artifact)?, boot_file(artifact).unwrap_or_default()))
}

/// The text of the boot file of a version.
pub(super) fn boot_file(artifact: &Artifact) -> Option<&str> {
    artifact.annotations().get(BOOT_FILE).map(String::as_str)
}

/// The architecture that a version is for, if it says.
pub(super) fn architecture_of(artifact: &Artifact) -> Option<&str> {
    artifact.annotations().get(ARCHITECTURE).map(String::as_str)
}

/// The architecture of what is made here, in the words of container images.
pub(super) fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

fn created(date: jiff::Timestamp) -> String {
    date.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// A title has no slash and no dot in front: what has is escaped as names of images are.
fn title_of(name: &str) -> Result<Title> {
    let plain = !name.contains("_x");
    let title = name.parse::<Title>().ok().filter(|_| plain).map_or_else(|| to_ref_name(name).parse(), Ok);
    title.map_err(of_manifest)
}

fn name_of(title: &Title) -> Result<String> {
    let text = title.as_str();
    if !text.contains("_x") {
        return Ok(text.to_owned());
    }
    let name = from_ref_name(text).map_err(|cause| Error::failed(cause.to_string()))?;
    let plain = |part: &str| !matches!(part, "" | "." | "..");
    match name.split('/').all(plain) && !name.chars().any(char::is_control) {
        true => Ok(name),
        false => Err(Error::failed(format!("the name of a file of a version leads elsewhere: {text}"))),
    }
}

pub(super) fn of_manifest(error: ManifestError) -> Error {
    Error::failed(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_draft_becomes_a_manifest_and_is_read_from_it() {
        let file = |text: &[u8]| FileOfVersion { digest: Digest::of(text), size: text.len() as u64 };
        let files = FilesByName::from([
            ("squashfs.img".to_owned(), file(b"root")),
            ("sub/.hidden".to_owned(), file(b"hidden")),
            ("odd_x41".to_owned(), file(b"odd")),
        ]);
        let attributes =
            Attributes::from([("selinux".to_owned(), true.into()), ("password".to_owned(), "secret".into())]);
        let draft = Draft {
            image: "web01",
            action: "create",
            class: "LivenetImage",
            kernel: Some("6.1"),
            date: jiff::Timestamp::from_second(1_700_000_000).unwrap(),
            files: &files,
            boot_file: "#!ipxe\nboot\n",
            record: "image_data: {password: secret}\n",
            made_from: None,
            attributes: &attributes,
        };
        let artifact = draft.artifact().unwrap();
        assert_eq!(super::files(&artifact).unwrap(), files);
        assert_eq!(boot_file(&artifact), Some("#!ipxe\nboot\n"));
        let text = String::from_utf8(artifact.to_bytes().unwrap()).unwrap();
        assert!(text.contains("2023-11-14T22:13:20Z") && !text.contains("secret"), "{text}");
        let config = String::from_utf8(draft.config().unwrap()).unwrap();
        assert!(config.contains(r#""selinux":true"#) && !config.contains("secret"), "{config}");
    }

    #[test]
    fn names_of_files_that_lead_elsewhere_are_refused() {
        for name in ["../etc/passwd", "a/../b", "/etc", "a//b"] {
            let title = to_ref_name(name).parse().unwrap();
            assert!(name_of(&title).is_err(), "{name}");
        }
    }
}
