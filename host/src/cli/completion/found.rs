//! The candidates: what is on record here of what an argument names.

use super::{Names, commands_and_topics};
use crate::{
    ImageManager, KernelManager,
    nodes::{NamesAtAGlance, NodeManager},
    site::Site,
};
use clap::{ArgMatches, Command};
use clap_complete::engine::CompletionCandidate;
use disklessset_plugin_api::{Image, ImageName, node_set::NodeSet};
use std::ffi::OsString;
use std::sync::OnceLock;

/// Of so many images the records are read, for their classes. Nobody reads a longer list; one goes on typing.
const MOST_READ: usize = 500;
/// The attribute of an image that has trees of nodes.
const NODES: &str = "nodes";

/// What is completed, and where.
pub(super) struct Asked {
    /// None where it cannot be opened.
    site: Option<Site>,
    /// The image that the words before the cursor name.
    image: Option<ImageName>,
    names: OnceLock<NamesAtAGlance>,
}

impl Asked {
    /// The words in front of the cursor, understood as far as they go.
    pub(super) fn of(site: Option<Site>, tree: &Command, before: &[OsString]) -> Self {
        let line = std::iter::once(OsString::from("disklessset")).chain(before.iter().cloned());
        let matches = tree.clone().ignore_errors(true).try_get_matches_from(line).ok();
        Self { site, image: matches.as_ref().and_then(image_of), names: OnceLock::new() }
    }

    /// The modules that can be used, by their names.
    pub(super) fn modules(&self) -> Vec<CompletionCandidate> {
        let ready = self.site.iter().flat_map(|site| site.classes().registry().ready());
        ready.map(|module| told(module.name.clone(), &module.title)).collect()
    }

    /// What a word that has been begun may become.
    pub(super) fn candidates(&self, names: &Names, current: &str) -> Vec<CompletionCandidate> {
        let begins = |mut found: Vec<CompletionCandidate>| {
            found.retain(|candidate| candidate.get_value().to_string_lossy().starts_with(current));
            found
        };
        if *names == Names::Topics {
            return begins(commands_and_topics().into_iter().chain(self.modules()).collect());
        }
        let Some(site) = &self.site else { return Vec::new() };
        match names {
            Names::Images(classes) => images(site, classes, current),
            Names::Versions => versions_or_images(site, current),
            Names::VersionsOfImage => {
                begins(self.image.iter().flat_map(|name| versions(site, name)).collect())
            }
            Names::TagsOfImage => begins(self.image.iter().flat_map(|name| tags(site, name)).collect()),
            Names::Kernels { from_image } => begins(kernels(site, *from_image)),
            Names::Classes => {
                let classes = ImageManager::new(site).classes().into_iter();
                begins(classes.map(|class| told(class.name, &class.title)).collect())
            }
            Names::Modules => begins(self.modules()),
            Names::Node => begins(self.nodes(site).into_iter().map(CompletionCandidate::new).collect()),
            Names::Nodes => listed(self.nodes(site), current),
            Names::NodesOfImage => listed(self.nodes_of_image(site), current),
            Names::Pools => {
                let pools = self.names(site).pools.iter().map(ToString::to_string);
                begins(pools.map(CompletionCandidate::new).collect())
            }
            Names::New | Names::Topics => Vec::new(),
        }
    }

    fn names(&self, site: &Site) -> &NamesAtAGlance {
        self.names.get_or_init(|| NodeManager::new(site).names().unwrap_or_default())
    }

    fn nodes(&self, site: &Site) -> Vec<String> {
        self.names(site).nodes.iter().map(ToString::to_string).collect()
    }

    fn nodes_of_image(&self, site: &Site) -> Vec<String> {
        let record = self.image.as_ref().and_then(|name| ImageManager::new(site).recorded(name).ok());
        let nodes =
            record.and_then(|image| image.get::<String>(NODES).ok().flatten()?.parse::<NodeSet>().ok());
        nodes.map(|nodes| nodes.iter().map(|node| node.to_string()).collect()).unwrap_or_default()
    }
}

fn told(value: impl Into<OsString>, help: &str) -> CompletionCandidate {
    CompletionCandidate::new(value).help((!help.is_empty()).then(|| help.to_owned().into()))
}

