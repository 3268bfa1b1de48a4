//! What `show` adds to the attributes: whether the layout is still what the image was made of, and what a container of it would be.

use crate::{
    attributes::{self, DIGEST},
    publishing::root_file,
};
use disklessset_kit::{
    source::{OciFacts, Source, oci_facts},
    squashfs::Superblock,
};
use disklessset_plugin_api::{Image, Result};
use serde_json::{Value, json};

pub(crate) fn show(image: &Image) -> Result<Value> {
    let file = root_file()?.of(image);
    let mut shown = json!({ "root_image": file });
    match Superblock::read(&file) {
        Ok(found) => {
            shown["root_image_files"] = found.inodes.into();
            shown["root_image_bytes"] = found.bytes_used.into();
        }
        Err(fault) => shown["problem"] = fault.to_string().into(),
    }
    shown["layout_state"] = match look(image) {
        Err(gone) => gone.to_string().into(),
        Ok(None) => "a compressed archive, which is not unpacked to be shown".into(),
        Ok(Some(now)) if image.text(DIGEST).as_ref() != Some(&now.digest) => {
            format!("changed: disklessset oci update {}", image.name()).into()
        }
        Ok(Some(now)) => {
            for (name, words) in [("entrypoint", now.entrypoint), ("command", now.command), ("env", now.env)]
            {
                shown[name] = words.into();
            }
            "unchanged".into()
        }
    };
    Ok(shown)
}

fn look(image: &Image) -> Result<Option<OciFacts>> {
    match attributes::source(image)? {
        Source::Oci { path, reference } => oci_facts(&path, reference.as_deref(), None),
        _ => Ok(None),
    }
}
