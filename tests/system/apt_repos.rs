//! Given a mirror and a repository of the site's own: apt takes packages from there and from nowhere else.
#![allow(clippy::unwrap_used, reason = "helpers of tests: what fails here fails the test")]

use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use disklessset_tests::need;
use disklessset_tests::residue::Snapshot;

use super::small::{Small, put};

const PATIENCE: Duration = Duration::from_secs(8 * 60);

/// The address that this server has its own packages from.
fn mirror_of_server() -> Option<String> {
    let mut files = vec![Utf8PathBuf::from("/etc/apt/sources.list")];
    let more = Utf8Path::new("/etc/apt/sources.list.d").read_dir_utf8().into_iter().flatten().flatten();
    files.extend(more.map(|entry| entry.into_path()));
    files.retain(|file| file.extension().is_some_and(|ending| ["list", "sources"].contains(&ending)));
    let texts = files.iter().filter_map(|file| std::fs::read_to_string(file).ok()).collect::<String>();
    let addresses = texts.split_whitespace().filter(|word| word.starts_with("http"));
    addresses.map(|word| word.trim_end_matches('/').to_owned()).find(|word| word.ends_with("/debian"))
}

/// A repository of one package without suites, signed by nobody.
fn repository(small: &Small) -> Utf8PathBuf {
    let repo = small.root.beside().join("debs");
    let package = small.root.beside().join("package");
    put(
        &package.join("DEBIAN/control"),
        b"Package: site-tool\nVersion: 1\nArchitecture: all\nMaintainer: Test <t@example.org>\nDescription: x\n",
        0o644,
    );
    put(&package.join("usr/share/site-tool"), b"here", 0o644);
    std::fs::create_dir(&repo).unwrap();
    let deb = repo.join("site-tool.deb");
    let build = ["--root-owner-group", "--build", package.as_str(), deb.as_str()];
    let _ = small.root.tool("dpkg-deb", &build).run().expect_done();
    let sum = small.root.tool("sha256sum", &[deb.as_str()]).run().expect_done().stdout;
    let index = format!(
        "Package: site-tool\nVersion: 1\nArchitecture: all\nMaintainer: Test <t@example.org>\nDescription: x\n\
         Filename: ./site-tool.deb\nSize: {}\nSHA256: {}\n",
        deb.metadata().unwrap().len(),
        sum.split(' ').next().unwrap()
    );
    put(&repo.join("Packages"), index.as_bytes(), 0o644);
    repo
}

#[test]
fn a_mirror_and_a_repository_of_the_site_are_all_that_apt_asks() {
    disklessset_tests::need!(need::root(), need::tool("mmdebstrap"), need::tool("dpkg-deb"));
    let Some(mirror) = mirror_of_server() else {
        let _ = need::skip("this server has its packages from no mirror of Debian");
        return;
    };
    let small = Small::new();
    let repo = format!("file://{} ./", repository(&small));
    let more = ["--type", "core", "--package", "site-tool", "--mirror", &mirror, "--repo", &repo];

    let before = Snapshot::of(&small.root);
    let refused = small.create_from("web", "apt", &more).limit(PATIENCE).run().expect_code(1);
    let _ = refused.expect_said("does not have a Release file").expect_said("--unsigned");
    before.assert_same_as_now(&small.root);

    let create = small.create_from("web", "apt", &[&more[..], &["--unsigned"]].concat());
    let _ = create.limit(PATIENCE).run().expect_done();
    let tree = small.unpacked("web");
    assert!(tree.join("usr/share/site-tool").is_file());
    let read = |dir: &str| -> String {
        let files = tree.join(dir).read_dir_utf8().into_iter().flatten().flatten();
        files.filter_map(|file| std::fs::read_to_string(file.path()).ok()).collect()
    };
    let sources = read("etc/apt/sources.list.d");
    assert!(sources.contains(&format!("URIs: {mirror}")) && sources.contains("Suites: ./"), "{sources}");
    let options = read("etc/apt/apt.conf.d");
    assert!(!options.contains("Insecure") && !options.contains("Unauthenticated"), "trust stayed: {options}");
    assert!(small.record("web").contains(&mirror));
}
