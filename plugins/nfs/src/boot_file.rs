//! The text of `boot.ipxe`.

use crate::places::published;
use camino::Utf8Path;
use disklessset_kit::boot_line;
use disklessset_plugin_api::{BootContext, Error, Host, Image, Result};
use serde_json::Value;

/// What a slow switch port needs before it passes traffic, as in 1.x.
const PATIENCE: &str = "rd.net.timeout.carrier=30 rd.net.timeout.ifup=60 rd.net.dhcp.retry=4";
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
    if boot.kernel_url.is_empty() || boot.initramfs_url.is_empty() {
        return Err(Error::failed(format!("image {} has no kernel", boot.image))
            .hint(format!("disklessset kernel set {} VERSION", boot.image)));
    }
    let settings = Settings::read(host)?;
    let path = published(tree, &host.paths()?);
    if !path.as_str().chars().all(|c| c.is_ascii_alphanumeric() || "/._-+@".contains(c)) {
        return Err(Error::failed(format!("{path} cannot stand on a kernel line"))
            .hint("set nfs_staging_directory and nfs_golden_directory to plain paths"));
    }
    let mut line = vec![
        format!("initrd={}", boot.initramfs),
        format!("root=nfs:{}:{path}{below},{}", settings.server, settings.options),
        boot_line::NETWORK.to_owned(),
        "selinux=0".to_owned(),
        PATIENCE.to_owned(),
    ];
    if below.contains("${hostname}") {
        // Clients of one name are one client to the server, which restarts over and over: an initramfs may not have its name yet.
        line.push("nfs.nfs4_unique_id=${hostname}".to_owned());
    }
    let own = boot_line::check(&boot.kernel_parameters)?;
    if !own.is_empty() {
        line.push(own);
    }
    line.push(BootContext::OF_THE_SITE.to_owned());
    Ok(format!(
        "#!ipxe\n\necho Booting image {image} ({kind}) with kernel {kernel}\n\nkernel {kernel_url} {line}\n\
         initrd --name {initramfs} {initramfs_url}\nboot\n",
        image = boot.image,
        kernel = image.text("kernel").unwrap_or_default(),
        kernel_url = boot.kernel_url,
        line = line.join(" "),
        initramfs = boot.initramfs,
        initramfs_url = boot.initramfs_url,
    ))
}
