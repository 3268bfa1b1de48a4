//! A version from elsewhere: what anybody may have written, checked before anything of it is taken in.

use super::{
    Addresses, FilesByName, Marker,
    artifact::{self, of_manifest},
    config::Config,
};
use crate::system::layout::Layout;
use disklessset_oci::{
    manifest::{ARTIFACT_TYPE, Artifact, Blob, TREE_TYPE},
    names::Digest,
};
use disklessset_plugin_api::{Attributes, Error, ImageName, Kernel, KernelVersion, Result};

/// The most that a boot file has, in bytes.
const MOST_OF_BOOT_FILE: usize = 64 << 10;

/// A version from elsewhere, of which the manifest and the configuration are here.
#[derive(Debug)]
pub struct Incoming {
    /// As it came: with the OS tree, where it has one beside the files that nodes fetch.
    received: Vec<u8>,
    tree: Option<Blob>,
    pub(super) manifest: Vec<u8>,
    pub(super) artifact: Artifact,
    pub(super) configuration: Vec<u8>,
    pub(super) config: Config,
    pub(super) files: FilesByName,
    boot_file: String,
    image: ImageName,
    kernel: Option<Kernel>,
    pub(super) date: jiff::Timestamp,
}

fn unusable(why: impl std::fmt::Display) -> Error {
    Error::refused(format!("the version cannot be used: {why}"))
}

impl Incoming {
    /// From a manifest, and the configuration that it names.
    ///
    /// # Errors
    /// What cannot be used of it, in one line.
    pub fn parse(received: Vec<u8>, configuration: Vec<u8>) -> Result<Self> {
        let mut artifact = Artifact::parse(&received, ARTIFACT_TYPE).map_err(of_manifest)?;
        let tree = tree_of(&mut artifact)?;
        let manifest = match tree {
            Some(_) => artifact.to_bytes().map_err(of_manifest)?,
            None => received.clone(),
        };
        if Digest::of(&configuration) != artifact.config().digest {
            return Err(unusable("its configuration is another one than its manifest names"));
        }
        let config = Config::parse(&configuration)?;
        let image = ImageName::parse(&config.image).map_err(unusable)?;
        let kernel = config.kernel.as_deref().map(KernelVersion::parse).transpose().map_err(unusable)?;
        let boot_file = artifact::boot_file(&artifact).unwrap_or_default();
        let plain = |c: char| !c.is_control() || c == '\n' || c == '\t';
        // What comes before the class's own lines is put behind the first one.
        let is_script = boot_file.starts_with("#!ipxe\n") && boot_file.chars().all(plain);
        if !is_script || boot_file.len() > MOST_OF_BOOT_FILE || Marker::find(boot_file).is_some() {
            return Err(unusable("it has no boot file, or one that is none"));
        }
        if artifact::architecture_of(&artifact).is_some_and(|told| told != config.architecture) {
            return Err(unusable("its manifest and its configuration tell of two architectures"));
        }
        let (files, date) = (artifact::files(&artifact)?, config.date()?);
        let boot_file = boot_file.to_owned();
        let kernel = kernel.map(Kernel::new);
        Ok(Self {
            received,
            tree,
            manifest,
            artifact,
            configuration,
            config,
            files,
            boot_file,
            image,
            kernel,
            date,
        })
    }

    /// Its manifest's digest, which is what it is.
    pub fn digest(&self) -> Digest {
        Digest::of(&self.manifest)
    }

    /// The bytes of its manifest as it came, which is what a signature is about.
    pub fn received(&self) -> &[u8] {
        &self.received
    }

    /// Its OS tree, where that came beside the files that nodes fetch. It is no part of the version.
    pub fn tree(&self) -> Option<&Blob> {
        self.tree.as_ref()
    }

    /// What its manifest has.
    pub fn artifact(&self) -> &Artifact {
        &self.artifact
    }

    /// The name of the image where it was made.
    pub fn image(&self) -> &ImageName {
        &self.image
    }

    /// The class of the image.
    pub(crate) fn class(&self) -> &str {
        &self.config.class
    }

    /// The architecture.
    pub(crate) fn architecture(&self) -> &str {
        &self.config.architecture
    }

    /// That of this server, where it is another one.
    pub(crate) fn is_foreign_to(&self) -> Option<&'static str> {
        let own = artifact::architecture();
        (self.config.architecture != own).then_some(own)
    }

    /// Its kernel.
    pub(crate) fn kernel(&self) -> Option<&Kernel> {
        self.kernel.as_ref()
    }

    /// The attributes of the image that everybody may know.
    pub(crate) fn attributes(&self) -> &Attributes {
        &self.config.attributes
    }

    /// Its files by their names.
    pub(crate) fn files(&self) -> &FilesByName {
        &self.files
    }

    /// Its boot file, without what belongs to one server.
    pub(crate) fn boot_file(&self) -> &str {
        &self.boot_file
    }

    /// Refuses a boot file that would lead nodes elsewhere: to blobs in another place than they have here, or to files of an image of
    /// another name.
    ///
    /// # Errors
    /// Where it leads.
    pub(crate) fn must_lead_here(&self, name: &ImageName, layout: &Layout) -> Result<()> {
        let by_digest = self.boot_file.contains("/blobs/sha256/");
        if by_digest && !Addresses::of(&self.files, layout).are_named_in(&self.boot_file) {
            return Err(unusable(
                "its boot file has nodes fetch blobs from another place than they have here",
            )
            .hint("set oci_directory to a place below the HTTP root that is called as where it was made"));
        }
        let by_name = format!("/{}/", self.image);
        if name != &self.image && self.boot_file.contains(&by_name) {
            let text = format!("its boot file names files of an image {}", self.image);
            return Err(unusable(text).hint(format!("pull it as {}", self.image)));
        }
        Ok(())
    }
}

