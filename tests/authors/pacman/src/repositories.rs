//! The repositories that a user names, as a configuration for pacman.

use camino::{Utf8Path, Utf8PathBuf};
use disklessset_kit::{
    directories,
    source::{Address, AddressError},
    tree_files::{NewFile, TreeFiles},
};
use disklessset_plugin_api::{Arguments, Error, Refusal, Result, SourceCheck};
use std::fmt::Write;

/// What is installed from.
pub(crate) struct Repositories {
    named: Vec<(String, Address)>,
    pub(crate) keys: Vec<Utf8PathBuf>,
    are_signed: bool,
}

/// The files of one run of pacman, all in its scratch directory.
pub(crate) struct Files {
    pub(crate) configuration: Utf8PathBuf,
    pub(crate) cache: Utf8PathBuf,
    pub(crate) keys: Utf8PathBuf,
    pub(crate) log: Utf8PathBuf,
}

/// What of the arguments cannot be used.
pub(crate) fn refusals(check: &SourceCheck<'_>) -> Result<Vec<Refusal>> {
    let mut refusals = Vec::new();
    for text in check.arguments.get::<Vec<String>>("repository")?.unwrap_or_default() {
        if let Err(reason) = parse(&text) {
            refusals.push(Refusal::new("repository", reason));
        }
    }
    let keys: Vec<Utf8PathBuf> = check.arguments.get("signing_key")?.unwrap_or_default();
    for key in keys.iter().filter(|key| !key.is_file()) {
        refusals.push(Refusal::new("signing_key", format!("{key} is no file")));
    }
    if check.complete && keys.is_empty() && !check.arguments.flag("unsigned") {
        let reason = "is needed: a file of the key that signs the repositories, or --pacman-unsigned";
        refusals.push(Refusal::new("signing_key", reason));
    }
    Ok(refusals)
}

/// A repository by its name and its address.
fn parse(text: &str) -> Result<(String, Address), String> {
    let split = text.split_once('=').filter(|(name, _)| !name.is_empty());
    let (name, address) = split.ok_or_else(|| format!("{text:?} is written NAME=ADDRESS, and it is not"))?;
    if !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') {
        return Err(format!("{name:?}: the name of a repository has letters, digits and - only"));
    }
    if matches!(name, "local" | "options") {
        return Err(format!("{name} is pacman's own word, and names no repository"));
    }
    let address: Address = address.parse().map_err(|error: AddressError| error.to_string())?;
    // It is recorded with the image.
    if address.has_login() {
        return Err(format!("{address} comes with a login, which the record of the image would tell"));
    }
    Ok((name.to_owned(), address))
}

impl Repositories {
    /// Those of checked arguments.
    pub(crate) fn of(arguments: &Arguments) -> Result<Self> {
        let texts: Vec<String> = arguments.need("repository")?;
        let named: Result<Vec<_>, String> = texts.iter().map(|text| parse(text)).collect();
        Ok(Self {
            named: named.map_err(Error::usage)?,
            keys: arguments.get("signing_key")?.unwrap_or_default(),
            are_signed: !arguments.flag("unsigned"),
        })
    }

    /// Writes what pacman reads. Keys are those of the user alone: gpg asks nobody on the network for others.
    pub(crate) fn write(&self, scratch: &Utf8Path) -> Result<Files> {
        let files = Files {
            configuration: scratch.join("pacman.conf"),
            cache: scratch.join("cache"),
            keys: scratch.join("keys"),
            log: scratch.join("pacman.log"),
        };
        for directory in [&files.cache, &files.keys] {
            directories::make(directory, 0o700)?;
        }
        let scratch = TreeFiles::open(scratch)?;
        let put = |file: &str, text: &str| scratch.replace(file, text.as_bytes(), NewFile::of_root(0o600));
        put("keys/gpg.conf", "disable-dirmngr\n")?;
        // Every key that is there was named by the user.
        let level = if self.are_signed { "Required TrustAll" } else { "Never" };
        let mut text = format!("[options]\nArchitecture = auto\nSigLevel = {level}\n");
        for (name, address) in &self.named {
            let _ = writeln!(text, "[{name}]\nServer = {address}");
        }
        put("pacman.conf", &text)?;
        Ok(files)
    }
}
