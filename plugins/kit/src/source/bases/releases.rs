//! What apt's repositories have now: their release files, which name the digest of every index. apt fetches and checks them, with the settings
//! that the tree is made with.

use super::super::{
    apt_sources::{self, AptEntry},
    private_file::write_private,
    with_proxies,
};
use crate::directories;
use camino::{Utf8Path, Utf8PathBuf};
use disklessset_plugin_api::{Command, Error, Host, Result};
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;

/// Whose release files.
pub(in crate::source) struct Wanted<'a> {
    /// Files of sources.
    pub(in crate::source) sources: &'a [Utf8PathBuf],
    /// Settings: each is a file of them, or `NAME "VALUE"`.
    pub(in crate::source) settings: Vec<&'a str>,
}

/// The settings of apt for this alone: nothing of the server's but what is given, no index, no hook.
const ALONE: &str = "APT::Sandbox::User \"root\";\n\
                     Acquire::IndexTargets::deb::Packages::DefaultEnabled \"false\";\n\
                     Acquire::IndexTargets::deb::Translations::DefaultEnabled \"false\";\n\
                     Acquire::IndexTargets::deb-src::Sources::DefaultEnabled \"false\";\n";

/// A digest of the release files of all sources.
///
/// # Errors
/// When apt cannot fetch them, or a source has none: then nobody knows whether it changed.
pub(in crate::source) fn digest(wanted: &Wanted<'_>, scratch: &Utf8Path, host: &Host<'_>) -> Result<Vec<u8>> {
    let place = scratch.join("releases");
    let _ = std::fs::remove_dir_all(&place);
    let lists = place.join("lists");
    for directory in [&place, &lists, &lists.join("partial"), &place.join("sources.d"), &place.join("none")] {
        directories::make(directory, 0o700)?;
    }
    let expected = write_sources(wanted.sources, &place.join("sources.d"))?;
    // There may be passwords of proxies in it.
    write_private(&place.join("apt.conf"), &configuration(&wanted.settings, &place)?)?;
    let update =
        Command::new("apt-get").args(["-q", "update"]).env("APT_CONFIG", place.join("apt.conf").as_str());
    host.run(&with_proxies(update))?;
    let (found, digest) = hashed(&lists)?;
    if found != expected {
        return Err(Error::failed(format!(
            "{found} of {expected} package repositories have a release file that tells of changes"
        )));
    }
    Ok(digest)
}

fn configuration(settings: &[&str], place: &Utf8Path) -> Result<String> {
    let mut text = format!(
        "Dir::Etc::Main \"{place}/none/main\";\nDir::Etc::Parts \"{place}/none\";\nDir::Etc::SourceList \"/dev/null\";\n\
         Dir::Etc::SourceParts \"{place}/sources.d\";\nDir::State::Lists \"{place}/lists\";\nDir::Cache \"{place}\";\n"
    );
    for setting in settings {
        if setting.starts_with('/') {
            text.push_str(&std::fs::read_to_string(setting)?);
        } else {
            text.push_str(&format!("{setting};\n"));
        }
    }
    text.push_str(ALONE);
    Ok(text)
}

/// Copies sources to where apt is told to look; how many repositories they name.
fn write_sources(files: &[Utf8PathBuf], directory: &Utf8Path) -> Result<usize> {
    let mut named = BTreeSet::new();
    for (number, file) in files.iter().enumerate() {
        let text = std::fs::read_to_string(file)?;
        let ending = file.extension().unwrap_or("list");
        let entries: Vec<AptEntry> = match ending {
            "sources" => apt_sources::stanzas(&text),
            _ => text.lines().filter_map(apt_sources::one_line).collect(),
        };
        for entry in &entries {
            for uri in &entry.uris {
                named.extend(
                    entry.suites.iter().map(|suite| (uri.trim_end_matches('/').to_owned(), suite.clone())),
                );
            }
        }
        write_private(&directory.join(format!("{number}.{ending}")), &text)?;
    }
    Ok(named.len())
}

/// How many release files there are, and a digest of all.
fn hashed(lists: &Utf8Path) -> Result<(usize, Vec<u8>)> {
    let entries = lists.read_dir_utf8()?;
    let is_release = |name: &str| name.ends_with("Release");
    let mut files: Vec<_> =
        entries.flatten().map(|entry| entry.into_path()).filter(|path| is_release(path.as_str())).collect();
    files.sort();
    let mut hash = Sha256::new();
    for file in &files {
        hash.update(file.file_name().unwrap_or_default());
        hash.update(Sha256::digest(std::fs::read(file)?));
    }
    Ok((files.len(), hash.finalize().to_vec()))
}