/// The OS tree beside the files that nodes fetch. Without it, the manifest is that of the version.
fn tree_of(artifact: &mut Artifact) -> Result<Option<Blob>> {
    let mut trees = artifact.take_files(TREE_TYPE).into_iter();
    let tree = trees.next();
    if trees.next().is_some() {
        return Err(unusable("it has several OS trees"));
    }
    let is_file = |tree: &Blob| artifact.blobs().any(|blob| blob.digest == tree.digest);
    match tree.as_ref().is_some_and(is_file) {
        true => Err(unusable("its OS tree is a file that nodes fetch, too")),
        false => Ok(tree),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use disklessset_oci::manifest::{Blob, CONFIG_TYPE, FILE_TYPE};

    const CONFIG: &str = r#"{"image":"web01","class":"LivenetImage","action":"create","created":"2026-11-30T00:00:00Z","architecture":"amd64","kernel":"6.1","attributes":{"layout":"flat"}}"#;

    fn made(config: &str, boot_file: &str, file: &str) -> Result<Incoming> {
        let blob = |text: &str, kind: &str| Blob {
            media_type: kind.to_owned(),
            digest: Digest::of(text.as_bytes()),
            size: text.len() as u64,
        };
        let mut artifact = Artifact::new(ARTIFACT_TYPE, blob(config, CONFIG_TYPE)).unwrap();
        artifact.add_file(file.parse().unwrap(), blob("root", FILE_TYPE)).unwrap();
        artifact.annotate("vnd.disklessset.boot-file", boot_file);
        artifact.annotate("vnd.disklessset.architecture", "amd64");
        Incoming::parse(artifact.to_bytes().unwrap(), config.as_bytes().to_vec())
    }

    #[test]
    fn a_version_is_read_with_all_that_is_known_of_it() {
        let incoming = made(CONFIG, "#!ipxe\nboot\n", "squashfs.img").unwrap();
        assert_eq!((incoming.image().as_str(), incoming.class()), ("web01", "LivenetImage"));
        assert_eq!(incoming.kernel().unwrap().vmlinuz(), "vmlinuz-6.1");
        assert_eq!(incoming.attributes().len(), 1);
        assert!(incoming.files().contains_key("squashfs.img"));
    }

    #[test]
    fn a_tree_is_beside_the_version_and_no_part_of_it() {
        let with = |trees: &[&str]| {
            let bare = made(CONFIG, "#!ipxe\nboot\n", "vmlinuz-6.1").unwrap();
            let mut artifact = bare.artifact().clone();
            for tree in trees {
                let (digest, size) = (Digest::of(tree.as_bytes()), tree.len() as u64);
                let blob = Blob { media_type: TREE_TYPE.to_owned(), digest, size };
                artifact.add_file(format!("{tree}.tar").parse().unwrap(), blob).unwrap();
            }
            let found = Incoming::parse(artifact.to_bytes().unwrap(), CONFIG.as_bytes().to_vec());
            (bare, found)
        };
        let (bare, found) = with(&["tree"]);
        let found = found.unwrap();
        assert_eq!(found.tree().map(|tree| tree.digest), Some(Digest::of(b"tree")));
        assert_eq!((found.digest(), found.files()), (bare.digest(), bare.files()));
        assert!(found.received() != bare.received());
        assert!(with(&["one", "two"]).1.is_err());
        assert!(with(&["root"]).1.is_err(), "a file of the version has that content");
    }

    #[test]
    fn what_cannot_be_used_is_refused_in_one_line() {
        let marker = format!("#!ipxe\n# disklessset: this is web01@1 {}\n", Digest::of(b""));
        for (config, boot_file, file) in [
            (CONFIG, "", "a"),
            (CONFIG, "boot\n", "a"),
            (CONFIG, "#!ipxe\n\u{1b}[2J", "a"),
            (CONFIG, marker.as_str(), "a"),
            (CONFIG, "#!ipxe\n", "_x2e_x2e_x2fetc"),
            (&CONFIG.replace("amd64", "arm64"), "#!ipxe\n", "a"),
            (&CONFIG.replace("web01", "../web01"), "#!ipxe\n", "a"),
            (&CONFIG.replace("2026-11-30T00:00:00Z", "yesterday"), "#!ipxe\n", "a"),
        ] {
            let error = made(config, boot_file, file).expect_err("refused").to_string();
            assert!(!error.contains('\n') && error.len() < 400, "{error}");
        }
    }

    #[test]
    fn a_boot_file_that_leads_elsewhere_is_refused() {
        let layout = Layout::builder().build().unwrap();
        let (own, other) = (ImageName::parse("web01").unwrap(), ImageName::parse("b").unwrap());
        let digest = Digest::of(b"root");
        let here = format!("#!ipxe\nkernel ${{diskless-base}}/oci/blobs/sha256/{}\n", digest.hex());
        let incoming = made(CONFIG, &here, "squashfs.img").unwrap();
        assert!(incoming.must_lead_here(&own, &layout).is_ok());
        assert!(incoming.must_lead_here(&other, &layout).is_ok());
        let elsewhere = made(CONFIG, &here.replace("/oci/", "/store/"), "squashfs.img").unwrap();
        assert!(elsewhere.must_lead_here(&own, &layout).is_err());
        let by_name = made(CONFIG, "#!ipxe\nkernel http://h/images/web01/k\n", "k").unwrap();
        assert!(by_name.must_lead_here(&own, &layout).is_ok());
        assert!(by_name.must_lead_here(&other, &layout).is_err());
    }
}
