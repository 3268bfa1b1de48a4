//! What boots in a proof: an image, or what a pool or a node on record has.

use super::What;
use crate::{
    cli::request::Session,
    failure,
    nodes::{PoolBoot, PoolName, node_path, pool_path},
    prove::NodeName,
    records::file_names::BOOT_FILE,
    system::atomic_file,
    versions::VersionReference,
};
use camino::Utf8PathBuf;
use disklessset_plugin_api::{Error, Result};

/// By which a boot file leads to the tree of a node of its own.
const OWN_TREE: &str = "${hostname}";

/// The most of a boot file that is read.
const MOST_BYTES: u64 = 1 << 20;

/// An image, and how a machine comes to it.
pub(super) struct Target {
    /// The image or version.
    pub(super) version: VersionReference,
    /// The file that a machine begins with, when that is not the image's own.
    pub(super) begins_at: Option<Utf8PathBuf>,
    /// The file that has the lines of the boot file, when that is not the image's own: of a version that is named.
    pub(super) text_in: Option<Utf8PathBuf>,
    /// The node whose own tree is booted, which changes it.
    pub(super) own_tree: Option<NodeName>,
}

impl Target {
    /// Finds out what is to boot.
    ///
    /// # Errors
    /// When there is no such node or pool, or it boots no image.
    pub(super) fn of(what: &What, session: &Session) -> Result<Self> {
        match what {
            What::Image(version) => {
                Ok(Self { version: version.clone(), begins_at: None, text_in: None, own_tree: None })
            }
            What::Pool(pool) => Self::of_pool(pool, session),
            What::Node(node) => Self::of_node(node, session),
        }
    }

    fn of_pool(pool: &PoolName, session: &Session) -> Result<Self> {
        let shown = session.nodes().show_pool(pool)?;
        let version = image_of(shown.image, shown.boot, &format!("pool {pool}"))?;
        let file = file_of_pool(pool, session);
        Ok(Self {
            text_in: version.version.is_some().then(|| file.clone()),
            begins_at: Some(file),
            version,
            own_tree: None,
        })
    }

    fn of_node(name: &NodeName, session: &Session) -> Result<Self> {
        let shown = session.nodes().boot_of(name)?;
        let version = image_of(shown.image, shown.boot, &format!("node {}", shown.node))?;
        let own = session.site.layout().boot_dir().join(node_path(&shown.node));
        let of_version = shown.pool.as_ref().map_or_else(|| own.clone(), |pool| file_of_pool(pool, session));
        let has_own_tree = text_of(&version, session)?.contains(OWN_TREE);
        Ok(Self {
            text_in: version.version.is_some().then_some(of_version),
            begins_at: Some(own),
            version,
            own_tree: has_own_tree.then_some(shown.node),
        })
    }
}

fn image_of(image: Option<VersionReference>, boot: PoolBoot, who: &str) -> Result<VersionReference> {
    match (image, boot) {
        (Some(image), PoolBoot::Image) => Ok(image),
        (_, PoolBoot::Local) => Err(Error::refused(format!("{who} boots from its own disk"))),
        (None, PoolBoot::Image) => {
            Err(Error::refused(format!("{who} has no image")).hint("disklessset pool set POOL --image NAME"))
        }
    }
}

/// The boot file that is reached in the end. Of a missing one the proof tells.
fn text_of(version: &VersionReference, session: &Session) -> Result<String> {
    if version.version.is_some() {
        return session.images().boot_file_of_version(version);
    }
    let file = session.site.layout().image_dir(version.image.as_str()).join(BOOT_FILE);
    match atomic_file::read_bounded(&file, MOST_BYTES) {
        Ok(bytes) => Ok(String::from_utf8_lossy(&bytes).into_owned()),
        Err(error) if error.is_not_found() => Ok(String::new()),
        Err(error) => Err(failure::of(error)),
    }
}

fn file_of_pool(pool: &PoolName, session: &Session) -> Utf8PathBuf {
    session.site.layout().boot_dir().join(pool_path(pool))
}
