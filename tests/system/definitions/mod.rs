//! Given definitions, images as files: an image is made from one, made again as its next version, and brought to what a directory of them
//! says.
#![allow(clippy::unwrap_used, reason = "helpers of tests: what fails here fails the test")]

mod apply;
mod as_file;
mod faults;
mod rebuild;

use camino::Utf8PathBuf;
use serde_json::Value;

use super::small::{KERNEL, Small, put};

/// A directory for definitions.
fn git(small: &Small) -> Utf8PathBuf {
    small.root.beside().join("git")
}

/// Writes a definition of a livenet image; gives its path.
fn define(small: &Small, name: &str, source: &str, more: &str) -> Utf8PathBuf {
    let file = git(small).join(format!("{name}.yml"));
    let text = format!("image_class: LivenetImage\nkernel: {KERNEL}\nsource: {source}\n{more}");
    put(&file, text.as_bytes(), 0o644);
    file
}

fn tree(small: &Small) -> String {
    format!("tree:{}", small.tree)
}

#[track_caller]
fn states(small: &Small, name: &str) -> Vec<(u64, String)> {
    let listed = small.run(&["--format", "json", "versions", name]).expect_done().json();
    let versions = listed["versions"].as_array().unwrap().clone();
    let state = |version: &Value| {
        (version["number"].as_u64().unwrap(), version["state"].as_str().unwrap().to_owned())
    };
    versions.iter().map(state).collect()
}

fn listed(states: &[(u64, &str)]) -> Vec<(u64, String)> {
    states.iter().map(|(number, state)| (*number, (*state).to_owned())).collect()
}

#[track_caller]
fn motd(small: &Small, name: &str) -> String {
    std::fs::read_to_string(small.unpacked(name).join("etc/motd")).unwrap_or_default().trim().to_owned()
}

#[track_caller]
fn edit(small: &Small, name: &str, more: &[&str]) {
    let exec = ["livenet", "exec", name, "--", "/bin/sh", "-c", "echo by hand >/etc/motd"];
    let _ = small.run(&[more, &exec[..]].concat()).expect_done();
}
