//! The repositories that a user names, as files for zypper.

use camino::{Utf8Path, Utf8PathBuf};
use disklessset_kit::{
    directories,
    source::{Address, AddressError},
    tree_files::{NewFile, TreeFiles},
};
use disklessset_plugin_api::{Arguments, Error, Refusal, Result, SourceCheck};
use std::fmt::Write;

/// What an armoured public key begins with.
const KEY: &str = "-----BEGIN PGP PUBLIC KEY BLOCK-----";

/// What is installed from.
pub(crate) struct Repositories {
    addresses: Vec<Address>,
    pub(crate) keys: Vec<Utf8PathBuf>,
    pub(crate) are_signed: bool,
}

/// The files of one run of zypper, all in its scratch directory.
pub(crate) struct Files {
    pub(crate) home: Utf8PathBuf,
    pub(crate) repositories: Utf8PathBuf,
    pub(crate) cache: Utf8PathBuf,
    pub(crate) log: Utf8PathBuf,
}

/// What of the arguments cannot be used.
pub(crate) fn refusals(check: &SourceCheck<'_>) -> Result<Vec<Refusal>> {
    let mut refusals = Vec::new();
    for address in check.arguments.get::<Vec<String>>("repository")?.unwrap_or_default() {
        if let Err(reason) = parse(&address) {
            refusals.push(Refusal::new("repository", reason));
        }
    }
    let keys: Vec<Utf8PathBuf> = check.arguments.get("signing_key")?.unwrap_or_default();
    for key in &keys {
        if let Err(reason) = must_be_key(key) {
            refusals.push(Refusal::new("signing_key", reason));
        }
    }
    if check.complete && keys.is_empty() && !check.arguments.flag("unsigned") {
        let reason = "is needed: a file of the key that signs the repositories, or --zypper-unsigned";
        refusals.push(Refusal::new("signing_key", reason));
    }
    Ok(refusals)
}

/// An address. It is recorded with the image, so that no login may be in it.
fn parse(text: &str) -> Result<Address, String> {
    let address: Address = text.parse().map_err(|error: AddressError| error.to_string())?;
    match address.has_login() {
        false => Ok(address),
        true => Err(format!("{address} comes with a login, which the record of the image would tell")),
    }
}

fn must_be_key(file: &Utf8Path) -> Result<(), String> {
    let text = std::fs::read_to_string(file).map_err(|cause| format!("cannot read {file}: {cause}"))?;
    if text.contains(KEY) { Ok(()) } else { Err(format!("{file} is no armoured public key")) }
}

impl Repositories {
    /// Those of checked arguments.
    pub(crate) fn of(arguments: &Arguments) -> Result<Self> {
        let addresses: Vec<String> = arguments.need("repository")?;
        let addresses: Result<Vec<Address>, String> = addresses.iter().map(|text| parse(text)).collect();
        Ok(Self {
            addresses: addresses.map_err(Error::usage)?,
            keys: arguments.get("signing_key")?.unwrap_or_default(),
            are_signed: !arguments.flag("unsigned"),
        })
    }

    /// Writes what zypper reads. The database of rpm is that of the tree's distribution, not this server's.
    pub(crate) fn write(&self, scratch: &Utf8Path) -> Result<Files> {
        let files = Files {
            home: scratch.join("home"),
            repositories: scratch.join("repos.d"),
            cache: scratch.join("cache"),
            log: scratch.join("zypper.log"),
        };
        for directory in [&files.home, &files.repositories, &files.cache] {
            directories::make(directory, 0o700)?;
        }
        let scratch = TreeFiles::open(scratch)?;
        let put = |file: &str, text: &str| scratch.replace(file, text.as_bytes(), NewFile::of_root(0o600));
        put("home/.rpmmacros", &format!("%_dbpath /{}\n", crate::DATABASE))?;
        let check = u8::from(self.are_signed);
        for (number, address) in self.addresses.iter().enumerate() {
            let mut text = String::new();
            let _ = write!(
                text,
                "[repository{number}]\nname=repository {number}\nenabled=1\nautorefresh=1\ntype=rpm-md\n\
                 baseurl={address}\ngpgcheck={check}\n",
            );
            put(&format!("repos.d/repository{number}.repo"), &text)?;
        }
        Ok(files)
    }
}