/// The image that a command line names, whichever command it is.
fn image_of(matches: &ArgMatches) -> Option<ImageName> {
    if let Some((_, inner)) = matches.subcommand() {
        return image_of(inner);
    }
    let given =
        ["name", "image"].into_iter().find_map(|id| matches.try_get_one::<String>(id).ok().flatten())?;
    ImageName::parse(given.split('@').next().unwrap_or_default()).ok()
}

/// Images by their names, those of other classes left out.
fn images(site: &Site, classes: &[String], current: &str) -> Vec<CompletionCandidate> {
    let manager = ImageManager::new(site);
    let mut names = manager.names();
    names.retain(|name| name.as_str().starts_with(current));
    if names.len() > MOST_READ {
        return names.iter().map(|name| CompletionCandidate::new(name.as_str())).collect();
    }
    let is_wanted = |image: &Image| {
        classes.is_empty()
            || classes.iter().any(|class| image.class() == class || site.classes().is_a(image.class(), class))
    };
    let candidate = |name: &ImageName| match manager.recorded(name) {
        Ok(image) => is_wanted(&image).then(|| told(name.as_str(), image.class())),
        // Not everybody may read it.
        Err(_) => Some(CompletionCandidate::new(name.as_str())),
    };
    names.iter().filter_map(candidate).collect()
}

/// Images, and behind an `@` the versions of one.
fn versions_or_images(site: &Site, current: &str) -> Vec<CompletionCandidate> {
    if let Some((name, version)) = current.split_once('@') {
        let Ok(name) = ImageName::parse(name) else { return Vec::new() };
        let mut found = versions(site, &name);
        found.retain(|candidate| candidate.get_value().to_string_lossy().starts_with(version));
        return found.into_iter().map(|candidate| candidate.add_prefix(format!("{name}@"))).collect();
    }
    let mut found = images(site, &[], current);
    if let [one] = found.as_slice() {
        // A shell goes no further than to the name, behind which an @ may follow.
        found.push(told(format!("{}@", one.get_value().to_string_lossy()), "one of its versions"));
    }
    found
}

/// The versions of an image by number, and by tag.
fn versions(site: &Site, name: &ImageName) -> Vec<CompletionCandidate> {
    let versions = ImageManager::new(site).versions(name).unwrap_or_default();
    let numbers = versions.iter().map(|version| {
        let date = version.date.get(..10).unwrap_or_default();
        told(version.number.to_string(), &format!("{date} {}", version.action))
    });
    numbers.chain(tags(site, name)).collect()
}

fn tags(site: &Site, name: &ImageName) -> Vec<CompletionCandidate> {
    let versions = ImageManager::new(site).versions(name).unwrap_or_default();
    let of = |version: &crate::images::ListedVersion| {
        let about = format!("tag of {}@{}", version.image, version.number);
        version.tags.iter().map(|tag| told(tag, &about)).collect::<Vec<_>>()
    };
    versions.iter().flat_map(of).collect()
}

fn kernels(site: &Site, from_image: bool) -> Vec<CompletionCandidate> {
    let versions = KernelManager::new(site).versions();
    let own = from_image.then(|| told("from-image", "the kernel that the image's packages bring"));
    own.into_iter().chain(versions.iter().map(|version| CompletionCandidate::new(version.as_str()))).collect()
}

/// Nodes behind those that stand there already, with commas between them.
fn listed(mut nodes: Vec<String>, current: &str) -> Vec<CompletionCandidate> {
    let start = current.rfind([',', ']']).map_or(0, |comma| comma + 1);
    let (there, last) = current.split_at(start);
    let taken: Vec<&str> = there.split(',').collect();
    nodes.retain(|node| node.starts_with(last) && !taken.contains(&node.as_str()));
    nodes.into_iter().map(|node| CompletionCandidate::new(format!("{there}{node}"))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_follow_those_that_are_there() {
        let nodes = || ["n1", "n2", "x1"].map(str::to_owned).to_vec();
        let values = |current| -> Vec<_> {
            listed(nodes(), current)
                .iter()
                .map(|one| one.get_value().to_string_lossy().into_owned())
                .collect()
        };
        assert_eq!(values("n"), ["n1", "n2"]);
        assert_eq!(values("n1,"), ["n1,n2", "n1,x1"]);
        assert_eq!(values("c[1,2],x"), ["c[1,2],x1"]);
    }
}
