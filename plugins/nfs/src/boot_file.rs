//! The text of `boot.ipxe`.

use crate::places::published;
use camino::Utf8Path;
use disklessset_kit::{boot_line, boot_script::BootScript};
use disklessset_plugin_api::{BootContext, Error, Host, Image, Result};
use serde_json::Value;

/// The server that gave the node its address, as in 1.x.
const SERVER: &str = "${next-server}";
/// NFS 4.2, the only version that needs no other service beside it; read-write.
const MOUNT_OPTIONS: &str = "vers=4.2,rw";

/// How nodes of the site reach their roots; the module's section of the configuration.
struct Settings {
    server: String,
    options: String,
}

impl Settings {
    fn read(host: &Host<'_>) -> Result<Self> {
        let config = host.config()?;
        let text = |key: &str, default: &str| -> Result<String> {
            let text = match config.get(key) {
                None | Some(Value::Null) => return Ok(default.to_owned()),
                Some(Value::String(text)) => text.clone(),
                Some(other) => other.to_string(),
            };
            let plain = |c: char| c.is_ascii_alphanumeric() || "._-:=,[]".contains(c);
            match !text.is_empty() && text.chars().all(plain) {
                true => Ok(text),
                false => {
                    Err(Error::usage(format!("the configuration of module nfs has a wrong {key}: {text:?}")))
                }
            }
        };
        Ok(Self { server: text("server", SERVER)?, options: text("mount_options", MOUNT_OPTIONS)? })
    }
}

/// Writes the boot file: says what is booted, then kernel and initramfs as a pair, the root being `tree` with `below` under it.
pub(crate) fn template(
    image: &Image,
    kind: &str,
    tree: &Utf8Path,
    below: &str,
    boot: &BootContext,
    host: &Host<'_>,
) -> Result<String> {
    let script = BootScript::new(image, boot)?;
    let settings = Settings::read(host)?;
    let path = published(tree, &host.paths()?);
    if !path.as_str().chars().all(|c| c.is_ascii_alphanumeric() || "/._-+@".contains(c)) {
        return Err(Error::failed(format!("{path} cannot stand on a kernel line"))
            .hint("set nfs_staging_directory and nfs_golden_directory to plain paths"));
    }
    let script = script
        .words(format!("root=nfs:{}:{path}{below},{}", settings.server, settings.options))
        .words(boot_line::NETWORK)
        .words("selinux=0")
        .words(boot_line::PATIENCE);
    // Clients of one name are one client to the server, which restarts over and over: an initramfs may not have its name yet.
    let script = match below.contains("${hostname}") {
        true => script.words("nfs.nfs4_unique_id=${hostname}"),
        false => script,
    };
    script.finish(kind)
}
