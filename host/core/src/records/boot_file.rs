//! `boot.ipxe`: how a node boots an image.

use super::file_names;
use crate::{
    configuration::Configuration,
    system::layout::Layout,
    versions::{self, Addresses},
};
use camino::{Utf8Component, Utf8PathBuf};
use disklessset_plugin_api::{BootContext, Error, Image, Kernel, Result, boot_file::words};

/// What the class of an image needs to write its boot file: files that have an address of their own are fetched from there.
///
/// # Errors
/// When the images lie where no web server serves them, or the extra parameters are not one plain line.
pub(crate) fn context(
    image: &Image,
    layout: &Layout,
    configuration: &Configuration,
    addresses: &Addresses,
) -> Result<BootContext> {
    let base = configuration.http_base_url();
    let url = |real: camino::Utf8PathBuf| {
        let path = layout.url_path(&real).ok_or_else(|| {
            Error::failed(format!(
                "{} does not lie below the HTTP root {}",
                layout.published(&real),
                layout.http_root()
            ))
            .hint("set images_directory to a place below one named preboot_execution_environment")
        })?;
        Ok::<_, Error>(format!("{base}/{path}"))
    };
    let image_url = url(layout.image_dir(image.name().as_str()))?;
    let kernels_url = url(layout.kernels_dir())?;
    let mut context = BootContext::of(image, image_url, &kernels_url)?;
    if let Some(kernel) = image.kernel() {
        let own = |name: &str, address: &mut String| {
            if let Some(known) = addresses.get(name) {
                known.clone_into(address);
            }
        };
        own(&kernel.vmlinuz(), &mut context.kernel_url);
        own(&kernel.initramfs(), &mut context.initramfs_url);
    }
    context.files = addresses.all().clone();
    Ok(context)
}

/// The files below the HTTP root that a boot file names, as paths below it; what has settings of iPXE in its path is left out.
pub(crate) fn named(text: &str, layout: &Layout, configuration: &Configuration) -> Vec<Utf8PathBuf> {
    let base = format!("{}/", configuration.http_base_url());
    let text = versions::expanded(text, layout, configuration);
    let mut found = Vec::new();
    // Where all files lie is no file.
    let all = versions::base_address(layout, configuration);
    for word in words(&text).filter(|word| all.as_deref() != Some(*word)) {
        let Some((_, path)) = word.split_once(base.as_str()) else { continue };
        let path = path.split(['?', '#', ',']).next().unwrap_or_default();
        let path = Utf8PathBuf::from(decoded(path));
        let plain = path.components().all(|part| matches!(part, Utf8Component::Normal(_)));
        if plain && path.file_name().is_some() && !path.as_str().contains("${") && !found.contains(&path) {
            found.push(path);
        }
    }
    found
}

