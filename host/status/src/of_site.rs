//! What the site's own files say, read anew where they changed.

use crate::known::{FileKind, FileOfVersions, Known, NodeFacts, VersionFacts};
use camino::Utf8Path;
use disklessset_core::{
    nodes::{Inventory, Node, NodeFile, PoolBoot, node_path, pool_path},
    system::layout::Layout,
    versions::{Part, PublishedVersion, PublishedVersions, VersionReference, VersionWord, markers_in},
};
use disklessset_oci::names::Digest;
use disklessset_plugin_api::{Result, node_set::NodeName};
use std::{
    collections::{BTreeMap, HashMap},
    os::unix::fs::MetadataExt,
};

/// The most of a boot file that is looked at.
const MOST_BOOT_FILE: u64 = 1 << 20;

/// Reads nodes, pools and versions of a site.
#[derive(Debug)]
pub struct SiteFiles {
    layout: Layout,
    inventory: Option<(Stamp, Inventory)>,
    versions: PublishedVersions,
}

/// How a file looked: a rename gives it another inode.
type Stamp = Option<(u64, u64, i64, i64)>;

impl SiteFiles {
    /// Those of a site.
    pub fn of(layout: Layout) -> Self {
        Self { layout, inventory: None, versions: PublishedVersions::default() }
    }

    /// What they say now.
    ///
    /// # Errors
    /// When one of them cannot be read or understood.
    pub fn read(&mut self) -> Result<Known> {
        let stamp = stamp_of(&self.layout);
        let is_new = self.inventory.as_ref().is_none_or(|(seen, _)| *seen != stamp);
        if is_new {
            self.inventory = Some((stamp, NodeFile::of(&self.layout).load()?));
        }
        let published = self.versions.read(&self.layout)?;
        let empty = Inventory::default();
        let inventory = self.inventory.as_ref().map_or(&empty, |(_, inventory)| inventory);
        let assigned = Assigned { published: &published, layout: &self.layout };
        let nodes = inventory
            .nodes()
            .iter()
            .map(|(name, node)| (name.clone(), facts(inventory, name, node, &assigned)));
        Ok(Known::new(nodes.collect(), versions(&published), files(&published)))
    }
}

fn stamp_of(layout: &Layout) -> Stamp {
    let found = std::fs::metadata(layout.nodes_file()).ok()?;
    Some((found.ino(), found.size(), found.mtime(), found.mtime_nsec()))
}

/// Which manifest a reference means.
struct Assigned<'a> {
    published: &'a [PublishedVersion],
    layout: &'a Layout,
}

impl Assigned<'_> {
    /// `boot_file` is the one that was made of the reference: where tags are is nobody's to read.
    fn digest(&self, reference: &VersionReference, boot_file: &Utf8Path) -> Option<Digest> {
        let of_image = |version: &&PublishedVersion| version.name.name() == reference.image.as_str();
        let mut versions = self.published.iter().filter(of_image);
        match &reference.version {
            None => versions.find(|version| version.is_current),
            Some(VersionWord::Number(number)) => versions.find(|version| version.name.number() == *number),
            Some(VersionWord::Tag(_)) => {
                let path = self.layout.boot_dir().join(boot_file);
                let text = disklessset_system::durable::read_bounded(&path, MOST_BOOT_FILE).ok()?;
                let markers = markers_in(&String::from_utf8_lossy(&text));
                versions.find(|version| markers.contains(&version.digest))
            }
        }
        .map(|version| version.digest)
    }
}

fn facts(inventory: &Inventory, name: &NodeName, node: &Node, assigned: &Assigned<'_>) -> NodeFacts {
    let pool = inventory.pool_of(node);
    let digest = match (pool, &node.image) {
        (Some((_, pool)), _) if pool.boot == PoolBoot::Local => None,
        (Some((pool_name, pool)), _) => {
            pool.image.as_ref().and_then(|image| assigned.digest(image, &pool_path(pool_name)))
        }
        (None, Some(image)) => assigned.digest(image, &node_path(name)),
        (None, None) => None,
    };
    NodeFacts {
        pool: pool.map(|(name, _)| name.to_string()),
        assigned: digest,
        macs: node.mac.iter().map(|mac| mac.with_hyphens()).collect(),
        aliases: node.alias.iter().map(ToString::to_string).collect(),
        address: node.address.map(|address| address.ip()),
    }
}

fn versions(published: &[PublishedVersion]) -> HashMap<Digest, VersionFacts> {
    let version = |of: &PublishedVersion| {
        let size = of.files.iter().map(|file| file.size).sum();
        (of.digest, VersionFacts { name: of.name.clone(), is_current: of.is_current, size })
    };
    published.iter().map(version).collect()
}

fn files(published: &[PublishedVersion]) -> HashMap<Digest, FileOfVersions> {
    let mut files: HashMap<Digest, FileOfVersions> = HashMap::new();
    let in_order: BTreeMap<_, _> =
        published.iter().map(|of| ((of.name.name(), of.name.number().get()), of)).collect();
    for version in in_order.into_values() {
        for file in version.files.iter() {
            let kind = match file.part {
                Part::Kernel => FileKind::Kernel,
                Part::Initramfs => FileKind::Initramfs,
                Part::Root => FileKind::Root,
            };
            let of =
                files.entry(file.digest).or_insert_with(|| FileOfVersions { kind, versions: Vec::new() });
            of.versions.push(version.digest);
        }
    }
    files
}
