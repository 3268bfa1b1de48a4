//! What nodes and pools name that cannot be booted so.

use super::{
    lines::{LONGEST_BOOTIF, with_head},
    node_words,
    pinned::Chosen,
};
use crate::{
    Site, failure,
    nodes::{Inventory, KernelParameters, Node},
    records::{Records, refusals::no_such_image},
    system::atomic_file,
    versions::{self, BOOT_FILE, VersionReference},
};
use disklessset_plugin_api::{Error, ErrorKind, ImageName, Result, node_set::NodeName};
use std::collections::BTreeMap;

/// The most bytes that the kernel reads of its line.
const LONGEST_LINE: usize = 2048;
/// The most that is read of a boot file.
const MOST_BYTES: u64 = 1 << 20;

/// What is wrong, by who names it: images and versions that are not there, and kernel lines that get too long.
///
/// # Errors
/// When what is on record of images cannot be read.
pub(in crate::nodes) fn faults(site: &Site, inventory: &Inventory) -> Result<BTreeMap<String, Error>> {
    faults_with(site, inventory, BTreeMap::new())
}

/// The same, should the current version of an image be the one with this boot file: what is wrong then and is not now, of those that follow
/// the image.
///
/// # Errors
/// As for [`faults`].
pub(in crate::nodes) fn faults_of_release(
    site: &Site,
    inventory: &Inventory,
    image: &ImageName,
    text: &str,
) -> Result<BTreeMap<String, Error>> {
    let known = faults(site, inventory)?;
    let released = VersionReference::from(image.clone()).to_string();
    let mut found =
        faults_with(site, inventory, [(released, Ok(longest_line(site, &with_head(text, ""))))].into())?;
    found.retain(|who, _| !known.contains_key(who));
    Ok(found)
}

/// The same for nodes and pools of another server, before their images are here. `text_of` has the boot file of what one of them names.
///
/// # Errors
/// As for [`faults`].
pub(in crate::nodes) fn faults_of_received(
    site: &Site,
    inventory: &Inventory,
    text_of: &dyn Fn(&VersionReference) -> Option<String>,
) -> Result<BTreeMap<String, Error>> {
    let length = |named: &VersionReference| match text_of(named) {
        Some(text) => Ok(longest_line(site, &with_head(&text, ""))),
        None => Err(Error::refused(format!("none of the repositories has {named}"))),
    };
    let lengths = inventory.references().map(|named| (named.to_string(), length(named))).collect();
    faults_with(site, inventory, lengths)
}

/// With the kernel lines of images that are known already.
fn faults_with(
    site: &Site,
    inventory: &Inventory,
    mut lengths: BTreeMap<String, Result<usize>>,
) -> Result<BTreeMap<String, Error>> {
    let mut longest: BTreeMap<Option<&str>, usize> = BTreeMap::new();
    for (name, node) in inventory.nodes().iter().filter(|(_, node)| node.image.is_none()) {
        let pool = inventory.pool_of(node).map(|(pool, _)| pool.as_str());
        let words = length_of_words(site, name, node);
        let most = longest.entry(pool).or_default();
        *most = words.max(*most);
    }
    let mut faults = BTreeMap::new();
    for (name, pool) in inventory.pools() {
        let Some(image) = &pool.image else { continue };
        let of_nodes = longest.get(&Some(name.as_str())).copied().unwrap_or_default();
        let bootif = if pool.bootif { LONGEST_BOOTIF } else { 0 };
        let more = of_nodes + bootif + length_of(&pool.kernel_parameters);
        check(site, &mut lengths, format!("pool {name}"), image, more, &mut faults);
    }
    let own = |node: &Node| node.image.clone();
    for (name, node, image) in
        inventory.nodes().iter().filter_map(|(name, node)| Some((name, node, own(node)?)))
    {
        let more = length_of_words(site, name, node);
        check(site, &mut lengths, format!("node {name}"), &image, more, &mut faults);
    }
    Ok(faults)
}

/// What a node's own words add to a kernel line, with the blank before them.
fn length_of_words(site: &Site, name: &NodeName, node: &Node) -> usize {
    let words = node_words(name, &node.kernel_parameters);
    versions::expanded(&words, &site.layout, &site.configuration).len() + 1
}

fn length_of(parameters: &KernelParameters) -> usize {
    if parameters.is_empty() { 0 } else { parameters.as_str().len() + 1 }
}

/// Looks at one that names an image; each image is read once.
fn check(
    site: &Site,
    lengths: &mut BTreeMap<String, Result<usize>>,
    who: String,
    image: &VersionReference,
    more: usize,
    faults: &mut BTreeMap<String, Error>,
) {
    let of_image = lengths.entry(image.to_string()).or_insert_with(|| kernel_line(site, image));
    let error = match of_image {
        Err(error) => error.clone().context(format!("{who} cannot boot {image}")),
        Ok(length) if *length + more > LONGEST_LINE => Error::refused(format!(
            "the kernel line of {who} would have {} bytes, at most {LONGEST_LINE} are allowed",
            *length + more
        ))
        .hint("shorten the kernel parameters of the image, the pool or the node"),
        Ok(_) => return,
    };
    faults.insert(who, error);
}

/// The bytes of the longest kernel line of an image as it is now.
fn kernel_line(site: &Site, reference: &VersionReference) -> Result<usize> {
    let image = &reference.image;
    let text = match Chosen::find(site, reference)? {
        Chosen::Version { text, .. } => with_head(&text, ""),
        _ if !Records::of(site).exists(image) => return Err(no_such_image(image)),
        Chosen::Missing(_) => {
            return Err(Error::new(ErrorKind::NOT_FOUND, format!("there is no version {reference}"))
                .hint(format!("disklessset versions {image}")));
        }
        Chosen::Current(_) => {
            let file = site.layout.image_dir(image.as_str()).join(BOOT_FILE);
            match atomic_file::read_bounded(&file, MOST_BYTES) {
                Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
                // One of a class without a boot file, or one that is being made.
                Err(error) if error.is_not_found() => String::new(),
                Err(error) => return Err(failure::of(error)),
            }
        }
    };
    Ok(longest_line(site, &text))
}

/// The bytes of the longest kernel line of a boot file.
fn longest_line(site: &Site, text: &str) -> usize {
    let text = versions::expanded(text, &site.layout, &site.configuration);
    let lines = text.lines().filter_map(|line| line.trim_start().strip_prefix("kernel "));
    let longest = lines.map(|line| without_ours(line).len()).max();
    longest.map(|bytes| bytes + versions::LONGEST_VERSION).unwrap_or_default()
}

/// A kernel line without the setting that more parameters come by, and without what iPXE looks at itself.
fn without_ours(line: &str) -> String {
    let line = line.split(" || ").next().unwrap_or(line);
    line.replace("${dedicated-kernel-parameters}", "")
}