/// A path of an address without its percent signs.
fn decoded(path: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = path.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let hex = (*first == b'%')
            .then(|| after.get(..2).and_then(|two| std::str::from_utf8(two).ok()))
            .flatten()
            .and_then(|two| u8::from_str_radix(two, 16).ok());
        bytes.push(hex.unwrap_or(*first));
        rest = if hex.is_some() { &after[2..] } else { after };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Adds to a boot file the lines that have the boot loader check the signatures of kernel and initramfs: a script ends at a
/// command that fails, so that nothing is booted then.
///
/// # Errors
/// When the boot file fetches them in a way that is not known here.
pub(crate) fn with_signatures(
    text: &str,
    context: &BootContext,
    kernel: &Kernel,
    kernels_url: &str,
) -> Result<String> {
    let mut lines = Vec::new();
    let mut added = 0;
    for line in text.lines() {
        lines.push(line.to_owned());
        let words: Vec<&str> = line.split_whitespace().collect();
        let fetches = |url: &str| {
            matches!(words.first(), Some(&"kernel" | &"initrd" | &"imgfetch" | &"imgselect" | &"module"))
                && words.contains(&url)
        };
        let pair = [(&context.kernel_url, kernel.vmlinuz()), (&context.initramfs_url, kernel.initramfs())];
        let Some((url, file)) = pair.into_iter().find(|(url, _)| fetches(url)) else { continue };
        let named = words.iter().position(|word| matches!(*word, "--name" | "-n"));
        // iPXE calls a file what its address ends with.
        let called = url.rsplit('/').next().unwrap_or_default();
        let name = named.and_then(|at| words.get(at + 1)).copied().unwrap_or(called);
        let signature = file_names::kernel_signature(&file);
        let address = context.files.get(&signature).cloned();
        lines.push(format!(
            "imgverify {name} {}",
            address.unwrap_or_else(|| format!("{kernels_url}/{signature}"))
        ));
        added += 1;
    }
    match added {
        2 => Ok(lines.join("\n") + "\n"),
        _ => Err(Error::failed(format!(
            "the boot file of image {} does not fetch kernel and initramfs once each, in lines of their own",
            context.image
        ))
        .hint("signing is on in the configuration, and this class of images cannot be signed")),
    }
}

/// The address of the directory of kernels, where files of kernels lie that no version has.
pub(crate) fn kernels_url(layout: &Layout, configuration: &Configuration) -> String {
    let path = layout.url_path(&layout.kernels_dir()).unwrap_or_default();
    format!("{}/{path}", configuration.http_base_url())
}

#[cfg(test)]
mod tests {
    use super::*;
    use disklessset_plugin_api::KernelVersion;

    const BASE: &str = "http://${next-server}/p";

    #[test]
    fn signatures_are_checked_right_after_their_files_are_fetched() {
        let kernel = Kernel::new(KernelVersion::parse("6.1").unwrap());
        let context =
            BootContext::new("web", format!("{BASE}/images/web"), &format!("{BASE}/kernels"), Some(&kernel));
        let text = format!(
            "#!ipxe\n\nkernel {BASE}/kernels/vmlinuz-6.1 initrd=initramfs-kernel-6.1 quiet\n\
             initrd --name first {BASE}/kernels/initramfs-kernel-6.1\nboot\n"
        );
        assert_eq!(
            with_signatures(&text, &context, &kernel, &format!("{BASE}/kernels")).unwrap(),
            format!(
                "#!ipxe\n\nkernel {BASE}/kernels/vmlinuz-6.1 initrd=initramfs-kernel-6.1 quiet\n\
                 imgverify vmlinuz-6.1 {BASE}/kernels/signature-vmlinuz-6.1\n\
                 initrd --name first {BASE}/kernels/initramfs-kernel-6.1\n\
                 imgverify first {BASE}/kernels/signature-initramfs-kernel-6.1\nboot\n"
            )
        );
        let hidden = text.replace("kernel http", "chain http");
        assert!(with_signatures(&hidden, &context, &kernel, BASE).is_err());
    }

    #[test]
    fn what_a_boot_file_names_is_found() {
        let configuration = Configuration::parse("").unwrap();
        let text = format!(
            "#!ipxe\n# {BASE}/comment\nkernel {BASE}/kernels/a%2bb root=live:{BASE}/i/squashfs.img\n\
             initrd {BASE}/i/squashfs.img\nchain {BASE}/${{mac}}/x {BASE}/../x http://other/p/x {BASE}/%zz\n"
        );
        let layout = Layout::builder().build().unwrap();
        assert_eq!(named(&text, &layout, &configuration), ["p/kernels/a+b", "p/i/squashfs.img", "p/%zz"]);
        let text = "#!ipxe\nkernel ${diskless-base}/oci/blobs/sha256/ab\n";
        let text = versions::with_prelude(text, None, &layout, &configuration);
        let blob = "preboot_execution_environment/diskless/oci/blobs/sha256/ab";
        assert_eq!(named(&text, &layout, &configuration), [blob]);
    }
}
