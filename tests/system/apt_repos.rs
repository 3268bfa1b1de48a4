//! Given a mirror and a repository of the site's own: apt takes packages from there and from nowhere else.
#![allow(clippy::unwrap_used, reason = "helpers of tests: what fails here fails the test")]

use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use disklessset_tests::need;
use disklessset_tests::residue::Snapshot;

use super::repo_server::{SECRET, Server};
use super::signing::Key;
use super::small::{Small, put};

const PATIENCE: Duration = Duration::from_secs(8 * 60);

/// The address that this server has its own packages from.
pub(super) fn mirror_of_server() -> Option<String> {
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
    disklessset_tests::need!(need::full(), need::root(), need::tool("mmdebstrap"), need::tool("dpkg-deb"));
    let Some(mirror) = mirror_of_server() else {
        let _ = need::skip("this server has its packages from no mirror of Debian");
        return;
    };
    let small = Small::new();
    let packages = repository(&small);
    let server = Server::start(&packages);
    let of_disk = format!("file://{packages} ./");
    let of_server = format!("http://bob:{SECRET}@{}/ ./", server.address);
    let common = ["--type", "core", "--package", "site-tool", "--mirror", &mirror, "--repo"];

    let before = Snapshot::of(&small.root);
    let refused = small
        .create_from("web", "apt", &[&common[..], &[&of_disk]].concat())
        .limit(PATIENCE)
        .run()
        .expect_code(1);
    let _ = refused.expect_said("does not have a Release file").expect_said("--unsigned");
    before.assert_same_as_now(&small.root);

    let create = small.create_from("web", "apt", &[&common[..], &[&of_server, "--unsigned"]].concat());
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
    for ours in ["Insecure", "Unauthenticated", "netrc"] {
        assert!(!options.contains(ours), "{ours} stayed in the image: {options}");
    }
    for place in [small.root.path(), tree.clone()] {
        let grep = small.root.tool("grep", &["-rlF", "--", SECRET, place.as_str()]).run();
        assert_eq!(grep.status.code(), Some(1), "{}", grep.stdout);
    }
    assert!(small.record("web").contains(&mirror));
}

#[test]
fn a_file_of_sources_and_a_repository_signed_by_a_given_key_are_used_together() {
    disklessset_tests::need!(
        need::root(),
        need::tool("mmdebstrap"),
        need::tool("dpkg-deb"),
        need::tool("gpg"),
        need::full()
    );
    let Some(mirror) = mirror_of_server() else {
        let _ = need::skip("this server has its packages from no mirror of Debian");
        return;
    };
    let small = Small::new();
    let packages = repository(&small);
    let index = packages.join("Packages");
    let sum = small.root.tool("sha256sum", &[index.as_str()]).run().expect_done().stdout;
    let (sum, size) = (sum.split(' ').next().unwrap(), index.metadata().unwrap().len());
    let release = small.root.beside().join("Release");
    let date = small.root.tool("date", &["-u", "-R"]).run().expect_done().stdout;
    put(&release, format!("Date: {date}SHA256:\n {sum} {size} Packages\n").as_bytes(), 0o644);
    let key = Key::make(&small.root);
    key.sign_text(&release, &packages.join("InRelease"));

    let own = std::fs::read_to_string("/etc/os-release").unwrap();
    let codename = own.lines().find_map(|line| line.strip_prefix("VERSION_CODENAME=")).unwrap().to_owned();
    let sources = small.root.beside().join("site.sources");
    let ring = "/usr/share/keyrings/debian-archive-keyring.gpg";
    let text =
        format!("Types: deb\nURIs: {mirror}\nSuites: {codename}\nComponents: main\nSigned-By: {ring}\n");
    put(&sources, text.as_bytes(), 0o644);
    let repo = format!("file://{packages} ./");
    let more = ["--type", "core", "--package", "site-tool", "--repo-file", sources.as_str(), "--repo", &repo];

    let other = Key::make(&small.root);
    let before = Snapshot::of(&small.root);
    let wrong = [&more[..], &["--signing-key", other.public.as_str()]].concat();
    let refused = small.create_from("web", "apt", &wrong).limit(PATIENCE).run().expect_code(1);
    let _ = refused.expect_said("NO_PUBKEY").expect_said("--signing-key");
    before.assert_same_as_now(&small.root);

    let right = [&more[..], &["--signing-key", key.public.as_str()]].concat();
    let _ = small.create_from("web", "apt", &right).limit(PATIENCE).run().expect_done();
    assert!(small.unpacked("web").join("usr/share/site-tool").is_file());
}
