//! Given images that are changed: each state that nodes get is a version that never changes, and any of them can be had again.
#![allow(clippy::unwrap_used, reason = "helpers of tests: what fails here fails the test")]

mod making;
mod refused;
mod release;
mod removal;

use camino::Utf8PathBuf;
use serde_json::Value;

use super::small::{Small, unpack};

/// Where blobs lie.
fn blobs(small: &Small) -> Utf8PathBuf {
    small.root.oci_dir().join("blobs/sha256")
}

/// The versions of an image, newest first.
#[track_caller]
fn versions(small: &Small, name: &str) -> Vec<Value> {
    let listed = small.run(&["--format", "json", "versions", name]).expect_done().json();
    listed["versions"].as_array().unwrap().clone()
}

/// Numbers and states, newest first.
#[track_caller]
fn states(small: &Small, name: &str) -> Vec<(u64, String)> {
    let state = |version: &Value| {
        (version["number"].as_u64().unwrap(), version["state"].as_str().unwrap().to_owned())
    };
    versions(small, name).iter().map(state).collect()
}

fn listed(states: &[(u64, &str)]) -> Vec<(u64, String)> {
    states.iter().map(|(number, state)| (*number, (*state).to_owned())).collect()
}

/// Puts a text into the image, which makes its next version.
#[track_caller]
fn edit(small: &Small, name: &str, text: &str, options: &[&str]) {
    let script = format!("echo {text} > /etc/motd");
    let _ = small
        .run(&[options, &["livenet", "exec", name, "--", "/bin/sh", "-c", &script]].concat())
        .expect_done();
}

/// The blobs that a boot file names.
fn named(text: &str) -> Vec<String> {
    let words = text.split_whitespace().filter_map(|word| word.split_once("/blobs/sha256/"));
    words.map(|(_, digest)| digest.to_owned()).collect()
}

fn boot_file(small: &Small, name: &str) -> String {
    std::fs::read_to_string(small.root.image_dir(name).join("boot.ipxe")).unwrap()
}

/// What the root image that the boot file names has in `/etc/motd`.
#[track_caller]
fn text_that_nodes_get(small: &Small, name: &str) -> String {
    let boot = boot_file(small, name);
    let root = boot.split_once("root=live:").unwrap().1.split_whitespace().next().unwrap();
    let digest = root.rsplit('/').next().unwrap();
    let tree = unpack(&small.root, &blobs(small).join(digest));
    std::fs::read_to_string(tree.join("etc/motd")).unwrap_or_default().trim().to_owned()
}
