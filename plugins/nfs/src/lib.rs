//! Images whose nodes have their root on this server, over NFS.
//!
//! A staging image is one tree, customised in place. A golden image is made from it: a tree of its own, `image/`, and one tree
//! for each of its nodes, which starts as a copy of that. What the directories hold is the truth; the attribute `nodes` follows.
#![forbid(unsafe_code)]

mod boot_file;
mod checking;
mod exporting;
mod golden;
mod identities;
mod inside;
mod nodes;
mod overlays;
mod parameters;
mod places;
mod root_image;
mod show;
mod space_check;
mod staging;
mod verify;

#[cfg(test)]
mod tests;

use disklessset_plugin_api::declare_module;

declare_module! {
    name: "nfs",
    title: "Images whose root is on NFS",
    classes: {
        "NfsStagingImage": "NfsImage" "^0.1" => staging::NfsStagingImage,
        "NfsGoldenImage": "NfsImage" "^0.1" => golden::NfsGoldenImage,
        "NfsImage" => root_image::NfsImage,
    },
}
