//! Layouts made by hand, byte by byte where real tools would refuse.

use super::{super::pax, put};
use crate::source::oci::digest::Meter;
use camino::Utf8Path;
use disklessset_plugin_api::testing::TestHost;
use oci_spec::image::Arch;
use serde_json::{Value, json};
use tar::{EntryType, Header};

pub(super) const PLAIN: &str = "application/vnd.oci.image.layer.v1.tar";

/// Bytes that a name has in a header. Longer ones (the tests' own directory may be deep) stand in extended records before it.
const IN_HEADER: usize = 100;

/// A member with its data, filled up to a block.
pub(in crate::source::oci) fn member(kind: EntryType, name: &[u8], link: &[u8], data: &[u8]) -> Vec<u8> {
    let long = [("path", name), ("linkpath", link)].into_iter().filter(|(_, value)| value.len() > IN_HEADER);
    let long: Vec<_> = long.collect();
    let before = if long.is_empty() { Vec::new() } else { extended(&long) };
    [before, with_header(kind, &name[..name.len().min(IN_HEADER)], &link[..link.len().min(IN_HEADER)], data)]
        .concat()
}

fn with_header(kind: EntryType, name: &[u8], link: &[u8], data: &[u8]) -> Vec<u8> {
    let mut header = Header::new_ustar();
    header.as_old_mut().name[..name.len()].copy_from_slice(name);
    header.as_old_mut().linkname[..link.len()].copy_from_slice(link);
    header.set_entry_type(kind);
    header.set_size(data.len() as u64);
    header.set_mode(if kind == EntryType::Directory { 0o755 } else { 0o644 });
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(1_600_000_000);
    header.set_device_major(1).unwrap();
    header.set_device_minor(3).unwrap();
    header.set_cksum();
    let mut bytes = header.as_bytes().to_vec();
    bytes.extend(data);
    bytes.resize(bytes.len().next_multiple_of(512), 0);
    bytes
}

pub(in crate::source::oci) fn file(name: &str, data: &str) -> Vec<u8> {
    member(EntryType::Regular, name.as_bytes(), b"", data.as_bytes())
}

pub(super) fn directory(name: &str) -> Vec<u8> {
    member(EntryType::Directory, name.as_bytes(), b"", b"")
}

pub(in crate::source::oci) fn symlink(name: &str, target: &str) -> Vec<u8> {
    member(EntryType::Symlink, name.as_bytes(), target.as_bytes(), b"")
}

pub(super) fn hard_link(name: &str, target: &str) -> Vec<u8> {
    member(EntryType::Link, name.as_bytes(), target.as_bytes(), b"")
}

/// Extended records for the member that follows.
pub(in crate::source::oci) fn extended(records: &[(&str, &[u8])]) -> Vec<u8> {
    let text: Vec<u8> = records.iter().flat_map(|(key, value)| pax::record(key, value)).collect();
    member(EntryType::XHeader, b"pax", b"", &text)
}

/// The lowest layer of an operating system.
pub(in crate::source::oci) fn base() -> Vec<u8> {
    [directory("./"), directory("etc"), file("etc/passwd", "root:x:0:0::/root:/bin/sh\n")].concat()
}

/// A layer as its blob and as what is in it.
pub(super) struct Blob {
    pub(super) kind: String,
    pub(super) packed: Vec<u8>,
    pub(super) content: Vec<u8>,
}

/// An uncompressed layer of these members, ended as archives are.
pub(super) fn plain(members: Vec<u8>) -> Blob {
    let content = [members, vec![0; 1024]].concat();
    Blob { kind: PLAIN.to_owned(), packed: content.clone(), content }
}

/// A compressed one.
pub(super) fn gzip(members: Vec<u8>) -> Blob {
    let blob = plain(members);
    let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut out, &blob.content).unwrap();
    Blob { kind: format!("{PLAIN}+gzip"), packed: out.finish().unwrap(), ..blob }
}

pub(super) fn digest(algorithm: &str, bytes: &[u8]) -> String {
    let zeros = "0".repeat(if algorithm == "sha512" { 128 } else { 64 });
    let meter = Meter::like(&format!("{algorithm}:{zeros}").parse().unwrap()).unwrap();
    meter.update(bytes);
    let told = meter.check(&format!("{algorithm}:{zeros}").parse().unwrap(), "").unwrap_err().to_string();
    told.split_whitespace().find(|word| word.starts_with(algorithm)).unwrap().trim_end_matches(',').to_owned()
}

/// Puts a blob into a layout; its descriptor.
pub(super) fn blob(layout: &Utf8Path, kind: &str, bytes: &[u8]) -> Value {
    blob_with("sha256", layout, kind, bytes)
}

pub(super) fn blob_with(algorithm: &str, layout: &Utf8Path, kind: &str, bytes: &[u8]) -> Value {
    let digest = digest(algorithm, bytes);
    put(&layout.join("blobs").join(digest.replace(':', "/")), bytes);
    json!({"mediaType": kind, "digest": digest, "size": bytes.len()})
}

/// Puts an image into a layout; the descriptor of its manifest.
pub(super) fn manifest(layout: &Utf8Path, architecture: &str, layers: &[Blob]) -> Value {
    let ids: Vec<String> = layers.iter().map(|layer| digest("sha256", &layer.content)).collect();
    let config =
        json!({"architecture": architecture, "os": "linux", "rootfs": {"type": "layers", "diff_ids": ids}});
    let config = blob(layout, "application/vnd.oci.image.config.v1+json", config.to_string().as_bytes());
    let blobs: Vec<Value> = layers.iter().map(|layer| blob(layout, &layer.kind, &layer.packed)).collect();
    let manifest = json!({"schemaVersion": 2, "config": config, "layers": blobs});
    blob(layout, "application/vnd.oci.image.manifest.v1+json", manifest.to_string().as_bytes())
}

pub(super) fn index(layout: &Utf8Path, manifests: &[Value]) {
    put(&layout.join("oci-layout"), br#"{"imageLayoutVersion":"1.0.0"}"#);
    let index = json!({"schemaVersion": 2, "manifests": manifests});
    put(&layout.join("index.json"), index.to_string().as_bytes());
}

/// A layout with one image of these layers, in the root of the test; its source.
pub(super) fn layout(test: &TestHost, layers: &[Blob]) -> String {
    let at = test.root().join("layout");
    if at.exists() {
        std::fs::remove_dir_all(&at).unwrap();
    }
    let manifest = manifest(&at, &Arch::default().to_string(), layers);
    index(&at, &[manifest]);
    format!("oci:{at}")
}
