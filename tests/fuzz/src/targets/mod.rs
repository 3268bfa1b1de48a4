//! One file a target.

mod apt_sources;
mod arguments;
mod boot_line;
mod configuration;
mod exports;
mod forwarded;
mod http_request;
mod image_record;
mod initramfs;
mod installations;
mod inventory;
mod journal;
mod manifest;
mod module_file;
mod module_note;
mod names;
mod node_file;
mod node_report;
mod node_set;
mod oci_artifact;
mod oci_layer;
mod oci_layout;
mod oci_names;
mod own_yaml;
mod parameters;
mod repo_file;
mod size;
mod source;
mod squashfs;

use crate::Target;

/// What a parser of some kilobytes of text has no use for.
const LITTLE: usize = 64;

const fn target(name: &'static str, run: fn(&[u8])) -> Target {
    Target { name, longest: 4096, memory: LITTLE, run }
}

/// All of them.
pub const TARGETS: &[Target] = &[
    target("apt_sources", apt_sources::run),
    target("arguments", arguments::run),
    target("boot_line", boot_line::run),
    target("configuration", configuration::run),
    target("exports", exports::run),
    Target { longest: 1024, ..target("forwarded", forwarded::run) },
    target("http_request", http_request::run),
    target("image_record", image_record::run),
    // Decompressors have windows.
    Target { longest: 16384, memory: 256, ..target("initramfs", initramfs::run) },
    target("installations", installations::run),
    target("inventory_ansible", inventory::ansible),
    target("inventory_csv", inventory::csv),
    target("inventory_dnsmasq", inventory::dnsmasq),
    target("inventory_ethers", inventory::ethers),
    target("inventory_warewulf", inventory::warewulf),
    target("inventory_xcat", inventory::xcat),
    target("inventory_yaml", inventory::yaml),
    target("journal", journal::run),
    target("manifest", manifest::run),
    Target { longest: 16384, ..target("module_file", module_file::run) },
    target("module_note", module_note::run),
    target("names", names::run),
    target("node_file", node_file::run),
    Target { longest: 2048, ..target("node_report", node_report::run) },
    Target { longest: 512, memory: 256, ..target("node_set", node_set::run) },
    target("oci_artifact", oci_artifact::run),
    Target { longest: 16384, memory: 256, ..target("oci_layer", oci_layer::run) },
    Target { longest: 16384, ..target("oci_layout", oci_layout::run) },
    Target { longest: 512, ..target("oci_names", oci_names::run) },
    target("own_yaml", own_yaml::run),
    target("parameters", parameters::run),
    target("repo_file", repo_file::run),
    target("size", size::run),
    target("source", source::run),
    Target { longest: 256, ..target("squashfs", squashfs::run) },
];
