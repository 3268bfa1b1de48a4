//! Making an image of what a layout holds, and making it again.

use crate::{attributes, publishing, tree};
use camino::Utf8Path;
use disklessset_kit::{
    accounts::{RootPassword, root_password_field, set_root_password},
    content,
    initramfs_facts::Support,
    live::needs,
    os_tree::{self, OsTreeRequest, TreesKernel},
    source::{OciFacts, Source, oci_facts},
    squashfs::{Compression, pack_flat},
    tree_files::TreeFiles,
};
use disklessset_plugin_api::{Arguments, Error, Hold, Host, Image, Result};
use serde_json::{Value, json};

/// Creates an image: the tree of the layout, with the kernel's modules and who may log in.
pub(crate) fn create(image: &mut Image, request: &OsTreeRequest, host: &Host<'_>) -> Result<()> {
    let area = host.work_area(image.name(), Hold::Action)?;
    let (made, facts) = unpack(image, request, &area, host)?;
    if let Support::No = needs::boots_flat(&made, &area.join("tree"), host)? {
        return Err(Error::refused(format!(
            "the initramfs of kernel {} has no overlayfs part: it cannot boot the image",
            made.kernel.version
        )));
    }
    pack(&area, &publishing::root_file()?.of(image), host)?;
    image.set_kernel(&made.kernel);
    request.record(image);
    attributes::record(&facts, image);
    Ok(())
}

/// Makes an image again when its layout has changed; kernel, password and keys stay.
pub(crate) fn update(image: &mut Image, again: bool, host: &Host<'_>) -> Result<Value> {
    let area = host.work_area(image.name(), Hold::Action)?;
    let now = facts(&attributes::source(image)?, &area, host)?;
    if image.text(attributes::DIGEST).as_ref() == Some(&now.digest) && !again {
        host.info(format!("image {} is up to date with its layout", image.name()));
        return Ok(json!({ "updated": false, "oci_digest": now.digest }));
    }
    let password = roots_password(image, &area, host)?;
    let (_, facts) = unpack(image, &request_of(image, host)?, &area, host)?;
    if let Some(field) = password {
        set_root_password(&TreeFiles::open(&area.join("tree"))?, RootPassword::Kept(&field))?;
    }
    attributes::record(&facts, image);
    publishing::replace(image, host, |aside| pack(&area, aside, host))?;
    Ok(json!({ "updated": true, "oci_digest": facts.digest }))
}

/// The tree with all that makes it this image's, in `tree` of the work area.
fn unpack(
    image: &Image,
    request: &OsTreeRequest,
    area: &Utf8Path,
    host: &Host<'_>,
) -> Result<(TreesKernel, OciFacts)> {
    let (tree, scratch) = (area.join("tree"), area.join("scratch"));
    os_tree::make_directory(&tree, 0o755)?;
    os_tree::make_directory(&scratch, 0o700)?;
    let before = facts(&request.source, &scratch, host)?;
    let made = os_tree::make(image.name().as_str(), request, &tree, &scratch, host)?;
    let after = facts(&request.source, &scratch, host)?;
    match before == after {
        true => Ok((made, after)),
        false => {
            Err(Error::failed(format!("{} was changed while it was unpacked", request.source))
                .hint("try again"))
        }
    }
}

fn facts(source: &Source, scratch: &Utf8Path, host: &Host<'_>) -> Result<OciFacts> {
    let Source::Oci { path, reference } = source else {
        return Err(Error::failed(format!("{source} is no OCI layout")));
    };
    oci_facts(path, reference.as_deref(), Some((scratch, host)))?
        .ok_or_else(|| Error::failed(format!("{source} tells nothing of itself")))
}

/// What was wished when the image was made, as far as it is recorded.
fn request_of(image: &Image, host: &Host<'_>) -> Result<OsTreeRequest> {
    let kernel = image.kernel().ok_or_else(|| {
        Error::failed(format!("image {} has no kernel", image.name()))
            .hint(format!("disklessset kernel set {} VERSION", image.name()))
    })?;
    let mut args = Arguments::default();
    let mut put = |name: &str, value: Option<String>| {
        value.and_then(|value| args.0.insert(name.to_owned(), value.into()));
    };
    put("kernel", Some(kernel.version.to_string()));
    put("source", image.text("source"));
    put("ssh_pub_key", image.text("ssh_pub_key"));
    put("kernel_parameters", image.text("kernel_parameters"));
    OsTreeRequest::from_arguments(os_tree::Purpose::Livenet, &args, host)
}

/// Root's password as the image in service has it: nobody tells it again.
fn roots_password(image: &Image, area: &Utf8Path, host: &Host<'_>) -> Result<Option<String>> {
    let target = tree::mount(image, area, host)?;
    let field = root_password_field(&TreeFiles::open(&target)?);
    host.release(&target)?;
    Ok(field?)
}

fn pack(area: &Utf8Path, file: &Utf8Path, host: &Host<'_>) -> Result<()> {
    let tree = area.join("tree");
    let measured = content::measure(tree.as_std_path())
        .map_err(|cause| Error::failed(format!("cannot measure the tree {tree}")).because(cause))?;
    host.info(format!("packing {} files", measured.inodes));
    pack_flat(&tree, file, Compression::USUAL, &measured, host)
}
