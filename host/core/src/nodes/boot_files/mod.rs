//! The boot files of nodes and pools: what they must be by the record, and how the disk comes to that.
//!
//! A node fetches `entry.ipxe`, which leads to the file of the node or, for one that nobody knows, to that of the pool `default`. The file of a
//! node says who it is and leads to the file of its pool, which leads to the image: so a release to a pool is one small file.

mod disk;
mod faults;
mod lines;
mod names;
mod pinned;

pub(super) use disk::{BootFilesOnDisk, bring, has_entry};
pub(super) use faults::{faults, faults_of_received, faults_of_release};
pub(super) use pinned::{Chosen, named_versions, uses};

use super::{Inventory, KernelParameters, Node, Pool, PoolBoot, PoolName};
use crate::{Site, versions};
use camino::Utf8PathBuf;
use disklessset_plugin_api::{Error, Result, node_set::NodeName};
use lines::{Lines, parameters_line};
use std::{collections::BTreeMap, rc::Rc};

/// The files by their paths below the directory of boot files.
pub(super) type Wanted = BTreeMap<Utf8PathBuf, Rc<str>>;

/// Where every node begins.
pub(super) const ENTRY: &str = "entry.ipxe";
/// The files of nodes by their cards.
pub(super) const BY_MAC: &str = "mac";
/// The files of nodes by their names.
pub(super) const BY_NAME: &str = "name";
/// The files of pools.
pub(super) const POOLS: &str = "pool";

/// Where nodes report, below the directory that they fetch from. A web server that knows nothing of it answers that there is no such file.
pub const REPORT: &str = "report";

/// Makes the texts of boot files for one site.
pub(super) struct BootFiles<'s> {
    site: &'s Site,
    lines: Lines,
}

impl<'s> BootFiles<'s> {
    /// Those of a site.
    ///
    /// # Errors
    /// When nodes cannot get to the directory of boot files or of images.
    pub(super) fn of(site: &'s Site) -> Result<Self> {
        let lines = Lines::of(&site.layout, &site.configuration).ok_or_else(|| {
            let directory = site.layout.published(&site.layout.boot_dir());
            Error::refused(format!("nodes cannot fetch from {directory}: it is not served with the images"))
                .hint("set boot_directory in the configuration to a directory beside images_directory")
        })?;
        Ok(Self { site, lines })
    }

    /// What all files must be.
    ///
    /// # Errors
    /// When a version that is named cannot be read.
    pub(super) fn wanted(&self, inventory: &Inventory) -> Result<Wanted> {
        let mut wanted = Wanted::from([(ENTRY.into(), self.lines.entry().into())]);
        for (name, pool) in inventory.pools() {
            wanted.insert(pool_path(name), self.pool(name, pool)?.into());
        }
        let names = names::of_all(inventory, self.site.configuration.domain());
        for (name, node) in inventory.nodes() {
            let text: Rc<str> = self.node(inventory, name, node)?.into();
            for mac in &node.mac {
                wanted.insert(format!("{BY_MAC}/{}.ipxe", mac.with_hyphens()).into(), Rc::clone(&text));
            }
            for called in names.get(name).into_iter().flatten() {
                wanted.insert(format!("{BY_NAME}/{called}.ipxe").into(), Rc::clone(&text));
            }
        }
        Ok(wanted)
    }

    /// The file of a node.
    pub(super) fn node(&self, inventory: &Inventory, name: &NodeName, node: &Node) -> Result<String> {
        let words = node_words(name, &node.kernel_parameters);
        let mut head = format!("set hostname {name}\nset diskless-node {name}\n");
        for (variable, value) in &node.variables {
            head.push_str(&format!("set {variable} {value}\n"));
        }
        head.push_str(&format!("set diskless-node-parameters {words}\n"));
        let title = format!("node {name}");
        match (&node.image, inventory.pool_of(node)) {
            (Some(image), _) => {
                head.push_str(&parameters_line(false, &KernelParameters::default()));
                self.image(&title, &head, &Chosen::find(self.site, image)?)
            }
            (None, Some((pool, _))) => Ok(self.lines.leading_to_pool(&title, &head, pool.as_str())),
            (None, None) => {
                let why = format!("Node {name} is in no pool, and there is no pool default");
                Ok(self.lines.leading_nowhere(&title, &head, &why))
            }
        }
    }

    /// The file of a pool.
    pub(super) fn pool(&self, name: &PoolName, pool: &Pool) -> Result<String> {
        let title = format!("pool {name}");
        let head =
            format!("set diskless-pool {name}\n{}", parameters_line(pool.bootif, &pool.kernel_parameters));
        match (pool.boot, &pool.image) {
            (PoolBoot::Local, _) => Ok(self.lines.local(&title)),
            (PoolBoot::Image, Some(image)) => self.image(&title, &head, &Chosen::find(self.site, image)?),
            (PoolBoot::Image, None) => {
                Ok(self.lines.leading_nowhere(&title, &head, &format!("Pool {name} has no image")))
            }
        }
    }

    fn image(&self, title: &str, head: &str, chosen: &Chosen) -> Result<String> {
        Ok(match chosen {
            Chosen::Current(image) => self.lines.leading_to_image(title, head, image.as_str()),
            Chosen::Version { marker, text } => {
                // The head sets the parameters anew, in each try.
                let head = format!("# disklessset: {title}\n{head}{}", versions::version_line(marker));
                let text = lines::with_head(text, &head);
                let (layout, configuration) = (&self.site.layout, &self.site.configuration);
                versions::with_prelude(&text, Some(marker), layout, configuration)
            }
            Chosen::Missing(reference) => {
                self.lines.leading_nowhere(title, head, &format!("There is no version {reference}"))
            }
        })
    }
}

/// The script that waits for a boot server which starts after its nodes, and leads to where every node begins.
///
/// # Errors
/// When nodes cannot get to the directory of boot files or of images.
pub fn waiting_script(site: &Site) -> Result<String> {
    Ok(BootFiles::of(site)?.lines.waiting())
}

/// The path of the file of a pool, below the directory of boot files.
pub fn pool_path(name: &PoolName) -> Utf8PathBuf {
    format!("{POOLS}/{name}.ipxe").into()
}

/// The path of the file of a node by its name, below the directory of boot files. Every node has one.
pub fn node_path(name: &NodeName) -> Utf8PathBuf {
    format!("{BY_NAME}/{name}.ipxe").into()
}

/// The kernel parameters that are a node's alone: its name, whom to tell that it is up, and its own.
fn node_words(name: &NodeName, own: &KernelParameters) -> String {
    let report = format!("{}/{REPORT}", versions::BASE);
    let words = format!("systemd.hostname={name} disklessset.node={name} disklessset.report={report} {own}");
    words.trim_end().to_owned()
}
